//! Scan: all items of a table or an index, or of one segment of it, page by page in the order of their keys' hashes.
use super::{
    asked,
    paging::{self, Told},
};
use crate::{
    DynamoDb, database,
    errors::{self, Result},
    expression::{Parameter, Placeholders, legacy},
    key,
    read::{Plan, Range},
    table::{Index, Table},
    value,
};
use headwater_wire::{
    Caller,
    dynamodb::{ScanInput, ScanOutput},
};
use std::{ops::Bound, sync::Arc};

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: ScanInput) -> Result<ScanOutput> {
    legacy::not_mixed(
        &[
            ("AttributesToGet", input.attributes_to_get.is_some()),
            ("ScanFilter", input.scan_filter.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
        ],
        &[
            (Parameter::Projection, input.projection_expression.is_some()),
            (Parameter::Filter, input.filter_expression.is_some()),
        ],
    )?;
    let segment = segment(input.segment, input.total_segments)?;
    let (projection_text, filter_text) = (input.projection_expression.as_deref(), input.filter_expression.as_deref());
    let mut placeholders = Placeholders::new(
        input.expression_attribute_names,
        input.expression_attribute_values,
        &[(Parameter::Projection, projection_text), (Parameter::Filter, filter_text)],
    )?;
    paging::check_select(
        input.select,
        input.index_name.is_some(),
        input.attributes_to_get.as_deref(),
        projection_text,
    )?;
    let start = input.exclusive_start_key.map(value::read_item).transpose();
    let start = start.map_err(|error| errors::start_key_invalid(&error))?;
    let filter = asked::filter(&mut placeholders, filter_text, input.scan_filter, input.conditional_operator)?;
    let projection = asked::projection_among(&mut placeholders, projection_text, input.attributes_to_get)?;
    placeholders.finish()?;

    dynamodb.read_consistently(input.consistent_read).await?;
    let table = dynamodb.table(&caller, &input.table_name)?;
    let is_consistent = input.consistent_read == Some(true);
    let index = paging::index(&table, input.index_name.as_deref(), is_consistent)?;
    let wanted = paging::wanted(&table, index, input.select, projection.as_ref(), filter.as_ref())?;
    let mut range = rows_of(&table, index, segment);
    if let Some(start) = start {
        let row = paging::start_row(&table, index, &start)?;
        range = paging::behind(range, row).ok_or_else(errors::start_key_of_other_segment)?;
    }
    let plan = Plan {
        table: &table,
        index,
        range,
        limit: paging::limit(input.limit),
        filter: filter.as_ref(),
        projection: projection.as_ref(),
        is_consistent,
        counts_only: wanted.counts_only,
        fetches_whole: wanted.fetches_whole,
    };
    let Told { items, count, scanned_count, last_evaluated_key, consumed } = paging::read(&dynamodb, &plan)?;
    let consumed_capacity = consumed.told(&input.table_name, input.return_consumed_capacity);
    Ok(ScanOutput { items, count, scanned_count, last_evaluated_key, consumed_capacity })
}

/// Segment and number of segments, each within the model's bounds.
fn segment(segment: Option<i32>, total: Option<i32>) -> Result<(u64, u64)> {
    match (segment, total) {
        (None, None) => Ok((0, 1)),
        (Some(_), None) => Err(errors::total_segments_missing()),
        (None, Some(_)) => Err(errors::segment_missing()),
        (Some(segment), Some(total)) if segment >= total => Err(errors::segment_outside(segment, total)),
        (Some(segment), Some(total)) => {
            Ok((u64::try_from(segment).unwrap_or_default(), u64::try_from(total).unwrap_or(1)))
        }
    }
}

/// The rows of a segment: those whose hash is in its share of all hashes.
pub(super) fn rows_of(table: &Table, index: Option<&Index>, (segment, total): (u64, u64)) -> Range {
    let prefix = match index {
        None => database::item_row(table.id, &[]),
        Some(index) => database::index_prefix(table.id, index.id),
    };
    // The first hash of a segment; hashes are of 64 bits.
    let first = |segment: u64| (u128::from(segment) << 64).div_ceil(u128::from(total));
    let at = |hash: u128| u64::try_from(hash).ok().map(|hash| [&prefix[..], &hash.to_be_bytes()].concat());
    let from = at(first(segment)).map_or(Bound::Unbounded, Bound::Included);
    let to = at(first(segment + 1)).or_else(|| key::behind(prefix.clone()));
    Range { from, to: to.map_or(Bound::Unbounded, Bound::Excluded), backwards: false }
}
