// What the console is shown against: streams that were split and merged, a table with items of every type, a delivery
// stream, and things whose names and contents mean harm.
const TARGETS = {
  kinesis: ["Kinesis_20131202", "1.1"], dynamodb: ["DynamoDB_20120810", "1.0"], firehose: ["Firehose_20150804", "1.1"],
};

/** A client of a server without credentials. */
export function client(endpoint) {
  return async (service, operation, input) => {
    const [target, version] = TARGETS[service];
    const reply = await fetch(endpoint, {
      method: "POST",
      headers: {
        "content-type": `application/x-amz-json-${version}`, "x-amz-target": `${target}.${operation}`, "x-amz-date": "20260101T000000Z",
        authorization: `AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: JSON.stringify(input),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${operation}: ${text}`);
    return text === "" ? {} : JSON.parse(text);
  };
}

const base64 = (text) => Buffer.from(text).toString("base64");
export const HOSTILE = '<img src=x onerror="globalThis.hurt=1"><script>globalThis.hurt=1</script>\u0000\u001b[31m\u202e';

/** Waits until `look` gives something. */
export async function until(look, what, ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const isActive = async (call, stream) =>
  (await call("kinesis", "DescribeStreamSummary", { StreamName: stream })).StreamDescriptionSummary.StreamStatus === "ACTIVE";

async function streams(call) {
  const settled = () => until(() => isActive(call, "orders"), "orders");
  await call("kinesis", "CreateStream", { StreamName: "orders", ShardCount: 4 });
  await call("kinesis", "CreateStream", { StreamName: "quiet", ShardCount: 1 });
  await call("kinesis", "CreateStream", { StreamName: "hostile", ShardCount: 1 });
  await settled();
  const half = (shard) => String((BigInt(shard.HashKeyRange.StartingHashKey) + BigInt(shard.HashKeyRange.EndingHashKey) + 1n) / 2n);
  const { Shards } = await call("kinesis", "ListShards", { StreamName: "orders" });
  await call("kinesis", "SplitShard", { StreamName: "orders", ShardToSplit: Shards[1].ShardId, NewStartingHashKey: half(Shards[1]) });
  await settled();
  await call("kinesis", "MergeShards", { StreamName: "orders", ShardToMerge: Shards[2].ShardId, AdjacentShardToMerge: Shards[3].ShardId });
  await settled();
  const { Shards: later } = await call("kinesis", "ListShards", { StreamName: "orders" });
  await call("kinesis", "SplitShard", { StreamName: "orders", ShardToSplit: later[4].ShardId, NewStartingHashKey: half(later[4]) });
  await settled();
  await call("kinesis", "RegisterStreamConsumer", {
    StreamARN: "arn:aws:kinesis:us-east-1:000000000000:stream/orders", ConsumerName: "billing",
  });
  await call("kinesis", "AddTagsToStream", { StreamName: "orders", Tags: { team: "shop", note: "a=b @ c" } });
  await call("kinesis", "UpdateMaxRecordSize", {
    StreamARN: "arn:aws:kinesis:us-east-1:000000000000:stream/hostile", MaxRecordSizeInKiB: 10_240,
  });
  await call("kinesis", "PutRecord", { StreamName: "hostile", PartitionKey: "large", Data: base64("<b>".repeat(3_400_000)) });
  await call("kinesis", "PutRecords", {
    StreamName: "hostile",
    Records: [HOSTILE, `{"a": ${JSON.stringify(HOSTILE)}}`, "", "\u0000\u0001\u0002", "x".repeat(900_000)].map((data) => ({
      PartitionKey: "<b>key</b>\u202e", Data: base64(data),
    })),
  });
}

async function tables(call) {
  await call("dynamodb", "CreateTable", {
    TableName: "carts", BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "customer", AttributeType: "S" }, { AttributeName: "placed", AttributeType: "N" }, { AttributeName: "state", AttributeType: "S" },
    ],
    KeySchema: [{ AttributeName: "customer", KeyType: "HASH" }, { AttributeName: "placed", KeyType: "RANGE" }],
    GlobalSecondaryIndexes: [{ IndexName: "by-state", KeySchema: [{ AttributeName: "state", KeyType: "HASH" }], Projection: { ProjectionType: "KEYS_ONLY" } }],
    StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
  });
  const items = ["ann", "bo", "cleo", "dag"].flatMap((customer, who) =>
    Array.from({ length: 20 }, (_, nth) => ({
      customer: { S: customer }, placed: { N: String(1_764_000_000 + nth * 3600 + who) }, state: { S: nth % 3 === 0 ? "open" : "paid" },
      total: { N: (12.5 * (nth + 1) + who).toFixed(2) }, lines: { L: [{ M: { sku: { S: `tea-${nth}` }, count: { N: String(nth + 1) } } }] },
      gift: { BOOL: nth % 2 === 0 }, labels: { SS: ["new", "eu"] }, ...(nth % 5 === 0 && { picture: { B: base64("bytes") }, note: { NULL: true } }),
    })),
  );
  items.push({ customer: { S: HOSTILE.replaceAll("\u0000", "") }, placed: { N: "1" }, [`<b>${"name".repeat(20)}</b>`]: { S: HOSTILE } });
  for (let at = 0; at < items.length; at += 25) {
    await call("dynamodb", "BatchWriteItem", { RequestItems: { carts: items.slice(at, at + 25).map((Item) => ({ PutRequest: { Item } })) } });
  }
}

async function deliveries(call) {
  const role = "arn:aws:iam::000000000000:role/any";
  const to = (prefix) => ({ RoleARN: role, BucketARN: "arn:aws:s3:::bucket", Prefix: prefix, BufferingHints: { SizeInMBs: 1, IntervalInSeconds: 1 }, CompressionFormat: "GZIP" });
  await call("firehose", "CreateDeliveryStream", {
    DeliveryStreamName: "raw-orders", DeliveryStreamType: "KinesisStreamAsSource",
    KinesisStreamSourceConfiguration: { RoleARN: role, KinesisStreamARN: "arn:aws:kinesis:us-east-1:000000000000:stream/orders" },
    ExtendedS3DestinationConfiguration: to("raw/"),
  });
  await call("firehose", "CreateDeliveryStream", { DeliveryStreamName: "direct", DeliveryStreamType: "DirectPut", ExtendedS3DestinationConfiguration: to("direct/") });
  await failing(call, to, role);
}

/** Delivery streams that unpack what is not packed: all of their records come to the errors. */
async function failing(call, to, role) {
  const Parameters = [{ ParameterName: "CompressionFormat", ParameterValue: "GZIP" }];
  const ProcessingConfiguration = { Enabled: true, Processors: [{ Type: "Decompression", Parameters }] };
  const ExtendedS3DestinationConfiguration = { ...to("never/"), ErrorOutputPrefix: "errors/", ProcessingConfiguration };
  await call("firehose", "CreateDeliveryStream", { DeliveryStreamName: "failing", ExtendedS3DestinationConfiguration });
  const texts = [HOSTILE, `{"order": 7, "note": ${JSON.stringify(HOSTILE)}}`, "", "\u0000\u0001\u0002", "<b>".repeat(100_000)];
  await call("firehose", "PutRecordBatch", { DeliveryStreamName: "failing", Records: texts.map((text) => ({ Data: base64(text) })) });
  await call("kinesis", "CreateStream", { StreamName: "large", ShardCount: 1 });
  await until(() => isActive(call, "large"), "large");
  const StreamARN = "arn:aws:kinesis:us-east-1:000000000000:stream/large";
  await call("kinesis", "UpdateMaxRecordSize", { StreamARN, MaxRecordSizeInKiB: 10_240 });
  await call("firehose", "CreateDeliveryStream", {
    DeliveryStreamName: "failing-large", DeliveryStreamType: "KinesisStreamAsSource",
    KinesisStreamSourceConfiguration: { RoleARN: role, KinesisStreamARN: StreamARN }, ExtendedS3DestinationConfiguration,
  });
  await call("kinesis", "PutRecord", { StreamName: "large", PartitionKey: "k", Data: base64("<i>".repeat(3_400_000)) });
}

export async function build(call) {
  await streams(call);
  await tables(call);
  await deliveries(call);
}

/** Puts `perSecond` records a second into a stream until `stop` is called; gives how many were put. */
export function load(call, stream, perSecond) {
  let [running, put] = [true, 0];
  const begun = Date.now();
  const lane = async () => {
    while (running) {
      const due = ((Date.now() - begun) / 1000) * perSecond - put;
      if (due < 1) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      const size = Math.min(500, Math.ceil(due));
      put += size;
      const Records = Array.from({ length: size }, (_, nth) => ({
        PartitionKey: `customer-${Math.floor(Math.random() * 10_000)}`,
        Data: base64(JSON.stringify({ order: put - nth, total: Math.round(Math.random() * 10_000) / 100, at: new Date().toISOString(), state: "paid" })),
      }));
      await call("kinesis", "PutRecords", { StreamName: stream, Records });
    }
  };
  const lanes = Promise.all([lane(), lane(), lane()]);
  return { stop: async () => { running = false; await lanes; return put; }, put: () => put };
}
