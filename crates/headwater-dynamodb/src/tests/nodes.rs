//! The service in several processes that have one log.
use super::*;
use headwater_log::{
    Bounds, Commit, Limits, LogId, Seq,
    engine::{Reading, Trimming},
};
use headwater_wire::ErrorKind;
use serde_json::json;

/// An engine that never says that a log has grown.
pub(super) struct Blind(pub(super) Arc<dyn Engine>);

impl Engine for Blind {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        self.0.append(log, entries)
    }
    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        self.0.read(log, from, limits)
    }
    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_> {
        self.0.trim(log, before)
    }
    fn watch(&self, _: LogId) -> watch::Receiver<Bounds> {
        static NOTHING: std::sync::LazyLock<watch::Sender<Bounds>> = std::sync::LazyLock::new(watch::Sender::default);
        NOTHING.subscribe()
    }
    fn bounds(&self, log: LogId) -> Bounds {
        self.0.bounds(log)
    }
    fn is_shared(&self) -> bool {
        true
    }
    fn written_here_since(&self, log: LogId) -> Seq {
        self.0.written_here_since(log)
    }
}

const ITEM: &str = r#"{"TableName":"music","Item":{"artist":{"S":"a"},"song":{"S":"s"}}}"#;
const KEY: &str = r#"{"artist":{"S":"a"},"song":{"S":"s"}}"#;

fn get(more: &str) -> String {
    format!(r#"{{"TableName":"music","Key":{KEY}{more}}}"#)
}

/// Every way to read an item of `music` strongly, and what it tells of the item.
fn strong_reads() -> Vec<(&'static str, String, &'static str)> {
    let key: serde_json::Value = serde_json::from_str(KEY).unwrap();
    let select = "SELECT * FROM music WHERE artist = 'a' AND song = 's'";
    let query = json!({"TableName": "music", "ConsistentRead": true, "KeyConditionExpression": "artist = :a",
        "ExpressionAttributeValues": {":a": {"S": "a"}}});
    vec![
        ("GetItem", get(r#","ConsistentRead":true"#), "/Item/song/S"),
        (
            "BatchGetItem",
            json!({"RequestItems": {"music": {"Keys": [key], "ConsistentRead": true}}}).to_string(),
            "/Responses/music/0/song/S",
        ),
        ("Query", query.to_string(), "/Items/0/song/S"),
        ("Scan", json!({"TableName": "music", "ConsistentRead": true}).to_string(), "/Items/0/song/S"),
        (
            "TransactGetItems",
            json!({"TransactItems": [{"Get": {"TableName": "music", "Key": key}}]}).to_string(),
            "/Responses/0/Item/song/S",
        ),
        ("ExecuteStatement", json!({"Statement": select, "ConsistentRead": true}).to_string(), "/Items/0/song/S"),
        (
            "BatchExecuteStatement",
            json!({"Statements": [{"Statement": select, "ConsistentRead": true}]}).to_string(),
            "/Responses/0/Item/song/S",
        ),
        (
            "ExecuteTransaction",
            json!({"TransactStatements": [{"Statement": select}]}).to_string(),
            "/Responses/0/Item/song/S",
        ),
    ]
}

#[tokio::test]
async fn a_strong_read_sees_what_another_process_acknowledged_before() {
    for (operation, body, place) in strong_reads() {
        let (one, other) = House::two().await;
        other.call("GetItem", &get("")).await.unwrap();
        one.call("PutItem", ITEM).await.unwrap();
        let told = other.call(operation, &body).await.unwrap();
        assert_eq!(told.pointer(place), Some(&json!("s")), "{operation}: {told}");
    }
}

#[tokio::test]
async fn a_table_made_through_another_process_is_found() {
    for (operation, body) in [("DescribeTable", r#"{"TableName":"music"}"#), ("GetItem", &get("")), ("PutItem", ITEM)] {
        let (_one, other) = House::two().await;
        other.call(operation, body).await.unwrap();
    }
    let (_one, other) = House::two().await;
    let refusal = other.call("GetItem", &get("").replace("music", "musik")).await.unwrap_err();
    assert_eq!(refusal.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn whoever_does_not_lead_passes_writes_on_and_reads() {
    let (one, other) = House::two().await;
    other.leads.send_replace(false);
    let writes = [
        ("PutItem", ITEM.to_owned()),
        ("DeleteItem", get("")),
        ("CreateTable", music(&json!({"TableName": "another"}))),
        ("DeleteTable", r#"{"TableName":"music"}"#.into()),
        ("ExecuteStatement", r#"{"Statement":"DELETE FROM music WHERE artist = 'a' AND song = 's'"}"#.into()),
    ];
    for (operation, body) in writes {
        let tail = other.engine.bounds(crate::LOG).tail;
        let refusal = other.call(operation, &body).await.unwrap_err();
        assert_eq!((refusal.code, refusal.kind), ("InternalServerError", ErrorKind::Elsewhere), "{operation}");
        assert_eq!(other.engine.bounds(crate::LOG).tail, tail, "{operation} does nothing");
    }
    one.call("PutItem", ITEM).await.unwrap();
    assert_eq!(other.call("GetItem", &get(r#","ConsistentRead":true"#)).await.unwrap()["Item"]["song"]["S"], "s");
}

#[tokio::test]
async fn tokens_of_one_process_are_taken_by_another() {
    let (one, other) = House::two().await;
    let stream = r#"{"TableName":"music","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}"#;
    let told = one.call("UpdateTable", stream).await.unwrap();
    let arn = told["TableDescription"]["LatestStreamArn"].clone();
    let described = other.call("DescribeStream", &json!({"StreamArn": arn}).to_string()).await.unwrap();
    let shard = described["StreamDescription"]["Shards"][0]["ShardId"].clone();
    let place = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "LATEST"});
    one.call("PutItem", ITEM).await.unwrap();
    let iterator = other.call("GetShardIterator", &place.to_string()).await.unwrap()["ShardIterator"].clone();
    one.call("DeleteItem", &get("")).await.unwrap();
    for house in [&one, &other] {
        house.dynamodb.database.catch_up().await.unwrap();
        let page = house.call("GetRecords", &json!({"ShardIterator": iterator}).to_string()).await.unwrap();
        let names: Vec<_> = page["Records"].as_array().unwrap().iter().map(|record| &record["eventName"]).collect();
        assert_eq!(names, ["REMOVE"], "the put was before the latest");
    }
}

#[tokio::test]
async fn what_tells_of_tables_tells_what_others_have_done() {
    let (one, other) = House::two().await;
    one.call("DeleteTable", r#"{"TableName":"music"}"#).await.unwrap();
    let listed = other.call("ListTables", "{}").await.unwrap();
    assert_eq!(listed["TableNames"], json!([]));
}
