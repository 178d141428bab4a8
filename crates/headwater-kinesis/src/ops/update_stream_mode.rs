//! UpdateStreamMode: who decides on the number of shards, the owner or the load.
use crate::{
    Kinesis,
    catalog::{Mode, Setting},
    errors::Result,
    target::Target,
};
use headwater_wire::{
    Caller,
    kinesis::{StreamMode, UpdateStreamModeInput},
};
use std::sync::Arc;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: UpdateStreamModeInput) -> Result<()> {
    let address = kinesis.address(&caller, Target::arn(&input.stream_arn))?;
    let mode = match input.stream_mode_details.stream_mode {
        StreamMode::Provisioned => Mode::Provisioned,
        StreamMode::OnDemand => Mode::OnDemand,
    };
    let warm_mibps = input.warm_throughput_mibps.map(i32::unsigned_abs);
    kinesis.configure(address, Setting::Mode { mode, warm_mibps }).await?;
    Ok(())
}
