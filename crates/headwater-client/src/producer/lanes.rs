//! What goes into which request, and when: the producer's pure core. Time comes in as the duration since its start.
//!
//! Invariant: records of one partition key are written in the order in which they were sent, also over retries, and each
//! is answered once. PutRecords may refuse a record and take a later one of the same request, so records that must keep
//! their order never travel together and never overtake: every record belongs to a *lane*, and of a lane only one record
//! of a request is under way. What fails goes back to its lane's front, and the lane pauses. Without aggregation a lane is
//! a partition key; with it, a shard, whose records travel together in one aggregate, which is taken or refused as a
//! whole. Where order does not matter every record is a lane of its own.
use super::{
    epochs::Epochs,
    limits::{Lanes, Limits},
    metrics::Metrics,
    put::Put,
    retry::Chance,
    sharding::Sharding,
    unit::{Entry, Lane, State, Unit},
};
use crate::{Error, Result, backoff::passes, error::Failed};
use headwater_aggregation::UserRecord;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque, hash_map},
    time::Duration,
};

/// What is to be done now.
#[derive(Debug)]
pub(super) struct Step<T> {
    /// To be made, each of these records; what is answered comes to [`Core::answered`].
    pub(super) requests: Vec<Vec<Unit<T>>>,
    /// Given up.
    pub(super) finished: Vec<Finished<T>>,
    /// Whether the shards are to be listed, for [`Core::listed`].
    pub(super) list_shards: bool,
    /// When to ask again, if nothing happens before.
    pub(super) wake: Option<Duration>,
}

/// A record's end.
#[derive(Debug)]
pub(super) struct Finished<T> {
    pub(super) token: T,
    pub(super) size_bytes: usize,
    pub(super) result: Result<Put>,
}

/// Lanes that can be taken from.
#[derive(Debug, Default)]
struct Ready {
    lanes: VecDeque<u128>,
    size_bytes: usize,
    /// When the oldest of them arrived, or one before it.
    oldest: Option<Duration>,
    /// Whether one of them fills an aggregate.
    full: bool,
}

/// All records that are not answered.
#[derive(Debug)]
pub(super) struct Core<T> {
    limits: Limits,
    lanes: HashMap<u128, Lane<T>>,
    ready: Ready,
    pausing: BinaryHeap<Reverse<(Duration, u128)>>,
    pub(super) sharding: Sharding<T>,
    epochs: Epochs,
    /// The epoch that is flushed.
    flushed: u64,
    serial: u128,
    closed: bool,
    metrics: Metrics,
    pub(super) chance: Chance,
}

impl<T> Core<T> {
    pub(super) fn new(limits: Limits, seed: u64) -> Self {
        Self {
            limits,
            lanes: HashMap::new(),
            ready: Ready::default(),
            pausing: BinaryHeap::new(),
            sharding: Sharding::default(),
            epochs: Epochs::default(),
            flushed: 0,
            serial: 0,
            closed: false,
            metrics: Metrics::default(),
            chance: Chance::new(seed),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts of now.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// For what is counted outside.
    pub(super) fn metrics_mut(&mut self) -> &mut Metrics {
        &mut self.metrics
    }

    /// Whether nothing more is taken.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    /// Ends it: nothing more is taken, and what is in it goes out; gives the epoch to wait for.
    pub(super) fn close(&mut self) -> u64 {
        self.closed = true;
        self.flush()
    }

    /// Makes what is in it go out without waiting for company; gives the epoch to wait for.
    pub(super) fn flush(&mut self) -> u64 {
        self.flushed = self.epochs.close();
        self.flushed
    }

    /// The epochs up to this one are wholly answered.
    pub(super) fn over(&self) -> u64 {
        self.epochs.over()
    }

    /// Takes a record in; whether [`Self::poll`] has something new to say.
    pub(super) fn push(&mut self, record: UserRecord, place: u128, token: T, now: Duration) -> bool {
        let epoch = self.epochs.enter();
        let entry = Entry { record, place, token, arrived: now, epoch, failures: 0, last: None };
        self.metrics.pending += 1;
        let idle = self.ready.oldest.is_none();
        self.route(entry);
        idle || (self.metrics.in_flight < self.limits.requests as u64 && self.due(now))
    }

    /// Puts an entry behind the others of its lane.
    pub(super) fn route(&mut self, entry: Entry<T>) {
        let lane = match self.limits.lanes {
            Lanes::Key => entry.place,
            Lanes::Record => {
                self.serial += 1;
                self.serial
            }
            Lanes::Shard(_) => match self.sharding.shard(entry.place) {
                Some(shard) => *shard.hash_keys.start(),
                None => return self.sharding.unrouted.push_back(entry),
            },
        };
        let (size_bytes, arrived) = (entry.size_bytes(), entry.arrived);
        match self.lanes.entry(lane) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(Lane::of(entry));
                self.make_ready(lane);
            }
            hash_map::Entry::Occupied(mut occupied) => {
                let lane = occupied.get_mut();
                lane.push(entry);
                if lane.state == State::Ready {
                    let lane_bytes = lane.size_bytes;
                    self.ready.grow(size_bytes, arrived, self.limits.lanes.full(lane_bytes));
                }
            }
        }
    }

