//! Restoring to a moment: what was there then is there, what came later is not, and what cannot be had is refused.
use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::{
    backup::{Folders, lines, put_to_delivery, records, refused, said, scan, table, told},
    calls::{base64, data, list, text, until},
    server::{Server, headwater},
};

const HISTORY: &[&str] = &["--history-hours", "1"];

fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_millis()
}

/// As `--to` takes it.
fn seconds(ms: u128) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// A moment with nothing at the same millisecond.
fn moment() -> String {
    thread::sleep(Duration::from_millis(5));
    let now_ms = now_ms();
    thread::sleep(Duration::from_millis(5));
    seconds(now_ms)
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn delivers_at_once(aws: &Server, name: &str) {
    let hints = json!({"IntervalInSeconds": 0, "SizeInMBs": 1});
    aws.ok(
        "Firehose_20150804.UpdateDestination",
        json!({"DeliveryStreamName": name, "CurrentDeliveryStreamVersionId": "1",
            "DestinationId": "destinationId-000000000001", "ExtendedS3DestinationUpdate": {"BufferingHints": hints}}),
    );
}

fn create_delivery(aws: &Server, name: &str) {
    let to = json!({"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::it",
        "BufferingHints": {"IntervalInSeconds": 900, "SizeInMBs": 1}});
    aws.ok(
        "Firehose_20150804.CreateDeliveryStream",
        json!({"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": to}),
    );
}

fn item(aws: &Server, key: &str) -> Value {
    aws.table_call("GetItem", json!({"TableName": "orders", "Key": {"k": {"S": key}}}))["Item"]["v"]["S"].clone()
}

fn names(aws: &Server) -> (Vec<Value>, Vec<Value>) {
    (
        list(&aws.ok("ListStreams", json!({}))["StreamNames"]),
        list(&aws.table_call("ListTables", json!({}))["TableNames"]),
    )
}

/// Everything that came later or went later.
fn go_on(aws: &Server, stream: &str, gone: &str) {
    aws.put(stream, "k", "after");
    aws.ok("UpdateShardCount", json!({"StreamName": stream, "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"}));
    aws.settles(stream);
    aws.put(stream, "k", "after the split");
    aws.done("IncreaseStreamRetentionPeriod", json!({"StreamName": stream, "RetentionPeriodHours": 48}));
    aws.done("DeleteStream", json!({"StreamName": gone, "EnforceConsumerDeletion": true}));
    aws.stream(1);
    for key in ["changed", "after"] {
        aws.put_item("orders", key, "after");
    }
    aws.table_call("DeleteItem", json!({"TableName": "orders", "Key": {"k": {"S": "removed"}}}));
    aws.table_call("DeleteTable", json!({"TableName": "gone"}));
    table(aws, "later");
    aws.ok("Firehose_20150804.DeleteDeliveryStream", json!({"DeliveryStreamName": "parting"}));
    put_to_delivery(aws, "line-after");
}

#[test]
fn a_server_is_as_it_was_at_a_moment_between_backups() {
    let folders = Folders::new();
    let aws = folders.server_with("data", "objects", HISTORY);
    let (stream, gone) = (aws.stream(2), aws.stream(1));
    let (orders, gone_table) = (table(&aws, "orders"), table(&aws, "gone"));
    ["logs", "parting"].iter().for_each(|name| create_delivery(&aws, name));
    let first = aws.put(&stream, "k", "first");
    aws.put(&gone, "k", "gone");
    for key in ["kept", "changed", "removed"] {
        aws.put_item("orders", key, "before");
    }
    aws.put_item("gone", "1", "1");
    let early = moment();
    said(&folders.backup(&aws, &[]));
    aws.put(&stream, "k", "second");
    aws.put_item("orders", "between", "before");
    aws.put_item("gone", "2", "2");
    put_to_delivery(&aws, "line-before");
    let record = json!({"Data": base64(b"line-parting\n")});
    aws.ok("Firehose_20150804.PutRecord", json!({"DeliveryStreamName": "parting", "Record": record}));
    let there = names(&aws);
    let then = moment();
    go_on(&aws, &stream, &gone);
    delivers_at_once(&aws, "logs");
    until("what was put is delivered", || lines(&folders.path("objects")).contains("line-before"));
    said(&folders.backup(&aws, &[]));
    aws.kill();

    assert!(said(&folders.restore("again", &["--to", &then])).contains("restored to"));
    let checked = headwater().arg("fsck").arg("--data").arg(folders.path("again")).output().expect("it runs");
    said(&checked);
    let aws = folders.server_with("again", "objects-again", HISTORY);
    assert_eq!(names(&aws), there);
    assert_eq!((records(&aws, &stream), records(&aws, &gone)), (set(&["first", "second"]), set(&["gone"])));
    assert_eq!((aws.shards(&stream).len(), &aws.summary(&stream)["RetentionPeriodHours"]), (2, &json!(24)));
    let keys = set(&["kept", "changed", "removed", "between"]);
    assert_eq!((scan(&aws, "orders", None), scan(&aws, "orders", Some("by-v"))), (keys.clone(), keys.clone()));
    assert_eq!((told(&aws, &orders), item(&aws, "changed")), (keys, json!("before")));
    assert_eq!((scan(&aws, "gone", None), told(&aws, &gone_table)), (set(&["1", "2"]), set(&["1", "2"])));
    ["logs", "parting"].iter().for_each(|name| delivers_at_once(&aws, name));
    until("what was put is delivered again", || lines(&folders.path("objects-again")).len() == 2);
    assert_eq!(lines(&folders.path("objects-again")), set(&["line-before", "line-parting"]));

    // It goes on, and places that were handed out stay good.
    let new = aws.put(&stream, "k", "new");
    aws.put_item("orders", "new", "new");
    said(&folders.backup(&aws, &[]));
    aws.kill();
    let aws = folders.server_with("again", "objects-again", HISTORY);
    let from = aws.iterator_with(json!({"StreamName": stream, "ShardId": first["ShardId"],
        "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": first["SequenceNumber"]}));
    let rest = aws.drain(from);
    assert_eq!(rest.iter().map(data).collect::<Vec<_>>(), ["second", "new"]);
    assert!(text(&rest[0]["SequenceNumber"]) < text(&new["SequenceNumber"]));
    assert!(scan(&aws, "orders", None).contains("new"));
    aws.kill();

    // Before the first backup, too, as the log of the tables is whole; and that the other server went on does no harm.
    said(&folders.restore("early", &["--to", &early]));
    let aws = folders.server_with("early", "objects", HISTORY);
    assert_eq!((records(&aws, &stream), scan(&aws, "gone", None)), (set(&["first"]), set(&["1"])));
    assert_eq!(scan(&aws, "orders", Some("by-v")), set(&["kept", "changed", "removed"]));
}

/// Some of what takes several steps, and a record and two items in between.
fn change(aws: &Server, stream: &str) {
    aws.ok("UpdateShardCount", json!({"StreamName": stream, "TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"}));
    let keys = json!([{"AttributeName": "v", "KeyType": "HASH"}]);
    let index = json!({"IndexName": "again", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}});
    aws.table_call(
        "UpdateTable",
        json!({"TableName": "orders", "AttributeDefinitions": [{"AttributeName": "v", "AttributeType": "S"}],
            "GlobalSecondaryIndexUpdates": [{"Create": index}]}),
    );
    aws.put(stream, "k", "meanwhile");
    let put = |key: &str| json!({"Put": {"TableName": "orders", "Item": {"k": {"S": key}, "v": {"S": key}}}});
    aws.table_call("TransactWriteItems", json!({"TransactItems": [put("pair-1"), put("pair-2")]}));
    put_to_delivery(aws, "line");
    settled(aws, stream);
}

