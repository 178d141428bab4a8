//! What waits in a lane, and what is taken out of it for one record of a request. Invariant: entries leave a lane in the
//! order in which they came.
use super::shard_map::Shard;
use crate::Error;
use headwater_aggregation::{Aggregate, UserRecord};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// The partition key of aggregates, which the service asks for and nothing looks at.
pub(super) const AGGREGATE_KEY: &str = "a";
/// Records of one aggregate at most: few enough for any reader's bounds.
const AGGREGATE_RECORDS: usize = 10_000;

/// A record that is not answered yet.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) record: UserRecord,
    /// The hash that says which lane it belongs to.
    pub(super) place: u128,
    /// Whose it is.
    pub(super) token: T,
    /// When it was sent.
    pub(super) arrived: Duration,
    /// The flush that waits for it.
    pub(super) epoch: u64,
    /// How often it failed.
    pub(super) failures: u32,
    /// Why it failed the last time.
    pub(super) last: Option<Box<Error>>,
}

impl<T> Entry<T> {
    /// What it counts for in a request.
    pub(super) fn size_bytes(&self) -> usize {
        self.record.data.len() + self.record.partition_key.len()
    }
}

/// One record of a request: an entry as it is, or an aggregate of several.
#[derive(Debug)]
pub(super) struct Unit<T> {
    pub(super) lane: u128,
    pub(super) entries: Vec<Entry<T>>,
    /// Of the entries, if they are several.
    pub(super) aggregate: Option<Aggregate>,
    /// The shard it should come to, if that is known.
    pub(super) shard: Option<Arc<str>>,
    pub(super) size_bytes: usize,
}

/// Whether a lane's entries can be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// They can.
    Ready,
    /// Not before those under way are answered.
    InFlight,
    /// Not before the pause after a failure is over.
    Pausing,
}

/// Records of which at most one request's worth is under way.
#[derive(Debug)]
pub(super) struct Lane<T> {
    pub(super) queue: VecDeque<Entry<T>>,
    pub(super) size_bytes: usize,
    pub(super) state: State,
}

impl<T> Lane<T> {
    pub(super) fn of(entry: Entry<T>) -> Self {
        let size_bytes = entry.size_bytes();
        let mut queue = VecDeque::with_capacity(1);
        queue.push_back(entry);
        Self { queue, size_bytes, state: State::Ready }
    }

    pub(super) fn push(&mut self, entry: Entry<T>) {
        self.size_bytes += entry.size_bytes();
        self.queue.push_back(entry);
    }

    /// Puts `entries` before all others.
    pub(super) fn put_back(&mut self, entries: Vec<Entry<T>>) {
        for entry in entries.into_iter().rev() {
            self.size_bytes += entry.size_bytes();
            self.queue.push_front(entry);
        }
    }

    /// Takes out, from the front, what arrived before `limit`.
    pub(super) fn late(&mut self, limit: Duration) -> Vec<Entry<T>> {
        let count = self.queue.iter().take_while(|entry| entry.arrived < limit).count();
        self.pop(count)
    }

    /// Takes the first entry, if it fits into `room` bytes.
    pub(super) fn take_one(&mut self, lane: u128, room: usize) -> Option<Unit<T>> {
        let size_bytes = self.queue.front()?.size_bytes();
        (size_bytes <= room).then(|| Unit { lane, entries: self.pop(1), aggregate: None, shard: None, size_bytes })
    }

    /// Takes what fits into an aggregate of `max` bytes, its key included, if that has room. What would be alone in it goes
    /// as it is.
    pub(super) fn take_many(&mut self, shard: &Shard, max: usize, room: usize) -> Option<Unit<T>> {
        if self.size_bytes.min(max) > room {
            // Rather a full one with the next request than two halves.
            return None;
        }
        let limit = max.min(room).saturating_sub(AGGREGATE_KEY.len());
        let mut aggregate = Aggregate::default();
        for entry in self.queue.iter().take(AGGREGATE_RECORDS) {
            if aggregate.size_bytes() + aggregate.growth_bytes(&entry.record) > limit {
                break;
            }
            aggregate.push(&entry.record);
        }
        let lane = *shard.hash_keys.start();
        let unit = if aggregate.len() < 2 {
            self.take_one(lane, room)?
        } else {
            let size_bytes = aggregate.size_bytes() + AGGREGATE_KEY.len();
            Unit { lane, entries: self.pop(aggregate.len()), aggregate: Some(aggregate), shard: None, size_bytes }
        };
        Some(Unit { shard: Some(Arc::clone(&shard.id)), ..unit })
    }

    fn pop(&mut self, count: usize) -> Vec<Entry<T>> {
        let entries: Vec<_> = self.queue.drain(..count.min(self.queue.len())).collect();
        self.size_bytes -= entries.iter().map(Entry::size_bytes).sum::<usize>();
        entries
    }
}
