//! The rows as readers see them where they may have to be replaced: not at all meanwhile.
//!
//! Invariant: what is read was there all at once, before a replacement or after it. A view that was taken before one
//! began goes on showing what was there.
use bytes::Bytes;
use headwater_log::{
    LogError,
    kv::{Batch, Kv, Space, View, Visit},
};
use std::{
    ops::Bound,
    sync::{Arc, PoisonError, RwLock},
};

/// A store that can be hidden.
pub(super) struct Shown {
    kv: Arc<dyn Kv>,
    is_hidden: RwLock<bool>,
}

impl Shown {
    pub(super) const fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv, is_hidden: RwLock::new(false) }
    }

    /// Once this returns nobody reads rows any more.
    pub(super) fn hide(&self) {
        self.set(true);
    }

    pub(super) fn show(&self) {
        self.set(false);
    }

    fn set(&self, is_hidden: bool) {
        *self.is_hidden.write().unwrap_or_else(PoisonError::into_inner) = is_hidden;
    }

    /// What `read` reads, unless it is hidden.
    fn read<T>(&self, read: impl FnOnce() -> T) -> Option<T> {
        let is_hidden = self.is_hidden.read().unwrap_or_else(PoisonError::into_inner);
        (!*is_hidden).then(read)
    }
}

fn hidden() -> LogError {
    LogError::Unavailable("the rows of the tables are being loaded".into())
}

impl Kv for Shown {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        self.read(|| self.kv.get(space, key)).unwrap_or_else(|| Err(hidden()))
    }

    fn view(&self) -> Box<dyn View + '_> {
        self.read(|| self.kv.view()).unwrap_or_else(|| Box::new(Hidden))
    }

    fn write(&self, batch: Batch) -> Result<(), LogError> {
        self.kv.write(batch)
    }

    fn persist(&self) -> Result<(), LogError> {
        self.kv.persist()
    }
}

/// A view of nothing.
struct Hidden;

impl View for Hidden {
    fn get(&self, _: Space, _: &[u8]) -> Result<Option<Bytes>, LogError> {
        Err(hidden())
    }

    fn range(&self, _: Space, _: Bound<&[u8]>, _: Bound<&[u8]>, _: bool, _: &mut Visit<'_>) -> Result<(), LogError> {
        Err(hidden())
    }
}
