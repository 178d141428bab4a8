//! Reading from any offset, and waiting for tails, by consumers that belong to no group.
//!
//! A consumer is a standing thing with a position, a read is not: so a few of them are kept and put where the next read
//! begins. Nothing a consumer fetched ahead outlives the read it was fetched for.
use super::{CALL_TIMEOUT, SETTLE_MS, admin, micros};
use crate::{
    client::{Answer, ClientError, Ends, Page, Place, Record},
    names::Partition,
};
use ::krafka::{
    ConsumerRecord, Kafka,
    admin::AdminClient,
    consumer::{AutoOffsetReset, Consumer, ConsumerBuilder},
};
use headwater_log::{Limits, clock::Clock};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Reads under way at once; with [`PAGE_BYTES`] this bounds what they hold.
const MAX_READERS: usize = 16;
/// What one fetch brings at most, but for a single larger batch.
const PAGE_BYTES: i32 = 4 << 20;
/// A read ends at this size even where more was asked for.
const MAX_READ_BYTES: usize = 32 << 20;
/// A fetch of so little brings one batch, which is what a search by bisection wants.
const ONE_BATCH_BYTES: i32 = 1;
/// How long a broker lets a question for tails wait.
const TAIL_WAIT: Duration = Duration::from_millis(250);

/// The consumers reads are done with.
pub(super) struct Readers {
    kafka: Kafka,
    admin: AdminClient,
    clock: Arc<dyn Clock>,
    permits: Semaphore,
    idle: Mutex<Idle>,
}

/// Those that fetch pages, and those that fetch single batches.
#[derive(Default)]
struct Idle {
    pages: Vec<Reader>,
    batches: Vec<Reader>,
}

struct Reader {
    consumer: Consumer,
    at: Option<Partition>,
}

impl Readers {
    pub(super) fn new(kafka: Kafka, clock: Arc<dyn Clock>) -> Self {
        let admin = super::admin_client(&kafka);
        Self { kafka, admin, clock, permits: Semaphore::new(MAX_READERS), idle: Mutex::default() }
    }

    /// For questions about leaders that readers should know of.
    pub(super) const fn admin(&self) -> &AdminClient {
        &self.admin
    }

    pub(super) async fn fetch(&self, from: &Partition, offset: i64, limits: Limits) -> Answer<Page> {
        let _permit = self.permits.acquire().await.map_err(|closed| ClientError::Refused(closed.to_string()))?;
        let single = limits.entries <= 1;
        let mut reader = self.take(single).await?;
        let outcome = self.read(&mut reader, from, offset, limits).await;
        if matches!(outcome, Ok(_) | Err(ClientError::OutOfRange)) {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if single { idle.batches.push(reader) } else { idle.pages.push(reader) }
        } else {
            retire(reader.consumer); // the next one begins anew
        }
        outcome
    }

    async fn take(&self, single: bool) -> Answer<Reader> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if single { idle.batches.pop() } else { idle.pages.pop() }
        };
        if let Some(reader) = idle {
            return Ok(reader);
        }
        let bytes = if single { ONE_BATCH_BYTES } else { PAGE_BYTES };
        let consumer = plain(&self.kafka)
            .auto_offset_reset(AutoOffsetReset::None)
            .fetch_min_bytes(0) // answer at once, whether there is something or not
            .fetch_max_bytes(bytes)
            .max_partition_fetch_bytes(bytes)
            .build();
        let consumer = consumer.await.map_err(|error| admin::failure(&error))?;
        Ok(Reader { consumer, at: None })
    }

    /// Reads until the limits or the tail are reached. Without progress it asks who leads the partition, again and again.
    async fn read(&self, reader: &mut Reader, from: &Partition, offset: i64, limits: Limits) -> Answer<Page> {
        let deadline_us = self.clock.steady_us() + micros(CALL_TIMEOUT);
        let (mut records, mut size_bytes, mut at) = (Vec::new(), 0, offset);
        reader.put(from, at).await?;
        loop {
            let polled = reader.consumer.poll(Duration::ZERO).await.map_err(|error| admin::failure(&error));
            let page = match polled {
                Err(error @ ClientError::OutOfRange) if records.is_empty() => return Err(error),
                other => other.unwrap_or_default(),
            };
            let progress = !page.is_empty();
            for record in page.into_iter().map(record) {
                size_bytes += record.value.len();
                at = record.place.offset + 1;
                records.push(record);
            }
            let enough = records.len() >= limits.entries.max(1) || size_bytes >= limits.bytes.min(MAX_READ_BYTES);
            if let Some(ends) = reader.ends(from).await
                && (enough || at >= ends.tail)
            {
                return Ok(Page { records, ends });
            }
            if progress {
                continue;
            }
            if self.clock.steady_us() > deadline_us {
                return Err(ClientError::Unanswered(format!("{from} has no leader that answers")));
            }
            admin::ends(&self.admin, std::slice::from_ref(from)).await?;
            self.clock.sleep(SETTLE_MS).await;
            reader.put(from, at).await?;
        }
    }
}

