//! Reading a log: under the index's lock a plan of blocks, then, without it, their bytes.
//!
//! Invariant: what comes back was checked against its checksum since it left the disk, and nothing that is missing is
//! passed over in silence.
use super::{
    files::File,
    frame::{BlockHead, Entries},
    index::{BlockRef, Index},
};
use crate::{Batch, Limits, LogError, LogId, Seq};
use bytes::Bytes;
use std::sync::Arc;

/// Most bytes of blocks one read looks at, whatever its limits.
const READ_BYTES: usize = 32 << 20;
/// Neighbouring blocks of a file are fetched in one go up to this size …
const CHUNK_BYTES: u64 = 1 << 20;
/// … even with so many bytes of others between them.
const GAP_BYTES: u64 = 8 << 10;

/// The blocks a read will look at, and what holds their bytes.
pub(super) struct Plan {
    log: LogId,
    from: u64,
    limits: Limits,
    salt: u32,
    pieces: Vec<Piece>,
    /// Where to read on once all pieces were given out.
    end: u64,
    /// Places behind the pieces that are known to be lost.
    lost: Option<(u64, u64)>,
}

struct Piece {
    block: BlockRef,
    next_seq: u64,
    source: Source,
}

enum Source {
    Memory(Bytes),
    File(Arc<dyn File>),
}

impl Index {
    /// Plans a read. No IO.
    pub(super) fn plan(&self, id: LogId, from: Seq, limits: Limits, salt: u32) -> Result<Plan, LogError> {
        let mut plan = Plan { log: id, from: from.0, limits, salt, pieces: Vec::new(), end: from.0, lost: None };
        let Some(log) = self.logs.get(&id) else { return Ok(plan) };
        if from.0 < log.first {
            return Err(LogError::Trimmed(Seq(log.first)));
        }
        plan.lost = self.lost(id, from.0);
        let stop = plan.lost.map_or(u64::MAX, |(start, _)| start);
        plan.end = from.0.max(log.tail).min(stop);
        let start = log.blocks.partition_point(|block| block.first_seq <= from.0).saturating_sub(1);
        let (mut sure, mut size_bytes) = (0, 0);
        for (at, block) in log.blocks.range(start..).enumerate() {
            if block.first_seq >= stop {
                break;
            }
            let enough = sure >= limits.entries || size_bytes >= limits.bytes.min(READ_BYTES);
            if sure > 0 && enough {
                (plan.end, plan.lost) = (block.first_seq, None);
                break;
            }
            // Of a block that begins before `from`, at most so many entries are passed over.
            let over = usize::try_from(from.0.saturating_sub(block.first_seq)).unwrap_or(usize::MAX);
            let (count, len) = (block.count as usize, block.len as usize);
            let used = count.saturating_sub(over);
            sure += used;
            size_bytes += len * used / count.max(1);
            let next_seq = log.end_of(start + at);
            let Some(source) = self.source(block) else {
                (plan.end, plan.lost) = (block.first_seq, Some((block.first_seq.max(from.0), next_seq)));
                break;
            };
            plan.pieces.push(Piece { block: *block, next_seq, source });
        }
        Ok(plan)
    }

    fn source(&self, block: &BlockRef) -> Option<Source> {
        let recent = self.recent.find(block).map(Source::Memory);
        recent.or_else(|| self.files.get(&block.file).map(|held| Source::File(held.file.clone())))
    }

    /// The first stretch of lost places that ends behind `from`, cut to what lies from there on.
    fn lost(&self, id: LogId, from: u64) -> Option<(u64, u64)> {
        let of_log = self.damage.iter().filter(|damage| damage.log.is_none_or(|log| log == id));
        let ahead = of_log.filter(|damage| damage.next.0 > from).map(|damage| (damage.from.0.max(from), damage.next.0));
        ahead.min()
    }
}

