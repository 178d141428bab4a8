//! A store in memory: gone when the process ends. A view holds nobody up: rows keep the values that views see beside
//! the newest one, until no view does.
use super::{Batch, Kv, Space, View, Visit, check_keys, is_inverted};
use crate::LogError;
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// Rows that a range reads under one lock before it shows them.
const ROWS_PER_LOCK: usize = 64;

/// The values a row had, each with the number of the batch that wrote it; `None` where the row was gone. The newest is
/// the last.
type Versions = Vec<(u64, Option<Bytes>)>;

/// Rows in ordered maps, one a space.
#[derive(Debug, Default)]
pub struct MemoryKv(RwLock<State>);

#[derive(Debug, Default)]
struct State {
    spaces: BTreeMap<Space, BTreeMap<Vec<u8>, Versions>>,
    /// The number of the newest batch.
    newest: u64,
    /// How many views see the state after a batch.
    views: BTreeMap<u64, usize>,
    /// Rows with values that only views from before a batch may see, in the order of batches.
    outdated: VecDeque<(u64, Space, Vec<u8>)>,
}

impl MemoryKv {
    /// An empty store; spaces come to be when they are written to.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_lock(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&self, at: u64, space: Space, key: &[u8]) -> Option<Bytes> {
        self.spaces.get(&space)?.get(key).and_then(|versions| seen(versions, at)).cloned()
    }

    fn put(&mut self, space: Space, key: Vec<u8>, value: Option<Bytes>) {
        let versions = self.spaces.entry(space).or_default().entry(key.clone()).or_default();
        let is_outdated = !versions.is_empty() || value.is_none();
        versions.push((self.newest, value));
        if is_outdated {
            self.outdated.push_back((self.newest, space, key));
        }
    }

    /// Drops the values that no view sees any more, and no later one will.
    fn tidy(&mut self) {
        let oldest = self.views.keys().next().copied().unwrap_or(self.newest);
        while let Some((_, space, key)) = self.outdated.pop_front_if(|(batch, ..)| *batch <= oldest) {
            let Some(rows) = self.spaces.get_mut(&space) else { continue };
            let Some(versions) = rows.get_mut(&key) else { continue };
            let unseen = versions.iter().rposition(|(batch, _)| *batch <= oldest).unwrap_or(0);
            versions.drain(..unseen);
            if matches!(versions.as_slice(), [(batch, None)] if *batch <= oldest) {
                rows.remove(&key);
            }
        }
    }
}

/// The value that the state after batch `at` has.
fn seen(versions: &Versions, at: u64) -> Option<&Bytes> {
    versions.iter().rev().find(|(batch, _)| *batch <= at).and_then(|(_, value)| value.as_ref())
}

impl Kv for MemoryKv {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        let state = self.read();
        Ok(state.get(state.newest, space, key))
    }

    fn view(&self) -> Box<dyn View + '_> {
        let mut state = self.write_lock();
        let at = state.newest;
        *state.views.entry(at).or_default() += 1;
        Box::new(MemoryView { kv: self, at })
    }

    fn write(&self, batch: Batch) -> Result<(), LogError> {
        check_keys(&batch)?;
        let mut state = self.write_lock();
        state.newest += 1;
        batch.into_rows().into_iter().for_each(|(space, key, value)| state.put(space, key, value));
        state.tidy();
        Ok(())
    }

    fn persist(&self) -> Result<(), LogError> {
        Ok(())
    }
}

struct MemoryView<'a> {
    kv: &'a MemoryKv,
    at: u64,
}

impl MemoryView<'_> {
    /// The first rows of a range.
    fn page(&self, space: Space, range: (Bound<&[u8]>, Bound<&[u8]>), backwards: bool) -> Vec<(Vec<u8>, Bytes)> {
        let state = self.kv.read();
        let Some(rows) = state.spaces.get(&space) else { return Vec::new() };
        let rows = rows.range::<[u8], _>(range);
        let seen = |(key, versions): (&Vec<u8>, &Versions)| Some((key.clone(), seen(versions, self.at)?.clone()));
        if backwards {
            rows.rev().filter_map(seen).take(ROWS_PER_LOCK).collect()
        } else {
            rows.filter_map(seen).take(ROWS_PER_LOCK).collect()
        }
    }
}

impl View for MemoryView<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        Ok(self.kv.read().get(self.at, space, key))
    }

    fn range(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), LogError> {
        let mut last = None::<Vec<u8>>;
        loop {
            let (from, to) = match (&last, backwards) {
                (None, _) => (from, to),
                (Some(last), false) => (Bound::Excluded(last.as_slice()), to),
                (Some(last), true) => (from, Bound::Excluded(last.as_slice())),
            };
            if is_inverted(from, to) {
                return Ok(());
            }
            let page = self.page(space, (from, to), backwards);
            if page.iter().any(|(key, value)| visit(key, value).is_break()) || page.len() < ROWS_PER_LOCK {
                return Ok(());
            }
            last = page.into_iter().next_back().map(|(key, _)| key);
        }
    }
}

impl Drop for MemoryView<'_> {
    fn drop(&mut self) {
        let mut state = self.kv.write_lock();
        if let Some(views) = state.views.get_mut(&self.at) {
            *views -= 1;
            if *views == 0 {
                state.views.remove(&self.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_no_view_sees_are_dropped() {
        let kv = MemoryKv::new();
        let write = |value: Option<&'static str>| {
            let mut batch = Batch::default();
            match value {
                Some(value) => batch.put(Space(0), b"k".to_vec(), value.into()),
                None => batch.delete(Space(0), b"k".to_vec()),
            }
            kv.write(batch).unwrap();
        };
        let versions = || kv.read().spaces[&Space(0)].get(b"k".as_slice()).map_or(0, Vec::len);
        write(Some("a"));
        write(Some("b"));
        assert_eq!(versions(), 1);
        let view = kv.view();
        write(Some("c"));
        write(None);
        assert_eq!(view.get(Space(0), b"k").unwrap().unwrap(), "b");
        assert_eq!(versions(), 3);
        drop(view);
        kv.write(Batch::default()).unwrap();
        assert_eq!((versions(), kv.read().outdated.len()), (0, 0));
    }
}
