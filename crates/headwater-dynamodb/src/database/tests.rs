//! What was answered is there afterwards, and what failed is not.
mod history;
mod nodes;
mod shared;
mod snapshots;

use super::*;
use crate::{
    key::{KeyPart, KeySchema, KeyType},
    table::{Billing, Phase, Scope, Table},
    value::{Item, Value},
};
use bytes::Bytes;
use headwater_log::{
    Bounds, Commit, Limits, Seq,
    clock::ManualClock,
    engine::{Reading, Trimming},
    kv::{Batch, MemoryKv, Space},
    memory::MemoryEngine,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn table(id: u64) -> Table {
    let hash = vec![KeyPart { name: "k".into(), kind: KeyType::S }];
    Table {
        id,
        uuid: 0,
        scope: Scope { account: "000000000000".into(), region: "us-east-1".into() },
        name: format!("table-{id}"),
        created_ms: 0,
        phase: Phase::Active,
        key: KeySchema { hash, range: Vec::new() },
        indexes: Vec::new(),
        next_index: 1,
        billing: Billing::default(),
        class: None,
        is_protected: false,
        sse: None,
        tags: std::collections::BTreeMap::new(),
        expiry: None,
        streams: Vec::new(),
    }
}

fn item(key: &str, size: usize) -> Item {
    Item::from([("k".into(), Value::S(key.into())), ("v".into(), Value::S("x".repeat(size)))])
}

/// Puts an item if what is there has at most `most` bytes; says how large that was.
async fn put(database: &Database, key: &str, size: usize, most: u32) -> Result<u32> {
    let image = Image::new(&item(key, size));
    let key = Bytes::copy_from_slice(key.as_bytes());
    let decide = |deciding: &mut Deciding<'_>| {
        let table = deciding.tables().get(0).cloned().ok_or_else(errors::resource_not_found)?;
        let old = deciding.image(&table, &key)?;
        let size = old.as_ref().map_or(0, Image::size_bytes);
        if size > most {
            return Err(errors::validation("too large already"));
        }
        deciding.put(&table, key, old, Some(image));
        Ok(size)
    };
    database.submit(decide).await
}

fn size(database: &Database, key: &str) -> Option<u32> {
    let held = database.kv().get(ITEMS, &item_row(0, key.as_bytes())).unwrap();
    held.map(|bytes| Image::stored(bytes).size_bytes())
}

async fn open(engine: &Arc<dyn Engine>, kv: &Arc<MemoryKv>) -> Arc<Database> {
    let clock = Arc::new(ManualClock::at(1));
    Database::open(Arc::clone(engine), clock, Arc::clone(kv) as Arc<dyn Kv>, watch::channel(true).1).await.unwrap()
}

async fn founded(engine: &Arc<dyn Engine>, kv: &Arc<MemoryKv>) -> Arc<Database> {
    let database = open(engine, kv).await;
    database.submit(founding).await.unwrap();
    database
}

fn founding(deciding: &mut Deciding<'_>) -> Result<()> {
    deciding.set(table(0));
    Ok(())
}

fn engine() -> Arc<dyn Engine> {
    MemoryEngine::new(Arc::new(ManualClock::at(1)))
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_reopening_with_rows_or_without() {
    let (engine, kv) = (engine(), Arc::new(MemoryKv::new()));
    let database = founded(&engine, &kv).await;
    assert_eq!(put(&database, "a", 10, 0).await, Ok(0));
    assert_eq!(put(&database, "a", 20, 100).await, Ok(13));
    assert_eq!(put(&database, "a", 30, 0).await.unwrap_err().code, "ValidationException");
    assert_eq!(put(&database, "b", 5, 0).await, Ok(0));
    drop(database);
    for kv in [kv, Arc::new(MemoryKv::new())] {
        let database = open(&engine, &kv).await;
        assert_eq!((size(&database, "a"), size(&database, "b")), (Some(23), Some(8)));
        assert_eq!(database.count(0, 0), Count { items: 2, bytes: 31 });
        assert_eq!(database.tables().all().count(), 1);
    }
}

/// A store on a disk that may have no room.
struct Tight {
    kv: MemoryKv,
    is_roomy: AtomicBool,
}

impl Kv for Tight {
    fn get(&self, space: Space, key: &[u8]) -> std::result::Result<Option<Bytes>, LogError> {
        self.kv.get(space, key)
    }
    fn view(&self) -> Box<dyn View + '_> {
        self.kv.view()
    }
    fn write(&self, batch: Batch) -> std::result::Result<(), LogError> {
        self.kv.write(batch)
    }
    fn has_room(&self, _: usize) -> bool {
        self.is_roomy.load(Ordering::Relaxed)
    }
    fn persist(&self) -> std::result::Result<(), LogError> {
        self.kv.persist()
    }
}

