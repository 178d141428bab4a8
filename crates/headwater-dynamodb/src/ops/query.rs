//! Query: the items of a table or an index under one hash key, in the order of their range keys, page by page.
use super::{
    asked,
    paging::{self, Told},
};
use crate::{
    DynamoDb, database,
    errors::{self, Result},
    expression::{Condition, KeyCondition, KeyQuery, Parameter, Placeholders, legacy},
    key::{self, KeyRange, KeyValue, RangeCondition},
    read::{Plan, Range},
    table::{Index, Table},
    value,
};
use headwater_wire::{
    Caller,
    dynamodb::{QueryInput, QueryOutput},
};
use std::{ops::Bound, sync::Arc};

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: QueryInput) -> Result<QueryOutput> {
    check_mix(&input)?;
    let texts = [
        (Parameter::Projection, input.projection_expression.as_deref()),
        (Parameter::Filter, input.filter_expression.as_deref()),
        (Parameter::KeyCondition, input.key_condition_expression.as_deref()),
    ];
    let mut placeholders =
        Placeholders::new(input.expression_attribute_names, input.expression_attribute_values, &texts)?;
    let [(_, projection_text), (_, filter_text), (_, condition_text)] = texts;
    let attributes = input.attributes_to_get.as_deref();
    paging::check_select(input.select, input.index_name.is_some(), attributes, projection_text)?;
    let start = input.exclusive_start_key.map(value::read_item).transpose();
    let start = start.map_err(|error| errors::start_key_invalid(&error))?;
    let filter = asked::filter(&mut placeholders, filter_text, input.query_filter, input.conditional_operator)?;
    let condition = condition_text.map(|text| placeholders.key_condition(text)).transpose()?;
    let projection = asked::projection_among(&mut placeholders, projection_text, input.attributes_to_get)?;
    placeholders.finish()?;
    let condition = match (condition, input.key_conditions) {
        (Some(condition), _) => KeyCondition::of(&condition)?,
        (None, Some(conditions)) => legacy::key_conditions(conditions)?,
        (None, None) => return Err(errors::query_needs_condition()),
    };

    dynamodb.read_consistently(input.consistent_read).await?;
    let table = dynamodb.table(&caller, &input.table_name)?;
    let is_consistent = input.consistent_read == Some(true);
    let index = paging::index(&table, input.index_name.as_deref(), is_consistent)?;
    let query = condition.against(paging::schema(&table, index))?;
    check_filter(&table, index, filter.as_ref(), filter_text.is_some())?;
    let wanted = paging::wanted(&table, index, input.select, projection.as_ref(), filter.as_ref())?;
    let mut range = rows_of(&table, index, &query, input.scan_index_forward == Some(false));
    if let Some(start) = start {
        let row = paging::start_row(&table, index, &start)?;
        let is_under_hash = range_of(&table, index, &query, &RangeCondition::Any).contains(&row);
        range = paging::behind(range, row).ok_or_else(|| match is_under_hash {
            true => errors::start_key_against_range(),
            false => errors::start_key_outside(),
        })?;
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
    Ok(QueryOutput { items, count, scanned_count, last_evaluated_key, consumed_capacity })
}

fn check_mix(input: &QueryInput) -> Result<()> {
    legacy::not_mixed(
        &[
            ("AttributesToGet", input.attributes_to_get.is_some()),
            ("QueryFilter", input.query_filter.is_some()),
            ("ConditionalOperator", input.conditional_operator.is_some()),
            ("KeyConditions", input.key_conditions.is_some()),
        ],
        &[
            (Parameter::Projection, input.projection_expression.is_some()),
            (Parameter::Filter, input.filter_expression.is_some()),
            (Parameter::KeyCondition, input.key_condition_expression.is_some()),
        ],
    )
}

/// Keys are what the key condition is for.
fn check_filter(table: &Table, index: Option<&Index>, filter: Option<&Condition>, is_expression: bool) -> Result<()> {
    let schema = index.map_or(&table.key, |index| &index.key);
    let names = filter.map(Condition::attributes).unwrap_or_default();
    match names.into_iter().find(|name| schema.has(name)) {
        Some(name) => Err(errors::filter_on_key(name, is_expression)),
        None => Ok(()),
    }
}

/// The rows under the query's hash key (and the range values it names) whose next value meets `condition`.
fn range_of(table: &Table, index: Option<&Index>, query: &KeyQuery, condition: &RangeCondition<'_>) -> KeyRange {
    let mut prefix = match index {
        None => database::item_row(table.id, &[]),
        Some(index) => database::index_prefix(table.id, index.id),
    };
    let hash: Vec<KeyValue<'_>> = query.hash.iter().filter_map(|value| KeyValue::of(value)).collect();
    key::hash_prefix(&hash, &mut prefix);
    if !matches!(condition, RangeCondition::Any) || query.next.is_none() {
        query.range.iter().filter_map(|value| KeyValue::of(value)).for_each(|value| value.encode(&mut prefix));
    }
    KeyRange::under(&prefix, condition)
}

/// The rows that meet the query.
pub(super) fn rows_of(table: &Table, index: Option<&Index>, query: &KeyQuery, backwards: bool) -> Range {
    let KeyRange { from, to } = range_of(table, index, query, &query.range_condition());
    Range { from: Bound::Included(from), to: to.map_or(Bound::Unbounded, Bound::Excluded), backwards }
}
