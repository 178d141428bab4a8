//! The engine's history of the tables: their log goes back from a checkpoint to rows that were copied within it.
use super::*;
use headwater_log::kv::Batch;
use std::ops::{Bound, ControlFlow};

const HISTORY_MS: u64 = 50;

/// An engine with a history.
struct Remembering(Arc<dyn Engine>);

impl Engine for Remembering {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        self.0.append(log, entries)
    }
    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        self.0.read(log, from, limits)
    }
    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_> {
        self.0.trim(log, before)
    }
    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        self.0.watch(log)
    }
    fn history_ms(&self) -> u64 {
        HISTORY_MS
    }
}

fn copy(rows: &MemoryKv) -> Arc<MemoryKv> {
    let (mut batch, copied) = (Batch::default(), MemoryKv::new());
    for space in [rows::META, ITEMS, INDEXES, CHANGES] {
        let mut put = |key: &[u8], value: &Bytes| {
            batch.put(space, key.to_vec(), value.clone());
            ControlFlow::Continue(())
        };
        rows.view().range(space, Bound::Unbounded, Bound::Unbounded, false, &mut put).unwrap();
    }
    copied.write(batch).unwrap();
    Arc::new(copied)
}

#[tokio::test]
async fn rows_that_were_copied_within_the_history_are_brought_up_and_older_ones_are_not() {
    let clock = ManualClock::at(1000);
    let engine: Arc<dyn Engine> = Arc::new(Remembering(MemoryEngine::new(Arc::new(clock.clone()))));
    let open = async |kv: &Arc<MemoryKv>| {
        let kv = Arc::clone(kv) as Arc<dyn Kv>;
        Database::open(Arc::clone(&engine), Arc::new(clock.clone()), kv, watch::channel(true).1).await
    };
    let kv = Arc::new(MemoryKv::new());
    let database = open(&kv).await.unwrap();
    database.submit(founding).await.unwrap();
    let mut copies = Vec::new();
    for step in 0..20 {
        put(&database, "a", 10 + step, u32::MAX).await.unwrap();
        clock.advance(1);
        copies.push((clock.now_ms(), copy(&kv)));
        clock.advance(9);
        applier::checkpoint(&database).await;
    }
    let kept_ms = clock.now_ms() - HISTORY_MS;
    for (time_ms, rows) in copies {
        match open(&rows).await {
            Ok(database) => assert_eq!(size(&database, "a"), Some(32), "as of {time_ms}"),
            Err(error) => {
                assert!(time_ms < kept_ms && error.to_string().contains("restore"), "as of {time_ms}: {error}");
                continue;
            }
        }
        assert!(time_ms + 20 >= kept_ms, "as of {time_ms}: more is kept than that");
    }
}
