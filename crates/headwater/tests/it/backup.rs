//! Backups of a running server and of a stopped one's folder, and what is restored from them.
use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    calls::{base64, data, list, text, until},
    client::{exchange, request},
    server::{Server, headwater},
};

/// When nothing was written for a second, full segments are sorted; what was copied as one file is then another.
const SORTED_AFTER: Duration = Duration::from_secs(3);

/// Folders for a server's data, its objects, its backups, and for what is restored.
pub(crate) struct Folders(tempfile::TempDir);

impl Folders {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn server(&self, data: &str, objects: &str) -> Server {
        self.server_with(data, objects, &[])
    }

    pub(crate) fn server_with(&self, data: &str, objects: &str, more: &[&str]) -> Server {
        let objects = self.path(objects);
        Server::on(&self.path(data), &[&["--s3-dir", objects.to_str().expect("text")], more].concat())
    }

    /// The backups there are, as they are listed.
    pub(crate) fn listed(&self) -> Vec<Value> {
        let listed = headwater().arg("restore").arg(self.path("backups")).arg("--list").output().expect("it runs");
        list(&serde_json::from_str(&said(&listed)).expect("JSON"))
    }

    pub(crate) fn backup(&self, server: &Server, more: &[&str]) -> Output {
        let endpoint = format!("http://{}", server.address());
        let mut command = headwater();
        command.arg("backup").arg(self.path("backups")).args(["--endpoint", &endpoint]).args(more);
        command.output().expect("it runs")
    }

    pub(crate) fn restore(&self, data: &str, more: &[&str]) -> Output {
        let mut command = headwater();
        command.arg("restore").arg(self.path("backups")).arg("--data").arg(self.path(data)).args(more);
        command.output().expect("it runs")
    }

    /// The files of the pieces that backups consist of.
    fn chunks(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path("backups").join("chunks")).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

#[track_caller]
pub(crate) fn said(done: &Output) -> String {
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[track_caller]
pub(crate) fn refused(done: &Output) -> String {
    assert!(!done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// Bytes copied, and those that were there already.
fn figures(said: &str) -> (u64, u64) {
    let numbers = said.split([' ', '\n']).filter_map(|word| word.parse().ok()).collect::<Vec<u64>>();
    (numbers[0], numbers[1])
}

/// A table with an index and a stream, whose ARN is answered.
pub(crate) fn table(aws: &Server, name: &str) -> String {
    let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    let hash = |name: &str| json!([{"AttributeName": name, "KeyType": "HASH"}]);
    let made = aws.table_call(
        "CreateTable",
        json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [attribute("k"), attribute("v")],
            "KeySchema": hash("k"),
            "GlobalSecondaryIndexes": [{"IndexName": "by-v", "KeySchema": hash("v"), "Projection": {"ProjectionType": "ALL"}}],
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
        }),
    );
    text(&made["TableDescription"]["LatestStreamArn"])
}

fn keys(items: &[Value]) -> BTreeSet<String> {
    items.iter().map(|item| text(&item["k"]["S"])).collect()
}

/// The keys in a table, or in its index.
pub(crate) fn scan(aws: &Server, table: &str, index: Option<&str>) -> BTreeSet<String> {
    let (mut all, mut from) = (BTreeSet::new(), Value::Null);
    loop {
        let mut input = json!({"TableName": table});
        if let Some(index) = index {
            input["IndexName"] = json!(index);
        }
        if !from.is_null() {
            input["ExclusiveStartKey"] = from;
        }
        let page = aws.table_call("Scan", input);
        all.extend(keys(&list(&page["Items"])));
        from = page["LastEvaluatedKey"].clone();
        if from.is_null() {
            return all;
        }
    }
}

/// The keys that a table's stream tells of.
pub(crate) fn told(aws: &Server, arn: &str) -> BTreeSet<String> {
    let shards = aws.stream_call("DescribeStream", json!({"StreamArn": arn}))["StreamDescription"]["Shards"].clone();
    let mut all = BTreeSet::new();
    for shard in list(&shards) {
        let input = json!({"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"});
        let mut next = aws.stream_call("GetShardIterator", input)["ShardIterator"].clone();
        loop {
            let page = aws.stream_call("GetRecords", json!({"ShardIterator": next}));
            let records: Vec<Value> = list(&page["Records"]).iter().map(|it| it["dynamodb"]["Keys"].clone()).collect();
            all.extend(keys(&records));
            next = page["NextShardIterator"].clone();
            if records.is_empty() || next.is_null() {
                break;
            }
        }
    }
    all
}

pub(crate) fn records(aws: &Server, stream: &str) -> BTreeSet<String> {
    let shards = aws.shards(stream);
    let drain = |shard: &Value| aws.drain(aws.iterator(stream, &text(&shard["ShardId"]), "TRIM_HORIZON"));
    shards.iter().flat_map(drain).map(|record| data(&record)).collect()
}

/// The lines of all files in a folder and those below.
pub(crate) fn lines(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeSet::new() };
    let read = |path: PathBuf| match path.is_dir() {
        true => lines(&path),
        false => fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect(),
    };
    entries.filter_map(|entry| Some(read(entry.ok()?.path()))).flatten().collect()
}

pub(crate) fn put_to_delivery(aws: &Server, line: &str) {
    let record = json!({"Data": base64(format!("{line}\n").as_bytes())});
    aws.ok("Firehose_20150804.PutRecord", json!({"DeliveryStreamName": "logs", "Record": record}));
}

/// Runs `put` with the numbers of lines again and again until told to stop; those it was acknowledged for.
fn load(name: &str, stop: &AtomicBool, done: &Mutex<BTreeSet<String>>, put: impl Fn(&str)) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let line = format!("{name}-{number:06}");
        put(&line);
        done.lock().expect("no panic").insert(line);
    }
}

