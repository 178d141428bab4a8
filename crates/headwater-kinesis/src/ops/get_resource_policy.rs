//! GetResourcePolicy: the policy as it was given; a resource without one has an empty document.
use super::resource::Resource;
use crate::{Kinesis, errors::Result};
use headwater_wire::{
    Caller,
    kinesis::{GetResourcePolicyInput, GetResourcePolicyOutput},
};
use std::sync::Arc;

/// What stands for no policy.
const NO_POLICY: &str = "{}";

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: GetResourcePolicyInput,
) -> Result<GetResourcePolicyOutput> {
    let resource = Resource::find(&kinesis, &caller, &input.resource_arn)?;
    let (_, policy) = resource.kept(&kinesis)?;
    Ok(GetResourcePolicyOutput { policy: policy.unwrap_or_else(|| NO_POLICY.to_owned()) })
}
