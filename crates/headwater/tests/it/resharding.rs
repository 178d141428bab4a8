//! Shards change under load: what was acknowledged lies where the answer said, once, in order.
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    calls::{AUTHORIZATION, DATE, JSON, attempt, base64, data, list, text},
    client::{Reply, exchange, request},
    sentences::shard_id,
    sequence::Sequence,
    server::Server,
};

const WRITERS: u32 = 3;

/// An answer: what was put, where it went, under which number.
struct Put {
    body: String,
    shard: String,
    number: String,
}

/// Puts by ones and by fives, until told to stop or the server is gone.
fn write(address: SocketAddr, stream: &str, writer: u32, stop: &AtomicBool) -> Vec<Put> {
    let mut answers = Vec::new();
    let mut count = 0..;
    let mut record = || {
        let body = format!("{writer}-{:06}", count.next().unwrap_or_default());
        (json!({"PartitionKey": writer.to_string(), "Data": base64(body.as_bytes())}), body)
    };
    while !stop.load(Ordering::Relaxed) {
        let (mut one, body) = record();
        one["StreamName"] = json!(stream);
        let Some(answer) = attempt(address, "PutRecord", &one) else { break };
        answers.push(put(body, &answer));
        let (records, bodies): (Vec<Value>, Vec<String>) = (0..5).map(|_| record()).unzip();
        let batch = json!({"StreamName": stream, "Records": records});
        let Some(answer) = attempt(address, "PutRecords", &batch) else { break };
        assert_eq!(answer["FailedRecordCount"], 0, "{answer}");
        answers.extend(bodies.into_iter().zip(list(&answer["Records"])).map(|(body, result)| put(body, &result)));
    }
    answers
}

fn put(body: String, result: &Value) -> Put {
    Put { body, shard: text(&result["ShardId"]), number: text(&result["SequenceNumber"]) }
}

/// Lets writers write while `change` goes on, and gives what they were told.
fn under_load(address: SocketAddr, stream: &str, change: impl FnOnce()) -> Vec<Put> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(address, stream, writer, stop))).collect();
        change();
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().expect("no panic")).collect()
    })
}

fn split(aws: &Server, stream: &str, shard: u32, key: &str) {
    let input = json!({"StreamName": stream, "ShardToSplit": shard_id(shard), "NewStartingHashKey": key});
    aws.done("SplitShard", input);
    aws.settles(stream);
}

fn merge(aws: &Server, stream: &str, one: u32, other: u32) {
    let input = json!({"StreamName": stream, "ShardToMerge": shard_id(one), "AdjacentShardToMerge": shard_id(other)});
    aws.done("MergeShards", input);
    aws.settles(stream);
}

fn scale(aws: &Server, stream: &str, target: u32) {
    let input = json!({"StreamName": stream, "TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"});
    aws.ok("UpdateShardCount", input);
    aws.settles(stream);
}

fn reshard(aws: &Server, stream: &str) {
    split(aws, stream, 0, "170141183460469231731687303715884105728");
    split(aws, stream, 2, "255211775190703847597530955573826158592");
    merge(aws, stream, 1, 3);
    scale(aws, stream, 4);
    scale(aws, stream, 2);
    scale(aws, stream, 3);
}

#[test]
fn nothing_is_lost_doubled_or_misplaced() {
    for arguments in [&[][..], &["--transition-ms", "40"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let aws = Server::on(folder.path(), arguments);
        let stream = aws.stream(1);
        let answers = under_load(aws.address(), &stream, || reshard(&aws, &stream));
        assert_eq!(is_all_there(&aws, &stream, &answers), answers.len(), "as many as were acknowledged");
    }
}

#[test]
fn a_kill_in_the_middle_loses_nothing_and_leaves_no_half_of_a_change() {
    let mut changed = 0;
    for (round, delay_ms) in [5, 20, 45, 80].into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = ["--transition-ms", if round.is_multiple_of(2) { "0" } else { "15" }];
        let aws = Server::on(folder.path(), &arguments);
        let stream = aws.stream(2);
        let address = aws.address();
        let answers = under_load(address, &stream, || {
            thread::scope(|scope| {
                scope.spawn(|| {
                    let target = |count: u32| json!({"StreamName": stream, "TargetShardCount": count, "ScalingType": "UNIFORM_SCALING"});
                    // Refusals are part of it: the change before may still be under way.
                    for count in [4, 2, 3, 5, 3, 6].into_iter().cycle() {
                        let Some(_) = try_change(address, &target(count)) else { break };
                    }
                });
                thread::sleep(Duration::from_millis(60 + delay_ms));
                aws.kill();
            });
        });
        let aws = Server::on(folder.path(), &arguments);
        aws.settles(&stream);
        assert!(is_all_there(&aws, &stream, &answers) >= answers.len(), "at least what was acknowledged");
        covers_everything(&aws, &stream);
        changed += usize::from(aws.shards(&stream).len() > 2 && !answers.is_empty());
        let put = aws.put(&stream, "a", "after");
        assert!(aws.texts(&stream, &text(&put["ShardId"])).contains(&"after".to_owned()));
    }
    assert!(changed > 0, "some kill came after a change under load");
}

