//! What a delivery stream has read and not yet written. Invariant: a stretch of the source counts from when it was taken up
//! until nothing of it is on its way any more, and not after its pipeline has stopped.
use crate::{ledger::Stretch, record::Record};
use headwater_log::{LogId, Seq};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The stretches that wait, by where they begin.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<BTreeMap<(LogId, Seq), Backlog>>);

/// Records that wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backlog {
    /// How many.
    pub records: u64,
    /// Their data.
    pub bytes: u64,
    /// When the oldest of them had arrived, in milliseconds since the Unix epoch; 0 if there is none.
    pub oldest_ms: u64,
}

impl Backlog {
    fn of(records: &[Record]) -> Self {
        Self {
            records: records.len() as u64,
            bytes: records.iter().map(|record| record.data.len() as u64).sum(),
            oldest_ms: records.iter().map(|record| record.time_ms).min().unwrap_or_default(),
        }
    }

    const fn and(self, other: Self) -> Self {
        let oldest_ms = match (self.oldest_ms, other.oldest_ms) {
            (0, one) | (one, 0) => one,
            (one, other) if one < other => one,
            (_, other) => other,
        };
        Self { records: self.records + other.records, bytes: self.bytes + other.bytes, oldest_ms }
    }
}

impl Waiting {
    fn held(&self) -> MutexGuard<'_, BTreeMap<(LogId, Seq), Backlog>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stretch was taken up.
    pub(super) fn take(&self, stretch: &Stretch, records: &[Record]) {
        if !records.is_empty() {
            self.held().insert((stretch.log, stretch.from), Backlog::of(records));
        }
    }

    /// Nothing of a stretch waits any more.
    pub(super) fn settle(&self, stretch: &Stretch) {
        self.held().remove(&(stretch.log, stretch.from));
    }

    /// The pipeline has stopped: whoever reads on takes everything up again.
    pub(super) fn stop(&self) {
        self.held().clear();
    }

    /// All that waits now.
    pub(super) fn backlog(&self) -> Backlog {
        self.held().values().fold(Backlog::default(), |all, one| all.and(*one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::PartitionKeys;
    use headwater_log::LogGroup;

    fn record(time_ms: u64, data: &'static str) -> Record {
        Record { id: "r".into(), time_ms, data: data.into(), origin: None, keys: PartitionKeys::default() }
    }

    #[test]
    fn what_is_settled_waits_no_more_and_the_oldest_of_the_rest_is_told() {
        let waiting = Waiting::default();
        let stretch = |from| Stretch { log: LogId::new(LogGroup(9), 0), from: Seq(from), next: Seq(from + 2) };
        waiting.take(&stretch(0), &[record(7, "ab"), record(5, "c")]);
        waiting.take(&stretch(2), &[record(6, "defg")]);
        waiting.take(&stretch(4), &[]);
        assert_eq!(waiting.backlog(), Backlog { records: 3, bytes: 7, oldest_ms: 5 });
        waiting.settle(&stretch(0));
        assert_eq!(waiting.backlog(), Backlog { records: 1, bytes: 4, oldest_ms: 6 });
        waiting.stop();
        assert_eq!(waiting.backlog(), Backlog::default());
    }
}
