//! A stream and its shards, as the catalog keeps them.
//!
//! Invariant: shards stand in order of their index and are never renumbered; the open ones cover every hash key exactly
//! once. What is stored here is read by every later release: fields may be added (with a default), never changed.
pub(crate) use super::reshard::{ParentTail, Reshard, Step};
use super::{
    consumer::Consumer,
    setting::{Encryption, Setting},
};
use crate::{
    routing::KeyRange,
    sequence::{self, ShardMark},
};
use headwater_keys::WrappedKey;
use headwater_log::{
    LogGroup, LogId, Seq,
    rules::{Rule, is_left_out},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who owns a name space of streams, and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Scope {
    pub(crate) account: String,
    pub(crate) region: String,
}

/// Where a stream is found.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) scope: Scope,
    pub(crate) name: String,
}

/// How capacity is bought; it decides whether shards may be split and merged by hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Mode {
    Provisioned,
    OnDemand,
}

/// Who decides on a record's shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Distribution {
    /// The producer, by the partition key.
    #[default]
    PartitionKey,
    /// The stream, evenly.
    Auto,
}

/// What a stream is going through.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Becomes active at `due_ms`; until then no shard is shown.
    Creating {
        due_ms: u64,
    },
    Active,
    /// Gets the setting at `due_ms`.
    Configuring {
        due_ms: u64,
        setting: Setting,
    },
    /// Shards are being split or merged.
    Updating(Reshard),
    /// Vanishes at `due_ms`.
    Deleting {
        due_ms: u64,
    },
}

/// How a shard ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Ending {
    /// The place of the first marker in its log: records stand before it.
    pub(crate) marker: u64,
    /// When it was closed.
    pub(crate) closed_ms: u64,
    /// The seconds its EndingSequenceNumber encodes.
    pub(crate) closed_secs: u64,
}

/// A shard: one log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(crate) index: u32,
    pub(crate) range: KeyRange,
    /// The creation time its sequence numbers encode. A child's is later than its parents' ending, so it may lie a
    /// moment ahead of `opened_ms`.
    pub(crate) created_secs: u64,
    /// When it began to take records.
    pub(crate) opened_ms: u64,
    /// None, the shard that was split, or the two that were merged.
    #[serde(default)]
    pub(crate) parents: Vec<u32>,
    #[serde(default)]
    pub(crate) ending: Option<Ending>,
}

impl Shard {
    pub(crate) const fn mark(&self) -> ShardMark {
        ShardMark { created_secs: self.created_secs, shard: self.index }
    }

    pub(crate) fn id(&self) -> String {
        shard_id(self.index)
    }

    pub(crate) fn starting_sequence_number(&self) -> String {
        sequence::start(self.mark())
    }

    pub(crate) fn ending_sequence_number(&self) -> Option<String> {
        self.ending.map(|ending| sequence::end(self.mark(), ending.closed_secs))
    }
}

impl Ending {
    /// The place from which on a reader has had every record.
    pub(crate) const fn marker(&self) -> Seq {
        Seq(self.marker)
    }
}

/// The name of the shard with this index.
pub(crate) fn shard_id(index: u32) -> String {
    // Once for every record put, so without the machinery of formatting.
    let mut digits = *b"shardId-000000000000";
    let mut rest = index;
    for digit in digits.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// One life of a stream name: a stream deleted and created anew is another one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// Random; names the group of the shards' logs.
    pub(crate) incarnation: u128,
    pub(crate) phase: Phase,
    pub(crate) created_ms: u64,
    pub(crate) mode: Mode,
    pub(crate) retention_hours: u32,
    /// What arrived before this had passed retention when it was last changed, and does not come back.
    #[serde(default)]
    pub(crate) floor_ms: u64,
    pub(crate) max_record_kib: u32,
    #[serde(default)]
    pub(crate) distribution: Distribution,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// What it takes without having to grow, as was asked for; on-demand streams alone.
    #[serde(default)]
    pub(crate) warm_mibps: Option<u32>,
    /// The shard-level metrics that are switched on, by the service's names.
    #[serde(default)]
    pub(crate) metrics: BTreeSet<String>,
    /// What is written is encrypted with, if it is.
    #[serde(default)]
    pub(crate) encryption: Option<Encryption>,
    /// Every data key that records may have been encrypted with.
    #[serde(default)]
    pub(crate) keys: Vec<WrappedKey>,
    /// Its resource policy, as it was given.
    #[serde(default)]
    pub(crate) policy: Option<String>,
    /// Who records are pushed to, by name.
    #[serde(default)]
    pub(crate) consumers: BTreeMap<String, Consumer>,
    /// In order of index. Shards whose last record has passed retention are gone.
    pub(crate) shards: Vec<Shard>,
    pub(crate) next_index: u32,
    /// The places in `shards` of the open ones, in order of hash key; derived.
    #[serde(skip)]
    open: Vec<usize>,
}

/// What a stream starts with.
#[derive(Clone, Debug)]
pub(crate) struct NewStream {
    pub(crate) incarnation: u128,
    pub(crate) shard_count: u32,
    pub(crate) mode: Mode,
    pub(crate) max_record_kib: u32,
    pub(crate) distribution: Distribution,
    pub(crate) warm_mibps: Option<u32>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Retention of a new stream.
pub(crate) const DEFAULT_RETENTION_HOURS: u32 = 24;

impl Stream {
    /// The stream as it is born at `now_ms`.
    pub(crate) fn new(new: NewStream, phase: Phase, now_ms: u64) -> Self {
        let shard = |(index, range)| Shard {
            index,
            range,
            created_secs: now_ms / 1000,
            opened_ms: now_ms,
            parents: Vec::new(),
            ending: None,
        };
        Self {
            incarnation: new.incarnation,
            phase,
            created_ms: now_ms,
            mode: new.mode,
            retention_hours: DEFAULT_RETENTION_HOURS,
            floor_ms: 0,
            max_record_kib: new.max_record_kib,
            distribution: new.distribution,
            tags: new.tags,
            consumers: BTreeMap::new(),
            warm_mibps: new.warm_mibps,
            metrics: BTreeSet::new(),
            encryption: None,
            keys: Vec::new(),
            policy: None,
            shards: (0..).zip(crate::routing::uniform_ranges(new.shard_count)).map(shard).collect(),
            next_index: new.shard_count,
            open: Vec::new(), // derived once it is in the catalog
        }
    }

