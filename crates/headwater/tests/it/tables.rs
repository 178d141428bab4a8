//! DynamoDB and its streams called in JSON.
use serde_json::{Value, json};

use crate::{
    calls::{DATE, fresh},
    client::{Reply, exchange, request},
    server::Server,
};

const JSON: &str = "application/x-amz-json-1.0";
/// A region and a key of nobody's: a server without credentials takes them as its own.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=workbench1/20261120/localhost/dynamodb/aws4_request, \
    SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=abcd";
/// What stands before the operation in a target.
const TABLES: &str = "DynamoDB_20120810";
const STREAMS: &str = "DynamoDBStreams_20120810";

impl Server {
    /// One call of a service; the answer as it came, which carries an id and a checksum.
    pub(crate) fn tables_post(&self, service: &str, operation: &str, body: &[u8]) -> Reply {
        let target = format!("{service}.{operation}");
        let headers = [
            ("Content-Type", JSON),
            ("X-Amz-Target", target.as_str()),
            ("X-Amz-Date", DATE),
            ("Authorization", AUTHORIZATION),
        ];
        let reply = exchange(self.address(), &request("POST", "/", &headers, body));
        let reply = reply.unwrap_or_else(|error| panic!("{operation}: no answer: {error}"));
        assert_eq!(reply.header("content-type"), Some(JSON), "{operation}: {}", reply.text());
        let id = reply.header("x-amzn-requestid").expect("a request id");
        assert!(id.len() == 52 && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()), "{id}");
        let checksum = reply.header("x-amz-crc32").expect("a checksum");
        assert_eq!(checksum, crc32fast::hash(&reply.body).to_string(), "{operation}");
        reply
    }

    fn tables_ok(&self, service: &str, operation: &str, input: &Value) -> Value {
        let reply = self.tables_post(service, operation, input.to_string().as_bytes());
        assert_eq!(reply.status, 200, "{operation} {input}: {}", reply.text());
        reply.json()
    }

    /// A call of DynamoDB that must succeed.
    pub(crate) fn table_call(&self, operation: &str, input: Value) -> Value {
        self.tables_ok(TABLES, operation, &input)
    }

    /// A call of DynamoDB Streams that must succeed.
    pub(crate) fn stream_call(&self, operation: &str, input: Value) -> Value {
        self.tables_ok(STREAMS, operation, &input)
    }

    fn tables_refusal(&self, service: &str, operation: &str, input: &Value) -> Value {
        let reply = self.tables_post(service, operation, input.to_string().as_bytes());
        assert_eq!(reply.status, 400, "{operation} {input}: {}", reply.text());
        reply.json()
    }

    /// A call of DynamoDB that must be refused: the error's whole body.
    pub(crate) fn table_refusal(&self, operation: &str, input: Value) -> Value {
        self.tables_refusal(TABLES, operation, &input)
    }

    /// A call of DynamoDB Streams that must be refused: the error's whole body.
    pub(crate) fn stream_refusal(&self, operation: &str, input: Value) -> Value {
        self.tables_refusal(STREAMS, operation, &input)
    }

    /// A table with the hash key `k` and a stream, and the stream's ARN.
    pub(crate) fn streaming_table(&self, view: &str) -> (String, String) {
        let name = fresh("table");
        let created = self.table_call(
            "CreateTable",
            json!({
                "TableName": name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
                "StreamSpecification": {"StreamEnabled": true, "StreamViewType": view},
            }),
        );
        let arn = created["TableDescription"]["LatestStreamArn"].as_str().expect("a stream's ARN").to_owned();
        (name, arn)
    }

    /// Puts an item with this key and value.
    pub(crate) fn put_item(&self, table: &str, key: &str, value: &str) {
        self.table_call("PutItem", json!({"TableName": table, "Item": {"k": {"S": key}, "v": {"S": value}}}));
    }
}
