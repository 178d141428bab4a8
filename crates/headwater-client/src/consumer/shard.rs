//! What a stream is read by: its shards, the places in them, and what a request brings. Invariant: these say what the
//! service said, in types.
use crate::{
    error::{Error, Result},
    received::Received,
};
use aws_sdk_kinesis::types::{self, HashKeyRange, ShardIteratorType};
use std::{ops::RangeInclusive, sync::Arc, time::SystemTime};

/// A shard of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Shard {
    /// Its name.
    pub id: String,
    /// The shards it was made from: none, the one that was split, or the two that were merged. The service may have
    /// forgotten them since.
    pub parents: Vec<String>,
    /// The hash keys that lead to it.
    pub hash_keys: RangeInclusive<u128>,
    /// Where its sequence numbers begin.
    pub first_sequence_number: String,
    /// Where they end; `None` while it is open.
    pub last_sequence_number: Option<String>,
}

impl Shard {
    /// Whether it was split or merged: it takes no records any more, and may still hold some.
    pub fn is_closed(&self) -> bool {
        self.last_sequence_number.is_some()
    }

    pub(crate) fn of_sdk(shard: types::Shard) -> Result<Self> {
        let hash_keys = hash_keys(&shard.shard_id, shard.hash_key_range)?;
        let Some(numbers) = shard.sequence_number_range else {
            return Err(Error::Unexpected(format!("ListShards: {} came without sequence numbers", shard.shard_id)));
        };
        Ok(Self {
            id: shard.shard_id,
            parents: shard.parent_shard_id.into_iter().chain(shard.adjacent_parent_shard_id).collect(),
            hash_keys,
            first_sequence_number: numbers.starting_sequence_number,
            last_sequence_number: numbers.ending_sequence_number,
        })
    }
}

/// A shard that was made from one which has ended, as the end of that one names it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ChildShard {
    /// Its name.
    pub id: String,
    /// The shards it was made from.
    pub parents: Vec<String>,
    /// The hash keys that lead to it.
    pub hash_keys: RangeInclusive<u128>,
}

impl ChildShard {
    pub(crate) fn of_sdk(child: types::ChildShard) -> Result<Self> {
        let hash_keys = hash_keys(&child.shard_id, child.hash_key_range)?;
        Ok(Self { id: child.shard_id, parents: child.parent_shards, hash_keys })
    }
}

fn hash_keys(shard: &str, range: Option<HashKeyRange>) -> Result<RangeInclusive<u128>> {
    let ends =
        range.and_then(|range| Some((range.starting_hash_key.parse().ok()?, range.ending_hash_key.parse().ok()?)));
    let (first, last) = ends.ok_or_else(|| Error::Unexpected(format!("{shard} came without a range of hash keys")))?;
    Ok(first..=last)
}

/// Where in a shard reading starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// With the record of this sequence number.
    AtSequenceNumber(String),
    /// Right behind the record of this sequence number.
    AfterSequenceNumber(String),
    /// With the first record that arrived at this time or later.
    AtTimestamp(SystemTime),
    /// With the oldest record there is.
    TrimHorizon,
    /// Behind the newest record: with the next one to arrive.
    Latest,
}

impl Start {
    /// The API's word for it, and what goes with it: a sequence number, or a time.
    pub(crate) fn parts(&self) -> (ShardIteratorType, Option<&str>, Option<SystemTime>) {
        match self {
            Self::AtSequenceNumber(number) => (ShardIteratorType::AtSequenceNumber, Some(number), None),
            Self::AfterSequenceNumber(number) => (ShardIteratorType::AfterSequenceNumber, Some(number), None),
            Self::AtTimestamp(time) => (ShardIteratorType::AtTimestamp, None, Some(*time)),
            Self::TrimHorizon => (ShardIteratorType::TrimHorizon, None, None),
            Self::Latest => (ShardIteratorType::Latest, None, None),
        }
    }
}

/// How far a shard was read, for [`Consumer::read_on`](super::Consumer::read_on).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Up to the record of this sequence number, that one included.
    After(String),
    /// To its end.
    Ended,
}

/// What the next request for records goes by. It is good for five minutes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Next {
    /// The shard.
    pub shard_id: Arc<str>,
    /// The service's token for the place in it.
    pub iterator: String,
    /// The most Kinesis records to bring; `None` leaves it to the service, which brings up to 10,000.
    pub limit: Option<i32>,
}

impl Next {
    /// The same place, with at most `limit` Kinesis records from 1 to 10,000 a request.
    #[must_use]
    pub fn limit(self, limit: i32) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

/// What one request for records brought.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Batch {
    /// The records, oldest first. None does not mean that there are none further on.
    pub records: Vec<Received>,
    /// How far the place behind these records is from the shard's tip, in milliseconds; 0 at the tip.
    pub millis_behind: u64,
    /// How to go on, with the same limit; `None` at the end of a closed shard.
    pub next: Option<Next>,
    /// At the end of a closed shard: what it became.
    pub child_shards: Vec<ChildShard>,
}

/// What came of a shard while a stream is read: see [`Reading::next_batch`](super::Reading::next_batch).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Arrived {
    /// The shard.
    pub shard_id: Arc<str>,
    /// The records, oldest first; there may be none.
    pub records: Vec<Received>,
    /// How far the place behind these records is from the shard's tip, in milliseconds; 0 at the tip.
    pub millis_behind: u64,
    /// Whether this was the shard's end. Nothing of it comes after this.
    pub ended: bool,
    /// At its end: what it became, if the service says so.
    pub child_shards: Vec<ChildShard>,
}

impl Arrived {
    /// How far its shard was read with this; `None` if it brought nothing.
    pub fn place(&self) -> Option<Place> {
        let last = || self.records.last().map(|record| Place::After(record.sequence_number.clone()));
        if self.ended { Some(Place::Ended) } else { last() }
    }
}
