//! What was acknowledged is there after a kill and a new start on the same folder.
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    calls::{attempt, base64, data, list, text},
    sentences::shard_id,
    server::Server,
};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn restart(server: Server, folder: &tempfile::TempDir) -> Server {
    server.kill();
    Server::on(folder.path(), &[])
}

#[test]
fn records_and_their_numbers_outlive_a_kill() {
    let folder = folder();
    let aws = Server::on(folder.path(), &[]);
    let stream = aws.stream(2);
    let put: Vec<(String, String)> = (0..40)
        .map(|n| (n.to_string(), text(&aws.put(&stream, &n.to_string(), &n.to_string())["SequenceNumber"])))
        .collect();
    let before: Vec<Vec<Value>> = read_all(&aws, &stream);
    let aws = restart(aws, &folder);
    assert_eq!(read_all(&aws, &stream), before, "the same records, numbers and times");
    let kept: Vec<Value> = before.concat();
    for (data, number) in put {
        assert!(
            kept.iter().any(|record| self::data(record) == data && record["SequenceNumber"] == number.as_str()),
            "{data}"
        );
    }
    let last = kept.iter().map(|record| text(&record["SequenceNumber"])).max().expect("some");
    for key in ["a", "b", "c", "e"] {
        let next = aws.put(&stream, key, "next");
        let shard = text(&next["ShardId"]);
        let numbers: Vec<String> = aws
            .drain(aws.iterator(&stream, &shard, "TRIM_HORIZON"))
            .iter()
            .map(|record| text(&record["SequenceNumber"]))
            .collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "numbers go on rising: {numbers:?} {last}");
    }
}

fn read_all(aws: &Server, stream: &str) -> Vec<Vec<Value>> {
    aws.shards(stream)
        .iter()
        .map(|shard| aws.drain(aws.iterator(stream, &text(&shard["ShardId"]), "TRIM_HORIZON")))
        .collect()
}

#[test]
fn streams_tags_and_settings_outlive_a_kill() {
    let folder = folder();
    let aws = Server::on(folder.path(), &[]);
    let (stream, gone) = (aws.stream(3), aws.stream(1));
    aws.done("AddTagsToStream", json!({"StreamName": stream, "Tags": {"a": "1", "b": "2"}}));
    aws.done("RemoveTagsFromStream", json!({"StreamName": stream, "TagKeys": ["a"]}));
    aws.done("IncreaseStreamRetentionPeriod", json!({"StreamName": stream, "RetentionPeriodHours": 48}));
    aws.done("DeleteStream", json!({"StreamName": gone}));
    let described = aws.ok("DescribeStream", json!({"StreamName": stream}));
    let aws = restart(aws, &folder);
    assert_eq!(aws.ok("DescribeStream", json!({"StreamName": stream})), described);
    let tags = aws.ok("ListTagsForStream", json!({"StreamName": stream}));
    assert_eq!(list(&tags["Tags"]), [json!({"Key": "b", "Value": "2"})]);
    assert_eq!(aws.ok("ListStreams", json!({}))["StreamNames"], json!([stream]));
}

#[test]
fn closed_shards_and_their_children_outlive_a_kill() {
    let folder = folder();
    let aws = Server::on(folder.path(), &[]);
    let stream = aws.stream(1);
    aws.put(&stream, "a", "old");
    let iterator = aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON");
    let middle = "170141183460469231731687303715884105728";
    aws.done("SplitShard", json!({"StreamName": stream, "ShardToSplit": "shard-0", "NewStartingHashKey": middle}));
    aws.settles(&stream);
    aws.put(&stream, "a", "new");
    let shards = aws.shards(&stream);
    let aws = restart(aws, &folder);
    assert_eq!(aws.shards(&stream), shards);
    let first = aws.page(&iterator);
    assert_eq!(data(&first["Records"][0]), "old", "an iterator from before reads on");
    let end = first["NextShardIterator"].as_str().map_or(first.clone(), |next| aws.page(next));
    assert_eq!(list(&end["ChildShards"]).len(), 2, "{end}");
    assert_eq!(aws.texts(&stream, &shard_id(1)), ["new"]);
    assert_eq!(aws.put(&stream, "b", "more")["ShardId"], shard_id(2));
    let aws = restart(aws, &folder);
    assert_eq!(aws.texts(&stream, &shard_id(2)), ["more"], "twice");
}

