//! What the journal, the readers and the upkeep of one folder share.
use super::{
    files::{File, Files, UNFINISHED, unfinished},
    frame::SECTOR,
    index::{Damage, Index, Kind},
    intake::Intake,
};
use crate::{
    LogError,
    clock::Clock,
    histogram::{Distribution, Histogram},
};
use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How the disk engine uses its folder. The defaults are meant to be kept.
#[derive(Debug, Clone)]
pub struct DiskConfig {
    /// Size of a segment of the journal.
    pub segment_bytes: u64,
    /// Most bytes of entries one sync covers (a single larger append is a group of its own).
    pub group_bytes: usize,
    /// How much of the newest groups stays in memory for those who read at the tail.
    pub recent_bytes: usize,
    /// Most bytes of entries waiting to be written; appends beyond it are refused with `Full`.
    pub waiting_bytes: usize,
    /// Full segments are sorted once there are so many, however busy the journal is …
    pub unsorted_segments: usize,
    /// … or once nothing was written for so long.
    pub idle_ms: u64,
    /// Segments kept ready for use.
    pub ready_segments: usize,
    /// Size of the segment set aside for Headwater's own logs (groups below 2⁶⁴) and trims when the disk is full.
    pub reserve_bytes: u64,
    /// See [`crate::Engine::history_ms`].
    pub history_ms: u64,
    /// So much of a disk is left free for what is kept beside the journal and cannot wait for room.
    pub leave_bytes: u64,
    /// A number nobody outside can guess; begins every checksum of a folder made with it, so that a record cannot
    /// pretend to be a piece of the journal.
    pub salt: u32,
}

/// No file of the journal takes more than one in so many of the bytes that are free when it is made, …
const SHARE: u64 = 4;
/// … except that it is never less than one in so many of a full segment.
const LEAST_SHARE: u64 = 16;

impl DiskConfig {
    /// How large a new segment is at least.
    pub(super) fn least_segment_bytes(&self) -> u64 {
        self.segment_bytes / LEAST_SHARE
    }

    /// How large a new file of the journal may be, so that on a small disk too there are several, of which trims can free
    /// one while another is written.
    pub(super) fn share_bytes(&self, free_bytes: u64) -> u64 {
        (free_bytes / SHARE).next_multiple_of(SECTOR as u64)
    }
}

impl Default for DiskConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            group_bytes: 8 << 20,
            recent_bytes: 8 << 20,
            waiting_bytes: 256 << 20,
            unsorted_segments: 4,
            idle_ms: 1000,
            ready_segments: 1,
            reserve_bytes: 1 << 20,
            history_ms: 0,
            leave_bytes: 0,
            salt: 0,
        }
    }
}

/// Counters since the engine was opened, and sizes now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Syncs of the journal.
    pub syncs: u64,
    /// Entries made durable.
    pub entries: u64,
    /// Bytes written to the journal.
    pub written_bytes: u64,
    /// Segments of the journal that hold entries.
    pub segments: u64,
    /// Those of them that are full and not sorted yet.
    pub unsorted: u64,
    /// Sorted files.
    pub runs: u64,
    /// Logs known.
    pub logs: u64,
    /// Whether space for Headwater's own logs is set aside.
    pub reserve: bool,
    /// Whether appends are refused for want of space.
    pub full: bool,
}

/// Microseconds a sync takes, between a fast disk's and a failing one's.
const SYNC_US: [u64; 12] = [50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000, 500_000, 2_500_000];
/// Entries a sync covers.
const GROUP_ENTRIES: [u64; 8] = [1, 4, 16, 64, 256, 1024, 4096, 16_384];

/// What is measured of the journal, for whoever watches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measures {
    /// Counters and sizes.
    pub stats: Stats,
    /// Segments of which something can still be read, or that are still written.
    pub live_segments: u64,
    /// Sorted files of which something can still be read.
    pub live_runs: u64,
    /// Files of which nothing can be read any more and which are not freed yet.
    pub dead_files: u64,
    /// All files of the journal, those that are ready for use too, in bytes.
    pub size_bytes: u64,
    /// How long syncs took, in microseconds.
    pub sync_us: Distribution,
    /// Entries a sync covered.
    pub group_entries: Distribution,
}

