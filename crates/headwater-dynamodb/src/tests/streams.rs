//! What a table's stream shows, shard by shard.
use super::*;
use crate::{run_duties, tests::duties::pass};
use serde_json::{Value as Json, json};

const HOUR_MS: u64 = 3_600_000;

impl House {
    async fn streaming(view: &str, settings: DynamoDbSettings) -> Self {
        let house = Self::new(settings).await;
        let streaming = json!({"StreamSpecification": {"StreamEnabled": true, "StreamViewType": view}});
        house.call("CreateTable", &music(&streaming)).await.unwrap();
        house
    }

    async fn ok(&self, operation: &str, input: Json) -> Json {
        self.call(operation, &input.to_string()).await.unwrap()
    }

    async fn refusal(&self, operation: &str, input: Json) -> (&'static str, String) {
        let refusal = self.call(operation, &input.to_string()).await.expect_err("a refusal");
        (refusal.code, refusal.message.unwrap_or_default())
    }

    async fn arn(&self) -> String {
        self.described().await["LatestStreamArn"].as_str().unwrap().to_owned()
    }

    async fn stream(&self, arn: &str) -> Json {
        self.ok("DescribeStream", json!({"StreamArn": arn})).await["StreamDescription"].clone()
    }

    async fn iterator(&self, arn: &str, shard: &Json, more: Json) -> String {
        let told = self.ok("GetShardIterator", asking(arn, &shard["ShardId"], more)).await;
        told["ShardIterator"].as_str().unwrap().to_owned()
    }

    async fn page(&self, iterator: &str) -> Json {
        self.ok("GetRecords", json!({"ShardIterator": iterator})).await
    }

    /// What an iterator of the newest shard of the newest stream shows at once.
    async fn read(&self, more: Json) -> Json {
        let arn = self.arn().await;
        let shards = self.stream(&arn).await["Shards"].clone();
        let shard = shards.as_array().unwrap().last().unwrap();
        let iterator = self.iterator(&arn, shard, more).await;
        self.page(&iterator).await
    }

    async fn write(&self, song: &str, value: i64) {
        let item = json!({"artist": {"S": "a"}, "song": {"S": song}, "v": {"N": value.to_string()}});
        self.ok("PutItem", json!({"TableName": "music", "Item": item})).await;
    }
}

