//! The producer over brokers in memory that know batches again by the rules of Kafka's, lose answers, move leaders and let
//! requests come late.
use super::*;
use headwater_log::clock::ManualClock;
use proptest::prelude::*;
use std::{
    collections::{HashSet, VecDeque},
    future::pending,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Done,
    /// It does not leave.
    Unsent,
    /// It is lost on the way.
    Lost,
    /// It is done, and the answer is lost.
    Unheard,
    /// It is not done, and told so.
    Told(ErrorCode),
    /// It is done, and told otherwise.
    Untrue(ErrorCode),
    /// It comes when everything else is over.
    Late,
    /// It is done; then the leader is another one.
    Moved,
    /// It takes long and is lost, and so is the leader: there is another one.
    Dead,
    /// It takes long.
    Slow,
}

/// Brokers that lead all partitions, one at a time.
#[derive(Default)]
struct Fake {
    leader: Mutex<i32>,
    fates: Mutex<VecDeque<Fate>>,
    logs: Mutex<HashMap<Partition, Log>>,
    ids: Mutex<i64>,
    /// How often one is refused.
    no_ids: Mutex<u32>,
    /// Whom each went to, and for how many partitions.
    requests: Mutex<Vec<(i32, usize)>>,
    late: Mutex<Vec<Batch>>,
    /// None can be asked who leads.
    is_away: AtomicBool,
}

/// A partition as its leader has it.
#[derive(Default)]
struct Log {
    values: Vec<Bytes>,
    /// The last batch of each producer, how many records it had and where it stands.
    last: HashMap<i64, (Mark, usize, i64)>,
}

impl Log {
    /// By the rules of Kafka's `ProducerAppendInfo`.
    fn store(&mut self, batch: &Batch) -> Told {
        let told = |code, first| Told { code, first, time_ms: 7 };
        let Mark { producer, epoch, sequence } = batch.mark;
        if let Some((last, records, first)) = self.last.get(&producer) {
            let next = last.sequence + i32::try_from(*records).unwrap();
            match epoch.cmp(&last.epoch) {
                std::cmp::Ordering::Less => return told(ErrorCode::InvalidProducerEpoch, -1),
                std::cmp::Ordering::Equal if sequence == last.sequence => return told(ErrorCode::None, *first),
                std::cmp::Ordering::Equal if sequence < last.sequence => {
                    return told(ErrorCode::DuplicateSequenceNumber, -1);
                }
                std::cmp::Ordering::Equal if sequence != next => return told(ErrorCode::OutOfOrderSequenceNumber, -1),
                std::cmp::Ordering::Greater if sequence != 0 => return told(ErrorCode::OutOfOrderSequenceNumber, -1),
                _ => {}
            }
        }
        let first = i64::try_from(self.values.len()).unwrap();
        self.values.extend(batch.values.iter().cloned());
        self.last.insert(producer, (batch.mark, batch.values.len(), first));
        told(ErrorCode::None, first)
    }
}

impl Fake {
    fn done(&self, batches: &[&Batch]) -> HashMap<Partition, Told> {
        let mut logs = lock(&self.logs);
        batches.iter().map(|batch| (batch.to.clone(), logs.entry(batch.to.clone()).or_default().store(batch))).collect()
    }

    fn all(batches: &[&Batch], code: ErrorCode) -> HashMap<Partition, Told> {
        batches.iter().map(|batch| (batch.to.clone(), Told { code, first: -1, time_ms: -1 })).collect()
    }

    /// What was late comes, and is done if it may.
    fn let_come(&self) {
        for batch in lock(&self.late).drain(..) {
            self.done(&[&batch]);
        }
    }

    fn values(&self, of: &Partition) -> Vec<Bytes> {
        lock(&self.logs).get(of).map(|log| log.values.clone()).unwrap_or_default()
    }
}

impl Brokers for Arc<Fake> {
    async fn leader(&self, _: &Partition) -> Result<i32, KrafkaError> {
        Ok(*lock(&self.leader))
    }

