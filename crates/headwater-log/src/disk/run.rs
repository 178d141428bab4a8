//! A run being written: blocks of some logs, one log behind the other, then the footer that lists them.
//!
//! Invariant: a run has its name only once it is whole and durable.
use super::{
    files::{File, Files, unfinished},
    frame::{BlockWriter, u32_of, u32_of_u64},
    group::{RunFooter, RunRow},
    store::{failed, run_name},
};
use crate::{Entry, LogError, LogId};
use std::sync::Arc;

/// Written in pieces of at least this size …
const WRITE_BYTES: usize = 1 << 20;
/// … and synced every so many bytes, so that the journal's own syncs need not wait for all of it.
const SYNC_BYTES: u64 = 4 << 20;

/// See above.
pub(super) struct Run<'a> {
    files: &'a dyn Files,
    salt: u32,
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    /// Where the buffer will stand.
    at: u64,
    synced: u64,
    footer: RunFooter,
    open: Option<(LogId, BlockWriter)>,
}

impl<'a> Run<'a> {
    /// Begins run `id`, which takes the place of `sources`; places of `first_seq..next_seq` come into it.
    pub(super) fn begin(
        files: &'a dyn Files,
        salt: u32,
        id: u32,
        sources: Vec<u32>,
        (first_seq, next_seq): (u64, u64),
    ) -> Result<Self, LogError> {
        let draft = unfinished(&run_name(id));
        let file = files.create(&draft).map_err(|error| failed(&draft, &error))?;
        let footer = RunFooter { run: id, sources, first_seq, next_seq, time_ms: 0, rows: Vec::new() };
        Ok(Self { files, salt, file, buffer: Vec::new(), at: 0, synced: 0, footer, open: None })
    }

    /// Adds an entry. Logs come one behind the other, the entries of each in their order.
    pub(super) fn push(&mut self, log: LogId, entry: &Entry) -> Result<(), LogError> {
        let stamp = entry.stamp;
        let mut block = match self.open.take() {
            Some((of, block)) if of == log && !block.is_full(&self.buffer, entry.bytes.len(), stamp.seq.0) => block,
            full => {
                self.close(full);
                if self.buffer.len() >= WRITE_BYTES {
                    self.flush()?;
                }
                BlockWriter::begin(&mut self.buffer, log, stamp, u64::from(self.footer.run))
            }
        };
        block.push(&mut self.buffer, stamp, &entry.bytes);
        self.open = Some((log, block));
        self.footer.time_ms = self.footer.time_ms.max(stamp.time_ms);
        Ok(())
    }

    /// Which places come into it, if that is known only once they have.
    pub(super) fn spans(&mut self, (first_seq, next_seq): (u64, u64)) {
        (self.footer.first_seq, self.footer.next_seq) = (first_seq, next_seq);
    }

    fn close(&mut self, open: Option<(LogId, BlockWriter)>) {
        let Some((_, block)) = open else { return };
        let start = block.start();
        let head = block.finish(&mut self.buffer, self.salt);
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

    /// Makes it durable and gives it its name – unless there is nothing in it: then it stays a draft.
    pub(super) fn finish(mut self) -> Result<(RunFooter, Arc<dyn File>), LogError> {
        let open = self.open.take();
        self.close(open);
        if !self.footer.rows.is_empty() {
            self.buffer.extend_from_slice(&self.footer.encode(self.salt));
            self.flush()?;
            self.sync()?;
            let name = run_name(self.footer.run);
            let named = self.files.rename(&unfinished(&name), &name).and_then(|()| self.files.sync_dir());
            named.map_err(|error| failed("naming a run", &error))?;
        }
        Ok((self.footer, self.file))
    }
}
