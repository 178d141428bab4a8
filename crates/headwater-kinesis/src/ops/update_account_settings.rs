//! UpdateAccountSettings: the account commits itself to a minimum of throughput, or no longer.
use super::shapes;
use crate::{
    Kinesis,
    catalog::{Command, Scope},
    errors::{self, Result},
};
use headwater_wire::{
    Caller,
    kinesis::{MinimumThroughputBillingCommitmentInputStatus, UpdateAccountSettingsInput, UpdateAccountSettingsOutput},
};
use std::sync::Arc;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: UpdateAccountSettingsInput,
) -> Result<UpdateAccountSettingsOutput> {
    let asked = input.minimum_throughput_billing_commitment.status;
    let wanted = asked == MinimumThroughputBillingCommitmentInputStatus::Enabled;
    let scope = Scope { account: caller.account.to_string(), region: caller.region.to_string() };
    let now_ms = kinesis.clock.now_ms();
    kinesis.catalog.submit(Command::Commit { scope, wanted }, now_ms).await.map_err(errors::submit)?;
    let held = kinesis.catalog.read().commitment(&caller.account, &caller.region);
    let commitment = shapes::commitment(held, now_ms);
    Ok(UpdateAccountSettingsOutput { minimum_throughput_billing_commitment: Some(commitment) })
}
