//! The producer against a service over HTTP. Invariant: what it says was written is what the service took.
mod service;

use headwater_aggregation::deaggregate;
use headwater_client::{Error, Producer, Record, Retry};
use serde_json::Value;
use service::Service;
use std::{collections::HashMap, time::Duration};

const MS: Duration = Duration::from_millis(1);
const QUICK: Retry = Retry { retries: 5, first_pause: MS, last_pause: MS };

fn record(key: &str, data: impl ToString) -> Record {
    Record::bytes(key, data.to_string()).unwrap()
}

/// Refuses nothing.
fn willing(_: usize, _: &[u8]) -> bool {
    false
}

#[tokio::test]
async fn a_record_is_put_with_its_keys_and_its_number_and_the_answer_told() {
    let (service, client) = Service::start(willing).await;
    let producer = Producer::builder(client, "arn:aws:kinesis:us-east-1:000000000000:stream/s").build().unwrap();
    let put = producer.put(&record("key", "data").with_hash_key(u128::MAX).after("17").unwrap()).await.unwrap();
    assert_eq!((put.shard_id(), put.sequence_number()), ("shardId-000000000001", "1"));
    assert_eq!((put.encryption_type(), put.sub_sequence_number()), (None, None));
    let (_, request) = service.requests.lock().unwrap()[0].clone();
    assert_eq!(request["StreamARN"], "arn:aws:kinesis:us-east-1:000000000000:stream/s");
    assert_eq!((&request["StreamName"], &request["SequenceNumberForOrdering"]), (&Value::Null, &"17".into()));
}

#[tokio::test]
async fn a_refusal_has_the_services_status_code_and_message() {
    let (_, client) = Service::start(willing).await;
    let producer = Producer::builder(client, "missing").build().unwrap();
    let Err(Error::Failed(failed)) = producer.put(&record("key", "data")).await else { panic!("it is refused") };
    assert_eq!((failed.operation, failed.status), ("PutRecord", Some(400)));
    assert_eq!(
        (failed.code.as_deref(), failed.message.as_str()),
        (Some("ResourceNotFoundException"), "no such stream")
    );
}

#[tokio::test]
async fn a_throttled_record_is_put_again() {
    let (service, client) = Service::start(|attempt, _| attempt < 2).await;
    let producer = Producer::builder(client, "s").retry(QUICK).build().unwrap();
    producer.put(&record("key", "data")).await.unwrap();
    assert_eq!((service.count("PutRecord"), producer.metrics().retries), (3, 2));
}

