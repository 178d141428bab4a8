//! PutRecords.
use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    calls::{base64, list, members, text},
    kinds::Kind,
    sentences::{HASH_KEY_PATTERN, arn, longer, matching, not_null, shard_id, shorter},
    sequence::Sequence,
    server::shared,
};

const MEBIBYTE: usize = 1024 * 1024;

common_chapters!(
    "PutRecords",
    [
        ("StreamName", Kind::Text),
        (
            "Records",
            Kind::List(&Kind::Structure(&[
                ("Data", Kind::Blob),
                ("PartitionKey", Kind::Text),
                ("ExplicitHashKey", Kind::Text)
            ]))
        ),
        ("StreamARN", Kind::Text),
        ("DryRun", Kind::Boolean)
    ],
    json!({"Records": [{"PartitionKey": "a", "Data": ""}]})
);

fn record(data: &str) -> Value {
    json!({"PartitionKey": "a", "Data": base64(data.as_bytes())})
}

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(257);
    let with = |records: Value| json!({"StreamName": "x", "Records": records});
    let hash = "records.2.member.explicitHashKey";
    for (input, constraint) in [
        (json!({"StreamName": "x"}), not_null("records")),
        (with(json!([])), longer("[]", "records", 1)),
        (with(json!([{"PartitionKey": "a"}])), not_null("records.1.member.data")),
        (with(json!([record(""), {"PartitionKey": "", "Data": ""}])), longer("", "records.2.member.partitionKey", 1)),
        (with(json!([{"PartitionKey": long, "Data": ""}])), shorter(&long, "records.1.member.partitionKey", 256)),
        (
            with(json!([record(""), {"PartitionKey": "a", "Data": "", "ExplicitHashKey": "-1"}])),
            matching("-1", hash, HASH_KEY_PATTERN),
        ),
    ] {
        aws.violates("PutRecords", input, &[constraint]);
    }
}

#[test]
fn validation_of_how_many_records() {
    let input = json!({"StreamName": "x", "Records": vec![record(""); 501]});
    let message = shared().refuses_as("PutRecords", input, &["ValidationException"]);
    let head = "1 validation error detected: Value '[com.amazonaws.kinesis.v20131202.PutRecordsRequestEntry@";
    let tail = "]' at 'records' failed to satisfy constraint: Member must have length less than or equal to 500";
    assert!(message.starts_with(head) && message.ends_with(tail), "{message:.200}");
    assert_eq!(message.matches("PutRecordsRequestEntry@").count(), 501);
}

#[test]
fn validation_reports_ten_at_most() {
    let input = json!({"StreamName": "x", "Records": vec![json!({"PartitionKey": ""}); 6]});
    let message = shared().refuses_as("PutRecords", input, &["ValidationException"]);
    let list = message.strip_prefix("10 validation errors detected: ").unwrap_or_else(|| panic!("{message}"));
    assert_eq!(list.split("; ").count(), 10, "{message}");
}

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("PutRecords", &json!({"Records": [record("")]}));
}

#[test]
fn function_one_hash_key_too_large_refuses_all() {
    let aws = shared();
    let stream = aws.stream(1);
    let key = "340282366920938463463374607431768211456";
    let records = json!([record("a"), {"PartitionKey": "a", "Data": "", "ExplicitHashKey": key}]);
    let message = format!(
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {key}"
    );
    aws.refuses("PutRecords", json!({"StreamName": stream, "Records": records}), "InvalidArgumentException", &message);
    assert_eq!(aws.texts(&stream, &shard_id(0)), Vec::<String>::new());
}

