//! What decisions do, and their bytes in the log. A change says all that is needed to apply it, so applying one twice
//! leaves what applying it once left.
use super::image::Image;
use crate::table::Table;
use bytes::{Buf, BufMut, Bytes};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One change.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Change {
    /// An item is put in the place of what was there, or taken away.
    Item(ItemChange),
    /// Anything that is not an item's.
    Other(Other),
}

/// A change of one item.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ItemChange {
    pub(crate) table: u64,
    /// The item's key.
    pub(crate) key: Bytes,
    /// `None`: deleted.
    pub(crate) new: Option<Image>,
    /// Size of what was there; `None` if nothing was.
    pub(crate) old_size: Option<u32>,
    /// What was there, where indexes or streams have to know.
    pub(crate) old: Option<Image>,
    /// Deleted because its time had come.
    pub(crate) is_expiry: bool,
}

/// Everything rare.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) enum Other {
    /// The table is new, or is now like this; deleted, for instance.
    Set(Arc<Table>),
    /// Nothing is left of a deleted table.
    Forget { table: u64 },
    /// Rows of an index (or of the expiry index) for items behind `after`, up to `upto`.
    Fill { table: u64, index: u32, after: Vec<u8>, upto: Vec<u8> },
    /// No rows of a space from `from` to before `to`.
    Clear { space: u8, from: Vec<u8>, to: Vec<u8> },
    /// Tokens are sealed under this from now on.
    Secret { key: [u8; 32] },
    /// A transaction has been carried out under a token; those of `gone` are forgotten.
    Token { token: Token, gone: Vec<u64> },
}

/// A transaction's token, as kept: a hash of the caller's account and token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) hash: u64,
    /// A hash of what was asked for.
    pub(crate) request: u128,
    pub(crate) until_ms: u64,
}

const ITEM: u8 = 1;
const OTHER: u8 = 2;
const HAS_NEW: u8 = 1;
const HAD_OLD: u8 = 2;
const KEEPS_OLD: u8 = 4;
const EXPIRED: u8 = 8;

/// How many bytes changes take, the rare ones left aside.
pub(crate) fn room(changes: &[Change]) -> usize {
    let image = |image: &Option<Image>| image.as_ref().map_or(0, |image| 4 + image.bytes().len());
    let room = |change: &Change| match change {
        Change::Item(change) => 18 + change.key.len() + image(&change.new) + image(&change.old),
        Change::Other(_) => 0,
    };
    changes.iter().map(room).sum()
}

/// All changes of a decision. An item's: 1, table (8), flags (1), key, new image if there is one, old size (4), old image
/// if kept; byte strings behind their length (4). Another's: 2, JSON.
pub(crate) fn encode(changes: &[Change], out: &mut Vec<u8>) {
    for change in changes {
        match change {
            Change::Item(change) => encode_item(change, out),
            Change::Other(other) => {
                let json = serde_json::to_vec(other);
                assert!(json.is_ok(), "definitions have a JSON form");
                out.put_u8(OTHER);
                put_bytes(out, &json.unwrap_or_default());
            }
        }
    }
}

fn encode_item(change: &ItemChange, out: &mut Vec<u8>) {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    out.put_u8(ITEM);
    out.put_u64_le(change.table);
    out.put_u8(
        flag(change.new.is_some(), HAS_NEW)
            | flag(change.old_size.is_some(), HAD_OLD)
            | flag(change.old.is_some(), KEEPS_OLD)
            | flag(change.is_expiry, EXPIRED),
    );
    put_bytes(out, &change.key);
    if let Some(new) = &change.new {
        put_bytes(out, new.bytes());
    }
    if let Some(size) = change.old_size {
        out.put_u32_le(size);
    }
    if let Some(old) = &change.old {
        put_bytes(out, old.bytes());
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u32_le(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put_slice(bytes);
}

/// The changes of a decision.
///
/// # Errors
/// A sentence on what cannot be understood.
pub(crate) fn decode(mut bytes: Bytes) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    while bytes.has_remaining() {
        changes.push(match bytes.get_u8() {
            ITEM => Change::Item(decode_item(&mut bytes).ok_or("an item's change is cut short")?),
            OTHER => {
                let json = take_bytes(&mut bytes).ok_or("a change is cut short")?;
                Change::Other(serde_json::from_slice(&json).map_err(|error| error.to_string())?)
            }
            kind => return Err(format!("changes of kind {kind} are unknown")),
        });
    }
    Ok(changes)
}

fn decode_item(bytes: &mut Bytes) -> Option<ItemChange> {
    let table = bytes.try_get_u64_le().ok()?;
    let flags = bytes.try_get_u8().ok()?;
    let key = take_bytes(bytes)?;
    let new = if flags & HAS_NEW == 0 { None } else { Some(Image::stored(take_bytes(bytes)?)) };
    let old_size = if flags & HAD_OLD == 0 { None } else { Some(bytes.try_get_u32_le().ok()?) };
    let old = if flags & KEEPS_OLD == 0 { None } else { Some(Image::stored(take_bytes(bytes)?)) };
    Some(ItemChange { table, key, new, old_size, old, is_expiry: flags & EXPIRED != 0 })
}

fn take_bytes(bytes: &mut Bytes) -> Option<Bytes> {
    let length = bytes.try_get_u32_le().ok()? as usize;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}
