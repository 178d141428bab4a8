//! How much is written to the shards of on-demand streams, so that they may grow and shrink: in memory alone.
//!
//! Invariant: one count a shard for the window that runs, one figure for the last whole window, and one for each hour
//! of the last day; a process that starts has observed nothing yet, so nothing shrinks for a day.
use crate::limits::{ShardKey, WRITE_BYTES, WRITE_RECORDS};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

/// How long writes are counted before they are judged.
pub(crate) const WINDOW_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What was observed of one shard.
struct Meter {
    since_ms: u64,
    /// When the window that runs began.
    window_ms: u64,
    bytes: u64,
    records: u64,
    /// Thousandths of what a shard takes, in the last whole window.
    latest: u32,
    /// The most of any window, by hour; the oldest first.
    peaks: VecDeque<(u64, u32)>,
}

impl Meter {
    const fn new(now_ms: u64) -> Self {
        Self { since_ms: now_ms, window_ms: now_ms, bytes: 0, records: 0, latest: 0, peaks: VecDeque::new() }
    }

    /// Closes the window if it is over.
    fn turn(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.window_ms);
        if passed_ms < WINDOW_MS {
            return;
        }
        let share = |count: u64, per_second: u64| count.saturating_mul(1_000_000) / (per_second * passed_ms);
        let permille = share(self.bytes, WRITE_BYTES).max(share(self.records, WRITE_RECORDS));
        self.latest = u32::try_from(permille).unwrap_or(u32::MAX);
        (self.window_ms, self.bytes, self.records) = (now_ms, 0, 0);
        let hour = now_ms / HOUR_MS;
        match self.peaks.back_mut() {
            Some((held, peak)) if *held == hour => *peak = self.latest.max(*peak),
            _ => self.peaks.push_back((hour, self.latest)),
        }
        let first = now_ms.saturating_sub(DAY_MS) / HOUR_MS;
        while self.peaks.front().is_some_and(|(held, _)| *held < first) {
            self.peaks.pop_front();
        }
    }
}

/// The meters of all shards.
#[derive(Default)]
pub(crate) struct Loads(Mutex<HashMap<ShardKey, Meter>>);

impl Loads {
    /// Counts a record of `size_bytes`.
    pub(crate) fn note(&self, shard: ShardKey, size_bytes: usize, now_ms: u64) {
        self.with(shard, now_ms, |meter| {
            meter.bytes += u64::try_from(size_bytes).unwrap_or(u64::MAX);
            meter.records += 1;
        });
    }

    /// Thousandths of what the shard takes: in the last whole window, and at most in the last day once that is over.
    pub(crate) fn observe(&self, shard: ShardKey, now_ms: u64) -> (u32, Option<u32>) {
        self.with(shard, now_ms, |meter| {
            let peak = meter.peaks.iter().map(|(_, peak)| *peak).max();
            (meter.latest, peak.filter(|_| now_ms.saturating_sub(meter.since_ms) >= DAY_MS))
        })
    }

    /// Forgets the shards that are not among those `kept`.
    pub(crate) fn retain(&self, kept: impl Fn(ShardKey) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|shard, _| kept(*shard));
    }

    fn with<T>(&self, shard: ShardKey, now_ms: u64, act: impl FnOnce(&mut Meter) -> T) -> T {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meter = meters.entry(shard).or_insert_with(|| Meter::new(now_ms));
        meter.turn(now_ms);
        act(meter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardKey = (1, 0);

    #[test]
    fn a_window_is_judged_when_it_is_over_by_bytes_or_by_records() {
        let loads = Loads::default();
        for _ in 0..60 {
            loads.note(SHARD, 1 << 19, 0);
        }
        assert_eq!(loads.observe(SHARD, WINDOW_MS - 1), (0, None));
        assert_eq!(loads.observe(SHARD, WINDOW_MS), (500, None));
        (0..30_000).for_each(|_| loads.note(SHARD, 1, WINDOW_MS));
        assert_eq!(loads.observe(SHARD, 2 * WINDOW_MS), (500, None));
        assert_eq!(loads.observe(SHARD, 3 * WINDOW_MS), (0, None));
    }

    #[test]
    fn a_peak_is_known_after_a_day_and_forgotten_after_another() {
        let loads = Loads::default();
        for _ in 0..60 {
            loads.note(SHARD, 1 << 20, 0);
        }
        assert_eq!(loads.observe(SHARD, WINDOW_MS).0, 1000);
        assert_eq!(loads.observe(SHARD, DAY_MS), (0, Some(1000)));
        assert_eq!(loads.observe(SHARD, DAY_MS + 2 * HOUR_MS), (0, Some(0)));
        loads.retain(|_| false);
        assert_eq!(loads.observe(SHARD, 3 * DAY_MS), (0, None));
    }
}
