//! Opened data keys, kept so that each is unwrapped once a process.
//!
//! Invariant: a key is opened only while it may be used; what was opened stays until its stream is gone.
use crate::{DataKey, KeyStore, WrappedKey};
use headwater_log::LogGroup;
use headwater_wire::ServiceError;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Opened data keys, by the group of their stream's logs and by generation.
#[derive(Debug, Default)]
pub struct OpenedKeys(RwLock<HashMap<(LogGroup, u32), Arc<DataKey>>>);

impl OpenedKeys {
    /// The key, if it was opened before.
    pub fn get(&self, stream: LogGroup, generation: u32) -> Option<Arc<DataKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&(stream, generation)).cloned()
    }

    /// The key of that generation among the stream's `keys`, opened; nothing if it is not among them.
    ///
    /// # Errors
    /// The key service's, if the key may not be used.
    pub fn open(
        &self,
        store: &KeyStore,
        keys: &[WrappedKey],
        (stream, generation): (LogGroup, u32),
        entropy: &dyn Fn() -> u128,
    ) -> Result<Option<Arc<DataKey>>, ServiceError> {
        let Some(wrapped) = keys.iter().find(|key| key.generation == generation) else { return Ok(None) };
        let mut opened = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Each opening draws its nonces from elsewhere, so that whoever comes second might as well use the first.
        if let Some(key) = opened.get(&(stream, generation)) {
            return Ok(Some(Arc::clone(key)));
        }
        let key = Arc::new(store.open(wrapped, stream, entropy())?);
        opened.insert((stream, generation), Arc::clone(&key));
        Ok(Some(key))
    }

    /// Forgets the keys of a stream that is gone.
    pub fn forget(&self, stream: LogGroup) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|(held, _), _| *held != stream);
    }
}
