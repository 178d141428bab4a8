//! `--limits aws`: what a shard takes and gives in a second, and who pays for more.
use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    calls::{base64, list, members},
    sentences::{ACCOUNT, shard_id},
    server::Server,
};

const CODE: &str = "ProvisionedThroughputExceededException";

fn exceeded(shard: u32, stream: &str) -> String {
    format!("Rate exceeded for shard {} in stream {stream} under account {ACCOUNT}.", shard_id(shard))
}

#[test]
fn only_the_excess_of_a_batch_fails() {
    let aws = Server::start(&["--limits", "aws"]);
    let stream = aws.stream(2);
    let record = |n: usize| {
        let key = if n.is_multiple_of(10) { "0" } else { "340282366920938463463374607431768211455" };
        json!({"PartitionKey": "a", "Data": base64(&[65; 4096]), "ExplicitHashKey": key})
    };
    let batch: Vec<Value> = (0..500).map(record).collect();
    let answer = aws.ok("PutRecords", json!({"StreamName": stream, "Records": batch}));
    let results = list(&answer["Records"]);
    let failed: Vec<&Value> = results.iter().filter(|result| result.get("ErrorCode").is_some()).collect();
    assert_eq!(answer["FailedRecordCount"], failed.len());
    assert!((150..=260).contains(&failed.len()), "450 of 4 KiB against 1 MiB/s: {}", failed.len());
    for result in failed {
        assert_eq!(members(result), ["ErrorCode", "ErrorMessage"]);
        assert_eq!(*result, json!({"ErrorCode": CODE, "ErrorMessage": exceeded(1, &stream)}));
    }
    for (n, result) in results.iter().enumerate().filter(|(n, _)| n.is_multiple_of(10)) {
        assert_eq!(result["ShardId"], shard_id(0), "the other shard has room: record {n}");
    }
}

#[test]
fn a_thousand_records_a_second() {
    let aws = Server::start(&["--limits", "aws"]);
    let stream = aws.stream(1);
    let batch = vec![json!({"PartitionKey": "a", "Data": ""}); 500];
    let input = json!({"StreamName": stream, "Records": batch});
    let failures: u64 =
        (0..8).map(|_| aws.ok("PutRecords", input.clone())["FailedRecordCount"].as_u64().expect("a count")).sum();
    assert!((500..=3000).contains(&failures), "4,000 records at once: {failures} failed");
}

#[test]
fn a_mebibyte_a_second() {
    let aws = Server::start(&["--limits", "aws"]);
    let stream = aws.stream(1);
    let large = json!({"StreamName": stream, "PartitionKey": "a", "Data": base64(&vec![65; 1024 * 1024 - 256])});
    aws.ok("PutRecord", large.clone());
    aws.refuses("PutRecord", large.clone(), CODE, &exceeded(0, &stream));
    thread::sleep(Duration::from_millis(1100));
    aws.ok("PutRecord", large);
}

#[test]
fn five_reads_a_second() {
    let aws = Server::start(&["--limits", "aws"]);
    let stream = aws.stream(2);
    let iterator = |shard: u32| json!({"ShardIterator": aws.iterator(&stream, &shard_id(shard), "LATEST")});
    let (read, other) = (iterator(0).to_string(), iterator(1));
    let replies: Vec<_> = (0..8).map(|_| aws.post("GetRecords", read.as_bytes())).collect();
    let served = replies.iter().filter(|reply| reply.status == 200).count();
    assert!((5..=7).contains(&served), "{served} of 8 at once");
    assert!(replies[..5].iter().all(|reply| reply.status == 200), "the first five are served");
    let refusal = replies.iter().find(|reply| reply.status != 200).expect("some are refused");
    assert_eq!(refusal.json(), json!({"__type": CODE, "message": exceeded(0, &stream)}));
    aws.ok("GetRecords", other);
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(aws.post("GetRecords", read.as_bytes()).status, 200, "a second later there is room");
}

#[test]
fn calls_of_the_account_a_second() {
    let aws = Server::start(&["--limits", "aws"]);
    let streams = [aws.stream(1), aws.stream(1)];
    // The polling for those two is forgotten after a second.
    thread::sleep(Duration::from_millis(1100));
    for (operation, limit, rest) in [
        ("ListStreams", 5, json!({})),
        ("DescribeLimits", 1, json!({})),
        ("DescribeStream", 10, json!({"StreamName": ""})),
        ("DescribeStreamSummary", 20, json!({"StreamName": ""})),
        ("ListTagsForStream", 5, json!({"StreamName": ""})),
        ("AddTagsToStream", 5, json!({"StreamName": "", "Tags": {"a": "b"}})),
    ] {
        let input = |n: usize| {
            let mut input = rest.clone();
            if let Some(name) = input.get_mut("StreamName") {
                *name = json!(streams[n % 2]);
            }
            input.to_string()
        };
        let replies: Vec<_> = (0..40).map(|n| aws.post(operation, input(n).as_bytes())).collect();
        let refused = replies.iter().filter(|reply| reply.status != 200);
        let codes: Vec<Value> = refused.map(|reply| reply.json()["__type"].clone()).collect();
        assert!(replies[..limit].iter().all(|reply| reply.status == 200), "{operation}: {limit} are served");
        assert!(
            !codes.is_empty() && codes.iter().all(|code| code == "LimitExceededException"),
            "{operation}: {codes:?}"
        );
    }
}

#[test]
fn without_the_setting_there_is_no_limit() {
    let aws = Server::start(&[]);
    let stream = aws.stream(1);
    let batch = vec![json!({"PartitionKey": "a", "Data": ""}); 500];
    let input = json!({"StreamName": stream, "Records": batch});
    assert!((0..5).all(|_| aws.ok("PutRecords", input.clone())["FailedRecordCount"] == 0));
    let iterator = aws.iterator(&stream, &shard_id(0), "LATEST");
    assert!((0..10).all(|_| aws.page(&iterator)["Records"] == json!([])));
}
