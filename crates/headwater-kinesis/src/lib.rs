//! Kinesis Data Streams: operations over one catalog and one log per shard.
//!
//! The map: [`Kinesis::open`] restores the catalog and hands out the service; [`operations`] lists what it can do, one
//! row an operation, each in its file under `ops`; [`run_duties`] does what takes time. No HTTP, no encodings, no
//! files, no clock of its own: those come in by [`KinesisParts`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod acceptance;
mod access;
mod catalog;
mod date;
mod delivery;
mod duties;
mod encryption;
mod errors;
mod intake;
mod iterator;
mod limits;
mod load;
mod meter;
mod ops;
mod reading;
mod record;
mod routing;
mod seal;
mod sequence;
mod target;

use acceptance::Acceptance;
use catalog::{Catalog, Command, HOME, Quota};
pub use duties::run_duties;
use headwater_keys::{KeyStore, OpenedKeys};
use headwater_log::{
    Engine, LogError,
    clock::Clock,
    replica::{Replica, SubmitError},
};
use headwater_wire::{Access, Sealer};
use limits::Limits;
use load::Loads;
use meter::Meters;
pub use meter::{ReaderReading, ShardReading, StreamReading};
pub use ops::{REFUSED, operations};
pub use reading::{ShardPage, ShardRecord};
use std::sync::{Arc, atomic::AtomicU64};

/// Streams an account may have in creation at a time, under rate limits.
const CREATING_STREAMS: usize = 5;

/// Chance: 128 new random bits at each call.
pub type Entropy = Arc<dyn Fn() -> u128 + Send + Sync>;

/// What an operator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KinesisSettings {
    /// Open shards an account may have in provisioned streams of a region.
    pub shard_limit: u32,
    /// On-demand streams an account may have in a region.
    pub on_demand_stream_limit: u32,
    /// How long creating, resharding and deleting take, in milliseconds; with 0 they are done when the call returns.
    pub transition_ms: u64,
    /// Whether the service's rate limits hold.
    pub rate_limits: bool,
}

impl Default for KinesisSettings {
    /// The largest shard limit AWS gives without asking, no waiting, no rate limits.
    fn default() -> Self {
        Self { shard_limit: 20_000, on_demand_stream_limit: 500, transition_ms: 0, rate_limits: false }
    }
}

/// What the service stands on.
pub struct KinesisParts {
    /// Where everything is kept.
    pub engine: Arc<dyn Engine>,
    /// Where time comes in.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes in.
    pub entropy: Entropy,
    /// What encrypts streams.
    pub keys: Arc<KeyStore>,
    /// Who decides who may do what.
    pub access: Arc<dyn Access>,
    /// The operator's choices.
    pub settings: KinesisSettings,
}

/// The service.
pub struct Kinesis {
    catalog: Arc<Replica<Catalog>>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    entropy: Entropy,
    keys: Arc<KeyStore>,
    opened: OpenedKeys,
    access: Arc<dyn Access>,
    settings: KinesisSettings,
    sealer: Sealer,
    limits: Option<Limits>,
    loads: Loads,
    acceptance: Acceptance,
    meters: Meters,
    /// When everything was last trimmed that had passed retention; 0 if it was not yet.
    trimmed_ms: AtomicU64,
    fan_out: ops::FanOut,
    /// One roller-forward at a time: another would find nothing left to do.
    settling: tokio::sync::Mutex<()>,
    /// Counts the records that streams distribute by themselves.
    spread: AtomicU64,
}

impl Kinesis {
    /// Restores the catalog, or founds it where there is none.
    ///
    /// # Errors
    /// The engine's; a catalog that cannot be read wholly is not opened.
    pub async fn open(parts: KinesisParts) -> Result<Arc<Self>, LogError> {
        let KinesisParts { engine, clock, entropy, keys, access, settings } = parts;
        let catalog = Replica::<Catalog>::open(Arc::clone(&engine), HOME).await?;
        if catalog.read().token_key().is_none() {
            let mut token_key = [0; 32];
            token_key[..16].copy_from_slice(&entropy().to_le_bytes());
            token_key[16..].copy_from_slice(&entropy().to_le_bytes());
            let founded = catalog.submit(Command::Found { token_key }, clock.now_ms()).await;
            founded.map_err(|error| match error {
                SubmitError::Log(error) => error,
                SubmitError::Refused(refusal) => LogError::Io(refusal.to_string()),
            })?;
        }
        let token_key = catalog.read().token_key().unwrap_or_default();
        Ok(Arc::new(Self {
            sealer: Sealer::new(token_key, entropy()),
            limits: settings.rate_limits.then(Limits::default),
            fan_out: ops::FanOut::default(),
            loads: Loads::default(),
            acceptance: Acceptance::default(),
            meters: Meters::default(),
            trimmed_ms: AtomicU64::new(0),
            settling: tokio::sync::Mutex::new(()),
            spread: AtomicU64::new(0),
            catalog,
            engine,
            clock,
            entropy,
            keys,
            opened: OpenedKeys::default(),
            access,
            settings,
        }))
    }

    /// Takes in what other processes have decided before.
    ///
    /// # Errors
    /// The engine's.
    pub async fn catch_up(self: Arc<Self>) -> Result<(), LogError> {
        self.catalog.catch_up().await
    }

    const fn quota(&self) -> Quota {
        Quota {
            shards: self.settings.shard_limit,
            on_demand_streams: self.settings.on_demand_stream_limit,
            creating_streams: if self.settings.rate_limits { CREATING_STREAMS } else { usize::MAX },
        }
    }
}

#[cfg(test)]
mod tests;
