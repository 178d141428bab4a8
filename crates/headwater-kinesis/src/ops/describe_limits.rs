//! DescribeLimits: what the account has, and what it may have.
use super::shapes;
use crate::{Kinesis, errors::Result};
use headwater_wire::{
    Caller,
    kinesis::{DescribeLimitsInput, DescribeLimitsOutput},
};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 1;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    DescribeLimitsInput {}: DescribeLimitsInput,
) -> Result<DescribeLimitsOutput> {
    kinesis.admit("DescribeLimits", CALLS_PER_SECOND, &caller, None)?;
    let catalog = kinesis.catalog.read();
    let quota = kinesis.quota();
    Ok(DescribeLimitsOutput {
        shard_limit: shapes::count(quota.shards),
        open_shard_count: shapes::count(catalog.shards_held(&caller.account, &caller.region)),
        on_demand_stream_count: shapes::count(catalog.on_demand_streams(&caller.account, &caller.region)),
        on_demand_stream_count_limit: shapes::count(quota.on_demand_streams),
        ..DescribeLimitsOutput::default()
    })
}
