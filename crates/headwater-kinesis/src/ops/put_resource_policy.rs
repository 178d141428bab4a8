//! PutResourcePolicy: who else may do what with a stream or consumer, in the place of what was said before.
use super::resource::Resource;
use crate::{
    Kinesis,
    catalog::ConsumerChange,
    errors::{self, Result},
};
use headwater_wire::{Caller, kinesis::PutResourcePolicyInput};
use std::sync::Arc;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: PutResourcePolicyInput) -> Result<()> {
    let resource = Resource::find(&kinesis, &caller, &input.resource_arn)?;
    kinesis.access.check_policy(&input.policy).map_err(|why| errors::policy_malformed(&why))?;
    resource.change(&kinesis, ConsumerChange::Policy(Some(input.policy))).await
}
