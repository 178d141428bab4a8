//! Storing: one batch of a partition is under way at a time, and one request of a broker, which takes all batches that wait.
//!
//! Invariant: what is answered was stored once, by all replicas in step, behind everything put to its partition before. A
//! batch bears the same [`Mark`] each time it is sent, so brokers know it again; once it is given up without knowing whether
//! it was stored, the partition's next one is of a new epoch, behind which brokers do not take it any more. So what was
//! given up never comes to stand behind what came later.
//!
//! Requests are made here, over `krafka`'s connections, and not by its producer, which takes records one by one and copies
//! each several times (decision 0014).
use super::{
    admin,
    batch::{Batch, Mark},
    micros,
};
use crate::{
    client::{Answer, ClientError, Place},
    names::Partition,
    turns::Turns,
};
use ::krafka::{KrafkaError, error::ErrorCode};
use bytes::Bytes;
use headwater_log::clock::Clock;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::oneshot;

/// A batch is stored by then, or given up.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(9);
const RETRY_MS: u64 = 50;
/// Batches end at this size; a larger value has one of its own.
const BATCH_BYTES: usize = 1 << 20;
/// Requests end at this size, so that brokers answer them in time; a larger batch has one of its own.
const REQUEST_BYTES: usize = 4 << 20;

/// The brokers of a cluster.
pub(super) trait Brokers: Send + Sync + 'static {
    /// The broker that leads a partition, as far as is known; it is looked for if none is.
    fn leader(&self, of: &Partition) -> impl Future<Output = Result<i32, KrafkaError>> + Send;

    /// Asks who leads the partitions of a topic now.
    fn look_again(&self, topic: &str) -> impl Future<Output = ()> + Send;

    /// A producer's id that nobody else has.
    fn new_id(&self) -> impl Future<Output = Result<i64, KrafkaError>> + Send;

    /// Sends batches, of each partition one at most, to a broker. Its answer.
    fn send(
        &self,
        leader: i32,
        batches: &[&Batch],
    ) -> impl Future<Output = Result<HashMap<Partition, Told>, Unanswered>> + Send;
}

/// What a broker tells of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) code: ErrorCode,
    /// The offset of its first record.
    pub(super) first: i64,
    /// Milliseconds since the Unix epoch.
    pub(super) time_ms: i64,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(super) enum Unanswered {
    /// It was not sent.
    Unsent(KrafkaError),
    /// It may have been.
    Sent(KrafkaError),
}

/// Stores on leaders.
pub(super) struct Producer<B> {
    brokers: B,
    clock: Arc<dyn Clock>,
    tracks: Mutex<HashMap<Partition, Arc<tokio::sync::Mutex<Track>>>>,
    queues: Mutex<HashMap<i32, Arc<Turns<Waiting>>>>,
}

/// What the next batch of a partition is marked with.
#[derive(Debug, Default)]
struct Track {
    /// None before the first batch.
    next: Option<Mark>,
    /// The last batch is not known to be stored: it may come to be, also when nobody waits to hear of it.
    in_doubt: bool,
}

impl Track {
    /// The mark of the next batch. None if a new producer's id is needed.
    fn begin(&mut self) -> Option<Mark> {
        if std::mem::replace(&mut self.in_doubt, true) {
            self.restart();
        }
        self.next
    }

    fn begin_as(&mut self, producer: i64) -> Mark {
        *self.next.insert(Mark { producer, epoch: 0, sequence: 0 })
    }

    /// From here on under a new epoch. When there is none, under a new id: behind that, brokers would take what was given
    /// up after the last of 32,767 epochs.
    fn restart(&mut self) {
        self.next = self.next.and_then(|mark| Some(Mark { epoch: mark.epoch.checked_add(1)?, sequence: 0, ..mark }));
    }

    fn stored(&mut self, records: usize) {
        self.in_doubt = false;
        if let Some(mark) = &mut self.next {
            let next = (i64::from(mark.sequence) + i64::try_from(records).unwrap_or(0)) & i64::from(i32::MAX);
            mark.sequence = i32::try_from(next).unwrap_or(0); // behind the highest comes 0
        }
    }
}

/// A batch that waits to be sent to a broker.
struct Waiting {
    batch: Arc<Batch>,
    tell: oneshot::Sender<Result<Told, Unanswered>>,
}

/// What an answer says of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Stored,
    /// It is not, and will not be.
    Refused,
    /// This time it was not.
    NotYet,
    /// It may be, or will be.
    Perhaps,
    /// It is not, as the broker does not know its mark to be the next one's.
    Unmarked,
    /// It is, and not told where.
    Somewhere,
}

