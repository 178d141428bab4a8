//! Encryption at rest on its way in and out: which data key a stream writes with, and which one opens a record.
//!
//! Invariant: a data key is unwrapped once a process and only while its key may be used; a record is opened with the
//! key it was written with, whatever the stream writes with today.
use crate::{
    Kinesis,
    catalog::Stream,
    errors::{self, Result},
    record::{self, Record, ShardEntry},
};
use bytes::Bytes;
use headwater_keys::{DataKey, WrappedKey, generation as generation_of};
use headwater_log::{LogGroup, LogId};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Unwrapped data keys, by the stream's incarnation and generation.
#[derive(Default)]
pub(crate) struct Opened(RwLock<HashMap<(u128, u32), Arc<DataKey>>>);

impl Opened {
    fn get(&self, incarnation: u128, generation: u32) -> Option<Arc<DataKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&(incarnation, generation)).cloned()
    }

    /// Forgets the keys of a stream that is gone.
    pub(crate) fn forget(&self, incarnation: u128) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|(held, _), _| *held != incarnation);
    }
}

impl Kinesis {
    /// The key that what is put into `stream` is encrypted with; none if it is not.
    ///
    /// # Errors
    /// The key service's, if the key may not be used.
    pub(crate) fn writing_key(&self, stream: &Stream) -> Result<Option<Arc<DataKey>>> {
        let Some(used) = &stream.encryption else { return Ok(None) };
        if let Some(key) = self.opened.get(stream.incarnation, used.generation) {
            return Ok(Some(key));
        }
        self.unwrap_key(stream, used.generation).map(Some)
    }

    /// The record in `sealed`, an entry of `log`; none if it is damaged.
    ///
    /// # Errors
    /// The key service's, if the key may not be used.
    pub(crate) fn open_record(&self, log: LogId, sealed: &Bytes) -> Result<Option<Record>> {
        let Some(generation) = generation_of(sealed) else { return Ok(None) };
        let incarnation = log.group.0;
        let key = match self.opened.get(incarnation, generation) {
            Some(key) => key,
            None => {
                let catalog = self.catalog.read();
                let mut streams = catalog.all().map(|(_, _, stream)| stream);
                let held = streams.find(|stream| stream.incarnation == incarnation && stream.holds_key(generation));
                let Some(stream) = held else { return Ok(None) };
                self.unwrap_key(stream, generation)?
            }
        };
        Ok(match key.decrypt(log, sealed).and_then(|plain| record::decode(&Bytes::from(plain))) {
            Some(ShardEntry::Record(record)) => Some(record),
            _ => None,
        })
    }

    fn unwrap_key(&self, stream: &Stream, generation: u32) -> Result<Arc<DataKey>> {
        let is_meant = |key: &&WrappedKey| key.generation == generation;
        let wrapped = stream.keys.iter().find(is_meant).ok_or_else(errors::internal_failure)?;
        let mut opened = self.opened.0.write().unwrap_or_else(PoisonError::into_inner);
        // Each opening draws its nonces from elsewhere, so that whoever comes second might as well use the first.
        if let Some(key) = opened.get(&(stream.incarnation, generation)) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(self.keys.open(wrapped, LogGroup(stream.incarnation), (self.entropy)())?);
        opened.insert((stream.incarnation, generation), Arc::clone(&key));
        Ok(key)
    }
}
