//! The objects a delivery stream wrote last, for whoever looks after it. Invariant: a bounded number of each kind, the
//! newest first; those of errors are not pushed out by the others.
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Objects of records, and of the backup, that are remembered.
const OBJECTS: usize = 20;
/// Objects of errors that are.
const ERRORS: usize = 50;

/// An object that was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// The bucket's name.
    pub bucket: String,
    /// The key, as it stands.
    pub key: String,
    /// Of its body, as written.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What went wrong with its records, e.g. `processing-failed`; nothing of those that went well.
    pub error_type: Option<&'static str>,
}

/// Those written last.
#[derive(Debug, Default)]
pub(super) struct Objects {
    good: Mutex<VecDeque<Written>>,
    failed: Mutex<VecDeque<Written>>,
}

impl Objects {
    /// An object was written.
    pub(super) fn note(&self, written: Written) {
        let most = if written.error_type.is_some() { ERRORS } else { OBJECTS };
        let mut held = self.of(written.error_type.is_some());
        held.truncate(most - 1);
        held.push_front(written);
    }

    /// The newest first: those of errors, or the others.
    pub(super) fn last(&self, is_errors: bool) -> Vec<Written> {
        self.of(is_errors).iter().cloned().collect()
    }

    fn of(&self, is_errors: bool) -> MutexGuard<'_, VecDeque<Written>> {
        let held = if is_errors { &self.failed } else { &self.good };
        held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_and_errors_by_themselves() {
        let objects = Objects::default();
        let written = |at_ms: u64, error_type| Written {
            bucket: "b".into(),
            key: at_ms.to_string(),
            bytes: 1,
            records: 1,
            at_ms,
            error_type,
        };
        objects.note(written(0, Some("processing-failed")));
        (1..=OBJECTS as u64 + 5).for_each(|at_ms| objects.note(written(at_ms, None)));
        let times = |is_errors| objects.last(is_errors).iter().map(|it| it.at_ms).collect::<Vec<_>>();
        assert_eq!((times(false).len(), times(false)[0], times(false)[OBJECTS - 1]), (OBJECTS, 25, 6));
        assert_eq!(times(true), [0]);
    }
}
