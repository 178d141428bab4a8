//! UntagResource: takes tags away from a table; those it does not have are no fault.
use crate::{
    DynamoDb,
    errors::{self, Result},
};
use headwater_wire::{Caller, dynamodb::UntagResourceInput};
use std::sync::Arc;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: UntagResourceInput) -> Result<()> {
    if input.tag_keys.is_empty() {
        return Err(errors::no_tag_keys());
    }
    dynamodb
        .change_tagged(&caller, &input.resource_arn, |table| {
            table.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(())
        })
        .await
}
