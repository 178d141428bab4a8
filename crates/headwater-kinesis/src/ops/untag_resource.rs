//! UntagResource: takes tags from a stream or consumer named by its ARN; those not there are ignored.
use super::{resource::Resource, tags};
use crate::{Kinesis, catalog::ConsumerChange, errors::Result};
use headwater_wire::{Caller, kinesis::UntagResourceInput};
use std::sync::Arc;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: UntagResourceInput) -> Result<()> {
    let resource = Resource::find(&kinesis, &caller, &input.resource_arn)?;
    tags::check_removed(&input.tag_keys, resource.name(), &caller.account)?;
    resource.change(&kinesis, ConsumerChange::Untag(input.tag_keys)).await
}
