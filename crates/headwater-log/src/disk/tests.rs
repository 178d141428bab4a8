//! The disk engine as a whole, on a real folder: the contract, damage, failures.
#![allow(clippy::disallowed_methods, reason = "tests reach around the seams")]
use super::*;
use crate::{
    clock::ManualClock,
    conformance::{self, Subject},
};

fn small() -> DiskConfig {
    DiskConfig { segment_bytes: 256 << 10, recent_bytes: 64 << 10, ..DiskConfig::default() }
}

fn open(dir: &Path, config: DiskConfig) -> Arc<DiskEngine> {
    DiskEngine::open(dir, config, Arc::new(ManualClock::at(1000))).unwrap()
}

async fn conforms(config: DiskConfig) {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(1000);
    let engine = DiskEngine::open(dir.path(), config.clone(), Arc::new(clock.clone())).unwrap();
    conformance::all(&Subject { engine, pass_time: Box::new(move || clock.advance(2)), salt: 0 }).await;
    conformance::logs_survive_reopening(0, || open(dir.path(), config.clone())).await;
}

#[tokio::test]
async fn the_disk_engine_keeps_the_contract() {
    conforms(DiskConfig::default()).await;
}

#[tokio::test]
async fn so_does_one_whose_segments_and_memory_are_tiny() {
    conforms(small()).await;
}

const ALL: Limits = conformance::ALL;
const ONE: LogId = LogId::new(crate::LogGroup(1 << 80), 1);
const OTHER: LogId = LogId::new(crate::LogGroup(1 << 80), 2);
const OWN: LogId = LogId::new(crate::LogGroup(3), 0);

fn copy_of(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(dir).unwrap().map(|file| file.unwrap()) {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    copy
}

fn segment(dir: &Path) -> std::path::PathBuf {
    let names = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("segment-")).min().unwrap()
}

fn core(dir: &Path) -> Core {
    let files = Arc::new(DiskFiles::create(dir).unwrap());
    Core::open(files, small(), Arc::new(ManualClock::at(1000))).unwrap()
}

/// Puts one entry into each log and makes both durable together.
fn put(core: &mut Core, round: u8) {
    drop(core.append(ONE, vec![Bytes::from(vec![round; 50])]));
    drop(core.append(OTHER, vec![Bytes::from(vec![round + 100; 70])]));
    while core.write_group().unwrap() {}
}

/// What can be read of a log, first bytes only, and how often something was missing.
fn firsts(core: &Core, log: LogId) -> (Vec<u8>, usize) {
    let (mut from, mut found, mut lost) = (Seq::ZERO, Vec::new(), 0);
    loop {
        match core.read(log, from, ALL) {
            Ok(batch) if batch.entries.is_empty() => return (found, lost),
            Ok(batch) => {
                for entry in &batch.entries {
                    assert!(entry.bytes.iter().all(|byte| *byte == entry.bytes[0]), "wrong bytes came back");
                    found.push(entry.bytes[0]);
                }
                from = batch.next;
            }
            Err(LogError::Corrupt { next, .. }) => (from, lost) = (next, lost + 1),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_last_group_cut_anywhere_is_a_torn_tail_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = core(dir.path());
    (0..3).for_each(|round| put(&mut engine, round));
    drop(engine);
    let (end, copy) = (3 * 4096, copy_of(dir.path()));
    let files = DiskFiles::existing(copy.path()).unwrap();
    for cut in (2 * 4096..=end).rev() {
        let file = std::fs::OpenOptions::new().write(true).open(segment(copy.path())).unwrap();
        file.set_len(cut).unwrap();
        drop(file);
        let report = fsck(&files).unwrap();
        let entries: Vec<u64> = report.logs.iter().map(|log| log.entries).collect();
        assert_eq!(
            (entries, report.damage),
            (if cut == end { vec![3, 3] } else { vec![2, 2] }, vec![]),
            "cut at {cut}"
        );
        if cut % 97 == 0 {
            let again = copy_of(copy.path());
            put(&mut core(again.path()), 9);
            assert_eq!(firsts(&core(again.path()), ONE), (vec![0, 1, 9], 0), "what comes later stands");
        }
    }
}

#[test]
fn no_flipped_bit_goes_unnoticed_or_costs_more_than_its_block() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = core(dir.path());
    (0..20).for_each(|round| put(&mut engine, round));
    engine.finish().unwrap();
    drop(engine);
    let sound = std::fs::read(segment(dir.path())).unwrap();
    let written = 20 * 4096;
    let mut chance = 0x2545_f491_4f6c_dd1d_u64;
    let mut noticed = 0;
    for _ in 0..1000 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut bytes = sound.clone();
        // Most of a sector is padding here: aim at the 450 bytes that are not.
        let at = (chance >> 33) as usize % (written / 4096) * 4096 + (chance >> 20) as usize % 450;
        bytes[at] ^= 1 << (chance % 8);
        std::fs::write(segment(dir.path()), &bytes).unwrap();
        let engine = core(dir.path());
        let ((one, one_lost), (other, other_lost)) = (firsts(&engine, ONE), firsts(&engine, OTHER));
        let missing = 40 - one.len() - other.len();
        assert!(missing <= 1, "byte {at}: {missing} entries are missing");
        assert_eq!((one_lost + other_lost > 0, engine.damage().len()), (missing > 0, missing), "byte {at}");
        assert!(one.is_sorted() && other.is_sorted());
        noticed += missing;
        if missing > 0 {
            assert_eq!((20 - one.len(), 20 - other.len()), (one_lost, other_lost), "only the log that was hit says so");
        }
        drop(engine);
        let report = fsck(&DiskFiles::existing(dir.path()).unwrap()).unwrap();
        assert_eq!((report.damage.len(), report.ended), (missing, true));
    }
    assert!(noticed > 300, "{noticed} of 1000 flips hit an entry");
}

