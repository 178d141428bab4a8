//! DeleteResourcePolicy: nobody else is allowed anything any more.
use super::resource::Resource;
use crate::{Kinesis, catalog::ConsumerChange, errors::Result};
use headwater_wire::{Caller, kinesis::DeleteResourcePolicyInput};
use std::sync::Arc;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: DeleteResourcePolicyInput) -> Result<()> {
    let resource = Resource::find(&kinesis, &caller, &input.resource_arn)?;
    resource.change(&kinesis, ConsumerChange::Policy(None)).await
}
