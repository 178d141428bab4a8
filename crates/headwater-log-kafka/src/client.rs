//! What the engine asks of a Kafka client, and nothing else: whoever answers these calls can stand below it.
//!
//! An answer says what is known: a call that may or may not have had its effect ends with `Unanswered`, never with
//! `Refused`. Reads come from leaders alone.
use crate::{checks::Described, names::Partition};
use bytes::Bytes;
use headwater_log::Limits;
use std::{collections::BTreeMap, fmt, future::Future};

/// Where a record came to stand, and when, by the broker's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) offset: i64,
    /// Milliseconds since the Unix epoch.
    pub(crate) time_ms: u64,
}

/// A record read back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) place: Place,
    pub(crate) value: Bytes,
}

/// First offset kept, and the one behind the last that a quorum has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ends {
    pub(crate) first: i64,
    pub(crate) tail: i64,
}

/// What a fetch returns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Page {
    pub(crate) records: Vec<Record>,
    pub(crate) ends: Ends,
}

/// A topic to be created, with settings of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewTopic<'a> {
    pub(crate) name: &'a str,
    pub(crate) partitions: i32,
    pub(crate) replicas: i16,
    pub(crate) settings: &'a [(&'static str, String)],
}

/// Why a call has no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ClientError {
    /// The offset lies before the first one kept or behind the last one written.
    OutOfRange,
    /// There is no such topic or partition.
    Missing,
    /// It did not happen, and why.
    Refused(String),
    /// It may have happened, and why that is not known.
    Unanswered(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange => f.write_str("the offset is out of range"),
            Self::Missing => f.write_str("there is no such topic or partition"),
            Self::Refused(why) | Self::Unanswered(why) => f.write_str(why),
        }
    }
}

/// What became of a call.
pub(crate) type Answer<T> = Result<T, ClientError>;

/// A connection to a Kafka cluster.
pub(crate) trait Client: Send + Sync + 'static {
    /// Puts `values` at the end of a partition, in this order and behind everything put before; idempotent, and
    /// answered once all replicas in step have them, one place a value.
    fn produce(&self, to: &Partition, values: Vec<Bytes>) -> impl Future<Output = Answer<Vec<Place>>> + Send;

    /// The records from `offset` on, at least one where there is one. More than `limits` may come back.
    fn fetch(&self, from: &Partition, offset: i64, limits: Limits) -> impl Future<Output = Answer<Page>> + Send;

    /// Waits until one of the partitions has a tail beyond the offset given with it, or a fraction of a second. Returns
    /// the ends of those heard of.
    fn await_tails(&self, beyond: &[(Partition, i64)]) -> impl Future<Output = Answer<Vec<(Partition, Ends)>>> + Send;

    /// The ends of partitions now; `Missing` if one of them is.
    fn ends(&self, of: &[Partition]) -> impl Future<Output = Answer<Vec<(Partition, Ends)>>> + Send;

    /// Deletes the records before an offset, which must not lie behind the tail; returns the first offset kept.
    fn delete_records(&self, of: &Partition, before: i64) -> impl Future<Output = Answer<i64>> + Send;

    /// The names of all topics.
    fn topics(&self) -> impl Future<Output = Answer<Vec<String>>> + Send;

    /// How many partitions each of these topics has; those that are not there are left out.
    fn partitions(&self, of: &[String]) -> impl Future<Output = Answer<BTreeMap<String, i32>>> + Send;

    /// Creates a topic; returns once it can be used. False if there is one already.
    fn create_topic(&self, topic: &NewTopic<'_>) -> impl Future<Output = Answer<bool>> + Send;

    /// Sees to it that a topic has at least so many partitions; returns once they can be used.
    fn grow_topic(&self, topic: &str, partitions: i32) -> impl Future<Output = Answer<()>> + Send;

    /// Deletes a topic, if it is there.
    fn delete_topic(&self, topic: &str) -> impl Future<Output = Answer<()>> + Send;

    /// The settings of the cluster's brokers and of these topics.
    fn describe(&self, topics: &[String]) -> impl Future<Output = Answer<Described>> + Send;
}