#[tokio::test]
async fn a_time_is_found_across_damage() {
    let dir = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(1000);
    let files = Arc::new(DiskFiles::create(dir.path()).unwrap());
    let mut engine = Core::open(files, small(), Arc::new(clock.clone())).unwrap();
    let mut stamps = Vec::new();
    for _ in 0..20 {
        let commit = engine.append(ONE, vec![Bytes::from_static(b"entry")]);
        engine.write_group().unwrap();
        stamps.extend(commit.await.unwrap());
        clock.advance(10);
    }
    drop(engine);
    let path = segment(dir.path());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[10 * 4096 + 136] ^= 1; // the eleventh group's entry
    std::fs::write(&path, bytes).unwrap();
    let engine = open(dir.path(), small());
    let lost: Vec<_> = engine.damage().iter().map(|damage| damage.from).collect();
    assert_eq!(lost, [stamps[10].seq]);
    for (at, stamp) in stamps.iter().enumerate().filter(|(at, _)| *at != 10) {
        let from = crate::engine::find_time(&*engine, ONE, stamp.time_ms).await.unwrap();
        let first = if at == 11 { from >= lost[0] } else { at == 0 || from > stamps[at - 1].seq };
        assert!(from <= stamp.seq && first, "{from} for {stamp:?}");
    }
}

#[test]
fn what_is_measured_are_syncs_groups_and_the_files_that_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = core(dir.path());
    (0..3).for_each(|round| put(&mut engine, round));
    while engine.keep_up(false).unwrap() {}
    let measures = engine.measures();
    assert_eq!(measures.group_entries.counts.iter().sum::<u64>(), measures.stats.syncs);
    assert_eq!(measures.group_entries.sum, measures.stats.entries);
    assert_eq!(measures.sync_us.counts.iter().sum::<u64>(), measures.stats.syncs);
    assert_eq!((measures.live_segments, measures.live_runs, measures.dead_files), (1, 0, 0));
    let sizes = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap());
    let journal = sizes.filter(|file| !matches!(file.file_name().to_str(), Some("store" | "lock")));
    assert_eq!(measures.size_bytes, journal.map(|file| file.metadata().unwrap().len()).sum::<u64>());
}

#[test]
fn flipped_bits_in_a_run_are_noticed_when_read_or_healed_by_its_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = core(dir.path());
    (0..90).for_each(|round| put(&mut engine, round));
    while engine.keep_up(true).unwrap() || engine.write_group().unwrap() {}
    assert!(engine.stats().runs > 0);
    engine.finish().unwrap();
    drop(engine);
    let names = || std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
    let run = names().find(|path| path.to_str().unwrap().contains("run-")).unwrap();
    let sound = std::fs::read(&run).unwrap();
    for at in (0..sound.len()).step_by(7) {
        let mut bytes = sound.clone();
        bytes[at] ^= 4;
        std::fs::write(&run, &bytes).unwrap();
        let engine = core(dir.path());
        let ((one, one_lost), (other, other_lost)) = (firsts(&engine, ONE), firsts(&engine, OTHER));
        let lost = one_lost + other_lost;
        assert_eq!(one.len() + other.len() < 180, lost > 0, "byte {at}: silent loss");
        assert!(one.is_sorted() && other.is_sorted() && one.contains(&89) && other.contains(&189));
        assert!(lost <= 1, "one block, one log");
    }
}

