//! Reading a stream. Invariant: the single requests are made once and tell their failures; what is built of them – a
//! [`Reading`] – waits failures out, and neither loses nor repeats a record.
mod fan_out;
mod reader;
mod reading;
mod shard;
mod tree;
#[cfg(test)]
pub(crate) use tree::tests;

pub use reading::Reading;
pub use shard::{Arrived, Batch, ChildShard, Next, Place, Shard, Start};

use crate::{
    backoff::persist,
    error::{Error, Result},
    received::Received,
};
use aws_sdk_kinesis::{Client, primitives::DateTime};
use fan_out::Registration;
pub(crate) use reader::ShardReader;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The API allows five requests a second for the records of a shard.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Listings after a shard's end until one must show what it became.
const LISTINGS: u32 = 10;

/// Reads one stream, shard by shard or as a whole.
///
/// ```no_run
/// # async fn read(config: &aws_config::SdkConfig) -> Result<(), headwater_client::Error> {
/// use headwater_client::{Consumer, Start};
///
/// let consumer = Consumer::new(aws_sdk_kinesis::Client::new(config), "readings");
/// let mut reading = consumer.read(Start::TrimHorizon);
/// while let Some(record) = reading.next().await {
///     let record = record?;
///     println!("{}: {} bytes", record.partition_key, record.data.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Consumer {
    client: Client,
    stream: Stream,
    taken_apart: bool,
    limit: Option<i32>,
    poll_interval: Duration,
    fan_out: Option<Arc<Registration>>,
}

/// How the stream is called.
#[derive(Clone, Debug)]
enum Stream {
    Name(String),
    Arn(String),
}