impl Plan {
    /// Whether carrying it out needs no file.
    pub(super) fn in_memory(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece.source, Source::Memory(_)))
    }

    /// Carries the plan out. Whatever lies on the disk, a batch of entries leads on behind them.
    pub(super) fn fetch(self) -> Result<Batch, LogError> {
        let mut batch = self.gather()?;
        if let Some(last) = batch.entries.last() {
            batch.next = batch.next.max(Seq(last.stamp.seq.0 + 1));
        }
        Ok(batch)
    }

    fn gather(self) -> Result<Batch, LogError> {
        let mut batch = Batch { entries: Vec::new(), next: Seq(self.end) };
        let mut size_bytes = 0;
        let mut pieces = self.pieces.as_slice();
        while let Some(piece) = pieces.first() {
            let (chunk, taken) = match &piece.source {
                Source::Memory(bytes) => (Some(bytes.clone()), 1),
                Source::File(file) => fetch_chunk(file, pieces),
            };
            for each in pieces.iter().take(taken) {
                let start = each.block.offset.saturating_sub(piece.block.offset) as usize;
                let block = chunk.as_ref().and_then(|chunk| each.cut(self.log, self.salt, chunk, start));
                let Some(block) = block else { return self.damaged(batch, each) };
                if !self.take(block, &mut batch, &mut size_bytes) {
                    return Ok(batch);
                }
            }
            pieces = pieces.get(taken..).unwrap_or_default();
        }
        match self.lost {
            Some((from, next)) if batch.entries.is_empty() => Err(self.corrupt(from, next)),
            _ => Ok(batch),
        }
    }

    /// Adds the wanted entries of a block; false once a limit is reached.
    fn take(&self, block: Entries, batch: &mut Batch, size_bytes: &mut usize) -> bool {
        // Damage may have laid a block over another, so that places come twice.
        let from = batch.entries.last().map_or(self.from, |last| last.stamp.seq.0 + 1);
        for entry in block.skip_while(|entry| entry.stamp.seq.0 < from) {
            *size_bytes += entry.bytes.len();
            let full = batch.entries.len() >= self.limits.entries || *size_bytes > self.limits.bytes;
            if full && !batch.entries.is_empty() {
                batch.next = entry.stamp.seq;
                return false;
            }
            batch.entries.push(entry);
        }
        true
    }

    /// What was read before the damage comes first; the next read then begins with it.
    fn damaged(&self, mut batch: Batch, piece: &Piece) -> Result<Batch, LogError> {
        if batch.entries.is_empty() {
            tracing::error!(log = %self.log, block = ?piece.block, "a block fails its checksum");
            return Err(self.corrupt(piece.block.first_seq.max(self.from), piece.next_seq));
        }
        batch.next = Seq(piece.block.first_seq);
        Ok(batch)
    }

    fn corrupt(&self, from: u64, next: u64) -> LogError {
        LogError::Corrupt { log: self.log, from: Seq(from), next: Seq(next) }
    }
}

impl Piece {
    /// The entries of this block, which begins at `start` of `chunk`.
    fn cut(&self, log: LogId, salt: u32, chunk: &Bytes, start: usize) -> Option<Entries> {
        let end = (start + self.block.len as usize).min(chunk.len());
        let block = chunk.slice(start.min(end)..end);
        let head = match self.source {
            Source::Memory(_) => BlockHead::claim(&block)?, // it never left our hands
            Source::File(_) => BlockHead::check(salt, &block)?,
        };
        let ours = head.log == log && head.first_seq == self.block.first_seq && head.len() == block.len();
        ours.then(|| Entries::of(&head, block))
    }
}

/// The bytes of the first piece and of those that lie close behind it, and how many pieces that makes. Nothing if the
/// disk does not give the first one.
fn fetch_chunk(file: &Arc<dyn File>, pieces: &[Piece]) -> (Option<Bytes>, usize) {
    let Some(first) = pieces.first().map(|piece| piece.block) else { return (None, 1) };
    let start = u64::from(first.offset);
    let (mut end, mut taken) = (start + u64::from(first.len), 1);
    for Piece { block, source, .. } in pieces.iter().skip(1) {
        let near = u64::from(block.offset).checked_sub(end).is_some_and(|gap| gap <= GAP_BYTES);
        let block_end = u64::from(block.offset) + u64::from(block.len);
        let fits = block.file == first.file && block_end - start <= CHUNK_BYTES;
        if !(near && matches!(source, Source::File(_)) && fits) {
            break;
        }
        (end, taken) = (block_end, taken + 1);
    }
    let read = |end: u64| file.read_at(start, usize::try_from(end - start).unwrap_or(usize::MAX)).map(Bytes::from);
    match read(end) {
        Ok(chunk) => (Some(chunk), taken),
        Err(_) => (read(start + u64::from(first.len)).ok(), 1), // which of them it was shows when each is read alone
    }
}
