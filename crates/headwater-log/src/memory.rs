//! The engine that keeps everything in memory: for tests and `--ephemeral`. Durable means "in the map".
use crate::{Batch, Bounds, Commit, Engine, Entry, Limits, LogError, LogId, Seq, Stamp, clock::Clock, engine};
use bytes::Bytes;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Many logs in memory. Places are counted over all logs together, so they are as sparse as on disk.
pub struct MemoryEngine {
    clock: Arc<dyn Clock>,
    is_shared: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    last_time_ms: u64,
    logs: HashMap<LogId, Log>,
}

struct Log {
    entries: VecDeque<Entry>,
    bounds: watch::Sender<Bounds>,
}

impl Default for Log {
    fn default() -> Self {
        Self { entries: VecDeque::new(), bounds: watch::Sender::new(Bounds::default()) }
    }
}

impl MemoryEngine {
    /// An empty engine that stamps by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, is_shared: false, state: Mutex::default() })
    }

    /// An empty engine as several processes share it: whatever is in a log, somebody else may have written.
    #[must_use]
    pub fn shared(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, is_shared: true, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for MemoryEngine {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        Box::pin(std::future::ready(Ok(self.append_now(log, entries))))
    }

    fn read(&self, log: LogId, from: Seq, limits: Limits) -> engine::Reading<'_> {
        Box::pin(std::future::ready(self.read_now(log, from, limits)))
    }
    fn trim(&self, log: LogId, before: Seq) -> engine::Trimming<'_> {
        if let Some(held) = self.state().logs.get_mut(&log) {
            let kept = held.entries.partition_point(|entry| entry.stamp.seq < before);
            held.entries.drain(..kept);
            held.bounds.send_modify(|bounds| bounds.first = bounds.first.max(before.min(bounds.tail)));
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn written_here_since(&self, _: LogId) -> Seq {
        if self.is_shared { Seq(u64::MAX) } else { Seq::ZERO }
    }

    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        self.state().logs.entry(log).or_default().bounds.subscribe()
    }

    fn bounds(&self, log: LogId) -> Bounds {
        self.state().logs.get(&log).map_or_else(Bounds::default, |log| *log.bounds.borrow())
    }
}

impl MemoryEngine {
    pub(crate) fn append_now(&self, log: LogId, entries: Vec<Bytes>) -> Vec<Stamp> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.last_time_ms = state.last_time_ms.max(self.clock.now_ms());
        let held = state.logs.entry(log).or_default();
        let mut stamps = Vec::with_capacity(entries.len());
        for bytes in entries {
            let stamp = Stamp { seq: Seq(state.next), time_ms: state.last_time_ms };
            state.next += 1;
            held.entries.push_back(Entry { stamp, bytes });
            stamps.push(stamp);
        }
        let tail = Seq(state.next);
        held.bounds.send_modify(|bounds| bounds.tail = tail);
        stamps
    }

    pub(crate) fn read_now(&self, log: LogId, from: Seq, limits: Limits) -> Result<Batch, LogError> {
        let state = self.state();
        let Some(held) = state.logs.get(&log) else { return Ok(Batch { entries: Vec::new(), next: from }) };
        let bounds = *held.bounds.borrow();
        if from < bounds.first {
            return Err(LogError::Trimmed(bounds.first));
        }
        let start = held.entries.partition_point(|entry| entry.stamp.seq < from);
        let mut batch = Batch { entries: Vec::new(), next: from.max(bounds.tail) };
        let mut size_bytes = 0;
        for entry in held.entries.range(start..) {
            size_bytes += entry.bytes.len();
            let full = batch.entries.len() >= limits.entries || size_bytes > limits.bytes;
            if full && !batch.entries.is_empty() {
                batch.next = entry.stamp.seq;
                break;
            }
            batch.entries.push(entry.clone());
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::ManualClock,
        conformance::{self, Subject},
    };

    #[tokio::test]
    async fn the_memory_engine_keeps_the_contract() {
        let clock = ManualClock::at(1000);
        let engine = MemoryEngine::new(Arc::new(clock.clone()));
        conformance::all(&Subject { engine, pass_time: Box::new(move || clock.advance(2)), salt: 0 }).await;
    }
}
