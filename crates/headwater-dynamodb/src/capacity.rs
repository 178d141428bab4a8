//! Capacity units: what a request is said to have consumed, by the service's own arithmetic.
use crate::{
    key::Write,
    table::{Index, IndexKind, Table},
    value::{self, Item},
};
use headwater_wire::dynamodb::{Capacity, ConsumedCapacity, ReturnConsumedCapacity};
use std::collections::BTreeMap;

/// What a read unit reads at once, strongly; half a unit does, eventually.
const READ_BYTES: u64 = 4096;
/// What a write unit writes at once.
const WRITE_BYTES: u64 = 1024;
/// An operation of a transaction costs this many times the plain one.
const TRANSACTION_FACTOR: f64 = 2.0;

/// How a read was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Consistency {
    Eventual,
    Strong,
    Transactional,
}

/// Units for reading `bytes`; nothing read costs as much as the least.
#[expect(clippy::cast_precision_loss, reason = "sizes of at most some megabytes are exact")]
pub(crate) fn read_units(bytes: u64, consistency: Consistency) -> f64 {
    let blocks = bytes.div_ceil(READ_BYTES).max(1) as f64;
    match consistency {
        Consistency::Eventual => blocks / 2.0,
        Consistency::Strong => blocks,
        Consistency::Transactional => blocks * TRANSACTION_FACTOR,
    }
}

/// Units for writing an item of `bytes`.
#[expect(clippy::cast_precision_loss, reason = "sizes of at most some megabytes are exact")]
pub(crate) fn write_units(bytes: u64, is_transaction: bool) -> f64 {
    let blocks = bytes.div_ceil(WRITE_BYTES).max(1) as f64;
    if is_transaction { blocks * TRANSACTION_FACTOR } else { blocks }
}

/// What one table's part of a request consumed.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Consumed {
    table: f64,
    local: BTreeMap<String, f64>,
    global: BTreeMap<String, f64>,
    is_write: bool,
    is_transaction: bool,
}

impl Consumed {
    /// Units read from a table and, where one was read, an index.
    pub(crate) fn read(table: f64, index: Option<(&Index, f64)>) -> Self {
        let mut consumed = Self { table, ..Self::default() };
        if let Some((index, units)) = index {
            consumed.add_index(index, units);
        }
        consumed
    }

    /// The units of replacing `old` by `new`, in the table and each index. A check writes nothing and costs the same; in
    /// a transaction the table costs twice, the indexes do not.
    pub(crate) fn write(table: &Table, old: Option<&Item>, new: Option<&Item>, is_transaction: bool) -> Self {
        let size = |item: Option<&Item>| item.map_or(0, |item| value::size_bytes(item) as u64);
        let units = write_units(size(old).max(size(new)), is_transaction);
        let mut consumed = Self { table: units, is_write: true, is_transaction, ..Self::default() };
        for index in table.kept_indexes() {
            let units = index_writes(table, index, old, new);
            if units > 0.0 {
                consumed.add_index(index, units);
            }
        }
        consumed
    }

    pub(crate) fn reading(units: f64, is_transaction: bool) -> Self {
        Self { table: units, is_transaction, ..Self::default() }
    }

    fn add_index(&mut self, index: &Index, units: f64) {
        let held = match index.kind {
            IndexKind::Local => &mut self.local,
            IndexKind::Global => &mut self.global,
        };
        *held.entry(index.name.clone()).or_default() += units;
    }

    /// Units of a global index, or of the table with its local indexes.
    pub(crate) fn units(&self, index: Option<&str>) -> f64 {
        match index {
            Some(name) => self.global.get(name).copied().unwrap_or_default(),
            None => self.table + self.local.values().sum::<f64>(),
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.table += other.table;
        self.is_write |= other.is_write;
        self.is_transaction |= other.is_transaction;
        for (name, units) in &other.local {
            *self.local.entry(name.clone()).or_default() += units;
        }
        for (name, units) in &other.global {
            *self.global.entry(name.clone()).or_default() += units;
        }
    }

    /// As the caller asked to be told; `None` if it did not.
    pub(crate) fn told(&self, name: &str, asked: Option<ReturnConsumedCapacity>) -> Option<ConsumedCapacity> {
        let is_detailed = match asked {
            None | Some(ReturnConsumedCapacity::None) => return None,
            Some(ReturnConsumedCapacity::Indexes) => true,
            Some(ReturnConsumedCapacity::Total) => false,
        };
        let total = self.table + self.local.values().sum::<f64>() + self.global.values().sum::<f64>();
        // Only transactions are told reads and writes apart.
        let (read, write) = match (self.is_transaction, self.is_write) {
            (false, _) => (None, None),
            (true, false) => (Some(total), None),
            (true, true) => (None, Some(total)),
        };
        let part = |units: f64| Capacity {
            capacity_units: Some(units),
            read_capacity_units: read.map(|_| units),
            write_capacity_units: write.map(|_| units),
        };
        let parts = |held: &BTreeMap<String, f64>| {
            let parts = held.iter().map(|(name, units)| (name.clone(), part(*units)));
            (is_detailed && !held.is_empty()).then(|| parts.collect())
        };
        Some(ConsumedCapacity {
            table_name: Some(name.to_owned()),
            capacity_units: Some(total),
            read_capacity_units: read,
            write_capacity_units: write,
            table: is_detailed.then(|| part(self.table)),
            local_secondary_indexes: parts(&self.local),
            global_secondary_indexes: parts(&self.global),
            ..ConsumedCapacity::default()
        })
    }
}

/// What replacing an item costs an index: a row that moves is taken away and put, one that stays but shows something
/// else is put, one that shows the same costs nothing.
fn index_writes(table: &Table, index: &Index, old: Option<&Item>, new: Option<&Item>) -> f64 {
    let place = |item: &Item| {
        let mut key = Vec::new();
        matches!(index.key.index_key(item, &index.name, Write::Put, &mut key), Ok(true)).then_some(key)
    };
    let seen = |item: Option<&Item>| item.and_then(|item| Some((place(item)?, index.project(table, item.clone()))));
    let units = |item: &Item| write_units(value::size_bytes(item) as u64, false);
    match (seen(old), seen(new)) {
        (None, None) => 0.0,
        (Some((_, item)), None) | (None, Some((_, item))) => units(&item),
        (Some(old), Some(new)) if old == new => 0.0,
        (Some((from, old)), Some((to, new))) if from != to => units(&old) + units(&new),
        (Some((_, old)), Some((_, new))) => units(&old).max(units(&new)),
    }
}
