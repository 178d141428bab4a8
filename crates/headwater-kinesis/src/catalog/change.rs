//! What decisions do to the catalog: the only thing its log holds.
//!
//! Invariant: a change says what became so, with every number in it; applying it needs no rule that a later release
//! might see differently. Encoded as JSON, self-describing: variants and fields may be added, never changed.
use super::{
    consumer::Consumer,
    setting::{Commitment, Setting},
    stream::{Address, Ending, ParentTail, Reshard, Scope, Shard, Stream},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that became so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a change lives from its decision to its application, a few at a time")]
pub(crate) enum Change {
    /// The catalog was founded; tokens handed out are sealed with this key.
    Founded {
        token_key: [u8; 32],
    },
    Created {
        address: Address,
        stream: Stream,
    },
    Activated {
        address: Address,
    },
    DeletionBegun {
        address: Address,
        due_ms: u64,
    },
    /// The name is free; the shards' logs remain to be trimmed.
    Deleted {
        address: Address,
        /// When; 0 where it is not told.
        #[serde(default)]
        deleted_ms: u64,
    },
    /// Nothing is left of a deleted stream's logs.
    Buried {
        incarnation: u128,
    },
    Tagged {
        address: Address,
        tags: BTreeMap<String, String>,
    },
    Untagged {
        address: Address,
        keys: Vec<String>,
    },
    /// Records older than `floor_ms` stay gone, however long the new retention.
    RetentionSet {
        address: Address,
        hours: u32,
        floor_ms: u64,
    },
    /// The stream gets the setting at `due_ms`.
    ConfigurationBegun {
        address: Address,
        setting: Setting,
        due_ms: u64,
    },
    Configured {
        address: Address,
        setting: Setting,
    },
    Committed {
        scope: Scope,
        commitment: Commitment,
    },
    ReshardBegun {
        address: Address,
        reshard: Reshard,
    },
    SealingBegun {
        address: Address,
        parents: Vec<ParentTail>,
    },
    /// The parents ended, their children took over; `next` is the next round, if one is needed.
    Resharded {
        address: Address,
        endings: Vec<(u32, Ending)>,
        children: Vec<Shard>,
        next: Option<Reshard>,
    },
    /// A stream's consumer is now this; without one it is gone.
    ConsumerSet {
        address: Address,
        name: String,
        consumer: Option<Consumer>,
    },
    /// Closed shards whose last record has passed retention.
    Expired {
        address: Address,
        shards: Vec<u32>,
    },
}
