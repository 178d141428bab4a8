//! On-demand streams split themselves under load.
use super::*;

#[tokio::test]
async fn a_busy_shard_of_an_on_demand_stream_splits_itself_and_no_record_is_lost() {
    let house = House::new(KinesisSettings::default()).await;
    house.create("s", None).await.unwrap();
    let duties = tokio::spawn(crate::run_duties(Arc::clone(&house.kinesis)));
    let megabyte = "x".repeat(1 << 20);
    let mut put = 0;
    while house.status().await.unwrap().open_shard_count < 6 {
        for _ in 0..35 {
            house.put("one key", &megabyte[..1_000_000]).await.unwrap();
            put += 1;
        }
        for _ in 0..70 {
            house.clock.advance(1000);
            tokio::task::yield_now().await;
        }
        assert!(put < 1000, "never split");
    }
    duties.abort();
    let mut read = 0;
    for shard in house.shards().await {
        let index = shard.shard_id.rsplit('-').next().unwrap().parse().unwrap();
        read += house.drain(index).await.0.len();
    }
    assert_eq!(read, put);
}