    /// Makes anew what follows from the shards; to be called after each change to them.
    pub(crate) fn derive(&mut self) {
        let mut open: Vec<usize> = (0..self.shards.len()).filter(|at| self.shards[*at].ending.is_none()).collect();
        open.sort_by_key(|at| self.shards[*at].range.start);
        self.open = open;
    }

    /// The open shard that takes `hash_key`.
    pub(crate) fn route(&self, hash_key: u128) -> Option<&Shard> {
        let behind = self.open.partition_point(|at| self.shards[*at].range.start <= hash_key);
        let at = self.open.get(behind.checked_sub(1)?)?;
        self.shards.get(*at)
    }

    /// The open shards in order of hash key.
    pub(crate) fn open_shards(&self) -> impl ExactSizeIterator<Item = &Shard> {
        self.open.iter().map(|at| &self.shards[*at])
    }

    /// The shard with this index, open or closed.
    pub(crate) fn shard(&self, index: u32) -> Option<&Shard> {
        let at = self.shards.binary_search_by_key(&index, |shard| shard.index).ok()?;
        self.shards.get(at)
    }

    /// The shards that took over from `parent`.
    pub(crate) fn children(&self, parent: u32) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter(move |shard| shard.parents.contains(&parent))
    }

    /// The shards callers are shown at `now_ms`: none while the stream is being created, none that held its last
    /// record longer ago than retention.
    pub(crate) fn shown_shards(&self, now_ms: u64) -> impl Iterator<Item = &Shard> {
        let shards: &[Shard] = if self.is_creating() { &[] } else { &self.shards };
        let cutoff_ms = self.cutoff_ms(now_ms);
        shards.iter().filter(move |shard| shard.ending.is_none_or(|ending| ending.closed_ms >= cutoff_ms))
    }

    /// The shard with this index, once callers may know of it.
    pub(crate) fn shown_shard(&self, index: u32) -> Option<&Shard> {
        self.shard(index).filter(|_| !self.is_creating())
    }

    pub(crate) const fn is_active(&self) -> bool {
        matches!(self.phase, Phase::Active)
    }

    pub(crate) const fn is_creating(&self) -> bool {
        matches!(self.phase, Phase::Creating { .. })
    }

    /// Whether the shard is being sealed: puts have to wait for its children.
    pub(crate) fn is_sealing(&self, shard: u32) -> bool {
        self.sealing_from(shard).is_some() && !is_left_out(Rule::NothingIsPutWhileSealing)
    }

    /// Where the marker of a shard that is being sealed is sought from.
    pub(crate) fn sealing_from(&self, shard: u32) -> Option<Seq> {
        let Phase::Updating(Reshard { sealing: Some(parents), .. }) = &self.phase else { return None };
        parents.iter().find(|held| held.shard == shard).map(|held| Seq(held.tail))
    }

    /// Whether records may be put: the service knows of no stream before and after.
    pub(crate) const fn takes_records(&self) -> bool {
        matches!(self.phase, Phase::Active | Phase::Configuring { .. } | Phase::Updating(_))
    }

    pub(crate) const fn log(&self, shard: u32) -> LogId {
        LogId::new(LogGroup(self.incarnation), shard)
    }

    /// What arrived before this is past retention at `now_ms`.
    pub(crate) fn cutoff_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(u64::from(self.retention_hours) * 3_600_000).max(self.floor_ms)
    }

    pub(crate) fn max_record_bytes(&self) -> usize {
        usize::try_from(self.max_record_kib).unwrap_or(usize::MAX).saturating_mul(1024)
    }

    /// Whether the stream has a data key of this generation.
    pub(crate) fn holds_key(&self, generation: u32) -> bool {
        self.keys.iter().any(|key| key.generation == generation)
    }

    /// The status as the service names it.
    pub(crate) const fn status(&self) -> &'static str {
        match self.phase {
            Phase::Creating { .. } => "CREATING",
            Phase::Active => "ACTIVE",
            Phase::Configuring { .. } | Phase::Updating(_) => "UPDATING",
            Phase::Deleting { .. } => "DELETING",
        }
    }

    /// When the creation time is shown, it is in whole seconds, as clients use it to tell streams of one name apart.
    pub(crate) const fn created_secs(&self) -> u64 {
        self.created_ms / 1000
    }

    /// When its own next step or one of its consumers' is due; `None` if all rest.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.consumer_due_ms().into_iter().chain(self.phase_due_ms()).min()
    }

    /// When the next step of one of its consumers is due.
    pub(crate) fn consumer_due_ms(&self) -> Option<u64> {
        self.consumers.values().filter_map(Consumer::due_ms).min()
    }

    /// When its own next step is due by itself; `None` if it rests.
    pub(crate) const fn phase_due_ms(&self) -> Option<u64> {
        match &self.phase {
            Phase::Creating { due_ms }
            | Phase::Configuring { due_ms, .. }
            | Phase::Deleting { due_ms }
            | Phase::Updating(Reshard { due_ms, .. }) => Some(*due_ms),
            Phase::Active => None,
        }
    }
}
