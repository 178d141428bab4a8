//! What can be done with a stream while it is CREATING, UPDATING or DELETING.
use serde_json::{Value, json};

use crate::{
    calls::{list, until},
    sentences::{ACCOUNT, no_stream, no_such_shard, shard_id},
    server::Server,
};

/// Long enough for the calls of a test to fall into one state.
const SLOW: [&str; 2] = ["--transition-ms", "1500"];

fn description(aws: &Server, stream: &str) -> Value {
    aws.ok("DescribeStream", json!({"StreamName": stream}))["StreamDescription"].clone()
}

fn in_state(aws: &Server, operation: &str, input: Value, state: &str) {
    let message = format!("Stream a under account {ACCOUNT} not ACTIVE, instead in state {state}");
    aws.refuses(operation, input, "ResourceInUseException", &message);
}

#[test]
fn creating() {
    let aws = Server::start(&SLOW);
    aws.done("CreateStream", json!({"StreamName": "a", "ShardCount": 2}));
    let seen = description(&aws, "a");
    assert_eq!(
        (&seen["StreamStatus"], &seen["Shards"], &seen["HasMoreShards"]),
        (&json!("CREATING"), &json!([]), &json!(false))
    );
    let put = json!({"StreamName": "a", "PartitionKey": "k", "Data": ""});
    aws.refuses("PutRecord", put, "ResourceNotFoundException", &no_stream("a"));
    let put = json!({"StreamName": "a", "Records": [{"PartitionKey": "k", "Data": ""}]});
    aws.refuses("PutRecords", put, "ResourceNotFoundException", &no_stream("a"));
    let split = json!({"StreamName": "a", "ShardToSplit": "shard-0", "NewStartingHashKey": "5"});
    in_state(&aws, "SplitShard", split, "CREATING");
    let merge = json!({"StreamName": "a", "ShardToMerge": "shard-0", "AdjacentShardToMerge": "shard-1"});
    in_state(&aws, "MergeShards", merge, "CREATING");
    let iterator = json!({"StreamName": "a", "ShardId": "shard-0", "ShardIteratorType": "LATEST"});
    let missing = no_such_shard(&shard_id(0), "a");
    aws.refuses("GetShardIterator", iterator, "ResourceNotFoundException", &missing);
    let again = json!({"StreamName": "a", "ShardCount": 1});
    let taken = format!("Stream a under account {ACCOUNT} already exists.");
    aws.refuses("CreateStream", again, "ResourceInUseException", &taken);
    assert_eq!(aws.summary("a")["StreamStatus"], "CREATING");
    aws.settles("a");
    assert_eq!(list(&description(&aws, "a")["Shards"]).len(), 2);
}

#[test]
fn deleting_while_creating() {
    let aws = Server::start(&SLOW);
    aws.done("CreateStream", json!({"StreamName": "a", "ShardCount": 1}));
    aws.done("DeleteStream", json!({"StreamName": "a"}));
    assert_eq!(description(&aws, "a")["StreamStatus"], "DELETING");
    let input = json!({"StreamName": "a"}).to_string();
    until("it is gone", || aws.post("DescribeStream", input.as_bytes()).status == 400);
    aws.done("CreateStream", json!({"StreamName": "a", "ShardCount": 1}));
    aws.settles("a");
}

#[test]
fn updating() {
    let aws = Server::start(&SLOW);
    let stream = aws.stream(1);
    let split = json!({"StreamName": stream, "ShardToSplit": "shard-0", "NewStartingHashKey": "1000"});
    aws.done("SplitShard", split.clone());
    let seen = description(&aws, &stream);
    assert_eq!(seen["StreamStatus"], "UPDATING");
    assert_eq!(list(&seen["Shards"]).len(), 1, "children come with the end of the update");
    assert!(seen["Shards"][0]["SequenceNumberRange"].get("EndingSequenceNumber").is_none());
    assert_eq!(aws.put(&stream, "k", "meanwhile")["ShardId"], shard_id(0), "writes still land on the old shard");
    let message = format!("Stream {stream} under account {ACCOUNT} not ACTIVE, instead in state UPDATING");
    aws.refuses("SplitShard", split, "ResourceInUseException", &message);
    aws.settles(&stream);
    assert_eq!(list(&description(&aws, &stream)["Shards"]).len(), 3);
    assert_eq!(aws.texts(&stream, &shard_id(0)), ["meanwhile"]);
    assert_eq!(aws.put(&stream, "k", "later")["ShardId"], shard_id(2));
}

#[test]
fn deleting() {
    let aws = Server::start(&SLOW);
    let stream = aws.stream(1);
    aws.done("DeleteStream", json!({"StreamName": stream}));
    assert_eq!(description(&aws, &stream)["StreamStatus"], "DELETING");
    let put = json!({"StreamName": stream, "PartitionKey": "k", "Data": ""});
    aws.refuses("PutRecord", put, "ResourceNotFoundException", &no_stream(&stream));
    let taken = format!("Stream {stream} under account {ACCOUNT} already exists.");
    aws.refuses("CreateStream", json!({"StreamName": stream, "ShardCount": 1}), "ResourceInUseException", &taken);
    let input = json!({"StreamName": stream});
    until("it is gone", || aws.post("DescribeStream", input.to_string().as_bytes()).status == 400);
    aws.refuses("DescribeStream", input, "ResourceNotFoundException", &no_stream(&stream));
}
