// A stream: its shards, its records as they come, its consumers and settings.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { call, own } from "../api";
import { refresh } from "../catalog";
import { Area, Awaited, Badge, Choice, Dialog, Empty, Facts, Field, Loading, Problem, Section, Tabs, useLoad } from "../parts/basic";
import { ShardMap } from "../parts/shardmap";
import { Virtual } from "../parts/virtual";
import { toBase64 } from "../pure/decode";
import { bytes, count, duration, moment, shard as name, short } from "../pure/format";
import { type Placed, type Shard, layout, middle, neighbours, ring, sameShards } from "../pure/ring";
import { type Counted, type CountedAt, type Rates, shardRates } from "../pure/shards";
import { go, here, to } from "../router";
import { Tail } from "./tail";

const EVERY_MS = 4000;
/** A list of thousands of shards is asked for less often. */
const MANY = 500;
const MANY_MS = 15_000;
const RATES_MS = 3000;

export interface Summary {
  StreamName: string;
  StreamARN: string;
  StreamStatus: string;
  StreamModeDetails?: { StreamMode: string };
  RetentionPeriodHours: number;
  StreamCreationTimestamp: number;
  EncryptionType?: string;
  KeyId?: string;
  OpenShardCount: number;
  ConsumerCount?: number;
  MaxRecordSizeInKiB?: number;
  EnhancedMonitoring: { ShardLevelMetrics: string[] }[];
}

async function allShards(StreamName: string, abort: AbortSignal): Promise<Shard[]> {
  const shards: Shard[] = [];
  let token: string | undefined;
  do {
    const input = token === undefined ? { StreamName, MaxResults: 10_000 } : { NextToken: token, MaxResults: 10_000 };
    const page = await call<{ Shards: Shard[]; NextToken?: string }>("kinesis", "ListShards", input, abort);
    shards.push(...page.Shards);
    token = page.NextToken;
  } while (token !== undefined);
  return shards;
}

type Asked = "put" | "split" | "merge" | "scale" | "delete" | undefined;

export function Stream({ stream }: { stream: string }) {
  const view = here.value.parts[2] ?? "shards";
  const [asked, ask] = useState<Asked>(undefined);
  const summary = useLoad(`stream ${stream}`, async (abort) => {
    const input = { StreamName: stream };
    return (await call<{ StreamDescriptionSummary: Summary }>("kinesis", "DescribeStreamSummary", input, abort)).StreamDescriptionSummary;
  }, EVERY_MS);
  const many = (summary.value?.OpenShardCount ?? 0) > MANY;
  const listed = useLoad(`shards ${stream} ${summary.value?.StreamStatus} ${summary.value?.OpenShardCount}`,
    (abort) => allShards(stream, abort), many ? MANY_MS : EVERY_MS);
  const [kept, keep] = useState<Shard[] | undefined>(undefined);
  useEffect(() => {
    // The same list again draws nothing anew.
    if (listed.value && (kept === undefined || !sameShards(listed.value, kept))) keep(listed.value);
  }, [listed.value]);
  const placed = useMemo(() => layout(kept ?? []), [kept]);
  const [selected, select] = useState<string | undefined>(undefined);
  const at = selected === undefined ? -1 : placed.findIndex(({ shard }) => shard.ShardId === selected);
  const chosen = at < 0 ? undefined : at;
  const done = () => {
    summary.reload();
    listed.reload();
    void refresh();
  };
  if (summary.value === undefined) {
    return <Awaited name={stream} fault={summary.fault} />;
  }
  const found = summary.value;
  const act = chosen === undefined ? undefined : placed[chosen];
  return (
    <>
      <header class="page-head">
        <div>
          <p class="kind">Stream</p>
          <h1>{stream}</h1>
        </div>
        <Badge state={found.StreamStatus} />
        <div class="page-actions">
          <button type="button" class="primary" onClick={() => ask("put")}>Put a record</button>
          <button type="button" onClick={() => ask("scale")}>Scale</button>
          <button type="button" class="danger" onClick={() => ask("delete")}>Delete</button>
        </div>
      </header>
      <Problem text={summary.fault ?? listed.fault} />
      <Tabs current={view} tabs={[
        ["shards", "Shards", to("streams", stream)],
        ["tail", "Tail", to("streams", stream, "tail")],
        ["consumers", "Consumers", to("streams", stream, "consumers")],
        ["settings", "Settings", to("streams", stream, "settings")],
      ]} />
      {view === "shards" && (kept === undefined ? <Loading /> : (
        <Shards stream={stream} placed={placed} chosen={chosen} select={(at) => select(at === undefined ? undefined : placed[at]?.shard.ShardId)} ask={ask} />
      ))}
      {view === "tail" && kept !== undefined && <Tail key={here.value.query.toString()} stream={stream} placed={placed} put={() => ask("put")} />}
      {view === "consumers" && <Consumers arn={found.StreamARN} />}
      {view === "settings" && <Settings found={found} done={done} />}
      {asked === "put" && <Put stream={stream} close={() => ask(undefined)} />}
      {asked === "scale" && <Scale found={found} close={() => ask(undefined)} done={done} />}
      {asked === "delete" && <Delete stream={stream} close={() => ask(undefined)} />}
      {asked === "split" && act && <Split stream={stream} one={act} close={() => ask(undefined)} done={done} />}
      {asked === "merge" && act && <Merge stream={stream} placed={placed} at={chosen!} close={() => ask(undefined)} done={done} />}
    </>
  );
}

