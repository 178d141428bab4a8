//! The service as a whole, over the memory engine and a clock that stands still; called as clients call it.
mod creating;
mod putting;
mod states;

use crate::{
    Entropy, Firehose, FirehoseParts, FirehoseSettings,
    glue::{Glue, GlueParts},
    operations,
    outside::{Doing, Endpoints, Failure, Functions, Object, Objects, Post, Posted},
    source::{Source, SourcePage},
};
use bytes::Bytes;
use headwater_keys::{KeyState, KeyStore, KmsKey, MasterKey};
use headwater_log::{
    Bounds, Engine, Limits, LogError, LogGroup, LogId, Seq,
    clock::{Clock, ManualClock},
    memory::MemoryEngine,
};
use headwater_wire::{Access, Answer, Caller, Dialect, Everybody, ServiceError};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::watch;

const NOW_MS: u64 = 1_600_000_000_500;
const STREAM: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
const KEYS: &str = "arn:aws:kms:us-east-1:123456789012:key";

/// One engine, one clock, and the service opened on them.
struct House {
    engine: Arc<dyn Engine>,
    clock: ManualClock,
    firehose: Arc<Firehose>,
    settings: FirehoseSettings,
}

impl House {
    async fn new(settings: FirehoseSettings) -> Self {
        Self::guarded(settings, Arc::new(Everybody)).await
    }

    async fn guarded(settings: FirehoseSettings, access: Arc<dyn Access>) -> Self {
        let clock = ManualClock::at(NOW_MS);
        let engine: Arc<dyn Engine> = MemoryEngine::new(Arc::new(clock.clone()));
        let firehose = open(&engine, &clock, settings, access).await;
        Self { engine, clock, firehose, settings }
    }

    /// The house with one delivery stream "d" in it.
    async fn with_stream() -> Self {
        let house = Self::new(FirehoseSettings::default()).await;
        house.ok("CreateDeliveryStream", with("ExtendedS3DestinationConfiguration", bucket())).await;
        house
    }

    /// The same folder, opened by a new process.
    async fn reopened(&self) -> Self {
        let firehose = open(&self.engine, &self.clock, self.settings, Arc::new(Everybody)).await;
        Self { engine: Arc::clone(&self.engine), clock: self.clock.clone(), firehose, settings: self.settings }
    }

    async fn call(&self, operation: &str, input: Value) -> Result<Value, ServiceError> {
        let row = operations().into_iter().find(|row| row.name == operation).unwrap();
        let caller = Caller::root("123456789012", "us-east-1", "k");
        let body = Bytes::from(input.to_string());
        match (row.call)(Arc::clone(&self.firehose), caller, Dialect::Json11, &body).await? {
            Answer::Whole(reply) => Ok(serde_json::from_slice(&reply).unwrap()),
            Answer::Events(_) => panic!("no operation answers with events"),
        }
    }

    #[track_caller]
    fn ok(&self, operation: &'static str, input: Value) -> impl Future<Output = Value> {
        let call = self.call(operation, input);
        async move { call.await.unwrap_or_else(|refusal| panic!("{operation}: {refusal}")) }
    }

    async fn refused(&self, operation: &str, input: Value) -> (&'static str, String) {
        let refusal = self.call(operation, input).await.expect_err("a refusal");
        (refusal.code, refusal.message.unwrap_or_default())
    }

    async fn described(&self) -> Value {
        let described = self.ok("DescribeDeliveryStream", named()).await;
        described["DeliveryStreamDescription"].clone()
    }
}

fn named() -> Value {
    json!({"DeliveryStreamName": "d"})
}

/// What names "d" and has one member more.
fn with(member: &str, value: Value) -> Value {
    json!({"DeliveryStreamName": "d", member: value})
}

fn bucket() -> Value {
    json!({"RoleARN": "arn:aws:iam::123456789012:role/r", "BucketARN": "arn:aws:s3:::b"})
}

/// `base` with the members of `more` in it.
fn plus(mut base: Value, more: Value) -> Value {
    let (Some(held), Value::Object(more)) = (base.as_object_mut(), more) else { panic!("two objects") };
    held.extend(more);
    base
}

/// The one stream there is, and nothing else outside.
struct Outside;

impl Source for Outside {
    fn shards(&self, stream_arn: &str) -> Option<Vec<LogId>> {
        (stream_arn == STREAM).then(|| vec![LogId::new(LogGroup(9 << 64), 0)])
    }

    fn place_at(&self, _: LogId, _: u64) -> Doing<'_, Result<Seq, LogError>> {
        panic!("nothing is read here")
    }

    fn read<'a>(&'a self, _: &'a str, _: LogId, _: Seq, _: Limits) -> Doing<'a, Result<SourcePage, LogError>> {
        panic!("nothing is read here")
    }

    fn shard_name(&self, _: LogId) -> String {
        panic!("nothing is read here")
    }

    fn watch(&self, _: LogId) -> watch::Receiver<Bounds> {
        panic!("nothing is read here")
    }

    fn changes(&self) -> watch::Receiver<u64> {
        panic!("nothing is read here")
    }
}

impl Objects for Outside {
    fn put(&self, _: Object) -> Doing<'_, Result<(), Failure>> {
        panic!("nothing is written here")
    }
}

impl Functions for Outside {
    fn invoke<'a>(&'a self, _: &'a str, _: Bytes) -> Doing<'a, Result<Bytes, Failure>> {
        panic!("nothing is called here")
    }
}

impl Endpoints for Outside {
    fn post(&self, _: Post) -> Doing<'_, Result<Posted, Failure>> {
        panic!("nothing is sent here")
    }
}

async fn open(
    engine: &Arc<dyn Engine>,
    clock: &ManualClock,
    settings: FirehoseSettings,
    access: Arc<dyn Access>,
) -> Arc<Firehose> {
    static CHANCE: AtomicU64 = AtomicU64::new(1);
    let entropy: Entropy = Arc::new(|| u128::from(CHANCE.fetch_add(1, Ordering::Relaxed)) << 70 | 5);
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let outside = Arc::new(Outside);
    let parts = GlueParts { engine: Arc::clone(engine), clock: Arc::clone(&clock), access: Arc::clone(&access) };
    let glue = Glue::open(parts).await.unwrap();
    Firehose::open(FirehoseParts {
        engine: Arc::clone(engine),
        clock,
        entropy,
        keys: Arc::new(key_store()),
        access,
        settings,
        source: Arc::clone(&outside) as Arc<dyn Source>,
        objects: Arc::clone(&outside) as Arc<dyn Objects>,
        functions: Arc::clone(&outside) as Arc<dyn Functions>,
        endpoints: outside,
        glue,
    })
    .await
    .unwrap()
}

fn key_store() -> KeyStore {
    let key = |id: &str, state| KmsKey {
        account: "123456789012".into(),
        region: "us-east-1".into(),
        id: id.into(),
        aliases: Vec::new(),
        state,
    };
    let master = MasterKey::parse(&format!("{}=", "A".repeat(43))).unwrap();
    KeyStore::new(&master, vec![key("on", KeyState::Enabled), key("off", KeyState::Disabled)]).unwrap()
}
