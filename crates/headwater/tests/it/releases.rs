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

/// Decisions after which a catalog writes a snapshot, and some.
const DECISIONS: usize = 1040;

/// Some of everything there is. Later releases may add to it: an archive tells what to read of it.
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
    for number in 0..DECISIONS {
        let value = number.to_string();
        aws.done("AddTagsToStream", json!({"StreamName": "records", "Tags": {"number": value}}));
        let tags = json!([{"Key": "number", "Value": value}]);
        aws.ok("Firehose_20150804.TagDeliveryStream", json!({"DeliveryStreamName": "logs", "Tags": tags}));
        let described =
            json!({"DatabaseName": "d", "TableInput": {"Name": "t", "Description": value}, "SkipArchive": true});
        assert_eq!(glue::post(aws, "UpdateTable", &described).status, 200);
    }
    // What is deleted leaves its traces, too.
    let gone = aws.stream(1);
    aws.done("DeleteStream", json!({"StreamName": gone}));
    table(aws, "gone");
    aws.table_call("DeleteTable", json!({"TableName": "gone"}));
    // What fills segments, so that they are sorted.
    aws.done("CreateStream", json!({"StreamName": "large", "ShardCount": 1}));
    aws.settles("large");
    for _ in 0..8 {
        aws.put("large", "k", &"x".repeat(1_000_000));
    }
}

/// These members of an answer.
fn of(answer: &Value, members: &[&str]) -> Value {
    Value::Object(members.iter().map(|member| ((*member).to_owned(), answer[*member].clone())).collect::<Map<_, _>>())
}

/// What is to be found again.
const WHAT: [&str; 17] = [
    "streams",
    "summary",
    "shards",
    "records",
    "large",
    "tags",
    "consumers",
    "tables",
    "table",
    "items",
    "index",
    "changes",
    "expiry",
    "delivery",
    "delivery encryption",
    "delivery prefix",
    "glue",
];

/// Some of it, as it is answered.
fn read(aws: &Server, what: &str) -> Value {
    let drained = |stream: &str| {
        let shards = aws.shards(stream).into_iter().map(|shard| text(&shard["ShardId"]));
        shards.map(|shard| aws.drain(aws.iterator(stream, &shard, "TRIM_HORIZON"))).collect::<Vec<_>>()
    };
    let table = || aws.table_call("DescribeTable", json!({"TableName": "orders"}))["Table"].clone();
    let scan = |more: Value| {
        let mut input = json!({"TableName": "orders"});
        input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let items = list(&aws.table_call("Scan", input)["Items"]);
        json!(items.iter().map(ToString::to_string).collect::<BTreeSet<_>>())
    };
    let delivery = || {
        let described = aws.ok("Firehose_20150804.DescribeDeliveryStream", json!({"DeliveryStreamName": "logs"}));
        described["DeliveryStreamDescription"].clone()
    };
    match what {
        "streams" => aws.ok("ListStreams", json!({}))["StreamNames"].clone(),
        "summary" => of(
            &aws.summary("records"),
            &["StreamARN", "StreamStatus", "RetentionPeriodHours", "EncryptionType", "KeyId", "OpenShardCount"],
        ),
        "shards" => json!(aws.shards("records")),
        "records" => json!(drained("records")),
        "large" => {
            let length = |record: &Value| json!([record["SequenceNumber"], text(&record["Data"]).len()]);
            drained("large").concat().iter().map(length).collect()
        }
        "tags" => aws.ok("ListTagsForStream", json!({"StreamName": "records"}))["Tags"].clone(),
        "consumers" => {
            let arn = aws.summary("records")["StreamARN"].clone();
            aws.ok("ListStreamConsumers", json!({"StreamARN": arn}))["Consumers"].clone()
        }
        "tables" => aws.table_call("ListTables", json!({}))["TableNames"].clone(),
        "table" => of(
            &table(),
            &[
                "TableArn",
                "TableId",
                "TableStatus",
                "KeySchema",
                "AttributeDefinitions",
                "ItemCount",
                "LatestStreamArn",
            ],
        ),
        "items" => scan(json!({})),
        "index" => scan(json!({"IndexName": "by-v"})),
        "changes" => changes(aws, &text(&table()["LatestStreamArn"])),
        "expiry" => {
            aws.table_call("DescribeTimeToLive", json!({"TableName": "orders"}))["TimeToLiveDescription"].clone()
        }
        "delivery" => of(&delivery(), &["DeliveryStreamARN", "DeliveryStreamStatus", "VersionId", "CreateTimestamp"]),
        "delivery encryption" => delivery()["DeliveryStreamEncryptionConfiguration"]["Status"].clone(),
        "delivery prefix" => delivery()["Destinations"][0]["ExtendedS3DestinationDescription"]["Prefix"].clone(),
        "glue" => glue::post(aws, "GetTable", &json!({"DatabaseName": "d", "Name": "t"})).json(),
        _ => panic!("{what} was read once, and has to be for ever"),
    }
}

/// The records of a table's stream, whatever shards it has by now.
fn changes(aws: &Server, arn: &str) -> Value {
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
    let archive = archives().join(format!("{}.tar.gz", env!("CARGO_PKG_VERSION")));
    assert!(!archive.exists(), "{} is what the release wrote, for good", archive.display());
    let folder = tempfile::tempdir().expect("a folder");
    far(&folder.path().join(DATA));
    let aws = server(folder.path());
    fill(&aws);
    until("segments are sorted", || {
        let files = fs::read_dir(folder.path().join(DATA).join("log")).expect("a folder");
        files.map(|entry| entry.expect("an entry").file_name()).any(|name| name.to_string_lossy().starts_with("run-"))
    });
    assert!(aws.stop().success());
    let aws = server(folder.path());
    let read: Map<String, Value> = WHAT.iter().map(|what| ((*what).to_owned(), read(&aws, what))).collect();
    assert!(aws.stop().success());
    fs::write(folder.path().join(READ), serde_json::to_vec_pretty(&read).expect("JSON")).expect("a file");
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
        let expected: Map<String, Value> =
            serde_json::from_slice(&fs::read(folder.path().join(READ)).expect("a file")).expect("JSON");
        let aws = server(folder.path());
        for (what, expected) in &expected {
            assert_eq!(&read(&aws, what), expected, "{}: {what}", archive.display());
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
        let more = |what: &str, text: &str| {
            let count = |value: &Value| value.to_string().matches(text).count();
            assert_eq!(count(&read(&aws, what)), count(&expected[what]) + 1, "{}: {what}", archive.display());
        };
        more("records", "\"Data\"");
        more("items", "\\\"k\\\"");
        more("changes", "\"eventID\"");
    }
}
