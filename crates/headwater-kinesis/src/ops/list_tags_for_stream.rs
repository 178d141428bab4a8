//! ListTagsForStream: the tags in order of key, a page at a time.
use super::{named, page_size};
use crate::{Kinesis, errors::Result};
use headwater_wire::{
    Caller,
    kinesis::{ListTagsForStreamInput, ListTagsForStreamOutput, Tag},
};
use std::{ops::Bound, sync::Arc};

/// What an account may call each second under rate limits.
const CALLS_PER_SECOND: u64 = 5;
/// Tags on one page at most, and where nothing is asked for.
const PAGE_TAGS: usize = 50;

pub(crate) async fn run(
    kinesis: Arc<Kinesis>,
    caller: Caller,
    input: ListTagsForStreamInput,
) -> Result<ListTagsForStreamOutput> {
    let catalog = kinesis.catalog.read();
    let (name, stream) = named!(input).find(&catalog, &caller)?;
    kinesis.admit("ListTagsForStream", CALLS_PER_SECOND, &caller, Some(name))?;
    let after = input.exclusive_start_tag_key.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = stream.tags.range::<str, _>((after, Bound::Unbounded));
    let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: Some(value.clone()) };
    let tags = rest.by_ref().take(page_size(input.limit, PAGE_TAGS)).map(tag).collect();
    Ok(ListTagsForStreamOutput { tags, has_more_tags: rest.next().is_some() })
}
