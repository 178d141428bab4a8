//! TagResource: sets tags of a table, keeping the others.
use crate::{
    DynamoDb,
    errors::{self, Result},
    table::tags,
};
use headwater_wire::{Caller, dynamodb::TagResourceInput};
use std::{mem::take, sync::Arc};

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: TagResourceInput) -> Result<()> {
    if input.tags.is_empty() {
        return Err(errors::no_tags());
    }
    dynamodb
        .change_tagged(&caller, &input.resource_arn, |table| {
            table.tags = tags(take(&mut table.tags), &input.tags)?;
            Ok(())
        })
        .await
}
