//! A log as this process knows it: its bounds, and the appends that wait for their turn.
//!
//! Invariant: appends leave in the order of calls, one turn after the other's end, so one that failed or whose outcome is
//! unknown never comes to stand behind a later one. Bounds only rise.
use crate::{moved::Signs, turns::Turns};
use bytes::Bytes;
use headwater_log::{Bounds, LogError, LogId, Seq, Stamp};
use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};
use tokio::sync::{oneshot, watch};

/// A turn takes appends until they come to this; a larger one makes a turn of its own.
const TURN_BYTES: usize = 1 << 20;

/// Behind every place.
const NOTHING: Range<Seq> = Seq(u64::MAX)..Seq(u64::MAX);

/// One log.
pub(crate) struct Log {
    pub(crate) id: LogId,
    pub(crate) bounds: watch::Sender<Bounds>,
    /// Where what it brought from elsewhere is found.
    pub(crate) signs: Signs,
    pub(crate) appends: Turns<Waiting>,
    /// The places behind one another that this process has written last.
    written: Mutex<Range<Seq>>,
}

/// An append that waits.
pub(crate) struct Waiting {
    pub(crate) entries: Vec<Bytes>,
    pub(crate) size_bytes: usize,
    pub(crate) tell: oneshot::Sender<Result<Vec<Stamp>, LogError>>,
}

impl Log {
    pub(crate) fn new(id: LogId) -> Self {
        Self {
            id,
            bounds: watch::Sender::new(Bounds::default()),
            signs: Signs::default(),
            appends: Turns::of(TURN_BYTES),
            written: Mutex::new(NOTHING),
        }
    }

    /// Takes in what was heard of the log's bounds; what is older than what is known changes nothing.
    pub(crate) fn learn(&self, first: Seq, tail: Seq) {
        self.bounds.send_if_modified(|bounds| {
            let before = *bounds;
            bounds.first = bounds.first.max(first);
            bounds.tail = bounds.tail.max(tail).max(bounds.first);
            *bounds != before
        });
    }

    /// Notes what this process has written, in the order of places.
    pub(crate) fn wrote(&self, stamps: &[Stamp]) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        for stamp in stamps {
            if stamp.seq != written.end {
                written.start = stamp.seq; // somebody else's stands between
            }
            written.end = stamp.seq.next();
        }
    }

    /// Where what this process has written last, without anybody else's between, begins.
    pub(crate) fn written_since(&self) -> Seq {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).start
    }

    /// Nothing would be lost by forgetting it.
    pub(crate) fn is_blank(&self) -> bool {
        self.bounds.receiver_count() == 0 && *self.bounds.borrow() == Bounds::default() && self.appends.is_idle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_log::LogGroup;

    #[test]
    fn what_others_write_between_is_noticed() {
        let log = Log::new(LogId::new(LogGroup(1), 0));
        let wrote = |places: &[u64]| {
            let stamps: Vec<Stamp> = places.iter().map(|place| Stamp { seq: Seq(*place), time_ms: 0 }).collect();
            log.wrote(&stamps);
            log.written_since()
        };
        assert_eq!(wrote(&[]), Seq(u64::MAX));
        assert_eq!(wrote(&[4, 5]), Seq(4));
        assert_eq!(wrote(&[6]), Seq(4));
        assert_eq!(wrote(&[8, 9]), Seq(8));
        assert_eq!(wrote(&[10, 12]), Seq(12));
    }

    #[test]
    fn bounds_only_rise() {
        let log = Log::new(LogId::new(LogGroup(1), 0));
        let watch = log.bounds.subscribe();
        log.learn(Seq(2), Seq(9));
        log.learn(Seq(1), Seq(8));
        assert_eq!(*watch.borrow(), Bounds { first: Seq(2), tail: Seq(9) });
        log.learn(Seq(20), Seq(9));
        assert_eq!(*watch.borrow(), Bounds { first: Seq(20), tail: Seq(20) });
        assert!(!log.is_blank());
    }
}
