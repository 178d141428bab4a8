//! `--fault`: errors on purpose, for the tests of clients.
use serde_json::json;

use crate::{
    sentences::shard_id,
    server::{Server, refused, serve},
};

#[test]
fn what_always_fails_never_happens() {
    let aws = Server::start(&["--fault", "PutRecord:ProvisionedThroughputExceededException=1.0"]);
    let stream = aws.stream(1);
    let input = json!({"StreamName": stream, "PartitionKey": "a", "Data": "AAAA"});
    for _ in 0..5 {
        assert_eq!(aws.error("PutRecord", &input).0, "ProvisionedThroughputExceededException");
    }
    assert_eq!(aws.texts(&stream, &shard_id(0)), Vec::<String>::new());
    let batch = json!({"StreamName": stream, "Records": [{"PartitionKey": "a", "Data": ""}]});
    assert_eq!(aws.ok("PutRecords", batch)["FailedRecordCount"], 0, "other operations work");
}

#[test]
fn faults_of_the_server_are_its_own() {
    let aws = Server::start(&["--fault", "ListStreams:InternalFailure=1"]);
    let reply = aws.post("ListStreams", b"{}");
    assert_eq!((reply.status, &reply.json()["__type"]), (500, &json!("InternalFailure")), "{}", reply.text());
}

#[test]
fn some_and_never() {
    let often = "ListStreams:LimitExceededException=0.5";
    let aws = Server::start(&["--fault", often, "--fault", "DescribeLimits:LimitExceededException=0"]);
    let failed = (0..100).filter(|_| aws.post("ListStreams", b"{}").status == 400).count();
    assert!((20..=80).contains(&failed), "about half: {failed}");
    assert!((0..20).all(|_| aws.post("DescribeLimits", b"{}").status == 200));
}

#[test]
fn faults_nobody_can_mean() {
    for fault in [
        "PutRecord",
        "PutRecord:",
        "Nothing:InternalFailure=1",
        "PutRecord:NoSuchException=1",
        "PutRecord:ExpiredIteratorException=1",
        "PutRecord:ProvisionedThroughputExceededException=2",
        "PutRecord:ProvisionedThroughputExceededException=-1",
        "PutRecord:ProvisionedThroughputExceededException=NaN",
        "PutRecord:ProvisionedThroughputExceededException=",
    ] {
        let said = refused(serve().args(["--ephemeral", "--fault", fault]));
        assert!(said.contains("fault"), "it says which setting: {said}");
    }
}
