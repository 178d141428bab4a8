// All there is at a glance, and what happens to it now.
import { useEffect } from "preact/hooks";
import { call } from "../api";
import { type Listed, deliveries, streams, tables } from "../catalog";
import { Badge, Command, Empty, Loading, Problem, Section, useLoad } from "../parts/basic";
import { Plot } from "../parts/plot";
import { bytes, count, duration, visible } from "../pure/format";
import type { Described } from "../pure/query";
import { lookFault, looks, rates, watch } from "../readings";
import { to } from "../router";

/** Rows looked up in detail; the others are in the list at the side. */
const DETAILED = 25;
const EVERY_MS = 5000;
const REQUESTS = "headwater_operation_requests_total";
const PUTS = new Set(["PutRecord", "PutRecords"]);
const GETS = new Set(["GetRecords", "SubscribeToShard"]);
const WRITES = /^(Put|Update|Delete|BatchWrite|TransactWrite)Item/;
const READS = /^(Get|BatchGet|TransactGet)Items?$|^(Query|Scan)$/;

type Labels = Record<string, string>;
const asked = (service: string, fits: (operation: string) => boolean) => (labels: Labels) =>
  labels["service"] === service && labels["outcome"] === "answered" && fits(labels["operation"] ?? "");
const ended = (outcome: string) => (labels: Labels) => labels["outcome"] === outcome;

function Plots() {
  useEffect(watch, []);
  const times = looks.value.map(({ at }) => at);
  const line = (label: string, colour: string, name: string, fits: (labels: Labels) => boolean) => ({ label, colour, values: rates(name, fits) });
  return (
    <>
      <Problem text={lookFault.value} />
      <div class="plots">
        <Plot title="Kinesis" unit="requests/s" times={times} series={[
          line("put", "accent", REQUESTS, asked("kinesis", (name) => PUTS.has(name))),
          line("get", "warm", REQUESTS, asked("kinesis", (name) => GETS.has(name))),
        ]} />
        <Plot title="DynamoDB" unit="requests/s" times={times} series={[
          line("write", "accent", REQUESTS, asked("dynamodb", (name) => WRITES.test(name))),
          line("read", "warm", REQUESTS, asked("dynamodb", (name) => READS.test(name))),
        ]} />
        <Plot title="Firehose" unit="records/s" times={times} series={[
          line("read", "accent", "headwater_firehose_read_records_total", () => true),
          line("delivered", "warm", "headwater_firehose_delivered_records_total", () => true),
        ]} />
        <Plot title="Not answered" unit="requests/s" times={times} series={[
          line("refused", "warm", "headwater_requests_total", ended("refused")),
          line("failed", "bad", "headwater_requests_total", ended("failed")),
        ]} />
      </div>
    </>
  );
}

function Listing({ listed, children, empty }: { listed: Listed<unknown> | undefined; children: preact.ComponentChildren; empty: preact.ComponentChildren }) {
  if (listed === undefined) return <Loading />;
  if (listed.fault !== undefined) return <Problem text={listed.fault} />;
  if (listed.items.length === 0) return <>{empty}</>;
  const beyond = listed.items.length - DETAILED;
  return (
    <>
      <div class="scroll" role="group" aria-label="List" tabIndex={0}>{children}</div>
      {beyond > 0 && <p class="muted">{count(beyond)}{listed.more ? " and more" : " more"} in the list at the side.</p>}
    </>
  );
}

interface Summary {
  StreamDescriptionSummary: { OpenShardCount: number; RetentionPeriodHours: number; ConsumerCount: number };
}