    async fn look_again(&self, _: &str) {
        if self.is_away.load(Relaxed) {
            pending().await
        }
    }

    async fn new_id(&self) -> Result<i64, KrafkaError> {
        let mut refused = lock(&self.no_ids);
        if let Some(fewer) = refused.checked_sub(1) {
            *refused = fewer;
            return Err(KrafkaError::broker(ErrorCode::CoordinatorLoadInProgress, "test"));
        }
        *lock(&self.ids) += 1;
        Ok(*lock(&self.ids))
    }

    async fn send(&self, leader: i32, batches: &[&Batch]) -> Result<HashMap<Partition, Told>, Unanswered> {
        lock(&self.requests).push((leader, batches.len()));
        let partitions: HashSet<_> = batches.iter().map(|batch| &batch.to).collect();
        assert_eq!(partitions.len(), batches.len(), "Kafka takes one batch of a partition from a request");
        tokio::task::yield_now().await;
        if leader != *lock(&self.leader) {
            return Ok(Fake::all(batches, ErrorCode::NotLeaderForPartition));
        }
        let fate = lock(&self.fates).pop_front().unwrap_or(Fate::Done);
        match fate {
            Fate::Done => Ok(self.done(batches)),
            Fate::Unsent => Err(Unanswered::Unsent(KrafkaError::closed("test"))),
            Fate::Lost => Err(Unanswered::Sent(KrafkaError::timeout("test"))),
            Fate::Unheard => {
                self.done(batches);
                Err(Unanswered::Sent(KrafkaError::timeout("test")))
            }
            Fate::Told(code) => Ok(Fake::all(batches, code)),
            Fate::Untrue(code) => {
                self.done(batches);
                Ok(Fake::all(batches, code))
            }
            Fate::Late => {
                let copy = |of: &&Batch| Batch {
                    to: of.to.clone(),
                    values: of.values.clone(),
                    mark: of.mark,
                    time_ms: of.time_ms,
                };
                lock(&self.late).extend(batches.iter().map(copy));
                Err(Unanswered::Sent(KrafkaError::timeout("test")))
            }
            Fate::Dead => {
                long().await;
                *lock(&self.leader) += 1;
                Err(Unanswered::Sent(KrafkaError::timeout("test")))
            }
            Fate::Slow => {
                long().await;
                Ok(self.done(batches))
            }
            Fate::Moved => {
                let told = self.done(batches);
                *lock(&self.leader) += 1;
                Ok(told)
            }
        }
    }
}

/// Until there is a request.
async fn under_way(fake: &Fake) {
    while lock(&fake.requests).is_empty() {
        tokio::task::yield_now().await;
    }
}

async fn long() {
    for _ in 0..40 {
        tokio::task::yield_now().await;
    }
}

/// A producer whose clock goes as fast as it is waited for.
fn producer(fates: impl IntoIterator<Item = Fate>) -> (Arc<Fake>, Arc<Producer<Arc<Fake>>>) {
    let (clock, fake) = (ManualClock::at(1_000), Arc::new(Fake::default()));
    lock(&fake.fates).extend(fates);
    let producer = Producer::new(Arc::clone(&fake), Arc::new(clock.clone()));
    tokio::spawn(async move {
        loop {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            clock.advance(RETRY_MS);
        }
    });
    (fake, producer)
}

fn put<B: Brokers>(producer: &Arc<Producer<B>>, to: i32, text: &'static str) -> JoinHandle<Answer<Vec<Place>>> {
    let producer = Arc::clone(producer);
    tokio::spawn(async move { producer.produce(&partition(to), value(text)).await })
}

fn partition(index: i32) -> Partition {
    Partition { topic: "t".into(), index }
}

fn value(text: &'static str) -> Vec<Bytes> {
    vec![Bytes::from_static(text.as_bytes())]
}

