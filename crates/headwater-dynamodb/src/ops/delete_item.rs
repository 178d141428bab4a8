//! DeleteItem: the item with a key is taken away.
use super::asked::{self, conditional};
use crate::{
    DynamoDb,
    errors::Result,
    value,
    write::{Action, Write},
};
use headwater_wire::{
    Caller,
    dynamodb::{DeleteItemInput, DeleteItemOutput},
};
use std::sync::Arc;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: DeleteItemInput) -> Result<DeleteItemOutput> {
    let conditional = conditional!(input);
    conditional.check_mix()?;
    let key = value::read_item(input.key)?;
    let returns_old = asked::returns_old(input.return_values)?;
    let condition = conditional.read()?;
    let table = dynamodb.table(&caller, &input.table_name)?;
    let write = Write {
        condition,
        shows_failed: asked::shows_failed(input.return_values_on_condition_check_failure),
        wants_items: returns_old || asked::is_told(input.return_consumed_capacity),
        ..Write::at(table, &key, Action::Delete)?
    };
    let collection = asked::collection_metrics(&write, input.return_item_collection_metrics);
    let done = dynamodb.write_one(write).await?;
    Ok(DeleteItemOutput {
        consumed_capacity: done.told(&input.table_name, input.return_consumed_capacity),
        item_collection_metrics: collection,
        attributes: done.written.old.filter(|_| returns_old).map(value::write_item),
    })
}
