//! GetRecords: what stands behind an iterator, and the iterator behind that.
use super::{page_size, shapes};
use crate::{
    Kinesis,
    delivery::{self, Page, Source},
    errors::{self, Result},
    iterator::{self, Position},
    meter::{Handed, POLLING},
    target::Target,
};
use headwater_log::Limits;
use headwater_wire::{
    Caller,
    kinesis::{ChildShard, GetRecordsInput, GetRecordsOutput},
};
use std::sync::Arc;

/// What one call delivers at most, and where nothing is asked for.
const PAGE_RECORDS: usize = 10_000;
const PAGE_BYTES: usize = 10 << 20;

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: GetRecordsInput) -> Result<GetRecordsOutput> {
    let now_ms = kinesis.clock.now_ms();
    let opened = iterator::open(&kinesis.sealer, &input.shard_iterator, now_ms)?;
    let position = opened.position()?;
    let source = find(&kinesis, &caller, &input, &position, now_ms)?;
    let shard = (position.incarnation, position.shard);
    if let Some(limits) = &kinesis.limits
        && !limits.charge_read(shard, kinesis.clock.steady_us())
    {
        kinesis.meters.throttled_read(position.incarnation);
        return Err(errors::shard_rate(position.shard, position.stream, position.account));
    }
    if input.dry_run == Some(true) {
        return Err(errors::dry_run());
    }
    let limits = Limits { entries: page_size(input.limit, PAGE_RECORDS), bytes: PAGE_BYTES };
    let page = delivery::read(&*kinesis.engine, source, position.seq, limits, now_ms).await;
    let Page { records, next, behind_ms, drained } = page.map_err(|error| errors::engine(&error))?;
    let records = shapes::records(&kinesis, source, records).await?;
    let size_bytes = records.iter().map(|record| record.data.len()).sum();
    let handed = Handed { records: records.len(), bytes: size_bytes, behind_ms, now_us: kinesis.clock.steady_us() };
    kinesis.meters.handed(shard, POLLING, handed);
    if let Some(limits) = &kinesis.limits {
        limits.charge_delivery(shard, size_bytes, kinesis.clock.steady_us());
    }
    let (next_shard_iterator, child_shards) = if drained {
        (None, Some(children(&kinesis, &position)))
    } else {
        let next = Position { seq: next, ..position };
        (Some(iterator::seal(&kinesis.sealer, &next, now_ms)), None)
    };
    Ok(GetRecordsOutput {
        records,
        next_shard_iterator,
        millis_behind_latest: Some(i64::try_from(behind_ms).unwrap_or(i64::MAX)),
        child_shards,
    })
}

/// The shard the iterator was made for, as it is now.
fn find(
    kinesis: &Kinesis,
    caller: &Caller,
    input: &GetRecordsInput,
    position: &Position<'_>,
    now_ms: u64,
) -> Result<Source> {
    let catalog = kinesis.catalog.read();
    if (position.account, position.region) != (&*caller.account, &*caller.region) {
        return Err(errors::iterator_invalid());
    }
    if let Some(arn) = &input.stream_arn {
        let name = Target::arn(arn).name(caller)?;
        if name != position.stream {
            return Err(errors::iterator_of_other(name));
        }
    }
    let missing = || errors::shard_missing(position.shard, position.stream, position.account);
    let stream = catalog.stream(position.account, position.region, position.stream).ok_or_else(missing)?;
    let same = Some(stream).filter(|stream| stream.incarnation == position.incarnation).ok_or_else(missing)?;
    Source::of(same, position.shard, now_ms).ok_or_else(missing)
}

fn children(kinesis: &Kinesis, position: &Position<'_>) -> Vec<ChildShard> {
    let catalog = kinesis.catalog.read();
    let stream = catalog.stream(position.account, position.region, position.stream);
    let same = stream.filter(|stream| stream.incarnation == position.incarnation);
    same.map_or_else(Vec::new, |stream| stream.children(position.shard).map(shapes::child).collect())
}
