//! EnableEnhancedMonitoring and DisableEnhancedMonitoring.
use serde_json::json;

use super::common_chapters;
use crate::{kinds::Kind, sentences::not_null, server::shared};

common_chapters!(
    "EnableEnhancedMonitoring",
    [("StreamName", Kind::Text), ("StreamARN", Kind::Text)],
    json!({"ShardLevelMetrics": ["ALL"]})
);

#[test]
fn validation() {
    for operation in ["EnableEnhancedMonitoring", "DisableEnhancedMonitoring"] {
        shared().violates(operation, json!({"StreamName": "s"}), &[not_null("shardLevelMetrics")]);
        shared().misses_the_stream(operation, &json!({"ShardLevelMetrics": ["ALL"]}));
    }
}

#[test]
fn function_what_there_was_and_what_there_is_to_be() {
    let aws = shared();
    let stream = aws.stream(1);
    let input = |names: &[&str]| json!({"StreamName": stream, "ShardLevelMetrics": names});
    let told = aws.ok("EnableEnhancedMonitoring", input(&["OutgoingBytes", "IncomingBytes"]));
    assert_eq!(told["StreamName"], stream.as_str());
    assert_eq!(told["CurrentShardLevelMetrics"], json!([]));
    assert_eq!(told["DesiredShardLevelMetrics"], json!(["IncomingBytes", "OutgoingBytes"]));
    let told = aws.ok("DisableEnhancedMonitoring", input(&["IncomingBytes"]));
    assert_eq!(told["DesiredShardLevelMetrics"], json!(["OutgoingBytes"]));
    assert_eq!(aws.summary(&stream)["EnhancedMonitoring"], json!([{"ShardLevelMetrics": ["OutgoingBytes"]}]));
    aws.ok("DisableEnhancedMonitoring", input(&["ALL"]));
    assert_eq!(aws.summary(&stream)["EnhancedMonitoring"], json!([{"ShardLevelMetrics": []}]));
}
