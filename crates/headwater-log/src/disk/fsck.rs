//! Looking into a folder without opening it: every byte checked, every entry shown. Nothing is changed, so a server may
//! be using the folder; what it writes meanwhile may then look torn.
use super::{
    files::Files,
    index::{Damage, Index, Kind},
    reader::Plan,
    store::{failed, run_name, segment_name},
    survey::{read_store, survey},
};
use crate::{Bounds, Entry, Limits, LogError, LogId, Seq};

const PAGE: Limits = Limits { entries: usize::MAX, bytes: 4 << 20 };

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The files that hold entries, oldest first.
    pub files: Vec<FileReport>,
    /// The logs, by their ids.
    pub logs: Vec<LogReport>,
    /// What can no longer be read.
    pub damage: Vec<Damage>,
    /// Whether the last write was cut short by a crash, before anybody was told of it: no damage.
    pub torn: bool,
    /// Whether the last server ended cleanly.
    pub ended: bool,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Its name.
    pub name: String,
    /// Its length.
    pub size_bytes: u64,
    /// Blocks in it that can still be read.
    pub blocks: u32,
    /// Places in it: from here …
    pub first: Seq,
    /// … to before here.
    pub next: Seq,
}

/// One log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReport {
    /// Its id.
    pub log: LogId,
    /// First place and tail.
    pub bounds: Bounds,
    /// Entries in it.
    pub entries: u64,
    /// Their bytes.
    pub size_bytes: u64,
}

/// Checks every byte of the folder.
///
/// # Errors
/// `Io` if it is no folder of this engine or cannot be read at all; damage is no error but part of the report.
pub fn fsck(files: &dyn Files) -> Result<Report, LogError> {
    let salt = salt(files)?;
    let found = survey(files, salt)?;
    let (torn, ended) = (found.torn.is_some(), found.marked);
    let mut report = Report { torn, ended, damage: found.index.damage.clone(), ..Report::default() };
    for (id, held) in &found.index.files {
        let name = if held.kind == Kind::Run { run_name(*id) } else { segment_name(*id) };
        let size_bytes = held.file.size().map_err(|error| failed(&name, &error))?;
        let (blocks, first, next) = (held.live, Seq(held.first_seq), Seq(held.next_seq));
        report.files.push(FileReport { name, size_bytes, blocks, first, next });
    }
    report.files.sort_by_key(|file| (file.first, file.next));
    for log in log_ids(&found.index) {
        let (mut entries, mut size_bytes) = (0, 0);
        let damage = walk(&found.index, salt, log, &mut |_, entry| {
            entries += 1;
            size_bytes += entry.bytes.len() as u64;
        })?;
        let known =
            |lost: &Damage| found.index.damage.iter().any(|known| (known.from, known.next) == (lost.from, lost.next));
        report.damage.extend(damage.into_iter().filter(|lost| !known(lost)));
        report.logs.push(LogReport { log, bounds: found.index.bounds(log), entries, size_bytes });
    }
    Ok(report)
}

/// Shows every entry that can be read, log by log (or those of one log only); answers what cannot.
///
/// # Errors
/// Those of `fsck`.
pub fn dump(
    files: &dyn Files,
    only: Option<LogId>,
    show: &mut dyn FnMut(LogId, &Entry),
) -> Result<Vec<Damage>, LogError> {
    let salt = salt(files)?;
    let index = survey(files, salt)?.index;
    let mut damage = Vec::new();
    for log in log_ids(&index).into_iter().filter(|log| only.is_none_or(|only| only == *log)) {
        damage.extend(walk(&index, salt, log, show)?);
    }
    Ok(damage)
}

fn salt(files: &dyn Files) -> Result<u32, LogError> {
    read_store(files)?.ok_or_else(|| LogError::Io("there is no journal in this folder".into()))
}

fn log_ids(index: &Index) -> Vec<LogId> {
    let mut ids: Vec<LogId> = index.logs.keys().copied().collect();
    ids.sort_unstable();
    ids
}

/// Shows the entries of one log; answers the places that are lost.
fn walk(index: &Index, salt: u32, log: LogId, show: &mut dyn FnMut(LogId, &Entry)) -> Result<Vec<Damage>, LogError> {
    let (mut from, mut damage) = (index.bounds(log).first, Vec::new());
    loop {
        match index.plan(log, from, PAGE, salt).and_then(Plan::fetch) {
            Ok(batch) if batch.entries.is_empty() => return Ok(damage),
            Ok(batch) => {
                batch.entries.iter().for_each(|entry| show(log, entry));
                from = batch.next;
            }
            Err(LogError::Corrupt { from: lost, next, .. }) => {
                let file = index.file_of(log, lost).unwrap_or_default();
                damage.push(Damage { log: Some(log), from: lost, next, file });
                from = next;
            }
            Err(error) => return Err(error),
        }
    }
}

impl Index {
    /// The name of the file whose block would hold this place.
    fn file_of(&self, log: LogId, seq: Seq) -> Option<String> {
        let blocks = &self.logs.get(&log)?.blocks;
        let block = blocks.get(blocks.partition_point(|block| block.first_seq <= seq.0).checked_sub(1)?)?;
        let kind = self.files.get(&block.file)?.kind;
        Some(if kind == Kind::Run { run_name(block.file) } else { segment_name(block.file) })
    }
}