#[tokio::test]
async fn values_come_to_stand_as_they_were_given_and_are_told_where() {
    let (fake, producer) = producer([]);
    let first = producer.produce(&partition(0), vec!["a".into(), "b".into()]).await.unwrap();
    let second = producer.produce(&partition(0), value("c")).await.unwrap();
    assert_eq!(first, [Place { offset: 0, time_ms: 7 }, Place { offset: 1, time_ms: 7 }]);
    assert_eq!(second, [Place { offset: 2, time_ms: 7 }]);
    assert_eq!(fake.values(&partition(0)), ["a", "b", "c"]);
}

#[tokio::test]
async fn what_came_to_nothing_or_was_not_answered_is_sent_again_and_stored_once() {
    use ErrorCode as Code;
    let fates = [Fate::Unsent, Fate::Lost, Fate::Unheard, Fate::Moved, Fate::Untrue(Code::RequestTimedOut)]
        .into_iter()
        .chain([Code::NotLeaderForPartition, Code::NotEnoughReplicas, Code::RequestTimedOut].map(Fate::Told))
        .chain([Fate::Untrue(Code::NotEnoughReplicasAfterAppend)]);
    for fate in fates {
        let (fake, producer) = producer([Fate::Done, fate]);
        for text in ["a", "b", "c"] {
            producer.produce(&partition(0), value(text)).await.unwrap();
        }
        assert_eq!(fake.values(&partition(0)), ["a", "b", "c"], "{fate:?}");
    }
}

