//! What a decided change does to the rows. Blind writes only: whatever of them is there already, the end is the same.
use super::{
    change::{Change, ItemChange, Other},
    counts::Counts,
    image::Image,
    index, rows,
};
use crate::{
    change_log::Record,
    stream::Place,
    table::{Expiry, Index, IndexPhase, Table, Tables},
    value::Item,
};
use bytes::Bytes;
use headwater_log::{
    LogError,
    kv::{Batch, Kv},
};
use std::{ops::Bound, sync::Arc};

/// Changes on their way into the rows, together with what is known of the tables meanwhile.
pub(crate) struct Applying<'a> {
    pub(crate) kv: &'a dyn Kv,
    pub(crate) tables: Arc<Tables>,
    pub(crate) counts: &'a mut Counts,
    pub(crate) batch: Batch,
}

impl Applying<'_> {
    /// Applies decision `number`, which arrived at `time_ms`.
    ///
    /// # Errors
    /// The store's, and `Io` for rows that cannot be understood; nothing may be applied after that.
    pub(crate) fn apply(&mut self, number: u64, time_ms: u64, changes: &[Change]) -> Result<(), LogError> {
        for (at, change) in (0_u16..).zip(changes) {
            match change {
                Change::Item(change) => self.item(Place { decision: number, change: at }, time_ms, change)?,
                Change::Other(other) => self.other(other)?,
            }
        }
        Ok(())
    }

    fn item(&mut self, place: Place, time_ms: u64, change: &ItemChange) -> Result<(), LogError> {
        // A table deleted since: its rows go anyway.
        let Some(table) = self.tables.get(change.table).map(Arc::clone) else { return Ok(()) };
        let row = rows::item(table.id, &change.key);
        match &change.new {
            Some(image) => self.batch.put(rows::ITEMS, row, image.bytes().clone()),
            None => self.batch.delete(rows::ITEMS, row),
        }
        let new_size = change.new.as_ref().map(Image::size_bytes);
        self.counts.of(table.id, 0).replace(change.old_size.map(u64::from), new_size.map(u64::from));
        if !table.indexes.is_empty() || table.expiry.as_ref().is_some_and(Expiry::is_enabled) {
            let old = change.old.as_ref().map(Image::item).transpose()?;
            let new = change.new.as_ref().map(Image::item).transpose()?;
            self.move_rows(&table, &change.key, old.as_ref(), new.as_ref());
        }
        if let Some(stream) = table.stream().filter(|_| change.old != change.new) {
            let image = |image: &Option<Image>| image.as_ref().map(|image| image.bytes().clone());
            let (old, new) = (image(&change.old), image(&change.new));
            let record = Record { time_ms, is_expiry: change.is_expiry, old, new };
            self.batch.put(rows::CHANGES, rows::change(stream.id, place), record.encode());
        }
        Ok(())
    }

    /// Moves the item's rows in indexes from where they were to where they are now.
    fn move_rows(&mut self, table: &Table, key: &[u8], old: Option<&Item>, new: Option<&Item>) {
        for held in table.kept_indexes() {
            let row = |item: Option<&Item>| item.and_then(|item| index::row(table, held, key, item));
            let (before, after) = (row(old), row(new));
            let size = |item: Option<&Item>, is_there: bool| {
                item.filter(|_| is_there).map(|item| index::projected_size(table, held, item))
            };
            if is_filled(held, key) {
                let (was, is) = (size(old, before.is_some()), size(new, after.is_some()));
                self.counts.of(table.id, held.id).replace(was, is);
            }
            self.replace_row(before, after);
        }
        if let Some(expiry) = table.expiry.as_ref().filter(|expiry| expiry.is_enabled()) {
            let row = |item: Option<&Item>| item.and_then(|item| index::expiry_row(table, expiry, key, item));
            self.replace_row(row(old), row(new));
        }
    }

    fn replace_row(&mut self, before: Option<index::Row>, after: Option<index::Row>) {
        if before == after {
            return;
        }
        if let Some(row) = before {
            self.batch.delete(rows::INDEXES, row.key);
        }
        if let Some(row) = after {
            self.batch.put(rows::INDEXES, row.key, row.value);
        }
    }

    fn other(&mut self, other: &Other) -> Result<(), LogError> {
        match other {
            Other::Set(table) => {
                Arc::make_mut(&mut self.tables).set(Arc::clone(table));
                let json = serde_json::to_vec(&**table).unwrap_or_default();
                self.batch.put(rows::META, rows::meta(rows::TABLE, table.id), json.into());
            }
            Other::Forget { table } => {
                Arc::make_mut(&mut self.tables).forget(*table);
                self.counts.forget(*table, &mut self.batch);
                self.batch.delete(rows::META, rows::meta(rows::TABLE, *table));
            }
            Other::Fill { table, index, after, upto } => self.fill(*table, *index, after, upto)?,
            Other::Clear { space, from, to } => self.clear(*space, from, to)?,
            Other::Secret { key } => self.batch.put(rows::META, rows::SECRET.to_vec(), Bytes::copy_from_slice(key)),
            Other::Token { token, gone } => {
                let json = serde_json::to_vec(token).unwrap_or_default();
                gone.iter().for_each(|hash| self.batch.delete(rows::META, rows::meta(rows::TOKEN, *hash)));
                self.batch.put(rows::META, rows::meta(rows::TOKEN, token.hash), json.into());
            }
        }
        Ok(())
    }

    /// Adds the rows of an index for items that were there before it, and counts them: those behind the place filled up
    /// to were not counted before. A row is a function of its item, so it does no harm to add one again.
    fn fill(&mut self, table: u64, index: u32, after: &[u8], upto: &[u8]) -> Result<(), LogError> {
        self.settle()?;
        let Some(table) = self.tables.get(table).map(Arc::clone) else { return Ok(()) };
        let (from, to) = (rows::item(table.id, after), rows::item(table.id, upto));
        let from = if after.is_empty() { Bound::Included(&*from) } else { Bound::Excluded(&*from) };
        let held = table.indexes.iter().find(|held| held.id == index);
        for (key, image) in index::collect(self.kv, rows::ITEMS, from, Bound::Included(&to), usize::MAX)? {
            let item = Image::stored(image).item()?;
            let key = key.get(8..).unwrap_or_default();
            let row = match (held, &table.expiry) {
                (Some(held), _) => {
                    let row = index::row(&table, held, key, &item);
                    if row.is_some() {
                        let size = index::projected_size(&table, held, &item);
                        self.counts.of(table.id, index).replace(None, Some(size));
                    }
                    row
                }
                (None, Some(expiry)) if index == rows::EXPIRY_INDEX => index::expiry_row(&table, expiry, key, &item),
                (None, _) => None,
            };
            self.replace_row(None, row);
        }
        Ok(())
    }

    fn clear(&mut self, space: u8, from: &[u8], to: &[u8]) -> Result<(), LogError> {
        self.settle()?;
        let space = headwater_log::kv::Space(space);
        let (from, to) = (Bound::Included(from), Bound::Excluded(to));
        for (key, _) in index::collect(self.kv, space, from, to, usize::MAX)? {
            self.batch.delete(space, key);
        }
        Ok(())
    }

    /// Writes what was gathered so far, so that rows read now are those the log speaks of.
    fn settle(&mut self) -> Result<(), LogError> {
        self.kv.write(std::mem::take(&mut self.batch))
    }
}

/// Whether the index has the row of the item with this key, if it has one: what is not there yet is not counted.
fn is_filled(index: &Index, key: &[u8]) -> bool {
    match &index.phase {
        IndexPhase::Filling { after } => !after.is_empty() && key <= after.as_slice(),
        IndexPhase::Active => true,
        IndexPhase::Emptying => false,
    }
}
