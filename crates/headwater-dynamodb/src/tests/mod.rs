//! The service as a whole, over the memory engine, rows in memory and a clock that stands still.
mod access;
mod duties;
mod expiry;
mod indexes;
mod model;
mod nodes;
mod partiql;
mod streams;
mod tables;
mod throughput;

use crate::{
    DynamoDb, DynamoDbParts, DynamoDbSettings, Entropy,
    database::Image,
    operations, ops,
    table::{Scope, Table},
    value::{Item, Value},
};
use bytes::Bytes;
use headwater_log::{Engine, clock::ManualClock, kv::MemoryKv, memory::MemoryEngine};
use headwater_wire::{Access, Answer, Caller, Dialect, Everybody, Service, ServiceError, dynamodb as shape};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

/// 2026-11-21T11:22:33.444Z.
const NOW_MS: u64 = 1_795_260_153_444;

/// One engine, one store, one clock, and the service opened on them.
struct House {
    engine: Arc<dyn Engine>,
    kv: Arc<MemoryKv>,
    clock: ManualClock,
    dynamodb: Arc<DynamoDb>,
    /// Whether this process is to decide.
    leads: watch::Sender<bool>,
    settings: DynamoDbSettings,
}

impl House {
    async fn new(settings: DynamoDbSettings) -> Self {
        Self::guarded(settings, Arc::new(Everybody)).await
    }

    async fn guarded(settings: DynamoDbSettings, access: Arc<dyn Access>) -> Self {
        let clock = ManualClock::at(NOW_MS);
        let engine: Arc<dyn Engine> = MemoryEngine::new(Arc::new(clock.clone()));
        Self::open(engine, Arc::new(MemoryKv::new()), clock, settings, access).await
    }

    /// The house with the table `music` in it: hash key `artist`, range key `song`, paid for by request.
    async fn with_table() -> Self {
        let house = Self::new(DynamoDbSettings::default()).await;
        house.call("CreateTable", MUSIC).await.unwrap();
        house
    }

    /// Two processes with the same log, each with rows of its own; the first has made the table `music`. The second reads
    /// the log only when it has to.
    async fn two() -> (Self, Self) {
        let clock = ManualClock::at(NOW_MS);
        let engine: Arc<dyn Engine> = MemoryEngine::shared(Arc::new(clock.clone()));
        let blind: Arc<dyn Engine> = Arc::new(nodes::Blind(Arc::clone(&engine)));
        let open = |engine: &Arc<dyn Engine>| {
            let (rows, settings) = (Arc::new(MemoryKv::new()), DynamoDbSettings::default());
            Self::open(Arc::clone(engine), rows, clock.clone(), settings, Arc::new(Everybody))
        };
        let (one, other) = (open(&engine).await, open(&blind).await);
        one.call("CreateTable", MUSIC).await.unwrap();
        (one, other)
    }

    /// The same folder, opened by a new process.
    async fn reopened(self) -> Self {
        let Self { engine, kv, clock, dynamodb, settings, leads: _ } = self;
        drop(dynamodb);
        Self::open(engine, kv, clock, settings, Arc::new(Everybody)).await
    }

    async fn open(
        engine: Arc<dyn Engine>,
        kv: Arc<MemoryKv>,
        clock: ManualClock,
        settings: DynamoDbSettings,
        access: Arc<dyn Access>,
    ) -> Self {
        static CHANCE: AtomicU64 = AtomicU64::new(1);
        let entropy: Entropy = Arc::new(|| u128::from(CHANCE.fetch_add(1, Ordering::Relaxed)) << 70 | 5);
        let (leads, leading) = watch::channel(true);
        let parts = DynamoDbParts {
            engine: Arc::clone(&engine),
            kv: Arc::clone(&kv) as Arc<_>,
            clock: Arc::new(clock.clone()),
            entropy,
            access,
            settings,
            leads: leading,
        };
        let dynamodb = DynamoDb::open(parts).await.unwrap();
        Self { engine, kv, clock, dynamodb, leads, settings }
    }

    /// Calls an operation as a client does.
    async fn call(&self, operation: &str, body: &str) -> Result<serde_json::Value, ServiceError> {
        let row = operations().into_iter().find(|row| row.name == operation).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        match (row.call)(Arc::clone(&self.dynamodb), caller(), Dialect::Json10, &body).await? {
            Answer::Whole(body) if body.is_empty() => Ok(serde_json::Value::Null),
            Answer::Whole(body) => Ok(serde_json::from_slice(&body).unwrap()),
            Answer::Events(_) => panic!("a whole answer"),
        }
    }

    /// What DescribeTable says of `music`.
    async fn described(&self) -> serde_json::Value {
        self.call("DescribeTable", r#"{"TableName":"music"}"#).await.unwrap()["Table"].clone()
    }

    fn table(&self) -> Arc<Table> {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        Arc::clone(self.dynamodb.database.tables().find(&scope, "music").unwrap())
    }

    /// Puts an item of `music`, or takes it away.
    async fn put(&self, artist: &str, song: &str, more: Option<Vec<(&str, Value)>>) {
        let keys = [("artist", Value::S(artist.into())), ("song", Value::S(song.into()))];
        let mut key = Vec::new();
        let named: Item = keys.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.table().key.put_key(&named, &mut key).unwrap();
        let more = more.map(|more| more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let image = more.map(|more| Image::new(&named.into_iter().chain(more).collect()));
        let id = self.table().id;
        let decided = self.dynamodb.database.submit(|deciding| {
            let table = Arc::clone(deciding.tables().get(id).unwrap());
            let old = deciding.image(&table, &key)?;
            deciding.put(&table, key.into(), old, image);
            Ok(())
        });
        decided.await.unwrap();
    }
}

const MUSIC: &str = r#"{
    "TableName": "music",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "artist", "AttributeType": "S"},
        {"AttributeName": "song", "AttributeType": "S"}
    ],
    "KeySchema": [
        {"AttributeName": "artist", "KeyType": "HASH"},
        {"AttributeName": "song", "KeyType": "RANGE"}
    ]
}"#;

/// `MUSIC` with these members beside or instead of its own.
fn music(members: &serde_json::Value) -> String {
    let mut whole: serde_json::Value = serde_json::from_str(MUSIC).unwrap();
    for (name, value) in members.as_object().unwrap() {
        whole[name] = value.clone();
    }
    whole.to_string()
}

fn caller() -> Caller {
    Caller::root("000000000000", "us-east-1", "k")
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, ServiceError>, code: &str, message: &str) {
    let refusal = outcome.expect_err("a refusal");
    assert_eq!((refusal.code, refusal.message.as_deref()), (code, Some(message)));
}

#[test]
fn every_operation_of_the_model_is_offered_or_refused_once() {
    let rows = operations().into_iter().filter(|row| row.service == Service::DynamoDb);
    let mut named: Vec<&str> = rows.map(|row| row.name).chain(ops::REFUSED.iter().copied()).collect();
    named.sort_unstable();
    assert_eq!(named, shape::OPERATIONS);
}
