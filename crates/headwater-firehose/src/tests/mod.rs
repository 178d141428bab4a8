//! The service as a whole, over the memory engine and a clock that stands still; called as clients call it.
mod creating;
mod delivering;
mod putting;
mod sharing;
mod states;
mod world;

use crate::{
    Entropy, Firehose, FirehoseParts, FirehoseSettings,
    glue::{Glue, GlueParts},
    operations,
    outside::{Endpoints, Functions, Objects},
    source::Source,
};
use bytes::Bytes;
use headwater_keys::{KeyState, KeyStore, KmsKey, MasterKey};
use headwater_log::{
    Engine,
    clock::{Clock, ManualClock},
    memory::MemoryEngine,
};
use headwater_wire::{Access, Answer, Caller, Dialect, Everybody, ServiceError};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use world::{STREAM, World};

const NOW_MS: u64 = 1_600_000_000_500;
const KEYS: &str = "arn:aws:kms:us-east-1:123456789012:key";

/// One engine, one clock, and the service opened on them.
struct House {
    engine: Arc<dyn Engine>,
    clock: ManualClock,
    firehose: Arc<Firehose>,
    settings: FirehoseSettings,
    world: Arc<World>,
}

impl House {
    async fn new(settings: FirehoseSettings) -> Self {
        Self::guarded(settings, Arc::new(Everybody)).await
    }

    async fn guarded(settings: FirehoseSettings, access: Arc<dyn Access>) -> Self {
        let clock = ManualClock::at(NOW_MS);
        let engine: Arc<dyn Engine> = MemoryEngine::new(Arc::new(clock.clone()));
        let world = Arc::new(World::new());
        let firehose = open(&engine, &clock, settings, access, &world).await;
        Self { engine, clock, firehose, settings, world }
    }

    /// The house with one delivery stream "d" in it.
    async fn with_stream() -> Self {
        let house = Self::new(FirehoseSettings::default()).await;
        house.ok("CreateDeliveryStream", with("ExtendedS3DestinationConfiguration", bucket())).await;
        house
    }

    /// The same folder, opened by a new process.
    async fn reopened(&self) -> Self {
        let (engine, world) = (Arc::clone(&self.engine), Arc::clone(&self.world));
        let firehose = open(&engine, &self.clock, self.settings, Arc::new(Everybody), &world).await;
        Self { engine, clock: self.clock.clone(), firehose, settings: self.settings, world }
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

async fn open(
    engine: &Arc<dyn Engine>,
    clock: &ManualClock,
    settings: FirehoseSettings,
    access: Arc<dyn Access>,
    world: &Arc<World>,
) -> Arc<Firehose> {
    static CHANCE: AtomicU64 = AtomicU64::new(1);
    let entropy: Entropy = Arc::new(|| u128::from(CHANCE.fetch_add(1, Ordering::Relaxed)) << 70 | 5);
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let parts = GlueParts { engine: Arc::clone(engine), clock: Arc::clone(&clock), access: Arc::clone(&access) };
    let glue = Glue::open(parts).await.unwrap();
    Firehose::open(FirehoseParts {
        engine: Arc::clone(engine),
        clock,
        entropy,
        keys: Arc::new(key_store()),
        access,
        settings,
        source: Arc::clone(world) as Arc<dyn Source>,
        objects: Arc::clone(world) as Arc<dyn Objects>,
        functions: Arc::clone(world) as Arc<dyn Functions>,
        endpoints: Arc::clone(world) as Arc<dyn Endpoints>,
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
