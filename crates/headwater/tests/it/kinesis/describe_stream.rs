//! DescribeStream.
use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    calls::{list, members},
    kinds::Kind,
    sentences::{NAME_PATTERN, arn, less, longer, matching, more, shard_id, shorter},
    sequence::now_seconds,
    server::shared,
};

common_chapters!(
    "DescribeStream",
    [
        ("StreamName", Kind::Text),
        ("Limit", Kind::Integer),
        ("ExclusiveStartShardId", Kind::Text),
        ("StreamARN", Kind::Text)
    ],
    json!({})
);

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(129);
    for (member, value, constraint) in [
        ("Limit", json!(0), more(0, "limit", 1)),
        ("Limit", json!(10_001), less(10_001, "limit", 10_000)),
        ("ExclusiveStartShardId", json!("a;b"), matching("a;b", "exclusiveStartShardId", NAME_PATTERN)),
        ("ExclusiveStartShardId", json!(long), shorter(&long, "exclusiveStartShardId", 128)),
    ] {
        aws.violates("DescribeStream", json!({"StreamName": "x", member: value}), &[constraint]);
    }
    let input = json!({"StreamName": "x", "Limit": 0, "ExclusiveStartShardId": ""});
    let start = "exclusiveStartShardId";
    aws.violates(
        "DescribeStream",
        input,
        &[more(0, "limit", 1), longer("", start, 1), matching("", start, NAME_PATTERN)],
    );
}

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("DescribeStream", &json!({}));
}

#[test]
fn function_everything_about_a_new_stream() {
    let aws = shared();
    let stream = aws.stream(2);
    let answer = aws.ok("DescribeStream", json!({"StreamName": stream}));
    assert_eq!(members(&answer), ["StreamDescription"]);
    let mut description = answer["StreamDescription"].clone();
    let created = description["StreamCreationTimestamp"].as_f64().expect("a number of seconds");
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
    let age = now_seconds() as f64 - created;
    assert!(age.abs() < 10.0, "created now: {created}");
    let shards = list(&description["Shards"].take());
    assert_eq!(shards, aws.shards(&stream), "the shards are those of ListShards");
    description["StreamCreationTimestamp"].take();
    let expected = json!({
        "StreamName": stream,
        "StreamARN": arn(&stream),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "Shards": null,
        "HasMoreShards": false,
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": null,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
    });
    assert_eq!(description, expected);
}

#[test]
fn function_pages_of_shards() {
    let aws = shared();
    let stream = aws.stream(5);
    let page = |input: Value| {
        let description = aws.ok("DescribeStream", input)["StreamDescription"].clone();
        let ids: Vec<String> =
            list(&description["Shards"]).iter().map(|shard| crate::calls::text(&shard["ShardId"])).collect();
        (ids, description["HasMoreShards"] == true)
    };
    let ids = |from: u32, to: u32| (from..to).map(shard_id).collect::<Vec<_>>();
    assert_eq!(page(json!({"StreamARN": arn(&stream)})), (ids(0, 5), false));
    assert_eq!(page(json!({"StreamName": stream, "Limit": 2})), (ids(0, 2), true));
    assert_eq!(page(json!({"StreamName": stream, "Limit": 2.9})), (ids(0, 2), true), "fractions are cut off");
    let after = |shard: u32, limit: u32| {
        page(json!({"StreamName": stream, "Limit": limit, "ExclusiveStartShardId": shard_id(shard)}))
    };
    assert_eq!(after(1, 2), (ids(2, 4), true));
    assert_eq!(after(3, 2), (ids(4, 5), false));
    assert_eq!(after(2, 2), (ids(3, 5), false), "a page that ends with the last shard");
    assert_eq!(after(4, 2), (vec![], false));
}

#[test]
fn function_a_hundred_shards_a_page_unless_told() {
    let aws = shared();
    let stream = aws.stream(101);
    let first = aws.ok("DescribeStream", json!({"StreamName": stream}))["StreamDescription"].clone();
    assert_eq!((list(&first["Shards"]).len(), &first["HasMoreShards"]), (100, &json!(true)));
    let rest = json!({"StreamName": stream, "ExclusiveStartShardId": shard_id(99)});
    let rest = aws.ok("DescribeStream", rest)["StreamDescription"].clone();
    assert_eq!((list(&rest["Shards"]).len(), &rest["HasMoreShards"]), (1, &json!(false)));
}
