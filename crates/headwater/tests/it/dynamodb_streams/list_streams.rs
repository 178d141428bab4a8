//! ListStreams.
use serde_json::json;

use super::violates;
use crate::server::{Server, shared};

#[test]
fn validation() {
    let aws = shared();
    violates(&aws, "ListStreams", json!({"TableName": "a"}), "Member must have length greater than or equal to 3");
    violates(&aws, "ListStreams", json!({"Limit": 101}), "Member must have value less than or equal to 100");
}

#[test]
fn function_streams_come_page_by_page_and_outlive_their_tables() {
    let aws = Server::start(&[]);
    let mut arns: Vec<String> = (0..3).map(|_| aws.streaming_table("KEYS_ONLY").1).collect();
    arns.sort();
    let (gone, deleted) = aws.streaming_table("KEYS_ONLY");
    aws.put_item(&gone, "a", "1");
    aws.table_call("DeleteTable", json!({"TableName": gone}));
    let of_gone = aws.stream_call("ListStreams", json!({"TableName": gone}))["Streams"].clone();
    assert_eq!((&of_gone[0]["StreamArn"], &of_gone[0]["TableName"]), (&json!(deleted), &json!(gone)));
    arns.push(deleted);
    arns.sort();
    let (mut seen, mut start) = (Vec::new(), json!(null));
    loop {
        let page = aws.stream_call("ListStreams", json!({"Limit": 3, "ExclusiveStartStreamArn": start}));
        let streams = page["Streams"].as_array().expect("streams").clone();
        seen.extend(streams.iter().map(|stream| stream["StreamArn"].as_str().expect("an ARN").to_owned()));
        start = page["LastEvaluatedStreamArn"].clone();
        if start.is_null() {
            break;
        }
    }
    assert_eq!(seen, arns);
}
