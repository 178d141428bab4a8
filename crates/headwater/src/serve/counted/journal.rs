//! The journal on a disk: groups of appends written, and a page of a log read, by the engine without its threads. Invariant: each
//! group is of the same appends.
use super::tell;
use bytes::Bytes;
use headwater_log::{
    Commit, Limits, LogError, LogGroup, LogId, Seq,
    clock::ManualClock,
    disk::{Core, DiskConfig, files::DiskFiles},
};
use std::{path::Path, sync::Arc};
use tokio::runtime::Runtime;

const APPENDS: u32 = 64;
const LOGS: u32 = 16;
const ENTRY_BYTES: usize = 1024;
/// Groups, after as many that are not counted.
const GROUPS: u32 = 50;
const PAGES: u32 = 200;

/// See above.
///
/// # Errors
/// A sentence if the folder cannot be used.
pub(super) fn run(folder: &Path, runtime: &Runtime) -> Result<(), String> {
    let failed = |error: LogError| format!("{}: {error}", folder.display());
    let files = DiskFiles::create(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // What is read has left memory.
    let config = DiskConfig { segment_bytes: 8 << 20, recent_bytes: 1 << 16, ..DiskConfig::default() };
    let mut core = Core::open(Arc::new(files), config, Arc::new(ManualClock::at(super::NOW_MS))).map_err(failed)?;
    let entry = Bytes::from(vec![7; ENTRY_BYTES]);
    let mut group = || {
        let append = |at| core.append(log(at % LOGS), vec![entry.clone()]);
        let commits: Vec<Commit> = (0..APPENDS).map(append).collect();
        while core.write_group().map_err(failed)? {}
        commits.into_iter().try_for_each(|commit| runtime.block_on(commit).map(drop).map_err(failed))
    };
    (0..GROUPS).try_for_each(|_| group())?;
    tell("journal-write", GROUPS, &mut group)?;
    let limits = Limits { entries: (APPENDS / LOGS * GROUPS) as usize, bytes: 1 << 20 };
    let mut page = || match core.read(log(0), Seq::ZERO, limits).map_err(failed)?.entries.len() {
        length if length == limits.entries => Ok(()),
        length => Err(format!("{length} entries are read, and not {}", limits.entries)),
    };
    page()?;
    tell("journal-read", PAGES, &mut page)
}

fn log(part: u32) -> LogId {
    LogId::new(LogGroup(1 << 64), part)
}
