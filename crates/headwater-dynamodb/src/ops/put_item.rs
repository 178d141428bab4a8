//! PutItem: an item takes the place of the one with its key.
use super::asked::{self, conditional};
use crate::{DynamoDb, errors::Result, value, write::Write};
use headwater_wire::{
    Caller,
    dynamodb::{PutItemInput, PutItemOutput},
};
use std::sync::Arc;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: PutItemInput) -> Result<PutItemOutput> {
    let conditional = conditional!(input);
    conditional.check_mix()?;
    let item = value::read_item(input.item)?;
    let returns_old = asked::returns_old(input.return_values)?;
    let condition = conditional.read()?;
    let table = dynamodb.table(&caller, &input.table_name)?;
    let write = Write {
        condition,
        shows_failed: asked::shows_failed(input.return_values_on_condition_check_failure),
        wants_items: returns_old || asked::is_told(input.return_consumed_capacity),
        ..Write::put(table, item)?
    };
    let collection = asked::collection_metrics(&write, input.return_item_collection_metrics);
    let done = dynamodb.write_one(write).await?;
    Ok(PutItemOutput {
        consumed_capacity: done.told(&input.table_name, input.return_consumed_capacity),
        item_collection_metrics: collection,
        attributes: done.written.old.filter(|_| returns_old).map(value::write_item),
    })
}
