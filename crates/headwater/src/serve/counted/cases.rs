//! The requests that are counted, and those that make what they need. Invariant: they are the same in every run.
use crate::front::{Signed, Signer};
use bytes::Bytes;
use headwater_wire::{
    Dialect, Encode, Service, encode,
    kinesis::{GetRecordsInput, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry},
};
use serde_json::{Value, json};

const DATA_BYTES: usize = 1024;
const BATCH: usize = 500;
/// Items of the partition that is queried.
const ITEMS: usize = 100;
const STREAM: &str = "counted";
/// What is read stands in here.
const FULL: &str = "full";
const TABLE: &str = "counted";

/// A request before it is signed.
#[derive(Clone)]
pub(super) struct Ask {
    service: Service,
    operation: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

/// A request that is counted.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) times: u32,
    pub(super) ask: Ask,
    /// An answer that is shorter is not the one that is meant.
    pub(super) least_bytes: usize,
}

impl Ask {
    fn kinesis(operation: &'static str, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        Self { service: Service::Kinesis, operation, content_type: "application/x-amz-json-1.1", body }
    }

    fn cbor(operation: &'static str, input: &dyn Encode) -> Self {
        let body = encode(Dialect::Cbor11, input);
        Self { service: Service::Kinesis, operation, content_type: "application/x-amz-cbor-1.1", body }
    }

    fn dynamodb(operation: &'static str, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        Self { service: Service::DynamoDb, operation, content_type: "application/x-amz-json-1.0", body }
    }

    pub(super) fn signed(&self, signer: &Signer<'_>) -> Result<Signed, String> {
        let prefix = if self.service == Service::Kinesis { "Kinesis_20131202" } else { "DynamoDB_20120810" };
        let target = format!("{prefix}.{}", self.operation);
        Signed::new(signer, self.service, &target, self.content_type, self.body.clone())
    }
}

/// Where signatures are verified; their hash is most of what is counted there.
pub(super) fn signed(told: &dyn Fn(&Ask) -> Result<Bytes, String>) -> Result<Vec<Case>, String> {
    told(&Ask::kinesis("CreateStream", &json!({"StreamName": STREAM, "ShardCount": 4})))?;
    Ok(vec![case("put-record-signed", 50, in_json("PutRecord", &record()), 1)])
}

