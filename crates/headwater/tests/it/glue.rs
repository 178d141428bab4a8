//! Glue's Data Catalog over the wire: its own target and words, and that it outlives a kill.
use crate::{
    calls::{DATE, JSON},
    client::{Reply, exchange, request},
    server::Server,
};
use serde_json::{Value, json};

pub(crate) fn post(server: &Server, operation: &str, input: &Value) -> Reply {
    let target = format!("AWSGlue.{operation}");
    let authorization = "AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/glue/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=abcd";
    let headers = [
        ("Content-Type", JSON),
        ("X-Amz-Target", target.as_str()),
        ("X-Amz-Date", DATE),
        ("Authorization", authorization),
    ];
    let reply = exchange(server.address(), &request("POST", "/", &headers, input.to_string().as_bytes()));
    reply.expect("an answer").carries_ids()
}

#[test]
fn tables_outlive_a_kill_and_errors_are_in_the_services_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let aws = Server::on(folder.path(), &[]);
    let missing = post(&aws, "GetDatabase", &json!({"Name": "d"}));
    assert_eq!(
        (missing.status, missing.json()),
        (400, json!({"__type": "EntityNotFoundException", "Message": "Database d not found."}))
    );
    let columns = json!([{"Name": "id", "Type": "int"}]);
    let table = json!({"DatabaseName": "d", "TableInput": {"Name": "t", "StorageDescriptor": {"Columns": columns}}});
    for (operation, input) in [("CreateDatabase", json!({"DatabaseInput": {"Name": "d"}})), ("CreateTable", table)] {
        let reply = post(&aws, operation, &input);
        assert_eq!((reply.status, reply.json()), (200, json!({})), "{operation}");
    }
    let of_table = json!({"DatabaseName": "d", "Name": "t"});
    let before = post(&aws, "GetTable", &of_table).json();
    aws.kill();
    let aws = Server::on(folder.path(), &[]);
    let after = post(&aws, "GetTable", &of_table);
    assert_eq!((after.status, after.json()), (200, before));
    assert_eq!(after.json()["Table"]["StorageDescriptor"]["Columns"], columns);
}
