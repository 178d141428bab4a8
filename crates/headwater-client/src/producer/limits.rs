//! The core's bounds. Invariant: they are set once, when a producer is built.
use super::retry::Retry;
use headwater_aggregation::{UserRecord, hash_key_of};
use std::time::Duration;

/// What makes a lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lanes {
    /// A partition key.
    Key,
    /// Each record is one.
    Record,
    /// A shard; records are aggregated up to so many bytes.
    Shard(usize),
}

impl Lanes {
    /// Whether a lane of so many bytes fills an aggregate.
    pub(super) fn full(self, lane_bytes: usize) -> bool {
        matches!(self, Self::Shard(max) if lane_bytes >= max)
    }

    /// The hash by which `record` comes to its lane.
    pub(super) fn place(self, record: &UserRecord) -> u128 {
        match self {
            Self::Key => hash_key_of(&record.partition_key),
            Self::Record => 0,
            Self::Shard(_) => record.hash_key(),
        }
    }
}

/// The core's bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) lanes: Lanes,
    /// Of one request.
    pub(super) request_records: usize,
    pub(super) request_bytes: usize,
    /// Under way at once.
    pub(super) requests: usize,
    /// How long a record waits for company.
    pub(super) linger: Duration,
    /// How long after it was sent a record may begin an attempt.
    pub(super) patience: Duration,
    pub(super) retry: Retry,
}
