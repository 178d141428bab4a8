//! What takes time, what happens by itself, and who may do what.
use super::*;
use crate::{
    catalog::{Action, Address, Command, Scope},
    duties,
};
use headwater_log::{Bounds, LogId, Seq};
use headwater_wire::{Ask, firehose::FailureDescription};
use std::sync::Mutex;

fn slow() -> FirehoseSettings {
    FirehoseSettings { transition_ms: 1000, ..FirehoseSettings::default() }
}

#[tokio::test]
async fn a_delivery_stream_comes_to_be_and_goes_when_due_and_its_log_with_it() {
    let house = House::new(slow()).await;
    house.ok("CreateDeliveryStream", with("S3DestinationConfiguration", bucket())).await;
    let put = with("Record", json!({"Data": "YQ=="}));
    assert_eq!(house.described().await["DeliveryStreamStatus"], "CREATING");
    assert_eq!(house.refused("PutRecord", put.clone()).await.0, "ResourceNotFoundException");
    assert_eq!(house.refused("DeleteDeliveryStream", named()).await.0, "ResourceInUseException");
    house.clock.advance(1000);
    duties::round(&house.firehose).await.unwrap();
    house.ok("PutRecord", put.clone()).await;
    let stream = house.firehose.catalog.read().all().next().unwrap().2.clone();
    house.ok("DeleteDeliveryStream", named()).await;
    house.ok("DeleteDeliveryStream", named()).await;
    assert_eq!(house.described().await["DeliveryStreamStatus"], "DELETING");
    assert_eq!(house.refused("PutRecord", put).await.0, "ResourceNotFoundException");
    house.clock.advance(1000);
    let reborn = house.reopened().await;
    duties::round(&reborn.firehose).await.unwrap();
    assert_eq!(reborn.refused("DescribeDeliveryStream", named()).await.0, "ResourceNotFoundException");
    let Bounds { first, tail } = reborn.engine.bounds(stream.direct_log());
    assert!(first == tail && tail > Seq::ZERO);
    assert!(reborn.firehose.catalog.read().graves(u64::MAX).is_empty());
}

#[tokio::test]
async fn encryption_takes_its_time_and_cannot_be_changed_meanwhile() {
    let house = House::new(slow()).await;
    house.ok("CreateDeliveryStream", with("S3DestinationConfiguration", bucket())).await;
    house.clock.advance(1000);
    duties::round(&house.firehose).await.unwrap();
    house.ok("StartDeliveryStreamEncryption", named()).await;
    let status = async || house.described().await["DeliveryStreamEncryptionConfiguration"]["Status"].clone();
    assert_eq!(status().await, "ENABLING");
    assert_eq!(house.refused("StopDeliveryStreamEncryption", named()).await.0, "ResourceInUseException");
    house.clock.advance(1000);
    assert_eq!(status().await, "ENABLED");
    house.ok("StopDeliveryStreamEncryption", named()).await;
    assert_eq!(status().await, "DISABLING");
}

#[tokio::test]
async fn progress_only_goes_forwards_and_belongs_to_one_life_of_a_name() {
    let house = House::with_stream().await;
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let address = Address { scope, name: "d".into() };
    let (incarnation, log) = {
        let catalog = house.firehose.catalog.read();
        let stream = catalog.at(&address).unwrap();
        (stream.incarnation, stream.direct_log())
    };
    let submit = async |action: Action| {
        let command = Command::Stream { address: address.clone(), action };
        house.firehose.catalog.submit(command, NOW_MS).await.unwrap();
    };
    let at = |house: &House| house.firehose.catalog.read().at(&address).unwrap().progress.get(&log).copied();
    for (meant, place, held) in [(incarnation, 7, 7), (incarnation, 5, 7), (incarnation + 1, 9, 7), (incarnation, 8, 8)]
    {
        submit(Action::Progress { incarnation: meant, places: vec![(log, Seq(place))] }).await;
        assert_eq!(at(&house), Some(Seq(held)));
    }
    let other = LogId::new(log.group, 1);
    submit(Action::Progress { incarnation, places: vec![(other, Seq(1))] }).await;
    submit(Action::Forget { incarnation, logs: vec![other] }).await;
    let failure = FailureDescription { details: "why".into(), ..FailureDescription::default() };
    submit(Action::Fail { incarnation, failure: failure.clone() }).await;
    submit(Action::Recover { incarnation }).await;
    assert_eq!(house.described().await.get("FailureDescription"), None);
    submit(Action::Fail { incarnation, failure }).await;
    let reborn = house.reopened().await;
    assert_eq!(reborn.firehose.catalog.read().at(&address).unwrap().progress, [(log, Seq(8))].into());
    assert_eq!(reborn.described().await["FailureDescription"]["Details"], "why");
}

/// Notes what it is asked and refuses everything.
#[derive(Default)]
struct Doorkeeper(Mutex<Vec<String>>);

impl Access for Doorkeeper {
    fn is_open(&self) -> bool {
        false
    }

    fn check_policy(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn decide(&self, ask: &Ask<'_>) -> Result<(), ServiceError> {
        let Ask { operation, resource, request_tags, .. } = ask;
        self.0.lock().unwrap().push(format!("{operation} {resource} {}", request_tags.len()));
        Err(ServiceError::new("AccessDeniedException", "no"))
    }
}

#[tokio::test]
async fn every_operation_asks_before_it_runs() {
    let doorkeeper = Arc::new(Doorkeeper::default());
    let house = House::guarded(FirehoseSettings::default(), Arc::clone(&doorkeeper) as Arc<dyn Access>).await;
    let tagged = plus(with("S3DestinationConfiguration", bucket()), json!({"Tags": [{"Key": "k"}]}));
    assert_eq!(house.refused("CreateDeliveryStream", tagged).await.0, "AccessDeniedException");
    assert_eq!(house.refused("ListDeliveryStreams", json!({})).await.0, "AccessDeniedException");
    let asked = doorkeeper.0.lock().unwrap().clone();
    let d = "arn:aws:firehose:us-east-1:123456789012:deliverystream/d";
    assert_eq!(asked, [format!("CreateDeliveryStream {d} 1"), "ListDeliveryStreams * 0".to_owned()]);
}