#[test]
fn an_iterator_from_before_goes_on_after() {
    let folder = folder();
    let aws = Server::on(folder.path(), &[]);
    let stream = aws.stream(1);
    aws.put(&stream, "a", "1");
    let latest = aws.iterator(&stream, &shard_id(0), "LATEST");
    let aws = restart(aws, &folder);
    assert_eq!(aws.page(&latest)["Records"], json!([]));
    aws.put(&stream, "a", "2");
    assert_eq!(aws.drain(latest).iter().map(data).collect::<Vec<_>>(), ["2"]);
}

#[test]
fn nothing_acknowledged_is_lost_in_the_middle_of_the_load() {
    const WRITERS: usize = 4;
    let folder = folder();
    let mut aws = Server::on(folder.path(), &[]);
    let stream = aws.stream(2);
    let mut acknowledged: Vec<(usize, String)> = Vec::new();
    for round in 0..4 {
        let stop = AtomicBool::new(false);
        let answers = Mutex::new(Vec::new());
        let address = aws.address();
        let write = |writer: usize| {
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let body = format!("{round}-{writer}-{n:05}");
                let input =
                    json!({"StreamName": stream, "PartitionKey": writer.to_string(), "Data": base64(body.as_bytes())});
                let Some(_) = attempt(address, "PutRecord", &input) else { break };
                answers.lock().expect("no panic").push((writer, body));
            }
        };
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let write = &write;
                scope.spawn(move || write(writer));
            }
            thread::sleep(Duration::from_millis(250));
            aws.kill();
            stop.store(true, Ordering::Relaxed);
        });
        let answers = answers.into_inner().expect("no panic");
        assert!(!answers.is_empty(), "something was written");
        acknowledged.extend(answers);
        aws = Server::on(folder.path(), &[]);
    }
    let kept: Vec<String> = read_all(&aws, &stream).concat().iter().map(data).collect();
    for (writer, body) in &acknowledged {
        assert_eq!(kept.iter().filter(|kept| *kept == body).count(), 1, "writer {writer}: {body} is there once");
    }
    for writer in 0..WRITERS {
        let mine: Vec<&String> =
            kept.iter().filter(|body| body.split('-').nth(1) == Some(&writer.to_string())).collect();
        assert!(mine.is_sorted(), "the order of writer {writer} is kept");
    }
}

/// Each state lasts long enough for a kill to fall into it.
const SLOW: [&str; 2] = ["--transition-ms", "600"];

#[test]
fn a_change_under_way_is_finished_after_a_kill() {
    let folder = folder();
    let aws = Server::on(folder.path(), &SLOW);
    let (split, gone) = (aws.stream(1), aws.stream(1));
    aws.put(&split, "a", "old");
    aws.done("CreateStream", json!({"StreamName": "new", "ShardCount": 2}));
    aws.done("DeleteStream", json!({"StreamName": gone}));
    aws.done("SplitShard", json!({"StreamName": split, "ShardToSplit": "shard-0", "NewStartingHashKey": "1000"}));
    aws.put(&split, "a", "meanwhile");
    aws.kill();
    let aws = Server::on(folder.path(), &SLOW);
    aws.settles("new");
    aws.settles(&split);
    assert_eq!(aws.shards("new").len(), 2);
    assert_eq!(aws.shards(&split).len(), 3);
    assert_eq!(aws.put(&split, "a", "later")["ShardId"], shard_id(2));
    assert_eq!(aws.texts(&split, &shard_id(0)), ["old", "meanwhile"]);
    let names = || aws.ok("ListStreams", json!({}))["StreamNames"].clone();
    crate::calls::until("the deleted one is gone", || names() == json!(["new", split]));
}

#[test]
fn it_stops_when_asked_and_keeps_everything() {
    let folder = folder();
    let aws = Server::on(folder.path(), &[]);
    let stream = aws.stream(1);
    aws.put(&stream, "a", "kept");
    let status = aws.stop();
    assert!(status.success(), "{status}");
    let aws = Server::on(folder.path(), &[]);
    assert_eq!(aws.texts(&stream, &shard_id(0)), ["kept"]);
}
