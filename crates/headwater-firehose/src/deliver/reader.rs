//! Reading the source: one reader a shard, following shards as they come and go.
//!
//! Invariant: every record of a shard from the place it is begun at is handed on once, in order; what waits to be taken is
//! bounded by the number of pages under way, whatever the number of shards.
use super::Delivery;
use crate::{
    Firehose, catalog,
    errors::Result,
    ledger::Stretch,
    record::{Origin, PartitionKeys, Record},
    source::SourceRecord,
};
use bytes::BytesMut;
use headwater_log::{Entry, Limits, LogError, LogId, Seq};
use std::{collections::HashSet, sync::Arc};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
};

/// What one read takes at most.
const PAGE: Limits = Limits { entries: 10_000, bytes: 1 << 20 };
/// Pages that are read and not yet taken up.
const PAGES: usize = 4;
/// Between the arrival of something and reading it, where everything before has been read.
const LINGER_MS: u64 = 100;
/// After a failure of the log.
const RETRY_AFTER_MS: u64 = 1000;

/// What one read gave.
pub(super) struct Page {
    pub(super) stretch: Stretch,
    pub(super) records: Vec<Record>,
    /// One of [`PAGES`], until the page is taken up.
    _room: OwnedSemaphorePermit,
}

/// Reads until dropped.
pub(super) fn start(delivery: &Arc<Delivery>) -> (mpsc::Receiver<Page>, JoinSet<()>) {
    let (pages, taken) = mpsc::channel(PAGES);
    let reader = Reader { delivery: Arc::clone(delivery), pages, room: Arc::new(Semaphore::new(PAGES)) };
    let mut readers = JoinSet::new();
    readers.spawn(async move {
        let delivery = Arc::clone(&reader.delivery);
        match &delivery.source {
            catalog::Source::DirectPut { .. } => reader.direct().await,
            catalog::Source::Kinesis { stream_arn, start_ms, .. } => reader.follow(stream_arn, *start_ms).await,
        }
    });
    (taken, readers)
}

#[derive(Clone)]
struct Reader {
    delivery: Arc<Delivery>,
    pages: mpsc::Sender<Page>,
    room: Arc<Semaphore>,
}

impl Reader {
    fn firehose(&self) -> &Firehose {
        &self.delivery.firehose
    }

