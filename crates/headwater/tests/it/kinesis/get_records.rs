//! GetRecords.
use serde_json::{Value, json};

use crate::{
    calls::{base64, data, list, members, text},
    kinds::Kind,
    sentences::{ARN_PATTERN, arn, less, longer, matching, more, not_null, shard_id, shorter},
    sequence::{Sequence, now_seconds},
    server::{Server, shared},
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members =
        [("ShardIterator", Kind::Text), ("Limit", Kind::Integer), ("StreamARN", Kind::Text), ("DryRun", Kind::Boolean)];
    shared().refuses_other_kinds("GetRecords", &members);
}

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(513);
    for (input, constraint) in [
        (json!({}), not_null("shardIterator")),
        (json!({"ShardIterator": ""}), longer("", "shardIterator", 1)),
        (json!({"ShardIterator": long}), shorter(&long, "shardIterator", 512)),
        (json!({"ShardIterator": "a", "Limit": 0}), more(0, "limit", 1)),
        (json!({"ShardIterator": "a", "Limit": 10_001}), less(10_001, "limit", 10_000)),
        (json!({"ShardIterator": "a", "StreamARN": "b"}), matching("b", "streamARN", ARN_PATTERN)),
    ] {
        aws.violates("GetRecords", input, &[constraint]);
    }
    aws.violates("GetRecords", json!({"Limit": -5}), &[not_null("shardIterator"), more(-5, "limit", 1)]);
}

#[test]
fn function_what_is_no_iterator() {
    let aws = shared();
    let stream = aws.stream(1);
    let good = aws.iterator(&stream, &shard_id(0), "LATEST");
    let bytes = base64_simd::STANDARD.decode_to_vec(&good).expect("base64");
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        base64(&bytes)
    };
    let foreign = "AAAAAAAAAAFHJejL6/AjDShV3pIXsxYZT7Xj2G6EHxokHqT2D1stIOVYUEyprlUGWUepKqUDaR0+hB6qTlKvZa+fsBRqgHi4";
    let mut bad = vec![
        "garbage".to_owned(),
        "====".to_owned(),
        foreign.to_owned(),
        "AAAA".to_owned(),
        base64(&bytes[..8]),
        base64(&bytes[..bytes.len() - 16]),
        format!(" {good}"),
        good.replacen('A', "-", 1),
        with(&|bytes| bytes.extend_from_slice(&[0; 16])),
        with(&|bytes| bytes.reverse()),
    ];
    bad.extend((0..bytes.len()).step_by(7).map(|at| with(&|bytes| bytes[at] ^= 1)));
    for iterator in bad {
        aws.refuses(
            "GetRecords",
            json!({"ShardIterator": iterator}),
            "InvalidArgumentException",
            "Invalid ShardIterator.",
        );
    }
}

