//! What callers see when the engine fails: the service's own errors, record by record in a batch, and damage passed
//! over.
use super::*;
use headwater_log::{
    Batch, Bounds, Commit, Limits, LogError, LogId, Seq, engine,
    shared::{Fate, Shared, Sight, Way},
};
use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize},
};
use tokio::sync::watch;

/// Refuses appends to logs of shard 1 while told to, reads nothing between two places of a log, and finds things late.
pub(super) struct Faulty {
    engine: Arc<MemoryEngine>,
    full: AtomicBool,
    damaged: Mutex<Option<(LogId, Seq, Seq)>>,
    /// How many of the next reads do not find what is there yet.
    pub(super) late: AtomicUsize,
}

impl Engine for Faulty {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        if log.part == 1 && self.full.load(Ordering::Relaxed) {
            return Box::pin(std::future::ready(Err(LogError::Full)));
        }
        self.engine.append(log, entries)
    }
    fn read(&self, log: LogId, from: Seq, limits: Limits) -> engine::Reading<'_> {
        if self.late.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |late| late.checked_sub(1)).is_ok() {
            return Box::pin(std::future::ready(Ok(Batch { entries: Vec::new(), next: from })));
        }
        let damaged = *self.damaged.lock().unwrap();
        let Some((_, lost, next)) = damaged.filter(|(held, _, next)| *held == log && from < *next) else {
            return self.engine.read(log, from, limits);
        };
        Box::pin(async move {
            let mut batch = self.engine.read(log, from, limits).await?;
            batch.entries.retain(|entry| entry.stamp.seq < lost);
            batch.next = batch.next.min(lost);
            if batch.entries.is_empty() {
                Err(LogError::Corrupt { log, from: from.max(lost), next })
            } else {
                Ok(batch)
            }
        })
    }
    fn trim(&self, log: LogId, before: Seq) -> engine::Trimming<'_> {
        self.engine.trim(log, before)
    }
    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        self.engine.watch(log)
    }
}

pub(super) async fn house() -> (House, Arc<Faulty>) {
    let (clock, settings) = (ManualClock::at(NOW_MS), KinesisSettings::default());
    let engine = MemoryEngine::new(Arc::new(clock.clone()));
    let faulty = Arc::new(Faulty {
        engine,
        full: AtomicBool::default(),
        damaged: Mutex::default(),
        late: AtomicUsize::default(),
    });
    let engine: Arc<dyn Engine> = Arc::clone(&faulty) as Arc<dyn Engine>;
    let kinesis = open(&engine, Arc::new(clock.clone()), settings).await;
    let house = House { engine, clock, kinesis, settings };
    house.create("s", Some(2)).await.unwrap();
    (house, faulty)
}

#[tokio::test]
async fn a_full_disk_fails_the_records_it_could_not_take_and_no_others() {
    let (house, faulty) = house().await;
    faulty.full.store(true, Ordering::Relaxed);
    let record = |hash_key: u128| shape::PutRecordsRequestEntry {
        data: Bytes::from_static(b"x"),
        partition_key: Some("k".into()),
        explicit_hash_key: Some(hash_key.to_string()),
    };
    let records = vec![record(0), record(u128::MAX), record(1)];
    let input = shape::PutRecordsInput { stream_name: Some("s".into()), records, ..Default::default() };
    let output = ops::put_records::run(Arc::clone(&house.kinesis), caller(), input).await.unwrap();
    let codes: Vec<_> = output.records.iter().map(|record| record.error_code.as_deref()).collect();
    assert_eq!((output.failed_record_count, codes), (Some(1), vec![None, Some("InternalFailure"), None]));
    assert_eq!(output.records[1].error_message.as_deref(), Some("Internal service failure."));
    assert_eq!((house.drain(0).await.0.len(), house.drain(1).await.0.len()), (2, 0));
    let alone = shape::PutRecordInput {
        stream_name: Some("s".into()),
        partition_key: Some("k".into()),
        explicit_hash_key: Some(u128::MAX.to_string()),
        ..Default::default()
    };
    let refusal = ops::put_record::run(Arc::clone(&house.kinesis), caller(), alone.clone()).await.unwrap_err();
    let unavailable = ServiceError::bare("ServiceUnavailable", headwater_wire::ErrorKind::Unavailable);
    assert_eq!(refusal, unavailable.because(&LogError::Full));
    faulty.full.store(false, Ordering::Relaxed);
    ops::put_record::run(Arc::clone(&house.kinesis), caller(), alone).await.expect("goes on once there is space");
}

