//! Encryption at rest on its way in and out: which data key a stream writes with, and which one opens a record.
//!
//! Invariant: a record is opened with the key it was written with, whatever the stream writes with today.
use crate::{
    Kinesis,
    catalog::Stream,
    errors::{self, Result},
    record::{self, Record, ShardEntry},
};
use bytes::Bytes;
use headwater_keys::DataKey;
use headwater_log::{
    LogGroup, LogId,
    rules::{Rule, is_left_out},
};
use std::sync::Arc;

impl Kinesis {
    /// The key that what is put into `stream` is encrypted with; none if it is not.
    ///
    /// # Errors
    /// The key service's, if the key may not be used.
    pub(crate) fn writing_key(&self, stream: &Stream) -> Result<Option<Arc<DataKey>>> {
        let Some(used) = &stream.encryption else { return Ok(None) };
        let place = (LogGroup(stream.incarnation), used.generation);
        if let Some(key) = self.opened.get(place.0, place.1) {
            return Ok(Some(key));
        }
        let opened = self.opened.open(&self.keys, &stream.keys, place, &*self.entropy)?;
        opened.map(Some).ok_or_else(errors::internal_failure)
    }

    /// The record in `sealed`, an entry of `log`; none if it is damaged.
    ///
    /// # Errors
    /// The key service's, if the key may not be used; the engine's, if whether there is one cannot be read.
    pub(crate) async fn open_record(&self, log: LogId, sealed: &Bytes) -> Result<Option<Record>> {
        let Some(generation) = headwater_keys::generation(sealed) else { return Ok(None) };
        let mut key = self.reading_key(log.group, generation)?;
        // Another process may have begun to encrypt, which this one has not heard of.
        if key.is_none() && self.engine.is_shared() && !is_left_out(Rule::KeysAreLookedForAgain) {
            self.catalog.catch_up().await.map_err(|error| errors::engine(&error))?;
            key = self.reading_key(log.group, generation)?;
        }
        let opened = key.and_then(|key| key.decrypt(log, sealed));
        Ok(match opened.and_then(|plain| record::decode(&Bytes::from(plain))) {
            Some(ShardEntry::Record(record)) => Some(record),
            _ => None,
        })
    }

    /// The data key of this generation, if the stream is known to have it.
    fn reading_key(&self, stream: LogGroup, generation: u32) -> Result<Option<Arc<DataKey>>> {
        if let Some(key) = self.opened.get(stream, generation) {
            return Ok(Some(key));
        }
        let catalog = self.catalog.read();
        let Some(held) = catalog.of(stream) else { return Ok(None) };
        self.opened.open(&self.keys, &held.keys, (stream, generation), &*self.entropy)
    }
}
