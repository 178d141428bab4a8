//! DynamoDB Streams over the wire, one file per operation.
mod describe_stream;
mod get_records;
mod get_shard_iterator;
mod list_streams;

use serde_json::{Value, json};

use crate::server::Server;

const VALIDATION: &str = "com.amazon.coral.validate#ValidationException";

impl Server {
    /// The shards of a stream.
    fn stream_shards(&self, arn: &str) -> Vec<Value> {
        let told = self.stream_call("DescribeStream", json!({"StreamArn": arn}));
        told["StreamDescription"]["Shards"].as_array().expect("shards").clone()
    }

    /// An iterator of a stream's newest shard.
    fn stream_iterator(&self, arn: &str, kind: &str) -> String {
        let shard = self.stream_shards(arn).pop().expect("a shard")["ShardId"].clone();
        let input = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": kind});
        self.stream_call("GetShardIterator", input)["ShardIterator"].as_str().expect("an iterator").to_owned()
    }

    /// One page of records.
    fn stream_page(&self, iterator: &str) -> Value {
        self.stream_call("GetRecords", json!({"ShardIterator": iterator}))
    }
}

/// The constraints of DynamoDB's models that an input breaks, in the validator's words.
fn violates(server: &Server, operation: &str, input: Value, sentence: &str) {
    let told = server.stream_refusal(operation, input);
    assert_eq!(told["__type"], VALIDATION, "{told}");
    let message = told["message"].as_str().unwrap_or_default();
    assert!(message.contains(sentence), "{operation}: {sentence:?}: {message}");
}
