// A stream's records as they come. Reading goes on in a worker; here is what can be seen of it, and a count of the rest.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { call, region } from "../api";
import { Choice, Empty, Field, Problem } from "../parts/basic";
import { Looked } from "../parts/looked";
import { Virtual } from "../parts/virtual";
import { bytes, clock, count, duration, moment, shard as name, short, visible } from "../pure/format";
import { type Placed, ring } from "../pure/ring";
import { here, keep } from "../router";
import type { News, Order, ShardNews, Start } from "../tail/messages";
import type { Row } from "../tail/rows";

/** Shards read at once: a browser asks five things at a time, and each shard waits for its turn. */
const MOST_SHARDS = 100;
/** Rows kept on the page. */
const MOST_ROWS = 2000;
const RATE_SPAN_MS = 2000;

type From = Start["type"];
const BEGINNINGS = [
  ["LATEST", "what comes from now on"], ["TRIM_HORIZON", "the oldest there is"], ["AT_TIMESTAMP", "a time"], ["AT_SEQUENCE_NUMBER", "a sequence number"],
] as const satisfies readonly (readonly [From, string])[];

/** Where to begin, from the page's address, so that it can be passed on. */
function asked(): { from: From; shard: string; time: string; sequence: string } {
  const { query } = here.value;
  const from = query.get("from") as From | null;
  return {
    from: BEGINNINGS.some(([type]) => type === from) ? from! : "LATEST",
    shard: query.get("shard") ?? "", time: query.get("time") ?? "", sequence: query.get("sequence") ?? "",
  };
}

interface Shards {
  Shards: { ShardId: string }[];
  NextToken?: string;
}

/** The shards to begin with: those that were open at that moment; their children follow by themselves. */
async function beginnings(stream: string, placed: Placed[], { from, shard, time, sequence }: ReturnType<typeof asked>): Promise<Start[]> {
  const timestamp = from === "AT_TIMESTAMP" ? new Date(time).getTime() / 1000 : undefined;
  if (timestamp !== undefined && !Number.isFinite(timestamp)) throw new Error("That is no time; say when to begin.");
  const start = (id: string): Start => ({
    shard: id, type: from, ...(timestamp !== undefined && { timestamp }), ...(from === "AT_SEQUENCE_NUMBER" && { sequence }),
  });
  if (from === "AT_SEQUENCE_NUMBER" && (shard === "" || sequence === "")) throw new Error("A sequence number is of one shard: choose the shard too.");
  if (shard !== "") return [start(shard)];
  if (from === "LATEST") return ring(placed).map((at) => start(placed[at]!.shard.ShardId));
  const filter = timestamp !== undefined ? { Type: "AT_TIMESTAMP", Timestamp: timestamp } : { Type: "AT_TRIM_HORIZON" };
  const found = await call<Shards>("kinesis", "ListShards", { StreamName: stream, ShardFilter: filter, MaxResults: MOST_SHARDS + 1 });
  return found.Shards.map(({ ShardId }) => start(ShardId));
}

interface State {
  rows: Row[];
  received: number;
  bytes: number;
  skipped: number;
  shards: [string, ShardNews][];
  fault?: string | undefined;
}

const NOTHING: State = { rows: [], received: 0, bytes: 0, skipped: 0, shards: [] };