pub(super) struct Counters {
    pub(super) syncs: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) sync_us: Histogram,
    pub(super) group_entries: Histogram,
    pub(super) written_bytes: AtomicU64,
    /// 1 while appends are refused for want of space.
    pub(super) full: AtomicU64,
    /// By the steady clock: when the journal was last written.
    pub(super) last_write_us: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            syncs: zero(),
            entries: zero(),
            sync_us: Histogram::new(&SYNC_US),
            group_entries: Histogram::new(&GROUP_ENTRIES),
            written_bytes: zero(),
            full: zero(),
            last_write_us: zero(),
        }
    }
}

/// A file of the journal that nothing was written to yet.
pub(super) struct Blank {
    pub(super) id: u32,
    pub(super) file: Arc<dyn File>,
    /// So much of it was written before, with zeros or with what it held in a former life; or so far it may grow.
    pub(super) size_bytes: u64,
    /// It is empty. Slower to sync than what was written before.
    pub(super) grows: bool,
}

/// Files to be written next.
#[derive(Default)]
pub(super) struct Supply {
    pub(super) ready: VecDeque<Blank>,
    pub(super) reserve: Option<Blank>,
    /// The next number for a file; never used twice.
    pub(super) next_file: u32,
}

impl Supply {
    pub(super) fn number(&mut self) -> u32 {
        self.next_file += 1;
        self.next_file - 1
    }

    /// A segment that has been made ready and can take `need` bytes.
    pub(super) fn take_ready(&mut self, need: u64) -> Option<Blank> {
        self.ready.pop_front_if(|blank| need <= blank.size_bytes)
    }
}

/// Wakes the upkeep.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<bool>,
    wake: Condvar,
}

impl Bell {
    pub(super) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_one();
    }

    /// Waits for the bell, but not longer than `most`.
    pub(super) fn wait(&self, most: Option<Duration>) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung {
            match most {
                None => rung = self.wake.wait(rung).unwrap_or_else(PoisonError::into_inner),
                Some(most) => {
                    rung = self.wake.wait_timeout(rung, most).unwrap_or_else(PoisonError::into_inner).0;
                    break;
                }
            }
        }
        *rung = false;
    }
}

/// One folder, open.
pub(super) struct Store {
    pub(super) files: Arc<dyn Files>,
    pub(super) config: DiskConfig,
    pub(super) clock: Arc<dyn Clock>,
    /// The folder's own salt: that of the config it was made with.
    pub(super) salt: u32,
    pub(super) intake: Intake,
    pub(super) counters: Counters,
    pub(super) bell: Bell,
    index: Mutex<Index>,
    supply: Mutex<Supply>,
}