fn judge(code: ErrorCode) -> Verdict {
    use ErrorCode as Code;
    match code {
        Code::None => Verdict::Stored,
        Code::MessageTooLarge
        | Code::RecordListTooLarge
        | Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::InvalidRecord
        | Code::InvalidTimestamp => Verdict::Refused,
        Code::NotLeaderForPartition
        | Code::LeaderNotAvailable
        | Code::UnknownTopicOrPartition
        | Code::FencedLeaderEpoch
        | Code::NotEnoughReplicas
        | Code::CorruptMessage => Verdict::NotYet,
        Code::OutOfOrderSequenceNumber | Code::UnknownProducerId | Code::InvalidProducerEpoch => Verdict::Unmarked,
        Code::DuplicateSequenceNumber => Verdict::Somewhere,
        _ => Verdict::Perhaps,
    }
}

impl<B: Brokers> Producer<B> {
    pub(super) fn new(brokers: B, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { brokers, clock, tracks: Mutex::default(), queues: Mutex::default() })
    }

    pub(super) const fn brokers(&self) -> &B {
        &self.brokers
    }

    /// See [`crate::client::Client::produce`].
    pub(super) async fn produce(self: &Arc<Self>, to: &Partition, values: Vec<Bytes>) -> Answer<Vec<Place>> {
        let track = Arc::clone(lock(&self.tracks).entry(to.clone()).or_default());
        let mut track = track.lock().await;
        let mut places = Vec::with_capacity(values.len());
        for values in batches(values) {
            match self.store(to, &mut track, values).await {
                Ok(stored) => places.extend(stored),
                Err(error) if places.is_empty() => return Err(error),
                Err(error) => {
                    return Err(ClientError::Unanswered(format!("only some of the entries were written: {error}")));
                }
            }
        }
        Ok(places)
    }

    /// Forgets the partitions of a topic that is no more, and whose name will not be used again.
    pub(super) fn forget(&self, topic: &str) {
        lock(&self.tracks).retain(|of, _| &*of.topic != topic);
    }

    /// Stores one batch.
    async fn store(self: &Arc<Self>, to: &Partition, track: &mut Track, values: Vec<Bytes>) -> Answer<Vec<Place>> {
        let records = values.len();
        let deadline_us = self.clock.steady_us() + micros(DELIVERY_TIMEOUT);
        let mark = self.begin(track, deadline_us).await?;
        let time_ms = i64::try_from(self.clock.now_ms()).unwrap_or(i64::MAX);
        let mut batch = Arc::new(Batch { to: to.clone(), values, mark, time_ms });
        // Once it may have been stored, nothing that is told of a later attempt says that it was not.
        let mut perhaps = false;
        loop {
            let (verdict, error) = match self.attempt(&batch, deadline_us).await {
                Ok(told) => match judge(told.code) {
                    Verdict::Stored => {
                        track.stored(records);
                        return places(told, records);
                    }
                    verdict => (verdict, KrafkaError::broker(told.code, format!("storing in {to}"))),
                },
                Err(Unanswered::Unsent(error)) => (Verdict::NotYet, error),
                Err(Unanswered::Sent(error)) => (Verdict::Perhaps, error),
            };
            perhaps |= matches!(verdict, Verdict::Perhaps | Verdict::Somewhere);
            let is_over = match verdict {
                Verdict::Refused | Verdict::Somewhere => true,
                Verdict::Unmarked if perhaps => true,
                _ => self.is_late(deadline_us),
            };
            let goes_on = !is_over
                && self.by(deadline_us, self.brokers.look_again(&to.topic)).await.is_some()
                && !self.is_late(deadline_us);
            if !goes_on {
                let unknown = || ClientError::Unanswered(error.to_string());
                return Err(if perhaps { unknown() } else { not_stored(&error) });
            }
            tracing::debug!(%to, %error, "a batch is sent again");
            if verdict == Verdict::Unmarked {
                let again = Batch {
                    to: to.clone(),
                    values: batch.values.clone(),
                    mark: self.begin(track, deadline_us).await?,
                    time_ms,
                };
                batch = Arc::new(again);
            }
            self.clock.sleep(RETRY_MS).await;
        }
    }

    /// The mark of a partition's next batch. Each partition has an id of its own, so one that was forgotten bears no mark again.
    async fn begin(&self, track: &mut Track, deadline_us: u64) -> Answer<Mark> {
        if let Some(mark) = track.begin() {
            return Ok(mark);
        }
        loop {
            match self.brokers.new_id().await {
                Ok(id) => return Ok(track.begin_as(id)),
                Err(error) if self.is_late(deadline_us) => return Err(ClientError::Refused(error.to_string())),
                Err(error) => tracing::debug!(%error, "a producer's id is asked for again"),
            }
            self.clock.sleep(RETRY_MS).await;
        }
    }

    /// Whether the deadline comes before another attempt.
    fn is_late(&self, deadline_us: u64) -> bool {
        self.clock.steady_us() + RETRY_MS * 1_000 >= deadline_us
    }

    /// What comes of a call if it ends before the deadline.
    async fn by<T>(&self, deadline_us: u64, call: impl Future<Output = T>) -> Option<T> {
        let left_ms = deadline_us.saturating_sub(self.clock.steady_us()) / 1_000;
        tokio::select! {
            answer = call => Some(answer),
            () = self.clock.sleep(left_ms) => None,
        }
    }

    /// Sends a batch to its leader, once.
    async fn attempt(self: &Arc<Self>, batch: &Arc<Batch>, deadline_us: u64) -> Result<Told, Unanswered> {
        let late = || KrafkaError::timeout("storing");
        let leader = self.by(deadline_us, self.brokers.leader(&batch.to)).await.ok_or_else(late).flatten();
        let leader = leader.map_err(Unanswered::Unsent)?;
        let (tell, told) = oneshot::channel();
        let empty = || Arc::new(Turns::of(REQUEST_BYTES));
        let queue = Arc::clone(lock(&self.queues).entry(leader).or_insert_with(empty));
        if queue.enqueue(Waiting { batch: Arc::clone(batch), tell }, batch.size_bytes()) {
            tokio::spawn(Arc::clone(self).take_turns(leader, queue));
        }
        let unknown = |error| Err(Unanswered::Sent(error));
        let told = self.by(deadline_us, told).await;
        told.map_or_else(|| unknown(late()), |told| told.unwrap_or_else(|_| unknown(KrafkaError::closed("the sender"))))
    }

    /// Sends what waits for a broker, until nothing does.
    async fn take_turns(self: Arc<Self>, leader: i32, queue: Arc<Turns<Waiting>>) {
        while let Some(mut turn) = queue.next() {
            turn.retain(|waiting| !waiting.tell.is_closed()); // its partition may have gone on without it
            if turn.is_empty() {
                continue;
            }
            let batches: Vec<&Batch> = turn.iter().map(|waiting| &*waiting.batch).collect();
            let mut answer = self.brokers.send(leader, &batches).await;
            if let Err(Unanswered::Unsent(error) | Unanswered::Sent(error)) = &answer {
                // What waits would wait for the same broker again, and may have another leader by now.
                for waiting in queue.drain() {
                    let _ = waiting.tell.send(Err(Unanswered::Unsent(error.clone())));
                }
            }
            for Waiting { batch, tell } in turn {
                let unmentioned = || Unanswered::Sent(KrafkaError::timeout("the answer does not mention it"));
                let told = match &mut answer {
                    Ok(told) => told.remove(&batch.to).ok_or_else(unmentioned),
                    Err(why) => Err(why.clone()),
                };
                let _ = tell.send(told); // who gave it up does not want to know
            }
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Values in parts of at most [`BATCH_BYTES`]; a larger one is alone.
fn batches(values: Vec<Bytes>) -> Vec<Vec<Bytes>> {
    let mut batches: Vec<Vec<Bytes>> = Vec::with_capacity(1);
    let mut room = 0;
    for value in values {
        match batches.last_mut() {
            Some(last) if value.len() <= room => {
                room -= value.len();
                last.push(value);
            }
            _ => {
                room = BATCH_BYTES.saturating_sub(value.len());
                batches.push(vec![value]);
            }
        }
    }
    batches
}

/// Where the records of a batch stand.
fn places(told: Told, records: usize) -> Answer<Vec<Place>> {
    match u64::try_from(told.time_ms) {
        Ok(time_ms) if told.first >= 0 => {
            Ok((told.first..).take(records).map(|offset| Place { offset, time_ms }).collect())
        }
        _ => Err(ClientError::Unanswered("the records are stored, but not told where or when".into())),
    }
}

/// What an error says of a batch that was not stored.
fn not_stored(error: &KrafkaError) -> ClientError {
    match admin::failure(error) {
        ClientError::Missing => ClientError::Missing,
        _ => ClientError::Refused(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