#[test]
fn what_was_acknowledged_before_a_backup_under_load_is_in_it_and_fits_together() {
    let folders = Folders::new();
    let aws = folders.server("data", "objects");
    let stream = aws.stream(2);
    let arn = table(&aws, "orders");
    let to = json!({"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::it",
        "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1}});
    aws.ok(
        "Firehose_20150804.CreateDeliveryStream",
        json!({"DeliveryStreamName": "logs", "ExtendedS3DestinationConfiguration": to}),
    );
    let stop = AtomicBool::new(false);
    let [records_done, items_done, lines_done] = [(); 3].map(|()| Mutex::new(BTreeSet::new()));
    let now = |done: &Mutex<BTreeSet<String>>| done.lock().expect("no panic").clone();
    let before = thread::scope(|scope| {
        let (aws, stream, stop) = (&aws, &stream, &stop);
        let (records_done, items_done, lines_done) = (&records_done, &items_done, &lines_done);
        for writer in ["a", "b"] {
            scope.spawn(move || load(writer, stop, records_done, |line| drop(aws.put(stream, line, line))));
            scope.spawn(move || load(writer, stop, items_done, |line| aws.put_item("orders", line, line)));
        }
        scope.spawn(move || load("c", stop, lines_done, |line| put_to_delivery(aws, line)));
        let mut before = Vec::new();
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(300));
            before = vec![now(records_done), now(items_done), now(lines_done)];
            said(&folders.backup(aws, &[]));
        }
        stop.store(true, Ordering::Relaxed);
        before
    });
    aws.kill();
    assert!(before.iter().all(|done| done.len() > 5), "there was load");
    assert_eq!(folders.listed().len(), 3);

    said(&folders.restore("again", &[]));
    let checked = headwater().arg("fsck").arg("--data").arg(folders.path("again")).output().expect("it runs");
    assert!(said(&checked).contains("tables up to decision"), "{}", said(&checked));
    let aws = folders.server("again", "objects-again");
    assert!(records(&aws, &stream).is_superset(&before[0]));
    let items = scan(&aws, "orders", None);
    assert!(items.is_superset(&before[1]));
    assert_eq!((scan(&aws, "orders", Some("by-v")), told(&aws, &arn)), (items.clone(), items));
    until("what was put to the delivery stream is delivered", || {
        let delivered = &lines(&folders.path("objects")) | &lines(&folders.path("objects-again"));
        delivered.is_superset(&before[2])
    });
    aws.put(&stream, "a", "later");
    aws.put_item("orders", "later", "later");
    aws.kill();
    let aws = folders.server("again", "objects-again");
    assert!(scan(&aws, "orders", None).contains("later") && records(&aws, &stream).contains("later"));
}

