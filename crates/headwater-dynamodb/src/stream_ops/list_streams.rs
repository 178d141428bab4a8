//! ListStreams: the streams of an account in a region, those that ended and those of deleted tables included, as long as
//! their changes can be read.
use super::page_size;
use crate::{
    DynamoDb,
    errors::Result,
    table::{Scope, Table},
};
use headwater_wire::{
    Caller,
    dynamodb_streams::{ListStreamsInput, ListStreamsOutput, Stream},
};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// Most streams of a page.
const PAGE_STREAMS: usize = 100;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: ListStreamsInput) -> Result<ListStreamsOutput> {
    let limit = page_size(input.limit, PAGE_STREAMS)?;
    let scope = Scope::of(&caller);
    let tables = dynamodb.database.tables();
    let deleted = tables.graves().filter(|table| table.scope == scope);
    let meant = |table: &&Arc<Table>| input.table_name.as_ref().is_none_or(|name| *name == table.name);
    let streams = tables.of(&scope).chain(deleted).filter(meant).flat_map(|table| {
        table.streams.iter().map(|stream| (table.stream_arn(stream), (table.name.clone(), stream.label())))
    });
    let streams: BTreeMap<String, (String, String)> = streams.collect();
    let from = input.exclusive_start_stream_arn.map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = streams.range((from, Bound::Unbounded)).peekable();
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let last = page.last().map(|(arn, _)| (*arn).clone()).filter(|_| rest.peek().is_some());
    let told = page.into_iter().map(|(arn, (table, label))| Stream {
        stream_arn: Some(arn.clone()),
        table_name: Some(table.clone()),
        stream_label: Some(label.clone()),
    });
    Ok(ListStreamsOutput { streams: Some(told.collect()), last_evaluated_stream_arn: last })
}
