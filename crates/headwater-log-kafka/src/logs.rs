//! A log as this process knows it: its bounds, and the appends that wait for their turn.
//!
//! Invariant: appends leave in the order of calls, one turn after the other's end, so one that failed or whose outcome is
//! unknown never comes to stand behind a later one. Bounds only rise.
use crate::moved::Signs;
use bytes::Bytes;
use headwater_log::{Bounds, LogError, LogId, Seq, Stamp};
use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
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
    queue: Mutex<Queue>,
    /// The places behind one another that this process has written last.
    written: Mutex<Range<Seq>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Somebody takes the turns.
    writing: bool,
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
            queue: Mutex::default(),
            written: Mutex::new(NOTHING),
        }
    }

    /// Takes a place in the queue. True if somebody has to begin taking turns.
    pub(crate) fn enqueue(&self, append: Waiting) -> bool {
        let mut queue = self.queue();
        queue.waiting.push_back(append);
        !std::mem::replace(&mut queue.writing, true)
    }

    /// The appends of the next turn; without one, whoever asked is done.
    pub(crate) fn next_turn(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue();
        let (mut turn, mut size_bytes) = (Vec::new(), 0);
        while let Some(next) = queue.waiting.front()
            && (turn.is_empty() || size_bytes + next.size_bytes <= TURN_BYTES)
        {
            size_bytes += next.size_bytes;
            turn.extend(queue.waiting.pop_front());
        }
        queue.writing = !turn.is_empty();
        queue.writing.then_some(turn)
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
        self.bounds.receiver_count() == 0 && *self.bounds.borrow() == Bounds::default() && !self.queue().writing
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_log::LogGroup;

    fn append(size_bytes: usize) -> Waiting {
        Waiting { entries: Vec::new(), size_bytes, tell: oneshot::channel().0 }
    }

    fn sizes(log: &Log) -> Option<Vec<usize>> {
        Some(log.next_turn()?.iter().map(|append| append.size_bytes).collect())
    }

    #[test]
    fn one_at_a_time_takes_turns_of_what_has_arrived() {
        let log = Log::new(LogId::new(LogGroup(1), 0));
        assert!(log.enqueue(append(1)), "the first has to begin");
        assert!(!log.enqueue(append(2)), "somebody takes turns");
        assert_eq!(sizes(&log), Some(vec![1, 2]));
        assert!(!log.enqueue(append(3)));
        assert_eq!(sizes(&log), Some(vec![3]));
        assert_eq!(sizes(&log), None);
        assert!(log.enqueue(append(4)), "nobody takes turns any more");
    }

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
    fn a_turn_is_bounded_and_a_large_append_has_its_own() {
        let log = Log::new(LogId::new(LogGroup(1), 0));
        for size in [TURN_BYTES - 1, 1, 1, 5 * TURN_BYTES, 2] {
            log.enqueue(append(size));
        }
        assert_eq!(sizes(&log), Some(vec![TURN_BYTES - 1, 1]));
        assert_eq!(sizes(&log), Some(vec![1]));
        assert_eq!(sizes(&log), Some(vec![5 * TURN_BYTES]));
        assert_eq!(sizes(&log), Some(vec![2]));
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
