//! ListShards: the shards of a stream, all or those a filter lets through, a page at a time.
use super::{named, page_size, page_token, shapes, shard_index};
use crate::{
    Kinesis,
    catalog::{Phase, Shard},
    errors::{self, Result},
};
use headwater_wire::{
    Caller, Timestamp,
    kinesis::{ListShardsInput, ListShardsOutput, ShardFilter, ShardFilterType},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What may be called each second for one stream, under rate limits.
const CALLS_PER_SECOND: u64 = 1000;
/// Shards on one page at most, and where nothing is asked for.
const PAGE_SHARDS: usize = 1000;

/// Which shards are meant, by when they were open. Times in milliseconds.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum Filter {
    Latest,
    AtTrimHorizon,
    FromTrimHorizon,
    At(u64),
    From(u64),
}

impl Filter {
    /// Times before the trim horizon are moved up to it.
    fn admits(self, shard: &Shard, horizon_ms: u64) -> bool {
        let not_closed_before = |time_ms| shard.ending.is_none_or(|ending| ending.closed_ms >= time_ms);
        let open_at = |time_ms| shard.opened_ms <= time_ms && not_closed_before(time_ms);
        match self {
            Self::Latest => shard.ending.is_none(),
            Self::AtTrimHorizon => open_at(horizon_ms),
            Self::FromTrimHorizon => not_closed_before(horizon_ms),
            Self::At(time_ms) => open_at(time_ms.max(horizon_ms)),
            Self::From(time_ms) => not_closed_before(time_ms.max(horizon_ms)),
        }
    }
}

/// What a list of shards is about; also what a NextToken holds.
#[derive(Serialize, Deserialize)]
enum Page {
    Shards { stream: String, incarnation: u128, after: Option<u32>, filter: Filter },
}

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: ListShardsInput) -> Result<ListShardsOutput> {
    let Page::Shards { stream: name, incarnation, after, filter } = asked(&kinesis, &caller, &input)?;
    if let Some(limits) = &kinesis.limits {
        let holder = format!("{incarnation:032x}");
        if !limits.charge_call("ListShards", holder, CALLS_PER_SECOND, kinesis.clock.steady_us()) {
            return Err(errors::stream_rate(&name, &caller.account));
        }
    }
    let catalog = kinesis.catalog.read();
    let held = catalog.stream(&caller.account, &caller.region, &name);
    let missing = || errors::stream_not_found(&name, &caller.account);
    let stream = held.filter(|stream| stream.incarnation == incarnation).ok_or_else(missing)?;
    if let Phase::Creating { .. } | Phase::Deleting { .. } = stream.phase {
        return Err(errors::not_active(&name, &caller.account, stream.status()));
    }
    let now_ms = kinesis.clock.now_ms();
    // No record is older; before the stream was created there was none.
    let horizon_ms = stream.cutoff_ms(now_ms).max(stream.created_ms);
    let mut rest = stream
        .shown_shards(now_ms)
        .filter(|shard| after.is_none_or(|after| shard.index > after) && filter.admits(shard, horizon_ms));
    let listed: Vec<&Shard> = rest.by_ref().take(page_size(input.max_results, PAGE_SHARDS)).collect();
    let next_token = match listed.last() {
        Some(last) if rest.next().is_some() => {
            let page = Page::Shards { stream: name.clone(), incarnation, after: Some(last.index), filter };
            Some(page_token::seal(&kinesis, &caller, &page)?)
        }
        _ => None,
    };
    Ok(ListShardsOutput { shards: Some(listed.into_iter().map(shapes::shard).collect()), next_token })
}

/// The page asked for: by a token alone, or by a stream and from where.
fn asked(kinesis: &Kinesis, caller: &Caller, input: &ListShardsInput) -> Result<Page> {
    let target = named!(input);
    let names_stream = target.name.is_some() || target.arn.is_some();
    match &input.next_token {
        Some(_) if names_stream => return Err(errors::token_and_name()),
        Some(_) if input.exclusive_start_shard_id.is_some() => return Err(errors::token_and("ExclusiveStartShardId")),
        Some(_) if input.stream_creation_timestamp.is_some() => {
            return Err(errors::token_and("StreamCreationTimestamp"));
        }
        Some(_) if input.shard_filter.is_some() => return Err(errors::token_and("ShardFilter")),
        Some(token) => return page_token::open(kinesis, caller, token),
        None if !names_stream => return Err(errors::token_or_name()),
        None => {}
    }
    let catalog = kinesis.catalog.read();
    let (name, stream) = target.find(&catalog, caller)?;
    let asked_secs = input.stream_creation_timestamp.map(|time| time.millis().div_euclid(1000));
    if asked_secs.is_some_and(|secs| u64::try_from(secs) != Ok(stream.created_secs())) {
        return Err(errors::stream_not_found(name, &caller.account));
    }
    let index_of = |id: &String| shard_index(id).ok_or_else(|| errors::shard_unknown(id, name, &caller.account));
    let started = input.exclusive_start_shard_id.as_ref().map(index_of).transpose()?;
    let (filter, filtered) = match &input.shard_filter {
        None => (Filter::FromTrimHorizon, None),
        Some(asked) => (filter(asked)?, asked.shard_id.as_ref().map(index_of).transpose()?),
    };
    // Both mean "behind this shard"; the later one holds.
    let after = started.max(filtered);
    Ok(Page::Shards { stream: name.to_owned(), incarnation: stream.incarnation, after, filter })
}

/// Checks that the filter's members are those its type takes.
fn filter(asked: &ShardFilter) -> Result<Filter> {
    use ShardFilterType::{AfterShardId, AtLatest, AtTimestamp, AtTrimHorizon, FromTimestamp, FromTrimHorizon};
    let kind = asked.r#type;
    let needs = |is_given: bool, is_needed: bool, member: &str| match (is_given, is_needed) {
        (false, true) => Err(errors::filter_needs(member, kind.as_str())),
        (true, false) => Err(errors::filter_refuses(member, kind.as_str())),
        _ => Ok(()),
    };
    needs(asked.shard_id.is_some(), kind == AfterShardId, "ShardId")?;
    needs(asked.timestamp.is_some(), matches!(kind, AtTimestamp | FromTimestamp), "Timestamp")?;
    let time_ms = u64::try_from(asked.timestamp.map_or(0, Timestamp::millis)).unwrap_or(0);
    Ok(match kind {
        AfterShardId | FromTrimHorizon => Filter::FromTrimHorizon,
        AtTrimHorizon => Filter::AtTrimHorizon,
        AtLatest => Filter::Latest,
        AtTimestamp => Filter::At(time_ms),
        FromTimestamp => Filter::From(time_ms),
    })
}
