//! A producer's options. Invariant: a producer that was built has options under which everything can be sent.
use super::{
    Producer,
    driver::Shared,
    limits::{Lanes, Limits},
    request::Stream,
    retry::Retry,
};
use crate::{Error, Result, clock};
use aws_sdk_kinesis::Client;
use std::{ops::RangeInclusive, time::Duration};

/// What the API takes in one PutRecords request.
const REQUEST_RECORDS: usize = 500;
const REQUEST_BYTES: usize = 10 << 20;
/// What every server takes, also those that know the API of before 2025.
const DEFAULT_REQUEST_BYTES: usize = 5 << 20;
const DEFAULT_REQUESTS: usize = 8;
const DEFAULT_LINGER: Duration = Duration::from_millis(20);
const DEFAULT_BUFFER_BYTES: usize = 64 << 20;
const DEFAULT_DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// What a stream takes as one record unless it was told to take more.
const AGGREGATE_BYTES: RangeInclusive<usize> = 1 << 10..=1 << 20;
/// Small enough for a shard's rate to take it at once.
const DEFAULT_AGGREGATE_BYTES: usize = 128 << 10;

/// Options of a [`Producer`], from [`Producer::builder`].
///
/// ```no_run
/// # use headwater_client::{Producer, Result, Retry};
/// # use std::time::Duration;
/// # fn f(client: aws_sdk_kinesis::Client) -> Result<()> {
/// let producer = Producer::builder(client, "readings")
///     .aggregated()
///     .linger(Duration::from_millis(100))
///     .retry(Retry { retries: 20, ..Retry::default() })
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct ProducerBuilder {
    client: Client,
    stream: String,
    limits: Limits,
    buffer_bytes: usize,
}

impl ProducerBuilder {
    pub(super) fn new(client: Client, stream: String) -> Self {
        let limits = Limits {
            lanes: Lanes::Key,
            request_records: REQUEST_RECORDS,
            request_bytes: DEFAULT_REQUEST_BYTES,
            requests: DEFAULT_REQUESTS,
            linger: DEFAULT_LINGER,
            patience: DEFAULT_DELIVERY_TIMEOUT,
            retry: Retry::default(),
        };
        Self { client, stream, limits, buffer_bytes: DEFAULT_BUFFER_BYTES }
    }

    /// Records of a PutRecords request at most: 1 to 500, which is the default.
    pub fn request_records(mut self, records: usize) -> Self {
        self.limits.request_records = records;
        self
    }

    /// Bytes of data and keys of a PutRecords request at most, up to 10 MiB; 5 MiB by default. A record that is bigger
    /// goes alone.
    pub fn request_bytes(mut self, bytes: usize) -> Self {
        self.limits.request_bytes = bytes;
        self
    }

    /// Requests of [`send`](Producer::send) under way at once; 8 by default.
    pub fn requests_in_flight(mut self, requests: usize) -> Self {
        self.limits.requests = requests;
        self
    }

    /// How long a record that was [sent](Producer::send) waits for others to share its request; 20 ms by default.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.limits.linger = linger;
        self
    }

    /// Memory for records that were [sent](Producer::send) and are not answered, about; 64 MiB by default. While it is
    /// full, `send` waits. Each record counts with its data, its key and half a kibibyte.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// How long after it was [sent](Producer::send) a record may begin another attempt; 30 s by default. A request under
    /// way is not cut short: for that, set the timeouts of the SDK's client.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.limits.patience = timeout;
        self
    }

    /// When to try again what failed for a passing reason.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.limits.retry = retry;
        self
    }

    /// Packs records that were [sent](Producer::send) and belong to the same shard into aggregates of up to 128 KiB, in the
    /// format of the Kinesis Producer Library, which the Kinesis Client Library takes apart, and this library's consumer.
    /// It takes the permission to call ListShards. Order within a partition key is kept.
    pub fn aggregated(self) -> Self {
        self.aggregated_up_to(DEFAULT_AGGREGATE_BYTES)
    }

    /// The same with aggregates of up to so many bytes: 1 KiB to 1 MiB.
    pub fn aggregated_up_to(mut self, bytes: usize) -> Self {
        self.limits.lanes = Lanes::Shard(bytes);
        self
    }

    /// Lets records of the same partition key overtake one another, and sends each as it is: without this, and without
    /// aggregation, a record that was [sent](Producer::send) waits for the answer to the one before it of its key.
    pub fn unordered(mut self) -> Self {
        self.limits.lanes = Lanes::Record;
        self
    }

    /// The producer.
    ///
    /// # Errors
    /// [`Error::Misuse`] if an option is beyond its bounds or the stream has no name.
    pub fn build(self) -> Result<Producer> {
        let Limits { lanes, request_records, request_bytes, requests, .. } = self.limits;
        within("the length of a stream's name or ARN", self.stream.len(), 1..=2048)?;
        within("request_records", request_records, 1..=REQUEST_RECORDS)?;
        within("request_bytes", request_bytes, 1..=REQUEST_BYTES)?;
        within("requests_in_flight", requests, 1..=usize::MAX)?;
        within("buffer_bytes", self.buffer_bytes, 1..=u32::MAX as usize)?;
        if let Lanes::Shard(bytes) = lanes {
            within("aggregated_up_to", bytes, AGGREGATE_BYTES)?;
        }
        // The standard library's maps are seeded by chance, which is good enough for jitter.
        let seed = clock::lot();
        let stream = Stream::new(self.client, self.stream);
        Ok(Producer::of(Shared::new(stream, self.limits, self.buffer_bytes, seed)))
    }
}

fn within(option: &str, value: usize, bounds: RangeInclusive<usize>) -> Result<()> {
    let sentence = || format!("{option} must be from {} to {}, and is {value}", bounds.start(), bounds.end());
    bounds.contains(&value).then_some(()).ok_or_else(|| Error::Misuse(sentence()))
}
