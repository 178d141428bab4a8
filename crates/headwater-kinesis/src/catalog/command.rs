//! What may be asked of the catalog, by operations and by its own duties.
use super::{
    consumer::ConsumerAction,
    setting::Setting,
    stream::{Address, NewStream, ParentTail, Scope, Step},
};
use std::collections::BTreeMap;

/// A request for a decision.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    /// Gives the catalog its token key, unless it has one.
    Found { token_key: [u8; 32] },
    /// Asks something of the stream at an address.
    Stream { address: Address, action: Action },
    /// An account wants to be committed to a minimum of throughput, or no longer.
    Commit { scope: Scope, wanted: bool },
    /// A deleted stream's logs are gone.
    Bury { incarnation: u128 },
}

/// What is asked of one stream.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Create {
        new: NewStream,
        quota: Quota,
        transition_ms: u64,
    },
    /// With `enforce`, consumers go too; without, they stand in the way.
    Delete {
        enforce: bool,
        transition_ms: u64,
    },
    Consumer(ConsumerAction),
    Tag {
        tags: BTreeMap<String, String>,
    },
    Untag {
        keys: Vec<String>,
    },
    IncreaseRetention {
        hours: i32,
    },
    DecreaseRetention {
        hours: i32,
    },
    /// `at` is a hash key as the caller wrote it, decimal.
    Split {
        shard: u32,
        at: String,
        quota: Quota,
        transition_ms: u64,
    },
    Merge {
        shard: u32,
        adjacent: u32,
        transition_ms: u64,
    },
    Scale {
        target: u32,
        quota: Quota,
        transition_ms: u64,
    },
    /// Changes something that stays until it is changed again.
    Configure {
        setting: Setting,
        /// The incarnation that what it brings along was made for, if it is of use to no other.
        made_for: Option<u128>,
        quota: Quota,
        transition_ms: u64,
    },
    /// Takes the step that is due: creating, deleting and changing end.
    Advance {
        incarnation: u128,
    },
    /// Takes the steps of consumers that are due.
    AdvanceConsumers {
        incarnation: u128,
    },
    /// An on-demand stream splits and merges itself.
    Adapt {
        incarnation: u128,
        steps: Vec<Step>,
        transition_ms: u64,
    },
    /// From here on nothing is appended to the parents but their markers.
    BeginSealing {
        incarnation: u128,
        parents: Vec<ParentTail>,
    },
    /// The parents' markers are durable.
    FinishSealing {
        incarnation: u128,
        markers: Vec<Marker>,
    },
    /// The shards' logs hold nothing that retention keeps.
    Expire {
        incarnation: u128,
        shards: Vec<u32>,
    },
}

/// The first marker in a parent's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Marker {
    pub(crate) shard: u32,
    pub(crate) seq: u64,
    pub(crate) time_ms: u64,
}

/// How much an account may have in a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Quota {
    /// Open shards of provisioned streams.
    pub(crate) shards: u32,
    /// On-demand streams.
    pub(crate) on_demand_streams: u32,
    /// Streams being created at a time.
    pub(crate) creating_streams: usize,
}

/// What the asker is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Done,
    /// How many shards were open before scaling began.
    OpenBefore(u32),
}
