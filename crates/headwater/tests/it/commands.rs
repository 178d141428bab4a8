//! The command line as a client of a running server.
use crate::server::{Server, headwater};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    process::{Output, Stdio},
};

/// A table with a sort key, an index and more items than a batch holds.
fn model() -> Value {
    let items: Vec<Value> = (0..30)
        .map(|place| json!({"shelf": {"S": "a"}, "place": {"N": place.to_string()}, "title": {"S": format!("t{place}")}}))
        .collect();
    let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
    json!({
        "ModelName": "Library",
        "ModelMetadata": {"Author": "a", "AWSService": "Amazon DynamoDB", "Version": "3.0"},
        "DataModel": [{
            "TableName": "books",
            "KeyAttributes": {"PartitionKey": attribute("shelf", "S"), "SortKey": attribute("place", "N")},
            "NonKeyAttributes": [attribute("title", "S")],
            "TableFacets": [],
            "GlobalSecondaryIndexes": [{
                "IndexName": "by-title",
                "KeyAttributes": {"PartitionKey": attribute("title", "S")},
                "Projection": {"ProjectionType": "ALL"},
            }],
            "TableData": items,
            "DataAccess": {"MySql": {}},
            "BillingMode": "PAY_PER_REQUEST",
        }],
    })
}

fn run(server: &Server, arguments: &[&str]) -> Output {
    let endpoint = format!("http://{}", server.address());
    let run = headwater().args(arguments).args(["--endpoint", &endpoint]).output();
    run.expect("the binary under test can be run")
}

/// What a command says that must come to a good end.
fn said(server: &Server, arguments: &[&str]) -> String {
    let done = run(server, arguments);
    assert!(done.status.success(), "{arguments:?}: {}", text(&done.stderr));
    text(&done.stdout)
}