/// The names of the table's indexes, once there and in the stream nothing is under way any more.
fn settled(aws: &Server, stream: &str) -> BTreeSet<String> {
    aws.settles(stream);
    let mut names = BTreeSet::new();
    until("the table and its indexes are active", || {
        let table = aws.table_call("DescribeTable", json!({"TableName": "orders"}))["Table"].clone();
        let indexes = list(&table["GlobalSecondaryIndexes"]);
        names = indexes.iter().map(|index| text(&index["IndexName"])).collect();
        table["TableStatus"] == "ACTIVE" && indexes.iter().all(|index| index["IndexStatus"] == "ACTIVE")
    });
    names
}

/// Moments at which a server is looked at that was busy.
const LOOKS: u128 = 12;

#[test]
fn whatever_was_under_way_at_the_moment_is_rolled_forward() {
    let folders = Folders::new();
    let aws = folders.server_with("data", "objects", HISTORY);
    let (stream, arn) = (aws.stream(1), table(&aws, "orders"));
    create_delivery(&aws, "logs");
    aws.put(&stream, "k", "before");
    for number in 0..40 {
        aws.put_item("orders", &number.to_string(), &number.to_string());
    }
    let begun_ms = now_ms();
    thread::sleep(Duration::from_millis(2));
    change(&aws, &stream);
    let ended_ms = now_ms();
    said(&folders.backup(&aws, &[]));
    aws.kill();
    let mut seen = BTreeSet::new();
    for look in 0..=LOOKS {
        let to = seconds(begun_ms + (ended_ms - begun_ms) * look / LOOKS);
        said(&folders.restore(&to, &["--to", &to]));
        let aws = folders.server_with(&to, "objects-again", &[]);
        let indexes = settled(&aws, &stream);
        aws.put(&stream, "k", "new");
        let (items, all) = (scan(&aws, "orders", None), records(&aws, &stream));
        assert!(all.is_superset(&set(&["before", "new"])), "as of {to}: {all:?}");
        assert_eq!(items.contains("pair-1"), items.contains("pair-2"), "as of {to}");
        assert_eq!(told(&aws, &arn), items, "as of {to}");
        for index in &indexes {
            assert_eq!(scan(&aws, "orders", Some(index)), items, "as of {to}: {index}");
        }
        let open = aws.summary(&stream)["OpenShardCount"].as_u64();
        seen.insert((open, indexes.len(), items.len(), all.len()));
    }
    assert!(seen.len() > 3, "it was looked at while it was busy: {seen:?}");
    assert_eq!(seen.first(), Some(&(Some(1), 1, 40, 2)));
    assert_eq!(seen.last(), Some(&(Some(2), 2, 42, 3)));
}

