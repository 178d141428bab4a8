//! Shards change under load: what was acknowledged lies where the answer said, once, in order.
use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::{
    calls::{base64, data, list, text},
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

/// Puts by ones and by fives, until told to stop.
fn write(aws: &Server, stream: &str, writer: u32, stop: &AtomicBool) -> Vec<Put> {
    let mut answers = Vec::new();
    let mut count = 0..;
    let mut record = || {
        let body = format!("{writer}-{:06}", count.next().unwrap_or_default());
        (json!({"PartitionKey": writer.to_string(), "Data": base64(body.as_bytes())}), body)
    };
    while !stop.load(Ordering::Relaxed) {
        let (mut one, body) = record();
        one["StreamName"] = json!(stream);
        let answer = aws.ok("PutRecord", one);
        answers.push(Put { body, shard: text(&answer["ShardId"]), number: text(&answer["SequenceNumber"]) });
        let (records, bodies): (Vec<Value>, Vec<String>) = (0..5).map(|_| record()).unzip();
        let answer = aws.ok("PutRecords", json!({"StreamName": stream, "Records": records}));
        assert_eq!(answer["FailedRecordCount"], 0, "{answer}");
        answers.extend(list(&answer["Records"]).iter().zip(bodies).map(|(result, body)| Put {
            body,
            shard: text(&result["ShardId"]),
            number: text(&result["SequenceNumber"]),
        }));
    }
    answers
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
        let stop = AtomicBool::new(false);
        let answers = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (aws, stream, stop, answers) = (&aws, &stream, &stop, &answers);
                scope.spawn(move || {
                    let mine = write(aws, stream, writer, stop);
                    answers.lock().expect("no panic").extend(mine);
                });
            }
            reshard(&aws, &stream);
            stop.store(true, Ordering::Relaxed);
        });
        is_all_there(&aws, &stream, &answers.into_inner().expect("no panic"));
    }
}

fn is_all_there(aws: &Server, stream: &str, answers: &[Put]) {
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
    assert_eq!(kept.len(), answers.len(), "as many as were acknowledged");
    for Put { body, shard, number } in answers {
        assert_eq!(kept.get(body), Some(&(shard.clone(), number.clone())), "{body}");
    }
    for writer in 0..WRITERS {
        let mine = answers.iter().filter(|put| put.body.starts_with(&format!("{writer}-")));
        let numbers: Vec<&String> = mine.map(|put| &put.number).collect();
        assert!(numbers.is_sorted(), "one key's numbers rise across shards, in the order of its answers");
    }
}
