//! Sort on seal: the entries of some neighbouring files, log by log, in one new file.
//!
//! Invariant: a run has its name only once it is whole and durable, and from then on it stands for its sources: who
//! finds both believes the run. So the swap needs no other record.
use super::{
    files::{File, Files},
    frame::{BlockWriter, u32_of, u32_of_u64},
    group::{RunFooter, RunRow},
    index::{BlockRef, Held},
    store::{Store, failed, run_name, unfinished},
};
use crate::{Entry, Limits, LogError, LogId, Seq};
use std::sync::Arc;

/// Entries are read in pages of this size.
const PAGE: Limits = Limits { entries: usize::MAX, bytes: 1 << 20 };
/// Written in pieces of at least this size …
const WRITE_BYTES: usize = 1 << 20;
/// … and synced every so many bytes, so that the journal's own syncs need not wait for all of it.
const SYNC_BYTES: u64 = 4 << 20;

/// A run under construction.
struct Run<'a> {
    store: &'a Store,
    file: Arc<dyn File>,
    id: u32,
    buffer: Vec<u8>,
    /// Where the buffer will stand.
    at: u64,
    synced: u64,
    footer: RunFooter,
}

/// Sorts `sources`, which stand next to each other in the order of places, into a new run that takes their place in the
/// index. `Full` leaves everything as it was; damage marks its file and leaves everything else as it was.
pub(super) fn sort(store: &Store, sources: &[u32]) -> Result<(), LogError> {
    let id = store.supply().number();
    let draft = unfinished(&run_name(id));
    match write(store, sources, id, &draft) {
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
fn write(store: &Store, sources: &[u32], id: u32, draft: &str) -> Result<Option<Sorted>, LogError> {
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
    let file = store.files.create(draft).map_err(|error| failed(draft, &error))?;
    let sources = sources.to_vec();
    let footer = RunFooter { run: id, sources, first_seq, next_seq, time_ms: 0, rows: Vec::new() };
    let mut run = Run { store, file, id, buffer: Vec::new(), at: 0, synced: 0, footer };
    for log in &logs {
        if !run.copy(*log)? {
            return Ok(None);
        }
    }
    let footer = if run.footer.rows.is_empty() { run.footer } else { run.finish(draft)? };
    Ok(Some((footer, logs)))
}

impl Run<'_> {
    /// Adds all of `log` that stands in the sources; false if the engine closes.
    fn copy(&mut self, log: LogId) -> Result<bool, LogError> {
        let end = self.footer.next_seq;
        let mut from = self.footer.first_seq;
        let mut block: Option<BlockWriter> = None;
        while from < end {
            if self.store.intake.is_closed() {
                return Ok(false);
            }
            let plan = self.store.index().plan(log, Seq(from), PAGE, self.store.salt);
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
                block = Some(self.push(log, block, entry)?);
            }
            from = batch.next.0;
        }
        self.close(block);
        Ok(true)
    }

    fn push(&mut self, log: LogId, block: Option<BlockWriter>, entry: &Entry) -> Result<BlockWriter, LogError> {
        let stamp = entry.stamp;
        let mut block = match block {
            Some(block) if !block.is_full(&self.buffer, entry.bytes.len(), stamp.seq.0) => block,
            full => {
                self.close(full);
                if self.buffer.len() >= WRITE_BYTES {
                    self.flush()?;
                }
                BlockWriter::begin(&mut self.buffer, log, stamp, u64::from(self.id))
            }
        };
        block.push(&mut self.buffer, stamp, &entry.bytes);
        self.footer.time_ms = self.footer.time_ms.max(stamp.time_ms);
        Ok(block)
    }

    fn close(&mut self, block: Option<BlockWriter>) {
        let Some(block) = block else { return };
        let start = block.start();
        let head = block.finish(&mut self.buffer, self.store.salt);
        self.footer.rows.push(RunRow {
            log: head.log,
            offset: u32_of_u64(self.at).saturating_add(u32_of(start)),
            len: u32_of(head.len()),
            count: head.count,
            span: head.span,
            first_seq: head.first_seq,
        });
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let wrong = |error| failed("writing a run", &error);
        self.file.write_at(self.at, &self.buffer).map_err(wrong)?;
        self.at += self.buffer.len() as u64;
        self.buffer.clear();
        if self.at - self.synced >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), LogError> {
        self.synced = self.at;
        self.file.sync().map_err(|error| LogError::Io(format!("syncing a run: {error}")))
    }

    fn finish(mut self, draft: &str) -> Result<RunFooter, LogError> {
        self.buffer.extend_from_slice(&self.footer.encode(self.store.salt));
        self.flush()?;
        self.sync()?;
        let files: &dyn Files = &*self.store.files;
        let named = files.rename(draft, &run_name(self.id)).and_then(|()| files.sync_dir());
        named.map_err(|error| failed("naming a run", &error))?;
        let Run { footer, file, .. } = self;
        let held = Held::run(file, u32_of(footer.rows.len()), footer.first_seq, footer.next_seq);
        self.store.index().files.insert(footer.run, held);
        Ok(footer)
    }
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
