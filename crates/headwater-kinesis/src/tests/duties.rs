//! What happens by itself when time passes.
use super::*;
use crate::run_duties;
use headwater_log::{LogGroup, LogId};

/// Lets time pass and the duties run until `done`.
pub(super) async fn pass(house: &House, by_ms: u64, done: impl Fn(&House) -> bool) {
    house.clock.advance(by_ms);
    for _ in 0..10_000 {
        if done(house) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the duty was not done");
}

fn phase(house: &House) -> Option<&'static str> {
    house.kinesis.catalog.read().stream("000000000000", "us-east-1", "s").map(|stream| stream.status())
}

fn log(house: &House, shard: u32) -> LogId {
    let catalog = house.kinesis.catalog.read();
    LogId::new(LogGroup(catalog.stream("000000000000", "us-east-1", "s").unwrap().incarnation), shard)
}

#[tokio::test]
async fn streams_come_to_be_and_vanish_when_their_time_has_come() {
    let house = House::new(KinesisSettings { transition_ms: 700, ..KinesisSettings::default() }).await;
    let duties = tokio::spawn(run_duties(Arc::clone(&house.kinesis)));
    house.create("s", Some(1)).await.unwrap();
    assert_eq!(phase(&house), Some("CREATING"));
    let not_yet = "Stream s under account 000000000000 not found.";
    refused(house.put("k", "x").await, "ResourceNotFoundException", not_yet);
    pass(&house, 700, |house| phase(house) == Some("ACTIVE")).await;
    house.put("k", "x").await.unwrap();
    let held = log(&house, 0);
    house.delete().await.unwrap();
    assert_eq!(phase(&house), Some("DELETING"));
    pass(&house, 700, |house| phase(house).is_none()).await;
    pass(&house, 0, |house| {
        let bounds = house.engine.bounds(held);
        bounds.first == bounds.tail && house.kinesis.catalog.read().graves().is_empty()
    })
    .await;
    duties.abort();
}

#[tokio::test]
async fn records_past_retention_are_neither_delivered_nor_kept() {
    let house = House::with_stream(1).await;
    house.put("k", "old").await.unwrap();
    house.clock.advance(1000);
    house.put("k", "new").await.unwrap();
    house.clock.advance(24 * 3_600_000 - 1000);
    assert_eq!(data(&house.drain(0).await.0), ["old", "new"], "24 hours to the millisecond");
    house.clock.advance(1);
    assert_eq!(data(&house.drain(0).await.0), ["new"]);
    let (held, before) = (log(&house, 0), house.engine.bounds(log(&house, 0)));
    let duties = tokio::spawn(run_duties(Arc::clone(&house.kinesis)));
    pass(&house, 0, |house| house.engine.bounds(held).first > before.first).await;
    assert_eq!(data(&house.drain(0).await.0), ["new"]);
    house.split("shardId-000000000000", 1 << 100).await.unwrap();
    pass(&house, 25 * 3_600_000, |house| {
        let catalog = house.kinesis.catalog.read();
        catalog.stream("000000000000", "us-east-1", "s").unwrap().shard(0).is_none()
    })
    .await;
    let bounds = house.engine.bounds(held);
    assert_eq!(bounds.first, bounds.tail, "an expired shard leaves nothing");
    duties.abort();
}
