//! Where rows are kept: the bytes of their keys. Every number is big endian, so rows of one thing stand together and in
//! order.
use crate::stream::Place;
use headwater_log::{
    LogError,
    kv::{Kv, Space},
};

/// What the database knows of itself and of its tables.
pub(crate) const META: Space = Space(0);
/// Items by table and key.
pub(crate) const ITEMS: Space = Space(1);
/// Item keys by table, index and index key.
pub(crate) const INDEXES: Space = Space(2);
/// Changes by stream and place.
pub(crate) const CHANGES: Space = Space(3);
/// All of them, by name.
pub const SPACES: &[&str] = &["meta", "items", "indexes", "changes"];

/// The index that orders a table's items by the time they expire.
pub(crate) const EXPIRY_INDEX: u32 = 0;

/// What has been applied: the one row that says how far the log has been folded.
pub(crate) const APPLIED: &[u8] = b"a";
/// What tokens are sealed under.
pub(crate) const SECRET: &[u8] = b"s";
/// What rows of tables' definitions begin with.
pub(crate) const TABLE: u8 = b't';
/// What rows of counts begin with.
pub(crate) const COUNT: u8 = b'c';
/// What rows of transactions' tokens begin with.
pub(crate) const TOKEN: u8 = b'k';

/// The secret that tokens are sealed under, if there is one yet.
pub(super) fn secret(kv: &dyn Kv) -> Result<Option<[u8; 32]>, LogError> {
    Ok(kv.get(META, SECRET)?.and_then(|held| held.first_chunk().copied()))
}

/// A row of META about the thing numbered `id`.
pub(crate) fn meta(kind: u8, id: u64) -> Vec<u8> {
    [&[kind][..], &id.to_be_bytes()].concat()
}

/// The row of META that counts an index (0: the table itself).
pub(crate) fn count(table: u64, index: u32) -> Vec<u8> {
    [&[COUNT][..], &table.to_be_bytes(), &index.to_be_bytes()].concat()
}

/// An item's row.
pub(crate) fn item(table: u64, key: &[u8]) -> Vec<u8> {
    [&table.to_be_bytes()[..], key].concat()
}

/// What all rows of a table's index begin with.
pub(crate) fn index_prefix(table: u64, index: u32) -> Vec<u8> {
    [&table.to_be_bytes()[..], &index.to_be_bytes()].concat()
}

/// An index's row: its value tells where in it the item's key begins.
pub(crate) fn index(table: u64, index: u32, index_key: &[u8], key: &[u8]) -> Vec<u8> {
    [&table.to_be_bytes()[..], &index.to_be_bytes(), index_key, key].concat()
}

/// A change's row.
pub(crate) fn change(stream: u64, place: Place) -> Vec<u8> {
    [&stream.to_be_bytes()[..], &place.decision.to_be_bytes(), &place.change.to_be_bytes()].concat()
}

/// The place in a change's row.
pub(crate) fn place(row: &[u8]) -> Option<Place> {
    let (_, rest) = row.split_first_chunk::<8>()?;
    let (decision, rest) = rest.split_first_chunk::<8>()?;
    let change = rest.first_chunk::<2>()?;
    Some(Place { decision: u64::from_be_bytes(*decision), change: u16::from_be_bytes(*change) })
}
