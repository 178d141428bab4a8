// ElectroDB and dynamoose, unmodified, over the SDK of JavaScript: `suite.mjs ENDPOINT ENDPOINT_WITH_AWS_LIMITS`.
import assert from "node:assert/strict";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { BatchWriteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, paginateQuery } from "@aws-sdk/lib-dynamodb";
import dynamoose from "dynamoose";
import { Entity, Service } from "electrodb";

const settings = { endpoint: process.argv[2], region: "us-east-1", credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" } };
const client = new DynamoDBClient(settings);
const fresh = (prefix) => `${prefix}-${crypto.randomUUID().slice(0, 8)}`;

async function table() {
  const names = ["pk", "sk", "gsi1pk", "gsi1sk"];
  const keys = (hash, range) => [{ AttributeName: hash, KeyType: "HASH" }, { AttributeName: range, KeyType: "RANGE" }];
  const index = { IndexName: "gsi1", KeySchema: keys("gsi1pk", "gsi1sk"), Projection: { ProjectionType: "ALL" } };
  const made = await client.send(new CreateTableCommand({
    TableName: fresh("node"), KeySchema: keys("pk", "sk"), BillingMode: "PAY_PER_REQUEST", GlobalSecondaryIndexes: [index],
    AttributeDefinitions: names.map((name) => ({ AttributeName: name, AttributeType: "S" })),
  }));
  return made.TableDescription.TableName;
}

async function document_client() {
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { convertEmptyValues: false } });
  const name = await table();
  const item = { pk: "a", sk: "b", list: [1, "x", null, true], map: { deep: { n: -0.5 } }, set: new Set(["x", "y"]), bytes: new Uint8Array([0, 255]) };
  await documents.send(new PutCommand({ TableName: name, Item: item }));
  assert.deepEqual((await documents.send(new GetCommand({ TableName: name, Key: { pk: "a", sk: "b" } }))).Item, item);
  const puts = Array.from({ length: 25 }, (_, number) => ({ PutRequest: { Item: { pk: "q", sk: `s${10 + number}` } } }));
  await documents.send(new BatchWriteCommand({ RequestItems: { [name]: puts } }));
  const query = { TableName: name, KeyConditionExpression: "pk = :q", ExpressionAttributeValues: { ":q": "q" } };
  const counts = [];
  for await (const page of paginateQuery({ client: documents, pageSize: 10 }, query)) counts.push(page.Count);
  assert.deepEqual(counts, [10, 10, 5]);
}

async function electrodb() {
  const name = await table();
  const task = new Entity({
    model: { entity: "task", version: "1", service: "work" },
    attributes: {
      project: { type: "string", required: true }, task: { type: "string", required: true }, owner: { type: "string" },
      points: { type: "number", default: 0 }, tags: { type: "set", items: "string" }, status: { type: ["open", "closed"], default: "open" },
      notes: { type: "list", items: { type: "map", properties: { text: { type: "string" } } } },
    },
    indexes: {
      main: { collection: "all", pk: { field: "pk", composite: ["project"] }, sk: { field: "sk", composite: ["task"] } },
      owned: { index: "gsi1", collection: "owners", pk: { field: "gsi1pk", composite: ["owner"] }, sk: { field: "gsi1sk", composite: ["status", "points"] } },
    },
  }, { client, table: name });
  const work = new Service({ task });
  await task.put(Array.from({ length: 30 }, (_, number) => ({ project: "p", task: `t${10 + number}`, owner: `o${number % 2}`, points: number }))).go();
  assert.equal((await task.query.main({ project: "p" }).go({ pages: "all", limit: 7 })).data.length, 30);
  assert.equal((await task.query.main({ project: "p" }).between({ task: "t12" }, { task: "t15" }).go()).data.length, 4);
  assert.equal((await task.query.owned({ owner: "o1", status: "open" }).where((item, { gte }) => gte(item.points, 25)).go()).data.length, 3);
  const key = { project: "p", task: "t10" };
  const changed = await task.patch(key).set({ notes: [{ text: "n" }] }).add({ tags: ["x"] }).where((item, { eq }) => eq(item.status, "open")).go({ response: "all_new" });
  assert.deepEqual([changed.data.tags, changed.data.notes], [["x"], [{ text: "n" }]]);
  await assert.rejects(task.create({ ...key }).go(), (error) => /conditional request failed/.test(error.message));
  await task.upsert({ project: "p", task: "new", owner: "o9" }).go();
  assert.equal((await work.collections.owners({ owner: "o9" }).go()).data.task.length, 1);
  const done = await work.transaction.write(({ task }) => [task.create({ project: "p", task: "new" }).commit(), task.remove({ project: "p", task: "t11" }).commit()]).go();
  assert.deepEqual([done.canceled, done.data.map((one) => one.code)], [true, ["ConditionalCheckFailed", "None"]]);
  const got = await work.transaction.get(({ task }) => [task.get(key).commit(), task.get({ project: "p", task: "t11" }).commit()]).go();
  assert.deepEqual(got.data.map((one) => one.item.task), ["t10", "t11"]);
  await task.delete(Array.from({ length: 30 }, (_, number) => ({ project: "p", task: `t${10 + number}` }))).go();
  assert.equal((await task.scan.go({ pages: "all" })).data.length, 1);
}

