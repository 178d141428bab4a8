//! The rows of an index come and go a page at a time, so that no decision is large and writers have their turn between.
use super::{
    Deciding, DynamoDb, EXPIRY_INDEX, INDEXES, ITEMS, IndexPhase, Other, Result, Table, Tables, index_prefix, item_row,
};
use crate::{errors, key::behind};
use headwater_log::kv::Space;
use std::ops::{Bound, ControlFlow};

/// Items an index is filled with in one decision.
const FILL_ITEMS: usize = 500;
/// A page of items also ends with the one that brings it to this size.
const FILL_BYTES: usize = 4 << 20;
/// Rows removed in one decision.
const CLEAR_ROWS: usize = 1000;

/// Adds the rows of an index (0: of expiry) for the next page of items behind `after`, if that is where it stands.
pub(super) async fn fill(dynamodb: &DynamoDb, table: u64, index: u32, after: &[u8]) -> Result<()> {
    let prefix = item_row(table, &[]);
    let first = item_row(table, after);
    let from = if after.is_empty() { Bound::Included(&*first) } else { Bound::Excluded(&*first) };
    let (keys, has_more) = page(dynamodb, ITEMS, from, &prefix, FILL_ITEMS)?;
    let upto = keys.last().and_then(|row| row.get(prefix.len()..)).map(<[u8]>::to_vec);
    let filled = dynamodb.database.submit(|deciding| {
        let Some(held) = deciding.tables().get(table) else { return Ok(()) };
        let stands = held
            .rows()
            .any(|(id, phase)| id == index && matches!(phase, IndexPhase::Filling { after: held } if held == after));
        if !stands {
            return Ok(());
        }
        let next = match &upto {
            Some(upto) if has_more => IndexPhase::Filling { after: upto.clone() },
            _ => IndexPhase::Active,
        };
        if let Some(upto) = upto {
            deciding.other(Other::Fill { table, index, after: after.to_vec(), upto });
        }
        set_rows(deciding, held, index, Some(next));
        Ok(())
    });
    filled.await
}

/// Removes the rows of an index (0: of expiry), in at most `pages` decisions. Says whether it is done with them.
pub(super) async fn empty(dynamodb: &DynamoDb, table: u64, index: u32, pages: usize) -> Result<bool> {
    let is_emptying = |tables: &Tables| {
        let held = tables.get(table);
        held.is_some_and(|held| held.rows().any(|(id, phase)| id == index && *phase == IndexPhase::Emptying))
    };
    let is_empty = clear(dynamodb, INDEXES, &index_prefix(table, index), pages, is_emptying).await?;
    if is_empty {
        let ended = dynamodb.database.submit(|deciding| {
            if is_emptying(deciding.tables())
                && let Some(held) = deciding.tables().get(table)
            {
                set_rows(deciding, held, index, None);
            }
            Ok(())
        });
        ended.await?;
    }
    Ok(is_empty)
}

fn set_rows(deciding: &mut Deciding<'_>, held: &Table, index: u32, phase: Option<IndexPhase>) {
    let mut changed = held.clone();
    match (changed.indexes.iter_mut().find(|held| held.id == index), phase) {
        (Some(held), Some(phase)) => held.phase = phase,
        (Some(_), None) => changed.indexes.retain(|held| held.id != index),
        (None, phase) => {
            if let Some(expiry) = changed.expiry.as_mut().filter(|_| index == EXPIRY_INDEX) {
                expiry.rows = phase;
            }
        }
    }
    deciding.set(changed);
}

/// Removes the rows that begin with `prefix`, as long as it `holds` that they are to go, in at most `pages` decisions.
/// Says whether none are left.
pub(super) async fn clear(
    dynamodb: &DynamoDb,
    space: Space,
    prefix: &[u8],
    pages: usize,
    holds: impl Fn(&Tables) -> bool,
) -> Result<bool> {
    let mut from = prefix.to_vec();
    for _ in 0..pages {
        let (keys, has_more) = page(dynamodb, space, Bound::Included(&from), prefix, CLEAR_ROWS)?;
        let Some(last) = keys.last() else { return Ok(true) };
        let to = [last.as_slice(), &[0]].concat();
        let cleared = dynamodb.database.submit(|deciding| {
            if holds(deciding.tables()) {
                deciding.other(Other::Clear { space: space.0, from: from.clone(), to: to.clone() });
            }
            Ok(())
        });
        cleared.await?;
        if !has_more {
            return Ok(true);
        }
        from = to;
    }
    Ok(false)
}

/// The keys of a page of rows that begin with `prefix`, and whether there are more behind it.
fn page(
    dynamodb: &DynamoDb,
    space: Space,
    from: Bound<&[u8]>,
    prefix: &[u8],
    most: usize,
) -> Result<(Vec<Vec<u8>>, bool)> {
    let end = behind(prefix.to_vec());
    let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let (mut keys, mut bytes, mut has_more) = (Vec::new(), 0, false);
    let walked = dynamodb.database.view().range(space, from, to, false, &mut |key, value| {
        has_more = keys.len() == most || bytes >= FILL_BYTES;
        if has_more {
            return ControlFlow::Break(());
        }
        keys.push(key.to_vec());
        bytes += value.len();
        ControlFlow::Continue(())
    });
    walked.map_err(|error| errors::engine(&error))?;
    Ok((keys, has_more))
}
