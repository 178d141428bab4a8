// A delivery stream: where it reads and writes, and what it has done.
import { useEffect, useState } from "preact/hooks";
import { call, own, session } from "../api";
import { refresh } from "../catalog";
import { Area, Awaited, Badge, Dialog, Facts, Field, Problem, Section, useLoad } from "../parts/basic";
import { Plot } from "../parts/plot";
import { toBase64 } from "../pure/decode";
import { bytes, count, duration, moment, visible } from "../pure/format";
import { sum } from "../pure/metrics";
import { lookFault, looks, rates, watch } from "../readings";
import { go, to } from "../router";

const EVERY_MS = 4000;
const SHOWN_OBJECTS = 10;

interface Hints {
  SizeInMBs?: number;
  IntervalInSeconds?: number;
}
interface ToObjects {
  BucketARN: string;
  Prefix?: string;
  ErrorOutputPrefix?: string;
  BufferingHints?: Hints;
  CompressionFormat?: string;
  ProcessingConfiguration?: { Enabled?: boolean; Processors?: { Type: string }[] };
  DataFormatConversionConfiguration?: { Enabled?: boolean };
  DynamicPartitioningConfiguration?: { Enabled?: boolean };
}
interface ToEndpoint {
  EndpointConfiguration?: { Url?: string; Name?: string };
  BufferingHints?: Hints;
  S3BackupMode?: string;
}
export interface Description {
  DeliveryStreamName: string;
  DeliveryStreamARN: string;
  DeliveryStreamStatus: string;
  DeliveryStreamType: string;
  CreateTimestamp?: number;
  FailureDescription?: { Type: string; Details: string };
  DeliveryStreamEncryptionConfiguration?: { Status?: string };
  Source?: { KinesisStreamSourceDescription?: { KinesisStreamARN: string; DeliveryStartTimestamp?: number } };
  Destinations: { ExtendedS3DestinationDescription?: ToObjects; HttpEndpointDestinationDescription?: ToEndpoint }[];
}

const COUNTS: [string, string, (value: number) => string][] = [
  ["Read", "headwater_firehose_read_records_total", count],
  ["Read, bytes", "headwater_firehose_read_bytes_total", bytes],
  ["Delivered", "headwater_firehose_delivered_records_total", count],
  ["Objects written", "headwater_firehose_objects_total", count],
  ["Objects, bytes", "headwater_firehose_objects_written_bytes_total", bytes],
  ["Calls of the function", "headwater_firehose_function_calls_total", count],
  ["To the errors", "headwater_firehose_failed_records_total", count],
  ["Refused writes", "headwater_firehose_refused_writes_total", count],
  ["Given up", "headwater_firehose_lost_records_total", count],
];
/** Counts that should stay at nothing. */
const TROUBLE = 6;

/** An object that was written. */
interface Written {
  bucket: string;
  key: string;
  bytes: number;
  records: number;
  /** Milliseconds since the epoch. */
  writtenAt: number;
  errorType: string | null;
}

export const describe = async (name: string, abort: AbortSignal) =>
  (await call<{ DeliveryStreamDescription: Description }>("firehose", "DescribeDeliveryStream", { DeliveryStreamName: name }, abort)).DeliveryStreamDescription;