#[test]
fn a_second_backup_copies_what_is_new_and_few_are_kept_on_request() {
    let folders = Folders::new();
    let aws = folders.server("data", "objects");
    let stream = aws.stream(1);
    table(&aws, "orders");
    for number in 0..8 {
        aws.put(&stream, "k", &"x".repeat(500_000 + number));
    }
    for number in 0..60 {
        aws.put_item("orders", &number.to_string(), &"y".repeat(1_000));
    }
    thread::sleep(SORTED_AFTER);
    let first = figures(&said(&folders.backup(&aws, &[])));
    assert!(first.0 > 4_000_000 && first.1 == 0, "{first:?}");
    let older = fs::read_dir(folders.path("backups")).expect("a folder").count();
    aws.put(&stream, "k", "new");
    aws.put_item("orders", "7", "changed");
    let second = figures(&said(&folders.backup(&aws, &[])));
    assert!(second.0 < 200_000 && second.1 > 4_000_000, "{second:?}");
    assert_eq!(fs::read_dir(folders.path("backups")).expect("a folder").count(), older + 1);

    let chunks = folders.chunks().len();
    let third = said(&folders.backup(&aws, &["--keep", "1"]));
    assert!(third.contains("dropped: 2 older backups"), "{third}");
    assert!(folders.chunks().len() < chunks);
    aws.kill();
    said(&folders.restore("again", &[]));
    assert!(refused(&folders.restore("again", &[])).contains("there is something in it"));
    let aws = folders.server("again", "objects");
    assert_eq!(records(&aws, &stream).len(), 9);
    let got = aws.table_call("GetItem", json!({"TableName": "orders", "Key": {"k": {"S": "7"}}}));
    assert_eq!(got["Item"]["v"]["S"], "changed");
    // The restored server gives new files the names that those of the first one may have by now.
    aws.put(&stream, "k", &"z".repeat(300_000));
    said(&folders.backup(&aws, &[]));
    aws.kill();
    said(&folders.restore("once-more", &[]));
    assert_eq!(records(&folders.server("once-more", "objects"), &stream).len(), 10);
}

