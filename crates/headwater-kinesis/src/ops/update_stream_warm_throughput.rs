//! UpdateStreamWarmThroughput: what an on-demand stream takes without having to grow first.
use super::{named, shapes};
use crate::{Kinesis, catalog::Setting, errors::Result, target::stream_arn};
use headwater_wire::{
    Caller,
    kinesis::{UpdateStreamWarmThroughputInput, UpdateStreamWarmThroughputOutput, WarmThroughputObject},
};
use std::sync::Arc;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: UpdateStreamWarmThroughputInput,
) -> Result<UpdateStreamWarmThroughputOutput> {
    let address = kinesis.address(&caller, named!(input))?;
    let name = address.name.clone();
    let mibps = input.warm_throughput_mibps.unsigned_abs();
    kinesis.configure(address, Setting::WarmThroughput { mibps }).await?;
    let catalog = kinesis.catalog.read();
    let (_, stream) = named!(input).find(&catalog, &caller)?;
    let current_mibps = stream.warm_mibps.map(shapes::count);
    Ok(UpdateStreamWarmThroughputOutput {
        stream_arn: Some(stream_arn(&caller, &name)),
        warm_throughput: Some(WarmThroughputObject { target_mibps: Some(input.warm_throughput_mibps), current_mibps }),
        stream_name: Some(name),
    })
}
