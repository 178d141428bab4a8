//! DescribeStream: what a stream is, and its shards in order – all, those behind one, or the children of one.
use super::{page_size, reading, shapes};
use crate::{
    DynamoDb,
    errors::{self, Result},
    stream::Stream,
    table::Phase,
};
use headwater_wire::{
    Caller,
    dynamodb_streams::{
        DescribeStreamInput, DescribeStreamOutput, Shard, ShardFilter, StreamDescription, StreamStatus,
    },
};
use std::sync::Arc;

/// Most shards of a page.
const PAGE_SHARDS: usize = 100;

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    _caller: Caller,
    input: DescribeStreamInput,
) -> Result<DescribeStreamOutput> {
    let limit = page_size(input.limit, PAGE_SHARDS)?;
    let parent = input.shard_filter.map(parent).transpose()?;
    let (table, stream) = reading::find(&dynamodb.database.tables(), &input.stream_arn)?;
    let start = input.exclusive_start_shard_id;
    let mut rest = shards(&stream).into_iter().filter(|shard| {
        start.as_ref().is_none_or(|start| shard.shard_id.as_ref() > Some(start))
            && parent.as_ref().is_none_or(|parent| shard.parent_shard_id.as_ref() == Some(parent))
    });
    let page: Vec<Shard> = rest.by_ref().take(limit).collect();
    let last = page.last().and_then(|shard| shard.shard_id.clone()).filter(|_| rest.next().is_some());
    let status = match (stream.is_enabled(), table.phase) {
        (true, Phase::Creating { .. }) => StreamStatus::Enabling,
        (true, _) => StreamStatus::Enabled,
        (false, _) => StreamStatus::Disabled,
    };
    Ok(DescribeStreamOutput {
        stream_description: Some(StreamDescription {
            stream_arn: Some(table.stream_arn(&stream)),
            stream_label: Some(stream.label()),
            stream_status: Some(status),
            stream_view_type: Some(shapes::view(stream.view)),
            creation_request_date_time: Some(shapes::timestamp(stream.created_ms)),
            table_name: Some(table.name.clone()),
            key_schema: Some(shapes::key_schema(&table.key)),
            shards: Some(page),
            last_evaluated_shard_id: last,
        }),
    })
}

/// The shard whose children are asked for: the one kind of filter there is.
fn parent(filter: ShardFilter) -> Result<String> {
    filter.r#type.and(filter.shard_id).ok_or_else(errors::shard_filter_incomplete)
}

fn shards(stream: &Stream) -> Vec<Shard> {
    let parents = std::iter::once(None).chain(stream.shards.iter().map(Some));
    stream.shards.iter().zip(parents).map(|(shard, parent)| shapes::shard(stream, shard, parent)).collect()
}
