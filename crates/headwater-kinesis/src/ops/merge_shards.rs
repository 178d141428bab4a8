//! MergeShards: two neighbours become one shard.
use super::{named, shard_index};
use crate::{
    Kinesis,
    catalog::Action,
    errors::{self, Result},
};
use headwater_wire::{Caller, kinesis::MergeShardsInput};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: MergeShardsInput) -> Result<()> {
    let address = kinesis.address(&caller, named!(input))?;
    kinesis.admit("MergeShards", CALLS_PER_SECOND, &caller, Some(&address.name))?;
    let index = |id: &str| {
        let unknown = || errors::shard_unknown(id, &address.name, &caller.account);
        shard_index(id).ok_or_else(unknown)
    };
    let (shard, adjacent) = (index(&input.shard_to_merge)?, index(&input.adjacent_shard_to_merge)?);
    let transition_ms = kinesis.settings.transition_ms;
    kinesis.reshard(address, Action::Merge { shard, adjacent, transition_ms }).await?;
    Ok(())
}