#[tokio::test]
async fn what_fsck_and_dump_show_is_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), small());
    for log in [ONE, OTHER, ONE] {
        engine.append(log, vec![Bytes::from_static(b"abc"), Bytes::from_static(b"de")]).await.unwrap();
    }
    let bounds = engine.bounds(ONE);
    drop(engine);
    let files = DiskFiles::existing(dir.path()).unwrap();
    let report = fsck(&files).unwrap();
    let log = |log, entries, size_bytes, bounds| LogReport { log, bounds, entries, size_bytes };
    assert_eq!(report.logs[0], log(ONE, 4, 10, bounds));
    assert_eq!((report.logs.len(), report.ended, report.torn), (2, true, false));
    assert!(report.files.iter().any(|file| file.blocks > 0 && file.name.starts_with("segment-")));
    assert_eq!(report.damage, []);
    let mut shown = Vec::new();
    assert_eq!(dump(&files, Some(OTHER), &mut |log, entry| shown.push((log, entry.bytes.clone()))), Ok(vec![]));
    assert_eq!(shown, [(OTHER, Bytes::from_static(b"abc")), (OTHER, Bytes::from_static(b"de"))]);
    assert!(fsck(&DiskFiles::existing(tempfile::tempdir().unwrap().path()).unwrap()).is_err());
}

#[tokio::test]
async fn two_engines_cannot_have_one_folder() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), small());
    let clock = Arc::new(ManualClock::at(1000));
    assert!(matches!(DiskEngine::open(dir.path(), small(), clock.clone()), Err(LogError::Io(_))));
    drop(engine);
    DiskEngine::open(dir.path(), small(), clock).unwrap();
}

/// A folder that can be told to fail.
struct Failing {
    files: DiskFiles,
    state: Arc<State>,
}

struct State {
    dir: std::path::PathBuf,
    failure: Mutex<Failure>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Failure {
    None,
    Sync,
    /// All files together can have so many bytes.
    Room(u64),
}

impl State {
    fn set(&self, failure: Failure) {
        *self.failure.lock().unwrap() = failure;
    }

    fn free_bytes(&self) -> u64 {
        let Failure::Room(room) = *self.failure.lock().unwrap() else { return 1 << 40 };
        let used: u64 = std::fs::read_dir(&self.dir).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        room.saturating_sub(used)
    }
}

struct FailingFile(Arc<dyn files::File>, Arc<State>);

impl Failing {
    fn new(dir: &Path) -> (Arc<Self>, Arc<State>) {
        let state = Arc::new(State { dir: dir.into(), failure: Mutex::new(Failure::None) });
        (Arc::new(Self { files: DiskFiles::create(dir).unwrap(), state: state.clone() }), state)
    }
}

impl Files for Failing {
    fn list(&self) -> std::io::Result<Vec<String>> {
        self.files.list()
    }
    fn create(&self, name: &str) -> std::io::Result<Arc<dyn files::File>> {
        Ok(Arc::new(FailingFile(self.files.create(name)?, self.state.clone())))
    }
    fn open(&self, name: &str) -> std::io::Result<Arc<dyn files::File>> {
        Ok(Arc::new(FailingFile(self.files.open(name)?, self.state.clone())))
    }
    fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        self.files.rename(from, to)
    }
    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.files.remove(name)
    }
    fn sync_dir(&self) -> std::io::Result<()> {
        self.files.sync_dir()
    }
    fn free_bytes(&self) -> std::io::Result<u64> {
        Ok(self.state.free_bytes())
    }
    fn lock(&self) -> std::io::Result<Box<dyn Send + Sync>> {
        self.files.lock()
    }
}

