//! Time to live: switched on and off, and items gone when their time is over.
use super::*;
use crate::{
    change_log::Record,
    database::{CHANGES, collect},
};
use serde_json::json;
use std::ops::Bound;

fn switch(on: bool, attribute: &str) -> String {
    let specification = json!({"Enabled": on, "AttributeName": attribute});
    json!({"TableName": "music", "TimeToLiveSpecification": specification}).to_string()
}

fn until(secs: u64) -> Option<Vec<(&'static str, Value)>> {
    Some(vec![("until", Value::N(crate::number::Number::parse(&secs.to_string()).unwrap()))])
}

async fn status(house: &House) -> serde_json::Value {
    let told = house.call("DescribeTimeToLive", r#"{"TableName":"music"}"#).await.unwrap();
    told["TimeToLiveDescription"].clone()
}

#[tokio::test]
async fn time_to_live_is_switched_on_once_and_off_once() {
    let house = House::with_table().await;
    let switched = async |on, attribute| house.call("UpdateTimeToLive", &switch(on, attribute)).await;
    refused(switched(false, "until").await, "ValidationException", "TimeToLive is already disabled");
    switched(true, "until").await.unwrap();
    assert_eq!(status(&house).await, json!({"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}));
    refused(switched(true, "until").await, "ValidationException", "TimeToLive is already enabled");
    let other = "TimeToLive is active on a different AttributeName: current AttributeName is until";
    refused(switched(true, "else").await, "ValidationException", other);
    switched(false, "until").await.unwrap();
    assert_eq!(status(&house).await, json!({"TimeToLiveStatus": "DISABLED"}));
    switched(true, "else").await.unwrap();
}

#[tokio::test]
async fn under_rate_limits_time_to_live_is_not_switched_twice_within_an_hour() {
    let settings = DynamoDbSettings { rate_limits: true, ..DynamoDbSettings::default() };
    let house = House::new(settings).await;
    house.call("CreateTable", MUSIC).await.unwrap();
    house.call("UpdateTimeToLive", &switch(true, "until")).await.unwrap();
    let again = house.call("UpdateTimeToLive", &switch(false, "until")).await;
    let sentence = "Time to live has been modified multiple times within a fixed interval";
    refused(again, "ValidationException", sentence);
    house.clock.advance(3_600_000);
    house.call("UpdateTimeToLive", &switch(false, "until")).await.unwrap();
}

#[tokio::test]
async fn items_go_when_their_time_is_over_those_that_were_there_before_too() {
    let house = House::new(DynamoDbSettings::default()).await;
    let streaming = json!({"StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}});
    house.call("CreateTable", &music(&streaming)).await.unwrap();
    let now_secs = NOW_MS / 1000;
    house.put("a", "before", until(now_secs + 10)).await;
    house.put("a", "ancient", until(now_secs - 6 * 365 * 86_400)).await;
    house.put("a", "timeless", Some(vec![])).await;
    house.call("UpdateTimeToLive", &switch(true, "until")).await.unwrap();
    house.put("a", "after", until(now_secs + 10)).await;
    house.put("a", "prolonged", until(now_secs + 10)).await;
    house.put("a", "prolonged", until(now_secs + 1000)).await;
    for song in 0..250 {
        house.put("many", &song.to_string(), until(now_secs + 11)).await;
    }
    let duties = tokio::spawn(crate::run_duties(Arc::clone(&house.dynamodb)));
    super::duties::pass(&house, 9_000, |_| true).await;
    assert_eq!(house.described().await["ItemCount"], json!(255));
    super::duties::pass(&house, 60_000, |house| house.dynamodb.database.count(house.table().id, 0).items == 3).await;
    super::duties::pass(&house, 2_000_000, |house| house.dynamodb.database.count(house.table().id, 0).items == 2).await;
    duties.abort();
    let changes = collect(&*house.kv, CHANGES, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap();
    let records = changes.into_iter().map(|(_, value)| Record::decode(value).unwrap());
    let (expired, others): (Vec<Record>, Vec<Record>) = records.partition(|record| record.is_expiry);
    assert_eq!((expired.len(), others.len()), (253, 256), "the stream tells them from deletions");
    assert!(expired.iter().all(|record| record.old.is_some() && record.new.is_none()));
}
