//! UpdateShardCount: so many shards of equal width, by as many splits and merges as that takes.
use super::{named, shapes};
use crate::{
    Kinesis,
    catalog::{Action, Answer},
    errors::Result,
    target::stream_arn,
};
use headwater_wire::{
    Caller,
    kinesis::{ScalingType, UpdateShardCountInput, UpdateShardCountOutput},
};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 10;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: UpdateShardCountInput,
) -> Result<UpdateShardCountOutput> {
    let address = kinesis.address(&caller, named!(input))?;
    kinesis.admit("UpdateShardCount", CALLS_PER_SECOND, &caller, Some(&address.name))?;
    let ScalingType::UniformScaling = input.scaling_type;
    let name = address.name.clone();
    let (quota, transition_ms) = (kinesis.quota(), kinesis.settings.transition_ms);
    let target = input.target_shard_count.unsigned_abs();
    let answer = kinesis.reshard(address, Action::Scale { target, quota, transition_ms }).await?;
    let current_shard_count = match answer {
        Answer::OpenBefore(open) => Some(shapes::count(open)),
        Answer::Done => None,
    };
    Ok(UpdateShardCountOutput {
        stream_arn: Some(stream_arn(&caller, &name)),
        stream_name: Some(name),
        current_shard_count,
        target_shard_count: Some(input.target_shard_count),
    })
}