export function Delivery({ name }: { name: string }) {
  const [asked, ask] = useState<"put" | "delete" | undefined>(undefined);
  const found = useLoad(`delivery ${name}`, (abort) => describe(name, abort), EVERY_MS);
  const written = useLoad(`written ${name}`, async (signal) =>
    (await (await own(`deliveries/${encodeURIComponent(name)}`, { signal })).json()) as { objects: Written[]; errors: Written[] }, EVERY_MS);
  useEffect(watch, []);
  if (found.value === undefined) return <Awaited name={name} fault={found.fault} />;
  const { value } = found;
  const account = session.value?.caller?.account;
  const ours = (labels: Record<string, string>) => labels["delivery_stream"] === name && labels["account"] === account;
  const now = looks.value[looks.value.length - 1];
  const times = looks.value.map(({ at }) => at);
  const line = (label: string, colour: string, metric: string) => ({ label, colour, values: rates(metric, ours) });
  const fresh = now && sum(now.points, "headwater_firehose_delivered_arrival_timestamp_seconds", ours);
  return (
    <>
      <header class="page-head">
        <div><p class="kind">Delivery stream</p><h1>{name}</h1></div>
        <Badge state={value.DeliveryStreamStatus} />
        <div class="page-actions">
          <a class="button" href={to("delivery", name, "errors")}>Errors</a>
          {value.DeliveryStreamType === "DirectPut" && <button type="button" class="primary" onClick={() => ask("put")}>Put a record</button>}
          <button type="button" class="danger" onClick={() => ask("delete")}>Delete</button>
        </div>
      </header>
      <Problem text={found.fault ?? lookFault.value} />
      {value.FailureDescription && <Problem text={`${value.FailureDescription.Type}: ${value.FailureDescription.Details}`} />}
      <div class="plots">
        <Plot title="Records" unit="records/s" times={times} series={[
          line("read", "accent", "headwater_firehose_read_records_total"), line("delivered", "warm", "headwater_firehose_delivered_records_total"),
        ]} />
        <Plot title="Trouble" unit="/s" times={times} series={[
          line("to the errors", "warm", "headwater_firehose_failed_records_total"), line("refused writes", "bad", "headwater_firehose_refused_writes_total"),
        ]} />
      </div>
      <Waiting found={(metric) => now && sum(now.points, `headwater_firehose_waiting_${metric}`, ours)} />
      <Problem text={written.fault} />
      {written.value && written.value.errors.length > 0 && <Errors name={name} errors={written.value.errors} />}
      {written.value && <Objects objects={written.value.objects} />}
      <div class="columns">
        <Section title="What it has done" aside={<span class="muted">since the server was started</span>}>
          <div class="scroll" role="group" aria-label="What it has done" tabIndex={0}>
            <table>
              <tbody>
                {COUNTS.map(([text, metric, format], at) => {
                  const total = now === undefined ? undefined : sum(now.points, metric, ours);
                  return <tr key={metric}><td>{text}</td><td class={`number ${at >= TROUBLE && (total ?? 0) > 0 ? "warn" : ""}`}>{total === undefined ? "…" : format(total)}</td></tr>;
                })}
                <tr><td>Youngest record delivered</td><td class="number wraps">{fresh ? `arrived ${moment(fresh)}, ${duration(Date.now() - fresh * 1000)} ago` : "none yet"}</td></tr>
              </tbody>
            </table>
          </div>
        </Section>
        <div>
          <Source value={value} />
          {value.Destinations.map((one, at) => <Destination key={at} one={one} />)}
        </div>
      </div>
      {asked === "put" && <Put name={name} close={() => ask(undefined)} />}
      {asked === "delete" && <Delete name={name} close={() => ask(undefined)} />}
    </>
  );
}

/** What was read and is not yet written. */
function Waiting({ found }: { found: (metric: string) => number | undefined }) {
  const [records, size, oldest] = [found("records"), found("bytes"), found("arrival_timestamp_seconds")];
  return (
    <p class="tail-facts" aria-label="Buffer">
      <span><b>{count(records)}</b> {records === 1 ? "record waits" : "records wait"}</span>
      <span><b>{bytes(size)}</b> of data</span>
      {oldest !== undefined && oldest > 0 && <span>the oldest arrived <b>{duration(Math.max(0, Date.now() - oldest * 1000))}</b> ago</span>}
    </p>
  );
}