impl files::File for FailingFile {
    fn read_at(&self, offset: u64, len: usize) -> std::io::Result<Vec<u8>> {
        self.0.read_at(offset, len)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let growth = (offset + bytes.len() as u64).saturating_sub(self.0.size()?);
        if growth > 0 && growth > self.1.free_bytes() {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.write_at(offset, bytes)
    }
    fn sync(&self) -> std::io::Result<()> {
        match *self.1.failure.lock().unwrap() {
            Failure::Sync => Err(std::io::Error::other("EIO")),
            _ => self.0.sync(),
        }
    }
    fn size(&self) -> std::io::Result<u64> {
        self.0.size()
    }
}

#[tokio::test]
async fn a_failed_sync_is_the_end_and_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let (files, failure) = Failing::new(dir.path());
    let (told, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let fatal: Fatal = Box::new(move |error| told.send(error.clone()).unwrap());
    let engine = DiskEngine::start(files, small(), Arc::new(ManualClock::at(1000)), fatal).unwrap();
    let kept = engine.append(ONE, vec![Bytes::from_static(b"kept")]).await.unwrap();
    failure.set(Failure::Sync);
    let refused = engine.append(ONE, vec![Bytes::from_static(b"unknown")]).await.unwrap_err();
    assert!(matches!(refused, LogError::Io(_)));
    // Upkeep syncs new segments: its failure may be the first, and then is the one that is told.
    assert!(matches!(hears.recv().await, Some(LogError::Io(_))));
    let batch = engine.read(ONE, Seq::ZERO, ALL).await.unwrap();
    assert_eq!(
        batch.entries.iter().map(|entry| entry.stamp).collect::<Vec<_>>(),
        kept,
        "what is not durable is not shown"
    );
    failure.set(Failure::None);
    let again = engine.append(ONE, vec![Bytes::new()]).await;
    assert!(matches!(again, Err(LogError::Io(_))), "there is no second try: {again:?}");
    drop(engine);
    assert_eq!(hears.recv().await, None);
}

#[tokio::test]
async fn a_full_disk_refuses_appends_keeps_reading_and_trimming_and_heals() {
    let dir = tempfile::tempdir().unwrap();
    let (files, failure) = Failing::new(dir.path());
    let fatal: Fatal = Box::new(|error| panic!("{error}"));
    let engine = DiskEngine::start(files, small(), Arc::new(ManualClock::at(1000)), fatal).unwrap();
    let entry = || vec![Bytes::from(vec![7; 20 << 10])];
    engine.append(ONE, entry()).await.unwrap();
    while !engine.stats().reserve || engine.store.supply().ready.is_empty() {
        std::thread::yield_now();
    }
    failure.set(Failure::Room(0));
    let mut taken = 1;
    let refused = loop {
        match engine.append(ONE, entry()).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((refused, engine.stats().full), (LogError::Full, true));
    assert_eq!(conformance::drain(&*engine, ONE, Seq::ZERO, ALL).await.len(), taken, "reading goes on");
    engine.append(OWN, vec![Bytes::from_static(b"control")]).await.unwrap();
    assert_eq!(engine.append(ONE, entry()).await, Err(LogError::Full));
    let tail = engine.bounds(ONE).tail;
    engine.trim(ONE, tail).await.unwrap();
    assert_eq!(engine.bounds(ONE).first, tail, "trimming goes on");
    failure.set(Failure::None);
    engine.append(ONE, entry()).await.unwrap();
    assert!(!engine.stats().full);
    drop(engine);
    let engine = open(dir.path(), small());
    assert_eq!(conformance::drain(&*engine, ONE, tail, ALL).await.len(), 1);
    assert_eq!(conformance::drain(&*engine, OWN, Seq::ZERO, ALL).await.len(), 1);
}

/// Appends until there is no space; how much was taken.
fn fill(core: &mut Core, clock: &ManualClock) -> usize {
    for taken in 0.. {
        let mut commit = core.append(ONE, vec![Bytes::from(vec![7; 200 << 10])]);
        while core.write_group().unwrap() {}
        while core.keep_up(false).unwrap() || core.write_group().unwrap() {}
        clock.advance(1);
        match commit.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(Ok(_)) => {}
            std::task::Poll::Ready(Err(LogError::Full)) => return taken,
            other => panic!("{other:?}"),
        }
    }
    unreachable!("an endless disk")
}

#[test]
fn a_disk_smaller_than_a_segment_can_be_filled_again_once_all_is_trimmed() {
    let dir = tempfile::tempdir().unwrap();
    let (files, failure) = Failing::new(dir.path());
    failure.set(Failure::Room(24 << 20));
    let clock = ManualClock::at(1000);
    let open = || Core::open(files.clone(), DiskConfig::default(), Arc::new(clock.clone())).unwrap();
    let mut core = open();
    for round in 0..4 {
        let taken = fill(&mut core, &clock);
        assert!(taken * (200 << 10) > 12 << 20, "round {round}: {taken} entries");
        if round == 1 {
            drop(core);
            core = open();
        }
        drop(core.trim(ONE, core.bounds(ONE).tail));
        if round == 2 {
            while core.write_group().unwrap() {}
            drop(core);
            core = open();
        }
        while core.write_group().unwrap() || core.keep_up(false).unwrap() {}
    }
}

#[test]
fn a_segment_of_which_nothing_is_left_is_written_anew_though_the_disk_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let (files, failure) = Failing::new(dir.path());
    let config = DiskConfig { segment_bytes: 1 << 20, ..DiskConfig::default() };
    let mut core = Core::open(files, config, Arc::new(ManualClock::at(1000))).unwrap();
    let put = |core: &mut Core| {
        let mut commit = core.append(ONE, vec![Bytes::from(vec![7; 600 << 10])]);
        while core.write_group().unwrap() || core.keep_up(false).unwrap() {}
        match commit.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(done) => done.map(drop),
            std::task::Poll::Pending => panic!("left waiting"),
        }
    };
    put(&mut core).unwrap();
    failure.set(Failure::Room(0)); // somebody else took all there was
    put(&mut core).unwrap();
    assert_eq!(put(&mut core), Err(LogError::Full));
    drop(core.trim(ONE, core.bounds(ONE).tail));
    let refused = (0..9).take_while(|_| put(&mut core) == Err(LogError::Full)).count();
    assert!(refused < 5, "{refused} more were refused");
}