fn asking(arn: &str, shard: &Json, more: Json) -> Json {
    let mut input = json!({"StreamArn": arn, "ShardId": shard});
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

fn kind(kind: &str) -> Json {
    json!({"ShardIteratorType": kind})
}

fn at(kind: &str, record: &Json) -> Json {
    json!({"ShardIteratorType": kind, "SequenceNumber": record["dynamodb"]["SequenceNumber"]})
}

fn songs(page: &Json) -> Vec<&str> {
    let records = page["Records"].as_array().unwrap().iter();
    records.map(|record| record["dynamodb"]["Keys"]["song"]["S"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_change_is_shown_by_the_streams_view() {
    for (view, new, old) in [
        ("KEYS_ONLY", false, false),
        ("NEW_IMAGE", true, false),
        ("OLD_IMAGE", false, true),
        ("NEW_AND_OLD_IMAGES", true, true),
    ] {
        let house = House::streaming(view, DynamoDbSettings::default()).await;
        house.write("s", 1).await;
        house.write("s", 2).await;
        house.write("s", 2).await; // changes nothing
        let key = json!({"artist": {"S": "a"}, "song": {"S": "s"}});
        house.ok("DeleteItem", json!({"TableName": "music", "Key": key})).await;
        house.ok("DeleteItem", json!({"TableName": "music", "Key": key})).await; // nothing is there
        let page = house.read(kind("TRIM_HORIZON")).await;
        let told: Vec<_> = page["Records"].as_array().unwrap().iter().collect();
        let value = |record: &Json, image: &str| record["dynamodb"][image]["v"]["N"].as_str().map(str::to_owned);
        let shown = |is_shown: bool, value: &str| is_shown.then(|| value.to_owned());
        let expected = [
            ("INSERT", shown(new, "1"), None),
            ("MODIFY", shown(new, "2"), shown(old, "1")),
            ("REMOVE", None, shown(old, "2")),
        ];
        let seen = told.iter().map(|record| {
            (record["eventName"].as_str().unwrap(), value(record, "NewImage"), value(record, "OldImage"))
        });
        assert_eq!(seen.collect::<Vec<_>>(), expected, "{view}");
        assert!(told.iter().all(|record| record["dynamodb"]["Keys"] == key && record["userIdentity"].is_null()));
    }
}

#[tokio::test]
async fn a_record_says_all_that_the_service_says() {
    let house = House::streaming("NEW_IMAGE", DynamoDbSettings::default()).await;
    house.write("s", 1).await;
    let page = house.read(kind("TRIM_HORIZON")).await;
    let mut record = page["Records"][0].clone();
    let again = house.read(kind("TRIM_HORIZON")).await;
    assert_eq!(again["Records"][0], record, "its eventID too stays as it is");
    let id = record["eventID"].take();
    assert_eq!(id.as_str().unwrap().len(), 32);
    let number = record["dynamodb"]["SequenceNumber"].take();
    assert_eq!(number.as_str().unwrap().len(), 21);
    let expected = json!({
        "eventID": null, "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": NOW_MS / 1000,
            "Keys": {"artist": {"S": "a"}, "song": {"S": "s"}},
            "NewImage": {"artist": {"S": "a"}, "song": {"S": "s"}, "v": {"N": "1"}},
            // Names and values of the keys (7 + 5), those of the image (7 + 5 + 1 + 2).
            "SequenceNumber": null, "SizeBytes": 12 + 15, "StreamViewType": "NEW_IMAGE",
        },
    });
    assert_eq!(record, expected);
}

#[tokio::test]
async fn reading_begins_in_five_ways() {
    let house = House::streaming("KEYS_ONLY", DynamoDbSettings::default()).await;
    for song in ["1", "2", "3"] {
        house.write(song, 0).await;
        house.clock.advance(1000);
    }
    let all = house.read(kind("TRIM_HORIZON")).await;
    assert_eq!(songs(&all), ["1", "2", "3"]);
    let second = &all["Records"][1];
    assert_eq!(songs(&house.read(at("AT_SEQUENCE_NUMBER", second)).await), ["2", "3"]);
    assert_eq!(songs(&house.read(at("AFTER_SEQUENCE_NUMBER", second)).await), ["3"]);
    for (from_s, rest) in [(0, vec!["1", "2", "3"]), (1, vec!["2", "3"]), (2, vec!["3"]), (3, vec![]), (99, vec![])] {
        let time =
            json!({"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": (NOW_MS as f64) / 1000.0 + f64::from(from_s)});
        assert_eq!(songs(&house.read(time).await), rest, "{from_s}");
    }
    let latest = house.read(kind("LATEST")).await;
    assert!(songs(&latest).is_empty());
    house.write("4", 0).await;
    let next = house.page(latest["NextShardIterator"].as_str().unwrap()).await;
    assert_eq!(songs(&next), ["4"]);
    let last = house.read(at("AFTER_SEQUENCE_NUMBER", &next["Records"][0])).await;
    assert!(songs(&last).is_empty() && last["NextShardIterator"].is_string());
}

#[tokio::test]
async fn what_does_not_go_together_is_refused() {
    let house = House::streaming("KEYS_ONLY", DynamoDbSettings::default()).await;
    let arn = house.arn().await;
    let shard = house.stream(&arn).await["Shards"][0].clone();
    let number = shard["SequenceNumberRange"]["StartingSequenceNumber"].clone();
    for more in [
        kind("AT_SEQUENCE_NUMBER"),
        kind("AFTER_SEQUENCE_NUMBER"),
        kind("AT_TIMESTAMP"),
        json!({"ShardIteratorType": "LATEST", "SequenceNumber": number}),
        json!({"ShardIteratorType": "TRIM_HORIZON", "Timestamp": 5}),
        json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "0".repeat(21)}),
        json!({"ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": "9".repeat(21)}),
    ] {
        let (code, _) = house.refusal("GetShardIterator", asking(&arn, &shard["ShardId"], more.clone())).await;
        assert_eq!(code, "ValidationException", "{more}");
    }
    let missing = asking(&arn, &json!("shardId-00000000000000000000-00000000"), kind("LATEST"));
    let told = "Requested resource not found: Shard does not exist".to_owned();
    assert_eq!(house.refusal("GetShardIterator", missing).await, ("ResourceNotFoundException", told));
    let absent = arn.replace("music", "absent");
    let told = format!("Requested resource not found: Stream: {absent} not found");
    assert_eq!(
        house.refusal("DescribeStream", json!({"StreamArn": absent})).await,
        ("ResourceNotFoundException", told)
    );
    let none = json!({"StreamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/music"});
    assert_eq!(house.refusal("DescribeStream", none).await.0, "ValidationException");
    for (operation, limit) in [("DescribeStream", 101), ("GetRecords", 1001), ("ListStreams", 101)] {
        let input = json!({"StreamArn": arn, "ShardIterator": "x", "Limit": limit});
        assert!(
            house.refusal(operation, input).await.1.contains(&format!("Value '{limit}' at 'limit'")),
            "{operation}"
        );
    }
    let iterator = house.iterator(&arn, &shard, kind("LATEST")).await;
    house.clock.advance(900_001);
    assert_eq!(house.refusal("GetRecords", json!({"ShardIterator": iterator})).await.0, "ExpiredIteratorException");
}

#[tokio::test]
async fn a_page_holds_a_thousand_records_or_a_megabyte() {
    let house = House::streaming("NEW_IMAGE", DynamoDbSettings::default()).await;
    let large = "x".repeat(380_000);
    for song in ["1", "2", "3"] {
        let item = json!({"artist": {"S": "a"}, "song": {"S": song}, "v": {"S": large}});
        house.ok("PutItem", json!({"TableName": "music", "Item": item})).await;
    }
    let page = house.read(kind("TRIM_HORIZON")).await;
    assert_eq!(songs(&page), ["1", "2"]);
    let next = json!({"ShardIterator": page["NextShardIterator"], "Limit": 1});
    assert_eq!(songs(&house.ok("GetRecords", next).await), ["3"]);
}

#[tokio::test]
async fn a_closed_shard_ends_and_its_child_goes_on() {
    let settings = DynamoDbSettings { stream_shard_ms: HOUR_MS, ..DynamoDbSettings::default() };
    let house = House::streaming("KEYS_ONLY", settings).await;
    let arn = house.arn().await;
    house.write("1", 0).await;
    let duties = tokio::spawn(run_duties(Arc::clone(&house.dynamodb)));
    pass(&house, HOUR_MS, |house| house.table().streams[0].shards.len() == 2).await;
    house.write("2", 0).await;
    let shards = house.stream(&arn).await["Shards"].clone();
    let (parent, child) = (&shards[0], &shards[1]);
    assert!(parent["ParentShardId"].is_null() && child["ParentShardId"] == parent["ShardId"]);
    let page = house.page(&house.iterator(&arn, parent, kind("TRIM_HORIZON")).await).await;
    assert_eq!((songs(&page), &page["NextShardIterator"]), (vec!["1"], &Json::Null));
    let end = parent["SequenceNumberRange"]["EndingSequenceNumber"].as_str().unwrap();
    let number = page["Records"][0]["dynamodb"]["SequenceNumber"].as_str().unwrap();
    let start = child["SequenceNumberRange"]["StartingSequenceNumber"].as_str().unwrap();
    assert!(number <= end && end < start && child["SequenceNumberRange"]["EndingSequenceNumber"].is_null());
    let page = house.page(&house.iterator(&arn, child, kind("TRIM_HORIZON")).await).await;
    assert!(songs(&page) == ["2"] && page["NextShardIterator"].is_string());

    let filter = json!({"Type": "CHILD_SHARDS", "ShardId": parent["ShardId"]});
    let children = house.ok("DescribeStream", json!({"StreamArn": arn, "ShardFilter": filter})).await;
    assert_eq!(children["StreamDescription"]["Shards"], json!([child]));
    let first = house.ok("DescribeStream", json!({"StreamArn": arn, "Limit": 1})).await["StreamDescription"].clone();
    assert_eq!((&first["Shards"], &first["LastEvaluatedShardId"]), (&json!([parent]), &parent["ShardId"]));
    let rest = json!({"StreamArn": arn, "ExclusiveStartShardId": parent["ShardId"]});
    let rest = house.ok("DescribeStream", rest).await["StreamDescription"].clone();
    assert!(rest["Shards"] == json!([child]) && rest["LastEvaluatedShardId"].is_null());
    duties.abort();
}

#[tokio::test]
async fn what_is_past_retention_is_gone_whether_or_not_it_was_trimmed() {
    let house = House::streaming("KEYS_ONLY", DynamoDbSettings::default()).await;
    house.write("old", 0).await;
    let old = house.read(kind("TRIM_HORIZON")).await["Records"][0].clone();
    house.clock.advance(23 * HOUR_MS);
    house.write("new", 0).await;
    assert_eq!(songs(&house.read(at("AT_SEQUENCE_NUMBER", &old)).await), ["old", "new"]);
    let arn = house.arn().await;
    let shard = house.stream(&arn).await["Shards"][0].clone();
    house.clock.advance(HOUR_MS - 1000);
    let iterator = house.iterator(&arn, &shard, kind("TRIM_HORIZON")).await;
    house.clock.advance(1001);
    assert_eq!(songs(&house.read(kind("TRIM_HORIZON")).await), ["new"]);
    for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
        let input = asking(&arn, &shard["ShardId"], at(kind, &old));
        assert_eq!(house.refusal("GetShardIterator", input).await.0, "TrimmedDataAccessException", "{kind}");
    }
    assert_eq!(house.refusal("GetRecords", json!({"ShardIterator": iterator})).await.0, "TrimmedDataAccessException");
}

