//! TagResource: sets tags of a stream or consumer named by its ARN, keeping the others.
use super::{resource::Resource, tags};
use crate::{Kinesis, catalog::ConsumerChange, errors::Result};
use headwater_wire::{Caller, kinesis::TagResourceInput};
use std::sync::Arc;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: TagResourceInput) -> Result<()> {
    let resource = Resource::find(&kinesis, &caller, &input.resource_arn)?;
    let texts = input.tags.iter().flat_map(|(key, value)| [key, value]);
    tags::check(texts, "add tags to", resource.name(), &caller.account)?;
    resource.change(&kinesis, ConsumerChange::Tag(input.tags)).await
}