/** What goes in and out of each shard now. */
function useRates(stream: string): Map<string, Rates> {
  const last = useRef<CountedAt | undefined>(undefined);
  const found = useLoad(`rates ${stream}`, async (signal) => {
    const reply = await own(`streams/${encodeURIComponent(stream)}/shards`, { signal });
    const now: CountedAt = { at: performance.now() / 1000, shards: ((await reply.json()) as { shards: Counted[] }).shards };
    const rates = last.current === undefined ? new Map<string, Rates>() : shardRates(last.current, now);
    last.current = now;
    return rates;
  }, RATES_MS);
  return found.value ?? new Map<string, Rates>();
}

const flow = (records: number | undefined, size: number | undefined) => (records === undefined ? "–" : `${short(records)} records/s, ${bytes(size)}/s`);

function Shards(props: { stream: string; placed: Placed[]; chosen: number | undefined; select: (at: number | undefined) => void; ask: (what: Asked) => void }) {
  const { stream, placed, chosen, select, ask } = props;
  const rates = useRates(stream);
  const open = useMemo(() => ring(placed), [placed]);
  const order = useMemo(() => [...open, ...placed.flatMap(({ isOpen }, at) => (isOpen ? [] : [at])).reverse()], [placed, open]);
  const one = chosen === undefined ? undefined : placed[chosen];
  const now = one && rates.get(one.shard.ShardId);
  return (
    <>
      <Section title="Shard map" aside={<span class="muted">{count(open.length)} open, {count(placed.length - open.length)} closed</span>}>
        <ShardMap placed={placed} selected={chosen} select={select} />
        {one === undefined
          ? <p class="muted">Choose a shard to see where it lies, to split or merge it, or to read on from it.</p>
          : (
            <div class="chosen">
              <p class="unseen" role="status">{one.shard.ShardId}, {one.isOpen ? "open" : "closed"}</p>
              <Facts rows={[
                ["Shard", <span class="mono">{one.shard.ShardId}</span>],
                ["State", <Badge state={one.isOpen ? "open" : "closed"} />],
                ["Put", flow(now?.putRecords, now?.putBytes)],
                ["Read", flow(now?.readRecords, now?.readBytes)],
                ["Iterator age", duration(now?.behindMs)],
                ["Hash keys", <span class="mono">{one.shard.HashKeyRange.StartingHashKey} – {one.shard.HashKeyRange.EndingHashKey}</span>],
                ["From", one.parents.length === 0 ? "the beginning" : one.parents.map((parent) => <Jump placed={placed} at={parent} select={select} />)],
                ["Became", one.children.length === 0 ? "–" : one.children.map((child) => <Jump placed={placed} at={child} select={select} />)],
                ["First sequence number", <span class="mono">{one.shard.SequenceNumberRange.StartingSequenceNumber}</span>],
              ]} />
              <div class="actions">
                <a class="button" href={`${to("streams", stream, "tail")}?shard=${one.shard.ShardId}&from=TRIM_HORIZON`}>Read it from its start</a>
                {one.isOpen && middle(one.shard) !== undefined && <button type="button" onClick={() => ask("split")}>Split</button>}
                {neighbours(placed, chosen!).length > 0 && <button type="button" onClick={() => ask("merge")}>Merge</button>}
              </div>
            </div>
          )}
      </Section>
      <Section title="All shards">
        <div class="list-head shard-row" aria-hidden="true"><span>Shard</span><span>State</span><span class="number">Put/s</span><span class="number">Read/s</span><span class="number">Iterator age</span><span class="number">Of the ring</span><span>From</span></div>
        <Virtual items={order} label="All shards" height={Math.min(420, Math.max(order.length, 1) * 28)} row={(at) => {
          const { shard, isOpen, from, to: end, parents } = placed[at]!;
          const rate = rates.get(shard.ShardId);
          return (
            <button type="button" key={shard.ShardId} class="list-row shard-row" aria-pressed={at === chosen} onClick={() => select(at)}>
              <span class="mono">{shard.ShardId}</span>
              <span><Badge state={isOpen ? "open" : "closed"} /></span>
              <span class="number">{short(rate?.putRecords)}</span>
              <span class="number">{short(rate?.readRecords)}</span>
              <span class="number">{duration(rate?.behindMs)}</span>
              <span class="number">{((end - from) * 100).toPrecision(3)} %</span>
              <span class="muted">{parents.map((parent) => name(placed[parent]!.shard.ShardId)).join(" + ") || "the beginning"}</span>
            </button>
          );
        }} />
      </Section>
    </>
  );
}

