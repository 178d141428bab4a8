//! What may be asked of the catalog, by operations and by its own duties.
use super::{
    destination::Destination,
    stream::{Address, NewDeliveryStream, NewKey},
};
use headwater_log::{LogId, Seq};
use headwater_wire::firehose::FailureDescription;
use std::collections::BTreeMap;

/// A request for a decision.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a command lives from its call to its decision, a few at a time")]
pub(crate) enum Command {
    /// Asks something of the delivery stream at an address.
    Stream { address: Address, action: Action },
    /// A deleted delivery stream's log is gone.
    Bury { incarnation: u128 },
}

/// What is asked of one delivery stream.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Create {
        new: NewDeliveryStream,
        /// Delivery streams an account may have in a region.
        limit: usize,
        transition_ms: u64,
    },
    /// `destination` was made from the one that `version` of this incarnation has.
    Update {
        incarnation: u128,
        version: u64,
        destination: Destination,
    },
    Delete {
        transition_ms: u64,
    },
    Tag {
        tags: BTreeMap<String, String>,
    },
    Untag {
        keys: Vec<String>,
    },
    /// What is put from then on is encrypted, with a key that was made for this incarnation; without one it is not.
    SetEncryption {
        incarnation: u128,
        key: Option<NewKey>,
        transition_ms: u64,
    },
    /// Takes the step that is due: creating and deleting end.
    Advance {
        incarnation: u128,
    },
    /// What stands before these places is delivered; places behind those known already are ignored.
    Progress {
        incarnation: u128,
        places: Vec<(LogId, Seq)>,
    },
    /// These logs are gone and were read to their ends.
    Forget {
        incarnation: u128,
        logs: Vec<LogId>,
    },
    /// Delivery does not get on.
    Fail {
        incarnation: u128,
        failure: FailureDescription,
    },
    /// Delivery gets on again.
    Recover {
        incarnation: u128,
    },
}
