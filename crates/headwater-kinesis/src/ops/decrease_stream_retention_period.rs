//! DecreaseStreamRetentionPeriod: records are kept shorter from now on.
use super::named;
use crate::{Kinesis, catalog::Action, errors::Result};
use headwater_wire::{Caller, kinesis::DecreaseStreamRetentionPeriodInput};
use std::sync::Arc;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: DecreaseStreamRetentionPeriodInput,
) -> Result<()> {
    let address = kinesis.address(&caller, named!(input))?;
    kinesis.submit(address, Action::DecreaseRetention { hours: input.retention_period_hours }).await?;
    Ok(())
}
