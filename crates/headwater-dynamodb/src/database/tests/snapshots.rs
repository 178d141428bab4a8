//! Where several processes have one log it may be trimmed behind a snapshot of the rows: whoever comes later, or was
//! behind, has the same rows as one who folded everything.
use super::{
    super::{recover, snapshots::SNAPSHOTS},
    nodes::{Fate, Node, Shared, Sight, Way},
    shared::{assert_alike, blind_and_other, two},
    *,
};
use headwater_log::{
    clock::SystemClock,
    kv::{Batch, Space},
};
use headwater_wire::ErrorKind;
use std::collections::BTreeSet;

/// A snapshot of a few rows has several parts.
const PART_BYTES: usize = 100;

/// Where the tables' log and that of their snapshots begin.
fn firsts(shared: &Shared) -> (Seq, Seq) {
    (shared.log.bounds(LOG).first, shared.log.bounds(SNAPSHOTS).first)
}

/// How many entries stand in the log of snapshots.
async fn entries(shared: &Shared) -> usize {
    let limits = Limits { entries: usize::MAX, bytes: usize::MAX };
    shared.log.read(SNAPSHOTS, firsts(shared).1, limits).await.unwrap().entries.len()
}

/// Lets others go on until it is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    for _ in 0..5000 {
        if is_so() {
            return;
        }
        SystemClock::new().sleep(1).await;
    }
    panic!("it does not come to be so");
}

/// Two processes: what the first has read is trimmed behind a snapshot, and there is more.
async fn trimmed() -> (Arc<Shared>, Node, Node) {
    let (shared, one, other) = two().await;
    for (key, size) in [("a", 10), ("b", 20), ("c", 30)] {
        put(&other.database, key, size, 0).await.unwrap();
    }
    other.database.save(PART_BYTES).await.unwrap();
    put(&one.database, "a", 40, u32::MAX).await.unwrap();
    put(&one.database, "d", 50, u32::MAX).await.unwrap();
    (shared, one, other)
}

#[tokio::test]
async fn rows_that_were_loaded_are_those_that_were_folded() {
    let (shared, one, other) = trimmed().await;
    let spaces: BTreeSet<u8> = other.dump().iter().map(|(space, ..)| *space).collect();
    assert_eq!(spaces.len(), SPACES.len(), "there is something of everything");
    assert!(shared.log.bounds(LOG).first > Seq::ZERO);
    assert_alike(&shared, &[&one, &other]).await;
}

#[tokio::test]
async fn a_newer_snapshot_takes_the_place_of_the_older() {
    let (shared, one, other) = trimmed().await;
    let (log, snapshots) = firsts(&shared);
    one.database.save(PART_BYTES).await.unwrap();
    let now = firsts(&shared);
    assert!(now.0 > log && now.1 > snapshots, "{now:?}");
    assert_alike(&shared, &[&one, &other]).await;
}

#[tokio::test]
async fn half_a_snapshot_neither_counts_nor_trims() {
    let (shared, one, _other) = trimmed().await;
    one.database.save(PART_BYTES).await.unwrap();
    let parts = entries(&shared).await - 2;
    assert!(parts > 2, "{parts}");
    for fate in [Fate::Refused, Fate::Lost, Fate::Kept, Fate::Late] {
        // Its beginning, the barrier, each part, its end.
        for fine in 0..parts + 3 {
            let (shared, one, other) = trimmed().await;
            let before = firsts(&shared);
            one.way.next_fates(&[vec![Fate::Fine; fine], vec![fate]].concat());
            assert!(one.database.save(PART_BYTES).await.is_err(), "{fate:?} {fine}");
            assert_eq!(firsts(&shared), before, "{fate:?} {fine}");
            assert_alike(&shared, &[&one, &other]).await;
            other.database.save(PART_BYTES).await.unwrap();
            assert!(shared.log.bounds(LOG).first > before.0, "{fate:?} {fine}");
            assert_alike(&shared, &[&one, &other]).await;
        }
    }
}

#[tokio::test]
async fn two_that_write_snapshots_at_once_trim_nothing_that_is_needed() {
    let (shared, one, other) = trimmed().await;
    let (first, second) = tokio::join!(one.database.save(PART_BYTES), other.database.save(PART_BYTES));
    assert!(first.is_err() || second.is_err(), "who began first finds what the other wrote");
    assert_alike(&shared, &[&one, &other]).await;
    one.database.save(PART_BYTES).await.unwrap();
    assert_alike(&shared, &[&one, &other]).await;
}

#[tokio::test]
async fn one_that_is_behind_writes_no_snapshot_of_what_was() {
    let (shared, one, other) = blind_and_other().await;
    put(&one.database, "a", 10, 0).await.unwrap();
    put(&other.database, "a", 20, u32::MAX).await.unwrap();
    other.database.save(PART_BYTES).await.unwrap();
    one.database.save(PART_BYTES).await.unwrap();
    assert_alike(&shared, &[&one, &other]).await;
}

