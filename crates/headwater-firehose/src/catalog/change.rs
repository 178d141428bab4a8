//! What decisions do to the catalog: the only thing its log holds.
//!
//! Invariant: a change says what became so; applying it needs no rule that a later release might see differently. Encoded
//! as JSON, self-describing: variants and fields may be added, never changed.
use super::{
    destination::Destination,
    stream::{Address, DeliveryStream, NewKey},
    text,
};
use headwater_wire::firehose::FailureDescription;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that became so.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a change lives from its decision to its application, a few at a time")]
pub(crate) enum Change {
    Created {
        address: Address,
        stream: DeliveryStream,
    },
    Activated {
        address: Address,
    },
    DeletionBegun {
        address: Address,
        due_ms: u64,
    },
    /// The name is free; the log remains to be trimmed.
    Deleted {
        address: Address,
        /// When; 0 where it is not told.
        #[serde(default)]
        deleted_ms: u64,
    },
    /// Nothing is left of a deleted delivery stream's log.
    Buried {
        incarnation: u128,
    },
    /// The destination is now this one, and the version one more.
    Updated {
        address: Address,
        destination: Destination,
        updated_ms: u64,
    },
    Tagged {
        address: Address,
        tags: BTreeMap<String, String>,
    },
    Untagged {
        address: Address,
        keys: Vec<String>,
    },
    /// What is put is encrypted with this from now on; without a key it is not.
    EncryptionSet {
        address: Address,
        key: Option<NewKey>,
        due_ms: u64,
    },
    /// Reading goes on at these places: a log's group and part, and the place in it.
    Progressed {
        address: Address,
        places: Vec<(u128, u32, u64)>,
    },
    /// These logs – group and part – are not read any more.
    Forgotten {
        address: Address,
        logs: Vec<(u128, u32)>,
    },
    Failed {
        address: Address,
        #[serde(with = "text")]
        failure: FailureDescription,
    },
    Recovered {
        address: Address,
    },
}
