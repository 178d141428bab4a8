//! Fetches: reading from any offset, and waiting for tails.
//!
//! They are made here, over `krafka`'s connections, and not by its consumer: that one has a position where a read has
//! none, leaves out the ends of partitions that are as they were, and tells the producer's time for the broker's
//! (decision 0014). Every fetch stands alone, without a session, so every answer says all there is to say.
use super::{CALL_TIMEOUT, SETTLE_MS, admin, admin_client, micros};
use crate::{
    client::{Answer, ClientError, Ends, Page, Place, Record},
    names::Partition,
};
use ::krafka::{
    __private::{
        kafka_metadata,
        network::BrokerConnection,
        protocol::{
            ApiKey, FetchPartitionRequest, FetchPartitionResponse, FetchRequest, FetchResponse, FetchTopicRequest,
            RecordBatch, RecordBatchHeader, TimestampType, VersionedDecode, VersionedEncode,
        },
    },
    Kafka, KrafkaError,
    error::ErrorCode,
};
use bytes::Bytes;
use headwater_log::{Limits, clock::Clock};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet};

/// Reads under way at once; with [`PAGE_BYTES`] this bounds what they hold.
const MAX_READS: usize = 32;
/// What one fetch brings at most, but for a single larger batch.
const PAGE_BYTES: usize = 8 << 20;
/// A fetch of so little brings one batch, which is what a search by bisection wants.
const ONE_BATCH_BYTES: i32 = 1;
/// How long a broker lets a question for tails wait.
const TAIL_WAIT: Duration = Duration::from_millis(250);
/// The versions of the request that leaders alone answer: from the next one on a replica that leads no more answers as far
/// as it has heard, and has not heard of what was acknowledged last.
const VERSIONS: (i16, i16) = (7, 10);

/// How much a fetch may bring, and how long a broker may wait for something to bring.
#[derive(Clone, Copy)]
struct Terms {
    max_bytes: i32,
    wait: Duration,
}

/// What one broker is asked: partitions it leads, each with the offset to begin at.
type Asked = Vec<(Partition, i64)>;

/// The ends of those partitions that were heard of.
type Heard = Answer<Vec<(Partition, Ends)>>;

/// Reads from leaders.
pub(super) struct Reads {
    kafka: Kafka,
    clock: Arc<dyn Clock>,
    permits: Semaphore,
}

impl Reads {
    pub(super) fn new(kafka: Kafka, clock: Arc<dyn Clock>) -> Self {
        Self { kafka, clock, permits: Semaphore::new(MAX_READS) }
    }

    pub(super) const fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// One fetch that was answered; while there is no leader that answers, it is looked for.
    pub(super) async fn fetch(&self, from: &Partition, offset: i64, limits: Limits) -> Answer<Page> {
        let _permit = self.permits.acquire().await.map_err(|closed| ClientError::Refused(closed.to_string()))?;
        let page_bytes = i32::try_from(limits.bytes.clamp(1, PAGE_BYTES)).unwrap_or(ONE_BATCH_BYTES);
        let max_bytes = if limits.entries <= 1 { ONE_BATCH_BYTES } else { page_bytes };
        let deadline_us = self.clock.steady_us() + micros(CALL_TIMEOUT);
        loop {
            let error =
                match self.fetch_once(from, offset, max_bytes).await {
                    Err(
                        error @ (KrafkaError::Network(_) | KrafkaError::Timeout { .. } | KrafkaError::Broker { .. }),
                    ) if error.is_retriable() && self.clock.steady_us() < deadline_us => error,
                    other => return other.map_err(|error| admin::failure(&error)),
                };
            tracing::debug!(%from, %error, "a fetch is repeated");
            self.clock.sleep(SETTLE_MS).await;
            kafka_metadata(&self.kafka)
                .force_refresh(Some(&[&from.topic]))
                .await
                .map_err(|error| admin::failure(&error))?;
        }
    }

    async fn fetch_once(&self, from: &Partition, offset: i64, max_bytes: i32) -> Result<Page, KrafkaError> {
        let leader = kafka_metadata(&self.kafka).get_leader_connection(&from.topic, from.index).await?;
        let asked = vec![(from.clone(), offset)];
        let told = ask(&leader, &asked, Terms { max_bytes, wait: Duration::ZERO }).await?;
        let told = told.into_iter().find(|(partition, _)| partition == from).map(|(_, told)| told);
        let told = told.ok_or_else(|| KrafkaError::broker(ErrorCode::LeaderNotAvailable, "no answer for it"))?;
        if !told.error_code.is_ok() {
            return Err(KrafkaError::broker(told.error_code, format!("fetch from {from}")));
        }
        let ends = ends(&told);
        Ok(Page { records: records(told.records.unwrap_or_default(), offset)?, ends })
    }
}