#[tokio::test]
async fn nothing_is_logged_that_the_rows_have_no_room_for() {
    let (engine, kv) = (engine(), Arc::new(Tight { kv: MemoryKv::new(), is_roomy: AtomicBool::new(true) }));
    let rows = Arc::clone(&kv) as Arc<dyn Kv>;
    let clock = Arc::new(ManualClock::at(1));
    let database = Database::open(Arc::clone(&engine), clock, rows, watch::channel(true).1).await.unwrap();
    database.submit(founding).await.unwrap();
    kv.is_roomy.store(false, Ordering::Relaxed);
    let tail = engine.bounds(LOG).tail;
    let refusal = put(&database, "a", 10, 0).await.unwrap_err();
    assert!(refusal.message.unwrap().starts_with("The disk is full"));
    assert_eq!((engine.bounds(LOG).tail, size(&database, "a")), (tail, None));
    kv.is_roomy.store(true, Ordering::Relaxed);
    assert_eq!(put(&database, "a", 10, 0).await, Ok(0));
}

#[tokio::test]
async fn decisions_see_each_other_before_they_are_applied() {
    let (engine, kv) = (engine(), Arc::new(MemoryKv::new()));
    let database = founded(&engine, &kv).await;
    let puts = (0..50).map(|round| put(&database, "a", 100 + round, u32::MAX));
    let mut seen = futures_in_order(puts).await;
    seen.sort_unstable();
    let expected: Vec<u32> = std::iter::once(0).chain((0..49).map(|round| 103 + round)).collect();
    assert_eq!(seen, expected, "each saw what the one before it put");
}

/// All of them, polled in turn until each is done.
async fn futures_in_order<F: Future<Output = Result<u32>>>(futures: impl Iterator<Item = F>) -> Vec<u32> {
    let mut waiting: Vec<_> = futures.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(outcome) => {
                done.push(outcome.unwrap());
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

/// An engine whose disk is full for some appends.
struct FullFor {
    engine: Arc<dyn Engine>,
    appends: AtomicU64,
    fails: std::ops::Range<u64>,
}

impl Engine for FullFor {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        if self.fails.contains(&self.appends.fetch_add(1, Ordering::Relaxed)) {
            return Box::pin(ready(Err(LogError::Full)));
        }
        self.engine.append(log, entries)
    }
    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        self.engine.read(log, from, limits)
    }
    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_> {
        self.engine.trim(log, before)
    }
    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        self.engine.watch(log)
    }
}

#[tokio::test]
async fn what_was_decided_upon_a_failed_append_does_not_count_for_anybody() {
    // Appends: owner, table, first put, then the failing one, and those decided upon it.
    let engine: Arc<dyn Engine> = Arc::new(FullFor { engine: engine(), appends: AtomicU64::new(0), fails: 3..4 });
    let kv = Arc::new(MemoryKv::new());
    let database = founded(&engine, &kv).await;
    put(&database, "a", 10, 0).await.unwrap();
    let (first, second) = tokio::join!(put(&database, "a", 20, u32::MAX), put(&database, "a", 30, u32::MAX));
    assert_eq!(first.unwrap_err().code, "InternalServerError");
    assert_eq!(second.unwrap_err().code, "InternalServerError", "it was decided upon the first");
    assert_eq!(size(&database, "a"), Some(13));
    let after = loop {
        match put(&database, "a", 40, u32::MAX).await {
            Ok(seen) => break seen,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(after, 13);
    drop(database);
    let database = open(&engine, &Arc::new(MemoryKv::new())).await;
    assert_eq!(size(&database, "a"), Some(43));
}

#[tokio::test]
async fn rows_that_are_older_than_the_log_begins_are_not_opened() {
    let (engine, kv) = (engine(), Arc::new(MemoryKv::new()));
    let database = founded(&engine, &kv).await;
    put(&database, "a", 10, 0).await.unwrap();
    drop(database);
    let tail = engine.bounds(LOG).tail;
    engine.trim(LOG, tail).await.unwrap();
    assert_eq!(size(&*open(&engine, &kv).await, "a"), Some(13));
    let clock = Arc::new(ManualClock::at(1));
    let lost = Database::open(Arc::clone(&engine), clock, Arc::new(MemoryKv::new()), watch::channel(true).1).await;
    assert!(lost.is_err_and(|error| error.to_string().contains("restore")), "their rows are lost");
}

#[tokio::test]
async fn rows_that_are_newer_than_the_log_are_not_opened() {
    let (engine_kept, kv) = (engine(), Arc::new(MemoryKv::new()));
    put(&*founded(&engine_kept, &kv).await, "a", 10, 0).await.unwrap();
    let clock = Arc::new(ManualClock::at(1));
    let lost = Database::open(engine(), clock, kv, watch::channel(true).1).await;
    assert!(lost.is_err_and(|error| error.to_string().contains("restore")), "their log is lost");
}

#[tokio::test]
async fn a_checkpoint_leaves_a_log_that_tells_whose_rows_are_lost() {
    let (engine, kv) = (engine(), Arc::new(MemoryKv::new()));
    let database = founded(&engine, &kv).await;
    put(&database, "a", 10, 0).await.unwrap();
    applier::checkpoint(&database).await;
    let Bounds { first, tail } = engine.bounds(LOG);
    assert!(Seq::ZERO < first && first < tail, "{first}..{tail}");
    drop(database);
    assert_eq!(size(&*open(&engine, &kv).await, "a"), Some(13));
}
