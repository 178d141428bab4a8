//! UpdateShardCount.
use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    calls::text,
    kinds::Kind,
    sentences::{arn, more, not_null, one_of, shard_id},
    server::{Server, shared},
};

common_chapters!(
    "UpdateShardCount",
    [
        ("StreamName", Kind::Text),
        ("TargetShardCount", Kind::Integer),
        ("ScalingType", Kind::Text),
        ("StreamARN", Kind::Text)
    ],
    json!({"TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"})
);

fn input(stream: &str, target: u32) -> Value {
    json!({"StreamName": stream, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"})
}

#[test]
fn validation() {
    let aws = shared();
    for (member, value, constraint) in [
        ("TargetShardCount", json!(null), not_null("targetShardCount")),
        ("TargetShardCount", json!(0), more(0, "targetShardCount", 1)),
        ("ScalingType", json!(null), not_null("scalingType")),
        ("ScalingType", json!("SOME"), one_of("SOME", "scalingType", "UNIFORM_SCALING")),
    ] {
        let mut input = input("x", 2);
        input[member] = value;
        aws.violates("UpdateShardCount", input, &[constraint]);
    }
}

#[test]
fn function_a_stream_that_is_not_there() {
    let rest = json!({"TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"});
    shared().misses_the_stream("UpdateShardCount", &rest);
}

#[test]
fn function_at_most_double_and_at_least_half() {
    let aws = shared();
    let stream = aws.stream(4);
    for target in [9, 1] {
        let codes = ["LimitExceededException", "InvalidArgumentException", "ValidationException"];
        aws.refuses_as("UpdateShardCount", input(&stream, target), &codes);
    }
    assert_eq!(aws.shards(&stream).len(), 4, "a refused call changes nothing");
}

/// The open shards' ranges, in order.
fn open(aws: &Server, stream: &str) -> Vec<(u128, u128)> {
    let key = |shard: &Value, end: &str| text(&shard["HashKeyRange"][end]).parse::<u128>().expect("128 bits");
    let shards = aws.shards(stream);
    let open = shards.iter().filter(|shard| shard["SequenceNumberRange"].get("EndingSequenceNumber").is_none());
    let mut ranges: Vec<_> = open.map(|shard| (key(shard, "StartingHashKey"), key(shard, "EndingHashKey"))).collect();
    ranges.sort_unstable();
    ranges
}

#[test]
fn function_the_key_space_is_shared_evenly() {
    let aws = shared();
    for (from, to) in [(2, 4), (4, 2), (2, 3), (3, 2), (1, 2), (5, 7)] {
        let stream = aws.stream(from);
        aws.put(&stream, "a", "old");
        let answer = aws.ok("UpdateShardCount", input(&stream, to));
        for (member, value) in [
            ("StreamName", json!(stream)),
            ("CurrentShardCount", json!(from)),
            ("TargetShardCount", json!(to)),
            ("StreamARN", json!(arn(&stream))),
        ] {
            assert_eq!(answer[member], value, "{member}");
        }
        aws.settles(&stream);
        let ranges = open(&aws, &stream);
        assert_eq!(ranges.len(), to as usize, "{from} to {to}: {ranges:?}");
        assert_eq!((ranges[0].0, ranges[ranges.len() - 1].1), (0, u128::MAX), "{from} to {to}");
        assert!(ranges.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "{from} to {to}: no gap: {ranges:?}");
        let even = u128::MAX / u128::from(to);
        let uneven = ranges.iter().any(|(start, end)| (end - start).abs_diff(even) > u128::from(to));
        assert!(!uneven, "{from} to {to}: {ranges:?}");
        assert_eq!(aws.summary(&stream)["OpenShardCount"], to);
        let put = aws.put(&stream, "a", "new");
        let shard = text(&put["ShardId"]);
        assert!(aws.texts(&stream, &shard).contains(&"new".to_owned()), "{from} to {to}");
        let all: Vec<String> =
            aws.shards(&stream).iter().flat_map(|shard| aws.texts(&stream, &text(&shard["ShardId"]))).collect();
        assert_eq!(all, ["old", "new"], "{from} to {to}: nothing is lost");
    }
}

#[test]
fn function_parents_and_children_are_linked() {
    let aws = shared();
    let stream = aws.stream(2);
    aws.ok(
        "UpdateShardCount",
        json!({"StreamARN": arn(&stream), "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"}),
    );
    aws.settles(&stream);
    let shards = aws.shards(&stream);
    for parent in [0, 1] {
        let end = text(&shards[parent]["SequenceNumberRange"]["EndingSequenceNumber"]);
        let id = shard_id(u32::try_from(parent).expect("small"));
        let children: Vec<&Value> = shards.iter().filter(|shard| shard["ParentShardId"] == id).collect();
        assert_eq!(children.len(), 2, "{shards:?}");
        assert!(children.iter().all(|child| text(&child["SequenceNumberRange"]["StartingSequenceNumber"]) > end));
    }
}

#[test]
fn function_the_same_count_changes_nothing() {
    let aws = shared();
    let stream = aws.stream(2);
    let reply = aws.post("UpdateShardCount", input(&stream, 2).to_string().as_bytes());
    assert!(reply.status < 500, "{}", reply.text());
    aws.settles(&stream);
    assert_eq!(open(&aws, &stream).len(), 2);
}
