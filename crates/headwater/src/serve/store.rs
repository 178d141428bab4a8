//! What everything is kept in: engines and rows, on disk, in memory or on Kafka. The only place that constructs them, but for
//! moving between them.
use crate::{
    backup::{HOUR_MS, History, Source},
    settings::{DEFAULT_CACHE_BYTES, KafkaSettings, Settings, Store},
};
use headwater_kinesis::Entropy;
use headwater_log::{
    Bounds, Engine, LogError, Seq,
    clock::Clock,
    disk::{
        DiskConfig, DiskEngine,
        files::{DiskFiles, Files},
    },
    kv::{FjallKv, Kv, LateKv, MemoryKv},
    memory::MemoryEngine,
};
use headwater_log_kafka::KafkaEngine;
use std::{fmt::Display, io, path::Path, sync::Arc};

/// The journal's folder, in the data folder.
pub(crate) const LOG_FOLDER: &str = "log";
/// The folder of tables' rows, in the data folder.
pub(crate) const ROWS_FOLDER: &str = "rows";

/// What everything is kept in.
pub(super) struct Opened {
    pub(super) engine: Arc<dyn Engine>,
    /// The same, where it is on disk.
    pub(super) disk: Option<Arc<DiskEngine>>,
    pub(super) kv: Arc<dyn Kv>,
    /// What backups are taken of.
    pub(super) source: Option<Source>,
}

/// Opens what the settings name.
///
/// # Errors
/// A sentence with the setting and what is wrong.
pub(super) async fn open(settings: &Settings, clock: &Arc<dyn Clock>, entropy: &Entropy) -> Result<Opened, String> {
    match (&settings.kafka, &settings.store) {
        (Some(kafka), store) => on_kafka(kafka, store, settings.cache_bytes, clock).await,
        (None, Store::Folder(data)) => on_disk(data, settings, clock, entropy),
        (None, Store::Memory) => {
            let engine = MemoryEngine::new(Arc::clone(clock));
            Ok(Opened { engine, disk: None, kv: Arc::new(MemoryKv::new()), source: None })
        }
    }
}

/// The logs on Kafka, and the rows that are made of them here: each cluster and prefix has its own.
async fn on_kafka(
    kafka: &KafkaSettings,
    store: &Store,
    cache_bytes: u64,
    clock: &Arc<dyn Clock>,
) -> Result<Opened, String> {
    let opened = KafkaEngine::open(&kafka.engine()?, Arc::clone(clock)).await;
    let engine = opened.map_err(|error| format!("--engine kafka: {}", kafka.advised(error.to_string())))?;
    let kv: Arc<dyn Kv> = match store {
        Store::Memory => Arc::new(MemoryKv::new()),
        Store::Folder(data) => {
            let failed = |error: &dyn Display| format!("--data {}: {error}", data.display());
            DiskFiles::create(data).map_err(|error| failed(&error))?;
            let rows = data.join(format!("{ROWS_FOLDER}-{}", engine.identity()));
            let kv = late(&rows, cache_bytes, |rows| open_store(rows, cache_bytes));
            kv.map_err(|error| failed(&format!("{error}; what is in {} can be made again", rows.display())))?
        }
    };
    Ok(Opened { engine, disk: None, kv, source: None })
}

fn on_disk(data: &Path, settings: &Settings, clock: &Arc<dyn Clock>, entropy: &Entropy) -> Result<Opened, String> {
    let failed = |error: &dyn Display| format!("--data {}: {error}", data.display());
    let history_ms = u64::from(settings.history_hours) * HOUR_MS;
    // The rows need room for what they have taken on: it is not for the journal.
    let leave_bytes = FjallKv::leave_bytes(settings.cache_bytes);
    let config = DiskConfig { salt: (entropy() >> 96) as u32, history_ms, leave_bytes, ..DiskConfig::default() };
    let engine = DiskEngine::open(&data.join(LOG_FOLDER), config, Arc::clone(clock)).map_err(|error| failed(&error))?;
    for damage in engine.damage() {
        tracing::error!(?damage, "a part of the journal cannot be read; the rest is served");
    }
    let kv = open_kv(data, settings.cache_bytes, &*engine, clock.now_ms()).map_err(|error| failed(&error))?;
    // Once the folder is ours; nothing has been trimmed yet.
    let history = History::go_on(data, settings.history_hours, clock.now_ms(), entropy)?;
    let source = Source::new(data, Arc::clone(&engine), Arc::clone(&kv), Arc::clone(clock), history);
    Ok(Opened { engine: Arc::clone(&engine) as Arc<dyn Engine>, disk: Some(engine), kv, source: Some(source) })
}

