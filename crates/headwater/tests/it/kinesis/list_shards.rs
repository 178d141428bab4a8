//! ListShards.
use std::{thread, time::Duration};

use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    calls::{list, members, text},
    kinds::Kind,
    sentences::{NAME_PATTERN, arn, less, longer, matching, more, not_null, one_of, shard_id, shorter},
    sequence::now_seconds,
    server::{Server, shared},
};

common_chapters!(
    "ListShards",
    [
        ("StreamName", Kind::Text),
        ("NextToken", Kind::Text),
        ("ExclusiveStartShardId", Kind::Text),
        ("MaxResults", Kind::Integer),
        ("StreamCreationTimestamp", Kind::Timestamp),
        (
            "ShardFilter",
            Kind::Structure(&[("Type", Kind::Text), ("ShardId", Kind::Text), ("Timestamp", Kind::Timestamp)])
        ),
        ("StreamARN", Kind::Text)
    ],
    json!({})
);

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(129);
    let start = "exclusiveStartShardId";
    let types = "AFTER_SHARD_ID, AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, FROM_TIMESTAMP";
    for (member, value, constraint) in [
        ("MaxResults", json!(0), more(0, "maxResults", 1)),
        ("MaxResults", json!(10_001), less(10_001, "maxResults", 10_000)),
        ("ExclusiveStartShardId", json!("a;b"), matching("a;b", start, NAME_PATTERN)),
        ("ExclusiveStartShardId", json!(long), shorter(&long, start, 128)),
        ("ShardFilter", json!({}), not_null("shardFilter.type")),
        (
            "ShardFilter",
            json!({"Type": "AT_LATEST", "ShardId": "a;b"}),
            matching("a;b", "shardFilter.shardId", NAME_PATTERN),
        ),
    ] {
        aws.violates("ListShards", json!({"StreamName": "x", member: value}), &[constraint]);
    }
    aws.violates("ListShards", json!({"NextToken": ""}), &[longer("", "nextToken", 1)]);
    let (code, body) = aws.error("ListShards", &json!({"StreamName": "x", "ShardFilter": {"Type": "ALL"}}));
    // The order of that set is not on record.
    let head = one_of("ALL", "shardFilter.type", types);
    let head = head.split('[').next().expect("a text before the set");
    assert_eq!(code, "ValidationException");
    assert!(text(&body["message"]).contains(head), "{body}");
}

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("ListShards", &json!({}));
}

#[test]
fn function_a_name_or_a_token() {
    let aws = shared();
    let neither = "Either NextToken or StreamName should be provided.";
    let both = "NextToken and StreamName cannot be provided together.";
    aws.refuses("ListShards", json!({}), "InvalidArgumentException", neither);
    aws.refuses("ListShards", json!({"MaxResults": 3}), "InvalidArgumentException", neither);
    aws.refuses("ListShards", json!({"StreamName": "x", "NextToken": "y"}), "InvalidArgumentException", both);
    let codes = ["InvalidArgumentException", "ExpiredNextTokenException", "ValidationException"];
    aws.refuses_as("ListShards", json!({"NextToken": "nothing of the sort"}), &codes);
}

fn ids(page: &Value) -> Vec<String> {
    list(&page["Shards"]).iter().map(|shard| text(&shard["ShardId"])).collect()
}

fn numbered(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(shard_id).collect()
}

#[test]
fn function_all_shards_and_nothing_else() {
    let aws = shared();
    let stream = aws.stream(3);
    let page = aws.ok("ListShards", json!({"StreamARN": arn(&stream)}));
    assert_eq!(members(&page), ["Shards"]);
    assert_eq!(ids(&page), numbered(0..3));
    let after = json!({"StreamName": stream, "ExclusiveStartShardId": shard_id(1)});
    assert_eq!(ids(&aws.ok("ListShards", after)), numbered(2..3));
}

