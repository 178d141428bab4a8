//! GetShardIterator.
use serde_json::json;

use super::violates;
use crate::server::shared;

#[test]
fn validation() {
    let aws = shared();
    let (_, arn) = aws.streaming_table("KEYS_ONLY");
    let input = |kind: &str| json!({"StreamArn": arn, "ShardId": "s".repeat(28), "ShardIteratorType": kind});
    violates(&aws, "GetShardIterator", input("HERE"), "Member must satisfy enum value set: ");
    let short = json!({"StreamArn": arn, "ShardId": "shardId-1", "ShardIteratorType": "LATEST"});
    violates(&aws, "GetShardIterator", short, "Value 'shardId-1' at 'shardId' failed to satisfy constraint");
    violates(&aws, "GetShardIterator", input("AT_SEQUENCE_NUMBER"), "SequenceNumber must be specified");
}

#[test]
fn function_a_shard_that_is_not_there() {
    let aws = shared();
    let (_, arn) = aws.streaming_table("KEYS_ONLY");
    let input = json!({"StreamArn": arn, "ShardId": "s".repeat(28), "ShardIteratorType": "LATEST"});
    assert_eq!(
        aws.stream_refusal("GetShardIterator", input)["message"],
        "Requested resource not found: Shard does not exist"
    );
}

#[test]
fn function_an_iterator_begins_with_its_streams_arn() {
    let aws = shared();
    let (_, arn) = aws.streaming_table("KEYS_ONLY");
    let iterator = aws.stream_iterator(&arn, "LATEST");
    assert!(iterator.starts_with(&format!("{arn}|1|AAAAAAAAAA")), "{iterator}");
}