export function Tail(props: { stream: string; placed: Placed[]; put: () => void }) {
  const { stream, placed } = props;
  const [form, setForm] = useState(asked);
  const [begun, begin] = useState(form);
  const [filter, setFilter] = useState(here.value.query.get("filter") ?? "");
  const [paused, setPaused] = useState(false);
  const [state, setState] = useState<State>(NOTHING);
  const [frozen, setFrozen] = useState<Row[] | undefined>(undefined);
  const [chosen, choose] = useState<Row | undefined>(undefined);
  const [fault, setFault] = useState<string | undefined>(undefined);
  const [following, setFollowing] = useState({ shards: 0, of: 0 });
  const [speed, setSpeed] = useState({ records: 0, bytes: 0 });
  const worker = useRef<Worker | undefined>(undefined);
  const newest = useRef(NOTHING);

  useEffect(() => {
    const made = new Worker(new URL("../tail/worker.ts", import.meta.url), { type: "module" });
    worker.current = made;
    newest.current = NOTHING;
    setState(NOTHING);
    setFault(undefined);
    setFrozen(undefined);
    let frame: number | undefined;
    made.onmessage = ({ data }: MessageEvent<News>) => {
      const rows = data.anew ? data.rows : [...data.rows, ...newest.current.rows].slice(0, MOST_ROWS);
      newest.current = { rows, received: data.received, bytes: data.bytes, skipped: data.skipped, shards: data.shards, fault: data.fault };
      frame ??= requestAnimationFrame(() => {
        frame = undefined;
        setState(newest.current);
      });
    };
    let before = { received: 0, bytes: 0 };
    const speedometer = setInterval(() => {
      const { received, bytes } = newest.current;
      const seconds = RATE_SPAN_MS / 1000;
      setSpeed({ records: (received - before.received) / seconds, bytes: (bytes - before.bytes) / seconds });
      before = { received, bytes };
    }, RATE_SPAN_MS);
    beginnings(stream, placed, begun).then(
      (starts) => {
        const shards = starts.slice(0, MOST_SHARDS);
        setFollowing({ shards: shards.length, of: starts.length });
        say({ type: "start", stream, region: region.value, shards, filter });
      },
      (error: unknown) => setFault(error instanceof Error ? error.message : String(error)),
    );
    return () => {
      made.terminate();
      clearInterval(speedometer);
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }, [begun]);

  const say = (order: Order) => worker.current?.postMessage(order);
  const pause = (now: boolean) => {
    setPaused(now);
    say({ type: now ? "pause" : "resume" });
  };
  const keepAll = () => {
    const { from, shard, time, sequence } = begun;
    keep({ from: from === "LATEST" ? "" : from, shard, time, sequence, filter });
  };
  useEffect(keepAll, [begun]);
  useEffect(() => {
    const wait = setTimeout(() => {
      say({ type: "filter", text: filter });
      keepAll();
    }, 200);
    return () => clearTimeout(wait);
  }, [filter, begun]);
  useEffect(() => {
    const keyed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "p" || event.ctrlKey || event.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
      pause(!paused);
    };
    addEventListener("keydown", keyed);
    return () => removeEventListener("keydown", keyed);
  }, [paused]);

  const rows = frozen ?? state.rows;
  const behind = Math.max(0, ...state.shards.map(([, { behindMs }]) => behindMs));
  const options = useMemo(() => [["", "all"] as const, ...placed.slice(0, 2000).map(({ shard, isOpen }) => [shard.ShardId, `${name(shard.ShardId)}${isOpen ? "" : " (closed)"}`] as const)], [placed]);
  const restart = (event: Event) => {
    event.preventDefault();
    setPaused(false);
    begin({ ...form });
  };
  return (
    <section aria-label="Tail" class="tail">
      <form class="bar" onSubmit={restart}>
        <Choice label="Begin with" value={form.from} set={(from) => setForm({ ...form, from })} options={BEGINNINGS} />
        {form.from === "AT_TIMESTAMP" && <Field label="Time" type="datetime-local" value={form.time} set={(time) => setForm({ ...form, time })} required />}
        <Choice label="Shard" value={form.shard} set={(shard) => setForm({ ...form, shard })} options={options} />
        {form.from === "AT_SEQUENCE_NUMBER" && <Field label="Sequence number" value={form.sequence} set={(sequence) => setForm({ ...form, sequence })} required />}
        <button type="submit">Begin anew</button>
        <Field label="Filter" type="search" value={filter} set={setFilter} placeholder="text in key or data" />
        <button type="button" class={paused ? "primary" : ""} aria-pressed={paused} onClick={() => pause(!paused)}>{paused ? "Go on" : "Pause"}</button>
      </form>
      <Problem text={fault ?? state.fault} />
      <p class="tail-facts">
        <span><b>{short(speed.records)}</b> records/s</span>
        <span><b>{bytes(speed.bytes)}</b>/s</span>
        <span><b>{count(state.received)}</b> read</span>
        <span class={state.skipped > 0 ? "warn" : ""} title="More came than can be shown; they were read and counted"><b>{count(state.skipped)}</b> not shown</span>
        <span><b>{duration(behind)}</b> behind</span>
        <span class="muted">{count(following.shards)}{following.of > following.shards ? ` of ${count(following.of)}` : ""} {following.shards === 1 ? "shard" : "shards"}{following.of > following.shards ? ": choose one to read another" : ""}</span>
        {paused && <span class="warn" role="status">paused; nothing is lost meanwhile</span>}
      </p>
      <div class={`tail-body ${chosen ? "with-record" : ""}`}>
        <div>
          <div class="list-head tail-row" aria-hidden="true"><span>Time</span><span>Shard</span><span>Key</span><span class="number">Size</span><span>Data</span></div>
          {rows.length === 0 ? (
            <Empty title={filter !== "" && state.received > 0 ? "Nothing fits the filter" : "Nothing has come yet"}>
              <p>{filter !== "" && state.received > 0 ? "What comes and fits will appear here." : "Records appear as they are put."}</p>
              {filter === "" && <button type="button" onClick={props.put}>Put a record</button>}
            </Empty>
          ) : (
            <Virtual items={rows} label="Records, newest first" height={Math.min(504, rows.length * 28 + 2)} top={(atTop) => setFrozen(atTop ? undefined : newest.current.rows)} row={(row, at) => (
              // By place, not by record: where thousands come, rows change their text and stay. So a row is chosen as it is
              // pressed, not when the press ends on what stands there then; a click without a press is the keyboard's.
              <button
                type="button" key={at} class="list-row tail-row" aria-pressed={chosen?.id === row.id}
                onPointerDown={() => choose(row)} onClick={(event) => event.detail === 0 && choose(row)}
              >
                <span class="mono">{clock(row.at)}</span>
                <span class="mono">{name(row.shard)}</span>
                <span class="mono">{visible(row.key)}</span>
                <span class="number">{bytes(row.bytes)}</span>
                <span class="mono line">{row.line}</span>
              </button>
            )} />
          )}
          {frozen && <p class="warn" role="status">The list stands still while you look further down; {count(Math.max(0, state.received - (frozen.length > 0 ? frozen[0]!.id + 1 : 0)))} came meanwhile. Scroll up to see them.</p>}
        </div>
        {chosen && <Record stream={stream} row={chosen} close={() => choose(undefined)} />}
      </div>
      {state.shards.length > 0 && <Rates shards={state.shards} />}
    </section>
  );
}