#[tokio::test]
async fn streams_that_ended_can_be_read_to_their_end_beside_the_one_that_followed() {
    let house = House::streaming("KEYS_ONLY", DynamoDbSettings::default()).await;
    let first = house.arn().await;
    house.write("1", 0).await;
    let specification = |is_enabled: bool| {
        let mut specification = json!({"StreamEnabled": is_enabled});
        if is_enabled {
            specification["StreamViewType"] = json!("NEW_IMAGE");
        }
        json!({"TableName": "music", "StreamSpecification": specification})
    };
    house.ok("UpdateTable", specification(false)).await;
    house.write("unseen", 0).await;
    let told = house.stream(&first).await;
    assert_eq!(told["StreamStatus"], "DISABLED");
    let page = house.page(&house.iterator(&first, &told["Shards"][0], kind("TRIM_HORIZON")).await).await;
    assert_eq!((songs(&page), &page["NextShardIterator"]), (vec!["1"], &Json::Null));
    house.clock.advance(1000);
    house.ok("UpdateTable", specification(true)).await;
    house.write("2", 0).await;
    let second = house.arn().await;
    assert_eq!(songs(&house.read(kind("TRIM_HORIZON")).await), ["2"]);

    house.ok("DeleteTable", json!({"TableName": "music"})).await;
    let listed = house.ok("ListStreams", json!({"TableName": "music"})).await;
    let arns: Vec<_> = listed["Streams"].as_array().unwrap().iter().map(|stream| &stream["StreamArn"]).collect();
    assert_eq!(arns, [first.as_str(), second.as_str()]);
    let told = house.stream(&second).await;
    assert_eq!(told["StreamStatus"], "DISABLED");
    let page = house.page(&house.iterator(&second, &told["Shards"][0], kind("TRIM_HORIZON")).await).await;
    assert_eq!((songs(&page), &page["NextShardIterator"]), (vec!["2"], &Json::Null));
    let house = house.reopened().await;
    assert_eq!(house.ok("ListStreams", json!({})).await, listed);
    let one = house.ok("ListStreams", json!({"Limit": 1})).await;
    assert_eq!(one["LastEvaluatedStreamArn"], json!(first));
    let rest = house.ok("ListStreams", json!({"ExclusiveStartStreamArn": first})).await;
    assert!(rest["Streams"].as_array().unwrap().len() == 1 && rest["LastEvaluatedStreamArn"].is_null());
}

