//! A store that is made when its first rows are: a new one takes a hundred syncs, and many a server never has a row.
//!
//! Invariant: what is seen is what the store would show; before it is made, nothing.
use super::{Batch, Kv, Space, View, Visit};
use crate::LogError;
use bytes::Bytes;
use std::{
    ops::Bound,
    sync::{Mutex, OnceLock, PoisonError},
};

/// Makes the store.
type Make<K> = Box<dyn Fn() -> Result<K, LogError> + Send + Sync>;

/// One that may not be there yet.
pub struct LateKv<K> {
    made: OnceLock<K>,
    make: Make<K>,
    making: Mutex<()>,
}

impl<K: Kv> LateKv<K> {
    /// One that is empty until `make` makes it.
    pub fn new(make: impl Fn() -> Result<K, LogError> + Send + Sync + 'static) -> Self {
        Self { made: OnceLock::new(), make: Box::new(make), making: Mutex::default() }
    }

    fn kv(&self) -> Result<&K, LogError> {
        if let Some(kv) = self.made.get() {
            return Ok(kv);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kv) = self.made.get() {
            return Ok(kv);
        }
        let kv = (self.make)()?;
        Ok(self.made.get_or_init(|| kv))
    }
}

impl<K: Kv> Kv for LateKv<K> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        self.made.get().map_or(Ok(None), |kv| kv.get(space, key))
    }

    fn view(&self) -> Box<dyn View + '_> {
        self.made.get().map_or_else(|| Box::new(Nothing) as Box<dyn View>, Kv::view)
    }

    fn write(&self, batch: Batch) -> Result<(), LogError> {
        self.kv()?.write(batch)
    }

    fn has_room(&self, size_bytes: usize) -> bool {
        // The disk engine has left as much as a new one takes; without it, making one tells.
        self.made.get().is_none_or(|kv| kv.has_room(size_bytes))
    }

    fn persist(&self) -> Result<(), LogError> {
        self.made.get().map_or(Ok(()), Kv::persist)
    }
}

/// What there is to see of a store that is not there.
struct Nothing;

impl View for Nothing {
    fn get(&self, _: Space, _: &[u8]) -> Result<Option<Bytes>, LogError> {
        Ok(None)
    }

    fn range(&self, _: Space, _: Bound<&[u8]>, _: Bound<&[u8]>, _: bool, _: &mut Visit<'_>) -> Result<(), LogError> {
        Ok(())
    }
}
