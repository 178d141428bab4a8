//! A connection's signs of life. A request only leaves marks; the time is taken when somebody looks at them, now and
//! then, so that waiting for the slow costs the quick nothing.
//!
//! Invariant: a connection that neither works nor moves is found by the first look after its time is up.
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// How often a connection is looked at.
pub(crate) const LOOK_MS: u64 = 500;
/// A request's head has to be whole after this long.
const HEAD_MS: u64 = 30_000;
/// A body that is awaited has to move within this time.
const STALL_MS: u64 = 30_000;
/// A connection without requests may stay open this long; longer than any SDK keeps one in its pool.
const IDLE_MS: u64 = 300_000;

/// The marks of one connection.
#[derive(Default)]
pub(crate) struct Pulse {
    /// Bytes moved, either way, since the last look.
    moved: AtomicBool,
    /// The first byte of a head came, and the head is not whole.
    in_head: AtomicBool,
    /// HTTP/2 sends frames of its own between requests, so that a byte does not begin a head there.
    counts_heads: AtomicBool,
    /// Requests so far: tells one head from the next.
    requests: AtomicU32,
    working: AtomicU32,
    reading: AtomicU32,
}

/// A request is being worked on for as long as this lives.
pub(crate) struct Working<'a>(&'a Pulse);

/// A body is being awaited for as long as this lives.
pub(crate) struct Reading<'a>(&'a Pulse);

impl Pulse {
    /// From now on a byte between requests begins a head: HTTP/1. One has begun already.
    pub(crate) fn count_heads(&self) {
        self.counts_heads.store(true, Relaxed);
        self.in_head.store(true, Relaxed);
    }

    /// Bytes came in.
    pub(crate) fn received(&self) {
        self.moved.store(true, Relaxed);
        if self.working.load(Relaxed) == 0 && self.counts_heads.load(Relaxed) {
            self.in_head.store(true, Relaxed);
        }
    }

    /// Bytes went out.
    pub(crate) fn sent(&self) {
        self.moved.store(true, Relaxed);
    }

    /// A head is whole, and its request is worked on.
    pub(crate) fn work(&self) -> Working<'_> {
        self.in_head.store(false, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.working.fetch_add(1, Relaxed);
        Working(self)
    }

    /// A body is awaited.
    pub(crate) fn read(&self) -> Reading<'_> {
        self.reading.fetch_add(1, Relaxed);
        Reading(self)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Relaxed);
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Relaxed);
    }
}

/// Who looks at a pulse, and what was seen before.
pub(crate) struct Lookout {
    moved_ms: u64,
    /// The head that was not whole at the last look – by the requests before it – and since when.
    head: Option<(u32, u64)>,
}

impl Lookout {
    /// Begins to look at a connection that has just moved.
    pub(crate) const fn new(now_ms: u64) -> Self {
        Self { moved_ms: now_ms, head: None }
    }

    /// Looks; answers whether the connection has to be given up.
    pub(crate) fn is_overdue(&mut self, pulse: &Pulse, now_ms: u64) -> bool {
        if pulse.moved.swap(false, Relaxed) {
            self.moved_ms = now_ms;
        }
        let still_ms = now_ms.saturating_sub(self.moved_ms);
        let requests = pulse.requests.load(Relaxed);
        let since_ms = self.head.filter(|(before, _)| *before == requests).map_or(now_ms, |(_, since_ms)| since_ms);
        self.head = pulse.in_head.load(Relaxed).then_some((requests, since_ms));
        if pulse.working.load(Relaxed) > 0 {
            return pulse.reading.load(Relaxed) > 0 && still_ms > STALL_MS;
        }
        still_ms > IDLE_MS || self.head.is_some_and(|(_, since_ms)| now_ms.saturating_sub(since_ms) > HEAD_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_trickles_is_overdue_though_bytes_come() {
        let (pulse, mut lookout) = (Pulse::default(), Lookout::new(0));
        pulse.count_heads();
        for now_ms in (0..=30_000).step_by(1_000) {
            pulse.received();
            assert!(!lookout.is_overdue(&pulse, now_ms), "{now_ms}");
        }
        assert!(lookout.is_overdue(&pulse, 31_000));
        drop(pulse.work());
        assert!(!lookout.is_overdue(&pulse, 32_000));
    }

    #[test]
    fn a_busy_connection_is_never_overdue_however_its_heads_fall_to_the_looks() {
        let (pulse, mut lookout) = (Pulse::default(), Lookout::new(0));
        pulse.count_heads();
        for now_ms in (0..100_000).step_by(1_000) {
            drop(pulse.work());
            pulse.received();
            assert!(!lookout.is_overdue(&pulse, now_ms), "{now_ms}");
        }
    }

    #[test]
    fn an_idle_connection_may_stay_for_a_while() {
        let (pulse, mut lookout) = (Pulse::default(), Lookout::new(0));
        pulse.count_heads();
        drop(pulse.work());
        assert!(!lookout.is_overdue(&pulse, 300_000));
        assert!(lookout.is_overdue(&pulse, 301_000));
    }

    #[test]
    fn a_request_at_work_may_take_its_time_but_its_body_may_not() {
        let (pulse, mut lookout) = (Pulse::default(), Lookout::new(0));
        let _working = pulse.work();
        assert!(!lookout.is_overdue(&pulse, 1_000_000));
        let reading = pulse.read();
        pulse.received();
        assert!(!lookout.is_overdue(&pulse, 1_001_000));
        assert!(!lookout.is_overdue(&pulse, 1_030_000));
        assert!(lookout.is_overdue(&pulse, 1_032_000));
        drop(reading);
        assert!(!lookout.is_overdue(&pulse, 1_033_000));
    }
}