#[tokio::test]
async fn many_records_go_in_requests_of_500_and_only_those_that_failed_go_again() {
    let (service, client) = Service::start(|attempt, data| attempt == 0 && data.ends_with(b"7")).await;
    let producer = Producer::builder(client, "s").retry(QUICK).build().unwrap();
    let records: Vec<_> = (0..1200).map(|number| record(&format!("key-{number}"), number)).collect();
    let all = producer.put_all(&records).await.unwrap();
    assert_eq!((all.results.len(), all.failed()), (1200, 0));
    let sizes: Vec<_> =
        service.requests.lock().unwrap().iter().map(|(_, body)| body["Records"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [500, 50, 500, 50, 200, 20]);
    let taken = service.taken.lock().unwrap();
    for (record, result) in records.iter().zip(&all.results) {
        let put = result.as_ref().unwrap();
        assert_eq!(taken[put.sequence_number().parse::<usize>().unwrap() - 1].data, record.data());
        assert_eq!(put.encryption_type().unwrap().as_str(), "KMS");
    }
}

#[tokio::test]
async fn without_retries_there_is_one_request_and_each_failure_is_told_in_its_place() {
    let (service, client) = Service::start(|_, data| data == b"1").await;
    let producer = Producer::builder(client, "s").retry(Retry::NEVER).build().unwrap();
    let all = producer.put_all(&[record("a", 0), record("b", 1), record("c", 2)]).await.unwrap();
    assert_eq!((all.failed(), service.count("PutRecords")), (1, 1));
    let (at, error) = all.failures().next().unwrap();
    assert_eq!((at, error.code()), (1, Some("ProvisionedThroughputExceededException")));
    assert!(all.results[0].is_ok() && all.results[2].is_ok());
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_a_failure_without_status() {
    let (_, client) = Service::start(willing).await;
    let config = client.config().to_builder().endpoint_url("http://127.0.0.1:1").build();
    let client = aws_sdk_kinesis::Client::from_conf(config);
    let producer = Producer::builder(client, "s").retry(Retry::NEVER).build().unwrap();
    for failure in [producer.put(&record("a", 0)).await.err(), producer.put_all(&[record("a", 0)]).await.err()] {
        assert!(matches!(failure, Some(Error::Failed(failed)) if failed.status.is_none() && failed.code.is_none()));
    }
    let receipt = producer.send(record("a", 0)).await.unwrap();
    assert!(matches!(receipt.await, Err(Error::Failed(_))));
}

#[tokio::test]
async fn sent_records_keep_the_order_of_their_key_over_refusals() {
    let (service, client) = Service::start(|attempt, data| attempt < data.len() % 3 && data.ends_with(b"5")).await;
    let producer = Producer::builder(client, "s").retry(QUICK).linger(MS).build().unwrap();
    let mut receipts = Vec::new();
    for number in 0..300 {
        receipts.push(producer.send(record(&format!("key-{}", number % 7), number)).await.unwrap());
    }
    producer.flush().await;
    let taken = service.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 300);
    let mut last = HashMap::new();
    for taken in taken {
        let number: u32 = std::str::from_utf8(&taken.data).unwrap().parse().unwrap();
        assert!(last.insert(taken.partition_key, number).is_none_or(|earlier| earlier < number));
    }
    for receipt in receipts {
        receipt.await.unwrap();
    }
    let metrics = producer.metrics();
    assert_eq!((metrics.records, metrics.pending, metrics.failures), (300, 0, 0));
    assert!(metrics.retries > 0);
}

#[tokio::test]
async fn aggregates_hold_the_records_of_their_shard_and_lie_in_its_range() {
    let (service, client) = Service::start(|attempt, data| attempt == 0 && data.len() % 2 == 0).await;
    let producer = Producer::builder(client, "s").retry(QUICK).aggregated_up_to(4096).build().unwrap();
    let mut receipts = Vec::new();
    for number in 0..2000 {
        receipts.push(producer.send(record(&format!("key-{}", number % 50), number)).await.unwrap());
    }
    producer.close().await;
    let taken = service.taken.lock().unwrap().clone();
    assert!(taken.len() < 50, "{} records", taken.len());
    let mut found = HashMap::<String, Vec<u32>>::new();
    for taken in &taken {
        assert!(taken.data.len() < 4096);
        assert_eq!(taken.explicit_hash_key, Some((taken.shard as u128) << 127));
        for user in deaggregate(&taken.data).unwrap() {
            assert_eq!((user.hash_key() >> 127) as usize, taken.shard);
            let key = String::from_utf8(user.partition_key.to_vec()).unwrap();
            found.entry(key).or_default().push(std::str::from_utf8(&user.data).unwrap().parse().unwrap());
        }
    }
    assert_eq!(found.values().map(Vec::len).sum::<usize>(), 2000);
    assert!(found.values().all(|numbers| numbers.is_sorted()));
    let put = receipts.remove(0).await.unwrap();
    assert_eq!(put.sub_sequence_number(), Some(0));
    assert_eq!(service.count("ListShards"), 1);
}

#[tokio::test]
async fn a_record_that_is_not_taken_at_all_fails_alone() {
    let (service, client) = Service::start(willing).await;
    let producer = Producer::builder(client, "s").build().unwrap();
    let mut receipts = Vec::new();
    for number in 0..100 {
        let data = if number == 42 { "poison".into() } else { number.to_string() };
        receipts.push(producer.send(record(&format!("key-{number}"), data)).await.unwrap());
    }
    producer.flush().await;
    for (number, receipt) in receipts.into_iter().enumerate() {
        let code = receipt.await.err().and_then(|error| error.code().map(str::to_owned));
        assert_eq!(code.as_deref(), (number == 42).then_some("ValidationException"));
    }
    assert_eq!(service.taken.lock().unwrap().len(), 99);
}

#[tokio::test]
async fn a_closed_producer_has_written_everything_and_takes_nothing() {
    let (service, client) = Service::start(willing).await;
    let producer = Producer::builder(client, "s").linger(Duration::from_secs(3600)).build().unwrap();
    let receipt = producer.send(record("a", 0)).await.unwrap();
    producer.close().await;
    assert_eq!(service.taken.lock().unwrap().len(), 1);
    receipt.await.unwrap();
    assert!(matches!(producer.send(record("a", 1)).await, Err(Error::Misuse(_))));
    producer.close().await;
    producer.flush().await;
}

#[tokio::test]
async fn a_dropped_producer_writes_what_was_sent() {
    let (_, client) = Service::start(willing).await;
    let producer = Producer::builder(client, "s").linger(Duration::from_secs(3600)).build().unwrap();
    let receipt = producer.send(record("a", 0)).await.unwrap();
    drop(producer);
    receipt.await.unwrap();
}

#[tokio::test]
async fn a_full_buffer_makes_senders_wait() {
    let (_, client) = Service::start(willing).await;
    let hour = Duration::from_secs(3600);
    let producer = Producer::builder(client, "s").linger(hour).buffer_bytes(10 << 10).build().unwrap();
    let mut sent = 0;
    while let Ok(receipt) = tokio::time::timeout(100 * MS, producer.send(record("a", sent))).await {
        drop(receipt.unwrap());
        sent += 1;
    }
    assert!((10..=20).contains(&sent), "{sent}");
    producer.flush().await;
    drop(producer.send(record("a", sent)).await.unwrap());
}

#[tokio::test]
async fn records_that_cannot_be_sent_in_time_fail() {
    let (_, client) = Service::start(|_, _| true).await;
    let retry = Retry { retries: u32::MAX, ..QUICK };
    let producer = Producer::builder(client, "s").retry(retry).delivery_timeout(100 * MS).build().unwrap();
    let error = producer.send(record("a", 0)).await.unwrap().await.unwrap_err();
    assert_eq!(error.code(), Some("ProvisionedThroughputExceededException"));
}

#[tokio::test]
async fn options_and_records_out_of_bounds_are_misuse() {
    let (_, client) = Service::start(willing).await;
    let builder = Producer::builder(client, "s");
    for (wrong, why) in [
        (builder.clone().request_records(501), "records"),
        (builder.clone().request_bytes(11 << 20), "bytes"),
        (builder.clone().requests_in_flight(0), "requests"),
        (builder.clone().buffer_bytes(0), "buffer"),
        (builder.clone().aggregated_up_to(2 << 20), "aggregate"),
    ] {
        assert!(matches!(wrong.build(), Err(Error::Misuse(_))), "{why}");
    }
    let producer = builder.build().unwrap();
    let ordered = record("a", 0).after("1").unwrap();
    assert!(matches!(producer.send(ordered.clone()).await, Err(Error::Misuse(_))));
    assert!(matches!(producer.put_all(&[ordered]).await, Err(Error::Misuse(_))));
}
