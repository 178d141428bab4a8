//! What happens by itself when time passes.
use super::*;
use crate::{
    database::{CHANGES, ITEMS, collect},
    run_duties,
};
use serde_json::json;
use std::ops::Bound;

/// Lets time pass and the duties run until `done`.
pub(super) async fn pass(house: &House, by_ms: u64, done: impl Fn(&House) -> bool) {
    house.clock.advance(by_ms);
    for _ in 0..100_000 {
        if done(house) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the duty was not done");
}

fn rows(house: &House, space: headwater_log::kv::Space) -> usize {
    collect(&*house.kv, space, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap().len()
}

fn graves(house: &House) -> usize {
    house.dynamodb.database.tables().graves().count()
}

#[tokio::test]
async fn tables_come_to_be_and_vanish_when_their_time_has_come() {
    let house = House::new(DynamoDbSettings { transition_ms: 700, ..DynamoDbSettings::default() }).await;
    let duties = tokio::spawn(run_duties(Arc::clone(&house.dynamodb)));
    let created = house.call("CreateTable", MUSIC).await.unwrap();
    assert_eq!(created["TableDescription"]["TableStatus"], "CREATING");
    let early = "Attempt to change a resource which is still in use: Table is being created: music";
    refused(house.call("DeleteTable", r#"{"TableName":"music"}"#).await, "ResourceInUseException", early);
    pass(&house, 700, |house| house.table().check_at_rest().is_ok()).await;
    house.put("a", "b", Some(vec![])).await;
    house.call("DeleteTable", r#"{"TableName":"music"}"#).await.unwrap();
    assert_eq!(house.described().await["TableStatus"], "DELETING");
    pass(&house, 700, |house| house.dynamodb.database.tables().all().next().is_none()).await;
    pass(&house, 0, |house| rows(house, ITEMS) == 0 && graves(house) == 0).await;
    duties.abort();
}

#[tokio::test]
async fn the_stream_of_a_deleted_table_stays_for_a_day() {
    let house = House::new(DynamoDbSettings::default()).await;
    let duties = tokio::spawn(run_duties(Arc::clone(&house.dynamodb)));
    let streaming = json!({"StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}});
    house.call("CreateTable", &music(&streaming)).await.unwrap();
    house.put("a", "b", Some(vec![])).await;
    house.call("DeleteTable", r#"{"TableName":"music"}"#).await.unwrap();
    pass(&house, 0, |house| rows(house, ITEMS) == 0).await;
    let house = house.reopened().await;
    duties.abort();
    let duties = tokio::spawn(run_duties(Arc::clone(&house.dynamodb)));
    assert_eq!((graves(&house), rows(&house, CHANGES)), (1, 1));
    pass(&house, 25 * 3_600_000, |house| graves(house) == 0 && rows(house, CHANGES) == 0).await;
    duties.abort();
}

#[tokio::test]
async fn a_stream_rolls_its_shards_and_forgets_after_a_day() {
    let house = House::new(DynamoDbSettings { stream_shard_ms: 1000, ..DynamoDbSettings::default() }).await;
    let duties = tokio::spawn(run_duties(Arc::clone(&house.dynamodb)));
    let streaming = json!({"StreamSpecification": {"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"}});
    house.call("CreateTable", &music(&streaming)).await.unwrap();
    let shards = |house: &House| house.table().streams[0].shards.clone();
    house.put("a", "b", Some(vec![])).await;
    pass(&house, 1000, |house| shards(house).len() == 2).await;
    assert_eq!(shards(&house)[0].end, Some(shards(&house)[1].first));
    house.put("a", "c", Some(vec![])).await;
    pass(&house, 1000, |house| shards(house).len() == 3).await;
    let last = shards(&house)[2].created_ms;
    pass(&house, 25 * 3_600_000, |house| shards(house)[0].created_ms == last && rows(house, CHANGES) == 0).await;
    assert_eq!(shards(&house).len(), 2, "the newest of them was so old that it made room for another");
    assert_eq!(rows(&house, ITEMS), 2);
    duties.abort();
}