impl Store {
    pub(super) fn new(
        files: Arc<dyn Files>,
        config: DiskConfig,
        clock: Arc<dyn Clock>,
        salt: u32,
        index: Index,
        supply: Supply,
    ) -> Self {
        let intake = Intake::new(config.waiting_bytes);
        let (index, supply) = (Mutex::new(index), Mutex::new(supply));
        Self { files, config, clock, salt, intake, counters: Counters::default(), bell: Bell::default(), index, supply }
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn supply(&self) -> MutexGuard<'_, Supply> {
        self.supply.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> Stats {
        let Counters { syncs, entries, written_bytes, full, .. } = &self.counters;
        let index = self.index();
        let count =
            |pick: fn(&super::index::Held) -> bool| index.files.values().filter(|held| pick(held)).count() as u64;
        use Kind::{Run, Segment};
        Stats {
            syncs: syncs.load(Ordering::Relaxed),
            entries: entries.load(Ordering::Relaxed),
            written_bytes: written_bytes.load(Ordering::Relaxed),
            segments: count(|held| held.kind == Segment),
            unsorted: count(|held| held.kind == Segment && held.sealed),
            runs: count(|held| held.kind == Run),
            logs: index.logs.len() as u64,
            reserve: self.supply().reserve.is_some(),
            full: full.load(Ordering::Relaxed) != 0,
        }
    }

    pub(super) fn measures(&self) -> Measures {
        let (mut live_segments, mut live_runs, mut dead_files) = (0, 0, 0);
        let files: Vec<Arc<dyn File>> = {
            let index = self.index();
            for held in index.files.values() {
                match held.kind {
                    _ if held.is_unneeded() => dead_files += 1,
                    Kind::Segment => live_segments += 1,
                    Kind::Run => live_runs += 1,
                }
            }
            index.files.values().map(|held| Arc::clone(&held.file)).collect()
        };
        // A file may be gone meanwhile: then it has no size.
        let held_bytes: u64 = files.iter().filter_map(|file| file.size().ok()).sum();
        let ready_bytes: u64 = {
            let supply = self.supply();
            supply.ready.iter().chain(&supply.reserve).map(|blank| blank.size_bytes).sum()
        };
        Measures {
            stats: self.stats(),
            live_segments,
            live_runs,
            dead_files,
            size_bytes: held_bytes + ready_bytes,
            sync_us: self.counters.sync_us.distribution(),
            group_entries: self.counters.group_entries.distribution(),
        }
    }

    pub(super) fn damage(&self) -> Vec<Damage> {
        self.index().damage.clone()
    }
}

/// What a file in the folder is, by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Name {
    Segment(u32),
    Run(u32),
    Reserve(u32),
    /// Made, but not yet whole: left over by a crash.
    Unfinished,
    Other,
}

impl Name {
    pub(super) fn of(name: &str) -> Self {
        let numbered = |prefix: &str| name.strip_prefix(prefix).and_then(|id| u32::from_str_radix(id, 16).ok());
        if name.ends_with(UNFINISHED) {
            Self::Unfinished
        } else if let Some(id) = numbered("segment-") {
            Self::Segment(id)
        } else if let Some(id) = numbered("run-") {
            Self::Run(id)
        } else if let Some(id) = numbered("reserve-") {
            Self::Reserve(id)
        } else {
            Self::Other
        }
    }
}

pub(super) fn segment_name(id: u32) -> String {
    format!("segment-{id:08x}")
}

pub(super) fn run_name(id: u32) -> String {
    format!("run-{id:08x}")
}

pub(super) fn reserve_name(id: u32) -> String {
    format!("reserve-{id:08x}")
}

/// The engine's error for a call that failed.
pub(super) fn failed(what: &str, error: &io::Error) -> LogError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::Full,
        _ => LogError::Io(format!("{what}: {error}")),
    }
}

const ZEROS_BYTES: u64 = 1 << 20;

/// Makes a blank file of `size_bytes` that was written to its end and is durable under `name`. Overwriting what was
/// written before syncs twice as fast as growing a file.
pub(super) fn make_blank(files: &dyn Files, id: u32, name: &str, size_bytes: u64) -> io::Result<Blank> {
    let draft = unfinished(name);
    let write = || {
        let file = files.create(&draft)?;
        let zeros = vec![0; usize::try_from(ZEROS_BYTES.min(size_bytes)).unwrap_or_default()];
        let mut at = 0;
        while at < size_bytes {
            let len = usize::try_from(size_bytes - at).map_or(zeros.len(), |left| left.min(zeros.len()));
            file.write_at(at, zeros.get(..len).unwrap_or_default())?;
            at += len as u64;
            if at % (4 * ZEROS_BYTES) == 0 {
                file.sync()?; // little by little, so that the journal's own syncs need not wait for all of it
            }
        }
        file.sync()?;
        file.forget_contents();
        files.rename(&draft, name)?;
        files.sync_dir()?;
        Ok(file)
    };
    match write() {
        Ok(file) => Ok(Blank { id, file, size_bytes, grows: false }),
        Err(error) => {
            drop(files.remove(&draft)); // it goes at the next opening otherwise
            Err(error)
        }
    }
}
