//! ListDeliveryStreams: the names of an account's delivery streams in order, a page at a time.
use super::{describe_delivery_stream::kind, page_size};
use crate::{Firehose, errors::Result};
use headwater_wire::{
    Caller,
    firehose::{ListDeliveryStreamsInput, ListDeliveryStreamsOutput},
};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// Names on one page where nothing is asked for.
const PAGE_STREAMS: usize = 10;

pub(crate) async fn run(
    firehose: Arc<Firehose>,
    caller: Caller,
    input: ListDeliveryStreamsInput,
) -> Result<ListDeliveryStreamsOutput> {
    let catalog = firehose.catalog.read();
    let none = BTreeMap::new();
    let streams = catalog.streams(&caller.account, &caller.region).unwrap_or(&none);
    let from = input.exclusive_start_delivery_stream_name.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let wanted = |of| input.delivery_stream_type.is_none_or(|wanted| wanted == of);
    let mut rest = streams.range::<str, _>((from, Bound::Unbounded)).filter(|(_, stream)| wanted(kind(&stream.source)));
    let listed = rest.by_ref().take(page_size(input.limit, PAGE_STREAMS)).map(|(name, _)| name.clone()).collect();
    Ok(ListDeliveryStreamsOutput { delivery_stream_names: listed, has_more_delivery_streams: rest.next().is_some() })
}
