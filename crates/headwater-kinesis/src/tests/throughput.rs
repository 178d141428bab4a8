//! Rate limits, where they are on.
use super::*;

const EXCEEDED: &str = "ProvisionedThroughputExceededException";

async fn house() -> House {
    let house = House::new(KinesisSettings { rate_limits: true, ..KinesisSettings::default() }).await;
    house.create("s", Some(1)).await.unwrap();
    house
}

#[tokio::test]
async fn a_batch_over_the_rate_fails_in_its_excess_alone() {
    let house = house().await;
    let record = shape::PutRecordsRequestEntry {
        data: Bytes::from(vec![0; 300_000]),
        partition_key: Some("k".into()),
        explicit_hash_key: None,
    };
    let input =
        shape::PutRecordsInput { stream_name: Some("s".into()), records: vec![record; 5], ..Default::default() };
    let output = ops::put_records::run(Arc::clone(&house.kinesis), caller(), input).await.unwrap();
    assert_eq!(output.failed_record_count, Some(2));
    let failed = &output.records[3];
    assert_eq!((failed.error_code.as_deref(), failed.shard_id.as_deref()), (Some(EXCEEDED), None));
    let text = "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000.";
    assert_eq!(failed.error_message.as_deref(), Some(text));
    assert_eq!(house.drain(0).await.0.len(), 3);
    refused(house.put("k", &"x".repeat(200_000)).await, EXCEEDED, text);
    house.clock.advance(1000);
    house.put("k", &"x".repeat(200_000)).await.unwrap();
}

#[tokio::test]
async fn the_sixth_read_of_a_second_is_refused() {
    let house = house().await;
    let iterator = house.iterator(0, shape::ShardIteratorType::Latest).await.unwrap();
    for _ in 0..5 {
        house.get(&iterator, None).await.unwrap();
    }
    assert_eq!(house.get(&iterator, None).await.unwrap_err().code, EXCEEDED);
    house.clock.advance(200);
    house.get(&iterator, None).await.unwrap();
}

#[tokio::test]
async fn operations_keep_to_their_calls_per_second() {
    let house = house().await;
    let limits = || ops::describe_limits::run(Arc::clone(&house.kinesis), caller(), Default::default());
    limits().await.unwrap();
    refused(limits().await, "LimitExceededException", "Rate exceeded for account 000000000000.");
    for _ in 0..20 {
        house.status().await.unwrap();
    }
    let text = "Rate exceeded for stream s under account 000000000000.";
    refused(house.status().await, "LimitExceededException", text);
}
