//! The service as a whole, over the memory engine and a clock that stands still.
mod access;
mod configuring;
mod demand;
mod duties;
mod failing;
mod fan_out;
mod listing;
mod resharding;
mod streams;
mod throughput;

use crate::{Entropy, Kinesis, KinesisParts, KinesisSettings, operations, ops};
use bytes::Bytes;
use headwater_keys::{KeyState, KeyStore, KmsKey, MasterKey};
use headwater_log::{
    Engine,
    clock::{Clock, ManualClock},
    memory::MemoryEngine,
};
use headwater_wire::{Caller, ServiceError, kinesis as shape};
use std::ops::Add as _;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// 2020-09-13T12:26:40Z and a half.
const NOW_MS: u64 = 1_600_000_000_500;

/// One engine, one clock, and the service opened on them.
struct House {
    engine: Arc<dyn Engine>,
    clock: ManualClock,
    kinesis: Arc<Kinesis>,
    settings: KinesisSettings,
}

impl House {
    async fn new(settings: KinesisSettings) -> Self {
        let clock = ManualClock::at(NOW_MS);
        let engine: Arc<dyn Engine> = MemoryEngine::new(Arc::new(clock.clone()));
        let kinesis = open(&engine, Arc::new(clock.clone()), settings).await;
        Self { engine, clock, kinesis, settings }
    }

    /// The house with one stream "s" in it.
    async fn with_stream(shards: i32) -> Self {
        let house = Self::new(KinesisSettings::default()).await;
        house.create("s", Some(shards)).await.unwrap();
        house
    }

    /// The same folder, opened by a new process.
    async fn reopened(&self) -> Self {
        let kinesis = open(&self.engine, Arc::new(self.clock.clone()), self.settings).await;
        Self { engine: Arc::clone(&self.engine), clock: self.clock.clone(), kinesis, settings: self.settings }
    }

    async fn create(&self, name: &str, shards: Option<i32>) -> Result<(), ServiceError> {
        let input = shape::CreateStreamInput { stream_name: name.into(), shard_count: shards, ..Default::default() };
        ops::create_stream::run(Arc::clone(&self.kinesis), caller(), input).await
    }

    async fn put(&self, key: &str, data: &str) -> Result<shape::PutRecordOutput, ServiceError> {
        put(&self.kinesis, key, data).await
    }

    async fn iterator(&self, shard: u32, kind: shape::ShardIteratorType) -> Result<String, ServiceError> {
        self.iterator_of(shape::GetShardIteratorInput {
            shard_id: format!("shardId-{shard:012}"),
            shard_iterator_type: kind,
            ..Default::default()
        })
        .await
    }

    async fn iterator_of(&self, input: shape::GetShardIteratorInput) -> Result<String, ServiceError> {
        let input = shape::GetShardIteratorInput { stream_name: input.stream_name.or(Some("s".into())), ..input };
        let output = ops::get_shard_iterator::run(Arc::clone(&self.kinesis), caller(), input).await?;
        Ok(output.shard_iterator.unwrap())
    }

    async fn get(&self, iterator: &str, limit: Option<i32>) -> Result<shape::GetRecordsOutput, ServiceError> {
        let input = shape::GetRecordsInput { shard_iterator: iterator.into(), limit, ..Default::default() };
        ops::get_records::run(Arc::clone(&self.kinesis), caller(), input).await
    }

    /// The shard read from its trim horizon to its tip or end: the records, and the children if it has ended.
    async fn drain(&self, shard: u32) -> (Vec<shape::Record>, Option<Vec<shape::ChildShard>>) {
        let mut iterator = self.iterator(shard, shape::ShardIteratorType::TrimHorizon).await.unwrap();
        let mut records = Vec::new();
        loop {
            let page = self.get(&iterator, Some(7)).await.unwrap();
            records.extend(page.records);
            match page.next_shard_iterator {
                None => return (records, Some(page.child_shards.unwrap())),
                Some(_) if page.millis_behind_latest == Some(0) => {
                    assert_eq!(page.child_shards, None);
                    return (records, None);
                }
                Some(next) => iterator = next,
            }
        }
    }

