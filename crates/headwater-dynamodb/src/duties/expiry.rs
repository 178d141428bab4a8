//! Items go when their time is over: found by the rows that order them by time, and looked at again when it is decided.
use super::{DynamoDb, EXPIRY_INDEX, Expiry, INDEXES, Result, index_prefix};
use crate::{
    database::{Deciding, collect, expired_rows, expires_at, has_expired, item_key},
    errors,
};
use bytes::Bytes;
use std::ops::Bound;

/// Items that go in one decision.
const PAGE_ITEMS: usize = 100;

/// Takes away the items of a table whose time is over.
pub(super) async fn expire(dynamodb: &DynamoDb, table: u64) -> Result<()> {
    let prefix = index_prefix(table, EXPIRY_INDEX);
    let (from, to) = expired_rows(dynamodb.clock.now_ms());
    let (from, to) = ([prefix.as_slice(), &from].concat(), [prefix.as_slice(), &to].concat());
    let mut from = Bound::Included(from);
    loop {
        let start = from.as_ref().map(Vec::as_slice);
        let rows = collect(dynamodb.database.kv(), INDEXES, start, Bound::Excluded(&to), PAGE_ITEMS)
            .map_err(|error| errors::engine(&error))?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        dynamodb.database.submit(|deciding| decide(deciding, table, &rows)).await?;
        from = Bound::Excluded(last.clone());
    }
}

fn decide(deciding: &mut Deciding<'_>, table: u64, rows: &[(Vec<u8>, Bytes)]) -> Result<()> {
    let Some(table) = deciding.tables().get(table) else { return Ok(()) };
    let Some(expiry) = table.expiry.as_ref().filter(|expiry| Expiry::is_enabled(expiry)) else { return Ok(()) };
    for key in rows.iter().filter_map(|(row, value)| item_key(row, value)) {
        let Some(image) = deciding.image(table, key)? else { continue };
        let item = image.item().map_err(|error| errors::engine(&error))?;
        if expires_at(expiry, &item).is_some_and(|secs| has_expired(secs, deciding.now_ms())) {
            deciding.expire(table, Bytes::copy_from_slice(key), image);
        }
    }
    Ok(())
}
