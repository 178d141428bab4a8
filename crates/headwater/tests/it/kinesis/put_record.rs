//! PutRecord.
use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    calls::{base64, list, members, text},
    kinds::Kind,
    sentences::{ACCOUNT, HASH_KEY_PATTERN, SEQUENCE_PATTERN, arn, longer, matching, not_null, shard_id, shorter},
    sequence::{Sequence, now_seconds},
    server::shared,
};

const MEBIBYTE: usize = 1024 * 1024;

common_chapters!(
    "PutRecord",
    [
        ("StreamName", Kind::Text),
        ("Data", Kind::Blob),
        ("PartitionKey", Kind::Text),
        ("ExplicitHashKey", Kind::Text),
        ("SequenceNumberForOrdering", Kind::Text),
        ("StreamARN", Kind::Text),
        ("DryRun", Kind::Boolean)
    ],
    json!({"PartitionKey": "a", "Data": ""})
);

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(257);
    let (hash, order) = ("explicitHashKey", "sequenceNumberForOrdering");
    for (member, value, constraint) in [
        ("Data", json!(null), not_null("data")),
        ("PartitionKey", json!(""), longer("", "partitionKey", 1)),
        ("PartitionKey", json!(long), shorter(&long, "partitionKey", 256)),
        ("ExplicitHashKey", json!(""), matching("", hash, HASH_KEY_PATTERN)),
        ("ExplicitHashKey", json!("01"), matching("01", hash, HASH_KEY_PATTERN)),
        ("ExplicitHashKey", json!("1".repeat(40)), matching(&"1".repeat(40), hash, HASH_KEY_PATTERN)),
        ("SequenceNumberForOrdering", json!("-1"), matching("-1", order, SEQUENCE_PATTERN)),
        ("SequenceNumberForOrdering", json!("1".repeat(130)), matching(&"1".repeat(130), order, SEQUENCE_PATTERN)),
    ] {
        let mut input = json!({"StreamName": "x", "PartitionKey": "a", "Data": ""});
        input[member] = value;
        aws.violates("PutRecord", input, &[constraint]);
    }
}

#[test]
fn validation_of_what_is_too_large_for_every_stream() {
    let size = 10 * MEBIBYTE + 1;
    let input = json!({"StreamName": "x", "PartitionKey": "a", "Data": base64(&vec![0; size])});
    let blob = format!("java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]");
    shared().violates("PutRecord", input, &[shorter(&blob, "data", 10 * MEBIBYTE)]);
}

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("PutRecord", &json!({"PartitionKey": "a", "Data": ""}));
}

#[test]
fn function_hash_keys_end_at_two_to_the_128() {
    let aws = shared();
    let stream = aws.stream(2);
    let input = |key: &str| json!({"StreamName": stream, "PartitionKey": "a", "Data": "", "ExplicitHashKey": key});
    for key in ["340282366920938463463374607431768211456", "9".repeat(39).as_str()] {
        let message = format!(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {key}"
        );
        aws.refuses("PutRecord", input(key), "InvalidArgumentException", &message);
    }
    for (key, shard) in [
        ("0", 0),
        ("170141183460469231731687303715884105727", 0),
        ("170141183460469231731687303715884105728", 1),
        ("340282366920938463463374607431768211455", 1),
    ] {
        assert_eq!(aws.ok("PutRecord", input(key))["ShardId"], shard_id(shard), "{key}");
    }
}

#[test]
fn function_partition_keys_are_hashed_by_md5_of_their_utf8() {
    let aws = shared();
    let stream = aws.stream(3);
    for (key, shard) in [("a", 0), ("b", 1), ("c", 0), ("d", 1), ("e", 2), ("é", 1), ("日本", 0), ("🦀", 2)] {
        assert_eq!(aws.put(&stream, key, "")["ShardId"], shard_id(shard), "{key}");
    }
    let emoji = "🦀".repeat(128);
    assert!(text(&aws.put(&stream, &emoji, "")["ShardId"]).starts_with("shardId-"), "256 UTF-16 units are a key");
}

