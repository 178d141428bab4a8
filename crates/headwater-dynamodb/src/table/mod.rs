//! What a table is: its keys, indexes, settings and streams. Plain data, kept as JSON. How a request makes or changes one
//! is decided by data alone in `definition` and `update`; what is told of one stands in `description`.
//!
//! Invariant: the ids of a table and of a stream are the numbers of the decisions that made them and so never used twice:
//! rows of a deleted table are never taken for those of its successor.
mod definition;
mod description;
mod expiry;
mod indexes;
mod keys;
mod setting;
mod tables;
mod throughput;
mod update;

pub(crate) use definition::{Birth, define};
pub(crate) use description::describe;
pub(crate) use setting::tags;
pub(crate) use tables::Tables;
pub(crate) use update::{Moment, check, update};

use crate::{
    database::EXPIRY_INDEX,
    errors::{self, Result},
    key::{KeyPart, KeySchema, KeyType},
    stream::{Shard, Stream, View},
    value::Item,
};
use headwater_wire::{Caller, partition};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Whose tables, and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Scope {
    /// Twelve digits.
    pub(crate) account: Arc<str>,
    /// E.g. `us-east-1`.
    pub(crate) region: Arc<str>,
}

impl Scope {
    /// A caller's own.
    pub(crate) fn of(caller: &Caller) -> Self {
        Self { account: Arc::clone(&caller.account), region: Arc::clone(&caller.region) }
    }

    /// What ARNs of the region begin with behind `arn:`.
    pub(crate) fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    /// The ARN of the scope's table called `name`.
    pub(crate) fn table_arn(&self, name: &str) -> String {
        let Self { account, region } = self;
        format!("arn:{}:dynamodb:{region}:{account}:table/{name}", self.partition())
    }
}

/// One table.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    /// What its rows begin with.
    pub(crate) id: u64,
    /// What the service calls its `TableId`.
    pub(crate) uuid: u128,
    pub(crate) scope: Scope,
    pub(crate) name: String,
    pub(crate) created_ms: u64,
    pub(crate) phase: Phase,
    /// One hash part, at most one range part.
    pub(crate) key: KeySchema,
    /// In the order of their creation.
    pub(crate) indexes: Vec<Index>,
    /// The id the next index gets.
    pub(crate) next_index: u32,
    pub(crate) billing: Billing,
    pub(crate) class: Option<Class>,
    pub(crate) is_protected: bool,
    pub(crate) sse: Option<Sse>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) expiry: Option<Expiry>,
    /// Oldest first; all but the last are disabled, and go when their records have.
    pub(crate) streams: Vec<Arc<Stream>>,
}

/// Where a table is in its life. The time is when it is over by itself, in milliseconds since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Phase {
    Creating {
        until_ms: u64,
    },
    Active,
    Updating {
        until_ms: u64,
    },
    Deleting {
        until_ms: u64,
    },
    /// Nobody finds it by its name any more; its rows are being removed, and its streams are read until their records go.
    Deleted,
}

/// A secondary index.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Index {
    /// What its rows begin with, behind the table's id; from 1 on.
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) kind: IndexKind,
    pub(crate) key: KeySchema,
    pub(crate) projection: Projection,
    pub(crate) phase: IndexPhase,
    pub(crate) provisioned: Option<Provisioned>,
    pub(crate) on_demand: Option<OnDemand>,
    pub(crate) warm: Option<Warm>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum IndexKind {
    Global,
    Local,
}

/// What a query of an index can see of an item.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Projection {
    All,
    /// The keys of table and index.
    KeysOnly,
    /// The keys and these, as the caller listed them.
    Include(Vec<String>),
}

/// How far the rows of an index are what its items say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum IndexPhase {
    /// Rows of items written before the index was asked for are still missing behind this item key (empty: all of them).
    Filling {
        after: Vec<u8>,
    },
    Active,
    /// Rows are being removed.
    Emptying,
}

/// How a table is paid for: what `--limits aws` enforces.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Billing {
    /// `None`: by request.
    pub(crate) provisioned: Option<Provisioned>,
    /// Whether the caller ever named a mode; the service says nothing of the mode otherwise.
    pub(crate) is_named: bool,
    /// When the table was last switched to payment by request.
    pub(crate) by_request_since_ms: Option<u64>,
    pub(crate) on_demand: Option<OnDemand>,
    pub(crate) warm: Option<Warm>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Provisioned {
    pub(crate) read_units: i64,
    pub(crate) write_units: i64,
    pub(crate) increased_ms: Option<u64>,
    pub(crate) decreased_ms: Option<u64>,
    /// Decreases on the day of the last one.
    pub(crate) decreases_today: i64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct OnDemand {
    pub(crate) max_read_units: Option<i64>,
    pub(crate) max_write_units: Option<i64>,
}

/// What a table or index is made to bear at once, in units a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Warm {
    pub(crate) read_units: i64,
    pub(crate) write_units: i64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Class {
    /// The model's word.
    pub(crate) word: String,
    pub(crate) changed_ms: Option<u64>,
}

/// What the table's description says of encryption.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Sse {
    pub(crate) key_arn: String,
}