/// A house on logs that others may write to, and its way to them.
async fn house_on(shared: &Arc<Shared>, clock: &ManualClock) -> (House, Arc<Way>) {
    let (clock, settings, way) = (clock.clone(), KinesisSettings::default(), Way::new(shared, Sight::Common));
    let engine: Arc<dyn Engine> = Arc::clone(&way) as Arc<dyn Engine>;
    let kinesis = open(&engine, Arc::new(clock.clone()), settings).await;
    (House { engine, clock, kinesis, settings }, way)
}

/// One that hears of nothing that it does not ask for.
async fn deaf_house_on(shared: &Arc<Shared>, clock: &ManualClock) -> House {
    let (clock, settings) = (clock.clone(), KinesisSettings::default());
    let engine: Arc<dyn Engine> = Way::new(shared, Sight::Blind);
    let kinesis = open(&engine, Arc::new(clock.clone()), settings).await;
    House { engine, clock, kinesis, settings }
}

async fn encrypt(house: &House) -> Result<(), ServiceError> {
    let input = shape::StartStreamEncryptionInput {
        stream_name: Some("s".into()),
        encryption_type: shape::EncryptionType::Kms,
        key_id: "alias/aws/kinesis".into(),
        ..Default::default()
    };
    ops::start_stream_encryption::run(Arc::clone(&house.kinesis), caller(), input).await
}

/// The same with a stream of one shard, and another one beside it.
async fn two_houses() -> (House, Arc<Way>, House) {
    let clock = ManualClock::at(NOW_MS);
    let shared = Shared::new(Arc::new(clock.clone()));
    let (house, way) = house_on(&shared, &clock).await;
    house.create("s", Some(1)).await.unwrap();
    (house, way, house_on(&shared, &clock).await.0)
}

async fn among_others() -> (House, Arc<Way>) {
    let (house, way, _) = two_houses().await;
    (house, way)
}

#[tokio::test]
async fn where_others_write_a_record_behind_an_end_past_retention_is_not_acknowledged() {
    for has_put in [false, true] {
        let (house, way, other) = two_houses().await;
        if has_put {
            house.put("k", "x").await.unwrap();
        }
        way.is_open.send_replace(false);
        let kinesis = Arc::clone(&house.kinesis);
        let late = tokio::spawn(async move { put(&kinesis, "k", "late").await });
        tokio::task::yield_now().await;
        other.split("shardId-000000000000", 1 << 127).await.unwrap();
        let duties = tokio::spawn(crate::run_duties(Arc::clone(&other.kinesis)));
        super::duties::pass(&other, 25 * 3_600_000, |other| {
            let catalog = other.kinesis.catalog.read();
            catalog.stream("000000000000", "us-east-1", "s").unwrap().shard(0).is_none()
        })
        .await;
        way.is_open.send_replace(true);
        assert_eq!(late.await.unwrap().unwrap_err().code, "InternalFailure");
        duties.abort();
    }
}