/// What a backup is taken of where no server runs: the data folder, opened as a server would and closed when this goes.
///
/// # Errors
/// A sentence if there is none, or a server has it.
pub(crate) fn open_stopped(data: &Path, clock: &Arc<dyn Clock>) -> Result<Source, String> {
    let failed = |error: &dyn Display| format!("--data {}: {error}", data.display());
    let log = data.join(LOG_FOLDER);
    let lock = DiskFiles::existing(&log)
        .and_then(|files| files.lock())
        .map_err(|error| failed(&why_not(&error, "a server is using it; back up the server, with --endpoint URL")))?;
    drop(lock); // the engine takes it itself
    let engine = DiskEngine::open(&log, DiskConfig::default(), Arc::clone(clock)).map_err(|error| failed(&error))?;
    let kv = open_rows(data, DEFAULT_CACHE_BYTES).map_err(|error| failed(&error))?;
    Ok(Source::new(data, engine, Arc::new(kv), Arc::clone(clock), History::of(data)?))
}

/// Why the lock of a data folder cannot be had; `in_use` says what to do if a server has it.
pub(crate) fn why_not(error: &io::Error, in_use: &str) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock => in_use.to_owned(),
        io::ErrorKind::NotFound => "no data folder of Headwater's".to_owned(),
        _ => error.to_string(),
    }
}

fn open_kv(data: &Path, cache_bytes: u64, engine: &dyn Engine, now_ms: u64) -> Result<Arc<dyn Kv>, LogError> {
    late(&data.join(ROWS_FOLDER), cache_bytes, |rows| match open_store(rows, cache_bytes) {
        Err(LogError::Io(why)) => open_anew(data, cache_bytes, engine, now_ms, &why),
        opened => opened,
    })
}

/// The rows of a folder, which `open` opens if it is there; otherwise the first of them make it.
fn late(
    rows: &Path,
    cache_bytes: u64,
    open: impl Fn(&Path) -> Result<FjallKv, LogError>,
) -> Result<Arc<dyn Kv>, LogError> {
    if rows.exists() {
        return Ok(Arc::new(open(rows)?));
    }
    let rows = rows.to_path_buf();
    Ok(Arc::new(LateKv::new(move || open_store(&rows, cache_bytes))))
}

/// An empty folder of rows in the place of one that cannot be read, which is kept, if all rows can be made from the log.
#[expect(clippy::disallowed_methods, reason = "the folder is the store's, which does not go through `Files`")]
fn open_anew(data: &Path, cache_bytes: u64, engine: &dyn Engine, now_ms: u64, why: &str) -> Result<FjallKv, LogError> {
    let Bounds { first, .. } = engine.bounds(headwater_dynamodb::LOG);
    if first > Seq::ZERO {
        let advice = "they cannot be made again from their log, which begins later; restore both from the same time";
        return Err(LogError::Io(format!("{why}; {advice}")));
    }
    let (rows, aside) = (data.join(ROWS_FOLDER), data.join(format!("{ROWS_FOLDER}-unreadable-{now_ms}")));
    let aside_text = aside.display();
    std::fs::rename(&rows, &aside)
        .map_err(|error| LogError::Io(format!("{why}; moving it to {aside_text}: {error}")))?;
    tracing::error!(why, "the rows are made again from their log; what was there is kept in {aside_text}");
    open_rows(data, cache_bytes)
}

/// Rows that are only looked at.
pub(crate) fn rows_in_memory() -> impl Kv {
    MemoryKv::new()
}

/// The rows of a data folder.
///
/// # Errors
/// The store's; `Fenced` if somebody else has them open.
pub(crate) fn open_rows(data: &Path, cache_bytes: u64) -> Result<FjallKv, LogError> {
    open_store(&data.join(ROWS_FOLDER), cache_bytes)
}

fn open_store(rows: &Path, cache_bytes: u64) -> Result<FjallKv, LogError> {
    FjallKv::open(rows, headwater_dynamodb::SPACES, cache_bytes)
}