function Jump({ placed, at, select }: { placed: Placed[]; at: number; select: (at: number) => void }) {
  return <button type="button" class="link mono" onClick={() => select(at)}>{name(placed[at]!.shard.ShardId)}</button>;
}

function Put({ stream, close }: { stream: string; close: () => void }) {
  const [key, setKey] = useState("test");
  const [hash, setHash] = useState("");
  const [data, setData] = useState('{"hello": "stream"}');
  const act = async () => {
    await call("kinesis", "PutRecord", {
      StreamName: stream, PartitionKey: key, Data: toBase64(new TextEncoder().encode(data)), ...(hash !== "" && { ExplicitHashKey: hash }),
    });
  };
  return (
    <Dialog title={`Put a record into ${stream}`} verb="Put" close={close} act={act}>
      <Field label="Partition key" value={key} set={setKey} required autofocus />
      <Area label="Data" value={data} set={setData} hint="Sent as UTF-8." />
      <Field label="Explicit hash key" value={hash} set={setHash} hint="Optional; a number below 2¹²⁸ that chooses the shard instead of the key." />
    </Dialog>
  );
}

function Split({ stream, one, close, done }: { stream: string; one: Placed; close: () => void; done: () => void }) {
  const [key, setKey] = useState(middle(one.shard) ?? "");
  const act = async () => {
    await call("kinesis", "SplitShard", { StreamName: stream, ShardToSplit: one.shard.ShardId, NewStartingHashKey: key });
    done();
  };
  return (
    <Dialog title={`Split ${name(one.shard.ShardId)} in two?`} verb="Split" close={close} act={act}>
      <p>The shard is closed: what is in it stays readable, and what comes from now on goes to two new shards.</p>
      <Field label="The second begins at hash key" value={key} set={setKey} hint="The middle, unless you change it." required />
    </Dialog>
  );
}

