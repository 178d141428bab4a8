//! What an append costs on a cluster: `cargo run --release -p headwater-log-kafka --example bench -- <brokers> <load>`,
//! where the load is `latency` (one append at a time), `3` or `300` (appends on so many logs), or `kill` (appends for
//! half a minute, in which to kill the leader).
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]
use bytes::Bytes;
use hdrhistogram::Histogram;
use headwater_log::{
    Engine, LogGroup, LogId,
    clock::{Clock, SystemClock},
};
use headwater_log_kafka::{KafkaEngine, Prefix, Security, Settings};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

const ENTRY_BYTES: usize = 1024;
const ALONE: usize = 4000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (brokers, load) = (arguments.next().expect("brokers"), arguments.next().expect("a load"));
    let settings = Settings {
        brokers: brokers.split(',').map(str::to_owned).collect(),
        prefix: Prefix::new("bench").expect("a prefix"),
        allow_single_replica: true,
        security: Security::default(),
    };
    let engine = KafkaEngine::open(&settings, SystemClock::new()).await.unwrap();
    let group = LogGroup(u128::from(SystemClock::new().now_ms()));
    match load.as_str() {
        "latency" => alone(&*engine, LogId::new(group, 0)).await,
        "3" => together(engine, group, 3, 85, 8).await,
        "300" => together(engine, group, 300, 2, 8).await,
        "kill" => together(engine, group, 1, 64, 30).await,
        other => panic!("no load `{other}`"),
    }
}

/// One append after the other.
async fn alone(engine: &dyn Engine, log: LogId) {
    let (clock, entry) = (SystemClock::new(), Bytes::from(vec![1; ENTRY_BYTES]));
    let mut took = Histogram::<u64>::new(3).unwrap();
    for round in 0..ALONE + 50 {
        let begin_us = clock.steady_us();
        engine.append(log, vec![entry.clone()]).await.unwrap();
        if round >= 50 {
            took.record(clock.steady_us() - begin_us).unwrap();
        }
    }
    println!("p50 {} µs, p99 {} µs", took.value_at_quantile(0.5), took.value_at_quantile(0.99));
}

/// `each` appends under way on each of `logs` logs.
async fn together(engine: Arc<KafkaEngine>, group: LogGroup, logs: u32, each: usize, seconds: u64) {
    let (clock, entry) = (SystemClock::new(), Bytes::from(vec![1; ENTRY_BYTES]));
    for part in (0..logs).rev() {
        engine.append(LogId::new(group, part), vec![entry.clone()]).await.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (done, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    for part in (0..logs).flat_map(|part| std::iter::repeat_n(part, each)) {
        let (engine, stop, entry) = (Arc::clone(&engine), Arc::clone(&stop), entry.clone());
        let (done, failed) = (Arc::clone(&done), Arc::clone(&failed));
        tokio::spawn(async move {
            while !stop.load(Relaxed) {
                let outcome = engine.append(LogId::new(group, part), vec![entry.clone()]).await;
                if outcome.is_ok() { &done } else { &failed }.fetch_add(1, Relaxed);
            }
        });
    }
    let (begin_us, mut last, mut last_us, mut pause_us) = (clock.steady_us(), 0, clock.steady_us(), 0);
    while clock.steady_us() < begin_us + seconds * 1_000_000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let (now, now_us) = (done.load(Relaxed), clock.steady_us());
        if now > last {
            pause_us = pause_us.max(now_us - last_us);
            (last, last_us) = (now, now_us);
        }
    }
    stop.store(true, Relaxed);
    let (rate, failed) = (done.load(Relaxed) / seconds, failed.load(Relaxed));
    println!("{rate} entries/s, {failed} failed, longest pause {} ms", pause_us / 1000);
}