function Streams() {
  const items = (streams.value?.items ?? []).slice(0, DETAILED);
  const details = useLoad(
    `streams ${items.map(({ StreamName }) => StreamName).join()}`,
    async (abort) => {
      const rows = items.map(async ({ StreamName }) => {
        const found = await call<Summary>("kinesis", "DescribeStreamSummary", { StreamName }, abort).catch(() => undefined);
        return [StreamName, found?.StreamDescriptionSummary] as const;
      });
      return new Map(await Promise.all(rows));
    },
    EVERY_MS,
  );
  return (
    <Section title="Streams" aside={<span class="muted">{count(streams.value?.items.length)}</span>}>
      <Listing listed={streams.value} empty={
        <Empty title="No streams yet">
          <p>Create one with any AWS SDK, or in a shell:</p>
          <Command text="headwater stream create orders --shards 2" />
        </Empty>
      }>
        <table>
          <thead><tr><th>Name</th><th>State</th><th>Mode</th><th class="number">Open shards</th><th class="number">Consumers</th><th class="number">Retention</th></tr></thead>
          <tbody>
            {items.map(({ StreamName, StreamStatus, StreamModeDetails }) => {
              const found = details.value?.get(StreamName);
              return (
                <tr key={StreamName}>
                  <td><a href={to("streams", StreamName)}>{StreamName}</a></td>
                  <td><Badge state={StreamStatus} /></td>
                  <td>{StreamModeDetails?.StreamMode === "ON_DEMAND" ? "on demand" : "provisioned"}</td>
                  <td class="number">{count(found?.OpenShardCount)}</td>
                  <td class="number">{count(found?.ConsumerCount)}</td>
                  <td class="number">{found ? `${found.RetentionPeriodHours} h` : "–"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Listing>
    </Section>
  );
}

interface TableSummary {
  Table: Described & { TableStatus: string; ItemCount: number; TableSizeBytes: number };
}

function Tables() {
  const items = (tables.value?.items ?? []).slice(0, DETAILED);
  const details = useLoad(
    `tables ${items.join()}`,
    async (abort) => {
      const rows = items.map(async (TableName) => {
        const found = await call<TableSummary>("dynamodb", "DescribeTable", { TableName }, abort).catch(() => undefined);
        return [TableName, found?.Table] as const;
      });
      return new Map(await Promise.all(rows));
    },
    EVERY_MS,
  );
  return (
    <Section title="Tables" aside={<span class="muted">{count(tables.value?.items.length)}</span>}>
      <Listing listed={tables.value} empty={
        <Empty title="No tables yet">
          <p>Create one with any AWS SDK, or in a shell:</p>
          <Command text="headwater table create carts customer:S placed:N --stream" />
        </Empty>
      }>
        <table>
          <thead><tr><th>Name</th><th>State</th><th>Key</th><th class="number">Items</th><th class="number">Size</th></tr></thead>
          <tbody>
            {items.map((name) => {
              const found = details.value?.get(name);
              return (
                <tr key={name}>
                  <td><a href={to("tables", name)}>{name}</a></td>
                  <td>{found ? <Badge state={found.TableStatus} /> : "–"}</td>
                  <td>{found?.KeySchema.map(({ AttributeName }) => AttributeName).join(", ") ?? "–"}</td>
                  <td class="number">{count(found?.ItemCount)}</td>
                  <td class="number">{bytes(found?.TableSizeBytes)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Listing>
    </Section>
  );
}

interface DeliverySummary {
  DeliveryStreamDescription: { DeliveryStreamStatus: string; DeliveryStreamType: string };
}

function Deliveries() {
  const items = (deliveries.value?.items ?? []).slice(0, DETAILED);
  const details = useLoad(
    `deliveries ${items.join()}`,
    async (abort) => {
      const rows = items.map(async (DeliveryStreamName) => {
        const found = await call<DeliverySummary>("firehose", "DescribeDeliveryStream", { DeliveryStreamName }, abort).catch(() => undefined);
        return [DeliveryStreamName, found?.DeliveryStreamDescription] as const;
      });
      return new Map(await Promise.all(rows));
    },
    EVERY_MS,
  );
  return (
    <Section title="Delivery streams" aside={<span class="muted">{count(deliveries.value?.items.length)}</span>}>
      <Listing listed={deliveries.value} empty={
        <Empty title="No delivery streams yet">
          <p>One that writes what comes in a stream into a bucket:</p>
          <Command text="headwater firehose create raw --to s3://bucket/raw/ --from-stream orders" />
        </Empty>
      }>
        <table>
          <thead><tr><th>Name</th><th>State</th><th>Source</th></tr></thead>
          <tbody>
            {items.map((name) => {
              const found = details.value?.get(name);
              return (
                <tr key={name}>
                  <td><a href={to("delivery", name)}>{name}</a></td>
                  <td>{found ? <Badge state={found.DeliveryStreamStatus} /> : "–"}</td>
                  <td>{found ? (found.DeliveryStreamType === "KinesisStreamAsSource" ? "a Kinesis stream" : "put directly") : "–"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Listing>
    </Section>
  );
}

/** Who shares the logs, and who leads. */
function Servers() {
  const points = looks.value[looks.value.length - 1]?.points;
  if (points === undefined) return null;
  const servers = points.filter(({ name }) => name === "headwater_node_leads");
  const silence = (node: string | undefined) => points.find(({ name, labels }) => name === "headwater_node_silence_seconds" && labels["node"] === node)?.value;
  if (servers.length === 0) return <p class="muted servers">One server, by itself.</p>;
  return (
    <Section title="Servers" aside={<span class="muted">{count(servers.length)} on this cluster</span>}>
      <div class="scroll" role="group" aria-label="Servers" tabIndex={0}>
        <table>
          <thead><tr><th>Reached at</th><th>State</th><th class="number">Last heard</th></tr></thead>
          <tbody>
            {servers.map(({ labels, value }) => (
              <tr key={labels["node"]}>
                <td class="mono">{visible(labels["node"] ?? "")}{labels["self"] === "yes" && <span class="muted"> (this one)</span>}</td>
                <td><Badge state={value === 1 ? "leads" : "follows"} /></td>
                <td class="number">{duration((silence(labels["node"]) ?? NaN) * 1000)} ago</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

export function Overview() {
  return (
    <>
      <h1>Overview</h1>
      <Plots />
      <Servers />
      <Streams />
      <div class="columns">
        <Tables />
        <Deliveries />
      </div>
    </>
  );
}
