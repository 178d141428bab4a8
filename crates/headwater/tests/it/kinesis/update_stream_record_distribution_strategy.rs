//! UpdateStreamRecordDistributionStrategy.
use serde_json::json;

use crate::{
    kinds::Kind,
    sentences::{arn, not_null, one_of},
    server::shared,
};

const OPERATION: &str = "UpdateStreamRecordDistributionStrategy";

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    shared().refuses_other_kinds(OPERATION, &[("StreamARN", Kind::Text), ("StreamId", Kind::Text)]);
}

#[test]
fn validation() {
    let aws = shared();
    aws.violates(OPERATION, json!({}), &[not_null("streamARN"), not_null("recordDistributionStrategy")]);
    aws.violates(
        OPERATION,
        json!({"StreamARN": arn("s"), "RecordDistributionStrategy": "X"}),
        &[one_of("X", "recordDistributionStrategy", "AUTO, USER_PARTITION_KEY")],
    );
}

#[test]
fn function_records_without_a_key_go_to_all_shards() {
    let aws = shared();
    let provisioned = aws.stream(1);
    let auto = |stream: &str| json!({"StreamARN": arn(stream), "RecordDistributionStrategy": "AUTO"});
    let only = "RecordDistributionStrategy is only supported for streams in On-Demand mode.";
    aws.refuses(OPERATION, auto(&provisioned), "ValidationException", only);
    let stream = crate::calls::fresh("auto");
    aws.done("CreateStream", json!({"StreamName": stream}));
    aws.settles(&stream);
    aws.done(OPERATION, auto(&stream));
    let records = vec![json!({"Data": "ZA=="}); 40];
    let placed = aws.ok("PutRecords", json!({"StreamName": stream, "Records": records}));
    for shard in 0..4 {
        let shard = format!("shardId-{shard:012}");
        let there =
            placed["Records"].as_array().expect("a list").iter().filter(|placed| placed["ShardId"] == shard.as_str());
        assert!(there.count() >= 8, "{shard}: {placed}");
    }
}