#[tokio::test]
async fn brokers_that_have_no_id_yet_are_asked_again() {
    let (fake, producer) = producer([]);
    *lock(&fake.no_ids) = 3;
    producer.produce(&partition(0), value("a")).await.unwrap();
    *lock(&fake.no_ids) = u32::MAX;
    let refused = producer.produce(&partition(1), value("b")).await;
    assert!(matches!(refused, Err(ClientError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn what_is_refused_is_not_stored_and_the_next_is() {
    let (fake, producer) = producer([Fate::Done, Fate::Told(ErrorCode::MessageTooLarge)]);
    producer.produce(&partition(0), value("a")).await.unwrap();
    let refused = producer.produce(&partition(0), value("b")).await;
    assert!(matches!(refused, Err(ClientError::Refused(_))), "{refused:?}");
    producer.produce(&partition(0), value("c")).await.unwrap();
    assert_eq!(fake.values(&partition(0)), ["a", "c"]);
}

#[tokio::test]
async fn what_is_refused_after_an_attempt_without_an_answer_may_be_stored() {
    let (_, producer) = producer([Fate::Late, Fate::Told(ErrorCode::MessageTooLarge)]);
    let told = producer.produce(&partition(0), value("a")).await;
    assert!(matches!(told, Err(ClientError::Unanswered(_))), "{told:?}");
}

#[tokio::test]
async fn brokers_that_are_away_do_not_have_it() {
    let (fake, producer) = producer([Fate::Unsent]);
    fake.is_away.store(true, Relaxed);
    let told = producer.produce(&partition(0), value("a")).await;
    assert!(matches!(told, Err(ClientError::Refused(_))), "{told:?}");
}

#[tokio::test]
async fn a_topic_that_stays_unknown_is_missing() {
    let unknown = Fate::Told(ErrorCode::UnknownTopicOrPartition);
    let (_, producer) = producer(std::iter::repeat_n(unknown, 1_000));
    assert_eq!(producer.produce(&partition(0), value("a")).await, Err(ClientError::Missing));
}

#[tokio::test]
async fn what_was_given_up_does_not_come_to_stand_behind_what_came_later() {
    let (fake, producer) = producer(std::iter::repeat_n(Fate::Late, 1_000));
    let told = producer.produce(&partition(0), value("a")).await;
    assert!(matches!(told, Err(ClientError::Unanswered(_))), "{told:?}");
    lock(&fake.fates).clear();
    producer.produce(&partition(0), value("b")).await.unwrap();
    fake.let_come();
    assert_eq!(fake.values(&partition(0)), ["b"]);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_taken_for_the_next() {
    for fate in [Fate::Unheard, Fate::Lost, Fate::Late] {
        let (fake, producer) = producer([Fate::Done, fate]);
        producer.produce(&partition(0), value("a")).await.unwrap();
        let to = partition(0);
        let mut given_up = Box::pin(producer.produce(&to, value("b")));
        while lock(&fake.requests).len() < 2 {
            tokio::select! { biased; _ = &mut given_up => {}, () = tokio::task::yield_now() => {} }
        }
        drop(given_up);
        producer.produce(&partition(0), value("c")).await.unwrap();
        fake.let_come();
        let values = fake.values(&partition(0));
        assert!(values == ["a", "c"] || values == ["a", "b", "c"], "{fate:?}: {values:?}");
    }
}

#[tokio::test]
async fn a_partition_whose_leader_forgot_or_lost_a_mark_goes_on_under_a_new_epoch() {
    for code in [ErrorCode::OutOfOrderSequenceNumber, ErrorCode::UnknownProducerId, ErrorCode::InvalidProducerEpoch] {
        let (fake, producer) = producer([Fate::Done, Fate::Told(code)]);
        for text in ["a", "b", "c"] {
            producer.produce(&partition(0), value(text)).await.unwrap();
        }
        assert_eq!(fake.values(&partition(0)), ["a", "b", "c"], "{code:?}");
    }
}

#[tokio::test]
async fn all_that_waits_for_a_broker_goes_in_one_request() {
    let (fake, producer) = producer([]);
    let puts: Vec<_> = (0..100).map(|index| put(&producer, index, "a")).collect();
    for put in puts {
        put.await.unwrap().unwrap();
    }
    let requests = lock(&fake.requests).clone();
    assert_eq!(requests.iter().map(|(_, partitions)| partitions).sum::<usize>(), 100);
    assert!(requests.len() < 5, "{requests:?}");
}

#[tokio::test]
async fn what_waits_for_a_broker_that_is_lost_goes_to_the_next_one_at_once() {
    let (fake, producer) = producer([Fate::Dead]);
    let first = put(&producer, 0, "a");
    under_way(&fake).await;
    let others: Vec<_> = (1..5).map(|index| put(&producer, index, "a")).collect();
    for put in others {
        put.await.unwrap().unwrap();
    }
    first.await.unwrap().unwrap();
    assert_eq!(lock(&fake.requests).iter().filter(|(leader, _)| *leader == 0).count(), 1);
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_sent() {
    let (fake, producer) = producer([Fate::Slow]);
    let slow = put(&producer, 1, "a");
    under_way(&fake).await;
    let given_up = put(&producer, 0, "b");
    tokio::task::yield_now().await;
    given_up.abort();
    put(&producer, 0, "c").await.unwrap().unwrap();
    slow.await.unwrap().unwrap();
    assert_eq!(fake.values(&partition(0)), ["c"]);
}

#[test]
fn epochs_and_sequences_that_are_used_up_begin_anew() {
    let mut track = Track::default();
    assert_eq!(track.begin(), None);
    assert_eq!(track.begin_as(5), Mark { producer: 5, epoch: 0, sequence: 0 });
    track.stored(usize::try_from(i32::MAX).unwrap());
    assert_eq!(track.begin().unwrap().sequence, i32::MAX);
    track.stored(1);
    assert_eq!(track.begin().unwrap().sequence, 0);
    track.next = Some(Mark { producer: 5, epoch: i16::MAX, sequence: 3 });
    assert_eq!(track.begin(), None, "a new id is needed");
}

#[test]
fn large_values_are_alone_and_small_ones_together() {
    let values = [1, BATCH_BYTES - 1, 1, 2 * BATCH_BYTES, 1].map(|len| Bytes::from(vec![0; len]));
    let lens: Vec<Vec<usize>> =
        batches(values.into()).iter().map(|batch| batch.iter().map(Bytes::len).collect()).collect();
    assert_eq!(lens, [vec![1, BATCH_BYTES - 1], vec![1], vec![2 * BATCH_BYTES], vec![1]]);
    assert!(batches(Vec::new()).is_empty());
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    use ErrorCode as Code;
    let codes = prop::sample::select(vec![
        Code::NotLeaderForPartition,
        Code::NotEnoughReplicas,
        Code::NotEnoughReplicasAfterAppend,
        Code::RequestTimedOut,
        Code::MessageTooLarge,
        Code::OutOfOrderSequenceNumber,
        Code::InvalidProducerEpoch,
    ]);
    let may_be_stored = prop::sample::select(vec![Code::NotEnoughReplicasAfterAppend, Code::RequestTimedOut]);
    let fate = prop_oneof![
        6 => Just(Fate::Done),
        1 => Just(Fate::Unsent),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Unheard),
        2 => Just(Fate::Late),
        1 => Just(Fate::Moved),
        1 => Just(Fate::Dead),
        1 => Just(Fate::Slow),
        2 => codes.prop_map(Fate::Told),
        1 => may_be_stored.prop_map(Fate::Untrue),
    ];
    // Now and then for so long that a batch is given up.
    prop::collection::vec((fate, prop_oneof![9 => 1..3_usize, 1 => Just(400)]), 0..30)
        .prop_map(|fates| fates.into_iter().flat_map(|(fate, times)| std::iter::repeat_n(fate, times)).collect())
}

proptest! {
    #[test]
    fn whatever_happens_what_is_answered_stands_there_once_and_in_order(fates in fates(), puts in 1..40_u8, partitions in 1..4_i32) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (fake, producer) = producer(fates);
            let put = |number: u8| {
                let (producer, to) = (Arc::clone(&producer), partition(i32::from(number) % partitions));
                tokio::spawn(async move { producer.produce(&to, vec![Bytes::from(vec![number])]).await })
            };
            let puts: Vec<_> = (0..puts).map(put).collect();
            let mut told = Vec::new();
            for put in puts {
                told.push(put.await.unwrap());
            }
            fake.let_come();
            for index in 0..partitions {
                let values: Vec<u8> = fake.values(&partition(index)).iter().map(|value| value[0]).collect();
                assert!(values.is_sorted_by(|one, two| one < two), "out of order, or twice: {values:?}");
                for (number, told) in (0_u8..).zip(&told).filter(|(number, _)| i32::from(*number) % partitions == index) {
                    let found = values.iter().position(|value| *value == number);
                    match told {
                        Ok(places) => assert_eq!(found.map(|at| i64::try_from(at).unwrap()), Some(places[0].offset)),
                        Err(ClientError::Unanswered(_)) => {}
                        Err(error) => assert_eq!(found, None, "{error}"),
                    }
                }
            }
        });
    }
}

#[tokio::test]
async fn one_broker_that_is_silent_does_not_hold_up_another() {
    /// The first leads the even partitions and is silent.
    struct Half(Arc<Fake>);
    impl Brokers for Half {
        async fn leader(&self, of: &Partition) -> Result<i32, KrafkaError> {
            Ok(of.index % 2)
        }
        async fn look_again(&self, _: &str) {}
        async fn new_id(&self) -> Result<i64, KrafkaError> {
            self.0.new_id().await
        }
        async fn send(&self, leader: i32, batches: &[&Batch]) -> Result<HashMap<Partition, Told>, Unanswered> {
            match leader {
                0 => pending().await,
                _ => Ok(self.0.done(batches)),
            }
        }
    }
    let producer = Producer::new(Half(Arc::default()), Arc::new(ManualClock::at(1_000)));
    let silent = put(&producer, 0, "a");
    tokio::task::yield_now().await;
    producer.produce(&partition(1), value("b")).await.unwrap();
    assert!(!silent.is_finished());
}
