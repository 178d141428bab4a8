//! ListStreams: the names of an account's streams in order, a page at a time.
use super::{page_size, page_token, shapes};
use crate::{
    Kinesis,
    catalog::Stream,
    errors::{self, Result},
    target::stream_arn,
};
use headwater_wire::{
    Caller,
    kinesis::{ListStreamsInput, ListStreamsOutput, StreamSummary},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;
/// Streams on one page at most, and where nothing is asked for.
const PAGE_STREAMS: usize = 100;

/// What a NextToken holds.
#[derive(Serialize, Deserialize)]
enum Page {
    Streams { after: String },
}

pub(crate) async fn run(kinesis: Arc<Kinesis>, caller: Caller, input: ListStreamsInput) -> Result<ListStreamsOutput> {
    kinesis.admit("ListStreams", CALLS_PER_SECOND, &caller, None)?;
    let after = match (input.next_token, input.exclusive_start_stream_name) {
        (Some(_), Some(_)) => return Err(errors::token_and("ExclusiveStartStreamName")),
        (Some(token), None) => {
            let Page::Streams { after } = page_token::open(&kinesis, &caller, &token)?;
            Some(after)
        }
        (None, after) => after,
    };
    let catalog = kinesis.catalog.read();
    let none = BTreeMap::new();
    let streams = catalog.streams(&caller.account, &caller.region).unwrap_or(&none);
    let from = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = streams.range::<str, _>((from, Bound::Unbounded));
    let listed: Vec<(&String, &Stream)> = rest.by_ref().take(page_size(input.limit, PAGE_STREAMS)).collect();
    let has_more_streams = rest.next().is_some();
    let next_token = match listed.last() {
        Some((last, _)) if has_more_streams => {
            Some(page_token::seal(&kinesis, &caller, &Page::Streams { after: (*last).clone() })?)
        }
        _ => None,
    };
    let summary = |(name, stream): &(&String, &Stream)| StreamSummary {
        stream_name: (*name).clone(),
        stream_arn: stream_arn(&caller, name),
        stream_status: shapes::stream_status(stream),
        stream_mode_details: Some(shapes::mode_details(stream)),
        stream_creation_timestamp: Some(shapes::created(stream)),
    };
    Ok(ListStreamsOutput {
        stream_names: listed.iter().map(|(name, _)| (*name).clone()).collect(),
        has_more_streams,
        next_token,
        stream_summaries: Some(listed.iter().map(summary).collect()),
    })
}