#[tokio::test]
async fn one_that_runs_and_is_behind_the_log_takes_the_snapshot() {
    let (shared, one, other) = blind_and_other().await;
    put(&one.database, "a", 10, 0).await.unwrap();
    put(&other.database, "a", 20, u32::MAX).await.unwrap();
    other.database.save(PART_BYTES).await.unwrap();
    put(&other.database, "a", 30, u32::MAX).await.unwrap();
    assert_eq!(size(&one.database, "a"), Some(13), "it has not heard of it");
    one.database.catch_up().await.unwrap();
    assert_eq!(size(&one.database, "a"), Some(33));
    assert_eq!(put(&one.database, "a", 40, u32::MAX).await, Ok(33));
    assert_alike(&shared, &[&one, &other]).await;
}

#[tokio::test]
async fn what_a_snapshot_has_swallowed_is_told_as_unknown() {
    let (shared, one, other) = blind_and_other().await;
    put(&one.database, "a", 10, 0).await.unwrap();
    one.way.is_open.send_replace(false);
    let database = Arc::clone(&one.database);
    let late = tokio::spawn(async move { put(&database, "a", 20, u32::MAX).await });
    tokio::task::yield_now().await;
    put(&other.database, "a", 30, u32::MAX).await.unwrap();
    other.database.save(PART_BYTES).await.unwrap();
    one.way.is_open.send_replace(true);
    assert_eq!(late.await.unwrap().unwrap_err().kind, ErrorKind::Receiver);
    assert_eq!(put(&one.database, "a", 40, u32::MAX).await, Ok(33));
    assert_alike(&shared, &[&one, &other]).await;
}

#[tokio::test]
async fn of_rows_that_are_being_loaded_none_is_shown() {
    let (shared, one, other) = blind_and_other().await;
    put(&one.database, "a", 10, 0).await.unwrap();
    put(&other.database, "a", 20, u32::MAX).await.unwrap();
    other.database.save(PART_BYTES).await.unwrap();
    let before = one.database.view();
    // The whole snapshot is looked at, but only a part of it can be loaded.
    *one.way.reads.lock().unwrap() = Some((SNAPSHOTS, entries(&shared).await.div_ceil(3) + 1));
    let database = Arc::clone(&one.database);
    let waiting = tokio::spawn(async move { database.catch_up().await });
    until(|| one.database.kv().get(ITEMS, &item_row(0, b"a")).is_err()).await;
    assert!(one.database.snapshot().is_err());
    assert!(before.get(ITEMS, &item_row(0, b"a")).unwrap().is_some(), "what was taken before is whole");
    drop(before);
    *one.way.reads.lock().unwrap() = None;
    until(|| {
        one.clock.advance(1000);
        waiting.is_finished()
    })
    .await;
    waiting.await.unwrap().unwrap();
    assert_eq!(size(&one.database, "a"), Some(23));
    assert_alike(&shared, &[&one, &other]).await;
}

/// A store whose process ends at some batch.
struct Ends {
    kv: Arc<MemoryKv>,
    batches: AtomicU64,
}

impl Kv for Ends {
    fn get(&self, space: Space, key: &[u8]) -> std::result::Result<Option<Bytes>, LogError> {
        self.kv.get(space, key)
    }
    fn view(&self) -> Box<dyn View + '_> {
        self.kv.view()
    }
    fn write(&self, batch: Batch) -> std::result::Result<(), LogError> {
        let left = self.batches.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_err(|_| LogError::Io("the process has ended".into()))?;
        self.kv.write(batch)
    }
    fn persist(&self) -> std::result::Result<(), LogError> {
        self.kv.persist()
    }
}

#[tokio::test]
async fn one_that_is_killed_while_it_loads_begins_again() {
    let (shared, _one, other) = trimmed().await;
    let stale = Node::folding_all(&shared).await.kv;
    for key in ["a", "e"] {
        put(&other.database, key, 60, u32::MAX).await.unwrap();
    }
    other.database.save(PART_BYTES).await.unwrap();
    let mut killed = 0;
    for batches in 0.. {
        let kv = Arc::new(Ends { kv: Arc::clone(&stale), batches: AtomicU64::new(batches) });
        let way = Way::new(&shared, Sight::Common);
        let opened = Database::open(way, Arc::new(ManualClock::at(1)), kv, watch::channel(true).1).await;
        if opened.is_ok() {
            break;
        }
        killed += 1;
        let is_whole = recover::place(&*stale.view()).unwrap().is_some();
        assert_eq!(is_whole, batches == 0, "from the first batch on nobody takes them for rows");
    }
    assert!(killed > 5, "{killed}");
    let node = Node::with(Way::new(&shared, Sight::Common), stale).await.unwrap();
    assert_alike(&shared, &[&node, &other]).await;
}