/// Waits for tails: at most one question is open at each broker, as a broker answers one after the other.
pub(super) struct Tails {
    kafka: Kafka,
    open: tokio::sync::Mutex<Questions>,
}

#[derive(Default)]
struct Questions {
    asked: BTreeSet<i32>,
    answers: JoinSet<(i32, Heard)>,
}

impl Tails {
    pub(super) fn new(kafka: Kafka) -> Self {
        Self { kafka, open: tokio::sync::Mutex::default() }
    }

    /// The next answer of any broker; those not yet answered go on waiting.
    pub(super) async fn wait(&self, beyond: &[(Partition, i64)]) -> Heard {
        let mut open = self.open.lock().await;
        for (leader, asked) in self.by_leader(beyond).await? {
            if open.asked.insert(leader) {
                open.answers.spawn(question(self.kafka.clone(), leader, asked));
            }
        }
        match open.answers.join_next().await {
            Some(Ok((leader, answer))) => {
                open.asked.remove(&leader);
                answer
            }
            Some(Err(died)) => {
                *open = Questions::default(); // whose answer it was is not known
                Err(ClientError::Unanswered(died.to_string()))
            }
            None => Err(ClientError::Unanswered("none of the watched partitions has a leader".into())),
        }
    }

    async fn by_leader(&self, beyond: &[(Partition, i64)]) -> Answer<BTreeMap<i32, Asked>> {
        let metadata = kafka_metadata(&self.kafka);
        let leader = |partition: &Partition| metadata.leader(&partition.topic, partition.index).filter(|id| *id >= 0);
        let lost: BTreeSet<&str> =
            beyond.iter().filter(|(on, _)| leader(on).is_none()).map(|(on, _)| &*on.topic).collect();
        if !lost.is_empty() {
            let lost: Vec<&str> = lost.into_iter().collect();
            metadata.force_refresh(Some(&lost)).await.map_err(|error| admin::failure(&error))?;
        }
        let mut by_leader: BTreeMap<i32, Asked> = BTreeMap::new();
        for (partition, offset) in beyond {
            if let Some(id) = leader(partition) {
                by_leader.entry(id).or_default().push((partition.clone(), *offset));
            }
        }
        Ok(by_leader)
    }
}

/// Asks a broker for the tails of partitions it leads. What it does not lead any more is looked for.
async fn question(kafka: Kafka, leader: i32, asked: Asked) -> (i32, Heard) {
    let metadata = kafka_metadata(&kafka);
    // A partition's end comes with every fetch, its records need not: of all of them, one batch may come along.
    let terms = Terms { max_bytes: ONE_BATCH_BYTES, wait: TAIL_WAIT };
    let told = async { ask(&*metadata.get_broker_connection(leader).await?, &asked, terms).await }.await;
    let (mut moved, mut trimmed) = (BTreeSet::new(), Vec::new());
    let mut answer = match &told {
        Ok(told) => {
            let mut heard = Vec::with_capacity(told.len());
            for (partition, told) in told {
                match told.error_code {
                    ErrorCode::None if told.high_watermark >= 0 => heard.push((partition.clone(), ends(told))),
                    // Trimmed beyond what is known here: an answer that says so does not tell the ends.
                    ErrorCode::OffsetOutOfRange => trimmed.push(partition.clone()),
                    _ => drop(moved.insert(&*partition.topic)),
                }
            }
            Ok(heard)
        }
        Err(error) => {
            moved.extend(asked.iter().map(|(partition, _)| &*partition.topic));
            Err(admin::failure(error))
        }
    };
    if let Ok(heard) = &mut answer
        && !trimmed.is_empty()
    {
        match admin::ends(&admin_client(&kafka), &trimmed).await {
            Ok(ends) => heard.extend(ends),
            Err(error) => answer = Err(error),
        }
    }
    if !moved.is_empty() {
        let moved: Vec<&str> = moved.into_iter().collect();
        let _ = metadata.force_refresh(Some(&moved)).await; // asked again in the next round
    }
    (leader, answer)
}

