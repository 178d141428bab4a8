//! What went in and out of streams since the process began, and how far behind their readers are, for whoever watches.
//!
//! Invariant: counts only rise while a stream is there; at most [`MAX_STREAMS`] streams have counts of their own, the
//! others are counted together, and so are consumers beyond [`MAX_CONSUMERS`] of a stream.
mod shards;

pub use shards::ShardReading;

use crate::{
    Kinesis,
    access::Subject,
    catalog::{Scope, Stream, shard_id},
    errors::Result,
    target::Target,
};
use headwater_wire::Caller;
use shards::Shards;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Streams that are counted one by one.
const MAX_STREAMS: usize = 1000;
/// Consumers of a stream that are counted one by one; more cannot be registered at a time.
const MAX_CONSUMERS: usize = 50;
/// What is counted together goes by this name, which no stream and no consumer can have.
const OTHERS: &str = "(other)";
/// The incarnation of no stream: the count of all that have none of their own.
const SHARED: u128 = 0;
/// Who polls is no registered consumer.
pub(crate) const POLLING: &str = "";
/// An iterator lives so long: who was not told anything for longer does not read any more.
const READER_US: u64 = 300_000_000;

/// What one kind of reader had, and how far behind it was told to be.
#[derive(Default)]
struct Readers {
    records: u64,
    bytes: u64,
    /// By shard: when it was told, by the steady clock, and how far behind it was, in milliseconds.
    ages: HashMap<u32, (u64, u64)>,
}

/// Counts of one stream.
#[derive(Default)]
struct Meter {
    incoming_records: AtomicU64,
    incoming_bytes: AtomicU64,
    throttled_records: AtomicU64,
    throttled_reads: AtomicU64,
    shards: Shards,
    /// By the name of the consumer; [`POLLING`] for those that poll.
    readers: Mutex<HashMap<String, Readers>>,
}

/// The counts of all streams, by incarnation.
#[derive(Default)]
pub(crate) struct Meters(RwLock<HashMap<u128, Arc<Meter>>>);

/// What a reader is handed.
#[derive(Clone, Copy)]
pub(crate) struct Handed {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) behind_ms: u64,
    /// When, by the steady clock.
    pub(crate) now_us: u64,
}

impl Meter {
    fn readers(&self) -> MutexGuard<'_, HashMap<String, Readers>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand(&self, consumer: &str, shard: u32, handed: Handed) {
        self.shards.handed(shard, handed.records, handed.bytes);
        let mut readers = self.readers();
        let name = if readers.contains_key(consumer) || readers.len() < MAX_CONSUMERS { consumer } else { OTHERS };
        if !readers.contains_key(name) {
            readers.insert(name.to_owned(), Readers::default());
        }
        let Some(held) = readers.get_mut(name) else { return };
        held.records += count(handed.records);
        held.bytes += count(handed.bytes);
        held.ages.insert(shard, (handed.now_us, handed.behind_ms));
    }
}

impl Meters {
    /// Records became durable in a shard.
    pub(crate) fn took(&self, (incarnation, shard): (u128, u32), records: usize, bytes: usize) {
        self.with(incarnation, |meter| {
            meter.shards.took(shard, records, bytes);
            meter.incoming_records.fetch_add(count(records), Relaxed);
            meter.incoming_bytes.fetch_add(count(bytes), Relaxed);
        });
    }

    /// A record was refused by the rate of its shard.
    pub(crate) fn throttled_record(&self, incarnation: u128) {
        self.with(incarnation, |meter| _ = meter.throttled_records.fetch_add(1, Relaxed));
    }

    /// A read was refused by the rate of its shard.
    pub(crate) fn throttled_read(&self, incarnation: u128) {
        self.with(incarnation, |meter| _ = meter.throttled_reads.fetch_add(1, Relaxed));
    }

    /// A reader of a shard was handed something, or told that there is nothing.
    pub(crate) fn handed(&self, (incarnation, shard): (u128, u32), consumer: &str, handed: Handed) {
        self.with(incarnation, |meter| meter.hand(consumer, shard, handed));
    }

    /// Forgets a stream that is gone.
    pub(crate) fn forget(&self, incarnation: u128) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&incarnation);
    }

    fn with(&self, incarnation: u128, act: impl FnOnce(&Meter)) {
        let is_full = {
            let meters = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(meter) = meters.get(&incarnation) {
                return act(meter);
            }
            let is_full = meters.len() >= MAX_STREAMS;
            match meters.get(&SHARED).filter(|_| is_full) {
                Some(shared) => return act(shared),
                None => is_full,
            }
        };
        let mut meters = self.0.write().unwrap_or_else(PoisonError::into_inner);
        act(meters.entry(if is_full { SHARED } else { incarnation }).or_default());
    }

    fn get(&self, incarnation: u128) -> Option<Arc<Meter>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&incarnation).cloned()
    }
}

/// What was counted of one stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamReading {
    /// Whose it is; empty where several are counted together.
    pub account: String,
    /// Where it is; empty where several are counted together.
    pub region: String,
    /// What it is called; `(other)` where several are counted together.
    pub name: String,
    /// Records that became durable.
    pub incoming_records: u64,
    /// Their data and partition keys.
    pub incoming_bytes: u64,
    /// Records refused by the rate of their shard.
    pub throttled_records: u64,
    /// Calls of GetRecords refused by the rate of their shard.
    pub throttled_reads: u64,
    /// Who reads it, in order of name.
    pub readers: Vec<ReaderReading>,
}

/// What was counted of the readers of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReaderReading {
    /// The registered consumer's name; empty for all who poll.
    pub consumer: String,
    /// Records delivered.
    pub records: u64,
    /// Their data.
    pub bytes: u64,
    /// How far behind the tip the shard's reader was that is furthest behind, as last told, in milliseconds; nothing if
    /// nobody has read for five minutes.
    pub behind_ms: Option<u64>,
}

