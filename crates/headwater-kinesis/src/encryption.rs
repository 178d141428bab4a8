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
use headwater_log::{LogGroup, LogId};
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
    /// The key service's, if the key may not be used.
    pub(crate) fn open_record(&self, log: LogId, sealed: &Bytes) -> Result<Option<Record>> {
        let Some(generation) = headwater_keys::generation(sealed) else { return Ok(None) };
        let key = match self.opened.get(log.group, generation) {
            Some(key) => key,
            None => {
                let catalog = self.catalog.read();
                let mut streams = catalog.all().map(|(_, _, stream)| stream);
                let held = streams.find(|stream| stream.incarnation == log.group.0);
                let Some(stream) = held else { return Ok(None) };
                let place = (log.group, generation);
                match self.opened.open(&self.keys, &stream.keys, place, &*self.entropy)? {
                    Some(key) => key,
                    None => return Ok(None),
                }
            }
        };
        Ok(match key.decrypt(log, sealed).and_then(|plain| record::decode(&Bytes::from(plain))) {
            Some(ShardEntry::Record(record)) => Some(record),
            _ => None,
        })
    }
}