/// Asks for another number of shards, whatever the answer; nothing when the server is gone.
fn try_change(address: SocketAddr, input: &Value) -> Option<Reply> {
    let headers = [
        ("Content-Type", JSON),
        ("X-Amz-Target", "Kinesis_20131202.UpdateShardCount"),
        ("X-Amz-Date", DATE),
        ("Authorization", AUTHORIZATION),
    ];
    exchange(address, &request("POST", "/", &headers, input.to_string().as_bytes())).ok()
}

/// The open shards share the key space; every closed one has children that cover its range.
fn covers_everything(aws: &Server, stream: &str) {
    let shards = aws.shards(stream);
    let range = |shard: &Value| {
        let key = |end: &str| text(&shard["HashKeyRange"][end]).parse::<u128>().expect("128 bits");
        (key("StartingHashKey"), key("EndingHashKey"))
    };
    let is_open = |shard: &&Value| shard["SequenceNumberRange"].get("EndingSequenceNumber").is_none();
    let mut open: Vec<_> = shards.iter().filter(is_open).map(range).collect();
    open.sort_unstable();
    assert_eq!((open[0].0, open[open.len() - 1].1), (0, u128::MAX), "{open:?}");
    assert!(open.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "no gap and no overlap: {open:?}");
    for parent in shards.iter().filter(|shard| !is_open(shard)) {
        let id = &parent["ShardId"];
        let is_child = |shard: &&Value| shard["ParentShardId"] == *id || shard["AdjacentParentShardId"] == *id;
        let children: Vec<_> = shards.iter().filter(is_child).map(range).collect();
        let (start, end) = range(parent);
        assert!(children.iter().any(|child| child.0 <= start) && children.iter().any(|child| child.1 >= end), "{id}");
    }
}

#[test]
fn of_many_that_want_the_same_one_gets_it() {
    let aws = Server::start(&["--shard-limit", "6"]);
    let at_once = |operation: &str, input: &(dyn Fn(usize) -> Value + Sync)| -> usize {
        thread::scope(|scope| {
            let aws = &aws;
            let calls: Vec<_> = (0..8)
                .map(|n| scope.spawn(move || aws.post(operation, input(n).to_string().as_bytes()).status))
                .collect();
            let statuses: Vec<u16> = calls.into_iter().map(|call| call.join().expect("no panic")).collect();
            assert!(statuses.iter().all(|status| [200, 400].contains(status)), "{operation}: {statuses:?}");
            statuses.iter().filter(|status| **status == 200).count()
        })
    };
    assert_eq!(at_once("CreateStream", &|_| json!({"StreamName": "a", "ShardCount": 1})), 1, "one name");
    aws.settles("a");
    let split = json!({"StreamName": "a", "ShardToSplit": "shard-0", "NewStartingHashKey": "1000"});
    assert_eq!(at_once("SplitShard", &|_| split.clone()), 1, "one shard");
    aws.settles("a");
    assert_eq!(aws.shards("a").len(), 3);
    let created = at_once("CreateStream", &|n| json!({"StreamName": format!("b{n}"), "ShardCount": 1}));
    assert_eq!(created, 4, "room for four more shards");
    assert_eq!(at_once("DeleteStream", &|_| json!({"StreamName": "a"})), 1, "one stream to delete");
}

#[test]
fn a_reader_at_the_tip_sees_everything_once_and_in_order() {
    let aws = Server::start(&[]);
    let stream = aws.stream(1);
    let mut iterator = aws.iterator(&stream, &shard_id(0), "LATEST");
    let mut seen = Vec::new();
    let answers = under_load(aws.address(), &stream, || {
        while seen.len() < 2000 {
            let page = aws.page(&iterator);
            seen.extend(list(&page["Records"]).iter().map(|record| text(&record["SequenceNumber"])));
            iterator = text(&page["NextShardIterator"]);
        }
    });
    seen.extend(aws.drain(iterator).iter().map(|record| text(&record["SequenceNumber"])));
    let mut expected: Vec<String> = answers.into_iter().map(|put| put.number).collect();
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

/// Finds every acknowledged record where its answer said, and gives how many there are in all.
fn is_all_there(aws: &Server, stream: &str, answers: &[Put]) -> usize {
    let shards = aws.shards(stream);
    let mut kept = HashMap::new();
    for shard in &shards {
        let id = text(&shard["ShardId"]);
        let range = &shard["SequenceNumberRange"];
        let (start, end) = (text(&range["StartingSequenceNumber"]), range["EndingSequenceNumber"].as_str());
        let mut last = start;
        for record in aws.drain(aws.iterator(stream, &id, "TRIM_HORIZON")) {
            let number = text(&record["SequenceNumber"]);
            assert!(number > last, "{id}: numbers rise from the shard's start: {last} {number}");
            assert!(end.is_none_or(|end| number.as_str() < end), "{id}: below its end");
            assert_eq!(shard_id(Sequence::of(&number).shard), id);
            last.clone_from(&number);
            let twice = kept.insert(data(&record), (id.clone(), number));
            assert!(twice.is_none(), "twice: {}", data(&record));
        }
    }
    for Put { body, shard, number } in answers {
        assert_eq!(kept.get(body), Some(&(shard.clone(), number.clone())), "{body}");
    }
    for writer in 0..WRITERS {
        let mine = answers.iter().filter(|put| put.body.starts_with(&format!("{writer}-")));
        let numbers: Vec<&String> = mine.map(|put| &put.number).collect();
        assert!(numbers.is_sorted(), "one key's numbers rise across shards, in the order of its answers");
    }
    kept.len()
}