/// Time to live, as it was last asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Expiry {
    pub(crate) attribute: String,
    pub(crate) changed_ms: u64,
    /// The rows by time, which are kept as an index's are; `None`: switched off, and none are left.
    pub(crate) rows: Option<IndexPhase>,
}

impl Expiry {
    /// Whether items expire.
    pub(crate) const fn is_enabled(&self) -> bool {
        matches!(self.rows, Some(IndexPhase::Filling { .. } | IndexPhase::Active))
    }
}

impl Table {
    /// The table's ARN.
    pub(crate) fn arn(&self) -> String {
        self.scope.table_arn(&self.name)
    }

    /// The ARN of one of the table's streams.
    pub(crate) fn stream_arn(&self, stream: &Stream) -> String {
        format!("{}/stream/{}", self.arn(), stream.label())
    }

    /// Nothing is being done to the table, so it can be changed.
    ///
    /// # Errors
    /// `ResourceInUseException` if something is.
    pub(crate) fn check_at_rest(&self) -> Result<()> {
        let doing = match self.phase {
            Phase::Active => return Ok(()),
            Phase::Creating { .. } => "created",
            Phase::Updating { .. } => "updated",
            Phase::Deleting { .. } | Phase::Deleted => "deleted",
        };
        Err(errors::table_in_use(doing, &self.name))
    }

    /// The indexes whose rows are kept: all but those that are on their way out.
    pub(crate) fn kept_indexes(&self) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(|index| index.phase != IndexPhase::Emptying)
    }

    /// The index called `name` that can be read.
    pub(crate) fn index(&self, name: &str) -> Option<&Index> {
        self.kept_indexes().find(|index| index.name == name)
    }

    /// The rows kept beside the items: an index's id (0: expiry) and how far its rows are what they are to be.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u32, &IndexPhase)> {
        let expiry = self.expiry.iter().filter_map(|expiry| expiry.rows.as_ref());
        expiry.map(|rows| (EXPIRY_INDEX, rows)).chain(self.indexes.iter().map(|index| (index.id, &index.phase)))
    }

    /// The stream that takes changes.
    pub(crate) fn stream(&self) -> Option<&Arc<Stream>> {
        self.streams.last().filter(|stream| stream.is_enabled())
    }

    /// Whether what an item was must be known to apply its change: to move its rows in indexes, to show it in a stream.
    pub(crate) fn needs_old_image(&self) -> bool {
        !self.indexes.is_empty() || self.expiry.as_ref().is_some_and(Expiry::is_enabled) || self.stream().is_some()
    }

    /// Begins a stream in decision `number`: its first shard takes changes from there on.
    pub(crate) fn open_stream(&mut self, view: View, now_ms: u64, number: u64) {
        let shards = vec![Shard { created_ms: now_ms, first: number, end: None }];
        self.streams.push(Arc::new(Stream { id: number, created_ms: now_ms, view, disabled_ms: None, shards }));
    }

    /// Ends the stream that takes changes, if there is one: decision `end` is the first that is not in it.
    pub(crate) fn close_stream(&mut self, now_ms: u64, end: u64) {
        let Some(stream) = self.streams.last_mut().filter(|stream| stream.is_enabled()) else { return };
        let stream = Arc::make_mut(stream);
        stream.disabled_ms = Some(now_ms);
        if let Some(shard) = stream.shards.last_mut() {
            shard.end = Some(end);
        }
    }

    /// The names and types of all key attributes, of table and indexes, by name.
    pub(crate) fn definitions(&self) -> BTreeMap<&str, KeyType> {
        let schemas = std::iter::once(&self.key).chain(self.indexes.iter().map(|index| &index.key));
        schemas.flat_map(KeySchema::parts).map(|part: &KeyPart| (part.name.as_str(), part.kind)).collect()
    }
}

impl Index {
    /// What a query of the index sees of `item`.
    pub(crate) fn project(&self, table: &Table, item: Item) -> Item {
        let Some(seen) = self.seen(table) else { return item };
        item.into_iter().filter(|(name, _)| seen.contains(name.as_str())).collect()
    }

    /// The attributes a query of the index sees; `None` for all.
    pub(crate) fn seen<'a>(&'a self, table: &'a Table) -> Option<BTreeSet<&'a str>> {
        let named: &[String] = match &self.projection {
            Projection::All => return None,
            Projection::KeysOnly => &[],
            Projection::Include(names) => names,
        };
        let keys = table.key.parts().chain(self.key.parts()).map(|part| part.name.as_str());
        Some(keys.chain(named.iter().map(String::as_str)).collect())
    }
}
