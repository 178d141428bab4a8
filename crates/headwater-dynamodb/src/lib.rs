//! `DynamoDB` and `DynamoDB` Streams: tables of items, decided in one lane and kept as rows of a key-value store.
//!
//! The map: [`DynamoDb::open`] folds the lane's log into the rows and hands out the service; [`operations`] lists what
//! it can do, one row an operation, each in its file under `ops` and `stream_ops`; [`run_duties`] does what takes time.
//! `value`, `number` and `key` are what items are made of, `expression` what is asked of them, `partiql` the same in
//! statements, `database` the one place where they change. No HTTP, no encodings, no files, no clock of its own: those
//! come in by [`DynamoDbParts`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod access;
mod capacity;
mod change_log;
mod database;
mod duties;
mod errors;
pub mod expression;
pub mod key;
pub mod number;
mod ops;
pub mod partiql;
mod read;
mod stream;
mod stream_ops;
mod table;
mod target;
mod throughput;
pub mod value;
mod write;

use database::{Database, Other};
pub use database::{LOG, SNAPSHOTS, SPACES, folded, take_snapshot, write_snapshot};
pub use duties::{run_duties, run_snapshots};
use headwater_log::{Engine, LogError, clock::Clock, kv::Kv};
use headwater_wire::{Access, ErrorKind, Row, Sealer};
pub use ops::REFUSED;
use std::sync::Arc;
use throughput::Throughput;
use tokio::sync::{OnceCell, watch};

/// How often the secret is drawn while others take over deciding.
const FOUNDINGS: usize = 5;

/// Every operation the service can do: `DynamoDB`'s and `DynamoDB` Streams'.
#[must_use]
pub fn operations() -> Vec<Row<DynamoDb>> {
    ops::operations().into_iter().chain(stream_ops::operations()).collect()
}

/// Chance: 128 new random bits at each call.
pub type Entropy = Arc<dyn Fn() -> u128 + Send + Sync>;

/// What an operator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DynamoDbSettings {
    /// How long creating, changing and deleting tables takes, in milliseconds; with 0 they are done when the call
    /// returns.
    pub transition_ms: u64,
    /// Whether provisioned throughput is enforced.
    pub rate_limits: bool,
    /// How often items whose time is over are looked for, in milliseconds.
    pub expiry_sweep_ms: u64,
    /// How long a shard of a table's stream is open, in milliseconds.
    pub stream_shard_ms: u64,
    /// Where several processes have the tables' log: how large it gets before a snapshot lets it be trimmed, in bytes; it
    /// also gets as large as the last snapshot.
    pub snapshot_bytes: u64,
}

impl Default for DynamoDbSettings {
    /// No waiting, no rate limits, expired items gone within a minute, shards of four hours, snapshots every 64 MiB.
    fn default() -> Self {
        Self {
            transition_ms: 0,
            rate_limits: false,
            expiry_sweep_ms: 60_000,
            stream_shard_ms: 4 * 3_600_000,
            snapshot_bytes: 64 << 20,
        }
    }
}

/// What the service stands on.
pub struct DynamoDbParts {
    /// Where decisions are kept.
    pub engine: Arc<dyn Engine>,
    /// Where the rows are kept that the decisions make: a store of [`SPACES`].
    pub kv: Arc<dyn Kv>,
    /// Where time comes in.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes in.
    pub entropy: Entropy,
    /// Who decides who may do what.
    pub access: Arc<dyn Access>,
    /// The operator's choices.
    pub settings: DynamoDbSettings,
    /// Whether this process is to decide, where several may: the others send what is to be decided elsewhere.
    pub leads: watch::Receiver<bool>,
}

/// The service.
pub struct DynamoDb {
    database: Arc<Database>,
    clock: Arc<dyn Clock>,
    entropy: Entropy,
    access: Arc<dyn Access>,
    /// What seals tokens, from the first of them on.
    sealer: OnceCell<Sealer>,
    /// What keeps to provisioned throughput, if the operator asks for it.
    throughput: Option<Throughput>,
    settings: DynamoDbSettings,
}

impl DynamoDb {
    /// Brings the rows up to the log.
    ///
    /// # Errors
    /// The engine's and the store's; a log that cannot be read wholly is not opened.
    pub async fn open(parts: DynamoDbParts) -> Result<Arc<Self>, LogError> {
        let DynamoDbParts { engine, kv, clock, entropy, access, settings, leads } = parts;
        let database = Database::open(engine, Arc::clone(&clock), kv, leads).await?;
        let sealer = OnceCell::new();
        let throughput = settings.rate_limits.then(Throughput::default);
        Ok(Arc::new(Self { database, clock, entropy, access, sealer, throughput, settings }))
    }

    /// What seals tokens: the same for everybody who has the log.
    async fn sealer(&self) -> errors::Result<&Sealer> {
        let sealer = self.sealer.get_or_try_init(|| async {
            let held = || self.database.secret().map_err(|error| errors::engine(&error));
            let mut key = held()?;
            if key.is_none() {
                self.database.catch_up().await?;
                key = held()?;
            }
            let key = match key {
                Some(key) => key,
                None => found(&self.database, &self.entropy).await?,
            };
            Ok(Sealer::new(key, (self.entropy)()))
        });
        sealer.await
    }

    /// The number of the last decision that reads show, now and at each change: the same for everybody who has the log.
    pub fn decided(&self) -> watch::Receiver<u64> {
        self.database.watch()
    }
}

/// Draws the secret that tokens are sealed under, unless another process has: whoever comes first, leading or not.
async fn found(database: &Database, entropy: &Entropy) -> errors::Result<[u8; 32]> {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&entropy().to_le_bytes());
    key[16..].copy_from_slice(&entropy().to_le_bytes());
    let mut tries = 0;
    loop {
        let founded = database.submit_here(|deciding| {
            let held = deciding.secret()?;
            if held.is_none() {
                deciding.other(Other::Secret { key });
            }
            Ok(held.unwrap_or(key))
        });
        tries += 1;
        match founded.await {
            Err(error) if error.kind == ErrorKind::Unavailable && tries < FOUNDINGS => {}
            founded => return founded,
        }
    }
}

#[cfg(test)]
mod tests;
