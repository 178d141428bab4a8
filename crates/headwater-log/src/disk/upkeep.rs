//! Work that nobody waits for: segments made ready, files freed, full segments sorted.
//!
//! Invariant: a file goes only when no readable block needs it, no newest trim is recorded in it alone, and what takes
//! its place is durable under its name.
use super::store::Store;
use crate::LogError;
use std::sync::Arc;

/// What to do after a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// There may be more to do right away.
    Again,
    /// Nothing to do until something changes.
    Rest,
}

/// The one who keeps the folder tidy.
pub(super) struct Upkeep {
    store: Arc<Store>,
}

impl Upkeep {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    pub(super) fn step(&mut self, _idle: bool) -> Result<Next, LogError> {
        let _ = &self.store;
        Ok(Next::Rest)
    }
}
