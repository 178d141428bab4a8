//! What a table's stream is: a view of the table's changes, in shards that follow one another.
//!
//! Invariant: a stream's shards are one chain – each but the newest is closed, and the next begins where it ended.
use serde::{Deserialize, Serialize};

/// Places in a stream are numbers of decisions with the place within the decision, told in decimal with the same length
/// throughout: readers compare them as strings.
const FIRST_SEQUENCE: u128 = 100_000_000_000_000_000_000;
/// Places kept for each decision; a decision has at most 100 changes.
const PLACES: u128 = 1_000;

/// How long changes are kept, in milliseconds.
pub(crate) const RETENTION_MS: u64 = 24 * 3_600_000;

/// A stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// What its rows begin with.
    pub(crate) id: u64,
    pub(crate) created_ms: u64,
    pub(crate) view: View,
    /// Since when it takes no more changes.
    pub(crate) disabled_ms: Option<u64>,
    /// In order; the newest is open while the stream is enabled.
    pub(crate) shards: Vec<Shard>,
}

/// One link of the chain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Shard {
    /// When it was made; part of its name.
    pub(crate) created_ms: u64,
    /// The first decision that can be in it.
    pub(crate) first: u64,
    /// The first decision that can not, once it is closed.
    pub(crate) end: Option<u64>,
}

/// What a stream shows of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum View {
    KeysOnly,
    NewImage,
    OldImage,
    NewAndOldImages,
}

/// A place in a stream: a decision, and which of its changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    pub(crate) decision: u64,
    pub(crate) change: u16,
}

impl Place {
    /// As clients see it.
    pub(crate) fn sequence_number(self) -> String {
        (FIRST_SEQUENCE + u128::from(self.decision) * PLACES + u128::from(self.change)).to_string()
    }

    /// What a client gave back.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > 40 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = text.parse::<u128>().ok()?.checked_sub(FIRST_SEQUENCE)?;
        let change = u16::try_from(number % PLACES).ok()?;
        Some(Self { decision: u64::try_from(number / PLACES).ok()?, change })
    }
}

impl Stream {
    pub(crate) const fn is_enabled(&self) -> bool {
        self.disabled_ms.is_none()
    }

    /// When it was made, as the service puts it into the stream's ARN: `2026-11-21T11:22:33.444`.
    pub(crate) fn label(&self) -> String {
        let made = i64::try_from(self.created_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        made.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string()
    }
}
