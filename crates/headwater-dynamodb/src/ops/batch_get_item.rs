//! BatchGetItem: up to a hundred items of several tables, each read as by itself.
use super::asked;
use crate::{
    DynamoDb,
    capacity::{Consistency, Consumed, read_units},
    database::{self, Image},
    errors::{self, Result},
    expression::Projection,
    read::shown,
    table::Table,
    throughput::Use,
    value::{self, Item},
};
use headwater_wire::{
    AttributeValue, Caller,
    dynamodb::{BatchGetItemInput, BatchGetItemOutput, KeysAndAttributes},
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Most keys of a request.
const MAX_KEYS: usize = 100;
/// What a reply holds at most; the keys that would bring more are handed back.
const MAX_REPLY_BYTES: u64 = 16 << 20;

/// What is asked of one table.
struct Part {
    name: String,
    table: Arc<Table>,
    /// Rows, with the key as the caller wrote it.
    rows: Vec<(Vec<u8>, BTreeMap<String, AttributeValue>)>,
    projection: Option<Projection>,
    consistency: Consistency,
    /// As asked, but for the keys: what is handed back with unprocessed ones.
    request: KeysAndAttributes,
}

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: BatchGetItemInput,
) -> Result<BatchGetItemOutput> {
    let keys: usize = input.request_items.values().map(|asked| asked.keys.len()).sum();
    if keys > MAX_KEYS {
        return Err(errors::too_many_items("BatchGetItem"));
    }
    let is_consistent = input.request_items.values().any(|asked| asked.consistent_read == Some(true));
    let mut read = Vec::new();
    for (name, request) in input.request_items {
        read.push(keys_of(name, request)?);
    }
    dynamodb.read_consistently(Some(is_consistent)).await?;
    let parts = read.into_iter().map(|part| part.find(&dynamodb, &caller)).collect::<Result<Vec<_>>>()?;
    let view = dynamodb.database.view();
    let mut output = BatchGetItemOutput {
        responses: Some(BTreeMap::new()),
        unprocessed_keys: Some(BTreeMap::new()),
        consumed_capacity: asked::is_told(input.return_consumed_capacity).then(Vec::new),
    };
    let (mut reply_bytes, mut refusal, mut is_served) = (0, None, false);
    for part in parts {
        let (mut items, mut units, mut left) = (Vec::new(), Consumed::default(), Vec::new());
        for (row, key) in part.rows {
            if reply_bytes >= MAX_REPLY_BYTES {
                left.push(key);
                continue;
            }
            if let Err(error) = dynamodb.admit(&part.table, None, Use::Read) {
                refusal = Some(error);
                left.push(key);
                continue;
            }
            let held = view.get(database::ITEMS, &row).and_then(Image::read);
            let (item, size_bytes) = held.map_err(|error| errors::engine(&error))?;
            if reply_bytes + size_bytes > MAX_REPLY_BYTES {
                reply_bytes = MAX_REPLY_BYTES;
                left.push(key);
                continue;
            }
            reply_bytes += size_bytes;
            is_served = true;
            let read = Consumed::reading(read_units(size_bytes, part.consistency), false);
            dynamodb.charge(&part.table, None, Use::Read, &read);
            units.add(&read);
            items.extend(item.map(|item| value::write_item(shown(part.projection.as_ref(), item))));
        }
        if let Some(consumed) = &mut output.consumed_capacity {
            consumed.extend(units.told(&part.name, input.return_consumed_capacity));
        }
        if !left.is_empty()
            && let Some(unprocessed) = &mut output.unprocessed_keys
        {
            unprocessed.insert(part.name.clone(), KeysAndAttributes { keys: left, ..part.request });
        }
        if let Some(responses) = &mut output.responses {
            responses.insert(part.name, items);
        }
    }
    // What some items are left out for is told only where nothing is left to tell.
    match refusal {
        Some(error) if !is_served => Err(error),
        _ => Ok(output),
    }
}

/// A table's part, read but not yet looked up.
struct Unfound {
    name: String,
    keys: Vec<(Item, BTreeMap<String, AttributeValue>)>,
    projection: Option<Projection>,
    request: KeysAndAttributes,
}

fn keys_of(name: String, mut request: KeysAndAttributes) -> Result<Unfound> {
    let projection = asked::projection(
        request.attributes_to_get.clone(),
        request.projection_expression.as_deref(),
        request.expression_attribute_names.clone(),
    )?;
    let keys = std::mem::take(&mut request.keys).into_iter();
    let keys = keys.map(|key| Ok((value::read_item(key.clone())?, key))).collect::<Result<Vec<_>>>()?;
    Ok(Unfound { name, keys, projection, request })
}

impl Unfound {
    fn find(self, dynamodb: &DynamoDb, caller: &Caller) -> Result<Part> {
        let Self { name, keys, projection, request } = self;
        let table = dynamodb.table(caller, &name)?;
        let mut seen = HashSet::new();
        let mut rows = Vec::with_capacity(keys.len());
        for (key, written) in keys {
            let mut row = database::item_row(table.id, &[]);
            table.key.named_key(&key, &mut row)?;
            if !seen.insert(row.clone()) {
                return Err(errors::duplicate_keys());
            }
            rows.push((row, written));
        }
        let is_consistent = request.consistent_read == Some(true);
        let consistency = if is_consistent { Consistency::Strong } else { Consistency::Eventual };
        Ok(Part { name, table, rows, projection, consistency, request })
    }
}
