//! Sort on seal: the entries of some neighbouring files, log by log, in one new file.
//!
//! Invariant: a run has its name only once it is whole and durable, and from then on it stands for its sources: who
//! finds both believes the run. So the swap needs no other record.
use super::{
    files::unfinished,
    frame::u32_of,
    group::RunFooter,
    index::{BlockRef, Held},
    run::Run,
    store::{Store, failed, run_name},
};
use crate::{Limits, LogError, LogId, Seq};

/// Entries are read in pages of this size.
const PAGE: Limits = Limits { entries: usize::MAX, bytes: 1 << 20 };

/// Sorts `sources`, which stand next to each other in the order of places, into a new run that takes their place in the
/// index. `Full` leaves everything as it was; damage marks its file and leaves everything else as it was.
pub(super) fn sort(store: &Store, sources: &[u32]) -> Result<(), LogError> {
    let id = store.supply().number();
    let draft = unfinished(&run_name(id));
    match write(store, sources, id) {
        Ok(None) => discard(store, &draft),
        Ok(Some((footer, logs))) => {
            let needed = !footer.rows.is_empty();
            take_over(store, footer, &logs);
            if needed { Ok(()) } else { discard(store, &draft) }
        }
        Err(LogError::Corrupt { log, from, .. }) => {
            spoil(store, log, from);
            discard(store, &draft)
        }
        Err(error) => {
            discard(store, &draft)?;
            Err(error)
        }
    }
}

fn discard(store: &Store, draft: &str) -> Result<(), LogError> {
    match store.files.remove(draft) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(draft, &error)),
        _ => Ok(()),
    }
}

/// The file of the block that stands at `from` stays as it is.
fn spoil(store: &Store, log: LogId, from: Seq) {
    let mut index = store.index();
    let blocks = index.logs.get(&log).map(|log| &log.blocks);
    let at = blocks.and_then(|blocks| {
        let behind = blocks.partition_point(|block| block.first_seq <= from.0);
        blocks.get(behind.checked_sub(1)?).map(|block| block.file)
    });
    if let Some(held) = at.and_then(|file| index.files.get_mut(&file)) {
        held.damaged = true;
    }
}

/// A run and the logs that were looked at for it.
type Sorted = (RunFooter, Vec<LogId>);

/// Writes the run and makes it durable, if there is anything to be kept. Nothing if the engine closes meanwhile.
fn write(store: &Store, sources: &[u32], id: u32) -> Result<Option<Sorted>, LogError> {
    let (first_seq, next_seq, mut logs) = {
        let index = store.index();
        let held = || sources.iter().filter_map(|source| index.files.get(source));
        let first_seq = held().map(|held| held.first_seq).min().unwrap_or_default();
        let next_seq = held().map(|held| held.next_seq).max().unwrap_or_default();
        let has_some = |blocks: &std::collections::VecDeque<BlockRef>| {
            let at = blocks.partition_point(|block| block.first_seq < first_seq);
            blocks.get(at).is_some_and(|block| block.first_seq < next_seq)
        };
        let logs = index.logs.iter().filter(|(_, log)| has_some(&log.blocks));
        (first_seq, next_seq, logs.map(|(id, _)| *id).collect::<Vec<LogId>>())
    };
    logs.sort_unstable();
    let places = (first_seq, next_seq);
    let mut run = Run::begin(&*store.files, store.salt, id, sources.to_vec(), places)?;
    for log in &logs {
        if !copy(store, &mut run, *log, places)? {
            return Ok(None);
        }
    }
    let (footer, file) = run.finish()?;
    if !footer.rows.is_empty() {
        let held = Held::run(file, u32_of(footer.rows.len()), footer.first_seq, footer.next_seq);
        store.index().files.insert(footer.run, held);
    }
    Ok(Some((footer, logs)))
}

/// Adds all of `log` that stands in the sources; false if the engine closes.
fn copy(store: &Store, run: &mut Run<'_>, log: LogId, (first, end): (u64, u64)) -> Result<bool, LogError> {
    let mut from = first;
    while from < end {
        if store.intake.is_closed() {
            return Ok(false);
        }
        let plan = store.index().plan(log, Seq(from), PAGE, store.salt);
        let batch = match plan.and_then(super::reader::Plan::fetch) {
            Ok(batch) => batch,
            Err(LogError::Trimmed(first)) => {
                from = first.0;
                continue;
            }
            Err(LogError::Corrupt { from, .. }) if from.0 >= end => break,
            Err(error) => return Err(error),
        };
        if batch.entries.is_empty() {
            break;
        }
        for entry in batch.entries.iter().filter(|entry| entry.stamp.seq.0 < end) {
            run.push(log, entry)?;
        }
        from = batch.next.0;
    }
    Ok(true)
}

/// Lets the index point at the run. From here on the sources are not needed; of a log without blocks in the run,
/// everything in them was trimmed.
fn take_over(store: &Store, footer: RunFooter, logs: &[LogId]) {
    let RunFooter { run, sources, first_seq, next_seq, rows, .. } = footer;
    let mut rows = rows.iter().peekable();
    for log in logs {
        let blocks = std::iter::from_fn(|| rows.next_if(|row| row.log == *log)).map(|row| {
            let (first_seq, offset, len, count) = (row.first_seq, row.offset, row.len, row.count);
            BlockRef { first_seq, file: run, offset, len, count }
        });
        let blocks: Vec<BlockRef> = blocks.collect();
        store.index().replace(*log, first_seq, next_seq, &blocks);
    }
    tracing::debug!(run, ?sources, "sorted");
}
