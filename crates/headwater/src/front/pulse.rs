//! A connection's signs of life, noted in passing and looked at now and then, so that waiting too long costs a request
//! nothing. Invariant: a connection that neither works nor moves is found within a check's interval.
use headwater_log::clock::Clock;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// How often a connection is looked at.
pub(crate) const CHECK_MS: u64 = 5_000;
/// A request's head has to be whole after this long.
const HEAD_US: u64 = 30_000_000;
/// A body that is awaited has to move within this time.
const STALL_US: u64 = 30_000_000;
/// A connection without requests may stay open this long; longer than any SDK keeps one in its pool.
const IDLE_US: u64 = 300_000_000;

/// The signs of one connection.
pub(crate) struct Pulse {
    clock: Arc<dyn Clock>,
    /// When bytes last moved, either way.
    moved_us: AtomicU64,
    /// When the first byte of a head came that is not whole yet; 0 if there is none.
    head_us: AtomicU64,
    /// HTTP/2 sends frames of its own between requests, so that a byte does not begin a head there.
    counts_heads: AtomicBool,
    working: AtomicU32,
    reading: AtomicU32,
}

/// A request is being worked on for as long as this lives.
pub(crate) struct Working<'a>(&'a Pulse);

/// A body is being awaited for as long as this lives.
pub(crate) struct Reading<'a> {
    pulse: &'a Pulse,
    since_us: u64,
}

impl Reading<'_> {
    /// For how long by now.
    pub(crate) fn lasts_ms(&self) -> u64 {
        self.pulse.clock.steady_us().saturating_sub(self.since_us) / 1000
    }
}

impl Pulse {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let now_us = clock.steady_us();
        Self {
            clock,
            moved_us: AtomicU64::new(now_us),
            head_us: AtomicU64::new(0),
            counts_heads: AtomicBool::new(false),
            working: AtomicU32::new(0),
            reading: AtomicU32::new(0),
        }
    }

    /// From now on a byte between requests begins a head: HTTP/1. One has begun already.
    pub(crate) fn count_heads(&self) {
        self.counts_heads.store(true, Relaxed);
        self.head_us.store(self.clock.steady_us(), Relaxed);
    }

    /// Bytes came in.
    pub(crate) fn received(&self) {
        let now_us = self.clock.steady_us();
        self.moved_us.store(now_us, Relaxed);
        if self.working.load(Relaxed) == 0 && self.counts_heads.load(Relaxed) && self.head_us.load(Relaxed) == 0 {
            self.head_us.store(now_us, Relaxed);
        }
    }

    /// Bytes went out.
    pub(crate) fn sent(&self) {
        self.moved_us.store(self.clock.steady_us(), Relaxed);
    }

    /// A head is whole, and its request is worked on.
    pub(crate) fn work(&self) -> Working<'_> {
        self.head_us.store(0, Relaxed);
        self.working.fetch_add(1, Relaxed);
        Working(self)
    }

    /// A body is awaited.
    pub(crate) fn read(&self) -> Reading<'_> {
        self.reading.fetch_add(1, Relaxed);
        Reading { pulse: self, since_us: self.moved_us.load(Relaxed) }
    }

    /// Whether the connection has to be given up.
    pub(crate) fn is_overdue(&self) -> bool {
        let now_us = self.clock.steady_us();
        let still_us = now_us.saturating_sub(self.moved_us.load(Relaxed));
        if self.working.load(Relaxed) > 0 {
            return self.reading.load(Relaxed) > 0 && still_us > STALL_US;
        }
        let head_us = self.head_us.load(Relaxed);
        still_us > IDLE_US || head_us != 0 && now_us.saturating_sub(head_us) > HEAD_US
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Relaxed);
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.pulse.reading.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_log::clock::ManualClock;

    fn pulse() -> (ManualClock, Pulse) {
        let clock = ManualClock::at(1_000);
        (clock.clone(), Pulse::new(Arc::new(clock)))
    }

    #[test]
    fn a_head_that_trickles_is_overdue_though_bytes_come() {
        let (clock, pulse) = pulse();
        pulse.count_heads();
        for _ in 0..4 {
            clock.advance(8_000);
            pulse.received();
        }
        assert!(pulse.is_overdue());
        drop(pulse.work());
        assert!(!pulse.is_overdue());
    }

    #[test]
    fn an_idle_connection_may_stay_for_a_while() {
        let (clock, pulse) = pulse();
        pulse.count_heads();
        drop(pulse.work());
        clock.advance(299_000);
        assert!(!pulse.is_overdue());
        clock.advance(2_000);
        assert!(pulse.is_overdue());
    }

    #[test]
    fn a_request_at_work_may_take_its_time_but_its_body_may_not() {
        let (clock, pulse) = pulse();
        let _working = pulse.work();
        clock.advance(1_000_000);
        assert!(!pulse.is_overdue());
        let reading = pulse.read();
        pulse.received();
        clock.advance(29_000);
        assert!(!pulse.is_overdue());
        clock.advance(2_000);
        assert!(pulse.is_overdue());
        drop(reading);
        assert!(!pulse.is_overdue());
    }
}
