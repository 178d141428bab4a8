//! DescribeStreamSummary: a stream without its shards.
use super::{named, shapes};
use crate::{Kinesis, errors::Result, target::stream_arn};
use headwater_wire::{
    Caller,
    kinesis::{DescribeStreamSummaryInput, DescribeStreamSummaryOutput, StreamDescriptionSummary},
};
use std::sync::Arc;

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 20;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: DescribeStreamSummaryInput,
) -> Result<DescribeStreamSummaryOutput> {
    let catalog = kinesis.catalog.read();
    let (name, stream) = named!(input).find(&catalog, &caller)?;
    kinesis.admit("DescribeStreamSummary", CALLS_PER_SECOND, &caller, Some(name))?;
    let open_shards = if stream.is_creating() { 0 } else { stream.open_shards().len() };
    let stream_description_summary = StreamDescriptionSummary {
        stream_name: name.to_owned(),
        stream_arn: stream_arn(&caller, name),
        stream_status: shapes::stream_status(stream),
        stream_mode_details: Some(shapes::mode_details(stream)),
        retention_period_hours: shapes::count(stream.retention_hours),
        stream_creation_timestamp: shapes::created(stream),
        enhanced_monitoring: shapes::monitoring(stream),
        encryption_type: shapes::encryption(stream),
        key_id: shapes::key_id(stream),
        open_shard_count: shapes::count(open_shards),
        consumer_count: Some(shapes::count(stream.consumers.len())),
        warm_throughput: shapes::warm_throughput(stream),
        max_record_size_in_kib: Some(shapes::count(stream.max_record_kib)),
        record_distribution_strategy: shapes::distribution(stream),
        ..StreamDescriptionSummary::default()
    };
    Ok(DescribeStreamSummaryOutput { stream_description_summary })
}
