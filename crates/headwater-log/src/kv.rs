//! An ordered store of rows: derived state, which a log can bring up to date again. What is written is visible at once
//! and durable only once persisted; after a crash a store holds what some prefix of its batches made.
//!
//! Invariant: a batch is written whole or not at all, over all spaces.
mod fjall;
mod late;
mod memory;
#[cfg(test)]
mod tests;

use crate::LogError;
use bytes::Bytes;
pub use fjall::FjallKv;
pub use late::LateKv;
pub use memory::MemoryKv;
use std::ops::{Bound, ControlFlow};

/// Longest key of a row, in bytes.
pub const MAX_KEY_BYTES: usize = 65_535;

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

    /// Writes all of the batch, or nothing. Visible when it returns. Keys are of 1 to [`MAX_KEY_BYTES`] bytes.
    ///
    /// # Errors
    /// Of a key of another length: then nothing is written. The store's; what the store holds then is known only after opening it anew.
    fn write(&self, batch: Batch) -> Result<(), LogError>;

    /// Whether the disk has room for a batch of about this size, and for what the store does with it later. Who writes all
    /// the same may find a store that writes nothing more.
    fn has_room(&self, _size_bytes: usize) -> bool {
        true
    }

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

    /// Shows the rows of a range in order of key, or in the opposite order. None are in a range that ends before it
    /// begins.
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

/// Refuses a batch with a key that is empty or too long.
fn check_keys(batch: &Batch) -> Result<(), LogError> {
    match batch.rows.iter().find(|(_, key, _)| key.is_empty() || key.len() > MAX_KEY_BYTES) {
        Some((_, key, _)) => Err(LogError::Io(format!("a row's key of {} bytes cannot be written", key.len()))),
        None => Ok(()),
    }
}

/// Whether the range ends before it begins.
fn is_inverted(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
    }
}
