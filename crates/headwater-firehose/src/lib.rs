//! Data Firehose: delivery streams that read a source, transform what they read, and write it out as objects.
//!
//! The map: [`Firehose::open`] restores the catalog and hands out the service; [`operations`] lists what it can do, one
//! row an operation, each in its file under `ops`; [`run_duties`] does what takes time. No HTTP, no encodings, no files,
//! no clock of its own: those come in by [`FirehoseParts`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod access;
mod buffer;
mod catalog;
mod compress;
mod convert;
mod deliver;
mod direct;
mod duties;
mod encryption;
mod errors;
mod failure;
pub mod glue;
mod inspect;
mod ledger;
mod limits;
mod mixer;
mod ops;
pub mod outside;
mod plan;
mod prefix;
mod process;
mod record;
pub mod source;
mod target;
mod transform;

use catalog::{Catalog, HOME};
use deliver::Meters;
pub use deliver::{Backlog, DeliveryReading, Reading, Share, Written, run_deliveries};
pub use duties::run_duties;
use glue::Glue;
use headwater_keys::{KeyStore, OpenedKeys};
use headwater_log::{Engine, LogError, clock::Clock, replica::Replica};
use headwater_wire::Access;
pub use inspect::{Delivered, ErrorObject};
use limits::Limits;
pub use ops::{REFUSED, operations};
use outside::{Endpoints, Functions, Objects};
use source::Source;
use std::sync::Arc;

/// Chance: 128 new random bits at each call.
pub type Entropy = Arc<dyn Fn() -> u128 + Send + Sync>;

/// What an operator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirehoseSettings {
    /// Delivery streams an account may have in a region.
    pub stream_limit: usize,
    /// How long creating, deleting and switching encryption take, in milliseconds; with 0 they are done when the call
    /// returns.
    pub transition_ms: u64,
    /// Whether the service's rate limits hold.
    pub rate_limits: bool,
}

impl Default for FirehoseSettings {
    /// The largest number of delivery streams AWS gives without asking, no waiting, no rate limits.
    fn default() -> Self {
        Self { stream_limit: 5000, transition_ms: 0, rate_limits: false }
    }
}

/// What the service stands on.
pub struct FirehoseParts {
    /// Where everything is kept.
    pub engine: Arc<dyn Engine>,
    /// Where time comes in.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes in.
    pub entropy: Entropy,
    /// What encrypts delivery streams.
    pub keys: Arc<KeyStore>,
    /// Who decides who may do what.
    pub access: Arc<dyn Access>,
    /// The operator's choices.
    pub settings: FirehoseSettings,
    /// The streams that delivery streams may read.
    pub source: Arc<dyn Source>,
    /// Where objects are written.
    pub objects: Arc<dyn Objects>,
    /// What transforms records.
    pub functions: Arc<dyn Functions>,
    /// What takes records over the network.
    pub endpoints: Arc<dyn Endpoints>,
    /// Where schemas are found.
    pub glue: Arc<Glue>,
}

/// The service.
pub struct Firehose {
    pub(crate) catalog: Arc<Replica<Catalog>>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Entropy,
    pub(crate) keys: Arc<KeyStore>,
    pub(crate) opened: OpenedKeys,
    pub(crate) access: Arc<dyn Access>,
    pub(crate) settings: FirehoseSettings,
    pub(crate) limits: Option<Limits>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) endpoints: Arc<dyn Endpoints>,
    pub(crate) glue: Arc<Glue>,
    pub(crate) meters: Meters,
}

impl Firehose {
    /// Restores the catalog.
    ///
    /// # Errors
    /// The engine's; a catalog that cannot be read wholly is not opened.
    pub async fn open(parts: FirehoseParts) -> Result<Arc<Self>, LogError> {
        let FirehoseParts {
            engine,
            clock,
            entropy,
            keys,
            access,
            settings,
            source,
            objects,
            functions,
            endpoints,
            glue,
        } = parts;
        Ok(Arc::new(Self {
            catalog: Replica::<Catalog>::open(Arc::clone(&engine), HOME).await?,
            opened: OpenedKeys::default(),
            limits: settings.rate_limits.then(Limits::default),
            engine,
            clock,
            entropy,
            keys,
            access,
            settings,
            source,
            objects,
            functions,
            endpoints,
            glue,
            meters: Meters::default(),
        }))
    }

    /// Takes in what other processes have decided before.
    ///
    /// # Errors
    /// The engine's.
    pub async fn catch_up(self: Arc<Self>) -> Result<(), LogError> {
        self.catalog.catch_up().await
    }
}

#[cfg(test)]
mod tests;