    async fn shards(&self) -> Vec<shape::Shard> {
        let input = shape::ListShardsInput { stream_name: Some("s".into()), ..Default::default() };
        ops::list_shards::run(Arc::clone(&self.kinesis), caller(), input).await.unwrap().shards.unwrap()
    }

    async fn split(&self, shard: &str, at: u128) -> Result<(), ServiceError> {
        let input = shape::SplitShardInput {
            stream_name: Some("s".into()),
            shard_to_split: shard.into(),
            new_starting_hash_key: at.to_string(),
            ..Default::default()
        };
        ops::split_shard::run(Arc::clone(&self.kinesis), caller(), input).await
    }

    async fn merge(&self, shard: &str, adjacent: &str) -> Result<(), ServiceError> {
        let input = shape::MergeShardsInput {
            stream_name: Some("s".into()),
            shard_to_merge: shard.into(),
            adjacent_shard_to_merge: adjacent.into(),
            ..Default::default()
        };
        ops::merge_shards::run(Arc::clone(&self.kinesis), caller(), input).await
    }

    async fn scale(&self, target: i32) -> Result<shape::UpdateShardCountOutput, ServiceError> {
        let input = shape::UpdateShardCountInput {
            stream_name: Some("s".into()),
            target_shard_count: target,
            ..Default::default()
        };
        ops::update_shard_count::run(Arc::clone(&self.kinesis), caller(), input).await
    }

    async fn status(&self) -> Result<shape::StreamDescriptionSummary, ServiceError> {
        let input = shape::DescribeStreamSummaryInput { stream_name: Some("s".into()), ..Default::default() };
        let output = ops::describe_stream_summary::run(Arc::clone(&self.kinesis), caller(), input).await?;
        Ok(output.stream_description_summary)
    }

    async fn delete(&self) -> Result<(), ServiceError> {
        let input = shape::DeleteStreamInput { stream_name: Some("s".into()), ..Default::default() };
        ops::delete_stream::run(Arc::clone(&self.kinesis), caller(), input).await
    }
}

async fn put(kinesis: &Arc<Kinesis>, key: &str, data: &str) -> Result<shape::PutRecordOutput, ServiceError> {
    let input = shape::PutRecordInput {
        stream_name: Some("s".into()),
        partition_key: Some(key.into()),
        data: Bytes::copy_from_slice(data.as_bytes()),
        ..Default::default()
    };
    ops::put_record::run(Arc::clone(kinesis), caller(), input).await
}

async fn open(engine: &Arc<dyn Engine>, clock: Arc<dyn Clock>, settings: KinesisSettings) -> Arc<Kinesis> {
    static CHANCE: AtomicU64 = AtomicU64::new(1);
    let entropy: Entropy = Arc::new(|| u128::from(CHANCE.fetch_add(1, Ordering::Relaxed)) << 70 | 5);
    let engine = Arc::clone(engine);
    let access = Arc::new(headwater_wire::Everybody);
    Kinesis::open(KinesisParts { engine, clock, entropy, keys: Arc::new(key_store()), access, settings }).await.unwrap()
}

fn key_store() -> KeyStore {
    let key = |id: &str, state| KmsKey {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        id: id.into(),
        aliases: vec![format!("alias/{id}")],
        state,
    };
    let master = MasterKey::parse(&"A".repeat(43).add("=")).unwrap();
    KeyStore::new(&master, vec![key("on", KeyState::Enabled), key("off", KeyState::Disabled)]).unwrap()
}

fn caller() -> Caller {
    Caller::root("000000000000", "us-east-1", "k")
}

fn data(records: &[shape::Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.data.to_vec()).unwrap()).collect()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, ServiceError>, code: &str, message: &str) {
    let refusal = outcome.expect_err("a refusal");
    assert_eq!((refusal.code, refusal.message.as_deref()), (code, Some(message)));
}

#[test]
fn every_operation_of_the_model_is_offered_or_refused_once() {
    let mut named: Vec<&str> = operations().iter().map(|row| row.name).chain(ops::REFUSED.iter().copied()).collect();
    named.sort_unstable();
    assert_eq!(named, shape::OPERATIONS);
}