impl Consumer {
    /// A reader of the stream of this name or ARN. Nothing is requested yet.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        let stream = stream.into();
        let stream = if stream.starts_with("arn:") { Stream::Arn(stream) } else { Stream::Name(stream) };
        Self { client, stream, taken_apart: true, limit: None, poll_interval: POLL_INTERVAL, fan_out: None }
    }

    /// Whether records which the Kinesis Producer Library, or this library's producer, aggregated are taken apart; they
    /// are unless this says otherwise.
    #[must_use]
    pub fn deaggregate(self, taken_apart: bool) -> Self {
        Self { taken_apart, ..self }
    }

    /// The most Kinesis records to ask for at once, from 1 to 10,000. Applies to polling; without it the service decides.
    #[must_use]
    pub fn limit(self, limit: i32) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The time between two requests for the records of one shard when polling; 200 ms if this is not said. The service
    /// allows five requests a second and shard to all its readers together: several of them should each wait longer.
    #[must_use]
    pub fn poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// Reads by enhanced fan-out from now on, as the registered consumer of this name or ARN, instead of polling. A name
    /// that is not registered will be when reading starts; [`close`](Self::close) takes that back.
    #[must_use]
    pub fn fan_out(self, consumer: impl Into<String>) -> Self {
        Self { fan_out: Some(Arc::new(Registration::new(consumer.into()))), ..self }
    }

    /// Deregisters the fan-out consumer if this consumer, or a clone of it, has registered it.
    ///
    /// # Errors
    /// [`Error::Failed`] if the service refuses.
    pub async fn close(self) -> Result<()> {
        match &self.fan_out {
            Some(registration) => registration.undo(&self).await,
            None => Ok(()),
        }
    }

    /// All shards of the stream, closed ones too.
    ///
    /// ```no_run
    /// # async fn list(consumer: headwater_client::Consumer) -> Result<(), headwater_client::Error> {
    /// for shard in consumer.shards().await? {
    ///     println!("{} {}", shard.id, if shard.is_closed() { "closed" } else { "open" });
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Failed`] if the service refuses, as when there is no such stream.
    pub async fn shards(&self) -> Result<Vec<Shard>> {
        const OPERATION: &str = "ListShards";
        let (mut shards, mut page) = (Vec::new(), None);
        loop {
            let request = self.client.list_shards();
            // A page's token stands for the stream too.
            let request = match page.take() {
                Some(token) => request.next_token(token),
                None => request.set_stream_name(self.name()).set_stream_arn(self.arn()),
            };
            let answer = request.send().await.map_err(|error| Error::of_sdk(OPERATION, error))?;
            for shard in answer.shards.unwrap_or_default() {
                shards.push(Shard::of_sdk(shard)?);
            }
            page = answer.next_token;
            if page.is_none() {
                return Ok(shards);
            }
        }
    }

    /// A place in a shard, for [`records`](Self::records).
    ///
    /// # Errors
    /// [`Error::Failed`] if the service refuses, as when there is no such shard or the sequence number is none of it.
    pub async fn iterator(&self, shard_id: &str, start: &Start) -> Result<Next> {
        self.iterator_of(&shard_id.into(), start).await
    }

    async fn iterator_of(&self, shard_id: &Arc<str>, start: &Start) -> Result<Next> {
        const OPERATION: &str = "GetShardIterator";
        let (kind, number, time) = start.parts();
        let request = self.client.get_shard_iterator();
        let request = request.set_stream_name(self.name()).set_stream_arn(self.arn()).shard_id(&**shard_id);
        let request = request.shard_iterator_type(kind).set_starting_sequence_number(number.map(Into::into));
        let request = request.set_timestamp(time.map(DateTime::from));
        let answer = request.send().await.map_err(|error| Error::of_sdk(OPERATION, error))?;
        let lacking = || Error::Unexpected(format!("{OPERATION}: no iterator for {shard_id}"));
        let iterator = answer.shard_iterator.ok_or_else(lacking)?;
        Ok(Next { shard_id: Arc::clone(shard_id), iterator, limit: self.limit })
    }

    /// The records from a place on: some of them, and the next place.
    ///
    /// ```no_run
    /// # async fn read(consumer: headwater_client::Consumer) -> Result<(), headwater_client::Error> {
    /// # use headwater_client::Start;
    /// let mut next = Some(consumer.iterator("shardId-000000000000", &Start::TrimHorizon).await?.limit(10));
    /// while let Some(place) = next {
    ///     let batch = consumer.records(place).await?;
    ///     for record in &batch.records {
    ///         println!("{}", record.sequence_number);
    ///     }
    ///     next = batch.next;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Failed`] if the service refuses: with the code `ExpiredIteratorException` after five minutes, with
    /// `ProvisionedThroughputExceededException` after more than five requests a second.
    pub async fn records(&self, next: Next) -> Result<Batch> {
        const OPERATION: &str = "GetRecords";
        let request = self.client.get_records().shard_iterator(next.iterator).set_limit(next.limit);
        let answer = request.set_stream_arn(self.arn()).send().await;
        let answer = answer.map_err(|error| Error::of_sdk(OPERATION, error))?;
        let mut records = Vec::with_capacity(answer.records.len());
        for record in answer.records {
            Received::append(record, &next.shard_id, self.taken_apart, &mut records);
        }
        let children = answer.child_shards.unwrap_or_default();
        Ok(Batch {
            records,
            millis_behind: answer.millis_behind_latest.and_then(|millis| millis.try_into().ok()).unwrap_or(0),
            child_shards: children.into_iter().map(ChildShard::of_sdk).collect::<Result<_>>()?,
            next: answer.next_shard_iterator.map(|iterator| Next { iterator, ..next }),
        })
    }

    /// Reads one shard from `start` to its end; an open shard has none. Failures that pass are waited out and expired
    /// iterators renewed. To be called within a Tokio runtime.
    pub fn read_shard(&self, shard_id: &str, start: Start) -> Reading {
        Reading::of_shard(self.clone(), shard_id, start)
    }

    /// Reads the whole stream from `start` on: all shards at once, and what they are split and merged into when they have
    /// been read to their ends, so that records under one key come in order. Failures that pass are waited out and expired
    /// iterators renewed. To be called within a Tokio runtime.
    ///
    /// [`Start::Latest`] skips what closed shards hold; the shards that come later are read from their beginnings. The two
    /// starts with a sequence number mean nothing here, since that is a place in one shard: the first item is then an
    /// [`Error::Misuse`].
    pub fn read(&self, start: Start) -> Reading {
        self.read_on(BTreeMap::new(), start)
    }

    /// Reads the whole stream on from where an earlier reading ended: each shard of `places` from its place, and what the
    /// earlier one had not begun with as [`read`](Self::read) would.
    ///
    /// ```no_run
    /// # async fn go_on(consumer: headwater_client::Consumer, mut places: std::collections::BTreeMap<String, headwater_client::consumer::Place>)
    /// # -> headwater_client::Result<()> {
    /// use headwater_client::{Start, consumer::Place};
    ///
    /// let mut reading = consumer.read_on(places.clone(), Start::TrimHorizon);
    /// while let Some(arrived) = reading.next_batch().await {
    ///     let arrived = arrived?;
    ///     // … and when what arrived is worked on:
    ///     places.extend(arrived.place().map(|place| (arrived.shard_id.to_string(), place)));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_on(&self, places: BTreeMap<String, Place>, start: Start) -> Reading {
        Reading::of_stream(self.clone(), places, start)
    }

    /// The shards after one has ended, these `children` among them.
    pub(crate) async fn shards_with(&self, children: &[ChildShard]) -> Result<Vec<Shard>> {
        let mut shards = persist(true, || self.shards()).await?;
        for _ in 1..LISTINGS {
            if children.iter().all(|child| shards.iter().any(|shard| shard.id == child.id)) {
                return Ok(shards);
            }
            crate::clock::pause(self.poll_interval).await;
            shards = persist(true, || self.shards()).await?;
        }
        Ok(shards)
    }

    fn name(&self) -> Option<String> {
        match &self.stream {
            Stream::Name(name) => Some(name.clone()),
            Stream::Arn(_) => None,
        }
    }

    fn arn(&self) -> Option<String> {
        match &self.stream {
            Stream::Name(_) => None,
            Stream::Arn(arn) => Some(arn.clone()),
        }
    }
}
