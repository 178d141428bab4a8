//! An ordered store of rows: derived state, which a log can bring up to date again. What is written is visible at once
//! and durable only once persisted; after a crash a store holds what some prefix of its batches made.
//!
//! Invariant: a batch is written whole or not at all, over all spaces.
mod memory;

use crate::LogError;
use bytes::Bytes;
pub use memory::MemoryKv;
use std::ops::{Bound, ControlFlow};

/// One of the spaces a store was opened with, by its place in that list. Rows of different spaces do not meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Space(pub u8);

/// What a range shows its rows to: key and value, until it breaks.
pub type Visit<'a> = dyn FnMut(&[u8], &Bytes) -> ControlFlow<()> + 'a;

/// An ordered store of rows.
pub trait Kv: Send + Sync + 'static {
    /// The row's value.
    ///
    /// # Errors
    /// The store's.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, LogError>;

    /// One state of all rows: what is written later is not seen in it.
    fn view(&self) -> Box<dyn View + '_>;

    /// Writes all of the batch, or nothing. Visible when it returns.
    ///
    /// # Errors
    /// The store's; what the store holds then is known only after opening it anew.
    fn write(&self, batch: Batch) -> Result<(), LogError>;

    /// Makes durable what was written so far.
    ///
    /// # Errors
    /// The store's.
    fn persist(&self) -> Result<(), LogError>;
}

/// One state of a store's rows.
pub trait View {
    /// The row's value.
    ///
    /// # Errors
    /// The store's.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, LogError>;

    /// Shows the rows of a range in order of key, or in the opposite order.
    ///
    /// # Errors
    /// The store's.
    fn range(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), LogError>;
}

/// Rows to be written together; of two about the same row the later holds.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    rows: Vec<(Space, Vec<u8>, Option<Bytes>)>,
    size_bytes: usize,
}

impl Batch {
    /// The row is to have this value.
    pub fn put(&mut self, space: Space, key: Vec<u8>, value: Bytes) {
        self.size_bytes += key.len() + value.len();
        self.rows.push((space, key, Some(value)));
    }

    /// The row is to be gone.
    pub fn delete(&mut self, space: Space, key: Vec<u8>) {
        self.size_bytes += key.len();
        self.rows.push((space, key, None));
    }

    /// Keys and values, summed.
    #[must_use]
    pub const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// The rows in the order they were added; `None` for those to be gone.
    #[must_use]
    pub fn into_rows(self) -> Vec<(Space, Vec<u8>, Option<Bytes>)> {
        self.rows
    }
}