/// The same of a command that reads standard input.
fn fed(server: &Server, arguments: &[&str], input: &str) -> String {
    let mut command = headwater();
    command.args(arguments).args(["--endpoint", &format!("http://{}", server.address())]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary under test can be run");
    let written = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    written.expect("it reads");
    let done = child.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{arguments:?}: {}", text(&done.stderr));
    text(&done.stdout)
}

/// The lines of JSON in a text.
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_model_is_imported_and_comes_back() {
    let aws = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("library.json");
    fs::write(&file, model().to_string()).expect("a file");
    let file = file.to_str().expect("a name");

    let done = run(&aws, &["table", "import", file]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(text(&done.stdout), "books: 30 items\n");
    assert_eq!(aws.table_call("Scan", json!({"TableName": "books"}))["Count"], 30);

    let again = run(&aws, &["table", "import", file]);
    assert!(!again.status.success());
    assert!(text(&again.stderr).contains("books: there is such a table already; --replace"), "{}", text(&again.stderr));
    assert!(run(&aws, &["table", "import", file, "--replace"]).status.success());

    let exported = run(&aws, &["table", "export", "--as", "model", "--items", "30", "--model-name", "Library"]);
    let exported: Value = serde_json::from_slice(&exported.stdout).expect("a model");
    for member in ["TableName", "KeyAttributes", "NonKeyAttributes", "GlobalSecondaryIndexes", "BillingMode"] {
        assert_eq!(exported["DataModel"][0][member], model()["DataModel"][0][member], "{member}");
    }
    assert_eq!(exported["DataModel"][0]["TableData"].as_array().map(Vec::len), Some(30));
    let few = run(&aws, &["table", "export", "books", "--as", "model", "--items", "2"]);
    let few: Value = serde_json::from_slice(&few.stdout).expect("a model");
    assert_eq!(few["DataModel"][0]["TableData"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_model_is_imported_with_credentials_of_ones_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.toml");
    fs::write(&keys, "[[key]]\nid = 'AKID'\nsecret = 'hush'\n").expect("a file");
    let file = folder.path().join("library.json");
    fs::write(&file, model().to_string()).expect("a file");
    let aws = Server::start(&["--credentials", keys.to_str().expect("a name")]);
    let import = |secret: &str| {
        let endpoint = format!("http://{}", aws.address());
        let mut command = headwater();
        command.args(["table", "import"]).arg(&file).args(["--endpoint", &endpoint]);
        command.envs([("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", secret)]);
        command.output().expect("the binary under test can be run")
    };
    assert!(text(&import("wrong").stderr).contains("The request signature we calculated does not match"));
    let done = import("hush");
    assert!(done.status.success(), "{}", text(&done.stderr));
}

#[test]
fn what_is_wrong_is_said() {
    let aws = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("none.json");
    fs::write(&file, "{}").expect("a file");
    let file = file.to_str().expect("a name");
    let said = text(&run(&aws, &["table", "import", file]).stderr);
    assert!(said.contains("no model of NoSQL Workbench") && said.contains("DataModel"), "{said}");
    let said = text(&run(&aws, &["table", "export", "absent"]).stderr);
    assert!(said.contains("ResourceNotFoundException") && said.contains("headwater table list"), "{said}");
    let refused = headwater().args(["table", "list", "--endpoint", "ftp://somewhere"]).output().expect("it runs");
    assert!(text(&refused.stderr).contains("--endpoint: write http://HOST:PORT"), "{}", text(&refused.stderr));
}

#[test]
fn a_stream_is_made_resharded_and_deleted() {
    let aws = Server::start(&["--transition-ms", "50"]);
    said(&aws, &["stream", "create", "orders", "--shards", "2", "--tag", "team=red"]);
    let described: Value = serde_json::from_str(&said(&aws, &["stream", "describe", "orders"])).expect("JSON");
    assert_eq!((&described["StreamStatus"], &described["OpenShardCount"]), (&json!("ACTIVE"), &json!(2)));
    said(&aws, &["stream", "split", "orders", "shardId-000000000000"]);
    said(&aws, &["stream", "merge", "orders", "shardId-000000000002", "shardId-000000000003"]);
    said(&aws, &["stream", "scale", "orders", "8"]);
    said(&aws, &["stream", "retain", "orders", "48"]);
    let described: Value = serde_json::from_str(&said(&aws, &["stream", "describe", "orders"])).expect("JSON");
    assert_eq!((&described["OpenShardCount"], &described["RetentionPeriodHours"]), (&json!(8), &json!(48)));
    said(&aws, &["stream", "tag", "orders", "cost=7", "note=a=b"]);
    said(&aws, &["stream", "untag", "orders", "team"]);
    let tags: Value = serde_json::from_str(&said(&aws, &["stream", "tags", "orders"])).expect("JSON");
    assert_eq!(tags, json!([{"Key": "cost", "Value": "7"}, {"Key": "note", "Value": "a=b"}]));
    said(&aws, &["stream", "delete", "orders"]);
    assert_eq!(said(&aws, &["stream", "list"]).trim(), "[]");
    let gone = run(&aws, &["stream", "describe", "orders"]);
    assert!(text(&gone.stderr).contains("`headwater stream list` shows what there is"), "{}", text(&gone.stderr));
}

#[test]
fn what_is_put_line_by_line_is_got_in_order() {
    let aws = Server::start(&[]);
    said(&aws, &["stream", "create", "orders", "--shards", "2"]);
    let orders: String =
        (0..40).map(|number| format!("{{\"customer\":\"c{}\",\"n\":{number}}}\n", number % 3)).collect();
    fed(&aws, &["put", "orders", "--key-field", "customer"], &orders);
    fed(&aws, &["put", "orders", "--key", "packed", "--aggregate"], "one\ntwo\nthree\n");
    let got = lines(&said(&aws, &["get", "orders"]));
    assert_eq!(got.len(), 43);
    for customer in ["c0", "c1", "c2"] {
        let of = got.iter().filter(|record| record["partitionKey"] == customer);
        let numbers: Vec<u64> = of.filter_map(|record| record["data"]["n"].as_u64()).collect();
        assert!(numbers.len() > 12 && numbers.is_sorted(), "{customer}: {numbers:?}");
    }
    let packed = got.iter().filter(|record| record["partitionKey"] == "packed");
    assert_eq!(packed.map(|record| &record["data"]).collect::<Vec<_>>(), ["one", "two", "three"]);
    let place = got.iter().find(|record| record["data"]["n"] == 7).expect("it was put");
    let (shard, number) = (&place["shardId"], &place["sequenceNumber"]);
    let (shard, number) = (shard.as_str().expect("an id"), number.as_str().expect("a number"));
    let one = lines(&said(&aws, &["get", "orders", "--shard", shard, "--from", number, "-n", "1"]));
    assert_eq!(one[0]["data"]["n"], 7);
}

#[test]
fn a_copy_goes_on_where_it_was() {
    let aws = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("places").to_str().expect("a name").to_owned();
    said(&aws, &["stream", "create", "from", "--shards", "2"]);
    said(&aws, &["stream", "create", "into", "--shards", "3"]);
    let numbers = |range: std::ops::Range<u32>| range.map(|n| format!("{n}\n")).collect::<String>();
    let copy = || drop(said(&aws, &["copy", "from", "into", "--state", &state]));
    let copied = || {
        let got = lines(&said(&aws, &["get", "into"]));
        let of = |key: &str| {
            let of = got.iter().filter(|record| record["partitionKey"] == key);
            of.filter_map(|record| record["data"].as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        (of("a"), of("b"))
    };
    let of = |range: std::ops::Range<u32>| range.map(|n| n.to_string()).collect::<Vec<_>>();
    fed(&aws, &["put", "from", "--key", "a"], &numbers(0..50));
    fed(&aws, &["put", "from", "--key", "b", "--aggregate"], &numbers(0..50));
    copy();
    assert_eq!(copied(), (of(0..50), of(0..50)));
    said(&aws, &["stream", "split", "from", "shardId-000000000000"]);
    said(&aws, &["stream", "split", "from", "shardId-000000000001"]);
    fed(&aws, &["put", "from", "--key", "a"], &numbers(50..70));
    copy();
    copy();
    assert_eq!(copied(), (of(0..70), of(0..50)));
}

#[test]
fn items_go_in_and_out_in_plain_json() {
    let aws = Server::start(&[]);
    said(&aws, &["table", "create", "carts", "customer:S", "placed:N", "--stream"]);
    said(&aws, &["table", "put", "carts", r#"{"customer": "ann", "placed": 7, "items": ["tea", "cup"]}"#]);
    let more: String =
        (8..60).map(|n| format!("{{\"customer\":\"ann\",\"placed\":{n},\"big\":{}}}\n", n > 50)).collect();
    fed(&aws, &["table", "put", "carts"], &more);
    let got = lines(&said(&aws, &["table", "get", "carts", "ann", "7"]));
    assert_eq!(got, [json!({"customer": "ann", "placed": 7, "items": ["tea", "cup"]})]);
    let found = lines(&said(&aws, &["table", "query", "carts", "customer=ann", "placed=9..11", "--descending"]));
    assert_eq!(found.iter().map(|item| &item["placed"]).collect::<Vec<_>>(), [11, 10, 9]);
    assert_eq!(lines(&said(&aws, &["table", "scan", "carts", "--filter", "big=true"])).len(), 9);
    assert_eq!(lines(&said(&aws, &["table", "scan", "carts", "-n", "5"])).len(), 5);
    let statement = "SELECT placed FROM carts WHERE customer = 'ann' AND placed < 9";
    assert_eq!(lines(&said(&aws, &["table", "sql", statement])), [json!({"placed": 7}), json!({"placed": 8})]);
    said(&aws, &["table", "remove", "carts", "ann", "7"]);
    assert!(!run(&aws, &["table", "get", "carts", "ann", "7"]).status.success());
    let changes = lines(&said(&aws, &["table", "tail", "carts", "--from-start", "--no-follow"]));
    assert_eq!(changes.len(), 54);
    assert_eq!(changes[53]["eventName"], "REMOVE");
}

#[test]
fn what_is_exported_is_imported_again() {
    let aws = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_str().expect("a name").to_owned();
    let same = |left: &str, right: &str| {
        let sorted = |table: &str| {
            let mut items = lines(&said(&aws, &["table", "scan", table, "--typed"]));
            items.sort_by_key(|item| item["k"]["S"].as_str().map(str::to_owned));
            items
        };
        assert_eq!(sorted(left), sorted(right));
        assert_eq!(sorted(left).len(), 3);
    };
    ["one", "two", "three"].iter().for_each(|name| drop(said(&aws, &["table", "create", name, "k:S"])));
    let items = r#"{"k": {"S": "1"}, "set": {"NS": ["1", "2"]}, "b": {"B": "AAE="}}
{"k": "2", "text": "a, b", "n": 1.5}
{"Item": {"k": {"S": "3"}}}
"#;
    fed(&aws, &["table", "put", "one"], items);
    fs::write(file("two.jsonl"), said(&aws, &["table", "export", "one"])).expect("a file");
    assert_eq!(said(&aws, &["table", "import", &file("two.jsonl")]), "two: 3 items\n");
    same("one", "two");
    let rows = "k,n,text\n1,10,x\n2,,\"a, b\"\n3,0.5,\n";
    fs::write(file("rows.csv"), rows).expect("a file");
    said(&aws, &["table", "import", &file("rows.csv"), "--table", "three"]);
    let csv = said(&aws, &["table", "export", "three", "--as", "csv"]);
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sorted(&csv), sorted(rows));
    fs::write(file("bad.jsonl"), "{\"k\": \"1\"}\n{\n").expect("a file");
    let bad = run(&aws, &["table", "import", &file("bad.jsonl"), "--table", "three"]);
    assert!(text(&bad.stderr).contains("bad.jsonl:2: no JSON"), "{}", text(&bad.stderr));
}

#[test]
fn a_delivery_stream_is_made_filled_and_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let objects = folder.path().join("objects");
    let aws = Server::start(&["--s3-dir", objects.to_str().expect("a name")]);
    let create = ["firehose", "create", "logs", "--to", "s3://bucket/raw/", "--lines", "--interval-s", "0"];
    said(&aws, &create);
    fed(&aws, &["firehose", "put", "logs"], "one\ntwo\n");
    let described: Value = serde_json::from_str(&said(&aws, &["firehose", "describe", "logs"])).expect("JSON");
    assert_eq!(described["DeliveryStreamStatus"], "ACTIVE");
    assert_eq!(said(&aws, &["firehose", "list"]).trim(), "[\n  \"logs\"\n]");
    said(&aws, &["firehose", "delete", "logs"]);
}

#[test]
fn load_is_counted_and_what_was_made_for_it_goes() {
    let aws = Server::start(&[]);
    for case in ["put", "put-many", "put-item", "get-item"] {
        let done = said(&aws, &["bench", case, "--seconds", "1", "--connections", "2", "--records", "20"]);
        let figures: Value = serde_json::from_str(&done).expect("JSON");
        assert!(figures["requestsPerSecond"].as_f64().is_some_and(|rate| rate > 1.0), "{case}: {figures}");
        assert_eq!(figures["errors"], json!({}), "{case}");
    }
    assert_eq!(said(&aws, &["stream", "list"]).trim(), "[]");
    assert_eq!(said(&aws, &["table", "list"]).trim(), "[]");
}

#[test]
fn shells_and_man_are_told_of_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = headwater().args(["completions", "bash"]).output().expect("it runs");
    assert!(text(&script.stdout).contains("firehose"), "{}", text(&script.stderr));
    assert!(headwater().arg("man").arg(folder.path()).status().expect("it runs").success());
    assert!(folder.path().join("headwater-stream-create.1").exists());
}
