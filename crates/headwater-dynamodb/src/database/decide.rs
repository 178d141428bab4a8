//! What a decision is made upon: the rows, what was decided since, and what it has itself changed already.
use super::{
    Decider,
    change::{Change, ItemChange, Other, Token},
    image::Image,
    rows,
};
use crate::{
    errors::{self, Result},
    table::{Table, Tables},
};
use bytes::Bytes;
use headwater_log::kv::Kv;
use std::sync::Arc;

/// A decision being made.
pub(crate) struct Deciding<'a> {
    decider: &'a Decider,
    kv: &'a dyn Kv,
    now_ms: u64,
    changes: Vec<Change>,
}

impl<'a> Deciding<'a> {
    pub(super) const fn new(decider: &'a Decider, kv: &'a dyn Kv, now_ms: u64) -> Self {
        Self { decider, kv, now_ms, changes: Vec::new() }
    }

    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// Milliseconds since the epoch.
    pub(crate) const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The tables as they were before this decision.
    pub(crate) fn tables(&self) -> &'a Arc<Tables> {
        &self.decider.tables
    }

    /// The number this decision gets: where a stream's shard begins or ends.
    pub(crate) const fn number(&self) -> u64 {
        self.decider.next
    }

    /// The item at a key as it was before this decision.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn image(&self, table: &Table, key: &[u8]) -> Result<Option<Image>> {
        let row = rows::item(table.id, key);
        if let Some(decided) = self.decider.overlay.get(&row) {
            return Ok(decided.cloned());
        }
        let held = self.kv.get(rows::ITEMS, &row).map_err(|error| errors::engine(&error))?;
        Ok(held.map(Image::stored))
    }

    /// The secret that tokens are sealed under, if there was one before this decision and those on their way.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn secret(&self) -> Result<Option<[u8; 32]>> {
        rows::secret(self.kv).map_err(|error| errors::engine(&error))
    }

    /// A token taken before that still holds.
    pub(crate) fn token(&self, hash: u64) -> Option<&Token> {
        self.decider.tokens.get(&hash).filter(|token| token.until_ms > self.now_ms)
    }

    /// Takes a token; those whose time is over are forgotten with that.
    pub(crate) fn take_token(&mut self, token: Token) {
        let over = self.decider.tokens.values().filter(|held| held.until_ms <= self.now_ms);
        let gone = over.map(|held| held.hash).collect();
        self.changes.push(Change::Other(Other::Token { token, gone }));
    }

    /// Puts `new` in the place of `old`, which is what [`Self::image`] gave.
    pub(crate) fn put(&mut self, table: &Table, key: Bytes, old: Option<Image>, new: Option<Image>) {
        self.replace(table, key, old, new, false);
    }

    /// Takes an item away whose time is over.
    pub(crate) fn expire(&mut self, table: &Table, key: Bytes, old: Image) {
        self.replace(table, key, Some(old), None, true);
    }

    fn replace(&mut self, table: &Table, key: Bytes, old: Option<Image>, new: Option<Image>, is_expiry: bool) {
        if old.is_none() && new.is_none() {
            return;
        }
        let old_size = old.as_ref().map(Image::size_bytes);
        let old = old.filter(|_| table.needs_old_image());
        self.changes.push(Change::Item(ItemChange { table: table.id, key, new, old_size, old, is_expiry }));
    }

    /// The table is now like this.
    pub(crate) fn set(&mut self, table: Table) {
        self.other(Other::Set(Arc::new(table)));
    }

    pub(crate) fn other(&mut self, other: Other) {
        self.changes.push(Change::Other(other));
    }
}
