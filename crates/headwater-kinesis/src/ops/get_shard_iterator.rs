//! GetShardIterator: where to begin reading a shard, in one of five ways.
use super::{
    named, shard_index,
    starting_position::{Start, StartingPoint},
};
use crate::{
    Kinesis,
    errors::{self, Result},
    iterator::{self, Position},
};
use headwater_log::LogId;
use headwater_wire::{
    Caller,
    kinesis::{GetShardIteratorInput, GetShardIteratorOutput},
};
use std::sync::Arc;

/// What an account may call each second for one open shard, under rate limits.
const CALLS_PER_SECOND: u64 = 5;

/// What the catalog knows about the place asked for.
struct Found {
    stream: String,
    incarnation: u128,
    shard: u32,
    log: LogId,
    start: Start,
}

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: GetShardIteratorInput,
) -> Result<GetShardIteratorOutput> {
    let now_ms = kinesis.clock.now_ms();
    let found = find(&kinesis, &caller, &input, now_ms)?;
    if input.dry_run == Some(true) {
        return Err(errors::dry_run());
    }
    let seq = found.start.seq(&*kinesis.engine, found.log).await?;
    let position = Position {
        account: &caller.account,
        region: &caller.region,
        stream: &found.stream,
        incarnation: found.incarnation,
        shard: found.shard,
        seq,
    };
    Ok(GetShardIteratorOutput { shard_iterator: Some(iterator::seal(&kinesis.sealer, &position, now_ms)) })
}

/// In the service's order: the shard's name is read before the stream is looked for, and a missing stream is told as a
/// missing shard.
fn find(kinesis: &Kinesis, caller: &Caller, input: &GetShardIteratorInput, now_ms: u64) -> Result<Found> {
    let catalog = kinesis.catalog.read();
    let name = named!(input).name(caller)?;
    let unknown = || errors::shard_unknown(&input.shard_id, name, &caller.account);
    let index = shard_index(&input.shard_id).ok_or_else(unknown)?;
    let missing = || errors::shard_missing(index, name, &caller.account);
    let stream = catalog.stream(&caller.account, &caller.region, name).ok_or_else(missing)?;
    let shard = stream.shown_shard(index).ok_or_else(missing)?;
    let log = stream.log(index);
    let point = StartingPoint {
        kind: input.shard_iterator_type,
        number: input.starting_sequence_number.as_deref(),
        timestamp: input.timestamp,
    };
    let start = point.start(kinesis, shard, log, name, &caller.account, now_ms)?;
    if let Some(limits) = &kinesis.limits {
        let holder = format!("{}/{}", log.group, index);
        if !limits.charge_call("GetShardIterator", holder, CALLS_PER_SECOND, kinesis.clock.steady_us()) {
            return Err(errors::shard_rate(index, name, &caller.account));
        }
    }
    Ok(Found { stream: name.to_owned(), incarnation: stream.incarnation, shard: index, log, start })
}
