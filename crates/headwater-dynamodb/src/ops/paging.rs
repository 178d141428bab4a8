//! What Query and Scan have in common: which rows, what of them, and where to go on.
use crate::{
    DynamoDb,
    capacity::Consumed,
    database,
    errors::{self, Result},
    expression::{Condition, Projection},
    key::Write,
    read::{Plan, Range},
    table::{Index, IndexKind, IndexPhase, Projection as Shown, Table},
    throughput::Use,
    value::{self, Item},
};
use headwater_wire::{AttributeValue, dynamodb::Select};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// What of the items is wanted.
pub(super) struct Wanted {
    pub(super) counts_only: bool,
    pub(super) fetches_whole: bool,
}

/// The index a request names.
///
/// # Errors
/// The service's words on an index that is not there or cannot be read so.
pub(super) fn index<'a>(table: &'a Table, name: Option<&str>, is_consistent: bool) -> Result<Option<&'a Index>> {
    let Some(name) = name else { return Ok(None) };
    let index = table.index(name).ok_or_else(|| errors::index_unknown(name))?;
    if matches!(index.phase, IndexPhase::Filling { .. }) {
        return Err(errors::index_backfilling(name));
    }
    if is_consistent && index.kind == IndexKind::Global {
        return Err(errors::consistent_read_of_global_index());
    }
    Ok(Some(index))
}

/// What can be said against `Select` before the table is known.
///
/// # Errors
/// The service's words.
pub(super) fn check_select(
    select: Option<Select>,
    has_index: bool,
    attributes: Option<&[String]>,
    projection: Option<&str>,
) -> Result<()> {
    let parameter = match (attributes, projection) {
        (Some(_), _) => Some("AttributesToGet"),
        (None, Some(_)) => Some("ProjectionExpression"),
        (None, None) => None,
    };
    match (select, parameter) {
        (Some(Select::SpecificAttributes), None) => Err(errors::select_needs_attributes()),
        (Some(Select::AllAttributes), Some(parameter)) => Err(errors::select_excludes(parameter, "ALL_ATTRIBUTES")),
        (Some(Select::AllProjectedAttributes), Some(parameter)) => {
            Err(errors::select_excludes(parameter, "ALL_PROJECTED_ATTRIBUTES"))
        }
        (Some(Select::Count), Some(parameter)) => Err(errors::select_excludes(parameter, "only the Count")),
        (Some(Select::AllProjectedAttributes), None) if !has_index => Err(errors::select_projected_needs_index()),
        _ => Ok(()),
    }
}

/// What is wanted, now that the index is known.
///
/// # Errors
/// A global index was asked for what it does not show.
pub(super) fn wanted(
    table: &Table,
    index: Option<&Index>,
    select: Option<Select>,
    projection: Option<&Projection>,
    filter: Option<&Condition>,
) -> Result<Wanted> {
    let counts_only = select == Some(Select::Count);
    let Some(index) = index.filter(|index| index.projection != Shown::All) else {
        return Ok(Wanted { counts_only, fetches_whole: false });
    };
    let seen = index.seen(table).unwrap_or_default();
    let names = projection.into_iter().flat_map(Projection::attributes);
    let unseen: Vec<&str> = names.filter(|name| !seen.contains(name)).collect();
    let is_filtered_by_unseen =
        filter.is_some_and(|filter| filter.attributes().into_iter().any(|name| !seen.contains(name)));
    match index.kind {
        IndexKind::Global if select == Some(Select::AllAttributes) => Err(errors::index_shows_part(&index.name)),
        IndexKind::Global if !unseen.is_empty() => Err(errors::index_does_not_show(&index.name, &unseen)),
        IndexKind::Global => Ok(Wanted { counts_only, fetches_whole: false }),
        IndexKind::Local => {
            let fetches_whole = select == Some(Select::AllAttributes) || !unseen.is_empty() || is_filtered_by_unseen;
            Ok(Wanted { counts_only, fetches_whole })
        }
    }
}

/// The row of a key that a page ended with.
///
/// # Errors
/// The service's words on a key that could not have ended one.
pub(super) fn start_row(table: &Table, index: Option<&Index>, key: &Item) -> Result<Vec<u8>> {
    let count = table.key.parts().chain(index.into_iter().flat_map(|index| index.key.parts()));
    let names: std::collections::BTreeSet<&str> = count.map(|part| part.name.as_str()).collect();
    if key.len() != names.len() {
        return Err(errors::start_key_does_not_match(index.is_some()));
    }
    let mut item_key = Vec::new();
    let named = table.key.named_key(&table.key.attributes(key), &mut item_key);
    named.map_err(|_| errors::start_key_does_not_match(index.is_some()))?;
    let Some(index) = index else { return Ok(database::item_row(table.id, &item_key)) };
    let mut row = database::index_prefix(table.id, index.id);
    let is_in = index.key.index_key(key, &index.name, Write::Put, &mut row);
    if !matches!(is_in, Ok(true)) {
        return Err(errors::start_key_does_not_match(true));
    }
    row.extend(item_key);
    Ok(row)
}

/// The part of a range that lies behind a row, in the direction of the walk; `None` if the row is not in the range.
pub(super) fn behind(range: Range, row: Vec<u8>) -> Option<Range> {
    let is_from = match &range.from {
        Bound::Included(from) => *from <= row,
        Bound::Excluded(from) => *from < row,
        Bound::Unbounded => true,
    };
    let is_to = match &range.to {
        Bound::Included(to) => row <= *to,
        Bound::Excluded(to) => row < *to,
        Bound::Unbounded => true,
    };
    if !(is_from && is_to) {
        return None;
    }
    Some(if range.backwards {
        Range { to: Bound::Excluded(row), ..range }
    } else {
        Range { from: Bound::Excluded(row), ..range }
    })
}

/// A page as both operations tell it.
pub(super) struct Told {
    pub(super) items: Option<Vec<BTreeMap<String, AttributeValue>>>,
    pub(super) count: Option<i32>,
    pub(super) scanned_count: Option<i32>,
    pub(super) last_evaluated_key: Option<BTreeMap<String, AttributeValue>>,
    pub(super) consumed: Consumed,
}

/// Reads a page, if what is provisioned for it is not used up.
///
/// # Errors
/// `ProvisionedThroughputExceededException`; the store's.
pub(super) fn read(dynamodb: &DynamoDb, plan: &Plan<'_>) -> Result<Told> {
    dynamodb.admit(plan.table, plan.index, Use::Read)?;
    let page = plan.read(&*dynamodb.database.view())?;
    dynamodb.charge(plan.table, plan.index, Use::Read, &page.consumed);
    let count = |count: usize| Some(i32::try_from(count).unwrap_or(i32::MAX));
    let items = page.items.into_iter().map(value::write_item);
    Ok(Told {
        items: (!plan.counts_only).then(|| items.collect()),
        count: count(page.count),
        scanned_count: count(page.scanned),
        last_evaluated_key: page.last_key.map(value::write_item),
        consumed: page.consumed,
    })
}

/// A validated limit.
pub(super) fn limit(asked: Option<i32>) -> usize {
    asked.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// The schema a request's keys are those of.
pub(super) fn schema<'a>(table: &'a Arc<Table>, index: Option<&'a Index>) -> &'a crate::key::KeySchema {
    index.map_or(&table.key, |index| &index.key)
}
