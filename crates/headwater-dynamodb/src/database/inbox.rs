//! What the applier is asked for, in the order in which entries stand in the log.
//!
//! Invariant: whoever appends an entry of this process holds the decider while it appends and asks, so both are of one
//! order.
use super::change::Change;
use headwater_log::{Bounds, Commit, LogError, Seq, Stamp};
use std::{
    collections::VecDeque,
    future::{poll_fn, ready},
    task::{Context, Poll, Waker},
};
use tokio::sync::{mpsc, oneshot, watch};

/// Who waits for what becomes of it.
pub(super) type Told = oneshot::Sender<Result<(), LogError>>;

/// What the applier is asked for.
pub(super) enum Asked {
    /// To answer once an entry, and all before it, is applied.
    Entry(Pending),
    /// To have this process decide.
    Seat(Told),
}

/// An entry on its way.
pub(super) struct Pending {
    pub(super) what: What,
    pub(super) commit: Commit,
    pub(super) tell: Told,
}

pub(super) enum What {
    Decision {
        epoch: u64,
        number: u64,
        changes: Vec<Change>,
    },
    /// Nothing was decided, but what was looked at may still be on its way; where others may decide, it is the newest
    /// only if this process still decides once the entry has been read.
    Look {
        epoch: u64,
    },
    /// Whatever was acknowledged before is to be in the rows.
    Barrier,
}

/// Decisions applied in one batch, at most.
const GROUP: usize = 256;
/// What happens next.
pub(super) enum Event {
    Asked(Asked),
    /// There is something in the log that was not read.
    Grown,
}

/// What the applier is asked for, in order.
pub(super) struct Inbox {
    /// To be taken before the queue.
    pub(super) first: VecDeque<Asked>,
    queue: mpsc::UnboundedReceiver<Asked>,
    /// Where the log ends, if others may write to it.
    pub(super) bounds: Option<watch::Receiver<Bounds>>,
}

impl Inbox {
    pub(super) const fn new(queue: mpsc::UnboundedReceiver<Asked>, bounds: Option<watch::Receiver<Bounds>>) -> Self {
        Self { first: VecDeque::new(), queue, bounds }
    }

    /// `None` once the database is gone.
    pub(super) async fn next(&mut self, read_to: Seq, is_own_next: bool) -> Option<Event> {
        if let Some(asked) = self.first.pop_front().or_else(|| self.queue.try_recv().ok()) {
            return Some(Event::Asked(asked));
        }
        let Some(bounds) = self.bounds.as_mut().filter(|_| !is_own_next) else {
            return self.queue.recv().await.map(Event::Asked);
        };
        loop {
            if bounds.borrow_and_update().tail > read_to {
                return Some(Event::Grown);
            }
            tokio::select! {
                biased; // as above: what is asked comes first
                asked = self.queue.recv() => return asked.map(Event::Asked),
                changed = bounds.changed() => if changed.is_err() { return None },
            }
        }
    }

    /// The entry that stands in the log first, once that is known, and those behind it of which it is known already.
    pub(super) async fn group(&mut self, mut first: Pending) -> Vec<Written> {
        let outcome = poll_fn(|context| first.commit.as_mut().poll(context)).await;
        let mut group = vec![Written::new(first, outcome)];
        while group.len() < GROUP {
            let Some(asked) = self.first.pop_front().or_else(|| self.queue.try_recv().ok()) else { break };
            let mut pending = match asked {
                Asked::Entry(pending) => pending,
                asked @ Asked::Seat(_) => {
                    self.first.push_front(asked);
                    break;
                }
            };
            match pending.commit.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(outcome) => group.push(Written::new(pending, outcome)),
                Poll::Pending => {
                    self.first.push_front(Asked::Entry(pending));
                    break;
                }
            }
        }
        group
    }

    /// All that waits.
    pub(super) fn drain(&mut self) -> Vec<Asked> {
        let queued = std::iter::from_fn(|| self.queue.try_recv().ok());
        self.first.drain(..).chain(queued).collect()
    }
}

/// An entry of which it is known whether it was written.
pub(super) struct Written {
    pub(super) what: What,
    pub(super) tell: Told,
    /// Where it stands, if it is one.
    pub(super) outcome: Result<Option<Stamp>, LogError>,
}

impl Written {
    fn new(Pending { what, tell, .. }: Pending, outcome: Result<Vec<Stamp>, LogError>) -> Self {
        Self { what, tell, outcome: outcome.map(|stamps| stamps.first().copied()) }
    }

    pub(super) fn again(self) -> Asked {
        let Self { what, tell, outcome } = self;
        let commit = Box::pin(ready(outcome.map(|stamp| stamp.into_iter().collect())));
        Asked::Entry(Pending { what, commit, tell })
    }

    /// Whether what was decided upon it fails with it.
    pub(super) const fn is_failed_decision(&self) -> bool {
        matches!((&self.what, &self.outcome), (What::Decision { .. }, Err(_)))
    }
}