#[tokio::test]
async fn an_iterator_holds_over_a_restart_and_for_its_stream_alone() {
    let house = House::streaming("KEYS_ONLY", DynamoDbSettings::default()).await;
    let arn = house.arn().await;
    let shard = house.stream(&arn).await["Shards"][0].clone();
    let iterator = house.iterator(&arn, &shard, kind("LATEST")).await;
    let other =
        json!({"TableName": "other", "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}});
    house.call("CreateTable", &music(&other)).await.unwrap();
    let house = house.reopened().await;
    house.write("1", 0).await;
    assert_eq!(songs(&house.page(&iterator).await), ["1"]);
    let foreign = iterator.replace("music", "other");
    assert_eq!(house.refusal("GetRecords", json!({"ShardIterator": foreign})).await.1, "Invalid ShardIterator");
}

#[tokio::test]
async fn who_made_a_record_is_said_where_it_was_time_itself() {
    let house = House::streaming("OLD_IMAGE", DynamoDbSettings::default()).await;
    let spec = json!({"Enabled": true, "AttributeName": "v"});
    house.ok("UpdateTimeToLive", json!({"TableName": "music", "TimeToLiveSpecification": spec})).await;
    house.write("s", i64::try_from(NOW_MS / 1000 + 5).unwrap()).await;
    let duties = tokio::spawn(run_duties(Arc::clone(&house.dynamodb)));
    let gone = |house: &House| house.dynamodb.database.count(house.table().id, 0).items == 0;
    pass(&house, 120_000, gone).await;
    let page = house.read(kind("TRIM_HORIZON")).await;
    let expired = &page["Records"][1];
    assert_eq!(expired["eventName"], "REMOVE");
    assert_eq!(expired["userIdentity"], json!({"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}));
    duties.abort();
}
