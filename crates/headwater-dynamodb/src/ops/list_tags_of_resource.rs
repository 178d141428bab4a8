//! ListTagsOfResource: a table's tags, all on one page.
use super::tagged;
use crate::{
    DynamoDb,
    errors::{self, Result},
};
use headwater_wire::{
    Caller,
    dynamodb::{ListTagsOfResourceInput, ListTagsOfResourceOutput, Tag},
};
use std::sync::Arc;

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: ListTagsOfResourceInput,
) -> Result<ListTagsOfResourceOutput> {
    // All tags fit on one page, so no token was ever given.
    if input.next_token.is_some() {
        return Err(errors::token_invalid());
    }
    let table = tagged::find(&dynamodb.database.tables(), &caller, &input.resource_arn)?;
    let tags = table.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() });
    Ok(ListTagsOfResourceOutput { tags: Some(tags.collect()), next_token: None })
}
