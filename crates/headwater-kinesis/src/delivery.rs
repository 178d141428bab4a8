//! Reading a shard: what a reader at some place gets, how far behind it is, and whether it is done.
//!
//! Invariant: only what the shard accepted is delivered – records before its first marker, none past retention – each
//! exactly once along a chain of places; damage is passed over loudly. Data is never copied.
use crate::{
    catalog::{Ending, Stream},
    record::{self, Record, ShardEntry},
    sequence::ShardMark,
};
use bytes::Bytes;
use headwater_log::{
    Batch, Engine, Entry, Limits, LogError, LogId, Seq, Stamp,
    engine::find_time,
    rules::{Rule, is_left_out},
};

/// A shard as a reader sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) log: LogId,
    pub(crate) mark: ShardMark,
    pub(crate) ending: Option<Ending>,
    /// What arrived before this is past retention.
    cutoff_ms: u64,
}

impl Source {
    /// The shard `index` of `stream`, if it is shown.
    pub(crate) fn of(stream: &Stream, index: u32, now_ms: u64) -> Option<Self> {
        let shard = stream.shown_shard(index)?;
        Some(Self {
            log: stream.log(index),
            mark: shard.mark(),
            ending: shard.ending,
            cutoff_ms: stream.cutoff_ms(now_ms),
        })
    }
}

/// A record as the log holds it.
pub(crate) enum Delivered {
    Plain(Record),
    /// [`crate::Kinesis::open_record`] opens it.
    Sealed(Bytes),
}

/// One delivery.
pub(crate) struct Page {
    pub(crate) records: Vec<(Stamp, Delivered)>,
    /// Where the next one begins.
    pub(crate) next: Seq,
    /// How long ago the last record delivered arrived, while others remain; 0 at the tip.
    pub(crate) behind_ms: u64,
    /// The shard is closed and every record has been delivered.
    pub(crate) drained: bool,
}

/// Reads on from `from`.
///
/// # Errors
/// The engine's, except for what was trimmed or damaged: reading goes on behind it.
pub(crate) async fn read(
    engine: &dyn Engine,
    source: Source,
    from: Seq,
    limits: Limits,
    now_ms: u64,
) -> Result<Page, LogError> {
    let mut from = from;
    loop {
        let batch = match engine.read(source.log, from, limits).await {
            Ok(batch) => batch,
            Err(LogError::Trimmed(first)) => {
                from = first;
                continue;
            }
            Err(LogError::Corrupt { log, from: lost, next }) => {
                tracing::error!(%log, from = %lost, %next, "records are damaged and passed over");
                from = next;
                continue;
            }
            Err(error) => return Err(error),
        };
        let is_past = |entry: &Entry| entry.stamp.time_ms < source.cutoff_ms;
        if batch.entries.first().is_some_and(is_past) && !is_left_out(Rule::ReadersAreHeldToRetention) {
            from = find_time(engine, source.log, source.cutoff_ms).await?.max(from.next());
            continue;
        }
        let (entries, next) = (batch.entries.len(), batch.next);
        let page = page(engine, source, batch, now_ms);
        if page.records.is_empty() && entries > 0 && !page.drained && page.next == next {
            from = next; // nothing but damage so far: there may be records behind
            continue;
        }
        return Ok(page);
    }
}

