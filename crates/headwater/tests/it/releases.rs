//! Data folders that releases have written: today's server opens each of them, and everything that was in it is there.
//!
//! Their journals stand in the year 2100, and time does not fall along a journal: so nothing in them passes its retention
//! before, whenever this runs. Each archive has the folder and what its own server read back from it.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use bytes::Bytes;
use headwater_log::{
    LogGroup, LogId,
    clock::ManualClock,
    disk::{Core, DiskConfig, files::DiskFiles},
};
use serde_json::{Map, Value, json};

use crate::{
    backup::{lines, put_to_delivery, table},
    calls::{list, text, until},
    glue,
    server::Server,
};

/// 2100-01-01.
const FAR_MS: u64 = 4_102_444_800_000;
const DATA: &str = "data";
const READ: &str = "read.json";

fn archives() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn tar(how: &str, archive: &Path, folder: &Path, what: &[&str]) {
    let mut tar = Command::new("tar");
    let done = tar.arg(how).arg(archive).arg("-C").arg(folder).args(what).status().expect("there is tar");
    assert!(done.success(), "{}", archive.display());
}

fn server(folder: &Path) -> Server {
    let objects = folder.join("objects");
    Server::on(&folder.join(DATA), &["--s3-dir", objects.to_str().expect("text")])
}

/// A journal in which the time is far.
fn far(data: &Path) {
    let files = DiskFiles::create(&data.join("log")).expect("a folder");
    let clock = Arc::new(ManualClock::at(FAR_MS));
    let mut core = Core::open(Arc::new(files), DiskConfig::default(), clock).expect("a journal");
    drop(core.append(LogId::new(LogGroup(u128::from(u64::MAX)), 0), vec![Bytes::from_static(b"far")]));
    core.write_group().expect("it is written");
    core.finish().expect("it is written");
}

