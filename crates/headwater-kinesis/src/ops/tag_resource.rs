//! TagResource: sets tags of a stream or consumer named by its ARN, keeping the others.
use super::{resource::Resource, tags};
use crate::{Kinesis, catalog::ConsumerChange, errors::Result};
use headwater_wire::{Caller, kinesis::TagResourceInput};
use std::sync::Arc;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: TagResourceInput) -> Result<()> {
    let resource = Resource::find(&kinesis, &caller, &input.resource_arn)?;
    tags::check_set(&input.tags, resource.name(), &caller.account)?;
    resource.change(&kinesis, ConsumerChange::Tag(input.tags)).await
}
