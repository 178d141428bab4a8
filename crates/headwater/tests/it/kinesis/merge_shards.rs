//! MergeShards.
use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    calls::{in_stream, text},
    kinds::Kind,
    sentences::{NAME_PATTERN, arn, longer, matching, no_stream, not_null, shard_id, shard_not_found, shorter},
    sequence::Sequence,
    server::shared,
};

common_chapters!(
    "MergeShards",
    [
        ("StreamName", Kind::Text),
        ("ShardToMerge", Kind::Text),
        ("AdjacentShardToMerge", Kind::Text),
        ("StreamARN", Kind::Text)
    ],
    json!({"ShardToMerge": shard_id(0), "AdjacentShardToMerge": shard_id(1)})
);

fn input(stream: &str, one: &str, other: &str) -> Value {
    json!({"StreamName": stream, "ShardToMerge": one, "AdjacentShardToMerge": other})
}

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(129);
    for (member, name) in [("ShardToMerge", "shardToMerge"), ("AdjacentShardToMerge", "adjacentShardToMerge")] {
        for (value, broken) in [
            (json!(null), vec![not_null(name)]),
            (json!(""), vec![matching("", name, NAME_PATTERN), longer("", name, 1)]),
            (json!("a;b"), vec![matching("a;b", name, NAME_PATTERN)]),
            (json!(long), vec![shorter(&long, name, 128)]),
        ] {
            let mut input = input("x", "shard-0", "shard-1");
            input[member] = value;
            aws.violates("MergeShards", input, &broken);
        }
    }
}

#[test]
fn function_the_shards_are_looked_at_before_the_stream() {
    let aws = shared();
    let refuses = |stream: &str, one: &str, other: &str, message: String| {
        aws.refuses("MergeShards", input(stream, one, other), "ResourceNotFoundException", &message);
    };
    refuses("absent", "ABKLFD8", "shard-0", shard_not_found("ABKLFD8", "absent"));
    refuses("absent", "shard-0", "shardId-2147483648", shard_not_found("shardId-2147483648", "absent"));
    refuses("absent", "shard-0", "shard-1", no_stream("absent"));
    let stream = aws.stream(2);
    refuses(&stream, "shard-5", "shard-1", shard_not_found(&shard_id(5), &stream));
    refuses(&stream, "shard-0", "shard-5", shard_not_found(&shard_id(5), &stream));
}

#[test]
fn function_neighbours_in_order_alone() {
    let aws = shared();
    let stream = aws.stream(3);
    for (one, other) in [(1, 0), (0, 2), (2, 0), (0, 0), (2, 1)] {
        let message = format!(
            "Shards {} and {} {} are not an adjacent pair of shards eligible for merging",
            shard_id(one),
            shard_id(other),
            in_stream(&stream)
        );
        let pair = input(&stream, &shard_id(one), &shard_id(other));
        aws.refuses("MergeShards", pair, "InvalidArgumentException", &message);
    }
}

#[test]
fn function_two_parents_and_a_child() {
    let aws = shared();
    let stream = aws.stream(3);
    aws.put(&stream, "b", "old");
    let pair = json!({"StreamARN": arn(&stream), "ShardToMerge": "shard-1", "AdjacentShardToMerge": "shard-2"});
    aws.done("MergeShards", pair);
    aws.settles(&stream);
    let shards = aws.shards(&stream);
    assert_eq!(shards.len(), 4);
    let closed = |shard: usize| Sequence::of(&text(&shards[shard]["SequenceNumberRange"]["EndingSequenceNumber"]));
    let (one, other) = (closed(1), closed(2));
    assert_eq!((one.order, other.order), (i64::MAX.unsigned_abs(), i64::MAX.unsigned_abs()));
    assert_eq!(one.seconds, other.seconds, "closed at the same time");
    assert!(shards[0]["SequenceNumberRange"].get("EndingSequenceNumber").is_none(), "the third is open");
    let first = text(&shards[3]["SequenceNumberRange"]["StartingSequenceNumber"]);
    let expected = json!({
        "ShardId": shard_id(3),
        "ParentShardId": shard_id(1),
        "AdjacentParentShardId": shard_id(2),
        "HashKeyRange": {
            "StartingHashKey": "113427455640312821154458202477256070485",
            "EndingHashKey": "340282366920938463463374607431768211455",
        },
        "SequenceNumberRange": {"StartingSequenceNumber": first},
    });
    assert_eq!(shards[3], expected);
    let child = Sequence::of(&first);
    assert_eq!((child.born_seconds, child.order, child.shard), (one.seconds + 1, 0, 3));
    assert_eq!(aws.put(&stream, "b", "new")["ShardId"], shard_id(3));
    assert_eq!(
        (aws.texts(&stream, &shard_id(1)), aws.texts(&stream, &shard_id(3))),
        (vec!["old".into()], vec!["new".into()])
    );
}

#[test]
fn function_closed_shards_cannot_be_merged() {
    let aws = shared();
    let stream = aws.stream(2);
    aws.done("MergeShards", input(&stream, "shard-0", "shard-1"));
    aws.settles(&stream);
    let codes =
        ["InvalidArgumentException", "ResourceInUseException", "ResourceNotFoundException", "ValidationException"];
    aws.refuses_as("MergeShards", input(&stream, "shard-0", "shard-1"), &codes);
    assert_eq!(aws.shards(&stream).len(), 3);
}

#[test]
fn function_a_merge_needs_no_room_under_the_shard_limit() {
    let aws = crate::server::Server::start(&["--shard-limit", "2"]);
    let stream = aws.stream(2);
    aws.done("MergeShards", input(&stream, "shard-0", "shard-1"));
    aws.settles(&stream);
    assert_eq!(aws.ok("DescribeLimits", json!({}))["OpenShardCount"], 1);
}
