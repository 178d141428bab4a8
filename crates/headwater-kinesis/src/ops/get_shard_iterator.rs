//! GetShardIterator: where to begin reading a shard, in one of five ways.
use super::{named, shard_index};
use crate::{
    Kinesis,
    catalog::Shard,
    errors::{self, Result},
    iterator::{self, Position},
    sequence,
};
use headwater_log::{LogId, Seq, engine::find_time};
use headwater_wire::{
    Caller,
    kinesis::{GetShardIteratorInput, GetShardIteratorOutput, ShardIteratorType},
};
use std::sync::Arc;

/// What an account may call each second for one open shard, under rate limits.
const CALLS_PER_SECOND: u64 = 5;

/// Where reading is to begin.
enum Start {
    At(Seq),
    /// With the first record that arrived then or later.
    Since(u64),
}

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
    let seq = match found.start {
        Start::At(seq) => seq,
        Start::Since(time_ms) => {
            find_time(&*kinesis.engine, found.log, time_ms).await.map_err(|error| errors::engine(&error))?
        }
    };
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
    let name = named!(input).name(&catalog, caller)?;
    let unknown = || errors::shard_unknown(&input.shard_id, name, &caller.account);
    let index = shard_index(&input.shard_id).ok_or_else(unknown)?;
    let missing = || errors::shard_missing(index, name, &caller.account);
    let stream = catalog.stream(&caller.account, &caller.region, name).ok_or_else(missing)?;
    let shard = stream.shown_shard(index).ok_or_else(missing)?;
    let log = stream.log(index);
    let start = start(kinesis, input, shard, log, name, caller, now_ms)?;
    if let Some(limits) = &kinesis.limits {
        let holder = format!("{}/{}", log.group, index);
        if !limits.charge_call("GetShardIterator", holder, CALLS_PER_SECOND, kinesis.clock.steady_us()) {
            return Err(errors::shard_rate(index, name, &caller.account));
        }
    }
    Ok(Found { stream: name.to_owned(), incarnation: stream.incarnation, shard: index, log, start })
}

fn start(
    kinesis: &Kinesis,
    input: &GetShardIteratorInput,
    shard: &Shard,
    log: LogId,
    name: &str,
    caller: &Caller,
    now_ms: u64,
) -> Result<Start> {
    use ShardIteratorType::{AfterSequenceNumber, AtSequenceNumber, AtTimestamp, Latest, TrimHorizon};
    let kind = input.shard_iterator_type;
    Ok(match (kind, input.starting_sequence_number.as_deref()) {
        (AtSequenceNumber, Some(number)) => Start::At(parse(number, shard, name, &caller.account)?.at()),
        (AfterSequenceNumber, Some(number)) => Start::At(parse(number, shard, name, &caller.account)?.after()),
        (AtSequenceNumber | AfterSequenceNumber, None) => {
            return Err(errors::starting_number_presence(kind.as_str(), false));
        }
        (TrimHorizon | Latest | AtTimestamp, Some(_)) => {
            return Err(errors::starting_number_presence(kind.as_str(), true));
        }
        (TrimHorizon, None) => Start::At(kinesis.engine.bounds(log).first),
        (Latest, None) => Start::At(kinesis.engine.bounds(log).tail),
        (AtTimestamp, None) => {
            let asked_ms = input.timestamp.ok_or_else(errors::timestamp_missing)?.millis();
            let time_ms = u64::try_from(asked_ms).unwrap_or(0);
            if time_ms > now_ms {
                return Err(errors::timestamp_future(asked_ms, now_ms));
            }
            Start::Since(time_ms)
        }
    })
}

/// A number of this very shard.
fn parse(number: &str, shard: &Shard, name: &str, account: &str) -> Result<sequence::Parsed> {
    let invalid = || errors::starting_number_invalid(number, shard.index, name, account);
    let parsed = sequence::parse(number).ok_or_else(invalid)?;
    if parsed.shard != i64::from(shard.index) {
        return Err(errors::starting_number_of_other(parsed.shard, shard.index));
    }
    if parsed.version != 2 || parsed.created_secs != shard.created_secs {
        return Err(errors::starting_number_foreign(number, shard.index, name, account));
    }
    Ok(parsed)
}
