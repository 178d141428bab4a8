//! What a table is: its keys, indexes, settings and streams. Plain data, kept as JSON; how it changes is decided in
//! `database` and the operations.
//!
//! Invariant: ids are never used twice, so rows of a deleted table are never taken for those of its successor.
use crate::{
    key::{KeyPart, KeySchema, KeyType},
    stream::Stream,
    value::Item,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Whose tables, and where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Scope {
    /// Twelve digits.
    pub(crate) account: String,
    /// E.g. `us-east-1`.
    pub(crate) region: String,
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
    Creating { until_ms: u64 },
    Active,
    Updating { until_ms: u64 },
    Deleting { until_ms: u64 },
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

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum IndexPhase {
    /// Rows of items written before the index was asked for are still missing behind this item key (hexadecimal; empty:
    /// all of them).
    Filling { after: String },
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

/// Time to live.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Expiry {
    pub(crate) attribute: String,
    pub(crate) is_enabled: bool,
    pub(crate) changed_ms: u64,
    /// As an index's: rows by time are still missing for items behind this key; `None` when there are no more.
    pub(crate) filling: Option<String>,
}

impl Table {
    /// The table's ARN.
    pub(crate) fn arn(&self) -> String {
        let Scope { account, region } = &self.scope;
        format!("arn:aws:dynamodb:{region}:{account}:table/{}", self.name)
    }

    /// The index called `name` that can be read.
    pub(crate) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name && index.phase != IndexPhase::Emptying)
    }

    /// The stream that takes changes.
    pub(crate) fn stream(&self) -> Option<&Arc<Stream>> {
        self.streams.last().filter(|stream| stream.is_enabled())
    }

    /// Whether what an item was must be known to apply its change: to move its rows in indexes, to show it in a stream.
    pub(crate) fn needs_old_image(&self) -> bool {
        !self.indexes.is_empty() || self.expiry.is_some() || self.stream().is_some()
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

/// All tables of all accounts and regions. Cheap to clone: a version is shared by whoever reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    by_id: BTreeMap<u64, Arc<Table>>,
    names: BTreeMap<Scope, BTreeMap<String, u64>>,
    /// Tables whose rows are still to be removed.
    graves: BTreeSet<u64>,
    next_id: u64,
}

impl Tables {
    pub(crate) fn get(&self, id: u64) -> Option<&Arc<Table>> {
        self.by_id.get(&id)
    }

    /// The table called `name`.
    pub(crate) fn find(&self, scope: &Scope, name: &str) -> Option<&Arc<Table>> {
        self.get(*self.names.get(scope)?.get(name)?)
    }

    /// The tables of a scope in order of name.
    pub(crate) fn of(&self, scope: &Scope) -> impl Iterator<Item = &Arc<Table>> {
        self.names.get(scope).into_iter().flat_map(BTreeMap::values).filter_map(|id| self.get(*id))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.by_id.values()
    }

    pub(crate) fn graves(&self) -> impl Iterator<Item = u64> {
        self.graves.iter().copied()
    }

    /// The id the next table gets; streams take theirs from the same row of numbers.
    pub(crate) const fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Puts `table` in the place of what had its id.
    pub(crate) fn set(&mut self, table: Arc<Table>) {
        let newest = table.streams.iter().map(|stream| stream.id).max().unwrap_or_default().max(table.id);
        self.next_id = self.next_id.max(newest + 1);
        self.names.entry(table.scope.clone()).or_default().insert(table.name.clone(), table.id);
        self.by_id.insert(table.id, table);
    }

    /// Takes a table away; its rows are to be removed.
    pub(crate) fn bury(&mut self, id: u64) {
        self.next_id = self.next_id.max(id + 1);
        self.graves.insert(id);
        let Some(table) = self.by_id.remove(&id) else { return };
        if let Some(names) = self.names.get_mut(&table.scope) {
            names.remove(&table.name);
        }
    }

    /// The rows of a deleted table are gone.
    pub(crate) fn forget(&mut self, id: u64) {
        self.graves.remove(&id);
    }
}
