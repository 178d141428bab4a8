//! GetRecords.
use serde_json::json;

use super::violates;
use crate::server::{Server, shared};

#[test]
fn validation() {
    let aws = shared();
    violates(&aws, "GetRecords", json!({}), "Value null at 'shardIterator' failed to satisfy constraint");
    violates(&aws, "GetRecords", json!({"ShardIterator": "x"}), "Invalid ShardIterator");
    let many = json!({"ShardIterator": "x", "Limit": 1001});
    violates(&aws, "GetRecords", many, "Member must have value less than or equal to 1000");
}

#[test]
fn function_what_happened_to_a_table_is_read_in_order() {
    let aws = shared();
    let (table, arn) = aws.streaming_table("NEW_AND_OLD_IMAGES");
    let latest = aws.stream_iterator(&arn, "LATEST");
    for value in ["1", "2", "2"] {
        aws.put_item(&table, "a", value);
    }
    aws.table_call("DeleteItem", json!({"TableName": table, "Key": {"k": {"S": "a"}}}));
    let page = aws.stream_page(&latest);
    let records = page["Records"].as_array().expect("records");
    let names: Vec<_> = records.iter().map(|record| record["eventName"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["INSERT", "MODIFY", "REMOVE"]);
    assert_eq!(records[1]["dynamodb"]["OldImage"], json!({"k": {"S": "a"}, "v": {"S": "1"}}));
    assert_eq!(records[2]["dynamodb"].get("NewImage"), None);
    assert_eq!(records[0]["awsRegion"], "us-east-1", "the server's, whatever the caller signed for");
    assert!(records[0]["dynamodb"]["ApproximateCreationDateTime"].is_u64(), "whole seconds");
    let numbers: Vec<_> =
        records.iter().map(|record| record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()).collect();
    assert!(numbers.is_sorted() && numbers.iter().all(|number| number.len() == 21), "{numbers:?}");
    let next = page["NextShardIterator"].as_str().expect("the shard is open");
    let empty = aws.stream_page(next);
    assert!(empty["Records"] == json!([]) && empty["NextShardIterator"].is_string());
}

#[test]
fn function_records_outlive_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let aws = Server::on(folder.path(), &[]);
    let (table, arn) = aws.streaming_table("NEW_IMAGE");
    aws.put_item(&table, "a", "1");
    let iterator = aws.stream_iterator(&arn, "TRIM_HORIZON");
    let page = aws.stream_page(&iterator);
    aws.kill();
    let aws = Server::on(folder.path(), &[]);
    assert_eq!(aws.stream_page(&iterator)["Records"], page["Records"]);
    let held = aws.table_call("GetItem", json!({"TableName": table, "Key": {"k": {"S": "a"}}}));
    assert_eq!(held["Item"]["v"]["S"], "1");
}

#[test]
fn function_expired_items_are_removed_by_the_service() {
    let aws = Server::start(&["--expiry-sweep-ms", "50"]);
    let (table, arn) = aws.streaming_table("KEYS_ONLY");
    let specification = json!({"Enabled": true, "AttributeName": "end"});
    aws.table_call("UpdateTimeToLive", json!({"TableName": table, "TimeToLiveSpecification": specification}));
    let past = (crate::sequence::now_seconds() - 60).to_string();
    aws.table_call("PutItem", json!({"TableName": table, "Item": {"k": {"S": "a"}, "end": {"N": past}}}));
    let iterator = aws.stream_iterator(&arn, "TRIM_HORIZON");
    crate::calls::until("the item is gone", || {
        aws.stream_page(&iterator)["Records"].as_array().is_some_and(|records| records.len() == 2)
    });
    let removed = aws.stream_page(&iterator)["Records"][1].clone();
    assert_eq!(removed["userIdentity"], json!({"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}));
}