    /// Lists a lane, which is not empty, among those to take from.
    fn make_ready(&mut self, id: u128) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        let Some(first) = lane.queue.front() else { return };
        lane.state = State::Ready;
        self.ready.lanes.push_back(id);
        self.ready.grow(lane.size_bytes, first.arrived, self.limits.lanes.full(lane.size_bytes));
    }

    fn due(&self, now: Duration) -> bool {
        let Some(oldest) = self.ready.oldest else { return false };
        self.ready.full
            || self.ready.lanes.len() >= self.limits.request_records
            || self.ready.size_bytes >= self.limits.request_bytes
            || oldest + self.limits.linger <= now
            || self.epochs.over() < self.flushed
    }

    /// What is to be done at `now`.
    pub(super) fn poll(&mut self, now: Duration) -> Step<T> {
        let mut step = Step { requests: Vec::new(), finished: Vec::new(), list_shards: false, wake: None };
        if matches!(self.limits.lanes, Lanes::Shard(_)) && self.metrics.pending > 0 && !self.sharding.known() {
            // Nothing is sent by an old map; and a new one counts only when nothing is under way by the old one, so that
            // no key has records in two lanes.
            if self.metrics.in_flight == 0 {
                step.list_shards = self.sharding.ask(now);
                step.wake = self.sharding.ask_at();
            }
            return step;
        }
        while let Some(&Reverse((due, lane))) = self.pausing.peek()
            && due <= now
        {
            self.pausing.pop();
            self.make_ready(lane);
        }
        while self.metrics.in_flight < self.limits.requests as u64 && self.due(now) {
            let units = self.take(now, &mut step.finished);
            if !units.is_empty() {
                self.metrics.in_flight += 1;
                step.requests.push(units);
            }
        }
        let linger = self.ready.oldest.filter(|_| self.metrics.in_flight < self.limits.requests as u64);
        let pause = self.pausing.peek().map(|Reverse((due, _))| *due);
        step.wake = linger.map(|oldest| oldest + self.limits.linger).into_iter().chain(pause).min();
        step
    }

    /// The records of a request.
    fn take(&mut self, now: Duration, finished: &mut Vec<Finished<T>>) -> Vec<Unit<T>> {
        let (mut units, mut taken_bytes) = (Vec::new(), 0);
        let earliest = now.saturating_sub(self.limits.patience);
        while units.len() < self.limits.request_records
            && let Some(id) = self.ready.lanes.pop_front()
        {
            let Some(lane) = self.lanes.get_mut(&id) else { continue };
            self.ready.size_bytes -= lane.size_bytes;
            let late = lane.late(earliest);
            // A record may be bigger than requests should be: then it goes alone.
            let room =
                if units.is_empty() { usize::MAX } else { self.limits.request_bytes.saturating_sub(taken_bytes) };
            let unit = match (self.limits.lanes, self.sharding.shard(id)) {
                (Lanes::Shard(max), Some(shard)) => lane.take_many(shard, max, room),
                _ => lane.take_one(id, room),
            };
            let left = lane.size_bytes;
            if let Some(unit) = unit {
                lane.state = State::InFlight;
                taken_bytes += unit.size_bytes;
                units.push(unit);
            } else if lane.queue.is_empty() {
                self.lanes.remove(&id);
            } else {
                self.ready.lanes.push_front(id);
                self.ready.size_bytes += left;
            }
            finished.extend(late.into_iter().map(|entry| self.give_up(entry)));
            if self.ready.lanes.front() == Some(&id) {
                break;
            }
        }
        if self.ready.lanes.is_empty() {
            (self.ready.oldest, self.ready.full) = (None, false);
        }
        units
    }

    /// Takes in what became of a request: a result a unit, or that of all.
    pub(super) fn answered(
        &mut self,
        units: Vec<Unit<T>>,
        answer: Result<Vec<Result<Put>>>,
        now: Duration,
    ) -> Vec<Finished<T>> {
        self.metrics.in_flight -= 1;
        self.metrics.requests += 1;
        self.metrics.failed_requests += u64::from(answer.is_err());
        let mut finished = Vec::new();
        let results = match answer {
            Ok(results) => results,
            Err(error) => vec![Err(error); units.len()],
        };
        for (unit, result) in units.into_iter().zip(results) {
            match result {
                Ok(put) => self.placed(unit, &put, now, &mut finished),
                Err(error) => self.refused(unit, error, now, &mut finished),
            }
        }
        finished
    }

    fn placed(&mut self, unit: Unit<T>, put: &Put, now: Duration, finished: &mut Vec<Finished<T>>) {
        let astray = unit.shard.as_ref().is_some_and(|shard| **shard != *put.shard_id());
        if astray {
            self.sharding.forget();
        }
        let aggregated = unit.entries.len() > 1;
        for (at, entry) in unit.entries.into_iter().enumerate() {
            let put = if aggregated { put.within(at) } else { put.clone() };
            if aggregated && astray {
                // Readers pass over records that do not belong to the shard they find them in: the new map tells which.
                self.sharding.astray.push((put, entry));
            } else {
                finished.push(self.finish(entry, Ok(put), now));
            }
        }
        self.release(unit.lane, None);
    }

    fn refused(&mut self, unit: Unit<T>, error: Error, now: Duration, finished: &mut Vec<Finished<T>>) {
        let passing = passes(&error);
        let last = self.limits.retry.retries;
        let (mut again, over): (Vec<_>, Vec<_>) =
            unit.entries.into_iter().partition(|entry| passing && entry.failures < last);
        finished.extend(over.into_iter().map(|entry| self.finish(entry, Err(error.clone()), now)));
        self.metrics.retries += again.len() as u64;
        let failures = again.iter().map(|entry| entry.failures).max().unwrap_or(0);
        let until = now + self.limits.retry.pause(failures, &mut self.chance);
        for entry in &mut again {
            entry.failures += 1;
            entry.last = Some(Box::new(error.clone()));
        }
        let pauses = !again.is_empty();
        if let Some(lane) = self.lanes.get_mut(&unit.lane) {
            lane.put_back(again);
        }
        self.release(unit.lane, pauses.then_some(until));
    }

    /// Lets a lane go on whose request is answered: at once, or at `due`.
    fn release(&mut self, id: u128, due: Option<Duration>) {
        match (self.lanes.get_mut(&id), due) {
            (Some(lane), _) if lane.queue.is_empty() => _ = self.lanes.remove(&id),
            (Some(lane), Some(due)) => {
                lane.state = State::Pausing;
                self.pausing.push(Reverse((due, id)));
            }
            (Some(_), None) => self.make_ready(id),
            (None, _) => {}
        }
    }

    /// Takes out all that waits, the records of each key in their order. Nothing may be under way.
    pub(super) fn drain(&mut self) -> Vec<Entry<T>> {
        (self.ready, self.pausing) = (Ready::default(), BinaryHeap::new());
        let lanes = std::mem::take(&mut self.lanes).into_values().flat_map(|lane| lane.queue);
        lanes.chain(std::mem::take(&mut self.sharding.unrouted)).collect()
    }

    /// The end of a record that waited too long.
    pub(super) fn give_up(&mut self, mut entry: Entry<T>) -> Finished<T> {
        let error = entry.last.take().map_or_else(|| self.too_late(), |error| *error);
        self.finish(entry, Err(error), Duration::ZERO)
    }

    fn too_late(&self) -> Error {
        let message = format!("the record could not be sent within {:?}", self.limits.patience);
        Error::Failed(Failed { operation: "PutRecords", status: None, code: None, message })
    }

    /// Counts a record out.
    pub(super) fn finish(&mut self, entry: Entry<T>, result: Result<Put>, now: Duration) -> Finished<T> {
        let size_bytes = entry.size_bytes();
        self.epochs.leave(entry.epoch);
        self.metrics.pending -= 1;
        match result {
            Ok(_) => self.metrics.written(size_bytes, now.saturating_sub(entry.arrived)),
            Err(_) => self.metrics.failures += 1,
        }
        Finished { token: entry.token, size_bytes, result }
    }
}

impl Ready {
    fn grow(&mut self, size_bytes: usize, arrived: Duration, full: bool) {
        self.size_bytes += size_bytes;
        self.oldest = Some(self.oldest.map_or(arrived, |oldest| oldest.min(arrived)));
        self.full |= full;
    }
}

#[cfg(test)]
mod tests;
