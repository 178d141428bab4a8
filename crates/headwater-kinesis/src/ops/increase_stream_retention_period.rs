//! IncreaseStreamRetentionPeriod: records are kept longer from now on.
use super::named;
use crate::{Kinesis, catalog::Action, errors::Result};
use headwater_wire::{Caller, kinesis::IncreaseStreamRetentionPeriodInput};
use std::sync::Arc;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: IncreaseStreamRetentionPeriodInput,
) -> Result<()> {
    let address = kinesis.address(&caller, named!(input))?;
    kinesis.submit(address, Action::IncreaseRetention { hours: input.retention_period_hours }).await?;
    Ok(())
}
