//! DescribeAccountSettings: what the account has committed itself to.
use super::shapes;
use crate::{Kinesis, errors::Result};
use headwater_wire::{
    Caller,
    kinesis::{DescribeAccountSettingsInput, DescribeAccountSettingsOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    DescribeAccountSettingsInput {}: DescribeAccountSettingsInput,
) -> Result<DescribeAccountSettingsOutput> {
    let held = kinesis.catalog.read().commitment(&caller.account, &caller.region);
    let commitment = shapes::commitment(held, kinesis.clock.now_ms());
    Ok(DescribeAccountSettingsOutput { minimum_throughput_billing_commitment: Some(commitment) })
}
