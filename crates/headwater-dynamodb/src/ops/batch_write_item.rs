//! BatchWriteItem: up to twenty-five puts and deletes. They are decided together, which promises more than the service
//! does: all of them happen.
use super::asked;
use crate::{
    DynamoDb,
    capacity::Consumed,
    errors::{self, Result},
    throughput::Use,
    value::{self, Item},
    write::{Action, Refusal, Write},
};
use headwater_wire::{
    Caller,
    dynamodb::{BatchWriteItemInput, BatchWriteItemOutput, ItemCollectionMetrics, WriteRequest},
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Most writes of a request.
const MAX_WRITES: usize = 25;

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: BatchWriteItemInput,
) -> Result<BatchWriteItemOutput> {
    let count: usize = input.request_items.values().map(Vec::len).sum();
    if count > MAX_WRITES {
        return Err(errors::too_many_items("BatchWriteItem"));
    }
    let mut asked = Vec::with_capacity(count);
    for (name, requests) in input.request_items {
        for request in requests {
            asked.push((name.clone(), read(request)?));
        }
    }
    let wants_items = asked::is_told(input.return_consumed_capacity) || dynamodb.is_metered();
    let (mut writes, mut seen) = (Vec::with_capacity(count), HashSet::new());
    for (name, (item, is_put)) in asked {
        let table = dynamodb.table(&caller, &name)?;
        let write = if is_put { Write::put(table, item)? } else { Write::at(table, item, Action::Delete)? };
        if !seen.insert((write.table.id, write.key.clone())) {
            return Err(errors::duplicate_keys());
        }
        dynamodb.admit(&write.table, None, Use::Write)?;
        writes.push((name, Write { wants_items, ..write }));
    }
    let mut metrics: BTreeMap<String, Vec<ItemCollectionMetrics>> = BTreeMap::new();
    for (name, write) in &writes {
        let told = asked::collection_metrics(&write.table, &write.key_item, input.return_item_collection_metrics);
        if let Some(told) = told {
            let held = metrics.entry(name.clone()).or_default();
            if !held.contains(&told) {
                held.push(told);
            }
        }
    }
    let consumed = dynamodb.database.submit(|deciding| {
        let mut consumed: BTreeMap<String, Consumed> = BTreeMap::new();
        for (name, write) in writes {
            let table = Arc::clone(&write.table);
            let written = write.decide(deciding).map_err(Refusal::told)?;
            let units = Consumed::write(&table, written.old.as_ref(), written.new.as_ref(), false);
            dynamodb.charge(&table, None, Use::Write, &units);
            consumed.entry(name).or_default().add(&units);
        }
        Ok(consumed)
    });
    let consumed = consumed.await?;
    let told = consumed.iter().filter_map(|(name, units)| units.told(name, input.return_consumed_capacity));
    Ok(BatchWriteItemOutput {
        unprocessed_items: Some(BTreeMap::new()),
        item_collection_metrics: (!metrics.is_empty()).then_some(metrics),
        consumed_capacity: asked::is_told(input.return_consumed_capacity).then(|| told.collect()),
    })
}

/// The item to put, or the key of the one to delete.
fn read(request: WriteRequest) -> Result<(Item, bool)> {
    match (request.put_request, request.delete_request) {
        (Some(put), None) => Ok((value::read_item(put.item)?, true)),
        (None, Some(delete)) => Ok((value::read_item(delete.key)?, false)),
        (None, None) | (Some(_), Some(_)) => Err(errors::write_request_unclear()),
    }
}