async function dynamoose_models() {
  dynamoose.aws.ddb.set(new dynamoose.aws.ddb.DynamoDB(settings));
  const schema = new dynamoose.Schema({
    id: { type: String, hashKey: true }, at: { type: Number, rangeKey: true },
    owner: { type: String, index: { name: "byOwner", type: "global", rangeKey: "at" } },
    names: { type: Set, schema: [String] }, deep: { type: Object, schema: { city: String } }, born: Date, list: { type: Array, schema: [Number] },
  }, { timestamps: true });
  const Thing = dynamoose.model(fresh("Thing"), schema);
  new dynamoose.Table(Thing.name, [Thing], { waitForActive: { enabled: true, check: { frequency: 50 } }, expires: { ttl: 86400, attribute: "ttl" } });
  await Thing.create({ id: "a", at: 1, owner: "o", names: new Set(["x"]), deep: { city: "Oslo" }, born: new Date(1e12), list: [1, 2] });
  const thing = await Thing.get({ id: "a", at: 1 });
  assert.deepEqual([thing.deep.city, thing.born.getTime(), [...thing.names], [...thing.list]], ["Oslo", 1e12, ["x"], [1, 2]]);
  await assert.rejects(Thing.create({ id: "a", at: 1 }), (error) => error.name === "ConditionalCheckFailedException");
  await Thing.batchPut(Array.from({ length: 20 }, (_, number) => ({ id: "b", at: number, owner: `o${number % 2}` })));
  assert.equal((await Thing.query("id").eq("b").where("at").between(3, 7).exec()).count, 5);
  assert.equal((await Thing.query("owner").eq("o1").using("byOwner").sort("descending").limit(3).exec())[0].at, 19);
  assert.equal((await Thing.scan("owner").beginsWith("o").parallel(3).all().exec()).length, 21);
  const updated = await Thing.update({ id: "a", at: 1 }, { $ADD: { list: 3 }, $SET: { owner: "p" }, $REMOVE: ["born"] });
  assert.deepEqual([[...updated.list], updated.owner, updated.born], [[1, 2, 3], "p", undefined]);
  await dynamoose.transaction([Thing.transaction.create({ id: "c", at: 1 }), Thing.transaction.delete({ id: "a", at: 1 })]);
  assert.equal(await Thing.get({ id: "a", at: 1 }), undefined);
}

let failed = 0;
for (const scenario of [document_client, electrodb, dynamoose_models]) {
  try {
    await scenario();
    console.log(`ok ${scenario.name}`);
  } catch (error) {
    failed += 1;
    console.error(error);
    console.log(`FAILED ${scenario.name}: ${error.message?.split("\n")[0]}`);
  }
}
process.exit(failed ? 1 : 0);