/** What each shard that is read gave. */
function Rates({ shards }: { shards: [string, ShardNews][] }) {
  return (
    <details class="rates">
      <summary>By shard</summary>
      <div class="scroll" role="group" aria-label="By shard" tabIndex={0}>
        <table>
          <thead><tr><th>Shard</th><th class="number">Records</th><th class="number">Bytes</th><th class="number">Iterator age</th><th>State</th></tr></thead>
          <tbody>
            {[...shards].sort(([, one], [, other]) => other.records - one.records).slice(0, 100).map(([id, news]) => (
              <tr key={id}>
                <td class="mono">{id}</td>
                <td class="number">{count(news.records)}</td>
                <td class="number">{bytes(news.bytes)}</td>
                <td class="number">{duration(news.behindMs)}</td>
                <td>{news.ended ? "read to its end" : "being read"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** A large record's data, fetched when somebody looks at it. */
async function fetched(stream: string, row: Row): Promise<string> {
  const start = { StreamName: stream, ShardId: row.shard, ShardIteratorType: "AT_SEQUENCE_NUMBER", StartingSequenceNumber: row.sequence };
  const { ShardIterator } = await call<{ ShardIterator: string }>("kinesis", "GetShardIterator", start);
  const { Records } = await call<{ Records: { Data: string }[] }>("kinesis", "GetRecords", { ShardIterator, Limit: 1 });
  if (Records[0] === undefined) throw new Error("The record is past the stream's retention.");
  return Records[0].Data;
}

function Record({ stream, row, close }: { stream: string; row: Row; close: () => void }) {
  return (
    <Looked
      id={row.id} size={row.bytes} close={close} data={async () => row.data ?? (await fetched(stream, row))}
      rows={[
        ["Partition key", <span class="mono">{visible(row.key)}</span>],
        ["Arrived", moment(row.at)],
        ["Shard", <span class="mono">{row.shard}</span>],
        ["Sequence number", <span class="mono">{row.sequence}</span>],
        ["Size", `${count(row.bytes)} B`],
      ]}
    />
  );
}
