//! SplitShard: one shard becomes two at a hash key.
use super::{named, shard_index};
use crate::{
    Kinesis,
    catalog::Action,
    errors::{self, Result},
};
use headwater_wire::{Caller, kinesis::SplitShardInput};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: SplitShardInput) -> Result<()> {
    let address = kinesis.address(&caller, named!(input))?;
    kinesis.admit("SplitShard", CALLS_PER_SECOND, &caller, Some(&address.name))?;
    let unknown = || errors::shard_unknown(&input.shard_to_split, &address.name, &caller.account);
    let shard = shard_index(&input.shard_to_split).ok_or_else(unknown)?;
    let (quota, transition_ms) = (kinesis.quota(), kinesis.settings.transition_ms);
    kinesis.reshard(address, Action::Split { shard, at: input.new_starting_hash_key, quota, transition_ms }).await?;
    Ok(())
}