impl Reader {
    /// Lets the next fetch begin at an offset, with nothing left of what was fetched or failed before.
    async fn put(&mut self, at: &Partition, offset: i64) -> Answer<()> {
        let put = async {
            if let Some(left) = self.at.take() {
                self.consumer.assign(&left.topic, Vec::new()).await?;
            }
            self.consumer.assign(&at.topic, vec![at.index]).await?;
            self.consumer.seek(&at.topic, at.index, offset).await
        };
        put.await.map_err(|error| admin::failure(&error))?;
        self.at = Some(at.clone());
        Ok(())
    }

    /// The ends that came with the last fetch, if there was an answer.
    async fn ends(&self, of: &Partition) -> Option<Ends> {
        let heard = self.consumer.lag().await.remove(&admin::named(of))?;
        Some(Ends { first: heard.log_start_offset.unwrap_or(0), tail: heard.high_watermark? })
    }
}

/// The consumer that waits for tails.
pub(super) struct Tails {
    kafka: Kafka,
    waiting: tokio::sync::Mutex<Option<Waiting>>,
}

struct Waiting {
    consumer: Consumer,
    on: Vec<Partition>,
}

impl Tails {
    pub(super) fn new(kafka: Kafka) -> Self {
        Self { kafka, waiting: tokio::sync::Mutex::default() }
    }

    pub(super) async fn wait(&self, beyond: &[(Partition, i64)]) -> Answer<Vec<(Partition, Ends)>> {
        let mut held = self.waiting.lock().await;
        let same = held.as_ref().is_some_and(|waiting| waiting.on.iter().eq(beyond.iter().map(|(on, _)| on)));
        if !same && let Some(old) = held.take() {
            retire(old.consumer);
        }
        let waiting = match held.take() {
            Some(waiting) => waiting,
            None => self.begin(beyond).await?,
        };
        let heard = waiting.hear(beyond).await;
        match heard {
            Ok(_) => *held = Some(waiting),
            Err(_) => retire(waiting.consumer),
        }
        heard
    }

    async fn begin(&self, on: &[(Partition, i64)]) -> Answer<Waiting> {
        // A partition's end comes with every fetch, its records need not: of all of them, one batch may come along.
        let consumer = plain(&self.kafka)
            .auto_offset_reset(AutoOffsetReset::Latest)
            .fetch_min_bytes(1)
            .fetch_max_bytes(ONE_BATCH_BYTES)
            .max_partition_fetch_bytes(ONE_BATCH_BYTES)
            .fetch_max_wait(TAIL_WAIT)
            .build()
            .await
            .map_err(|error| admin::failure(&error))?;
        let mut by_topic: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (partition, _) in on {
            by_topic.entry(&partition.topic).or_default().push(partition.index);
        }
        for (topic, partitions) in by_topic {
            consumer.assign(topic, partitions).await.map_err(|error| admin::failure(&error))?;
        }
        Ok(Waiting { consumer, on: on.iter().map(|(partition, _)| partition.clone()).collect() })
    }
}

impl Waiting {
    async fn hear(&self, beyond: &[(Partition, i64)]) -> Answer<Vec<(Partition, Ends)>> {
        let positions = beyond.iter().map(|(partition, offset)| (admin::named(partition), *offset));
        self.consumer.seek_many(positions).await.map_err(|error| admin::failure(&error))?;
        self.consumer.poll(TAIL_WAIT).await.map_err(|error| admin::failure(&error))?;
        let mut heard = self.consumer.lag().await;
        let ends = self.on.iter().filter_map(|partition| {
            let lag = heard.remove(&admin::named(partition))?;
            let ends = Ends { first: lag.log_start_offset.unwrap_or(0), tail: lag.high_watermark? };
            Some((partition.clone(), ends))
        });
        Ok(ends.collect())
    }
}

/// Lets a consumer say goodbye to its brokers, for which nobody waits: they may be gone.
fn retire(consumer: Consumer) {
    tokio::spawn(async move { consumer.close().await });
}

/// A consumer that hands out all it fetches.
fn plain(kafka: &Kafka) -> ConsumerBuilder {
    kafka
        .consumer_without_group()
        .enable_auto_commit(false)
        .max_poll_records(-1)
        .max_buffered_records(0)
        .metrics_push(false)
}

fn record(read: ConsumerRecord) -> Record {
    let place = Place { offset: read.offset, time_ms: u64::try_from(read.timestamp).unwrap_or(0) };
    Record { place, value: read.value.unwrap_or_default() }
}
