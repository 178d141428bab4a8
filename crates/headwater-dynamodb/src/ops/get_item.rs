//! GetItem: the item with a key, or the part of it that is asked for.
use super::asked;
use crate::{
    DynamoDb,
    capacity::{Consistency, Consumed, read_units},
    database::{self, Image},
    errors::{self, Result},
    read::shown,
    table::Table,
    throughput::Use,
    value::{self, Item},
};
use headwater_wire::{
    Caller,
    dynamodb::{GetItemInput, GetItemOutput},
};
use std::sync::Arc;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: GetItemInput) -> Result<GetItemOutput> {
    let projection = asked::projection(
        input.attributes_to_get,
        input.projection_expression.as_deref(),
        input.expression_attribute_names,
    )?;
    let key = value::read_item(input.key)?;
    dynamodb.read_consistently(input.consistent_read).await?;
    let table = dynamodb.table(&caller, &input.table_name)?;
    dynamodb.admit(&table, None, Use::Read)?;
    let (item, size_bytes) = dynamodb.item(&table, &key)?;
    let consistency = if input.consistent_read == Some(true) { Consistency::Strong } else { Consistency::Eventual };
    let consumed = Consumed::reading(read_units(size_bytes, consistency), false);
    dynamodb.charge(&table, None, Use::Read, &consumed);
    let item = item.map(|item| shown(projection.as_ref(), item));
    Ok(GetItemOutput {
        item: item.map(value::write_item),
        consumed_capacity: consumed.told(&input.table_name, input.return_consumed_capacity),
    })
}

impl DynamoDb {
    /// The item with a key, and its size (0 if there is none).
    ///
    /// # Errors
    /// The service's words on a key that does not fit the table; the store's.
    fn item(&self, table: &Table, key: &Item) -> Result<(Option<Item>, u64)> {
        let mut row = database::item_row(table.id, &[]);
        table.key.named_key(key, &mut row)?;
        let held = self.database.kv().get(database::ITEMS, &row);
        held.and_then(Image::read).map_err(|error| errors::engine(&error))
    }
}
