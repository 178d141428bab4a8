//! SplitShard.
use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    calls::{in_stream, text},
    kinds::Kind,
    sentences::{
        HASH_KEY_PATTERN, NAME_PATTERN, arn, matching, no_stream, not_null, shard_id, shard_not_found, shorter,
    },
    sequence::Sequence,
    server::shared,
};

const MIDDLE: &str = "170141183460469231731687303715884105728";
const END: &str = "340282366920938463463374607431768211455";

common_chapters!(
    "SplitShard",
    [
        ("StreamName", Kind::Text),
        ("ShardToSplit", Kind::Text),
        ("NewStartingHashKey", Kind::Text),
        ("StreamARN", Kind::Text)
    ],
    json!({"ShardToSplit": shard_id(0), "NewStartingHashKey": "5"})
);

fn input(stream: &str, shard: &str, key: &str) -> Value {
    json!({"StreamName": stream, "ShardToSplit": shard, "NewStartingHashKey": key})
}

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(129);
    for (member, value, constraint) in [
        ("ShardToSplit", json!(null), not_null("shardToSplit")),
        ("ShardToSplit", json!("a;b"), matching("a;b", "shardToSplit", NAME_PATTERN)),
        ("ShardToSplit", json!(long), shorter(&long, "shardToSplit", 128)),
        ("NewStartingHashKey", json!(null), not_null("newStartingHashKey")),
        ("NewStartingHashKey", json!("00"), matching("00", "newStartingHashKey", HASH_KEY_PATTERN)),
    ] {
        let mut input = input("x", &shard_id(0), "5");
        input[member] = value;
        aws.violates("SplitShard", input, &[constraint]);
    }
    aws.violates("SplitShard", json!({"StreamName": "x"}), &[not_null("shardToSplit"), not_null("newStartingHashKey")]);
}

#[test]
fn function_the_shard_is_looked_at_before_the_stream() {
    let aws = shared();
    for shard in ["ABKLFD8", "shardId-2147483648", "shardId-2.14E4"] {
        let missing = shard_not_found(shard, "absent");
        aws.refuses("SplitShard", input("absent", shard, "5"), "ResourceNotFoundException", &missing);
    }
    let missing = no_stream("absent");
    aws.refuses("SplitShard", input("absent", "shard-0", "5"), "ResourceNotFoundException", &missing);
    let stream = aws.stream(1);
    let missing = shard_not_found("shardId-000000000005", &stream);
    aws.refuses("SplitShard", input(&stream, "shard-5", "5"), "ResourceNotFoundException", &missing);
}

#[test]
fn function_where_a_shard_cannot_be_split() {
    let aws = shared();
    let stream = aws.stream(2);
    let (first, second) = (("0", "170141183460469231731687303715884105727"), (MIDDLE, END));
    for (shard, key, (start, end)) in [
        (0, "0", first),
        (0, "1", first),
        (0, first.1, first),
        (0, MIDDLE, first),
        (1, "5", second),
        (1, MIDDLE, second),
        (1, "170141183460469231731687303715884105729", second),
        (1, END, second),
        (1, "340282366920938463463374607431768211456", second),
    ] {
        let message = format!(
            "NewStartingHashKey {key} used in SplitShard() on shard {} {} is not both greater than one plus the shard's \
             StartingHashKey {start} and less than the shard's EndingHashKey {end}.",
            shard_id(shard),
            in_stream(&stream),
        );
        aws.refuses("SplitShard", input(&stream, &shard_id(shard), key), "InvalidArgumentException", &message);
    }
    for (shard, key) in [(0, "2"), (1, "340282366920938463463374607431768211454")] {
        aws.done("SplitShard", input(&stream, &shard_id(shard), key));
        aws.settles(&stream);
    }
}

#[test]
fn function_a_parent_and_two_children() {
    let aws = shared();
    let stream = aws.stream(1);
    let old = text(&aws.put(&stream, "a", "old")["SequenceNumber"]);
    let arn = json!({"StreamARN": arn(&stream), "ShardToSplit": "shard-0", "NewStartingHashKey": MIDDLE});
    aws.done("SplitShard", arn);
    aws.settles(&stream);
    let shards = aws.shards(&stream);
    assert_eq!(shards.len(), 3);
    let range = |shard: usize, end: &str| text(&shards[shard]["SequenceNumberRange"][end]);
    let end = range(0, "EndingSequenceNumber");
    let (start, closed) = (Sequence::of(&range(0, "StartingSequenceNumber")), Sequence::of(&end));
    assert_eq!((closed.order, closed.born_seconds, closed.shard), (i64::MAX.unsigned_abs(), start.born_seconds, 0));
    assert!(end > old);
    let halves = [("0", "170141183460469231731687303715884105727"), (MIDDLE, END)];
    for ((index, half), shard) in (1..).zip(halves).zip(&shards[1..]) {
        let first = range(index as usize, "StartingSequenceNumber");
        let expected = json!({
            "ShardId": shard_id(index),
            "ParentShardId": shard_id(0),
            "HashKeyRange": {"StartingHashKey": half.0, "EndingHashKey": half.1},
            "SequenceNumberRange": {"StartingSequenceNumber": first},
        });
        assert_eq!(*shard, expected);
        let child = Sequence::of(&first);
        assert_eq!((child.born_seconds, child.order, child.shard), (closed.seconds + 1, 0, index));
        assert!(first > end, "children begin above their parent's end");
    }
}

#[test]
fn function_what_is_put_then_goes_to_the_children() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.put(&stream, "a", "old");
    aws.done("SplitShard", input(&stream, &shard_id(0), MIDDLE));
    aws.settles(&stream);
    let end = text(&aws.shards(&stream)[0]["SequenceNumberRange"]["EndingSequenceNumber"]);
    for (key, shard) in [("a", 1), ("b", 2)] {
        let put = aws.put(&stream, key, key);
        assert_eq!(put["ShardId"], shard_id(shard));
        assert!(text(&put["SequenceNumber"]) > end);
        let records = aws.drain(aws.iterator(&stream, &shard_id(shard), "TRIM_HORIZON"));
        let arrived = records[0]["ApproximateArrivalTimestamp"].as_f64().expect("seconds");
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
        let numbered = Sequence::of(&text(&put["SequenceNumber"])).seconds as f64;
        assert!((0.0..3.0).contains(&(arrived - numbered)), "arrived {arrived}, numbered {numbered}");
    }
    assert_eq!(aws.texts(&stream, &shard_id(0)), ["old"]);
}

#[test]
fn function_a_closed_shard_cannot_be_split() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.done("SplitShard", input(&stream, &shard_id(0), MIDDLE));
    aws.settles(&stream);
    let codes =
        ["InvalidArgumentException", "ResourceInUseException", "ResourceNotFoundException", "ValidationException"];
    aws.refuses_as("SplitShard", input(&stream, &shard_id(0), "5"), &codes);
    assert_eq!(aws.shards(&stream).len(), 3);
}

#[test]
fn function_the_shard_limit_holds() {
    let aws = crate::server::Server::start(&["--shard-limit", "2"]);
    let stream = aws.stream(2);
    let (code, body) = aws.error("SplitShard", &input(&stream, &shard_id(0), "5"));
    assert_eq!(code, "LimitExceededException");
    let head = "This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count for \
                the account: 2. Limit: 2. Number of additional shards that would have resulted from this request: 1.";
    assert!(text(&body["message"]).starts_with(head), "{body}");
}