#[test]
fn what_is_damaged_is_refused_by_name_and_nothing_is_left_behind() {
    let folders = Folders::new();
    let aws = folders.server("data", "objects");
    let stream = aws.stream(1);
    aws.put(&stream, "k", "kept");
    table(&aws, "orders");
    aws.put_item("orders", "1", "1");
    said(&folders.backup(&aws, &[]));
    for chunk in folders.chunks() {
        let sound = fs::read(&chunk).expect("a file");
        let mut damaged = sound.clone();
        *damaged.last_mut().expect("it is not empty") ^= 1;
        for bytes in [Some(damaged), Some(sound[1..].to_vec()), None] {
            match bytes {
                Some(bytes) => fs::write(&chunk, bytes).expect("a file"),
                None => fs::remove_file(&chunk).expect("a file"),
            }
            let why = refused(&folders.restore("again", &[]));
            assert!(why.contains(chunk.file_name().and_then(|name| name.to_str()).expect("text")), "{why}");
            let left = fs::read_dir(folders.path("again")).map_or(0, Iterator::count);
            assert_eq!(left, 0, "nothing is left behind");
        }
        fs::write(&chunk, sound).expect("a file");
    }
    said(&folders.restore("again", &[]));
    let manifest =
        fs::read_dir(folders.path("backups")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let manifest = manifest.filter(|path| path.extension().is_some_and(|it| it == "json")).max().expect("a manifest");
    let sound = fs::read_to_string(&manifest).expect("text");
    fs::write(&manifest, sound.replacen("\"length\":", "\"length\":1", 1)).expect("a file");
    let why = refused(&folders.restore("more", &[]));
    assert!(why.contains(manifest.to_str().expect("text")) && why.contains("damaged"), "{why}");
}

#[test]
fn a_stopped_servers_folder_is_backed_up_and_a_running_one_is_not() {
    let folders = Folders::new();
    let aws = folders.server("data", "objects");
    let stream = aws.stream(1);
    let keyed = json!({"StreamName": stream, "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"});
    aws.done("StartStreamEncryption", keyed);
    aws.settles(&stream);
    aws.put(&stream, "k", "secret");
    table(&aws, "orders");
    aws.put_item("orders", "1", "1");
    let offline = || {
        let mut command = headwater();
        command.arg("backup").arg(folders.path("backups")).arg("--data").arg(folders.path("data"));
        command.output().expect("it runs")
    };
    assert!(refused(&offline()).contains("a server is using it"));
    aws.kill();
    said(&offline());
    said(&offline()); // the first one has closed the journal, which that server could not
    assert_eq!(figures(&said(&offline())).0, 0, "nothing has changed");
    said(&folders.restore("again", &[]));
    let aws = folders.server("again", "objects");
    assert_eq!(
        (records(&aws, &stream), scan(&aws, "orders", None)),
        (["secret".to_owned()].into(), ["1".to_owned()].into())
    );
    let absent = headwater().arg("backup").arg(folders.path("x")).arg("--data").arg(folders.path("y")).output();
    assert!(refused(&absent.expect("it runs")).contains("no data folder"));
    let ephemeral = Server::start(&[]);
    assert!(refused(&folders.backup(&ephemeral, &[])).contains("everything is in memory"));
}

const CREDENTIALS: &str = r#"
[[key]]
id = "OWNER"
secret = "s"

[[key]]
id = "GUARD"
secret = "s"
policy = '{"Statement": {"Effect": "Allow", "Action": "headwater:Backup", "Resource": "*"}}'

[[key]]
id = "READER"
secret = "s"
policy = '{"Statement": {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}}'

[[key]]
id = "STRANGER"
secret = "s"
account = "111111111111"
"#;

#[test]
fn with_credentials_a_backup_takes_a_key_that_may_have_all() {
    let folders = Folders::new();
    fs::write(folders.path("keys.toml"), CREDENTIALS).expect("a file");
    let keys = folders.path("keys.toml");
    let aws = Server::on(&folders.path("data"), &["--credentials", keys.to_str().expect("text")]);
    let endpoint = format!("http://{}", aws.address());
    let backup = |id: &str, secret: &str| {
        let mut command: Command = headwater();
        command.arg("backup").arg(folders.path("backups")).args(["--endpoint", &endpoint]);
        command.envs([("AWS_ACCESS_KEY_ID", id), ("AWS_SECRET_ACCESS_KEY", secret)]).output().expect("it runs")
    };
    for id in ["OWNER", "GUARD"] {
        said(&backup(id, "s"));
    }
    assert!(refused(&backup("OWNER", "wrong")).contains("signature"));
    assert!(refused(&backup("READER", "s")).contains("headwater:Backup"));
    assert!(refused(&backup("STRANGER", "s")).contains("all accounts"));
    assert!(refused(&folders.backup(&aws, &[])).contains("UnrecognizedClientException"));
}

#[test]
fn a_page_of_a_browser_gets_no_backup() {
    let folders = Folders::new();
    let aws = folders.server("data", "objects");
    let host = aws.address().to_string();
    let own = format!("http://{host}");
    let ask = |method: &str, host: &str, more: &[(&str, &str)], body: &[u8]| {
        let headers = [&[("Host", host), ("Connection", "close")], more].concat();
        exchange(aws.address(), &request(method, "/_headwater/backup", &headers, body)).expect("an answer").status
    };
    let nothing = br#"{"files": [], "chunks": []}"#;
    assert_eq!(ask("POST", &host, &[], nothing), 200);
    assert_eq!(ask("POST", &host, &[("Origin", &own)], nothing), 403);
    assert_eq!(ask("POST", &host, &[("Sec-Fetch-Site", "same-origin")], nothing), 403);
    assert_eq!(ask("POST", "evil.example", &[], nothing), 403);
    assert_eq!((ask("GET", &host, &[], b""), ask("POST", &host, &[], b"{}")), (405, 400));
}

/// What `headwater backup` says to a server that answers `body` and is gone.
fn answered(folders: &Folders, body: &'static [u8]) -> Output {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut asked = Vec::new();
        while !asked.ends_with(b"}") {
            let mut some = [0; 4096];
            let length = client.read(&mut some).expect("a request");
            asked.extend_from_slice(&some[..length]);
        }
        let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        client.write_all(&[head, body].concat()).expect("it listens");
    });
    let mut command = headwater();
    command.arg("backup").arg(folders.path("backups")).args(["--endpoint", &endpoint]);
    let done = command.output().expect("it runs");
    server.join().expect("it answers");
    done
}

#[test]
fn a_stream_that_is_cut_is_no_backup() {
    let folders = Folders::new();
    for body in [&b""[..], b"HWba", b"HWbacku1", b"HWbacku1\x01\x02\x03"] {
        assert!(refused(&answered(&folders, body)).contains("cut short"));
    }
    assert!(refused(&answered(&folders, b"<html>not found</html>")).contains("no backup"));
    let damaged = b"HWbacku1\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\x02\0\0\0{}";
    assert!(refused(&answered(&folders, damaged)).contains("damaged on its way"));
    assert!(refused(&folders.restore("again", &[])).contains("there is no backup in it"));
}