#[test]
fn function_pages_follow_the_token_alone() {
    let aws = shared();
    let stream = aws.stream(7);
    let mut page = aws.ok("ListShards", json!({"StreamName": stream, "MaxResults": 3}));
    let mut seen = vec![ids(&page)];
    while let Some(token) = page["NextToken"].as_str() {
        page = aws.ok("ListShards", json!({"NextToken": token, "MaxResults": 3}));
        seen.push(ids(&page));
    }
    assert_eq!(seen, [numbered(0..3), numbered(3..6), numbered(6..7)]);
    let whole = aws.ok("ListShards", json!({"StreamName": stream, "MaxResults": 7}));
    assert!(whole.get("NextToken").is_none(), "nothing follows: {whole}");
}

#[test]
fn function_a_token_keeps_what_it_was_asked_with() {
    let aws = shared();
    let stream = split(&aws);
    let filter = json!({"Type": "AT_LATEST"});
    let first = aws.ok("ListShards", json!({"StreamName": stream, "MaxResults": 2, "ShardFilter": filter}));
    assert_eq!(ids(&first), numbered(1..3));
    let rest = aws.ok("ListShards", json!({"NextToken": first["NextToken"]}));
    assert_eq!(ids(&rest), numbered(3..4));
    let start = json!({"StreamName": stream, "MaxResults": 1, "ExclusiveStartShardId": shard_id(0)});
    let first = aws.ok("ListShards", start);
    let rest = aws.ok("ListShards", json!({"NextToken": first["NextToken"]}));
    assert_eq!((ids(&first), ids(&rest)), (numbered(1..2), numbered(2..4)));
}

/// A stream of two shards whose first is split: 0 is closed, 1, 2 and 3 are open.
fn split(aws: &Server) -> String {
    let stream = aws.stream(2);
    let input = json!({"StreamName": stream, "ShardToSplit": shard_id(0), "NewStartingHashKey": "1000"});
    aws.done("SplitShard", input);
    aws.settles(&stream);
    stream
}

#[test]
fn function_filters() {
    let aws = shared();
    let stream = split(&aws);
    // The children's first second begins one after the parent's last.
    thread::sleep(Duration::from_millis(2100));
    let filtered = |filter: Value| ids(&aws.ok("ListShards", json!({"StreamName": stream, "ShardFilter": filter})));
    let now = now_seconds();
    for (filter, expected) in [
        (json!({"Type": "AT_LATEST"}), numbered(1..4)),
        (json!({"Type": "AT_TRIM_HORIZON"}), numbered(0..2)),
        (json!({"Type": "FROM_TRIM_HORIZON"}), numbered(0..4)),
        (json!({"Type": "AFTER_SHARD_ID", "ShardId": shard_id(1)}), numbered(2..4)),
        (json!({"Type": "AFTER_SHARD_ID", "ShardId": shard_id(3)}), vec![]),
        (json!({"Type": "AT_TIMESTAMP", "Timestamp": 1}), numbered(0..2)),
        (json!({"Type": "AT_TIMESTAMP", "Timestamp": now}), numbered(1..4)),
        (json!({"Type": "FROM_TIMESTAMP", "Timestamp": 1.5}), numbered(0..4)),
        (json!({"Type": "FROM_TIMESTAMP", "Timestamp": now}), numbered(1..4)),
    ] {
        assert_eq!(filtered(filter.clone()), expected, "{filter}");
    }
}

#[test]
fn function_filters_need_their_argument() {
    let aws = shared();
    let stream = aws.stream(1);
    for kind in ["AFTER_SHARD_ID", "AT_TIMESTAMP", "FROM_TIMESTAMP"] {
        let input = json!({"StreamName": stream, "ShardFilter": {"Type": kind}});
        aws.refuses_as("ListShards", input, &["InvalidArgumentException", "ValidationException"]);
    }
}

#[test]
fn function_the_creation_time_tells_namesakes_apart() {
    let aws = shared();
    let stream = aws.stream(1);
    let created = aws.summary(&stream)["StreamCreationTimestamp"].clone();
    let input = json!({"StreamName": stream, "StreamCreationTimestamp": created});
    assert_eq!(ids(&aws.ok("ListShards", input)), numbered(0..1));
}
