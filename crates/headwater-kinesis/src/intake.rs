//! Taking records in: to which shard, behind which others, under which number.
//!
//! Invariant: a record is enqueued under the catalog's read guard, to a shard the catalog shows open and not being
//! sealed; the guard is never held while waiting. What is acknowledged is durable.
use crate::{
    Kinesis,
    catalog::{Distribution, Mode, Stream},
    errors::{self, Result},
    record, routing, sequence,
    sequence::ShardMark,
};
use bytes::Bytes;
use headwater_keys::DataKey;
use headwater_log::LogId;
use std::sync::atomic::Ordering;

/// A record as a request brings it.
pub(crate) struct Offer<'a> {
    partition_key: Option<&'a str>,
    explicit_hash_key: Option<&'a str>,
    data: &'a Bytes,
    /// Its place in a batch, counted from 1; absent for a record alone.
    at: Option<usize>,
    entry: Bytes,
}

impl<'a> Offer<'a> {
    /// Encodes the record, so that nothing is copied under a guard.
    pub(crate) fn new(
        partition_key: Option<&'a str>,
        explicit_hash_key: Option<&'a str>,
        data: &'a Bytes,
        at: Option<usize>,
    ) -> Self {
        let hash_key = explicit_hash_key.and_then(routing::explicit_hash_key);
        let entry = record::encode(partition_key, hash_key, data);
        Self { partition_key, explicit_hash_key, data, at, entry }
    }

    /// Data and partition key, which is what a batch and a shard's throughput are limited by; a record's own limit is on
    /// its data alone.
    pub(crate) fn size_bytes(&self) -> usize {
        self.data.len() + self.partition_key.map_or(0, str::len)
    }

    /// The hash key that decides on the shard.
    ///
    /// # Errors
    /// The service's own, if the record is none the stream takes.
    pub(crate) fn hash_key(&self, kinesis: &Kinesis, stream: &Stream) -> Result<u128> {
        let limit_bytes = stream.max_record_bytes();
        if self.data.len() > limit_bytes {
            return Err(errors::record_too_large(self.at, self.data.len(), limit_bytes));
        }
        let explicit = match self.explicit_hash_key {
            None => None,
            Some(text) => Some(routing::explicit_hash_key(text).ok_or_else(|| errors::hash_key_outside(text))?),
        };
        match (stream.distribution, explicit, self.partition_key) {
            (Distribution::Auto, ..) => Ok(kinesis.next_hash_key()),
            (_, _, None) => Err(errors::partition_key_missing(self.at)),
            (_, Some(hash_key), _) => Ok(hash_key),
            (_, None, Some(key)) => Ok(routing::hash_key(key)),
        }
    }

    /// What is appended to `log`: encrypted if the stream has a key for it.
    pub(crate) fn entry(&self, log: LogId, key: Option<&DataKey>) -> Bytes {
        key.map_or_else(|| self.entry.clone(), |key| record::encode_encrypted(&key.encrypt(log, &self.entry)))
    }
}

/// Where a record came to stand.
pub(crate) struct Placed {
    pub(crate) shard: u32,
    pub(crate) sequence_number: String,
}

impl Placed {
    pub(crate) fn new(mark: ShardMark, stamp: headwater_log::Stamp) -> Self {
        let sequence_number = sequence::of_record(mark, stamp.seq, stamp.time_ms);
        Self { shard: mark.shard, sequence_number }
    }
}

impl Kinesis {
    /// Counts a record where it decides on the number of shards.
    pub(crate) fn note_write(&self, stream: &Stream, shard: u32, size_bytes: usize) {
        if stream.mode == Mode::OnDemand {
            self.loads.note((stream.incarnation, shard), size_bytes, self.clock.now_ms());
        }
    }

    /// The next of keys that lie evenly spread, whatever the number of shards: steps of the golden ratio.
    fn next_hash_key(&self) -> u128 {
        const STEP: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
        STEP.wrapping_mul(u128::from(self.spread.fetch_add(1, Ordering::Relaxed)))
    }

    /// Attempts until no shard concerned is being sealed: puts wait for the children and are routed anew.
    ///
    /// # Errors
    /// Those of the attempt; `Ok(None)` is its way to say that a shard is being sealed.
    pub(crate) async fn once_open<T: Send>(&self, mut attempt: impl FnMut() -> Result<Option<T>> + Send) -> Result<T> {
        let mut version = None;
        loop {
            if let Some(done) = attempt()? {
                return Ok(done);
            }
            match &mut version {
                // Watching from here on, look again: what happened in between is not missed.
                None => version = Some(self.catalog.watch()),
                Some(version) => drop(version.changed().await),
            }
        }
    }
}