/// Some of everything there is. Releases after this one may add to it: archives have what was read of them.
fn fill(aws: &Server) {
    aws.done("CreateStream", json!({"StreamName": "records", "ShardCount": 2}));
    aws.settles("records");
    aws.put("records", "a", "before the split");
    aws.ok(
        "UpdateShardCount",
        json!({"StreamName": "records", "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"}),
    );
    aws.settles("records");
    for key in ["a", "b", "c"] {
        aws.put("records", key, &format!("after the split: {key}"));
    }
    let keyed = json!({"StreamName": "records", "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"});
    aws.done("StartStreamEncryption", keyed);
    aws.settles("records");
    aws.put("records", "a", "encrypted");
    aws.done("AddTagsToStream", json!({"StreamName": "records", "Tags": {"kept": "yes"}}));
    aws.done("IncreaseStreamRetentionPeriod", json!({"StreamName": "records", "RetentionPeriodHours": 48}));
    let arn = aws.summary("records")["StreamARN"].clone();
    aws.ok("RegisterStreamConsumer", json!({"StreamARN": arn, "ConsumerName": "reader"}));

    table(aws, "orders");
    aws.table_call(
        "UpdateTimeToLive",
        json!({"TableName": "orders", "TimeToLiveSpecification": {"AttributeName": "until", "Enabled": true}}),
    );
    let all = json!({"k": {"S": "all"}, "v": {"S": "types"}, "n": {"N": "-1.5e10"}, "b": {"B": "AAEC"}, "t": {"BOOL": true},
        "z": {"NULL": true}, "ss": {"SS": ["x", "y"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": ["AA=="]},
        "l": {"L": [{"S": "in"}, {"M": {"deep": {"N": "7"}}}]}, "until": {"N": "4102444800"}});
    aws.table_call("PutItem", json!({"TableName": "orders", "Item": all}));
    for key in ["changed", "removed"] {
        aws.put_item("orders", key, "first");
    }
    let put = json!({"Put": {"TableName": "orders", "Item": {"k": {"S": "changed"}, "v": {"S": "second"}}}});
    aws.table_call("TransactWriteItems", json!({"TransactItems": [put], "ClientRequestToken": "token"}));
    aws.table_call("DeleteItem", json!({"TableName": "orders", "Key": {"k": {"S": "removed"}}}));

    for (operation, input) in [
        ("CreateDatabase", json!({"DatabaseInput": {"Name": "d"}})),
        ("CreateTable", json!({"DatabaseName": "d", "TableInput": {"Name": "t", "Description": "kept"}})),
    ] {
        assert_eq!(glue::post(aws, operation, &input).status, 200, "{operation}");
    }
    let to = json!({"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::it", "Prefix": "p/",
        "BufferingHints": {"IntervalInSeconds": 900, "SizeInMBs": 1}});
    let encrypted = json!({"KeyType": "AWS_OWNED_CMK"});
    aws.ok(
        "Firehose_20150804.CreateDeliveryStream",
        json!({"DeliveryStreamName": "logs", "ExtendedS3DestinationConfiguration": to,
            "DeliveryStreamEncryptionConfigurationInput": encrypted}),
    );
    put_to_delivery(aws, "undelivered");
    // What is deleted leaves its traces, too.
    let gone = aws.stream(1);
    aws.done("DeleteStream", json!({"StreamName": gone}));
    table(aws, "gone");
    aws.table_call("DeleteTable", json!({"TableName": "gone"}));
}

/// These members of an answer.
fn of(answer: &Value, members: &[&str]) -> Value {
    Value::Object(members.iter().map(|member| ((*member).to_owned(), answer[*member].clone())).collect::<Map<_, _>>())
}

/// Items in the order of their text.
fn sorted(answer: &Value) -> BTreeSet<String> {
    list(&answer["Items"]).iter().map(ToString::to_string).collect()
}

/// Everything that is to be found again, as it is answered.
fn read(aws: &Server) -> Value {
    let summary = ["StreamARN", "StreamStatus", "RetentionPeriodHours", "EncryptionType", "KeyId", "OpenShardCount"];
    let shards = aws.shards("records");
    let drained = |shard: &Value| aws.drain(aws.iterator("records", &text(&shard["ShardId"]), "TRIM_HORIZON"));
    let described = aws.table_call("DescribeTable", json!({"TableName": "orders"}))["Table"].clone();
    let members =
        ["TableArn", "TableId", "TableStatus", "KeySchema", "AttributeDefinitions", "ItemCount", "LatestStreamArn"];
    let by_v = aws.table_call("Scan", json!({"TableName": "orders", "IndexName": "by-v"}));
    let expiry = aws.table_call("DescribeTimeToLive", json!({"TableName": "orders"}));
    let delivery = aws.ok("Firehose_20150804.DescribeDeliveryStream", json!({"DeliveryStreamName": "logs"}));
    let delivery = &delivery["DeliveryStreamDescription"];
    let members_of_delivery = ["DeliveryStreamARN", "DeliveryStreamStatus", "VersionId", "CreateTimestamp"];
    json!({
        "streams": aws.ok("ListStreams", json!({}))["StreamNames"],
        "summary": of(&aws.summary("records"), &summary),
        "records": shards.iter().map(drained).collect::<Vec<_>>(),
        "shards": shards,
        "tags": aws.ok("ListTagsForStream", json!({"StreamName": "records"}))["Tags"],
        "consumers": aws.ok("ListStreamConsumers", json!({"StreamARN": aws.summary("records")["StreamARN"]}))["Consumers"],
        "tables": aws.table_call("ListTables", json!({}))["TableNames"],
        "table": of(&described, &members),
        "items": sorted(&aws.table_call("Scan", json!({"TableName": "orders"}))),
        "index": sorted(&by_v),
        "changes": changes(aws, &text(&described["LatestStreamArn"])),
        "expiry": expiry["TimeToLiveDescription"],
        "delivery": of(delivery, &members_of_delivery),
        "encryption": delivery["DeliveryStreamEncryptionConfiguration"]["Status"],
        "prefix": delivery["Destinations"][0]["ExtendedS3DestinationDescription"]["Prefix"],
        "glue": glue::post(aws, "GetTable", &json!({"DatabaseName": "d", "Name": "t"})).json(),
    })
}

/// The records of a table's stream, whatever shards it has by now.
fn changes(aws: &Server, arn: &str) -> Vec<Value> {
    let shards = aws.stream_call("DescribeStream", json!({"StreamArn": arn}))["StreamDescription"]["Shards"].clone();
    let records = |shard: &Value| {
        let input = json!({"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"});
        let from = aws.stream_call("GetShardIterator", input)["ShardIterator"].clone();
        list(&aws.stream_call("GetRecords", json!({"ShardIterator": from}))["Records"])
    };
    list(&shards).iter().flat_map(records).collect()
}

#[test]
#[ignore = "`cargo xtask fixture` runs it at a release: it writes the archive of this version"]
fn this_release_writes_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    far(&folder.path().join(DATA));
    let aws = server(folder.path());
    fill(&aws);
    assert!(aws.stop().success());
    let aws = server(folder.path());
    let read = read(&aws);
    assert!(aws.stop().success());
    fs::write(folder.path().join(READ), serde_json::to_vec_pretty(&read).expect("JSON")).expect("a file");
    let archive = archives().join(format!("{}.tar.gz", env!("CARGO_PKG_VERSION")));
    fs::create_dir_all(archives()).expect("a folder");
    tar("-czf", &archive, folder.path(), &[DATA, READ]);
}

#[test]
fn what_every_release_wrote_is_read_and_goes_on() {
    let archives = fs::read_dir(archives()).expect("a folder").map(|entry| entry.expect("an entry").path());
    let archives: Vec<PathBuf> = archives.filter(|path| path.extension().is_some_and(|it| it == "gz")).collect();
    assert!(!archives.is_empty(), "there is none");
    for archive in archives {
        let folder = tempfile::tempdir().expect("a folder");
        tar("-xzf", &archive, folder.path(), &[]);
        let expected: Value =
            serde_json::from_slice(&fs::read(folder.path().join(READ)).expect("a file")).expect("JSON");
        let aws = server(folder.path());
        let found = read(&aws);
        // What later releases read as well, this one may not have.
        for (name, expected) in expected.as_object().expect("an object") {
            assert_eq!(&found[name], expected, "{}: {name}", archive.display());
        }
        let hints = json!({"BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1}});
        aws.ok(
            "Firehose_20150804.UpdateDestination",
            json!({"DeliveryStreamName": "logs", "CurrentDeliveryStreamVersionId": "1",
                "DestinationId": "destinationId-000000000001", "ExtendedS3DestinationUpdate": hints}),
        );
        let objects = folder.path().join("objects");
        until("what was not delivered yet is", || lines(&objects).contains("undelivered"));
        aws.put("records", "a", "new");
        aws.put_item("orders", "new", "new");
        aws.kill();
        let aws = server(folder.path());
        let again = read(&aws);
        assert_eq!(again["records"].to_string().matches("\"Data\"").count(), 6, "{}", archive.display());
        assert_eq!(list(&again["items"]).len(), list(&found["items"]).len() + 1);
        assert_eq!(list(&again["changes"]).len(), list(&found["changes"]).len() + 1);
    }
}
