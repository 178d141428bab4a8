//! DescribeStream.
use serde_json::json;

use super::violates;
use crate::server::{Server, shared};

#[test]
fn validation() {
    let aws = shared();
    violates(
        &aws,
        "DescribeStream",
        json!({}),
        "Value null at 'streamArn' failed to satisfy constraint: Member must not be null",
    );
    violates(
        &aws,
        "DescribeStream",
        json!({"StreamArn": "short"}),
        "Member must have length greater than or equal to 37",
    );
    let long = json!({"StreamArn": "a".repeat(50), "Limit": 0});
    violates(&aws, "DescribeStream", long, "Member must have value greater than or equal to 1");
    violates(&aws, "DescribeStream", json!({"StreamArn": "a".repeat(50)}), "Invalid StreamArn");
}

#[test]
fn function_a_stream_and_its_first_shard() {
    let aws = shared();
    let (table, arn) = aws.streaming_table("NEW_IMAGE");
    let told = aws.stream_call("DescribeStream", json!({"StreamArn": arn}))["StreamDescription"].clone();
    let label = arn.rsplit('/').next().expect("a label");
    assert_eq!(arn, format!("arn:aws:dynamodb:us-east-1:000000000000:table/{table}/stream/{label}"));
    assert_eq!((label.len(), &label[10..11]), (23, "T"), "{label}");
    for (member, value) in [
        ("StreamArn", json!(arn)),
        ("StreamLabel", json!(label)),
        ("StreamStatus", json!("ENABLED")),
        ("StreamViewType", json!("NEW_IMAGE")),
        ("TableName", json!(table)),
        ("KeySchema", json!([{"AttributeName": "k", "KeyType": "HASH"}])),
    ] {
        assert_eq!(told[member], value, "{member}");
    }
    assert!(told["CreationRequestDateTime"].is_number() && told.get("LastEvaluatedShardId").is_none());
    let shards = told["Shards"].as_array().expect("shards");
    assert_eq!(shards.len(), 1);
    let id = shards[0]["ShardId"].as_str().expect("an id");
    assert!(id.starts_with("shardId-0000000") && id.len() == 37, "{id}");
    let range = shards[0]["SequenceNumberRange"].as_object().expect("a range");
    assert_eq!((range["StartingSequenceNumber"].as_str().map(str::len), range.len()), (Some(21), 1));
}

#[test]
fn function_a_stream_that_is_not_there() {
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/absent/stream/2026-01-01T00:00:00.000";
    let told = shared().stream_refusal("DescribeStream", json!({"StreamArn": arn}));
    let expected = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
        "message": format!("Requested resource not found: Stream: {arn} not found"),
    });
    assert_eq!(told, expected);
}

#[test]
fn function_shards_roll_into_children() {
    let aws = Server::start(&["--stream-shard-ms", "50"]);
    let (table, arn) = aws.streaming_table("KEYS_ONLY");
    aws.put_item(&table, "a", "1");
    crate::calls::until("the shard has rolled", || aws.stream_shards(&arn).len() >= 2);
    let shards = aws.stream_shards(&arn);
    assert_eq!(shards[1]["ParentShardId"], shards[0]["ShardId"]);
    assert!(shards[0]["SequenceNumberRange"]["EndingSequenceNumber"].is_string());
    let filter = json!({"Type": "CHILD_SHARDS", "ShardId": shards[0]["ShardId"]});
    let told = aws.stream_call("DescribeStream", json!({"StreamArn": arn, "ShardFilter": filter}));
    assert_eq!(told["StreamDescription"]["Shards"][0]["ShardId"], shards[1]["ShardId"]);
}
