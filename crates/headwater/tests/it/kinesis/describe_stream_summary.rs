//! DescribeStreamSummary.
use serde_json::json;

use super::common_chapters;
use crate::{
    calls::members,
    kinds::Kind,
    sentences::{arn, shard_id},
    server::shared,
};

common_chapters!("DescribeStreamSummary", [("StreamName", Kind::Text), ("StreamARN", Kind::Text)], json!({}));

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("DescribeStreamSummary", &json!({}));
}

#[test]
fn function_what_the_model_requires_and_a_new_stream_has() {
    let aws = shared();
    let stream = aws.stream(3);
    let answer = aws.ok("DescribeStreamSummary", json!({"StreamARN": arn(&stream)}));
    assert_eq!(members(&answer), ["StreamDescriptionSummary"]);
    let summary = &answer["StreamDescriptionSummary"];
    for (member, value) in [
        ("StreamName", json!(stream)),
        ("StreamARN", json!(arn(&stream))),
        ("StreamStatus", json!("ACTIVE")),
        ("StreamModeDetails", json!({"StreamMode": "PROVISIONED"})),
        ("RetentionPeriodHours", json!(24)),
        ("EnhancedMonitoring", json!([{"ShardLevelMetrics": []}])),
        ("EncryptionType", json!("NONE")),
        ("OpenShardCount", json!(3)),
        ("ConsumerCount", json!(0)),
        ("MaxRecordSizeInKiB", json!(1024)),
    ] {
        assert_eq!(summary[member], value, "{member}");
    }
    assert!(summary["StreamCreationTimestamp"].is_number(), "{summary}");
    let absent = ["Shards", "HasMoreShards", "KeyId"];
    assert!(absent.iter().all(|member| summary.get(member).is_none()), "{summary}");
}

#[test]
fn function_closed_shards_are_not_counted() {
    let aws = shared();
    let stream = aws.stream(3);
    let pair = json!({"StreamName": stream, "ShardToMerge": shard_id(0), "AdjacentShardToMerge": shard_id(1)});
    aws.done("MergeShards", pair);
    aws.settles(&stream);
    assert_eq!(aws.summary(&stream)["OpenShardCount"], 2);
}

#[test]
fn function_no_stream_id_is_shown_as_the_sdks_would_leave_their_endpoint_for_it() {
    let aws = shared();
    let stream = aws.stream(1);
    let summary = aws.ok("DescribeStreamSummary", json!({"StreamName": stream}))["StreamDescriptionSummary"].clone();
    assert!(summary["StreamId"].is_null(), "{summary}");
    let put = json!({"StreamName": stream, "StreamId": "abcdefghij0123456789-abc", "PartitionKey": "k", "Data": ""});
    aws.ok("PutRecord", put);
}
