//! `headwater import` and `headwater export-model`: NoSQL Workbench models into a running server, and back.
use std::{fs, process::Output};

use serde_json::{Value, json};

use crate::server::{Server, headwater};

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

    let done = run(&aws, &["import", file]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(text(&done.stdout), "books: 30 items\n");
    assert_eq!(aws.table_call("Scan", json!({"TableName": "books"}))["Count"], 30);

    let again = run(&aws, &["import", file]);
    assert!(!again.status.success());
    assert!(text(&again.stderr).contains("books: there is such a table already; --replace"), "{}", text(&again.stderr));
    assert!(run(&aws, &["import", file, "--replace"]).status.success());

    let exported = run(&aws, &["export-model", "--items", "30", "--name", "Library"]);
    let exported: Value = serde_json::from_slice(&exported.stdout).expect("a model");
    for member in ["TableName", "KeyAttributes", "NonKeyAttributes", "GlobalSecondaryIndexes", "BillingMode"] {
        assert_eq!(exported["DataModel"][0][member], model()["DataModel"][0][member], "{member}");
    }
    assert_eq!(exported["DataModel"][0]["TableData"].as_array().map(Vec::len), Some(30));
    let few = run(&aws, &["export-model", "--items", "2", "--tables", "books"]);
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
        command.arg("import").arg(&file).args(["--endpoint", &endpoint]);
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
    let said = text(&run(&aws, &["import", file]).stderr);
    assert!(said.contains("no model of NoSQL Workbench") && said.contains("DataModel"), "{said}");
    let said = text(&run(&aws, &["export-model", "--tables", "absent"]).stderr);
    assert!(said.contains("absent: ResourceNotFoundException"), "{said}");
    let refused = headwater().args(["export-model", "--endpoint", "https://somewhere"]).output().expect("it runs");
    assert!(text(&refused.stderr).contains("--endpoint: write http://HOST:PORT"), "{}", text(&refused.stderr));
}