    /// Reads every shard the stream shows, each in a task of its own.
    async fn follow(self, stream_arn: &str, start_ms: u64) {
        let source = Arc::clone(&self.firehose().source);
        let mut changes = source.changes();
        let (mut begun, mut readers) = (HashSet::new(), JoinSet::new());
        let mut known: HashSet<LogId> = self.delivery.progress.keys().copied().collect();
        let mut is_missing = false;
        loop {
            changes.borrow_and_update();
            let shards = source.shards(stream_arn);
            if shards.is_none() != is_missing {
                is_missing = shards.is_none();
                self.delivery.note_source(stream_arn, is_missing).await;
            }
            let shards = shards.unwrap_or_default();
            let gone: Vec<LogId> = known.iter().filter(|log| !shards.contains(log)).copied().collect();
            known = shards.iter().copied().collect();
            self.delivery.forget(gone).await;
            for shard in shards {
                if begun.insert(shard) {
                    let (reader, arn) = (self.clone(), stream_arn.to_owned());
                    readers.spawn(async move { reader.shard(&arn, shard, start_ms).await });
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Reads one shard to its end.
    async fn shard(self, stream_arn: &str, shard: LogId, start_ms: u64) {
        let source = Arc::clone(&self.firehose().source);
        let mut at = match self.delivery.place(shard) {
            Some(place) => place,
            None => loop {
                match source.place_at(shard, start_ms).await {
                    Ok(place) => break place,
                    Err(error) => self.rest(shard, &error).await,
                }
            },
        };
        let name: Arc<str> = source.shard_name(shard).into();
        let (mut bounds, mut changes) = (source.watch(shard), source.changes());
        loop {
            bounds.borrow_and_update();
            changes.borrow_and_update();
            let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return };
            let page = match source.read(stream_arn, shard, at, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    drop(room);
                    self.rest(shard, &error).await;
                    continue;
                }
            };
            if page.next > at {
                let mut records: Vec<Record> =
                    page.records.into_iter().map(|record| of_stream(record, &name)).collect();
                own(&mut records);
                let stretch = Stretch { log: shard, from: at, next: page.next };
                at = page.next;
                if self.pages.send(Page { stretch, records, _room: room }).await.is_err() || page.is_drained {
                    return;
                }
                continue;
            }
            drop(room);
            if page.is_drained {
                return;
            }
            // A shard is closed in the catalog, a moment after its marker stands in its log.
            tokio::select! {
                changed = bounds.changed() => if changed.is_err() { return },
                changed = changes.changed() => if changed.is_err() { return },
            }
            self.linger().await;
        }
    }

    /// Reads what is put directly.
    async fn direct(self) {
        let log = self.delivery.direct_log;
        let engine = Arc::clone(&self.firehose().engine);
        let mut at = self.delivery.place(log).unwrap_or(Seq::ZERO);
        let mut bounds = engine.watch(log);
        loop {
            bounds.borrow_and_update();
            let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return };
            let batch = match engine.read(log, at, PAGE).await {
                Ok(batch) => batch,
                Err(LogError::Trimmed(first)) => {
                    at = first;
                    continue;
                }
                Err(LogError::Corrupt { from, next, .. }) if next > at => {
                    tracing::error!(%log, %from, %next, "records are damaged and passed over");
                    at = next;
                    continue;
                }
                Err(error) => {
                    drop(room);
                    self.rest(log, &error).await;
                    continue;
                }
            };
            if batch.next > at {
                let records = match self.put_records(log, &batch.entries).await {
                    Ok(mut records) => {
                        own(&mut records);
                        records
                    }
                    Err(refusal) => {
                        drop(room);
                        self.rest(log, &LogError::Io(refusal.to_string())).await;
                        continue;
                    }
                };
                let stretch = Stretch { log, from: at, next: batch.next };
                at = batch.next;
                if self.pages.send(Page { stretch, records, _room: room }).await.is_err() {
                    return;
                }
            } else {
                drop(room);
                if bounds.changed().await.is_err() {
                    return;
                }
                self.linger().await;
            }
        }
    }

    /// Records that were put directly; none is passed over but what is damaged.
    async fn put_records(&self, log: LogId, entries: &[Entry]) -> Result<Vec<Record>> {
        let mut records = Vec::with_capacity(entries.len());
        for Entry { stamp, bytes } in entries {
            let Some(data) = self.firehose().open_record(log, bytes).await? else {
                tracing::error!(%log, at = %stamp.seq, "a record is damaged and passed over");
                continue;
            };
            let id = format!("{:039}{:020}", log.group.0, stamp.seq.0).into();
            records.push(Record { id, time_ms: stamp.time_ms, data, origin: None, keys: PartitionKeys::default() });
        }
        Ok(records)
    }

    /// Lets more arrive: what is gathered for seconds need not be read record by record, at the cost of whoever puts.
    async fn linger(&self) {
        self.firehose().clock.sleep(LINGER_MS).await;
    }

    async fn rest(&self, log: LogId, error: &LogError) {
        tracing::error!(%log, %error, delivery_stream = %self.delivery.name(), "reading failed; it is tried again");
        self.firehose().clock.sleep(RETRY_AFTER_MS).await;
    }
}

/// Gives records memory of their own: what the engine read them from holds entries of other logs too, which would stay
/// for as long as these are gathered.
fn own(records: &mut [Record]) {
    let mut whole = BytesMut::with_capacity(records.iter().map(|record| record.data.len()).sum());
    records.iter().for_each(|record| whole.extend_from_slice(&record.data));
    let mut whole = whole.freeze();
    records.iter_mut().for_each(|record| record.data = whole.split_to(record.data.len()));
}

fn of_stream(record: SourceRecord, shard: &Arc<str>) -> Record {
    let SourceRecord { place: _, time_ms, data, partition_key, sequence_number } = record;
    let partition_key = partition_key.map(|key| String::from_utf8_lossy(&key).into_owned()).unwrap_or_default();
    // A record's own number, and six digits for its place in an aggregate.
    let id = [sequence_number.as_str(), "000000"].concat();
    let origin = Origin { sequence_number, subsequence_number: 0, partition_key, shard_id: Arc::clone(shard) };
    Record { id: id.into(), time_ms, data, origin: Some(Arc::new(origin)), keys: PartitionKeys::default() }
}
