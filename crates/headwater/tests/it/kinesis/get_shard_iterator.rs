//! GetShardIterator.
use std::{thread, time::Duration};

use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    calls::{data, in_stream, members, text},
    kinds::Kind,
    sentences::shard_not_found,
    sentences::{
        NAME_PATTERN, SEQUENCE_PATTERN, arn, longer, matching, no_such_shard, not_null, one_of, shard_id, shorter,
    },
    sequence::{Sequence, now_seconds},
    server::{Server, shared},
};

const TYPES: &str = "AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON";

common_chapters!(
    "GetShardIterator",
    [
        ("StreamName", Kind::Text),
        ("ShardId", Kind::Text),
        ("ShardIteratorType", Kind::Text),
        ("StartingSequenceNumber", Kind::Text),
        ("Timestamp", Kind::Timestamp),
        ("StreamARN", Kind::Text),
        ("DryRun", Kind::Boolean)
    ],
    json!({"ShardId": shard_id(0), "ShardIteratorType": "LATEST"})
);

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(129);
    let number = "startingSequenceNumber";
    for (member, value, constraint) in [
        ("ShardId", json!(null), not_null("shardId")),
        ("ShardId", json!("a;b"), matching("a;b", "shardId", NAME_PATTERN)),
        ("ShardId", json!(long), shorter(&long, "shardId", 128)),
        ("ShardIteratorType", json!(null), not_null("shardIteratorType")),
        ("ShardIteratorType", json!("HERE"), one_of("HERE", "shardIteratorType", TYPES)),
        ("StartingSequenceNumber", json!(""), matching("", number, SEQUENCE_PATTERN)),
        ("StartingSequenceNumber", json!("00"), matching("00", number, SEQUENCE_PATTERN)),
        ("StartingSequenceNumber", json!("-1"), matching("-1", number, SEQUENCE_PATTERN)),
        ("StartingSequenceNumber", json!("1".repeat(130)), matching(&"1".repeat(130), number, SEQUENCE_PATTERN)),
    ] {
        let mut input = json!({"StreamName": "x", "ShardId": shard_id(0), "ShardIteratorType": "LATEST"});
        input[member] = value;
        aws.violates("GetShardIterator", input, &[constraint]);
    }
    let input = json!({"StreamName": "x", "ShardId": "", "ShardIteratorType": ""});
    let broken =
        [matching("", "shardId", NAME_PATTERN), longer("", "shardId", 1), one_of("", "shardIteratorType", TYPES)];
    aws.violates("GetShardIterator", input, &broken);
}

fn latest(stream: &str, shard: &str) -> Value {
    json!({"StreamName": stream, "ShardId": shard, "ShardIteratorType": "LATEST"})
}

#[test]
fn function_names_that_are_no_shards() {
    let aws = shared();
    let stream = aws.stream(1);
    for shard in ["ABKLFD8", "shardId-", "shardId--1", "shardId-2.14E4", "shardId-2147483648", "shardId-a"] {
        for stream in [stream.as_str(), "absent"] {
            let missing = shard_not_found(shard, stream);
            aws.refuses("GetShardIterator", latest(stream, shard), "ResourceNotFoundException", &missing);
        }
    }
}

#[test]
fn function_shards_that_are_not_there() {
    let aws = shared();
    let stream = aws.stream(1);
    for (stream, given, meant) in [
        (stream.as_str(), "shardId-000000000005", "shardId-000000000005"),
        (stream.as_str(), "shard-5", "shardId-000000000005"),
        (stream.as_str(), "-00002147483647", "shardId-002147483647"),
        ("absent", "shardId-000000000000", "shardId-000000000000"),
        ("absent", "5-00005", "shardId-000000000005"),
    ] {
        let missing = no_such_shard(meant, stream);
        aws.refuses("GetShardIterator", latest(stream, given), "ResourceNotFoundException", &missing);
    }
}

#[test]
fn function_shards_may_be_named_freely() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.put(&stream, "a", "x");
    for shard in ["shardId-000000000000", "shard-0", "anything-0", "-0"] {
        assert_eq!(aws.texts(&stream, shard), ["x"], "{shard}");
    }
}