#[tokio::test]
async fn where_others_write_what_is_past_retention_keeps_nobody_from_putting() {
    let (house, _way, other) = two_houses().await;
    house.put("k", "x").await.unwrap();
    other.put("k", "y").await.unwrap();
    let duties = tokio::spawn(crate::run_duties(Arc::clone(&other.kinesis)));
    super::duties::pass(&other, 25 * 3_600_000, |_| true).await;
    super::duties::pass(&other, 0, |other| other.kinesis.trimmed_ms.load(Ordering::Relaxed) >= other.clock.now_ms())
        .await;
    house.put("k", "z").await.unwrap();
    assert_eq!(data(&house.drain(0).await.0), ["z"]);
    duties.abort();
}

#[tokio::test]
async fn a_key_that_was_made_for_a_stream_is_given_to_no_other_of_its_name() {
    let clock = ManualClock::at(NOW_MS);
    let shared = Shared::new(Arc::new(clock.clone()));
    let (house, _) = house_on(&shared, &clock).await;
    house.create("s", Some(1)).await.unwrap();
    let deaf = deaf_house_on(&shared, &clock).await;
    house.delete().await.unwrap();
    house.create("s", Some(1)).await.unwrap();
    assert_eq!(encrypt(&deaf).await.unwrap_err().code, "ResourceNotFoundException");
    house.put("k", "x").await.unwrap();
    assert_eq!(data(&house.drain(0).await.0), ["x"]);
}

#[tokio::test]
async fn where_others_begin_to_encrypt_no_record_is_passed_over() {
    let clock = ManualClock::at(NOW_MS);
    let shared = Shared::new(Arc::new(clock.clone()));
    let (house, _) = house_on(&shared, &clock).await;
    house.create("s", Some(1)).await.unwrap();
    let deaf = deaf_house_on(&shared, &clock).await;
    encrypt(&house).await.unwrap();
    house.put("k", "x").await.unwrap();
    assert_eq!(data(&deaf.drain(0).await.0), ["x"]);
}

#[tokio::test]
async fn where_others_write_a_record_that_was_stored_is_not_told_to_be_refused() {
    let (house, way) = among_others().await;
    // The record is stored; that the catalog vouches for its place fails.
    way.next_fates(&[Fate::Fine, Fate::Refused]);
    assert_eq!(house.put("k", "x").await.unwrap_err().code, "InternalFailure", "whether it counts is unknown");
    assert_eq!(data(&house.drain(0).await.0), ["x"]);
}

#[tokio::test]
async fn where_others_write_a_split_that_was_decided_is_not_told_to_be_refused() {
    let (house, way) = among_others().await;
    // A barrier and the decision are written; what follows it is not.
    way.next_fates(&[Fate::Fine, Fate::Fine, Fate::Refused]);
    house.split("shardId-000000000000", 1 << 127).await.unwrap();
    assert_eq!(house.status().await.unwrap().open_shard_count, 1, "it is under way");
    crate::duties::settle(&house.kinesis, &crate::target::address(&caller(), "s")).await.unwrap();
    assert_eq!(house.status().await.unwrap().open_shard_count, 2);
}

#[tokio::test]
async fn damaged_records_are_passed_over_and_a_reshard_gets_through() {
    let (house, faulty) = house().await;
    house.merge("shardId-000000000000", "shardId-000000000001").await.unwrap();
    let mut numbers = Vec::new();
    for nth in 0..5 {
        numbers.push(house.put("k", &nth.to_string()).await.unwrap().sequence_number);
    }
    let place = |number: &String| crate::sequence::parse(number).unwrap().at();
    let incarnation = house.kinesis.catalog.read().stream("000000000000", "us-east-1", "s").unwrap().incarnation;
    let log = LogId::new(headwater_log::LogGroup(incarnation), 2);
    *faulty.damaged.lock().unwrap() = Some((log, place(&numbers[1]), place(&numbers[3])));
    assert_eq!(data(&house.drain(2).await.0), ["0", "3", "4"]);
    house.split("shardId-000000000002", 1 << 127).await.unwrap();
    assert_eq!(house.drain(2).await.1.map(|children| children.len()), Some(2));
}
