//! TransactGetItems: up to a hundred items, all of one state.
use super::{asked, transact_write_items::told};
use crate::{
    DynamoDb,
    capacity::{Consistency, Consumed, read_units},
    database::{self, Image},
    errors::{self, Reason, Result},
    read::shown,
    throughput::Use,
    value,
};
use headwater_wire::{
    Caller,
    dynamodb::{ItemResponse, TransactGetItemsInput, TransactGetItemsOutput},
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: TransactGetItemsInput,
) -> Result<TransactGetItemsOutput> {
    let mut read = Vec::with_capacity(input.transact_items.len());
    for item in input.transact_items {
        let get = item.get;
        let projection = asked::projection(None, get.projection_expression.as_deref(), get.expression_attribute_names)?;
        read.push((get.table_name, value::read_item(get.key)?, projection));
    }
    dynamodb.database.catch_up().await?;
    let (mut rows, mut seen, mut reasons) = (Vec::new(), HashSet::new(), Vec::new());
    for (name, key, projection) in read {
        let table = dynamodb.table(&caller, &name)?;
        let mut row = database::item_row(table.id, &[]);
        let checked = table.key.named_key(&key, &mut row).and_then(|()| dynamodb.admit(&table, None, Use::Read));
        reasons.push(checked.map_or_else(|error| Reason::of(&error), |()| Reason::None));
        if !seen.insert(row.clone()) {
            return Err(errors::transaction_repeats_item());
        }
        rows.push((name, table, row, projection));
    }
    if reasons.iter().any(|reason| *reason != Reason::None) {
        return Err(errors::transaction_cancelled(reasons));
    }
    let view = dynamodb.database.view();
    let mut consumed: BTreeMap<String, Consumed> = BTreeMap::new();
    let mut responses = Vec::with_capacity(rows.len());
    for (name, table, row, projection) in rows {
        let held = view.get(database::ITEMS, &row).and_then(Image::read);
        let (item, size_bytes) = held.map_err(|error| errors::engine(&error))?;
        let units = Consumed::reading(read_units(size_bytes, Consistency::Transactional), true);
        dynamodb.charge(&table, None, Use::Read, &units);
        consumed.entry(name).or_default().add(&units);
        let item = item.map(|item| value::write_item(shown(projection.as_ref(), item)));
        responses.push(ItemResponse { item });
    }
    Ok(TransactGetItemsOutput {
        consumed_capacity: told(&consumed, input.return_consumed_capacity),
        responses: Some(responses),
    })
}
