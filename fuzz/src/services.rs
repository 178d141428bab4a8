//! The services on logs and rows in memory, called as clients call them, and an engine that remembers what it was given.
use bytes::Bytes;
use headwater_dynamodb::{DynamoDb, DynamoDbParts, DynamoDbSettings};
use headwater_keys::{KeyStore, MasterKey};
use headwater_kinesis::{Kinesis, KinesisParts, KinesisSettings};
use headwater_log::{
    Bounds, Commit, Engine, Limits, LogError, LogId, Seq,
    clock::ManualClock,
    engine::{Reading, Trimming},
    kv::Kv,
    memory::MemoryEngine,
};
use headwater_wire::{Answer, Caller, Dialect, Everybody, Row, ServiceError};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
};

/// 2026-01-01T00:00:00Z.
pub const NOW_MS: u64 = 1_767_225_600_000;
/// 32 zeros.
const MASTER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Where services run: one thread, which waits for nothing but what it does itself.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// The keys that encrypt streams.
pub fn keys() -> Arc<KeyStore> {
    Arc::new(KeyStore::new(&MasterKey::parse(MASTER_KEY).unwrap(), Vec::new()).unwrap())
}

/// A clock at [`NOW_MS`] that stands still until it is moved.
pub fn clock() -> ManualClock {
    ManualClock::at(NOW_MS)
}

/// Chance that is none.
pub fn entropy() -> Arc<dyn Fn() -> u128 + Send + Sync> {
    let drawn = Mutex::new(0x5eed_u128);
    Arc::new(move || {
        let mut drawn = drawn.lock().unwrap_or_else(PoisonError::into_inner);
        *drawn = drawn.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
        *drawn
    })
}

/// Kinesis on this engine.
pub async fn kinesis(engine: Arc<dyn Engine>) -> Result<Arc<Kinesis>, LogError> {
    let settings = KinesisSettings::default();
    let (clock, access) = (Arc::new(clock()), Arc::new(Everybody));
    Kinesis::open(KinesisParts { engine, clock, entropy: entropy(), keys: keys(), access, settings }).await
}

/// DynamoDB on this engine and these rows.
pub async fn dynamodb(engine: Arc<dyn Engine>, kv: Arc<dyn Kv>) -> Result<Arc<DynamoDb>, LogError> {
    let (clock, access, leads) = (Arc::new(clock()), Arc::new(Everybody), watch::channel(true).1);
    let settings = DynamoDbSettings::default();
    DynamoDb::open(DynamoDbParts { engine, kv, clock, entropy: entropy(), access, settings, leads }).await
}

/// Calls an operation.
pub async fn call<S>(rows: Vec<Row<S>>, service: &Arc<S>, name: &str, input: &Value) -> Result<Value, ServiceError> {
    let row = rows.into_iter().find(|row| row.name == name).unwrap();
    let caller = Caller::root("000000000000", "us-east-1", "AKIDEXAMPLE");
    match (row.call)(Arc::clone(service), caller, Dialect::Json11, &Bytes::from(input.to_string())).await? {
        Answer::Whole(body) if body.is_empty() => Ok(Value::Null),
        Answer::Whole(body) => Ok(serde_json::from_slice(&body).unwrap()),
        Answer::Events(_) => unreachable!("{name} answers at once"),
    }
}

/// An engine in memory that remembers every entry it was given, in order.
pub struct Recorder {
    engine: Arc<MemoryEngine>,
    entries: Mutex<Vec<(LogId, Bytes)>>,
}

impl Recorder {
    /// An empty one.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { engine: MemoryEngine::new(Arc::new(clock())), entries: Mutex::default() })
    }

    /// All that was appended.
    pub fn entries(&self) -> Vec<(LogId, Bytes)> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Engine for Recorder {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        let mut held = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend(entries.iter().map(|entry| (log, entry.clone())));
        self.engine.append(log, entries)
    }

    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        self.engine.read(log, from, limits)
    }

    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_> {
        self.engine.trim(log, before)
    }

    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        self.engine.watch(log)
    }
}
