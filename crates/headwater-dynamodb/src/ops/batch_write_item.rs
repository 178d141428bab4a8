//! BatchWriteItem: up to twenty-five puts and deletes. They are decided together, which promises more than the service
//! does: all of them happen, but for those that nothing provisioned is left for.
use super::asked;
use crate::{
    DynamoDb,
    capacity::Consumed,
    errors::{self, Result},
    value::{self, Item},
    write::{Action, Write},
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
            // Only what is provisioned can keep a write from being carried out; then it is handed back.
            let kept = dynamodb.is_metered().then(|| request.clone());
            asked.push((name.clone(), read(request)?, kept));
        }
    }
    let wants_items = asked::is_told(input.return_consumed_capacity);
    let (mut writes, mut seen) = (Vec::with_capacity(count), HashSet::new());
    for (name, (item, is_put), kept) in asked {
        let table = dynamodb.table(&caller, &name)?;
        let write = if is_put { Write::put(table, item)? } else { Write::at(table, &item, Action::Delete)? };
        if !seen.insert((write.table.id, write.key.clone())) {
            return Err(errors::duplicate_keys());
        }
        writes.push((name, Write { wants_items, ..write }, kept));
    }
    let mut metrics: BTreeMap<String, Vec<ItemCollectionMetrics>> = BTreeMap::new();
    for (name, write, _) in &writes {
        let told = asked::collection_metrics(write, input.return_item_collection_metrics);
        if let Some(told) = told {
            let held = metrics.entry(name.clone()).or_default();
            if !held.contains(&told) {
                held.push(told);
            }
        }
    }
    let submitted = dynamodb.database.submit(|deciding| {
        let mut consumed: BTreeMap<String, Consumed> = BTreeMap::new();
        let mut unprocessed: BTreeMap<String, Vec<WriteRequest>> = BTreeMap::new();
        for (name, write, kept) in writes {
            let table = Arc::clone(&write.table);
            match (dynamodb.decide(write, deciding, false), kept) {
                (Ok(written), _) => {
                    if wants_items {
                        let units = Consumed::write(&table, written.old.as_ref(), written.new.as_ref(), false);
                        consumed.entry(name).or_default().add(&units);
                    }
                }
                (Err(refusal), Some(kept)) if refusal.is_throughput() => {
                    unprocessed.entry(name).or_default().push(kept);
                    if unprocessed.values().map(Vec::len).sum::<usize>() == count {
                        return Err(refusal.told());
                    }
                }
                (Err(refusal), _) => return Err(refusal.told()),
            }
        }
        Ok((consumed, unprocessed))
    });
    let (consumed, unprocessed) = submitted.await?;
    let told = consumed.iter().filter_map(|(name, units)| units.told(name, input.return_consumed_capacity));
    Ok(BatchWriteItemOutput {
        unprocessed_items: Some(unprocessed),
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