#[test]
fn function_nothing_to_read() {
    let aws = shared();
    let stream = aws.stream(1);
    let page = aws.page(&aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON"));
    assert_eq!(members(&page), ["MillisBehindLatest", "NextShardIterator", "Records"]);
    assert_eq!((&page["Records"], &page["MillisBehindLatest"]), (&json!([]), &json!(0)));
}

#[test]
fn function_a_record_as_it_was_put() {
    let aws = shared();
    let stream = aws.stream(1);
    let put = aws.ok("PutRecord", json!({"StreamName": stream, "PartitionKey": "kéy", "Data": "AAH/"}));
    let input =
        json!({"ShardIterator": aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON"), "StreamARN": arn(&stream)});
    let page = aws.ok("GetRecords", input);
    let records = list(&page["Records"]);
    assert_eq!(records.len(), 1);
    assert_eq!(members(&records[0]), ["ApproximateArrivalTimestamp", "Data", "PartitionKey", "SequenceNumber"]);
    assert_eq!((&records[0]["Data"], &records[0]["PartitionKey"]), (&json!("AAH/"), &json!("kéy")));
    assert_eq!(records[0]["SequenceNumber"], put["SequenceNumber"]);
    let arrived = records[0]["ApproximateArrivalTimestamp"].as_f64().expect("a number of seconds");
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
    let (stamped, now) = (Sequence::of(&text(&put["SequenceNumber"])).seconds as f64, now_seconds() as f64);
    assert!((0.0..3.0).contains(&(arrived - stamped)), "arrived {arrived}, numbered {stamped}");
    assert!((now - arrived).abs() < 10.0, "arrived {arrived}, now {now}");
}

#[test]
fn function_pages_of_a_limit_and_how_far_behind() {
    let aws = shared();
    let stream = aws.stream(1);
    for n in 0..5 {
        aws.put(&stream, "k", &n.to_string());
    }
    // All within one millisecond, so that only counting tells what is unread.
    let batch: Vec<Value> =
        (5..9).map(|n| json!({"PartitionKey": "k", "Data": base64(n.to_string().as_bytes())})).collect();
    aws.ok("PutRecords", json!({"StreamName": stream, "Records": batch}));
    let mut iterator = aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON");
    let mut seen = String::new();
    for size in [2, 2, 2, 2, 1] {
        let page = aws.ok("GetRecords", json!({"ShardIterator": iterator, "Limit": 2.5}));
        let records = list(&page["Records"]);
        assert_eq!(records.len(), size);
        seen.extend(records.iter().map(data));
        let behind = page["MillisBehindLatest"].as_u64().expect("a whole number");
        assert_eq!(behind > 0, seen.len() < 9, "behind {behind} after {seen}");
        iterator = text(&page["NextShardIterator"]);
    }
    assert_eq!(seen, "012345678");
    aws.put(&stream, "k", "9");
    assert_eq!(aws.drain(iterator).iter().map(data).collect::<String>(), "9", "the last iterator goes on");
}

#[test]
fn function_reading_twice_reads_the_same() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.put(&stream, "k", "a");
    let iterator = aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON");
    assert_eq!(aws.page(&iterator)["Records"], aws.page(&iterator)["Records"]);
}

#[test]
fn function_ten_thousand_records_a_page() {
    let aws = shared();
    let stream = aws.stream(1);
    let batch: Vec<Value> = (0..500).map(|_| json!({"PartitionKey": "k", "Data": ""})).collect();
    for _ in 0..21 {
        aws.ok("PutRecords", json!({"StreamName": stream, "Records": batch}));
    }
    let first = aws.page(&aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON"));
    assert_eq!(list(&first["Records"]).len(), 10_000);
    assert!(first["MillisBehindLatest"].as_u64().is_some_and(|behind| behind > 0), "500 are unread");
    assert_eq!(list(&aws.page(&text(&first["NextShardIterator"]))["Records"]).len(), 500);
}

#[test]
fn function_ten_mebibytes_a_page() {
    let aws = shared();
    let stream = aws.stream(1);
    let size = 1024 * 1024 - 256;
    let blob = base64(&vec![7; size]);
    for _ in 0..12 {
        aws.ok("PutRecord", json!({"StreamName": stream, "PartitionKey": "k", "Data": blob}));
    }
    let mut iterator = aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON");
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < 12 {
        let page = aws.page(&iterator);
        sizes.push(list(&page["Records"]).len());
        iterator = text(&page["NextShardIterator"]);
        assert!(sizes.last().is_some_and(|count| (1..=10).contains(count)), "at most 10 MiB, and some: {sizes:?}");
    }
    assert!(sizes[0] >= 9, "a page is filled: {sizes:?}");
}

/// A stream whose only shard holds `records` and was split.
fn split(aws: &Server, records: &[&str]) -> String {
    let stream = aws.stream(1);
    for data in records {
        aws.put(&stream, "k", data);
    }
    let middle = "170141183460469231731687303715884105728";
    aws.done("SplitShard", json!({"StreamName": stream, "ShardToSplit": shard_id(0), "NewStartingHashKey": middle}));
    aws.settles(&stream);
    stream
}

#[test]
fn function_the_end_of_a_closed_shard_names_its_children() {
    let aws = shared();
    for records in [&["a", "b", "c"][..], &[]] {
        let stream = split(&aws, records);
        let mut next = Some(aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON"));
        let (mut seen, mut last) = (Vec::new(), Value::Null);
        while let Some(iterator) = next {
            let page = aws.ok("GetRecords", json!({"ShardIterator": iterator, "Limit": 2}));
            seen.extend(list(&page["Records"]).iter().map(data));
            next = page["NextShardIterator"].as_str().map(str::to_owned);
            let children = page.get("ChildShards").is_some_and(|children| !children.is_null());
            assert_eq!(children, next.is_none(), "children exactly where nothing follows: {page}");
            last = page;
        }
        assert_eq!(seen, records);
        let child = |index: u32, start: &str, end: &str| {
            json!({
                "ShardId": shard_id(index),
                "ParentShards": [shard_id(0)],
                "HashKeyRange": {"StartingHashKey": start, "EndingHashKey": end},
            })
        };
        let expected = json!([
            child(1, "0", "170141183460469231731687303715884105727"),
            child(2, "170141183460469231731687303715884105728", "340282366920938463463374607431768211455"),
        ]);
        assert_eq!(last["ChildShards"], expected);
    }
}

#[test]
fn function_a_closed_shard_read_from_its_tip() {
    let aws = shared();
    let stream = split(&aws, &["a"]);
    let page = aws.page(&aws.iterator(&stream, &shard_id(0), "LATEST"));
    assert_eq!(page["Records"], json!([]));
    assert!(page["NextShardIterator"].is_null() && list(&page["ChildShards"]).len() == 2, "{page}");
}

#[test]
fn function_the_child_of_a_merge_has_two_parents() {
    let aws = shared();
    let stream = aws.stream(2);
    let pair = json!({"StreamName": stream, "ShardToMerge": shard_id(0), "AdjacentShardToMerge": shard_id(1)});
    aws.done("MergeShards", pair);
    aws.settles(&stream);
    for shard in [0, 1] {
        let page = aws.page(&aws.iterator(&stream, &shard_id(shard), "TRIM_HORIZON"));
        let child = &page["ChildShards"][0];
        assert_eq!(child["ShardId"], shard_id(2), "{page}");
        assert_eq!(child["ParentShards"], json!([shard_id(0), shard_id(1)]), "{page}");
    }
}

#[test]
fn function_a_dry_run_reads_nothing() {
    let aws = shared();
    let stream = aws.stream(1);
    let iterator = aws.iterator(&stream, &shard_id(0), "LATEST");
    let input = json!({"ShardIterator": iterator, "DryRun": true});
    assert_eq!(aws.error("GetRecords", &input).0, "DryRunOperationException");
}
