//! Against real brokers, whose addresses are in `HEADWATER_KAFKA`; `cargo xtask kafka` starts them and runs these.
//! `HEADWATER_KAFKA_CONTROL` is a command that takes `kill <broker>` and `up <broker>`.
use super::*;
use crate::{
    KafkaEngine, Security, Settings,
    client::{Client as _, NewTopic},
    krafka::Krafka,
};
use ::krafka::{Kafka, admin::DescribeTopicsOptions};
use std::{
    collections::BTreeMap,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// Logs that are appended to while their leaders are killed.
const PARTS: u32 = 4;
/// Appends under way in each of them.
const IN_FLIGHT: usize = 8;
/// How often a leader is killed.
const KILLS: u32 = 3;
/// A test that waits longer than this will wait for ever.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the documented settings of the brokers promise, with what a busy machine adds.
const MAX_STALL_MS: u64 = 15_000;

fn settings(prefix: &str) -> Settings {
    let brokers = std::env::var("HEADWATER_KAFKA").expect("HEADWATER_KAFKA names the brokers");
    let brokers: Vec<String> = brokers.split(',').map(str::to_owned).collect();
    let allow_single_replica = brokers.len() < 3;
    Settings { prefix: Prefix::new(prefix).unwrap(), brokers, allow_single_replica, security: Security::default() }
}

/// Tells this run's logs from those of earlier ones.
fn salt() -> u64 {
    SystemClock::new().now_ms()
}

async fn open(prefix: &str) -> Arc<KafkaEngine> {
    KafkaEngine::open(&settings(prefix), SystemClock::new()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a broker"]
#[expect(clippy::disallowed_methods, reason = "the brokers' clocks are real")]
async fn the_engine_on_kafka_keeps_the_contract() {
    let engine = open("contract").await;
    let pass_time = Box::new(|| std::thread::sleep(Duration::from_millis(2)));
    conformance::all(&Subject { engine, pass_time, salt: salt() }).await;
    let reopen = || -> Arc<dyn Engine> {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(open("contract")))
    };
    conformance::logs_survive_reopening(salt(), reopen).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a broker"]
async fn a_group_made_again_on_kafka_goes_on_behind_the_places_it_had() {
    let (one, two) = (open("again").await, open("again").await);
    let log = LogId::new(LogGroup(u128::from(salt())), 2);
    let append = async |engine: &KafkaEngine, text: &'static str| {
        engine.append(log, vec![Bytes::from_static(text.as_bytes())]).await.map(|stamps| stamps[0])
    };
    let mut watch = two.watch(log);
    append(&one, "a").await.unwrap();
    let last = append(&one, "b").await.unwrap();
    watch.wait_for(|bounds| bounds.tail > last.seq).await.unwrap();
    one.trim_group(log.group, 1).await.unwrap();
    let again = append(&one, "c").await.unwrap();
    assert!(again.seq > last.seq, "a place was used twice");
    let entries = conformance::drain(&*one, log, again.seq, ALL).await;
    assert_eq!(entries.iter().map(|entry| &entry.bytes[..]).collect::<Vec<_>>(), [b"c"]);
    assert_eq!(open("again").await.bounds(log), Bounds { first: again.seq, tail: again.seq.next() });
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a broker"]
async fn whoever_is_behind_what_was_trimmed_hears_of_it() {
    let (one, two) = (open("behind").await, open("behind").await);
    let log = LogId::new(LogGroup(u128::from(salt())), 0);
    let stamps = one.append(log, vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")]).await.unwrap();
    let tail = stamps[1].seq.next();
    one.trim(log, tail).await.unwrap();
    let mut watch = two.watch(log);
    let heard = tokio::time::timeout(PATIENCE, watch.wait_for(|bounds| bounds.first == tail && bounds.tail == tail));
    heard.await.expect("it never hears").unwrap();
}

/// As when two nodes put to a new stream at once, and each has heard of other shards.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a broker"]
async fn a_topic_that_another_node_made_smaller_is_not_waited_for() {
    let client = Krafka::connect(&settings("smaller"), SystemClock::new()).await.unwrap();
    let name = format!("hw.smaller.{}", salt());
    let made = async |partitions| {
        let topic = NewTopic { name: &name, partitions, replicas: 1, settings: &[] };
        tokio::time::timeout(Duration::from_secs(5), client.create_topic(&topic)).await.expect("it waits").unwrap()
    };
    assert!(made(1).await);
    assert!(!made(3).await);
    client.grow_topic(&name, 3).await.unwrap();
    assert_eq!(client.partitions(std::slice::from_ref(&name)).await.unwrap().get(&name), Some(&3));
    client.delete_topic(&name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a broker"]
async fn a_single_broker_is_refused_unless_allowed() {
    let mut settings = settings("refused");
    settings.allow_single_replica = false;
    if settings.brokers.len() < 3 {
        let refused = KafkaEngine::open(&settings, SystemClock::new()).await.err().unwrap();
        assert!(refused.to_string().contains("allow a single replica"), "{refused}");
    }
}

/// What one log's appends were told.
#[derive(Default)]
struct Told {
    stamps: Vec<(u64, Stamp)>,
    failed: u64,
    longest_ms: u64,
}

/// Appends to `log` until told to stop, several at a time; entries count up in the order of calls.
async fn load(engine: Arc<KafkaEngine>, log: LogId, stop: Arc<AtomicBool>, acknowledged: Arc<AtomicU64>) -> Told {
    let clock = SystemClock::new();
    let (mut told, mut next) = (Told::default(), 0_u64);
    let mut under_way = std::collections::VecDeque::new();
    loop {
        while under_way.len() < IN_FLIGHT && !stop.load(Relaxed) {
            let entry = Bytes::from([&next.to_be_bytes()[..], &[0; 1016]].concat());
            under_way.push_back((next, clock.now_ms(), engine.append(log, vec![entry])));
            next += 1;
        }
        let Some((number, since_ms, commit)) = under_way.pop_front() else { return told };
        match commit.await {
            Ok(stamps) => {
                acknowledged.fetch_add(1, Relaxed);
                told.stamps.push((number, stamps[0]));
            }
            Err(_) => told.failed += 1,
        }
        told.longest_ms = told.longest_ms.max(clock.now_ms() - since_ms);
    }
}

/// The broker that leads the first partition of `topic`, and the fewest replicas in step of any of its partitions.
async fn leader_and_in_step(kafka: &Kafka, topic: &str) -> (i32, usize) {
    let described = kafka.admin().describe_topics([topic], DescribeTopicsOptions::default()).await.unwrap();
    let partitions = &described[topic].as_ref().unwrap().partitions;
    (partitions[0].leader.unwrap_or(1), partitions.iter().map(|partition| partition.isr.len()).min().unwrap())
}

fn control(verb: &str, broker: i32) {
    let command = std::env::var("HEADWATER_KAFKA_CONTROL").expect("HEADWATER_KAFKA_CONTROL says how to kill");
    let mut words = command.split_whitespace();
    let mut program = Command::new(words.next().unwrap());
    assert!(program.args(words).args([verb, &broker.to_string()]).status().unwrap().success(), "{verb} {broker}");
}

/// Everything acknowledged is there, where it was said to be and once; and what is there stands in the order of calls.
async fn check(engine: &dyn Engine, log: LogId, told: &Told) {
    let entries = conformance::drain(engine, log, engine.bounds(log).first, ALL).await;
    let number = |bytes: &Bytes| u64::from_be_bytes(bytes[..8].try_into().unwrap());
    let found: BTreeMap<Seq, u64> = entries.iter().map(|entry| (entry.stamp.seq, number(&entry.bytes))).collect();
    let lost: Vec<_> = told.stamps.iter().filter(|(number, stamp)| found.get(&stamp.seq) != Some(number)).collect();
    assert_eq!(lost.len(), 0, "{log}: acknowledged and not there: {lost:?}");
    assert!(found.values().is_sorted_by(|one, two| one < two), "{log}: the order of calls was lost");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs three brokers that may be killed"]
async fn nothing_acknowledged_is_lost_and_order_is_kept_when_leaders_are_killed() {
    let settings = settings("killed");
    let group = LogGroup(u128::from(salt()));
    let topic = settings.prefix.topic(group, 0);
    let kafka = Kafka::builder(settings.brokers.join(",")).connect().await.unwrap();
    let engine = open("killed").await;
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let logs: Vec<LogId> = (0..PARTS).map(|part| LogId::new(group, part)).collect();
    for log in &logs {
        engine.append(*log, vec![Bytes::new()]).await.unwrap(); // makes the partition
        engine.trim(*log, Seq(u64::MAX)).await.unwrap();
    }
    let begin =
        |log: &LogId| tokio::spawn(load(Arc::clone(&engine), *log, Arc::clone(&stop), Arc::clone(&acknowledged)));
    let loads: Vec<_> = logs.iter().map(begin).collect();
    let clock = SystemClock::new();
    for _ in 0..KILLS {
        clock.sleep(2_000).await;
        let (victim, _) = leader_and_in_step(&kafka, &topic).await;
        control("kill", victim);
        let before = acknowledged.load(Relaxed);
        let goes_on = async {
            while acknowledged.load(Relaxed) < before + 1_000 {
                clock.sleep(50).await;
            }
        };
        tokio::time::timeout(PATIENCE, goes_on).await.expect("appends go on without the one that was killed");
        control("up", victim);
        let heals = async {
            while leader_and_in_step(&kafka, &topic).await.1 < 3 {
                clock.sleep(100).await;
            }
        };
        tokio::time::timeout(PATIENCE, heals).await.expect("it comes back into step");
    }
    stop.store(true, Relaxed);
    let fresh = open("killed").await;
    for (log, load) in logs.iter().zip(loads) {
        let told = load.await.unwrap();
        println!("{log}: {} acknowledged, {} failed, longest {} ms", told.stamps.len(), told.failed, told.longest_ms);
        assert!(told.longest_ms < MAX_STALL_MS, "{log}: an append took {} ms", told.longest_ms);
        for engine in [&engine, &fresh] {
            check(&**engine, *log, &told).await;
        }
    }
}