/// Where they are not.
pub(super) fn open(told: &dyn Fn(&Ask) -> Result<Bytes, String>) -> Result<Vec<Case>, String> {
    for (stream, shards) in [(STREAM, 4), (FULL, 1)] {
        told(&Ask::kinesis("CreateStream", &json!({"StreamName": stream, "ShardCount": shards})))?;
    }
    told(&Ask::cbor("PutRecords", &records(FULL)))?;
    let first = json!({"StreamName": FULL, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"});
    let first: Value = serde_json::from_slice(&told(&Ask::kinesis("GetShardIterator", &first))?).unwrap_or_default();
    let iterator = first["ShardIterator"].as_str().unwrap_or_default().to_owned();
    told(&Ask::dynamodb("CreateTable", &table()))?;
    for number in 0..ITEMS {
        told(&Ask::dynamodb("PutItem", &json!({"TableName": TABLE, "Item": item(number)})))?;
    }
    let get = GetRecordsInput { shard_iterator: iterator, ..GetRecordsInput::default() };
    Ok(vec![
        case("put-record-json", 50, in_json("PutRecord", &record()), 1),
        case("put-record-cbor", 50, Ask::cbor("PutRecord", &record()), 1),
        case("put-records-json", 5, in_json("PutRecords", &records(STREAM)), BATCH),
        case("put-records-cbor", 5, Ask::cbor("PutRecords", &records(STREAM)), BATCH),
        case("get-records-json", 5, in_json("GetRecords", &get), BATCH * DATA_BYTES),
        case("get-records-cbor", 5, Ask::cbor("GetRecords", &get), BATCH * DATA_BYTES),
        case("put-item", 50, Ask::dynamodb("PutItem", &json!({"TableName": TABLE, "Item": item(7)})), 1),
        case("get-item", 50, Ask::dynamodb("GetItem", &json!({"TableName": TABLE, "Key": key(7)})), DATA_BYTES),
        case("update-item", 50, Ask::dynamodb("UpdateItem", &update()), 1),
        case("query", 5, Ask::dynamodb("Query", &query()), ITEMS / 2 * DATA_BYTES),
    ])
}

const fn case(name: &'static str, times: u32, ask: Ask, least_bytes: usize) -> Case {
    Case { name, times, ask, least_bytes }
}

fn in_json(operation: &'static str, input: &dyn Encode) -> Ask {
    let body = encode(Dialect::Json11, input);
    Ask { service: Service::Kinesis, operation, content_type: "application/x-amz-json-1.1", body }
}

fn data(seed: usize) -> Bytes {
    // Neither all the same nor without a pattern.
    (0..DATA_BYTES).map(|at| (at * 31 + at / 7 + seed).to_le_bytes()[0]).collect()
}

fn record() -> PutRecordInput {
    PutRecordInput {
        stream_name: Some(STREAM.into()),
        data: data(7),
        partition_key: Some("key-7".into()),
        ..PutRecordInput::default()
    }
}

fn records(stream: &str) -> PutRecordsInput {
    let entry = |number| PutRecordsRequestEntry {
        data: data(number),
        partition_key: Some(format!("key-{number}")),
        ..PutRecordsRequestEntry::default()
    };
    PutRecordsInput {
        stream_name: Some(stream.into()),
        records: (0..BATCH).map(entry).collect(),
        ..PutRecordsInput::default()
    }
}

fn table() -> Value {
    json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [
            {"AttributeName": "p", "KeyType": "HASH"},
            {"AttributeName": "s", "KeyType": "RANGE"},
        ],
        "AttributeDefinitions": [
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "s", "AttributeType": "N"},
        ],
    })
}

fn key(number: usize) -> Value {
    json!({"p": {"S": "partition"}, "s": {"N": number.to_string()}})
}

fn item(number: usize) -> Value {
    json!({
        "p": {"S": "partition"},
        "s": {"N": number.to_string()},
        "text": {"S": "x".repeat(DATA_BYTES)},
        "price": {"N": format!("{number}.25")},
        "even": {"BOOL": number.is_multiple_of(2)},
        "tags": {"SS": ["red", "green", "blue"]},
        "of": {"M": {"list": {"L": [{"N": "1"}, {"S": "two"}, {"NULL": true}]}, "count": {"N": "0"}}},
    })
}

fn update() -> Value {
    json!({
        "TableName": TABLE,
        "Key": key(8),
        "UpdateExpression": "SET #of.#count = #of.#count + :one, price = :price ADD tags :tags REMOVE gone",
        "ConditionExpression": "attribute_exists(p) AND (price < :most OR contains(tags, :tag)) AND size(#text) > :size",
        "ExpressionAttributeNames": {"#of": "of", "#count": "count", "#text": "text"},
        "ExpressionAttributeValues": {
            ":one": {"N": "1"},
            ":price": {"N": "8.5"},
            ":tags": {"SS": ["black"]},
            ":most": {"N": "1000"},
            ":tag": {"S": "red"},
            ":size": {"N": "10"},
        },
        "ReturnValues": "UPDATED_NEW",
    })
}

fn query() -> Value {
    json!({
        "TableName": TABLE,
        "KeyConditionExpression": "p = :p AND s >= :first",
        "FilterExpression": "even = :even AND begins_with(#text, :x)",
        "ExpressionAttributeNames": {"#text": "text"},
        "ExpressionAttributeValues": {
            ":p": {"S": "partition"},
            ":first": {"N": "0"},
            ":even": {"BOOL": true},
            ":x": {"S": "xx"},
        },
    })
}
