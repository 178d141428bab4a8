//! The rows of secondary indexes: the index's key, then the item's. A row holds no copy of the item, so a write that
//! moves no key costs an index nothing; readers fetch the items in the same view.
use super::rows;
use crate::{
    key::Write,
    table::{Expiry, Index, Table},
    value::{Item, Value},
};
use bytes::Bytes;
use headwater_log::{
    LogError,
    kv::{Kv, Space},
};
use std::ops::{Bound, ControlFlow};

/// A row of an index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: Vec<u8>,
    /// Where in the key the item's begins (4 bytes, little endian).
    pub(crate) value: Bytes,
}

impl Row {
    fn new(table: u64, index: u32, index_key: &[u8], key: &[u8]) -> Self {
        let at = u32::try_from(size_of::<u64>() + size_of::<u32>() + index_key.len()).unwrap_or(u32::MAX);
        Self { key: rows::index(table, index, index_key, key), value: Bytes::copy_from_slice(&at.to_le_bytes()) }
    }
}

/// The item's key in a row.
pub(crate) fn item_key<'a>(row: &'a [u8], value: &[u8]) -> Option<&'a [u8]> {
    row.get(u32::from_le_bytes(*value.first_chunk()?) as usize..)
}

/// The item's row in an index; none if it lacks a part of the index's key.
pub(crate) fn row(table: &Table, index: &Index, key: &[u8], item: &Item) -> Option<Row> {
    let mut index_key = Vec::new();
    // What cannot be in the index (it was written before the index was asked for) is not.
    let is_in = index.key.index_key(item, &index.name, Write::Put, &mut index_key);
    is_in.unwrap_or(false).then(|| Row::new(table.id, index.id, &index_key, key))
}

/// What a query of the index sees of the item, by the service's rules of size.
pub(crate) fn projected_size(table: &Table, index: &Index, item: &Item) -> u64 {
    let size = |(name, held): (&String, &Value)| name.len() + held.size_bytes();
    let total: usize = match index.seen(table) {
        None => item.iter().map(size).sum(),
        Some(seen) => item.iter().filter(|(name, _)| seen.contains(name.as_str())).map(size).sum(),
    };
    total as u64
}

/// Items whose time is longer over than this do not expire: the attribute probably means something else.
const OLDEST_SECS: u64 = 5 * 365 * 24 * 3600;

/// The item's row by the time it expires; none if it has no such time.
pub(crate) fn expiry_row(table: &Table, expiry: &Expiry, key: &[u8], item: &Item) -> Option<Row> {
    let secs = expires_at(expiry, item)?;
    Some(Row::new(table.id, rows::EXPIRY_INDEX, &secs.to_be_bytes(), key))
}

/// When the item expires, in seconds since the epoch, if it says so.
pub(crate) fn expires_at(expiry: &Expiry, item: &Item) -> Option<u64> {
    let Some(Value::N(at)) = item.get(&expiry.attribute) else { return None };
    u64::try_from(at.as_i64()?).ok()
}

/// What the rows by time of expired items begin with, behind their table and index: from the first to before the second.
pub(crate) fn expired_rows(now_ms: u64) -> ([u8; 8], [u8; 8]) {
    let now_secs = now_ms / 1000;
    (now_secs.saturating_sub(OLDEST_SECS).to_be_bytes(), (now_secs + 1).to_be_bytes())
}

/// Whether an item that expires at `secs` is expired, and not so long that its time must be a mistake.
pub(crate) const fn has_expired(secs: u64, now_ms: u64) -> bool {
    let now_secs = now_ms / 1000;
    secs <= now_secs && now_secs - secs <= OLDEST_SECS
}

/// Rows of a range in order, at most `most`.
pub(crate) fn collect(
    kv: &dyn Kv,
    space: Space,
    from: Bound<&[u8]>,
    to: Bound<&[u8]>,
    most: usize,
) -> Result<Vec<(Vec<u8>, Bytes)>, LogError> {
    let mut found = Vec::new();
    if most == 0 {
        return Ok(found);
    }
    kv.view().range(space, from, to, false, &mut |key, value| {
        found.push((key.to_vec(), value.clone()));
        if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(found)
}
