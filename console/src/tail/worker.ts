// Reads shards and tells the page what came, ten times a second at most. In a worker, so that parsing ten thousand records
// a second holds up no key press.
import { Fault, invoke, words } from "../call";
import type { News, Order, ShardNews, Start } from "./messages";
import { type Raw, Rows } from "./rows";

const NEWS_MS = 100;
/** Pause after an answer without more to come: AWS lets a shard be read five times a second. */
const IDLE_MS = 100;
const LIMITED_MS = 250;
const THROTTLED_MS = 1000;
const FAILED_MS = 2000;
/** Requests at once, as many as a browser keeps connections to one server. */
const AT_ONCE = 5;
const PAGE_RECORDS = 2000;

interface Page {
  Records: Raw[];
  NextShardIterator?: string;
  MillisBehindLatest: number;
  ChildShards?: { ShardId: string }[];
}

const rows = new Rows();
const shards = new Map<string, ShardNews>();
const waiting: (() => void)[] = [];
let [stream, region, paused, atOnce, received, bytes] = ["", "", false, 0, 0, 0];
let fault: string | undefined;
let changed = false;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Runs `step` when there is a place among those at once. */
async function inTurn<T>(step: () => Promise<T>): Promise<T> {
  if (atOnce >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  atOnce++;
  try {
    return await step();
  } finally {
    atOnce--;
    waiting.shift()?.();
  }
}

function tell(anew: boolean, given = rows.fresh()): void {
  const news: News = { anew, rows: given, received, bytes, skipped: rows.skipped, shards: [...shards], ...(fault && { fault }) };
  postMessage(news);
  changed = false;
}

async function iterator({ shard, type, sequence, timestamp }: Start): Promise<string | undefined> {
  const found = await inTurn(() =>
    invoke<{ ShardIterator?: string }>("kinesis", "GetShardIterator", {
      StreamName: stream,
      ShardId: shard,
      ShardIteratorType: type,
      ...(sequence !== undefined && { StartingSequenceNumber: sequence }),
      ...(timestamp !== undefined && { Timestamp: timestamp }),
    }, region),
  );
  return found.ShardIterator;
}

/** Reads a shard to its end, and then its children. */
async function follow(start: Start): Promise<void> {
  if (shards.has(start.shard)) return;
  const news: ShardNews = { records: 0, bytes: 0, behindMs: 0, ended: false };
  shards.set(start.shard, news);
  let [from, at, idleMs]: [Start, string | undefined, number] = [start, undefined, IDLE_MS];
  for (;;) {
    while (paused) await sleep(NEWS_MS);
    try {
      at ??= await iterator(from);
      const token = at;
      const page = await inTurn(() => invoke<Page>("kinesis", "GetRecords", { ShardIterator: token, Limit: PAGE_RECORDS }, region));
      const last = page.Records[page.Records.length - 1];
      if (last) {
        from = { shard: start.shard, type: "AFTER_SEQUENCE_NUMBER", sequence: last.SequenceNumber };
        const size = page.Records.reduce((sum, { Data }) => sum + (Data.length * 3) / 4, 0);
        rows.take(start.shard, page.Records);
        received += page.Records.length;
        bytes += size;
        news.records += page.Records.length;
        news.bytes += size;
        changed = true;
      }
      changed ||= fault !== undefined || news.behindMs !== page.MillisBehindLatest;
      fault = undefined;
      news.behindMs = page.MillisBehindLatest;
      at = page.NextShardIterator;
      if (at === undefined) {
        news.ended = changed = true;
        for (const child of page.ChildShards ?? []) void follow({ shard: child.ShardId, type: "TRIM_HORIZON" });
        return;
      }
      // Many shards take turns; a shard with more to give goes on at once.
      if (page.MillisBehindLatest === 0) await sleep(Math.max(idleMs, shards.size * 4));
    } catch (error) {
      const code = error instanceof Fault ? error.code : "";
      at = code === "ExpiredIteratorException" ? undefined : at;
      idleMs = code === "ProvisionedThroughputExceededException" ? LIMITED_MS : idleMs;
      if (code === "ExpiredIteratorException") continue;
      if (code !== "ProvisionedThroughputExceededException") {
        fault = words(error);
        changed = true;
        if (code === "ResourceNotFoundException" || code === "InvalidArgumentException") return;
      }
      await sleep(code === "ProvisionedThroughputExceededException" ? THROTTLED_MS : FAILED_MS);
    }
  }
}

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  if (data.type === "start") {
    [stream, region] = [data.stream, data.region];
    rows.filter(data.filter);
    data.shards.forEach((start) => void follow(start));
  } else if (data.type === "filter") {
    tell(true, rows.filter(data.text));
  } else {
    paused = data.type === "pause";
  }
});

setInterval(() => {
  if (changed) tell(false);
}, NEWS_MS);
