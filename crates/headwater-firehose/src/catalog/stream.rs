//! A delivery stream, as the catalog keeps it.
//!
//! Invariant: progress only goes forwards. What is stored here is read by every later release: fields may be added (with
//! a default), never changed.
use super::destination::Destination;
use headwater_keys::WrappedKey;
use headwater_log::{LogGroup, LogId, Seq};
use headwater_wire::firehose::{DeliveryStreamStatus, FailureDescription};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The one destination a delivery stream has.
pub(crate) const DESTINATION_ID: &str = "destinationId-000000000001";

/// Who owns a name space of delivery streams, and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Scope {
    pub(crate) account: String,
    pub(crate) region: String,
}

/// Where a delivery stream is found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) scope: Scope,
    pub(crate) name: String,
}

/// What a delivery stream is going through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Becomes active at `due_ms`.
    Creating {
        due_ms: u64,
    },
    Active,
    /// Vanishes at `due_ms`.
    Deleting {
        due_ms: u64,
    },
}

/// Where records come from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Source {
    /// Callers put them.
    DirectPut {
        /// What the caller expects to put, in MB a second.
        throughput_hint: Option<i32>,
    },
    /// A Kinesis stream, from what arrived at `start_ms` on.
    Kinesis { stream_arn: String, role_arn: String, start_ms: u64 },
}

/// Whose key data keys are wrapped under.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum KeyOwner {
    /// The service's own, which nobody is shown.
    Aws,
    /// The caller's, which the wrapped key names.
    Customer,
}

/// With what a delivery stream encrypts what is put to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Encryption {
    pub(crate) owner: KeyOwner,
    /// Which of the delivery stream's data keys is used.
    pub(crate) generation: u32,
}

/// One life of a name: a delivery stream deleted and created anew is another one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct DeliveryStream {
    /// Random; names the group of its log.
    pub(crate) incarnation: u128,
    pub(crate) phase: Phase,
    pub(crate) created_ms: u64,
    /// When its destination was last changed.
    pub(crate) updated_ms: Option<u64>,
    /// 1, and one more with every change of its destination.
    pub(crate) version: u64,
    pub(crate) source: Source,
    pub(crate) destination: Destination,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// What is put is encrypted with, if it is.
    #[serde(default)]
    pub(crate) encryption: Option<Encryption>,
    /// Until when encryption is shown as being switched on or off.
    #[serde(default)]
    pub(crate) encryption_due_ms: u64,
    /// Every data key that records may have been encrypted with.
    #[serde(default)]
    pub(crate) keys: Vec<WrappedKey>,
    /// Where reading goes on, by the log that is read.
    #[serde(default, with = "places")]
    pub(crate) progress: BTreeMap<LogId, Seq>,
    /// Why delivery does not get on, if it does not.
    #[serde(default, with = "super::text::optional")]
    pub(crate) failure: Option<FailureDescription>,
}

/// What a delivery stream starts with.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct NewDeliveryStream {
    pub(crate) incarnation: u128,
    pub(crate) source: Source,
    pub(crate) destination: Destination,
    pub(crate) tags: BTreeMap<String, String>,
    /// What it encrypts with from its birth on.
    pub(crate) key: Option<NewKey>,
}

/// A data key a delivery stream is to encrypt with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct NewKey {
    pub(crate) owner: KeyOwner,
    pub(crate) wrapped: WrappedKey,
}

impl DeliveryStream {
    /// The delivery stream as it is born at `now_ms`.
    pub(crate) fn new(new: NewDeliveryStream, phase: Phase, now_ms: u64) -> Self {
        let mut stream = Self {
            incarnation: new.incarnation,
            phase,
            created_ms: now_ms,
            updated_ms: None,
            version: 1,
            source: new.source,
            destination: new.destination,
            tags: new.tags,
            encryption: None,
            encryption_due_ms: 0,
            keys: Vec::new(),
            progress: BTreeMap::new(),
            failure: None,
        };
        if let Some(key) = &new.key {
            stream.encrypt(key);
        }
        stream
    }

    /// Has what is put from now on encrypted with `key`.
    pub(crate) fn encrypt(&mut self, key: &NewKey) {
        let NewKey { owner, wrapped } = key;
        if !self.holds_key(wrapped.generation) {
            self.keys.push(wrapped.clone());
        }
        self.encryption = Some(Encryption { owner: *owner, generation: wrapped.generation });
    }

    /// The log of what is put directly.
    pub(crate) const fn direct_log(&self) -> LogId {
        LogId::new(LogGroup(self.incarnation), 0)
    }

    pub(crate) const fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Active)
    }

    /// Whether the delivery stream has a data key of this generation.
    pub(crate) fn holds_key(&self, generation: u32) -> bool {
        self.keys.iter().any(|key| key.generation == generation)
    }

    /// The status as the service names it.
    pub(crate) const fn status(&self) -> DeliveryStreamStatus {
        match self.phase {
            Phase::Creating { .. } => DeliveryStreamStatus::Creating,
            Phase::Active => DeliveryStreamStatus::Active,
            Phase::Deleting { .. } => DeliveryStreamStatus::Deleting,
        }
    }

    /// When its next step is due; `None` if it rests.
    pub(crate) const fn due_ms(&self) -> Option<u64> {
        match self.phase {
            Phase::Creating { due_ms } | Phase::Deleting { due_ms } => Some(due_ms),
            Phase::Active => None,
        }
    }
}

/// Progress as a list: a map's keys have to be texts.
mod places {
    use super::{BTreeMap, LogGroup, LogId, Seq};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(places: &BTreeMap<LogId, Seq>, to: S) -> Result<S::Ok, S::Error> {
        let list: Vec<(u128, u32, u64)> = places.iter().map(|(log, seq)| (log.group.0, log.part, seq.0)).collect();
        list.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<LogId, Seq>, D::Error> {
        let list = Vec::<(u128, u32, u64)>::deserialize(from)?;
        Ok(list.into_iter().map(|(group, part, seq)| (LogId::new(LogGroup(group), part), Seq(seq))).collect())
    }
}
