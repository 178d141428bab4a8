//! UpdateStreamRecordDistributionStrategy: who decides on a record's shard, its key or the stream.
use crate::{
    Kinesis,
    catalog::{Distribution, Setting},
    errors::Result,
    target::Target,
};
use headwater_wire::{
    Caller,
    kinesis::{RecordDistributionStrategy, UpdateStreamRecordDistributionStrategyInput},
};
use std::sync::Arc;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: UpdateStreamRecordDistributionStrategyInput,
) -> Result<()> {
    let address = kinesis.address(&caller, Target::arn(&input.stream_arn))?;
    let distribution = match input.record_distribution_strategy {
        RecordDistributionStrategy::Auto => Distribution::Auto,
        RecordDistributionStrategy::UserPartitionKey => Distribution::PartitionKey,
    };
    kinesis.configure(address, Setting::Distribution(distribution)).await?;
    Ok(())
}
