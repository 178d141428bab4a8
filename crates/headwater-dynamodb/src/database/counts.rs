//! How many items tables and indexes hold, and how large they are together: kept beside the rows they count.
use super::rows;
use bytes::Bytes;
use headwater_log::kv::Batch;
use std::collections::{BTreeMap, BTreeSet};

/// Of a table or an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Count {
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

impl Count {
    /// An item of the one size takes the place of one of the other.
    pub(crate) fn replace(&mut self, old: Option<u64>, new: Option<u64>) {
        self.items = (self.items + u64::from(new.is_some())).saturating_sub(u64::from(old.is_some()));
        self.bytes = (self.bytes + new.unwrap_or_default()).saturating_sub(old.unwrap_or_default());
    }
}

/// All counts, and which of them changed since they were last written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    held: BTreeMap<(u64, u32), Count>,
    changed: BTreeSet<(u64, u32)>,
}

impl Counts {
    /// A count that is about to change.
    pub(crate) fn of(&mut self, table: u64, index: u32) -> &mut Count {
        self.changed.insert((table, index));
        self.held.entry((table, index)).or_default()
    }

    pub(crate) fn get(&self, table: u64, index: u32) -> Count {
        self.held.get(&(table, index)).copied().unwrap_or_default()
    }

    /// Writes the rows of those that changed.
    pub(crate) fn write(&mut self, batch: &mut Batch) {
        for (table, index) in std::mem::take(&mut self.changed) {
            let Count { items, bytes } = self.get(table, index);
            let value = [items.to_le_bytes(), bytes.to_le_bytes()].concat();
            batch.put(rows::META, rows::count(table, index), value.into());
        }
    }

    /// Those of a table that is no more.
    pub(crate) fn forget(&mut self, table: u64, batch: &mut Batch) {
        let gone: Vec<_> = self.held.range((table, 0)..=(table, u32::MAX)).map(|(key, _)| *key).collect();
        for (table, index) in gone {
            self.held.remove(&(table, index));
            self.changed.remove(&(table, index));
            batch.delete(rows::META, rows::count(table, index));
        }
    }

    /// A row read back.
    pub(crate) fn read(&mut self, row: &[u8], value: &Bytes) -> Option<()> {
        let (table, index) = row.get(1..)?.split_first_chunk::<8>()?;
        let (items, bytes) = value.split_first_chunk::<8>()?;
        let count = Count { items: u64::from_le_bytes(*items), bytes: u64::from_le_bytes(*bytes.first_chunk()?) };
        self.held.insert((u64::from_be_bytes(*table), u32::from_be_bytes(*index.first_chunk()?)), count);
        Some(())
    }
}
