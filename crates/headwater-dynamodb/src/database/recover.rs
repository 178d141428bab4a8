//! What the rows say by themselves after a start: how far the log is in them, and what there is to know of the tables.
//!
//! Invariant: rows are brought up only to a log that they belong to.
use super::{change::Token, counts::Counts, index, rows};
use crate::table::{Table, Tables};
use bytes::{Buf, BufMut, Bytes};
use headwater_log::{
    Bounds, LogError, Seq,
    kv::{Kv, View},
};
use std::{collections::HashMap, ops::Bound, sync::Arc};

/// How far the rows have been folded: the last decision in them, its epoch, and where it stands in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Place {
    pub(super) epoch: u64,
    pub(super) number: u64,
    pub(super) seq: Seq,
}

impl Place {
    /// Epoch, number, place in the log (8 bytes each, little endian).
    pub(super) fn encode(self) -> Bytes {
        let mut bytes = Vec::with_capacity(24);
        bytes.put_u64_le(self.epoch);
        bytes.put_u64_le(self.number);
        bytes.put_u64_le(self.seq.0);
        bytes.into()
    }

    pub(super) fn decode(mut bytes: Bytes) -> Option<Self> {
        let epoch = bytes.try_get_u64_le().ok()?;
        let number = bytes.try_get_u64_le().ok()?;
        Some(Self { epoch, number, seq: Seq(bytes.try_get_u64_le().ok()?) })
    }
}

/// What nothing but a newer version can have written.
pub(super) fn incomprehensible(what: &str) -> LogError {
    LogError::Io(format!("{what} of the tables cannot be understood; was it written by a newer Headwater?"))
}

/// How far the rows have been folded; `None` in an empty store.
pub(super) fn place(view: &dyn View) -> Result<Option<Place>, LogError> {
    let row = view.get(rows::META, rows::APPLIED)?;
    row.map(|row| Place::decode(row).ok_or_else(|| incomprehensible("the place"))).transpose()
}

/// Rows can be brought up to a log that begins where they end, or before; where there are snapshots, to any that does not
/// end before.
pub(super) fn check_bounds(Bounds { first, tail }: Bounds, from: Seq, has_snapshots: bool) -> Result<(), LogError> {
    let why = if first > from && !has_snapshots {
        format!("which begins at {first}: the folder of the rows is lost or older than the log")
    } else if from > tail {
        format!("which ends at {tail}: the log is lost or older than the folder of the rows")
    } else {
        return Ok(());
    };
    let place = format!("the tables' rows end at place {from} of their log");
    Err(LogError::Io(format!("{place}, {why}; restore both from the same time")))
}

/// The tables and counts in the rows.
pub(super) fn definitions(kv: &dyn Kv) -> Result<(Arc<Tables>, Counts), LogError> {
    let (mut tables, mut counts) = (Tables::default(), Counts::default());
    for (key, value) in index::collect(kv, rows::META, Bound::Unbounded, Bound::Unbounded, usize::MAX)? {
        match key.split_first() {
            Some((&rows::TABLE, _)) => {
                let table: Table = serde_json::from_slice(&value).map_err(|_| incomprehensible("a definition"))?;
                tables.set(Arc::new(table));
            }
            Some((&rows::COUNT, _)) => counts.read(&key, &value).ok_or_else(|| incomprehensible("a count"))?,
            _ => {}
        }
    }
    Ok((Arc::new(tables), counts))
}

/// The tokens in the rows.
pub(super) fn tokens(kv: &dyn Kv) -> Result<HashMap<u64, Token>, LogError> {
    let (from, to) = ([rows::TOKEN], [rows::TOKEN + 1]);
    let found = index::collect(kv, rows::META, Bound::Included(&from), Bound::Excluded(&to), usize::MAX)?;
    let read = found.into_iter().map(|(_, value)| {
        let token: Token = serde_json::from_slice(&value).map_err(|_| incomprehensible("a token"))?;
        Ok((token.hash, token))
    });
    read.collect()
}