#[test]
fn function_the_form_of_an_iterator() {
    let aws = shared();
    for name in ["a".to_owned(), "b".repeat(128)] {
        aws.done("CreateStream", json!({"StreamName": name, "ShardCount": 1}));
        aws.settles(&name);
        let answer = aws.ok(
            "GetShardIterator",
            json!({"StreamARN": arn(&name), "ShardId": shard_id(0), "ShardIteratorType": "LATEST"}),
        );
        assert_eq!(members(&answer), ["ShardIterator"]);
        let iterator = text(&answer["ShardIterator"]);
        assert!(iterator.len() <= 512, "{} characters", iterator.len());
        let bytes = base64_simd::STANDARD.decode_to_vec(&iterator).expect("standard base64");
        assert_eq!(bytes[..8], [0, 0, 0, 0, 0, 0, 0, 1], "a version of eight bytes");
        assert_eq!(bytes.len() % 16, 152 % 16, "eight bytes and whole blocks: {}", bytes.len());
    }
}

#[test]
fn function_which_type_takes_what() {
    let aws = shared();
    let stream = aws.stream(1);
    let number = text(&aws.put(&stream, "a", "x")["SequenceNumber"]);
    let rule = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or \
                (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified";
    let input = |kind: &str| json!({"StreamName": stream, "ShardId": shard_id(0), "ShardIteratorType": kind});
    for kind in ["LATEST", "TRIM_HORIZON"] {
        let mut input = input(kind);
        input["StartingSequenceNumber"] = json!(number);
        let message = format!("{rule} {kind} and also a StartingSequenceNumber.");
        aws.refuses("GetShardIterator", input, "InvalidArgumentException", &message);
    }
    for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
        let message = format!("{rule} {kind} and no StartingSequenceNumber.");
        aws.refuses("GetShardIterator", input(kind), "InvalidArgumentException", &message);
    }
    let no_time = "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no \
                   timestamp parameter.";
    aws.refuses("GetShardIterator", input("AT_TIMESTAMP"), "InvalidArgumentException", no_time);
}

#[test]
fn function_a_time_to_come() {
    let aws = shared();
    let stream = aws.stream(1);
    let mut input = latest(&stream, &shard_id(0));
    input["ShardIteratorType"] = json!("AT_TIMESTAMP");
    let time = now_seconds() + 100;
    input["Timestamp"] = json!(time);
    let message = aws.refuses_as("GetShardIterator", input, &["InvalidArgumentException"]);
    let head = format!(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: {}, \
         currentTimestampInMillis: ",
        time * 1000
    );
    let now: u64 = message.strip_prefix(&head).unwrap_or_else(|| panic!("{message}")).parse().expect("milliseconds");
    assert!((now / 1000).abs_diff(now_seconds()) <= 10, "{message}");
}

fn at(stream: &str, number: &str) -> Value {
    json!({
        "StreamName": stream,
        "ShardId": shard_id(0),
        "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "StartingSequenceNumber": number,
    })
}

#[test]
fn function_numbers_of_other_shards_and_streams() {
    let aws = shared();
    let stream = aws.stream(1);
    let number = Sequence::of(&text(&aws.put(&stream, "a", "x")["SequenceNumber"]));
    let mut fifth = number.clone();
    fifth.hex.replace_range(10..11, "5");
    for (number, encoded) in
        [(fifth.with(38, "00000005"), "shardId-000000000005"), (number.with(38, "80000000"), "shardId--02147483648")]
    {
        let message = format!(
            "Invalid StartingSequenceNumber. It encodes {encoded}, while it was used in a call to a shard with {}",
            shard_id(0)
        );
        aws.refuses("GetShardIterator", at(&stream, &number), "InvalidArgumentException", &message);
    }
    let invalid = |number: &str| {
        format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {} {} is invalid",
            shard_id(0),
            in_stream(&stream)
        )
    };
    for (at_digit, digits) in [(1, "fffffffff"), (11, "8"), (46, "3")] {
        let number = number.with(at_digit, digits);
        let message = format!("{}.", invalid(&number));
        aws.refuses("GetShardIterator", at(&stream, &number), "InvalidArgumentException", &message);
    }
    let older = number.with(1, &format!("{:09x}", number.born_seconds - 1000));
    let message = aws.refuses_as("GetShardIterator", at(&stream, &older), &["InvalidArgumentException"]);
    assert!(message.starts_with(&invalid(&older)), "{message}");
}

