//! ListStreamConsumers: the consumers of a stream in order of name, a page at a time.
use super::{consumers, page_size, page_token};
use crate::{
    Kinesis,
    catalog::Consumer,
    errors::{self, Result},
    target::{self, Target},
};
use headwater_wire::{
    Caller,
    kinesis::{ListStreamConsumersInput, ListStreamConsumersOutput},
};
use serde::{Deserialize, Serialize};
use std::{ops::Bound, sync::Arc};

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;
/// Consumers on one page where nothing is asked for.
const PAGE_CONSUMERS: usize = 100;

/// What a NextToken holds.
#[derive(Serialize, Deserialize)]
enum Page {
    Consumers { stream: String, incarnation: u128, after: String },
}

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: ListStreamConsumersInput,
) -> Result<ListStreamConsumersOutput> {
    let catalog = kinesis.catalog.read();
    let target = Target { name: None, arn: Some(&input.stream_arn) };
    let (name, stream) = target.find(&catalog, &caller)?;
    kinesis.admit("ListStreamConsumers", CALLS_PER_SECOND, &caller, Some(name))?;
    let asked_secs = input.stream_creation_timestamp.map(|time| time.millis().div_euclid(1000));
    let after = match &input.next_token {
        Some(_) if asked_secs.is_some() => return Err(errors::token_and("StreamCreationTimestamp")),
        Some(token) => {
            let Page::Consumers { stream: told, incarnation, after } = page_token::open(&kinesis, &caller, token)?;
            if told != name || incarnation != stream.incarnation {
                return Err(errors::next_token_invalid());
            }
            Some(after)
        }
        None if asked_secs.is_some_and(|secs| u64::try_from(secs) != Ok(stream.created_secs())) => {
            return Err(errors::stream_not_found(name, &caller.account));
        }
        None => None,
    };
    let from = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = stream.consumers.range::<str, _>((from, Bound::Unbounded));
    let size = input.max_results.map_or(PAGE_CONSUMERS, |asked| page_size(Some(asked), usize::MAX));
    let listed: Vec<(&String, &Consumer)> = rest.by_ref().take(size).collect();
    let next_token = match listed.last() {
        Some((last, _)) if rest.next().is_some() => {
            let (told, after) = (name.to_owned(), (*last).clone());
            let page = Page::Consumers { stream: told, incarnation: stream.incarnation, after };
            Some(page_token::seal(&kinesis, &caller, &page)?)
        }
        _ => None,
    };
    let address = target::address(&caller, name);
    let shown = |(name, consumer): (&String, &Consumer)| consumers::shown(&address, name, consumer);
    Ok(ListStreamConsumersOutput { consumers: Some(listed.into_iter().map(shown).collect()), next_token })
}
