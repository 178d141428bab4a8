//! How fast the disk engine is on this machine: `cargo run --release -p headwater-log --example append_bench -- DIR`.
//!
//! Every line is one closed loop on a fresh folder under DIR: durable appends of 1 KiB entries from some producers, then
//! batches, then reading everything back from one log, cold for the engine and warm for the machine.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a measuring tool"
)]
use bytes::Bytes;
use headwater_log::{
    Engine, Limits, LogGroup, LogId, Seq,
    clock::SystemClock,
    disk::{DiskConfig, DiskEngine},
};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const SECONDS: u64 = 4;
const DRAINED: u32 = 100_000;

fn log(part: u32) -> LogId {
    LogId::new(LogGroup(1 << 64), part)
}

fn open(dir: &Path) -> Arc<DiskEngine> {
    DiskEngine::open(dir, DiskConfig::default(), SystemClock::new()).unwrap()
}

#[tokio::main]
async fn main() {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "append-bench".into());
    let dir = Path::new(&dir);
    for (producers, batch, logs) in [(1, 1, 1), (16, 1, 16), (64, 1, 64), (64, 1, 1), (1, 500, 16), (4, 500, 16)] {
        let dir = dir.join(format!("{producers}-{batch}-{logs}"));
        std::fs::remove_dir_all(&dir).unwrap_or_default();
        let started = Instant::now();
        let engine = open(&dir);
        let opened = started.elapsed();
        append(&engine, producers, batch, logs, opened).await;
        drop(engine);
        let started = Instant::now();
        drop(open(&dir));
        println!("    opened again in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
        std::fs::remove_dir_all(&dir).unwrap_or_default();
    }
    drain(&dir.join("drain")).await;
}

async fn append(engine: &Arc<DiskEngine>, producers: u32, batch: usize, logs: u32, opened: Duration) {
    let (started, end) = (Instant::now(), Instant::now() + Duration::from_secs(SECONDS));
    let cpu = cpu_seconds();
    let tasks: Vec<_> = (0..producers)
        .map(|producer| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let (mut latencies, entry) = (Vec::new(), Bytes::from(vec![7; 1024]));
                let mut part = producer;
                while Instant::now() < end {
                    let began = Instant::now();
                    // A batch goes to all logs, like PutRecords to the shards of a stream.
                    let share = batch.div_ceil(if batch == 1 { 1 } else { logs as usize });
                    let commits: Vec<_> = (0..batch.div_ceil(share))
                        .map(|_| {
                            part = (part + 1) % logs;
                            engine.append(log(part), vec![entry.clone(); share])
                        })
                        .collect();
                    for commit in commits {
                        commit.await.unwrap();
                    }
                    latencies.push(began.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    latencies.sort_unstable();
    let (seconds, stats) = (started.elapsed().as_secs_f64(), engine.stats());
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "{producers:>3} producers x {batch:>3} KiB, {logs:>2} logs: {:>7.0} entries/s {:>6.1} MB/s  p50 {:.2} ms p99 {:.2} ms  \
         {:.1} entries a sync  {:.1} us CPU an entry  opened in {:.1} ms",
        stats.entries as f64 / seconds,
        stats.entries as f64 * 1024.0 / seconds / 1e6,
        at(0.5),
        at(0.99),
        stats.entries as f64 / stats.syncs as f64,
        (cpu_seconds() - cpu) * 1e6 / stats.entries as f64,
        opened.as_secs_f64() * 1e3,
    );
}

async fn drain(dir: &Path) {
    std::fs::remove_dir_all(dir).unwrap_or_default();
    let engine = open(dir);
    for _ in 0..DRAINED / 500 {
        engine.append(log(0), vec![Bytes::from(vec![7; 1024]); 500]).await.unwrap();
    }
    for round in 0..3 {
        let (started, cpu, mut from, mut entries) = (Instant::now(), cpu_seconds(), Seq::ZERO, 0);
        loop {
            let batch = engine.read(log(0), from, Limits { entries: 10_000, bytes: 10 << 20 }).await.unwrap();
            if batch.entries.is_empty() {
                break;
            }
            (from, entries) = (batch.next, entries + batch.entries.len());
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "drained {entries} x 1 KiB in {:.0} ms: {:.2} GB/s, {:.0} ms CPU (round {round})",
            seconds * 1e3,
            entries as f64 * 1024.0 / seconds / 1e9,
            (cpu_seconds() - cpu) * 1e3
        );
    }
    drop(engine);
    std::fs::remove_dir_all(dir).unwrap_or_default();
}

/// User and system time of this process so far, where the system tells.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap_or_default()).sum::<f64>() / 100.0
}
