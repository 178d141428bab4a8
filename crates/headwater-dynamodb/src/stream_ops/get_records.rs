//! GetRecords: the changes behind an iterator, and the iterator behind those.
use super::{
    iterator::{self, Position},
    page_size, shapes,
};
use crate::{
    DynamoDb,
    errors::{self, Result},
    stream::Stream,
};
use headwater_wire::{
    Caller,
    dynamodb_streams::{GetRecordsInput, GetRecordsOutput},
};
use std::{ops::ControlFlow, sync::Arc};

/// What one call delivers at most, and where nothing is asked for.
const PAGE_RECORDS: usize = 1000;
const PAGE_BYTES: usize = 1 << 20;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, _caller: Caller, input: GetRecordsInput) -> Result<GetRecordsOutput> {
    let limit = page_size(input.limit, PAGE_RECORDS)?;
    let (now_ms, sealer) = (dynamodb.clock.now_ms(), dynamodb.sealer().await?);
    let (arn, position) = iterator::open(sealer, &input.shard_iterator, now_ms)?;
    let pick = |stream: &Stream| {
        if stream.id != position.stream {
            return Err(errors::iterator_invalid());
        }
        let shard = stream.shards.iter().find(|shard| shard.first == position.shard);
        // It was there when the iterator was made, so all that was in it is past retention.
        shard.cloned().ok_or_else(errors::change_trimmed)
    };
    dynamodb.see(arn, pick).await?;
    let reading = dynamodb.reading(arn, pick)?;
    let (mut records, mut size_bytes) = (Vec::new(), 0);
    let mut more_at = None;
    reading.each(position.place, &mut |place, record| {
        if records.len() == limit {
            more_at = Some(place);
            return Ok(ControlFlow::Break(()));
        }
        let (shape, bytes) = shapes::record(&reading.table, &reading.stream, place, record)?;
        if size_bytes + bytes > PAGE_BYTES && !records.is_empty() {
            more_at = Some(place);
            return Ok(ControlFlow::Break(()));
        }
        size_bytes += bytes;
        records.push(shape);
        Ok(ControlFlow::Continue(()))
    })?;
    let next = match (more_at, reading.shard.end) {
        (Some(place), _) => Some(place),
        (None, Some(_)) => None,
        (None, None) => Some(reading.end().max(position.place)),
    };
    let next = next.map(|place| iterator::seal(sealer, arn, Position { place, ..position }, now_ms));
    Ok(GetRecordsOutput { records: Some(records), next_shard_iterator: next })
}
