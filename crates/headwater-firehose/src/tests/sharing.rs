//! Two processes on the same logs, one of which hears of nothing that it does not ask for.
use super::*;
use crate::{
    catalog::{Action, Command},
    target,
};
use headwater_log::{
    Limits, Seq,
    replica::SubmitError,
    shared::{Shared, Sight, Way},
};
use headwater_wire::firehose::{DeliveryStreamFailureType, FailureDescription};

/// One with a delivery stream "d", of which the other, that hears of nothing, knows as it is now.
async fn two_houses() -> (House, House) {
    let clock = ManualClock::at(NOW_MS);
    let shared = Shared::new(Arc::new(clock.clone()));
    let (one, blind) = (house_on(&shared, &clock, Sight::Common).await, Sight::Blind);
    create(&one).await;
    let other = house_on(&shared, &clock, blind).await;
    (one, other)
}

async fn house_on(shared: &Arc<Shared>, clock: &ManualClock, sight: Sight) -> House {
    let (clock, settings, world) = (clock.clone(), FirehoseSettings::default(), Arc::new(World::new()));
    let engine: Arc<dyn Engine> = Way::new(shared, sight);
    let firehose = open(&engine, &clock, settings, Arc::new(Everybody), &world).await;
    House { engine, clock, firehose, settings, world }
}

async fn create(house: &House) {
    house.ok("CreateDeliveryStream", with("ExtendedS3DestinationConfiguration", bucket())).await;
}

fn record() -> Value {
    json!({"Data": "YQ=="})
}

#[tokio::test]
async fn what_is_put_to_a_delivery_stream_that_another_process_deleted_is_not_acknowledged() {
    let (single, batch) = (with("Record", record()), with("Records", json!([record(), record()])));
    for (operation, input) in [("PutRecord", single), ("PutRecordBatch", batch)] {
        for is_made_anew in [false, true] {
            let (one, other) = two_houses().await;
            one.ok("DeleteDeliveryStream", named()).await;
            if is_made_anew {
                create(&one).await;
            }
            // Had it been deleted a moment later, the records might have been delivered.
            assert_eq!(other.refused(operation, input.clone()).await.0, "InternalFailure");
        }
    }
}

#[tokio::test]
async fn a_record_is_opened_with_a_key_that_another_process_has_just_made() {
    let (one, other) = two_houses().await;
    one.ok("StartDeliveryStreamEncryption", named()).await;
    one.ok("PutRecord", with("Record", record())).await;
    let log = one.firehose.catalog.read().stream("123456789012", "us-east-1", "d").unwrap().direct_log();
    let read = other.engine.read(log, Seq::ZERO, Limits { entries: 1, bytes: 1 << 20 }).await.unwrap();
    let opened = other.firehose.open_record(log, &read.entries[0].bytes).await.unwrap();
    assert_eq!(opened, Some(Bytes::from_static(b"a")));
}

#[tokio::test]
async fn what_was_made_from_a_delivery_stream_changes_no_other_of_its_name() {
    let (one, _) = two_houses().await;
    let address = target::address(&Caller::root("123456789012", "us-east-1", "k"), "d");
    let (incarnation, destination) = {
        let catalog = one.firehose.catalog.read();
        let stream = catalog.at(&address).unwrap();
        (stream.incarnation, stream.destination.clone())
    };
    one.ok("DeleteDeliveryStream", named()).await;
    create(&one).await;
    let actions = [
        Action::Update { incarnation, version: 1, destination },
        Action::SetEncryption { incarnation, key: None, transition_ms: 0 },
    ];
    for action in actions {
        let command = Command::Stream { address: address.clone(), action };
        let Err(SubmitError::Refused(refusal)) = one.firehose.catalog.submit(command, NOW_MS).await else {
            panic!("another one is changed")
        };
        assert_eq!(refusal.code, "ResourceNotFoundException");
    }
}

#[tokio::test]
async fn a_failure_that_another_process_put_down_is_over_with_the_next_object() {
    let (one, _) = two_houses().await;
    let share = tokio::sync::watch::Sender::new(crate::Share::whole());
    let deliveries = tokio::spawn(crate::run_deliveries(Arc::clone(&one.firehose), share.subscribe()));
    let address = target::address(&Caller::root("123456789012", "us-east-1", "k"), "d");
    let incarnation = one.firehose.catalog.read().at(&address).unwrap().incarnation;
    one.ok("PutRecord", with("Record", record())).await;
    // The pipeline has begun, and knows of nothing.
    let failure = FailureDescription { r#type: DeliveryStreamFailureType::UnknownError, details: "no".into() };
    let command = Command::Stream { address, action: Action::Fail { incarnation, failure } };
    one.firehose.catalog.submit(command, NOW_MS).await.unwrap();
    assert_eq!(one.described().await["FailureDescription"]["Details"], "no");
    for _ in 0..100 {
        one.clock.advance(10_000);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(one.world.keys().len(), 1);
    assert_eq!(one.described().await["FailureDescription"], Value::Null);
    deliveries.abort();
}
