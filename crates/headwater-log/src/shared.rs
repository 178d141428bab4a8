//! Logs that several processes write to, as each of them sees them: what it appends arrives later than called and
//! sometimes not at all, or nobody knows whether; what it asks is answered later, in part, or not. What the protocols
//! between processes are tried on.
//!
//! Invariant: what one process appends to one log arrives in the order of its calls, each turn after the answer to the
//! one before; only what its process has given up arrives whenever it likes. Places rise over all logs together, so they
//! tell what came before what.
mod way;

use crate::{Engine as _, Entry, LogId, Seq, Stamp, clock::Clock, memory::MemoryEngine};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
pub use way::Way;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// What was called for.
    Fine,
    /// Nothing, which is known.
    Refused,
    /// Nothing, which nobody knows.
    Lost,
    /// What was called for, which nobody knows; of what was to be read, a part.
    Kept,
    /// As lost, but an append arrives sometime.
    Late,
}

/// What is common to all processes.
pub struct Shared {
    /// What stands in the logs.
    pub log: Arc<MemoryEngine>,
    state: Mutex<Common>,
}

#[derive(Default)]
struct Common {
    late: VecDeque<(LogId, Vec<Bytes>)>,
    /// All that was ever written, trimmed or not.
    history: BTreeMap<LogId, Vec<Entry>>,
}

impl Shared {
    /// Empty logs that stamp by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { log: MemoryEngine::shared(clock), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, Common> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the log ended, and where the entries stand now.
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> (Seq, Vec<Stamp>) {
        let mut state = self.state();
        let (tail, stamps) = (self.log.bounds(log).tail, self.log.append_now(log, entries.clone()));
        let held = stamps.iter().zip(entries).map(|(stamp, bytes)| Entry { stamp: *stamp, bytes });
        state.history.entry(log).or_default().extend(held);
        (tail, stamps)
    }

    /// How many appends that were given up are still on their way.
    #[must_use]
    pub fn late(&self) -> usize {
        self.state().late.len()
    }

    /// One of these arrives.
    pub fn let_in_one(&self, at: usize) {
        let late = self.state().late.remove(at);
        if let Some((log, entries)) = late {
            self.append(log, entries);
        }
    }

    /// All of them do.
    pub fn let_in(&self) {
        while self.late() > 0 {
            self.let_in_one(0);
        }
    }

    /// Everything that ever was in a log, from a place on.
    #[must_use]
    pub fn history(&self, log: LogId, from: Seq) -> Vec<Entry> {
        let state = self.state();
        let all = state.history.get(&log).into_iter().flatten();
        all.filter(|entry| entry.stamp.seq >= from).cloned().collect()
    }

    /// Every log that was ever written to.
    #[must_use]
    pub fn logs(&self) -> Vec<LogId> {
        self.state().history.keys().copied().collect()
    }
}

/// Something that may happen next to a process that is led by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// What it has called for in this log arrives there.
    Arrives(LogId),
    /// It is told what came of that.
    Answered(LogId),
    /// What it has asked, so many before it, is answered.
    Asked(usize),
    /// It hears where the log ends by now.
    Hears(LogId),
}

/// What a process that runs by itself sees of the logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    /// What is there.
    Common,
    /// Never that they have grown.
    Blind,
    /// Also what was trimmed.
    Whole,
}
