//! CreateStream: a new stream of so many shards, or one on demand.
use super::tags;
use crate::{
    Kinesis,
    catalog::{Action, Distribution, LEAST_SHARDS, Mode, NewStream},
    errors::{self, Result},
    target,
};
use headwater_wire::{
    Caller,
    kinesis::{CreateStreamInput, RecordDistributionStrategy, StreamMode},
};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;
/// The largest record where nothing is asked for, in KiB.
const DEFAULT_RECORD_KIB: u32 = 1024;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: CreateStreamInput) -> Result<()> {
    kinesis.admit("CreateStream", CALLS_PER_SECOND, &caller, Some(&input.stream_name))?;
    let asked_mode = input.stream_mode_details.map(|details| details.stream_mode);
    let (mode, shard_count) = match (asked_mode, input.shard_count) {
        (Some(StreamMode::Provisioned), None) => return Err(errors::shard_count_missing()),
        (Some(StreamMode::OnDemand), Some(_)) => return Err(errors::shard_count_on_demand()),
        (_, Some(count)) => (Mode::Provisioned, count.unsigned_abs()),
        (_, None) => (Mode::OnDemand, LEAST_SHARDS),
    };
    let distribution = match input.record_distribution_strategy {
        Some(_) if mode == Mode::Provisioned => return Err(errors::distribution_provisioned()),
        Some(RecordDistributionStrategy::Auto) => Distribution::Auto,
        Some(RecordDistributionStrategy::UserPartitionKey) | None => Distribution::PartitionKey,
    };
    let warm_mibps = input.warm_throughput_mibps.map(i32::unsigned_abs);
    if warm_mibps.is_some() {
        let commitment = kinesis.catalog.read().commitment(&caller.account, &caller.region);
        match mode {
            Mode::Provisioned => return Err(errors::warm_throughput_provisioned()),
            Mode::OnDemand if commitment.is_some_and(|held| held.holds(kinesis.clock.now_ms())) => {}
            Mode::OnDemand => return Err(errors::warm_throughput_off()),
        }
    }
    let tags = input.tags.unwrap_or_default();
    tags::check_set(&tags, &input.stream_name, &caller.account)?;
    let max_record_kib = input.max_record_size_in_kib.map_or(DEFAULT_RECORD_KIB, i32::unsigned_abs);
    let incarnation = (kinesis.entropy)();
    let new = NewStream { incarnation, shard_count, mode, max_record_kib, distribution, warm_mibps, tags };
    let (quota, transition_ms) = (kinesis.quota(), kinesis.settings.transition_ms);
    let address = target::address(&caller, &input.stream_name);
    kinesis.submit(address, Action::Create { new, quota, transition_ms }).await?;
    Ok(())
}
