//! What waits to be written. Invariant: the order in which items come out is the order in which they were put in, and
//! each is answered exactly once.
use crate::{LogError, LogId, Stamp};
use bytes::Bytes;
use std::{
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;

/// Most bytes of one append: it is written as one group, and offsets in a file have 32 bits.
const APPEND_BYTES: usize = 1 << 30;

/// Something for the journal.
pub(super) enum Item {
    Append { log: LogId, entries: Vec<Bytes>, reply: oneshot::Sender<Result<Vec<Stamp>, LogError>> },
    Trim { log: LogId, before: u64, reply: Option<oneshot::Sender<Result<(), LogError>>> },
}

impl Item {
    /// Bytes of its entries.
    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Self::Append { entries, .. } => entries.iter().map(Bytes::len).sum(),
            Self::Trim { .. } => 0,
        }
    }

    /// Answers that it was not written. Nobody may be listening any more.
    pub(super) fn refuse(self, error: LogError) {
        match self {
            Self::Append { reply, .. } => drop(reply.send(Err(error))),
            Self::Trim { reply: Some(reply), .. } => drop(reply.send(Err(error))),
            Self::Trim { reply: None, .. } => {}
        }
    }
}

#[derive(Default)]
struct State {
    items: Vec<Item>,
    /// Bytes of entries not answered yet.
    waiting_bytes: usize,
    /// Somebody sleeps until so many items wait.
    asleep_for: Option<usize>,
    closing: bool,
    broken: Option<LogError>,
}

/// The queue in front of the journal.
pub(super) struct Intake {
    state: Mutex<State>,
    wake: Condvar,
    most_bytes: usize,
}

impl Intake {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { state: Mutex::default(), wake: Condvar::new(), most_bytes }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item at the end, or refuses it at once: when the writer is gone, and when more waits than memory should
    /// hold (`Full`: nothing was written, try again later).
    pub(super) fn put(&self, item: Item) {
        let mut state = self.state();
        let size_bytes = item.size_bytes();
        let refused = match &state.broken {
            Some(error) => Some(error.clone()),
            None if size_bytes > APPEND_BYTES => Some(LogError::Io("an append is larger than a file may be".into())),
            None if state.closing => Some(LogError::Io("the engine is closed".into())),
            None if state.waiting_bytes > 0 && state.waiting_bytes + size_bytes > self.most_bytes => {
                Some(LogError::Full)
            }
            None => None,
        };
        if let Some(error) = refused {
            drop(state);
            return item.refuse(error);
        }
        state.waiting_bytes += size_bytes;
        state.items.push(item);
        if state.asleep_for.is_some_and(|wanted| state.items.len() >= wanted) {
            state.asleep_for = None;
            self.wake.notify_one();
        }
    }

    /// All that waits, without waiting for it.
    pub(super) fn take(&self) -> Vec<Item> {
        mem::take(&mut self.state().items)
    }

    /// So many bytes were answered.
    pub(super) fn answered(&self, size_bytes: usize) {
        let mut state = self.state();
        state.waiting_bytes = state.waiting_bytes.saturating_sub(size_bytes);
    }

    /// Sleeps until something waits; false once the engine closes and nothing does.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.state();
        while state.items.is_empty() {
            if state.closing || state.broken.is_some() {
                return false;
            }
            state.asleep_for = Some(1);
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// How many items wait.
    pub(super) fn len(&self) -> usize {
        self.state().items.len()
    }

    /// Sleeps until `wanted` items wait, or for `pause` if not so many come.
    pub(super) fn wait_for(&self, wanted: usize, pause: Duration) {
        let mut state = self.state();
        if state.items.len() < wanted && !state.closing && state.broken.is_none() {
            state.asleep_for = Some(wanted);
            state = self.wake.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
            state.asleep_for = None;
        }
    }

    /// Whether the journal or the upkeep has failed.
    pub(super) fn is_broken(&self) -> bool {
        self.state().broken.is_some()
    }

    /// Whether nothing more comes in.
    pub(super) fn is_closed(&self) -> bool {
        let state = self.state();
        state.closing || state.broken.is_some()
    }

    /// Lets nothing more in; what waits is still written.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.wake.notify_one();
    }

    /// Lets nothing more in and refuses what waits: the writer is gone.
    pub(super) fn fail(&self, error: &LogError) {
        let mut state = self.state();
        state.broken = Some(error.clone());
        let items = mem::take(&mut state.items);
        self.wake.notify_one();
        drop(state);
        items.into_iter().for_each(|item| item.refuse(error.clone()));
    }
}
