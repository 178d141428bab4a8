//! ListTagsForDeliveryStream: a delivery stream's tags in order of their keys, a page at a time.
use super::page_size;
use crate::{Firehose, errors::Result};
use headwater_wire::{
    Caller,
    firehose::{ListTagsForDeliveryStreamInput, ListTagsForDeliveryStreamOutput, Tag},
};
use std::{ops::Bound, sync::Arc};

/// Tags on one page where nothing is asked for: as many as there can be.
const PAGE_TAGS: usize = 50;

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    input: ListTagsForDeliveryStreamInput,
) -> Result<ListTagsForDeliveryStreamOutput> {
    firehose.with_stream(&caller, &input.delivery_stream_name, |stream| {
        let from = input.exclusive_start_tag_key.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = stream.tags.range::<str, _>((from, Bound::Unbounded));
        let tag = |(key, value): (&String, &String)| Tag { key: key.clone(), value: Some(value.clone()) };
        let tags = rest.by_ref().take(page_size(input.limit, PAGE_TAGS)).map(tag).collect();
        ListTagsForDeliveryStreamOutput { tags, has_more_tags: rest.next().is_some() }
    })
}