function Merge({ stream, placed, at, close, done }: { stream: string; placed: Placed[]; at: number; close: () => void; done: () => void }) {
  const beside = neighbours(placed, at).map((other) => placed[other]!.shard.ShardId);
  const [other, setOther] = useState(beside[0] ?? "");
  const own = placed[at]!.shard.ShardId;
  const act = async () => {
    await call("kinesis", "MergeShards", { StreamName: stream, ShardToMerge: own, AdjacentShardToMerge: other });
    done();
  };
  return (
    <Dialog title={`Merge ${name(own)} with a neighbour?`} verb="Merge" close={close} act={act}>
      <p>Both are closed: what is in them stays readable, and what comes from now on goes to one new shard.</p>
      <Choice label="Neighbour" value={other} set={setOther} options={beside.map((id) => [id, id] as const)} />
    </Dialog>
  );
}

function Scale({ found, close, done }: { found: Summary; close: () => void; done: () => void }) {
  const [target, setTarget] = useState(String(found.OpenShardCount * 2));
  const act = async () => {
    await call("kinesis", "UpdateShardCount", { StreamName: found.StreamName, TargetShardCount: Number(target), ScalingType: "UNIFORM_SCALING" });
    done();
  };
  return (
    <Dialog title={`Scale ${found.StreamName}?`} verb="Scale" close={close} act={act}>
      <p>It has {count(found.OpenShardCount)} open shards. They are split and merged until there are as many as you say, all of one size.</p>
      <Field label="Open shards" type="number" value={target} set={setTarget} required autofocus hint="From half of what there is to twice as many, in one step." />
    </Dialog>
  );
}

function Delete({ stream, close }: { stream: string; close: () => void }) {
  const [typed, setTyped] = useState("");
  const act = async () => {
    if (typed !== stream) throw new Error("That is not the stream's name.");
    await call("kinesis", "DeleteStream", { StreamName: stream, EnforceConsumerDeletion: true });
    await refresh();
    go();
  };
  return (
    <Dialog title={`Delete ${stream} and everything in it?`} verb="Delete for ever" danger close={close} act={act}>
      <p>Its records and its consumers are gone then, and nothing brings them back.</p>
      <Field label="The stream's name, to be sure" value={typed} set={setTyped} autofocus />
    </Dialog>
  );
}

interface Consumer {
  ConsumerName: string;
  ConsumerARN: string;
  ConsumerStatus: string;
  ConsumerCreationTimestamp: number;
}

