// aws-sdk JS v3, unmodified, as a fan-out consumer: `node follow.mjs ENDPOINT CONSUMER_ARN SHARDS follow|once PAUSE_SECONDS`.
// What it prints and does is told in ../python/follow.py.
import { setTimeout as pause } from "node:timers/promises";
import { Kinesis } from "@aws-sdk/client-kinesis";

const [endpoint, ConsumerARN, shards, mode, pauseSeconds] = process.argv.slice(2);
const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" };
const kinesis = new Kinesis({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
const [started, closed, pauses] = [new Set(), new Set(), Number(pauseSeconds) ? [Number(pauseSeconds)] : []];
const say = (line) => console.log(JSON.stringify(line));
const firstLine = (data) => new TextDecoder().decode(data.subarray(0, 100)).split("\n")[0];

/** Prints the events of one subscription; gives the last one. */
async function events(shard, StartingPosition) {
  let last;
  const answer = await kinesis.subscribeToShard({ ConsumerARN, ShardId: shard, StartingPosition });
  say({ shard, subscribed: true });
  for await (const told of answer.EventStream) {
    last = told.SubscribeToShardEvent;
    const records = last.Records.map((record) => [record.SequenceNumber, firstLine(record.Data)]);
    const children = (last.ChildShards ?? []).map((child) => [child.ShardId, child.ParentShards]);
    const { ContinuationSequenceNumber: continuation = null, MillisBehindLatest: behind } = last;
    say({ shard, records, continuation, behind, children });
    if (records.length && pauses.length) await pause(pauses.pop() * 1000);
  }
  return last;
}

async function follow(shard) {
  let [last, position] = [undefined, { Type: "TRIM_HORIZON" }];
  while (!last?.ChildShards?.length) {
    try {
      last = await events(shard, position);
    } catch (refusal) {
      say({ shard, end: refusal.name, why: refusal.message });
      return;
    }
    say({ shard, end: "clean" });
    if (mode === "once") return;
    position = { Type: "AFTER_SEQUENCE_NUMBER", SequenceNumber: last.ContinuationSequenceNumber };
  }
  closed.add(shard);
  const isReady = ({ ShardId, ParentShards }) => ParentShards.every((parent) => closed.has(parent)) && !started.has(ShardId);
  const ready = last.ChildShards.filter(isReady).map((child) => child.ShardId);
  ready.forEach((child) => started.add(child));
  await Promise.all(ready.map(follow));
}

await Promise.all(shards.split(",").map(follow));
process.exit(0);
