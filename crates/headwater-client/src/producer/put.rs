//! What the service says of records it took. Invariant: cheap to copy, as one answer can be that of thousands of records.
use crate::{Error, Result};
use aws_sdk_kinesis::types::EncryptionType;
use std::sync::Arc;

/// Where a record was put.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Put {
    place: Arc<Place>,
    sub_sequence_number: Option<u64>,
}

#[derive(PartialEq, Eq, Debug)]
struct Place {
    shard_id: String,
    sequence_number: String,
    encryption_type: Option<EncryptionType>,
}

impl Put {
    pub(super) fn new(shard_id: String, sequence_number: String, encryption_type: Option<EncryptionType>) -> Self {
        Self { place: Arc::new(Place { shard_id, sequence_number, encryption_type }), sub_sequence_number: None }
    }

    /// The same for the record at `index` within the aggregate that was put.
    pub(super) fn within(&self, index: usize) -> Self {
        Self { place: Arc::clone(&self.place), sub_sequence_number: Some(index as u64) }
    }

    /// The shard.
    pub fn shard_id(&self) -> &str {
        &self.place.shard_id
    }

    /// The sequence number, unique in the shard but for records that were aggregated into one.
    pub fn sequence_number(&self) -> &str {
        &self.place.sequence_number
    }

    /// The record's place, from 0, within the aggregate that has the sequence number; `None` if it was put alone.
    pub fn sub_sequence_number(&self) -> Option<u64> {
        self.sub_sequence_number
    }

    /// How the service encrypts the record; `None` if the answer does not say, which means that it does not.
    pub fn encryption_type(&self) -> Option<&EncryptionType> {
        self.place.encryption_type.as_ref()
    }
}

/// What became of many records.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PutAll {
    /// A result a record, in the order in which the records were given.
    pub results: Vec<Result<Put>>,
}

impl PutAll {
    /// How many records were not written.
    pub fn failed(&self) -> usize {
        self.failures().count()
    }

    /// The records that were not written, by their place in the order given, and why.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &Error)> {
        self.results.iter().enumerate().filter_map(|(at, result)| Some((at, result.as_ref().err()?)))
    }
}