impl Kinesis {
    /// What was counted of the streams that anything was done with since the process began.
    #[must_use]
    pub fn readings(&self) -> Vec<StreamReading> {
        let now_us = self.clock.steady_us();
        let catalog = self.catalog.read();
        let reading = |(scope, name, stream): (&Scope, &String, &Stream)| {
            let meter = self.meters.get(stream.incarnation)?;
            let is_there =
                |consumer: &str| matches!(consumer, POLLING | OTHERS) || stream.consumers.contains_key(consumer);
            meter.readers().retain(|consumer, _| is_there(consumer));
            Some(read(&meter, scope, name, now_us))
        };
        let nobody = Scope { account: String::new(), region: String::new() };
        let shared = self.meters.get(SHARED).map(|meter| read(&meter, &nobody, OTHERS, now_us));
        catalog.all().filter_map(reading).chain(shared).collect()
    }

    /// What was counted of the shards of a stream since the process began, for a caller who may list them.
    ///
    /// # Errors
    /// The service's.
    pub fn shard_readings(&self, caller: &Caller, name: &str) -> Result<Vec<ShardReading>> {
        let target = Target { name: Some(name), arn: None };
        let caller = self.authorize("ListShards", caller.clone(), Subject::Stream(target).into())?;
        let incarnation = target.find(&self.catalog.read(), &caller)?.1.incarnation;
        let Some(meter) = self.meters.get(incarnation) else { return Ok(Vec::new()) };
        let (now_us, readers) = (self.clock.steady_us(), meter.readers());
        let behind_ms = |shard: u32| {
            let told = readers.values().filter_map(|held| held.ages.get(&shard));
            told.filter(|(told_us, _)| now_us.saturating_sub(*told_us) <= READER_US)
                .map(|(_, behind_ms)| *behind_ms)
                .max()
        };
        let named = |(shard, reading)| ShardReading { shard: shard_id(shard), behind_ms: behind_ms(shard), ..reading };
        Ok(meter.shards.readings().into_iter().map(named).collect())
    }

    /// How long ago everything past retention was last trimmed, in milliseconds; nothing if it was not yet.
    #[must_use]
    pub fn trim_lag_ms(&self) -> Option<u64> {
        let trimmed_ms = self.trimmed_ms.load(Relaxed);
        (trimmed_ms > 0).then(|| self.clock.now_ms().saturating_sub(trimmed_ms))
    }
}

fn read(meter: &Meter, scope: &Scope, name: &str, now_us: u64) -> StreamReading {
    let mut readers: Vec<ReaderReading> = meter.readers().iter_mut().map(|held| read_readers(held, now_us)).collect();
    readers.sort_unstable_by(|one, other| one.consumer.cmp(&other.consumer));
    StreamReading {
        account: scope.account.clone(),
        region: scope.region.clone(),
        name: name.to_owned(),
        incoming_records: meter.incoming_records.load(Relaxed),
        incoming_bytes: meter.incoming_bytes.load(Relaxed),
        throttled_records: meter.throttled_records.load(Relaxed),
        throttled_reads: meter.throttled_reads.load(Relaxed),
        readers,
    }
}

fn read_readers((consumer, held): (&String, &mut Readers), now_us: u64) -> ReaderReading {
    held.ages.retain(|_, (told_us, _)| now_us.saturating_sub(*told_us) <= READER_US);
    ReaderReading {
        consumer: consumer.clone(),
        records: held.records,
        bytes: held.bytes,
        behind_ms: held.ages.values().map(|(_, behind_ms)| *behind_ms).max(),
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: Scope = Scope { account: String::new(), region: String::new() };

    fn handed(behind_ms: u64, now_us: u64) -> Handed {
        Handed { records: 1, bytes: 10, behind_ms, now_us }
    }

    #[test]
    fn the_reader_furthest_behind_is_told_until_it_has_not_read_for_five_minutes() {
        let meters = Meters::default();
        meters.handed((1, 0), POLLING, handed(70, 0));
        meters.handed((1, 1), POLLING, handed(20, 1_000_000));
        meters.handed((1, 0), "pushed", handed(0, 0));
        let told = |now_us| {
            let reading = read(&meters.get(1).unwrap(), &SCOPE, "s", now_us);
            reading
                .readers
                .into_iter()
                .map(|reader| (reader.consumer, reader.records, reader.behind_ms))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(READER_US), [(String::new(), 2, Some(70)), ("pushed".into(), 1, Some(0))]);
        assert_eq!(told(READER_US + 1), [(String::new(), 2, Some(20)), ("pushed".into(), 1, None)]);
    }

    #[test]
    fn streams_and_consumers_beyond_the_bounds_are_counted_together() {
        let meters = Meters::default();
        for incarnation in 1..=MAX_STREAMS as u128 + 2 {
            meters.took((incarnation, 0), 1, 5);
        }
        let records = |incarnation| meters.get(incarnation).map(|meter| meter.incoming_records.load(Relaxed));
        assert_eq!((records(1), records(MAX_STREAMS as u128), records(SHARED)), (Some(1), Some(1), Some(2)));
        assert_eq!(records(MAX_STREAMS as u128 + 1), None);
        for consumer in 0..MAX_CONSUMERS + 2 {
            meters.handed((1, 0), &consumer.to_string(), handed(0, 0));
        }
        let readers = read(&meters.get(1).unwrap(), &SCOPE, "s", 0).readers;
        assert_eq!((readers.len(), &*readers[0].consumer, readers[0].records), (MAX_CONSUMERS + 1, OTHERS, 2));
        meters.forget(1);
        assert_eq!(records(1), None);
    }
}