#[test]
fn function_a_number_of_nothing_is_refused() {
    let aws = shared();
    let stream = aws.stream(1);
    for number in ["0", "1", "12345", &"9".repeat(129)] {
        let reply = aws.post("GetShardIterator", at(&stream, number).to_string().as_bytes());
        assert_eq!(reply.status, 400, "{number}: {}", reply.text());
    }
}

/// What an iterator made by `input` reads.
fn reads(aws: &Server, stream: &str, input: &Value) -> Vec<String> {
    let mut whole = json!({"StreamName": stream, "ShardId": shard_id(0)});
    whole.as_object_mut().expect("a map").extend(input.as_object().expect("a map").clone());
    aws.drain(aws.iterator_with(whole)).iter().map(data).collect()
}

#[test]
fn function_where_the_five_types_begin() {
    let aws = shared();
    let stream = aws.stream(1);
    let start = text(&aws.shards(&stream)[0]["SequenceNumberRange"]["StartingSequenceNumber"]);
    let mut numbers = Vec::new();
    for data in ["a", "b", "c"] {
        numbers.push(text(&aws.put(&stream, "k", data)["SequenceNumber"]));
        thread::sleep(Duration::from_millis(30));
    }
    let records = aws.drain(aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON"));
    let time = |index: usize| records[index]["ApproximateArrivalTimestamp"].as_f64().expect("seconds");
    let numbered = |kind: &str, number: &str| json!({"ShardIteratorType": kind, "StartingSequenceNumber": number});
    let timed = |time: f64| json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": time});
    for (input, expected) in [
        (json!({"ShardIteratorType": "TRIM_HORIZON"}), "abc"),
        (json!({"ShardIteratorType": "LATEST"}), ""),
        (numbered("AT_SEQUENCE_NUMBER", &start), "abc"),
        (numbered("AT_SEQUENCE_NUMBER", &numbers[0]), "abc"),
        (numbered("AT_SEQUENCE_NUMBER", &numbers[1]), "bc"),
        (numbered("AT_SEQUENCE_NUMBER", &numbers[2]), "c"),
        (numbered("AFTER_SEQUENCE_NUMBER", &start), "abc"),
        (numbered("AFTER_SEQUENCE_NUMBER", &numbers[0]), "bc"),
        (numbered("AFTER_SEQUENCE_NUMBER", &numbers[2]), ""),
        (timed(0.0), "abc"),
        (timed(time(0)), "abc"),
        (timed(time(0) + 0.001), "bc"),
        (timed(time(1)), "bc"),
        (timed(time(1) + 0.001), "c"),
        (timed(time(2) + 0.001), ""),
    ] {
        assert_eq!(reads(&aws, &stream, &input).concat(), expected, "{input}");
    }
}

#[test]
fn function_the_latest_is_where_the_shard_ended_then() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.put(&stream, "k", "before");
    let latest = aws.iterator(&stream, &shard_id(0), "LATEST");
    aws.put(&stream, "k", "after");
    assert_eq!(aws.drain(latest).iter().map(data).collect::<Vec<_>>(), ["after"]);
}

#[test]
fn function_a_dry_run_gives_no_iterator() {
    let aws = shared();
    let stream = aws.stream(1);
    let mut input = latest(&stream, &shard_id(0));
    input["DryRun"] = json!(true);
    assert_eq!(aws.error("GetShardIterator", &input).0, "DryRunOperationException");
    input["ShardId"] = json!(shard_id(1));
    assert_eq!(aws.error("GetShardIterator", &input).0, "ResourceNotFoundException");
    input["ShardId"] = json!(shard_id(0));
    input["DryRun"] = json!(false);
    aws.ok("GetShardIterator", input);
}