/// One fetch from one broker.
async fn ask(
    broker: &BrokerConnection,
    asked: &[(Partition, i64)],
    terms: Terms,
) -> Result<Vec<(Partition, FetchPartitionResponse)>, KrafkaError> {
    let version = broker.negotiate_api_version(ApiKey::Fetch, VERSIONS.1, VERSIONS.0);
    let version = version.ok_or_else(|| KrafkaError::config("the broker is too old: Kafka 1.1 or newer is needed"))?;
    let request = request(asked, terms);
    let mut answer =
        broker.send_request(ApiKey::Fetch, version, |body| request.encode_versioned(version, body)).await?;
    let response = FetchResponse::decode_versioned(version, &mut answer)?;
    broker.notify_throttle(response.throttle_time_ms);
    if !response.error_code.is_ok() {
        return Err(KrafkaError::broker(response.error_code, "fetch"));
    }
    let mut told = Vec::with_capacity(asked.len());
    for topic in response.responses {
        let name: Arc<str> = topic.topic.into();
        let of =
            |partition: &FetchPartitionResponse| Partition { topic: Arc::clone(&name), index: partition.partition };
        told.extend(topic.partitions.into_iter().map(|partition| (of(&partition), partition)));
    }
    Ok(told)
}

fn request(asked: &[(Partition, i64)], terms: Terms) -> FetchRequest {
    let mut by_topic: BTreeMap<&str, Vec<FetchPartitionRequest>> = BTreeMap::new();
    for (partition, offset) in asked {
        let mut wanted = FetchPartitionRequest::default();
        wanted.partition = partition.index;
        wanted.fetch_offset = *offset;
        wanted.partition_max_bytes = terms.max_bytes;
        by_topic.entry(&partition.topic).or_default().push(wanted);
    }
    let mut request = FetchRequest::default();
    request.max_wait_ms = i32::try_from(terms.wait.as_millis()).unwrap_or(i32::MAX);
    request.min_bytes = i32::from(!terms.wait.is_zero());
    request.max_bytes = terms.max_bytes;
    request.topics = by_topic
        .into_iter()
        .map(|(name, partitions)| {
            let mut topic = FetchTopicRequest::default();
            name.clone_into(&mut topic.topic);
            topic.partitions = partitions;
            topic
        })
        .collect();
    request
}

fn ends(told: &FetchPartitionResponse) -> Ends {
    Ends { first: told.log_start_offset.max(0), tail: told.high_watermark }
}

/// The records of whole batches; those before the offset asked for come along with their batch, and a batch cut short by
/// the limit of bytes comes at the end.
fn records(mut batches: Bytes, from: i64) -> Result<Vec<Record>, KrafkaError> {
    let mut records = Vec::new();
    while let Ok(header) = RecordBatchHeader::peek(&batches)
        && batches.len() >= header.total_size()
    {
        let batch = RecordBatch::decode(&mut batches)?;
        if batch.attributes.is_control_batch {
            continue;
        }
        for record in batch.records {
            let time_ms = match batch.attributes.timestamp_type {
                TimestampType::LogAppendTime => batch.max_timestamp, // one time for all of them
                _ => batch.base_timestamp + record.timestamp_delta,
            };
            let offset = batch.base_offset + i64::from(record.offset_delta);
            if offset >= from {
                let place = Place { offset, time_ms: u64::try_from(time_ms).unwrap_or(0) };
                records.push(Record { place, value: record.value.unwrap_or_default() });
            }
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_names_each_topic_once_and_stands_alone() {
        let on = |topic: &str, index| Partition { topic: topic.into(), index };
        let asked = [(on("b", 1), 7), (on("a", 0), 8), (on("b", 0), 9)];
        let request = request(&asked, Terms { max_bytes: 5, wait: TAIL_WAIT });
        let asked: Vec<_> = request
            .topics
            .iter()
            .flat_map(|topic| {
                topic.partitions.iter().map(|wanted| (topic.topic.as_str(), wanted.partition, wanted.fetch_offset))
            })
            .collect();
        assert_eq!(asked, [("a", 0, 8), ("b", 1, 7), ("b", 0, 9)]);
        assert_eq!((request.session_id, request.session_epoch), (0, -1));
        assert_eq!((request.min_bytes, request.max_bytes, request.max_wait_ms), (1, 5, 250));
    }
}
