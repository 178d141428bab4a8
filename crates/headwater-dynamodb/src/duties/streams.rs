//! Streams in time: shards roll, and what is past retention goes – changes, closed shards, ended streams.
use super::{DynamoDb, Result, Table};
use crate::{
    change_log::Record,
    database::{CHANGES, Other, change_row},
    errors,
    key::behind,
    stream::{Place, RETENTION_MS, Shard, Stream},
};
use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

/// Changes removed in one decision.
const TRIM_CHANGES: usize = 1000;

/// Does for the streams of a table what is due.
pub(super) async fn keep(dynamodb: &DynamoDb, table: &Table) -> Result<()> {
    let cutoff_ms = dynamodb.clock.now_ms().saturating_sub(RETENTION_MS);
    for stream in &table.streams {
        trim(dynamodb, stream.id, cutoff_ms).await?;
    }
    let open = table.stream().and_then(|stream| stream.shards.last().map(|shard| (stream.id, shard.first)));
    let is_used = open.map_or(Ok(false), |(stream, first)| has_changes(dynamodb, stream, first))?;
    let shard_ms = dynamodb.settings.stream_shard_ms;
    if turned(&table.streams, dynamodb.clock.now_ms(), 0, shard_ms, is_used) == table.streams {
        return Ok(());
    }
    let kept = dynamodb.database.submit(|deciding| {
        if let Some(held) = deciding.tables().any(table.id) {
            let streams = turned(&held.streams, deciding.now_ms(), deciding.number(), shard_ms, is_used);
            if streams != held.streams {
                deciding.set(Table { streams, ..Table::clone(held) });
            }
        }
        Ok(())
    });
    kept.await
}

/// The streams as they are from decision `number` on: the open shard rolled if it `is_used` and `shard_ms` old, or past
/// retention; what is past retention dropped.
fn turned(streams: &[Arc<Stream>], now_ms: u64, number: u64, shard_ms: u64, is_used: bool) -> Vec<Arc<Stream>> {
    let turn = |stream: &Arc<Stream>| {
        let mut shards = stream.shards.clone();
        if let Some(open) = shards.last_mut().filter(|shard| shard.end.is_none() && stream.is_enabled()) {
            let age_ms = now_ms.saturating_sub(open.created_ms);
            if age_ms >= RETENTION_MS || (is_used && age_ms >= shard_ms) {
                open.end = Some(number);
                shards.push(Shard { created_ms: now_ms, first: number, end: None });
            }
        }
        let closed_ms: Vec<Option<u64>> = {
            let next = shards.iter().skip(1).map(|shard| Some(shard.created_ms));
            next.chain([stream.disabled_ms]).collect()
        };
        let is_over =
            |closed_ms: &Option<u64>| closed_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) > RETENTION_MS);
        let over = closed_ms.iter().take_while(|closed_ms| is_over(closed_ms)).count();
        shards.drain(..over.min(shards.len()));
        if shards == stream.shards { Arc::clone(stream) } else { Arc::new(Stream { shards, ..Stream::clone(stream) }) }
    };
    streams.iter().map(turn).filter(|stream| stream.is_enabled() || !stream.shards.is_empty()).collect()
}

/// Whether a stream has a change from decision `first` on.
fn has_changes(dynamodb: &DynamoDb, stream: u64, first: u64) -> Result<bool> {
    let from = change_row(stream, Place { decision: first, change: 0 });
    let end = behind(stream.to_be_bytes().to_vec());
    let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut is_there = false;
    let walked = dynamodb.database.view().range(CHANGES, Bound::Included(&from), to, false, &mut |_, _| {
        is_there = true;
        ControlFlow::Break(())
    });
    walked.map_err(|error| errors::engine(&error)).map(|()| is_there)
}

/// Removes the changes from before `cutoff_ms`.
async fn trim(dynamodb: &DynamoDb, stream: u64, cutoff_ms: u64) -> Result<()> {
    let mut from = stream.to_be_bytes().to_vec();
    while let Some(to) = old_changes(dynamodb, stream, &from, cutoff_ms)? {
        let trimmed = dynamodb.database.submit(|deciding| {
            deciding.other(Other::Clear { space: CHANGES.0, from: from.clone(), to: to.clone() });
            Ok(())
        });
        trimmed.await?;
        from = to;
    }
    Ok(())
}

/// The place behind a page of changes from before `cutoff_ms`; `None` if there are none from `from` on.
fn old_changes(dynamodb: &DynamoDb, stream: u64, from: &[u8], cutoff_ms: u64) -> Result<Option<Vec<u8>>> {
    let end = behind(stream.to_be_bytes().to_vec());
    let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let (mut last, mut count) = (None, 0);
    let walked = dynamodb.database.view().range(CHANGES, Bound::Included(from), to, false, &mut |key, value| {
        let is_old = Record::decode(value.clone()).is_none_or(|record| record.time_ms < cutoff_ms);
        if !is_old || count == TRIM_CHANGES {
            return ControlFlow::Break(());
        }
        (last, count) = (Some([key, &[0]].concat()), count + 1);
        ControlFlow::Continue(())
    });
    walked.map_err(|error| errors::engine(&error)).map(|()| last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::View;

    const SHARD_MS: u64 = 1000;

    fn stream(shards: Vec<Shard>, disabled_ms: Option<u64>) -> Vec<Arc<Stream>> {
        vec![Arc::new(Stream { id: 1, created_ms: 0, view: View::KeysOnly, disabled_ms, shards })]
    }

    #[test]
    fn a_shard_that_was_written_to_rolls_when_its_time_is_over() {
        let before = stream(vec![Shard { created_ms: 0, first: 3, end: None }], None);
        assert_eq!(turned(&before, SHARD_MS - 1, 9, SHARD_MS, true), before);
        assert_eq!(turned(&before, SHARD_MS, 9, SHARD_MS, false), before);
        let shards = &turned(&before, SHARD_MS, 9, SHARD_MS, true)[0].shards;
        let rolled =
            [Shard { created_ms: 0, first: 3, end: Some(9) }, Shard { created_ms: SHARD_MS, first: 9, end: None }];
        assert_eq!(**shards, rolled);
    }

    #[test]
    fn closed_shards_go_a_day_after_and_with_the_last_an_ended_stream() {
        let shards =
            vec![Shard { created_ms: 0, first: 3, end: Some(9) }, Shard { created_ms: 500, first: 9, end: Some(12) }];
        let before = stream(shards, Some(700));
        assert_eq!(turned(&before, RETENTION_MS + 500, 20, SHARD_MS, false), before);
        assert_eq!(turned(&before, RETENTION_MS + 501, 20, SHARD_MS, false)[0].shards.len(), 1);
        assert!(turned(&before, RETENTION_MS + 701, 20, SHARD_MS, false).is_empty());
    }
}
