//! Moving everything between a data folder and a Kafka cluster: log by log, each entry with its place and its time, and the
//! tables' rows as a snapshot. Sequence numbers, checkpoints and iterators stay good.
//!
//! Invariant: the source is only read, and nobody opens the target before all of it is there; whoever was cut short runs the
//! same again, and it goes on where it was.
use crate::{
    key_files, nodes,
    serve::{LOG_FOLDER, ROWS_FOLDER, open_rows, why_not},
    settings::DEFAULT_CACHE_BYTES,
};
use headwater_dynamodb::{SNAPSHOTS, take_snapshot, write_snapshot};
use headwater_log::{
    Bounds, Engine, Limits, LogError, LogGroup, LogId, Seq,
    clock::Clock,
    disk::{
        Import, Past,
        files::{DiskFiles, Files},
    },
};
use headwater_log_kafka::{Arrival, KafkaEngine, Settings};
use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc};

const PAGE: Limits = Limits { entries: usize::MAX, bytes: 1 << 20 };
/// Servers that run say so more often than this.
const LISTEN_MS: u64 = 3 * nodes::BEAT_MS;

const IN_USE: &str = "a server is using it: stop it first";

/// What was moved.
#[derive(Default)]
pub(crate) struct Moved {
    pub(crate) logs: u64,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// Some of it was there already.
    pub(crate) goes_on: bool,
}

/// How the work goes: how much there is, if that is known, and what has been done of it.
pub(crate) trait Watch {
    fn expect(&self, bytes: u64);
    fn seen(&self, bytes: u64);
    fn stage(&self, what: &'static str);
}

/// Moves the data folder `data`, which no server uses, to a prefix that nobody uses.
///
/// # Errors
/// A sentence on what is in the way.
pub(crate) async fn to_kafka(
    data: &Path,
    kafka: &Settings,
    clock: Arc<dyn Clock>,
    watch: &dyn Watch,
) -> Result<Moved, String> {
    let failed = |error: &dyn std::fmt::Display| format!("--data {}: {error}", data.display());
    let files = DiskFiles::existing(&data.join(LOG_FOLDER)).map_err(|error| failed(&why_not(&error, IN_USE)))?;
    let _ours = files.lock().map_err(|error| failed(&why_not(&error, IN_USE)))?;
    let past = Past::at(&files, u64::MAX).await.map_err(|error| failed(&error))?;
    watch.expect(past.size_bytes());
    let arrival = Arrival::begin(kafka, Arc::clone(&clock), past.salt()).await.map_err(told)?;
    let mut groups: BTreeMap<LogGroup, Vec<LogId>> = BTreeMap::new();
    for log in past.logs() {
        groups.entry(log.group).or_default().push(log);
    }
    let mut moved = Moved::default();
    for (group, logs) in groups {
        let parts = logs.iter().map(|log| log.part.saturating_add(1)).max().unwrap_or(0);
        arrival.make(group, parts).await.map_err(told)?;
        for log in logs {
            let Bounds { first, tail } = past.bounds(log);
            let mut from = arrival.reached(log, first).await.map_err(told)?;
            moved.goes_on |= from > first;
            while from < tail {
                let batch = past.read(log, from, PAGE).await.map_err(|error| failed(&error))?;
                if batch.entries.is_empty() {
                    break;
                }
                arrival.put(log, &batch.entries).await.map_err(told)?;
                moved.count(batch.entries.iter().map(|entry| entry.bytes.len()), watch);
                from = batch.next;
            }
            moved.logs += 1;
        }
    }
    arrival.go_on_at(past.end()).await.map_err(told)?;
    if data.join(ROWS_FOLDER).is_dir() {
        watch.stage("the tables");
        let rows = open_rows(data, DEFAULT_CACHE_BYTES).map_err(|error| failed(&error))?;
        let engine = KafkaEngine::open_unfinished(kafka, clock).await.map_err(told)?;
        write_snapshot(&*engine, Arc::new(rows)).await.map_err(told)?;
    }
    arrival.end().await.map_err(told)?;
    Ok(moved)
}

/// Moves what a cluster holds, which no server uses, to a data folder that holds nothing.
///
/// # Errors
/// A sentence on what is in the way.
pub(crate) async fn to_disk(
    data: &Path,
    kafka: &Settings,
    master_key: &str,
    clock: Arc<dyn Clock>,
    watch: &dyn Watch,
) -> Result<Moved, String> {
    let failed = |error: &dyn std::fmt::Display| format!("--data {}: {error}", data.display());
    let engine = KafkaEngine::open(kafka, Arc::clone(&clock)).await.map_err(told)?;
    nobody_serves(&*engine, &*clock).await?;
    let files = DiskFiles::create(&data.join(LOG_FOLDER)).map_err(|error| failed(&error))?;
    let _ours = files.lock().map_err(|error| failed(&why_not(&error, IN_USE)))?;
    let salt = crc32fast::hash(engine.identity().as_bytes());
    let mut import = Import::begin(&files, salt).map_err(|error| failed(&error))?;
    let mut moved = Moved::default();
    let mut ends = Vec::new();
    for log in engine.logs().into_iter().filter(|log| ![SNAPSHOTS, nodes::LOG].contains(log)) {
        let bounds = engine.bounds_now(log).await.map_err(told)?;
        let mut from = import.log(log, bounds.first).map_err(|error| failed(&error))?;
        moved.goes_on |= from > bounds.first;
        while from < bounds.tail {
            let batch = engine.read(log, from, PAGE).await.map_err(told)?;
            for entry in &batch.entries {
                import.push(entry).map_err(|error| failed(&error))?;
            }
            if batch.entries.is_empty() && batch.next <= from {
                break;
            }
            moved.count(batch.entries.iter().map(|entry| entry.bytes.len()), watch);
            from = batch.next;
        }
        moved.logs += 1;
        ends.push((log, bounds));
    }
    watch.stage("the tables");
    let rows = data.join(ROWS_FOLDER);
    match fs::remove_dir_all(&rows) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
        _ => {}
    }
    let rows = open_rows(data, DEFAULT_CACHE_BYTES).map_err(|error| failed(&error))?;
    take_snapshot(&*engine, &rows).await.map_err(told)?;
    for (log, bounds) in ends {
        if engine.bounds_now(log).await.map_err(told)? != bounds {
            return Err("something was written to Kafka meanwhile: stop all servers there, and run this again".into());
        }
    }
    key_files::keep(&data.join(key_files::FOLDER), master_key).map_err(|error| failed(&error))?;
    import.finish(engine.furthest().await, clock.now_ms()).map_err(|error| failed(&error))?;
    Ok(moved)
}

/// Servers that share their logs say that they are there; nobody must.
async fn nobody_serves(engine: &dyn Engine, clock: &dyn Clock) -> Result<(), String> {
    let tail = async || engine.bounds_now(nodes::LOG).await.map(|bounds| bounds.tail).map_err(told);
    let before: Seq = tail().await?;
    clock.sleep(LISTEN_MS).await;
    if tail().await? == before { Ok(()) } else { Err("servers run on this cluster and prefix: stop them first".into()) }
}

impl Moved {
    fn count(&mut self, sizes: impl Iterator<Item = usize>, watch: &dyn Watch) {
        let mut bytes = 0;
        for size in sizes {
            self.entries += 1;
            bytes += size as u64;
        }
        self.bytes += bytes;
        watch.seen(bytes);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn told(error: LogError) -> String {
    error.to_string()
}
