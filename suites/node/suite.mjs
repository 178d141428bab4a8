// aws-sdk JS v3, unmodified, with its default HTTP/2: `node suite.mjs ENDPOINT ENDPOINT_WITH_AWS_LIMITS`.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import {
  Kinesis,
  InvalidArgumentException,
  LimitExceededException,
  ResourceInUseException,
  ResourceNotFoundException,
  paginateListStreams,
  waitUntilStreamExists,
} from "@aws-sdk/client-kinesis";

const [unlimited, limited] = process.argv.slice(2, 4).map(
  (endpoint) =>
    new Kinesis({
      endpoint,
      region: "us-east-1",
      credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
    }),
);
const bytes = (text) => new TextEncoder().encode(text);
const text = (data) => new TextDecoder().decode(data);

async function active(kinesis, StreamName) {
  const answer = await waitUntilStreamExists({ client: kinesis, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { StreamName });
  assert.equal(answer.state, "SUCCESS");
}

/** A stream for one scenario: active inside, deleted behind. */
async function withStream(kinesis, ShardCount, scenario) {
  const StreamName = `node-${randomUUID()}`;
  await kinesis.createStream({ StreamName, ShardCount });
  await active(kinesis, StreamName);
  await scenario(StreamName);
  await kinesis.deleteStream({ StreamName });
}

async function iterator(kinesis, StreamName, ShardId, ShardIteratorType, more = {}) {
  return (await kinesis.getShardIterator({ StreamName, ShardId, ShardIteratorType, ...more })).ShardIterator;
}

/** All records from an iterator up to the tip or the shard's end; and the last reply. */
async function drain(kinesis, position) {
  const records = [];
  for (;;) {
    const reply = await kinesis.getRecords({ ShardIterator: position });
    records.push(...reply.Records);
    position = reply.NextShardIterator;
    if (!position || (reply.Records.length === 0 && reply.MillisBehindLatest === 0)) return { records, last: reply };
  }
}

async function read(kinesis, StreamName, ShardId, type = "TRIM_HORIZON", more = {}) {
  const { records } = await drain(kinesis, await iterator(kinesis, StreamName, ShardId, type, more));
  return records.map((record) => text(record.Data));
}

const put = (kinesis, StreamName, data, PartitionKey = "k") =>
  kinesis.putRecord({ StreamName, Data: bytes(data), PartitionKey });
const shardsOf = async (kinesis, StreamName) => (await kinesis.listShards({ StreamName })).Shards;
const ids = (shards) => shards.map((shard) => shard.ShardId);

async function split(kinesis, StreamName, { ShardId, HashKeyRange: range }) {
  const NewStartingHashKey = String((BigInt(range.StartingHashKey) + BigInt(range.EndingHashKey)) / 2n + 1n);
  await kinesis.splitShard({ StreamName, ShardToSplit: ShardId, NewStartingHashKey });
  await active(kinesis, StreamName);
  return (await shardsOf(kinesis, StreamName)).filter((shard) => shard.ParentShardId === ShardId);
}

const scenarios = {
  async put_record_and_read_at_sequence(kinesis) {
    await withStream(kinesis, 2, async (name) => {
      await put(kinesis, name, "before");
      const done = await put(kinesis, name, "the one");
      await put(kinesis, name, "after");
      const at = { StartingSequenceNumber: done.SequenceNumber };
      const position = await iterator(kinesis, name, done.ShardId, "AT_SEQUENCE_NUMBER", at);
      const [first] = (await kinesis.getRecords({ ShardIterator: position })).Records;
      assert.deepEqual([first.SequenceNumber, text(first.Data)], [done.SequenceNumber, "the one"]);
      assert.ok(Math.abs(first.ApproximateArrivalTimestamp - Date.now()) < 60_000);
    });
  },

  async put_many(kinesis) {
    await withStream(kinesis, 1, async (name) => {
      const Records = Array.from({ length: 500 }, (_, n) => ({ Data: bytes(`r${n}`), PartitionKey: `k${n}` }));
      const reply = await kinesis.putRecords({ StreamName: name, Records });
      assert.deepEqual([reply.FailedRecordCount, reply.Records.length], [0, 500]);
      const back = await read(kinesis, name, reply.Records[0].ShardId);
      assert.deepEqual(back, Records.map((record) => text(record.Data)));
    });
  },

  async partial_failures() {
    await withStream(limited, 1, async (name) => {
      const Records = Array.from({ length: 400 }, () => ({ Data: new Uint8Array(4096), PartitionKey: "k" }));
      const reply = await limited.putRecords({ StreamName: name, Records });
      const refused = reply.Records.filter((record) => record.ErrorCode);
      assert.equal(refused.length, reply.FailedRecordCount);
      assert.ok(refused.length > 0 && refused.length < 400, `${refused.length} refused`);
      for (const record of refused) assert.equal(record.ErrorCode, "ProvisionedThroughputExceededException");
      await pause(1000);
      assert.equal((await read(limited, name, "shardId-000000000000")).length, 400 - refused.length);
    });
  },

  async five_iterator_types(kinesis) {
    await withStream(kinesis, 1, async (name) => {
      const puts = [];
      for (const data of ["0", "1", "2", "3"]) {
        puts.push(await put(kinesis, name, data));
        await pause(20);
      }
      const [{ ShardId: shard }, second] = puts;
      const at = { StartingSequenceNumber: second.SequenceNumber };
      assert.deepEqual(await read(kinesis, name, shard), ["0", "1", "2", "3"]);
      assert.deepEqual(await read(kinesis, name, shard, "AT_SEQUENCE_NUMBER", at), ["1", "2", "3"]);
      assert.deepEqual(await read(kinesis, name, shard, "AFTER_SEQUENCE_NUMBER", at), ["2", "3"]);
      const { records } = await drain(kinesis, await iterator(kinesis, name, shard, "TRIM_HORIZON"));
      const Timestamp = records[2].ApproximateArrivalTimestamp;
      assert.deepEqual(await read(kinesis, name, shard, "AT_TIMESTAMP", { Timestamp }), ["2", "3"]);
      const latest = await iterator(kinesis, name, shard, "LATEST");
      await put(kinesis, name, "new");
      const fresh = (await drain(kinesis, latest)).records;
      assert.deepEqual(fresh.map((record) => text(record.Data)), ["new"]);
    });
  },

  async split_and_merge(kinesis) {
    await withStream(kinesis, 1, async (name) => {
      const [parent] = await shardsOf(kinesis, name);
      const [first, second] = await split(kinesis, name, parent);
      const pair = { ShardToMerge: first.ShardId, AdjacentShardToMerge: second.ShardId };
      await kinesis.mergeShards({ StreamName: name, ...pair });
      await active(kinesis, name);
      const merged = (await shardsOf(kinesis, name))[3];
      assert.deepEqual([merged.ParentShardId, merged.AdjacentParentShardId], [first.ShardId, second.ShardId]);
      assert.deepEqual(merged.HashKeyRange, parent.HashKeyRange);
    });
  },

  async closed_shards_then_children(kinesis) {
    await withStream(kinesis, 1, async (name) => {
      for (let number = 0; number < 10; number++) await put(kinesis, name, `${number}`, `k${number}`);
      const [parent] = await shardsOf(kinesis, name);
      const children = await split(kinesis, name, parent);
      for (let number = 10; number < 20; number++) await put(kinesis, name, `${number}`, `k${number}`);
      const position = await iterator(kinesis, name, parent.ShardId, "TRIM_HORIZON");
      const { records, last } = await drain(kinesis, position);
      assert.equal(last.NextShardIterator ?? null, null);
      assert.deepEqual(ids(last.ChildShards), ids(children));
      assert.deepEqual(last.ChildShards[0].ParentShards, [parent.ShardId]);
      assert.deepEqual(records.map((record) => text(record.Data)), Array.from({ length: 10 }, (_, n) => `${n}`));
      const later = (await Promise.all(children.map((child) => read(kinesis, name, child.ShardId)))).flat();
      assert.deepEqual(later.map(Number).sort((a, b) => a - b), Array.from({ length: 10 }, (_, n) => n + 10));
    });
  },

  async tags(kinesis) {
    await withStream(kinesis, 1, async (name) => {
      await kinesis.addTagsToStream({ StreamName: name, Tags: { colour: "blue", size: "10" } });
      await kinesis.removeTagsFromStream({ StreamName: name, TagKeys: ["size"] });
      const { Tags } = await kinesis.listTagsForStream({ StreamName: name });
      assert.deepEqual(Tags, [{ Key: "colour", Value: "blue" }]);
    });
  },

  async retention(kinesis) {
    await withStream(kinesis, 1, async (name) => {
      await kinesis.increaseStreamRetentionPeriod({ StreamName: name, RetentionPeriodHours: 100 });
      await active(kinesis, name);
      await kinesis.decreaseStreamRetentionPeriod({ StreamName: name, RetentionPeriodHours: 30 });
      await active(kinesis, name);
      const { StreamDescriptionSummary: summary } = await kinesis.describeStreamSummary({ StreamName: name });
      assert.equal(summary.RetentionPeriodHours, 30);
    });
  },

  async paging(kinesis) {
    await withStream(kinesis, 5, (name) =>
      withStream(kinesis, 1, async (other) => {
        const names = [];
        for await (const page of paginateListStreams({ client: kinesis, pageSize: 1 }, {})) names.push(...page.StreamNames);
        assert.ok(names.includes(name) && names.includes(other));
        assert.equal(new Set(names).size, names.length);
        const sizes = [];
        let page = await kinesis.listShards({ StreamName: name, MaxResults: 2 });
        for (; ; page = await kinesis.listShards({ NextToken: page.NextToken, MaxResults: 2 })) {
          sizes.push(page.Shards.length);
          if (!page.NextToken) break;
        }
        assert.deepEqual(sizes, [2, 2, 1]);
      }),
    );
  },

  async typed_errors(kinesis) {
    await withStream(kinesis, 1, async (name) => {
      await assert.rejects(kinesis.describeStream({ StreamName: "absent" }), ResourceNotFoundException);
      await assert.rejects(kinesis.createStream({ StreamName: name, ShardCount: 1 }), ResourceInUseException);
      const big = { StreamName: `big-${name}`, ShardCount: 100_000 };
      await assert.rejects(kinesis.createStream(big), LimitExceededException);
      await assert.rejects(kinesis.getRecords({ ShardIterator: "AAAA" }), InvalidArgumentException);
      const invalid = (error) => error.name === "ValidationException" && error.$metadata.httpStatusCode === 400;
      await assert.rejects(kinesis.createStream({ StreamName: "a b", ShardCount: 1 }), invalid);
    });
  },

  async subscribe_to_shard(kinesis) {
    await withStream(kinesis, 1, async (name) => {
      const { StreamDescriptionSummary: summary } = await kinesis.describeStreamSummary({ StreamName: name });
      const named = { StreamARN: summary.StreamARN, ConsumerName: "suite" };
      const { ConsumerARN } = (await kinesis.registerStreamConsumer(named)).Consumer;
      while ((await kinesis.describeStreamConsumer({ ConsumerARN })).ConsumerDescription.ConsumerStatus !== "ACTIVE") await pause(50);
      for (const data of ["0", "1", "2"]) await put(kinesis, name, data);
      const [shard] = await shardsOf(kinesis, name);
      const StartingPosition = { Type: "TRIM_HORIZON" };
      const reply = await kinesis.subscribeToShard({ ConsumerARN, ShardId: shard.ShardId, StartingPosition });
      const records = [];
      let last;
      for await (const event of reply.EventStream) {
        last = event.SubscribeToShardEvent;
        records.push(...last.Records);
        if (records.length === 3 && last.ContinuationSequenceNumber) await split(kinesis, name, shard); // ends it
      }
      assert.deepEqual(records.map((record) => text(record.Data)), ["0", "1", "2"]);
      assert.ok(!last.ContinuationSequenceNumber);
      assert.deepEqual(last.ChildShards.map((child) => child.ParentShards), [[shard.ShardId], [shard.ShardId]]);
      await kinesis.deregisterStreamConsumer({ ConsumerARN });
    });
  },

  async many_requests_on_one_connection(kinesis) {
    await withStream(kinesis, 4, async (name) => {
      const puts = await Promise.all(Array.from({ length: 300 }, (_, n) => put(kinesis, name, `${n}`, `k${n}`)));
      assert.equal(new Set(puts.map((done) => done.SequenceNumber)).size, 300);
    });
  },
};

let failed = 0;
for (const [name, scenario] of Object.entries(scenarios)) {
  try {
    await scenario(unlimited);
    console.log(`ok ${name}`);
  } catch (error) {
    console.error(error);
    failed += 1;
    console.log(`FAILED ${name}: ${String(error).split("\n")[0].slice(0, 300)}`);
  }
}
process.exit(failed ? 1 : 0);
