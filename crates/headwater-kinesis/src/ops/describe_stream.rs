//! DescribeStream: a stream and a page of its shards.
use super::{named, page_size, shapes, shard_index};
use crate::{
    Kinesis,
    errors::{self, Result},
    target::stream_arn,
};
use headwater_wire::{
    Caller,
    kinesis::{DescribeStreamInput, DescribeStreamOutput, StreamDescription},
};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 10;
/// Shards on one page at most, and where nothing is asked for.
const PAGE_SHARDS: usize = 100;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: DescribeStreamInput,
) -> Result<DescribeStreamOutput> {
    let catalog = kinesis.catalog.read();
    let (name, stream) = named!(input).find(&catalog, &caller)?;
    kinesis.admit("DescribeStream", CALLS_PER_SECOND, &caller, Some(name))?;
    let after = match input.exclusive_start_shard_id.as_deref() {
        None => None,
        Some(id) => Some(shard_index(id).ok_or_else(|| errors::shard_unknown(id, name, &caller.account))?),
    };
    let shown = stream.shown_shards(kinesis.clock.now_ms());
    let mut rest = shown.filter(|shard| after.is_none_or(|after| shard.index > after)).map(shapes::shard);
    let shards = rest.by_ref().take(page_size(input.limit, PAGE_SHARDS)).collect();
    let stream_description = StreamDescription {
        stream_name: name.to_owned(),
        stream_arn: stream_arn(&caller, name),
        stream_status: shapes::stream_status(stream),
        stream_mode_details: Some(shapes::mode_details(stream)),
        shards,
        has_more_shards: rest.next().is_some(),
        retention_period_hours: shapes::count(stream.retention_hours),
        stream_creation_timestamp: shapes::created(stream),
        enhanced_monitoring: shapes::monitoring(stream),
        encryption_type: shapes::encryption(stream),
        key_id: shapes::key_id(stream),
    };
    Ok(DescribeStreamOutput { stream_description })
}