fn page(engine: &dyn Engine, source: Source, batch: Batch, now_ms: u64) -> Page {
    let marker = source.ending.map(|ending| ending.marker());
    let (mut next, mut ended) = (batch.next, false);
    let mut records = Vec::with_capacity(batch.entries.len());
    for entry in batch.entries {
        if marker.is_some_and(|marker| entry.stamp.seq >= marker) {
            break;
        }
        match record::decode(&entry.bytes) {
            Some(ShardEntry::Record(record)) => records.push((entry.stamp, Delivered::Plain(record))),
            Some(ShardEntry::Encrypted(sealed)) => records.push((entry.stamp, Delivered::Sealed(sealed))),
            Some(ShardEntry::Seal) if marker.is_none() && !is_left_out(Rule::ReadersStopAtMarkers) => {
                // Another process ended the shard, and the catalog does not tell so here yet: nothing behind belongs to it.
                (next, ended) = (entry.stamp.seq, true);
                break;
            }
            Some(ShardEntry::Seal) => {}
            None => tracing::error!(log = %source.log, at = %entry.stamp.seq, "an entry is no record; passed over"),
        }
    }
    let drained = marker.is_some_and(|marker| next >= marker);
    let unread = !drained && !ended && next < marker.unwrap_or_else(|| engine.bounds(source.log).tail);
    let age_ms = records.last().map_or(0, |(stamp, _)| now_ms.saturating_sub(stamp.time_ms));
    Page { records, next, behind_ms: if unread { age_ms.max(1) } else { 0 }, drained }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_log::{LogGroup, clock::ManualClock, memory::MemoryEngine};
    use std::sync::Arc;

    const LOG: LogId = LogId::new(LogGroup(70), 0);
    const ALL: Limits = Limits { entries: 10_000, bytes: 10 << 20 };

    fn source(ending: Option<u64>, cutoff_ms: u64) -> Source {
        let ending = ending.map(|marker| Ending { marker, closed_ms: 0, closed_secs: 0 });
        Source { log: LOG, mark: ShardMark { created_secs: 0, shard: 0 }, ending, cutoff_ms }
    }

    /// Records "0", "1", "2" at times 10, 20, 30, then a marker.
    async fn engine() -> Arc<MemoryEngine> {
        let clock = ManualClock::at(0);
        let engine = MemoryEngine::new(Arc::new(clock.clone()));
        for data in ["0", "1", "2"] {
            clock.advance(10);
            engine.append(LOG, vec![record::encode(Some("k"), None, data.as_bytes())]).await.unwrap();
        }
        engine.append(LOG, vec![record::encode_seal()]).await.unwrap();
        engine
    }

    fn data(page: &Page) -> Vec<u8> {
        let data = |(_, record): &(Stamp, Delivered)| match record {
            Delivered::Plain(record) => record.data.to_vec(),
            Delivered::Sealed(_) => panic!("not encrypted"),
        };
        page.records.iter().flat_map(data).collect()
    }

    #[tokio::test]
    async fn a_reader_is_behind_while_a_record_remains_and_done_at_the_marker() {
        let engine = engine().await;
        let two = Limits { entries: 2, ..ALL };
        let page = read(&*engine, source(Some(3), 0), Seq::ZERO, two, 50).await.unwrap();
        assert_eq!((data(&page), page.behind_ms, page.drained), (b"01".to_vec(), 30, false));
        let page = read(&*engine, source(Some(3), 0), page.next, Limits { entries: 1, ..ALL }, 50).await.unwrap();
        assert_eq!((data(&page), page.behind_ms, page.drained), (b"2".to_vec(), 0, true));
        let open = read(&*engine, source(None, 0), Seq::ZERO, ALL, 50).await.unwrap();
        assert_eq!((data(&open), open.behind_ms, open.drained), (b"012".to_vec(), 0, false));
    }

    #[tokio::test]
    async fn retention_cuts_to_the_millisecond() {
        let engine = engine().await;
        for (cutoff_ms, kept) in [(10, "012"), (11, "12"), (20, "12"), (30, "2"), (31, "")] {
            let page = read(&*engine, source(None, cutoff_ms), Seq::ZERO, ALL, 50).await.unwrap();
            assert_eq!(data(&page), kept.as_bytes(), "{cutoff_ms}");
        }
    }

    #[tokio::test]
    async fn what_was_trimmed_is_passed_over() {
        let engine = engine().await;
        engine.trim(LOG, Seq(2)).await.unwrap();
        let page = read(&*engine, source(Some(3), 0), Seq::ZERO, ALL, 50).await.unwrap();
        assert_eq!((data(&page), page.drained), (b"2".to_vec(), true));
        engine.trim(LOG, Seq(4)).await.unwrap();
        let page = read(&*engine, source(Some(3), 0), Seq(1), ALL, 50).await.unwrap();
        assert!(page.records.is_empty() && page.drained && page.behind_ms == 0);
    }
}
