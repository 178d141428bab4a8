//! What has been decided but not yet applied: items by their row, newest only.
use super::{change::Change, image::Image, rows};
use std::collections::{HashMap, hash_map::Entry};

/// Decided items, each with the number of the decision it comes from.
#[derive(Debug, Default)]
pub(crate) struct Overlay(HashMap<Vec<u8>, (u64, Option<Image>)>);

impl Overlay {
    /// What a decision under way makes of the row; the outer `None` if it leaves it alone.
    pub(crate) fn get(&self, row: &[u8]) -> Option<Option<&Image>> {
        self.0.get(row).map(|(_, image)| image.as_ref())
    }

    pub(crate) fn take(&mut self, number: u64, changes: &[Change]) {
        for change in changes {
            if let Change::Item(change) = change {
                self.0.insert(rows::item(change.table, &change.key), (number, change.new.clone()));
            }
        }
    }

    /// The decisions up to `number` have been applied.
    pub(crate) fn forget(&mut self, changes: &[Change], number: u64) {
        for change in changes {
            let Change::Item(change) = change else { continue };
            if let Entry::Occupied(held) = self.0.entry(rows::item(change.table, &change.key))
                && held.get().0 <= number
            {
                held.remove();
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