function Objects({ objects }: { objects: Written[] }) {
  return (
    <Section title="Last objects" aside={<span class="muted">since the server was started</span>}>
      {objects.length === 0 ? <p class="muted">None was written yet. A buffer is written when it is full, or its time is over.</p> : (
        <div class="scroll" role="group" aria-label="Last objects" tabIndex={0}>
          <table>
            <thead><tr><th>Written</th><th class="number">Records</th><th class="number">Size</th><th>Bucket</th><th>Key</th></tr></thead>
            <tbody>
              {objects.slice(0, SHOWN_OBJECTS).map((one) => (
                <tr key={one.key}>
                  <td>{moment(one.writtenAt / 1000)}</td>
                  <td class="number">{count(one.records)}</td>
                  <td class="number">{bytes(one.bytes)}</td>
                  <td class="mono">{one.bucket}</td>
                  <td class="mono wraps">{visible(one.key)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}

function Errors({ name, errors }: { name: string; errors: Written[] }) {
  return (
    <Section title="Errors" aside={<span class="muted">objects of errors since the server was started</span>}>
      <div class="scroll" role="group" aria-label="Errors" tabIndex={0}>
        <table>
          <thead><tr><th>Written</th><th>What failed</th><th class="number">Records</th><th class="number">Size</th><th>Key</th></tr></thead>
          <tbody>
            {errors.map((one) => (
              <tr key={one.key}>
                <td><a href={`${to("delivery", name, "errors")}?${new URLSearchParams({ key: one.key })}`}>{moment(one.writtenAt / 1000)}</a></td>
                <td class="warn">{one.errorType}</td>
                <td class="number">{count(one.records)}</td>
                <td class="number">{bytes(one.bytes)}</td>
                <td class="mono wraps">{visible(one.key)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function Source({ value }: { value: Description }) {
  const from = value.Source?.KinesisStreamSourceDescription;
  const stream = from?.KinesisStreamARN.split("/").pop();
  return (
    <Section title="Source">
      <Facts rows={[
        ["Records", stream === undefined ? "put directly" : <>from the stream <a href={to("streams", stream)}>{stream}</a></>],
        ["ARN", <span class="mono">{value.DeliveryStreamARN}</span>],
        ["Since", moment(value.CreateTimestamp)],
        ["Encryption", value.DeliveryStreamEncryptionConfiguration?.Status?.toLowerCase() ?? "–"],
      ]} />
    </Section>
  );
}

const hints = (held: Hints | undefined) => (held ? `${held.SizeInMBs ?? 5} MiB or ${held.IntervalInSeconds ?? 300} s, whichever is first` : "–");
const enabled = (held: { Enabled?: boolean } | undefined) => (held?.Enabled ? "yes" : "no");

function Destination({ one }: { one: Description["Destinations"][number] }) {
  const { ExtendedS3DestinationDescription: objects, HttpEndpointDestinationDescription: endpoint } = one;
  if (endpoint) {
    return (
      <Section title="Destination">
        <Facts rows={[
          ["Endpoint", <span class="mono">{endpoint.EndpointConfiguration?.Url ?? "–"}</span>],
          ["Name", endpoint.EndpointConfiguration?.Name ?? "–"],
          ["Buffer", hints(endpoint.BufferingHints)],
          ["Backup", endpoint.S3BackupMode ?? "–"],
        ]} />
      </Section>
    );
  }
  if (!objects) return null;
  const steps = objects.ProcessingConfiguration?.Enabled ? (objects.ProcessingConfiguration.Processors ?? []).map(({ Type }) => Type) : [];
  return (
    <Section title="Destination">
      <Facts rows={[
        ["Bucket", <span class="mono">{objects.BucketARN.replace("arn:aws:s3:::", "")}</span>],
        ["Prefix", <span class="mono">{objects.Prefix || "–"}</span>],
        ["Prefix of errors", <span class="mono">{objects.ErrorOutputPrefix || "–"}</span>],
        ["Buffer", hints(objects.BufferingHints)],
        ["Compression", objects.CompressionFormat?.toLowerCase() ?? "none"],
        ["Processing", steps.length > 0 ? steps.join(", ") : "none"],
        ["Conversion", enabled(objects.DataFormatConversionConfiguration)],
        ["Partitioned by its data", enabled(objects.DynamicPartitioningConfiguration)],
      ]} />
    </Section>
  );
}

function Put({ name, close }: { name: string; close: () => void }) {
  const [data, setData] = useState('{"hello": "objects"}\n');
  const act = async () => {
    await call("firehose", "PutRecord", { DeliveryStreamName: name, Record: { Data: toBase64(new TextEncoder().encode(data)) } });
  };
  return (
    <Dialog title={`Put a record into ${name}`} verb="Put" close={close} act={act}>
      <Area label="Data" value={data} set={setData} hint="Sent as UTF-8. Records stand in an object one after the other: end each with a new line." />
    </Dialog>
  );
}

function Delete({ name, close }: { name: string; close: () => void }) {
  const [typed, setTyped] = useState("");
  const act = async () => {
    if (typed !== name) throw new Error("That is not the delivery stream's name.");
    await call("firehose", "DeleteDeliveryStream", { DeliveryStreamName: name });
    await refresh();
    go();
  };
  return (
    <Dialog title={`Delete ${name}?`} verb="Delete for ever" danger close={close} act={act}>
      <p>Objects that it wrote stay. What it has taken and not yet delivered may be lost.</p>
      <Field label="Its name, to be sure" value={typed} set={setTyped} autofocus />
    </Dialog>
  );
}
