// The records behind a delivery stream's errors: an object of errors, line by line, and putting them in again.
import { useEffect, useRef, useState } from "preact/hooks";
import { call, own, words } from "../api";
import { Dialog, Empty, Field, Loading, Problem, useLoad } from "../parts/basic";
import { Looked } from "../parts/looked";
import { Virtual } from "../parts/virtual";
import { bytes, clock, count, moment, visible } from "../pure/format";
import { type Failed, type Replayed, failures, partitionKey, replay } from "../pure/failed";
import { fromBase64, preview } from "../pure/decode";
import { here, keep, to } from "../router";
import { type Description, describe } from "./delivery";

/** Of a row's text. */
const LINE = 160;
const LINE_BYTES = 480;

/** A part of an object, and where the next one begins. */
async function page(name: string, key: string, from: number, signal?: AbortSignal) {
  const query = new URLSearchParams({ key, from: String(from) });
  const reply = await own(`deliveries/${encodeURIComponent(name)}/errors?${query}`, { ...(signal && { signal }) });
  const next = reply.headers.get("x-headwater-next");
  return { ...failures(await reply.text()), next: next === null ? undefined : Number(next) };
}

interface Read {
  key: string;
  records: Failed[];
  torn: number;
  next: number | undefined;
}

export function Failures({ name }: { name: string }) {
  const [key, setKey] = useState(here.value.query.get("key") ?? "");
  const [typed, type] = useState(key);
  const [read, setRead] = useState<Read | undefined>(undefined);
  const [fault, setFault] = useState<string | undefined>(undefined);
  const [chosen, choose] = useState<number | undefined>(undefined);
  const [again, setAgain] = useState(false);
  const [done, setDone] = useState<Replayed | undefined>(undefined);
  const found = useLoad(`delivery ${name}`, (abort) => describe(name, abort));

  const load = async (from: number, signal?: AbortSignal) => {
    try {
      const { records, torn, next } = await page(name, key, from, signal);
      setFault(undefined);
      setRead((held) => (from > 0 && held?.key === key ? { key, records: [...held.records, ...records], torn: held.torn + torn, next } : { key, records, torn, next }));
    } catch (error) {
      if (!signal?.aborted) setFault(words(error));
    }
  };
  useEffect(() => {
    keep({ key });
    setRead(undefined);
    setDone(undefined);
    choose(undefined);
    if (key === "") return undefined;
    const abort = new AbortController();
    void load(0, abort.signal);
    return () => abort.abort();
  }, [key]);

  const record = chosen === undefined ? undefined : read?.records[chosen];
  return (
    <>
      <header class="page-head">
        <div><p class="kind">Errors of <a href={to("delivery", name)}>{name}</a></p><h1>{key === "" ? "Choose an object of errors" : visible(key.split("/").pop() ?? key)}</h1></div>
        {read && read.records.length > 0 && (
          <div class="page-actions"><button type="button" class="primary" onClick={() => setAgain(true)} disabled={found.value === undefined}>Put all in again</button></div>
        )}
      </header>
      <form class="bar key-bar" onSubmit={(event) => { event.preventDefault(); setKey(typed.trim()); }}>
        <Field label="Key of an object of errors" value={typed} set={type} placeholder="processing-failed/2026/…" required />
        <button type="submit">Open</button>
      </form>
      <Problem text={fault ?? found.fault} />
      {done && <p role="status" class={done.fault !== undefined ? "warn" : ""}>{told(done)}</p>}
      {key === "" && <Empty title="No object is open"><p>Those that the server remembers stand on the <a href={to("delivery", name)}>delivery stream's page</a>; an older one is opened by its key.</p></Empty>}
      {key !== "" && read === undefined && fault === undefined && <Loading />}
      {read && (
        <>
          <p class="tail-facts">
            <span><b>{count(read.records.length)}</b> {read.records.length === 1 ? "record" : "records"}{read.next === undefined ? "" : ", and more"}</span>
            {read.torn > 0 && <span class="warn"><b>{count(read.torn)}</b> lines that are no records</span>}
            {read.next !== undefined && <button type="button" onClick={() => void load(read.next!)}>Read on</button>}
          </p>
          {read.records.length > 0 && <Reasons records={read.records} />}
          <div class={`tail-body ${record ? "with-record" : ""}`}>
            <div>
              <div class="list-head failed-row" aria-hidden="true"><span>Arrived</span><span>Error</span><span class="number">Size</span><span>Data</span></div>
              <Virtual items={read.records} label="Records that failed" height={Math.min(504, read.records.length * 28 + 2)} row={(one, at) => (
                <button type="button" key={at} class="list-row failed-row" aria-pressed={chosen === at} onClick={() => choose(at)}>
                  <span class="mono">{clock(one.arrivedMs / 1000)}</span>
                  <span class="mono">{visible(one.code)}</span>
                  <span class="number">{bytes(one.bytes)}</span>
                  <span class="mono line">{preview(fromBase64(one.data.slice(0, (LINE_BYTES / 3) * 4)), LINE)}</span>
                </button>
              )} />
            </div>
            {record && (
              <Looked id={`${key} ${chosen}`} size={record.bytes} close={() => choose(undefined)} data={() => Promise.resolve(record.data)} rows={[
                ["Error", <span class="mono">{visible(record.code)}</span>],
                ["Why", <span class="wraps">{visible(record.message)}</span>],
                ["Tried", `${count(record.attempts)} ${record.attempts === 1 ? "time" : "times"}`],
                ["Arrived", moment(record.arrivedMs / 1000)],
                ["Size", `${count(record.bytes)} B`],
              ]} />
            )}
          </div>
        </>
      )}
      {again && found.value && read && <Again name={name} from={key} to={found.value} close={() => setAgain(false)} done={setDone} />}
    </>
  );
}

const told = ({ put, refused, fault }: Replayed) =>
  `${count(put)} ${put === 1 ? "record was" : "records were"} put in again${refused > 0 ? `; ${count(refused)} were not` : ""}${fault === undefined ? "." : `: ${visible(fault)}`}`;

/** What went wrong, and how often. */
function Reasons({ records }: { records: Failed[] }) {
  const counted = new Map<string, number>();
  for (const { code, message } of records) {
    const reason = `${code}: ${message}`;
    counted.set(reason, (counted.get(reason) ?? 0) + 1);
  }
  const most = [...counted].sort(([, one], [, other]) => other - one).slice(0, 5);
  return (
    <ul class="reasons">
      {most.map(([reason, times]) => <li key={reason}><b>{count(times)}</b> {visible(reason)}</li>)}
      {counted.size > most.length && <li class="muted">and {count(counted.size - most.length)} other reasons</li>}
    </ul>
  );
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Says of each record why the service refused it, or nothing. */
function sender(name: string, description: Description): (part: Failed[]) => Promise<(string | undefined)[]> {
  const stream = description.Source?.KinesisStreamSourceDescription?.KinesisStreamARN;
  interface Said {
    ErrorCode?: string;
    ErrorMessage?: string;
  }
  const why = ({ ErrorCode, ErrorMessage }: Said) => (ErrorCode === undefined || ErrorCode === null ? undefined : `${ErrorCode}: ${ErrorMessage ?? ""}`);
  if (stream === undefined) {
    return async (part) => {
      const Records = part.map(({ data }) => ({ Data: data }));
      return (await call<{ RequestResponses: Said[] }>("firehose", "PutRecordBatch", { DeliveryStreamName: name, Records })).RequestResponses.map(why);
    };
  }
  return async (part) => {
    const Records = part.map((record) => ({ Data: record.data, PartitionKey: partitionKey(record) }));
    return (await call<{ Records: Said[] }>("kinesis", "PutRecords", { StreamARN: stream, Records })).Records.map(why);
  };
}

/** Asks once more, and puts in what the whole object holds. */
function Again(props: { name: string; from: string; to: Description; close: () => void; done: (done: Replayed) => void }) {
  const [under, setUnder] = useState(0);
  const stream = props.to.Source?.KinesisStreamSourceDescription?.KinesisStreamARN.split("/").pop();
  const gone = useRef(false);
  useEffect(() => () => {
    gone.current = true;
  }, []);
  const act = async () => {
    const put = sender(props.name, props.to);
    // Who closes the dialog wants no more of them.
    const send: typeof put = async (part) => {
      if (gone.current) throw new Error("It was stopped.");
      return put(part);
    };
    const sum: Replayed = { put: 0, refused: 0 };
    let from: number | undefined = 0;
    try {
      while (from !== undefined) {
        const part: Awaited<ReturnType<typeof page>> = await page(props.name, props.from, from);
        const before = sum.put;
        const done = await replay(part.records, send, pause, ({ put }) => setUnder(before + put));
        sum.put += done.put;
        sum.refused += done.refused;
        if (done.fault !== undefined) sum.fault = done.fault;
        // What refuses everything now will refuse the rest.
        from = gone.current || (done.put === 0 && done.refused > 0) ? undefined : part.next;
      }
    } catch (error) {
      sum.fault = words(error);
      if (sum.put === 0) throw error;
    }
    props.done(sum);
  };
  return (
    <Dialog title="Put these records in again?" verb="Put in again" close={props.close} act={act}>
      <p>{stream === undefined ? <>They go into {props.name} as new records do.</> : <>They go into the stream {stream}, which all of its readers see; their own partition keys are not in the object, so each gets one that follows from its data.</>} The object of errors stays: who does this twice has the records twice.</p>
      {under > 0 && <p role="status">{count(under)} put so far…</p>}
    </Dialog>
  );
}