#[test]
fn what_no_log_reaches_is_refused_with_what_can_be_had_and_nothing_is_written() {
    let folders = Folders::new();
    let never = moment();
    let run = |history: &[&str]| {
        let aws = folders.server_with("data", "objects", history);
        aws.stream(1);
        said(&folders.backup(&aws, &[]));
        assert!(aws.stop().success());
        moment()
    };
    let refuse = |to: &str| {
        let why = refused(&folders.restore("again", &["--to", to]));
        assert!(!folders.path("again").exists(), "{why}");
        why
    };
    let plain = run(&[]);
    assert!(refuse(&plain).contains("--history-hours"));
    assert_eq!(folders.listed()[0]["from"], Value::Null);
    let begun = run(HISTORY);
    run(HISTORY);
    let ended = run(&[]);
    let again = run(HISTORY);
    let listed = folders.listed();
    let (from, upto) = (text(&listed[2]["from"]), text(&listed[2]["time"]));
    assert_eq!(listed[1]["from"], listed[2]["from"], "the journal goes back to where that was asked for");
    for to in [&never, &plain, &ended, &again] {
        let why = refuse(to);
        assert!(why.contains(&format!("can be: {from} to {upto}, ")), "{why}");
    }
    for to in [&begun, &from, &upto] {
        said(&folders.restore(&format!("as-of-{to}"), &["--to", to]));
        let aws = folders.server_with(&format!("as-of-{to}"), "objects", &[]);
        let expected = if *to == upto { 3 } else { 2 - usize::from(*to == from) };
        assert_eq!(names(&aws).0.len(), expected, "as of {to}");
    }
    let wrong = refused(&folders.restore("again", &["--to", "yesterday"]));
    assert!(wrong.contains("write a time like"), "{wrong}");
}
