//! Encryption at rest of what is put directly: which data key a delivery stream writes with, and which one opens a
//! record.
//!
//! Invariant: a record is opened with the key it was written with, whatever the delivery stream writes with today.
use crate::{
    Firehose,
    catalog::DeliveryStream,
    direct::{self, Direct},
    errors::{self, Result},
};
use bytes::Bytes;
use headwater_keys::DataKey;
use headwater_log::{
    LogGroup, LogId,
    rules::{Rule, is_left_out},
};
use std::sync::Arc;

impl Firehose {
    /// The key that what is put into `stream` is encrypted with; none if it is not.
    ///
    /// # Errors
    /// The service's own, if the key may not be used.
    pub(crate) fn writing_key(&self, stream: &DeliveryStream) -> Result<Option<Arc<DataKey>>> {
        let Some(used) = &stream.encryption else { return Ok(None) };
        let (group, generation) = (LogGroup(stream.incarnation), used.generation);
        if let Some(key) = self.opened.get(group, generation) {
            return Ok(Some(key));
        }
        let opened = self.opened.open(&self.keys, &stream.keys, (group, generation), &*self.entropy);
        opened.map_err(errors::key)?.map(Some).ok_or_else(errors::internal_failure)
    }

    /// The data of the record in `entry`, which stands in the direct log `log`; none if it is damaged.
    ///
    /// # Errors
    /// The service's own, if the record is encrypted and its key may not be used, or whether there is one cannot be read.
    pub(crate) async fn open_record(&self, log: LogId, entry: &Bytes) -> Result<Option<Bytes>> {
        let sealed = match direct::decode(entry) {
            None => return Ok(None),
            Some(Direct::Plain(data)) => return Ok(Some(data)),
            Some(Direct::Encrypted(sealed)) => sealed,
        };
        let Some(generation) = headwater_keys::generation(&sealed) else { return Ok(None) };
        let mut key = self.reading_key(log.group, generation)?;
        // Another process may have begun to encrypt, which this one has not heard of.
        if key.is_none() && self.engine.is_shared() && !is_left_out(Rule::KeysAreLookedForAgain) {
            self.catalog.catch_up().await.map_err(|error| errors::engine(&error))?;
            key = self.reading_key(log.group, generation)?;
        }
        Ok(key.and_then(|key| key.decrypt(log, &sealed)).map(Bytes::from))
    }

    /// The data key of this generation, if the delivery stream is known to have it.
    fn reading_key(&self, stream: LogGroup, generation: u32) -> Result<Option<Arc<DataKey>>> {
        if let Some(key) = self.opened.get(stream, generation) {
            return Ok(Some(key));
        }
        let catalog = self.catalog.read();
        let Some(held) = catalog.of(stream) else { return Ok(None) };
        self.opened.open(&self.keys, &held.keys, (stream, generation), &*self.entropy).map_err(errors::key)
    }
}