function Consumers({ arn }: { arn: string }) {
  const [adding, add] = useState(false);
  const [leaving, leave] = useState<Consumer | undefined>(undefined);
  const [consumer, setConsumer] = useState("");
  const listed = useLoad(`consumers ${arn}`, async (abort) => {
    const found: Consumer[] = [];
    let token: string | undefined;
    do {
      const input = { StreamARN: arn, MaxResults: 100, ...(token !== undefined && { NextToken: token }) };
      const page = await call<{ Consumers: Consumer[]; NextToken?: string }>("kinesis", "ListStreamConsumers", input, abort);
      found.push(...page.Consumers);
      token = page.NextToken;
    } while (token !== undefined);
    return found;
  }, EVERY_MS);
  const register = async () => {
    await call("kinesis", "RegisterStreamConsumer", { StreamARN: arn, ConsumerName: consumer });
    listed.reload();
  };
  const deregister = async () => {
    await call("kinesis", "DeregisterStreamConsumer", { ConsumerARN: leaving!.ConsumerARN });
    listed.reload();
  };
  return (
    <Section title="Consumers with fan-out of their own" aside={<button type="button" onClick={() => add(true)}>Register one</button>}>
      <Problem text={listed.fault} />
      {listed.value === undefined ? !listed.fault && <Loading /> : listed.value.length === 0
        ? <Empty title="No consumer is registered"><p>Readers by GetRecords need not be. One that wants records pushed – the Kinesis Client Library with enhanced fan-out – registers itself, or you do it here.</p></Empty>
        : (
          <div class="scroll" role="group" aria-label="Consumers" tabIndex={0}>
            <table>
              <thead><tr><th>Name</th><th>State</th><th>Since</th><th>ARN</th><th><span class="unseen">Actions</span></th></tr></thead>
              <tbody>
                {listed.value.map((one) => (
                  <tr key={one.ConsumerARN}>
                    <td>{one.ConsumerName}</td>
                    <td><Badge state={one.ConsumerStatus} /></td>
                    <td class="number-left">{moment(one.ConsumerCreationTimestamp)}</td>
                    <td class="mono wraps">{one.ConsumerARN}</td>
                    <td><button type="button" onClick={() => leave(one)}>Deregister<span class="unseen"> {one.ConsumerName}</span></button></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      {adding && (
        <Dialog title="Register a consumer" verb="Register" close={() => add(false)} act={register}>
          <Field label="Name" value={consumer} set={setConsumer} required autofocus hint="Letters, digits, _ . and -" />
        </Dialog>
      )}
      {leaving && (
        <Dialog title={`Deregister ${leaving.ConsumerName}?`} verb="Deregister" danger close={() => leave(undefined)} act={deregister}>
          <p>Its subscriptions end. Registered again under the same name, it has another ARN.</p>
        </Dialog>
      )}
    </Section>
  );
}

function Settings({ found, done }: { found: Summary; done: () => void }) {
  const [hours, setHours] = useState<string | undefined>(undefined);
  const tags = useLoad(`tags ${found.StreamARN}`, async (abort) =>
    (await call<{ Tags: { Key: string; Value?: string }[] }>("kinesis", "ListTagsForResource", { ResourceARN: found.StreamARN }, abort)).Tags);
  const retain = async () => {
    const [now, then] = [found.RetentionPeriodHours, Number(hours)];
    if (now === then) return;
    const operation = then > now ? "IncreaseStreamRetentionPeriod" : "DecreaseStreamRetentionPeriod";
    await call("kinesis", operation, { StreamName: found.StreamName, RetentionPeriodHours: then });
    done();
  };
  return (
    <Section title="Settings" aside={<button type="button" onClick={() => setHours(String(found.RetentionPeriodHours))}>Change retention</button>}>
      <Facts rows={[
        ["ARN", <span class="mono">{found.StreamARN}</span>],
        ["Since", moment(found.StreamCreationTimestamp)],
        ["Mode", found.StreamModeDetails?.StreamMode === "ON_DEMAND" ? "on demand: it splits and merges itself" : "provisioned"],
        ["Retention", `${found.RetentionPeriodHours} hours`],
        ["Encryption", found.EncryptionType === "KMS" ? <span class="mono">{found.KeyId ?? "KMS"}</span> : "none"],
        ["Largest record", found.MaxRecordSizeInKiB ? `${count(found.MaxRecordSizeInKiB)} KiB` : "1,024 KiB"],
        ["Tags", tags.value === undefined ? (tags.fault ?? "…") : tags.value.length === 0 ? "none" : tags.value.map(({ Key, Value }) => <span class="tag">{Key} = {Value}</span>)],
      ]} />
      {hours !== undefined && (
        <Dialog title="How long are records kept?" verb="Change" close={() => setHours(undefined)} act={retain}>
          <Field label="Hours" type="number" value={hours} set={setHours} required autofocus hint="24 to 8,760. With fewer hours, records older than that are gone at once." />
        </Dialog>
      )}
    </Section>
  );
}
