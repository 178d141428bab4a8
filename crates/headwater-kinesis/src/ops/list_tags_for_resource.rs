//! ListTagsForResource: all tags of a stream or consumer named by its ARN, in order of key.
use super::resource::Resource;
use crate::{Kinesis, errors::Result};
use headwater_wire::{
    Caller,
    kinesis::{ListTagsForResourceInput, ListTagsForResourceOutput, Tag},
};
use std::sync::Arc;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput> {
    let resource = Resource::find(&kinesis, &caller, &input.resource_arn)?;
    let (tags, _) = resource.kept(&kinesis)?;
    let tags = tags.into_iter().map(|(key, value)| Tag { key, value: Some(value) });
    Ok(ListTagsForResourceOutput { tags: Some(tags.collect()) })
}
