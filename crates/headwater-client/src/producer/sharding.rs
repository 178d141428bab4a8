//! Records by shard: the map, and what waits for a newer one. Invariant: a record counts as written only in a shard it
//! belongs to, so that readers that check this find every record.
use super::{
    lanes::{Core, Finished},
    put::Put,
    retry::Retry,
    shard_map::{Shard, ShardMap},
    unit::Entry,
};
use crate::{Error, Result, backoff::passes};
use std::{collections::VecDeque, time::Duration};

/// The pauses between attempts to list the shards, as long as there are records that wait for them.
const LISTING: Retry =
    Retry { retries: u32::MAX, first_pause: Duration::from_millis(50), last_pause: Duration::from_secs(2) };

/// The map, if it is known, and what waits for it.
#[derive(Debug)]
pub(super) struct Sharding<T> {
    map: Option<ShardMap>,
    /// Whether the shards are being listed.
    asked: bool,
    /// Before when not to list them again.
    ask_at: Option<Duration>,
    failures: u32,
    /// In the order they came, after all that is in lanes.
    pub(super) unrouted: VecDeque<Entry<T>>,
    /// Written with an aggregate that came to another shard than it should; where each would be.
    pub(super) astray: Vec<(Put, Entry<T>)>,
}

impl<T> Default for Sharding<T> {
    fn default() -> Self {
        Self { map: None, asked: false, ask_at: None, failures: 0, unrouted: VecDeque::new(), astray: Vec::new() }
    }
}

impl<T> Sharding<T> {
    pub(super) fn known(&self) -> bool {
        self.map.is_some()
    }

    /// The open shard that `hash_key` belongs to, if that is known.
    pub(super) fn shard(&self, hash_key: u128) -> Option<&Shard> {
        self.map.as_ref()?.shard(hash_key)
    }

    /// The map is wrong.
    pub(super) fn forget(&mut self) {
        self.map = None;
    }

    /// Whether the shards are to be listed now, which the caller then does.
    pub(super) fn ask(&mut self, now: Duration) -> bool {
        let ask = !self.asked && self.ask_at.is_none_or(|at| at <= now);
        self.asked |= ask;
        ask
    }

    /// When to ask, if not yet.
    pub(super) fn ask_at(&self) -> Option<Duration> {
        self.ask_at.filter(|_| !self.asked)
    }
}

impl<T> Core<T> {
    /// Takes in the shards, or why they could not be listed.
    pub(super) fn listed(&mut self, shards: Result<Vec<Shard>>, now: Duration) -> Vec<Finished<T>> {
        self.sharding.asked = false;
        match shards.map(ShardMap::new) {
            Ok(Some(map)) => self.adopt(map, now),
            Ok(None) => self.put_off(now),
            Err(error) if passes(&error) => self.put_off(now),
            Err(error) => self.fail_all(&error, now),
        }
    }

    fn adopt(&mut self, map: ShardMap, now: Duration) -> Vec<Finished<T>> {
        (self.sharding.ask_at, self.sharding.failures) = (None, 0);
        let (astray, waiting) = (std::mem::take(&mut self.sharding.astray), self.drain());
        let mut finished = Vec::new();
        let mut again = Vec::new();
        for (put, entry) in astray {
            if map.has(put.shard_id(), entry.place) {
                finished.push(self.finish(entry, Ok(put), now));
            } else {
                again.push(entry);
            }
        }
        self.metrics_mut().retries += again.len() as u64;
        self.sharding.map = Some(map);
        again.into_iter().chain(waiting).for_each(|entry| self.route(entry));
        finished
    }

    /// Tries again after a pause; gives up what has waited too long.
    fn put_off(&mut self, now: Duration) -> Vec<Finished<T>> {
        let pause = LISTING.pause(self.sharding.failures, &mut self.chance).max(LISTING.first_pause);
        self.sharding.failures = self.sharding.failures.saturating_add(1);
        self.sharding.ask_at = Some(now + pause);
        let earliest = now.saturating_sub(self.limits().patience);
        let astray = std::mem::take(&mut self.sharding.astray);
        let (late, astray): (Vec<_>, Vec<_>) = astray.into_iter().partition(|(_, entry)| entry.arrived < earliest);
        self.sharding.astray = astray;
        let (over, kept): (Vec<_>, Vec<_>) = self.drain().into_iter().partition(|entry| entry.arrived < earliest);
        self.sharding.unrouted = kept.into();
        late.into_iter().map(|(_, entry)| entry).chain(over).map(|entry| self.give_up(entry)).collect()
    }

    fn fail_all(&mut self, error: &Error, now: Duration) -> Vec<Finished<T>> {
        let astray = std::mem::take(&mut self.sharding.astray).into_iter().map(|(_, entry)| entry);
        let all: Vec<_> = astray.chain(self.drain()).collect();
        all.into_iter().map(|entry| self.finish(entry, Err(error.clone()), now)).collect()
    }
}
