//! A store in memory: gone when the process ends. A view holds writers up, so it is to be short.
use super::{Batch, Kv, Space, View, Visit};
use crate::LogError;
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    ops::{Bound, ControlFlow},
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

type Rows = BTreeMap<Vec<u8>, Bytes>;

/// Rows in ordered maps, one a space.
#[derive(Debug, Default)]
pub struct MemoryKv {
    spaces: RwLock<BTreeMap<Space, Rows>>,
}

impl MemoryKv {
    /// An empty store; spaces come to be when they are written to.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn held(&self) -> RwLockReadGuard<'_, BTreeMap<Space, Rows>> {
        self.spaces.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kv for MemoryKv {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        Ok(self.held().get(&space).and_then(|rows| rows.get(key)).cloned())
    }

    fn view(&self) -> Box<dyn View + '_> {
        Box::new(MemoryView(self.held()))
    }

    fn write(&self, batch: Batch) -> Result<(), LogError> {
        let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
        for (space, key, value) in batch.into_rows() {
            let rows = spaces.entry(space).or_default();
            match value {
                Some(value) => drop(rows.insert(key, value)),
                None => drop(rows.remove(&key)),
            }
        }
        Ok(())
    }

    fn persist(&self) -> Result<(), LogError> {
        Ok(())
    }
}

struct MemoryView<'a>(RwLockReadGuard<'a, BTreeMap<Space, Rows>>);

impl View for MemoryView<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        Ok(self.0.get(&space).and_then(|rows| rows.get(key)).cloned())
    }

    fn range(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), LogError> {
        let Some(rows) = self.0.get(&space).filter(|_| !is_empty(from, to)) else { return Ok(()) };
        let mut rows = rows.range::<[u8], _>((from, to));
        loop {
            let row = if backwards { rows.next_back() } else { rows.next() };
            let Some((key, value)) = row else { return Ok(()) };
            if visit(key, value) == ControlFlow::Break(()) {
                return Ok(());
            }
        }
    }
}

/// Whether no key can lie between the bounds; the ordered map panics at those that cross.
fn is_empty(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
        _ => false,
    }
}