#[test]
fn function_each_record_goes_where_its_key_says_and_is_answered_in_its_place() {
    let aws = shared();
    let stream = aws.stream(3);
    let keys = ["a", "e", "b", "e", "c", "a"];
    let records: Vec<Value> = (0..)
        .zip(keys)
        .map(|(n, key): (u32, _)| json!({"PartitionKey": key, "Data": base64(n.to_string().as_bytes())}))
        .collect();
    let answer = aws.ok("PutRecords", json!({"StreamARN": arn(&stream), "Records": records}));
    assert_eq!(members(&answer), ["FailedRecordCount", "Records"]);
    assert_eq!(answer["FailedRecordCount"], 0);
    let results = list(&answer["Records"]);
    assert!(results.iter().all(|result| members(result) == ["SequenceNumber", "ShardId"]), "{answer}");
    let went: Vec<String> = results.iter().map(|result| text(&result["ShardId"])).collect();
    assert_eq!(went, [0, 2, 1, 2, 0, 0].map(shard_id));
    for result in &results {
        let number = Sequence::of(&text(&result["SequenceNumber"]));
        assert_eq!(shard_id(number.shard), text(&result["ShardId"]));
    }
    for (shard, expected) in [(0, "045"), (1, "2"), (2, "13")] {
        assert_eq!(aws.texts(&stream, &shard_id(shard)).concat(), expected, "shard {shard}");
        let iterator = aws.iterator(&stream, &shard_id(shard), "TRIM_HORIZON");
        for record in aws.drain(iterator) {
            let place: usize = crate::calls::data(&record).parse().expect("its place");
            assert_eq!(record["SequenceNumber"], results[place]["SequenceNumber"]);
        }
    }
}

#[test]
fn function_hash_keys_go_before_partition_keys() {
    let aws = shared();
    let stream = aws.stream(2);
    let records = json!([
        {"PartitionKey": "a", "Data": "", "ExplicitHashKey": "340282366920938463463374607431768211455"},
        {"PartitionKey": "e", "Data": "", "ExplicitHashKey": "0"},
        {"PartitionKey": "e", "Data": "", "ExplicitHashKey": null},
    ]);
    let answer = aws.ok("PutRecords", json!({"StreamName": stream, "Records": records}));
    let went: Vec<String> = list(&answer["Records"]).iter().map(|result| text(&result["ShardId"])).collect();
    assert_eq!(went, [1, 0, 1].map(shard_id));
}

#[test]
fn function_five_hundred_records() {
    let aws = shared();
    let stream = aws.stream(4);
    let records: Vec<Value> = (0..500).map(|n| json!({"PartitionKey": n.to_string(), "Data": ""})).collect();
    let answer = aws.ok("PutRecords", json!({"StreamName": stream, "Records": records}));
    assert_eq!(list(&answer["Records"]).len(), 500);
    let kept: usize = (0..4).map(|shard| aws.texts(&stream, &shard_id(shard)).len()).sum();
    assert_eq!(kept, 500);
}

#[test]
fn function_how_large_a_request_may_be() {
    let aws = shared();
    let stream = aws.stream(1);
    let blob = base64(&vec![65; MEBIBYTE - 1024]);
    let with = |count: usize| json!({"StreamName": stream, "Records": vec![json!({"PartitionKey": "a", "Data": blob}); count]});
    assert_eq!(aws.ok("PutRecords", with(5))["FailedRecordCount"], 0);
    aws.refuses_as("PutRecords", with(12), &["InvalidArgumentException", "ValidationException"]);
    assert_eq!(aws.texts(&stream, &shard_id(0)).len(), 5);
}

#[test]
fn function_a_record_too_large_for_the_stream() {
    let aws = shared();
    let stream = aws.stream(1);
    let records = json!([record("a"), {"PartitionKey": "a", "Data": base64(&vec![0; MEBIBYTE + 1])}]);
    let input = json!({"StreamName": stream, "Records": records});
    aws.refuses_as("PutRecords", input, &["InvalidArgumentException", "ValidationException"]);
}

#[test]
fn function_a_dry_run_keeps_nothing() {
    let aws = shared();
    let stream = aws.stream(1);
    let input = json!({"StreamName": stream, "Records": [record("a")], "DryRun": true});
    assert_eq!(aws.error("PutRecords", &input).0, "DryRunOperationException");
    assert_eq!(aws.texts(&stream, &shard_id(0)), Vec::<String>::new());
}