#[test]
fn function_the_answer_and_the_number_in_it() {
    let aws = shared();
    let stream = aws.stream(3);
    let shards = aws.shards(&stream);
    let answer = aws.ok("PutRecord", json!({"StreamARN": arn(&stream), "PartitionKey": "b", "Data": ""}));
    assert_eq!(members(&answer), ["SequenceNumber", "ShardId"]);
    let number = Sequence::of(&text(&answer["SequenceNumber"]));
    let start = text(&shards[1]["SequenceNumberRange"]["StartingSequenceNumber"]);
    assert_eq!((number.shard, number.born_seconds), (1, Sequence::of(&start).born_seconds));
    assert!(text(&answer["SequenceNumber"]) > start, "above the shard's start");
    assert!(number.seconds.abs_diff(now_seconds()) <= 5, "numbered now: {number:?}");
}

#[test]
fn function_numbers_rise() {
    let aws = shared();
    let stream = aws.stream(1);
    let numbers: Vec<String> = (0..20).map(|_| text(&aws.put(&stream, "a", "")["SequenceNumber"])).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

#[test]
fn function_the_number_for_ordering_must_be_one() {
    let aws = shared();
    let stream = aws.stream(1);
    let first = text(&aws.put(&stream, "a", "1")["SequenceNumber"]);
    let input = |number: &str| json!({"StreamName": stream, "PartitionKey": "a", "Data": "", "SequenceNumberForOrdering": number});
    let second = text(&aws.ok("PutRecord", input(&first))["SequenceNumber"]);
    assert!(second > first);
    let parts = Sequence::of(&first);
    let tomorrow = format!("{:08x}", parts.seconds + 86_400);
    for number in [parts.with(1, "fffffffff"), parts.with(11, "8"), parts.with(46, "3"), parts.with(30, &tomorrow)] {
        let message = format!(
            "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} under account {ACCOUNT} is invalid."
        );
        aws.refuses("PutRecord", input(&number), "InvalidArgumentException", &message);
    }
    assert_eq!(aws.texts(&stream, &shard_id(0)).len(), 2, "what is refused is not kept");
}

#[test]
fn function_empty_and_largest_data() {
    let aws = shared();
    let stream = aws.stream(1);
    let input = |size: usize| json!({"StreamName": stream, "PartitionKey": "a", "Data": base64(&vec![65; size])});
    aws.ok("PutRecord", input(0));
    aws.ok("PutRecord", input(MEBIBYTE));
    aws.refuses_as("PutRecord", input(MEBIBYTE + 1), &["InvalidArgumentException", "ValidationException"]);
    let sizes: Vec<usize> = aws.texts(&stream, &shard_id(0)).iter().map(String::len).collect();
    assert_eq!(sizes, [0, MEBIBYTE]);
}

#[test]
fn function_a_stream_may_take_larger_records() {
    let aws = shared();
    let stream = crate::calls::fresh("large");
    aws.done("CreateStream", json!({"StreamName": stream, "ShardCount": 1, "MaxRecordSizeInKiB": 10240}));
    aws.settles(&stream);
    let size = 10 * MEBIBYTE - 256;
    aws.ok("PutRecord", json!({"StreamName": stream, "PartitionKey": "a", "Data": base64(&vec![66; size])}));
    let sizes: Vec<usize> = aws.texts(&stream, &shard_id(0)).iter().map(String::len).collect();
    assert_eq!(sizes, [size]);
}

#[test]
fn function_a_dry_run_keeps_nothing() {
    let aws = shared();
    let stream = aws.stream(1);
    let input = json!({"StreamName": stream, "PartitionKey": "a", "Data": "", "DryRun": true});
    assert_eq!(aws.error("PutRecord", &input).0, "DryRunOperationException");
    let page: Value = aws.page(&aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON"));
    assert_eq!(list(&page["Records"]), Vec::<Value>::new());
}

#[test]
fn function_a_stream_may_do_without_partition_keys() {
    let aws = shared();
    let stream = crate::calls::fresh("auto");
    let mode = json!({"StreamMode": "ON_DEMAND"});
    let input = json!({"StreamName": stream, "StreamModeDetails": mode, "RecordDistributionStrategy": "AUTO"});
    aws.done("CreateStream", input);
    aws.settles(&stream);
    let put = aws.ok("PutRecord", json!({"StreamName": stream, "Data": base64(b"alone")}));
    assert_eq!(aws.texts(&stream, &text(&put["ShardId"])), ["alone"]);
}
