//! Finding what files hold, whatever state they are in: groups of a segment, the footer of a run, blocks in a heap.
//!
//! Invariant: nothing is believed without its checksum, and a bad frame ends nothing – the search goes on behind it.
use super::{
    files::File,
    frame::{BLOCK_MAGIC, BlockHead, SECTOR},
    group::{GROUP_HEAD, GroupHead, RUN_ROW, RUN_TAIL, Row, RunFooter, RunRow},
};
use crate::LogId;
use std::io;

/// A group whose head and table hold.
pub(super) struct FoundGroup {
    pub(super) head: GroupHead,
    pub(super) offset: u32,
    pub(super) blocks: Vec<FoundBlock>,
    pub(super) trims: Vec<(LogId, u64)>,
}

/// A block as the table lists it.
pub(super) struct FoundBlock {
    pub(super) log: LogId,
    pub(super) first_seq: u64,
    /// First place behind it.
    pub(super) next_seq: u64,
    pub(super) offset: u32,
    pub(super) len: u32,
    /// Entries in it; `None` if it fails its checksum.
    pub(super) count: Option<u32>,
}

impl FoundGroup {
    /// First byte behind the group.
    pub(super) fn end(&self) -> u64 {
        u64::from(self.offset) + self.head.padded_len()
    }

    pub(super) fn is_whole(&self) -> bool {
        self.blocks.iter().all(|block| block.count.is_some())
    }
}

/// All groups of segment `id`, in order; their numbers rise.
pub(super) fn scan_segment(file: &dyn File, id: u32, salt: u32) -> io::Result<Vec<FoundGroup>> {
    let size = file.size()?;
    let mut window = Window { file, size, start: 0, bytes: Vec::new() };
    let mut groups: Vec<FoundGroup> = Vec::new();
    let mut at = 0;
    while at < size {
        let newest = groups.last().map_or(0, |group| group.head.commit);
        let claim = window.get(at, GROUP_HEAD).and_then(GroupHead::claim);
        // Where the padding is missing, the disk was full and the callers were told so.
        let whole = |head: &GroupHead| at + head.padded_len() <= size;
        let ours = claim.filter(|head| head.segment == id && head.commit > newest && whole(head));
        let group = ours.and_then(|head| read_group(&head, window.get(at, head.len as usize)?, at, salt));
        match group {
            Some(group) => {
                at = group.end();
                groups.push(group);
            }
            None => at += SECTOR as u64,
        }
    }
    Ok(groups)
}

fn read_group(head: &GroupHead, bytes: &[u8], at: u64, salt: u32) -> Option<FoundGroup> {
    let offset = u32::try_from(at).ok()?;
    let rows = head.table(salt, bytes)?;
    let (mut blocks, mut trims): (Vec<FoundBlock>, _) = (Vec::new(), Vec::new());
    let mut start = GROUP_HEAD;
    for row in rows {
        match row {
            Row::Trim { log, before } => trims.push((log, before)),
            Row::Block { log, len, first_seq } => {
                if let Some(before) = blocks.last_mut() {
                    before.next_seq = first_seq;
                }
                let block = bytes.get(start..start.checked_add(len as usize)?)?;
                let sound = BlockHead::check(salt, block).filter(|found| {
                    (found.log, found.first_seq, found.commit) == (log, first_seq, head.commit)
                        && found.len() == block.len()
                });
                let (offset, next_seq) = (offset.checked_add(u32::try_from(start).ok()?)?, head.next_seq);
                let count = sound.map(|found| found.count);
                blocks.push(FoundBlock { log, first_seq, next_seq, offset, len, count });
                start += len as usize;
            }
        }
    }
    Some(FoundGroup { head: *head, offset, blocks, trims })
}

/// A segment is read in pieces of this size.
const WINDOW_BYTES: usize = 1 << 20;

/// A moving view of a file.
struct Window<'a> {
    file: &'a dyn File,
    size: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// The bytes at `at`; nothing where the file ends before or the disk does not give them.
    fn get(&mut self, at: u64, len: usize) -> Option<&[u8]> {
        let end = at.checked_add(len as u64).filter(|end| *end <= self.size)?;
        if at < self.start || end > self.start + self.bytes.len() as u64 {
            let read = self.file.read_at(at, len.max(WINDOW_BYTES)).or_else(|_| self.file.read_at(at, len));
            (self.start, self.bytes) = (at, read.unwrap_or_default());
        }
        let from = usize::try_from(at - self.start).ok()?;
        self.bytes.get(from..from.checked_add(len)?)
    }
}

/// The footer of a run, if it holds.
pub(super) fn read_footer(file: &dyn File, salt: u32) -> Option<RunFooter> {
    let size = file.size().ok()?;
    let tail = file.read_at(size.checked_sub(RUN_TAIL as u64)?, RUN_TAIL).ok()?;
    let len = RunFooter::len(&tail)?;
    RunFooter::decode(salt, &file.read_at(size.checked_sub(len as u64)?, len).ok()?)
}

/// What can be saved of a run that lost its footer, and whether that is all there was.
pub(super) fn salvage_run(file: &dyn File, run: u32, salt: u32) -> io::Result<(RunFooter, bool)> {
    let size = file.size()?;
    let found = salvage(file, 0, size, salt, |head| head.commit == u64::from(run))?;
    let row = |(offset, head): &(u32, BlockHead)| RunRow {
        log: head.log,
        offset: *offset,
        len: u32::try_from(head.len()).unwrap_or(u32::MAX),
        count: head.count,
        span: head.span,
        first_seq: head.first_seq,
    };
    let rows: Vec<RunRow> = found.iter().map(row).collect();
    let blocks_bytes: u64 = rows.iter().map(|row| u64::from(row.len)).sum();
    // The blocks lie without gaps from the file's beginning, and the footer had a row for each of them.
    let footer_bytes = size.saturating_sub(blocks_bytes);
    let fixed_bytes = (rows.len() * RUN_ROW + RUN_TAIL) as u64;
    let whole = (fixed_bytes..fixed_bytes + RUN_ROW as u64).contains(&footer_bytes);
    let first_seq = found.iter().map(|(_, head)| head.first_seq).min().unwrap_or_default();
    let next_seq = found.iter().map(|(_, head)| head.next_seq()).max().unwrap_or_default();
    let time_ms = found.iter().map(|(_, head)| head.first_time_ms).max().unwrap_or_default();
    Ok((RunFooter { run, sources: Vec::new(), first_seq, next_seq, time_ms, rows }, whole))
}

/// The sound blocks in `start..end` of a file for which `wanted` holds, wherever they begin.
pub(super) fn salvage(
    file: &dyn File,
    start: u64,
    end: u64,
    salt: u32,
    wanted: impl Fn(&BlockHead) -> bool,
) -> io::Result<Vec<(u32, BlockHead)>> {
    let bytes = file.read_at(start, usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX))?;
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        // The magic stands behind the checksum.
        let Some(next) = rest.get(4..).and_then(|rest| rest.windows(4).position(|four| four == BLOCK_MAGIC)) else {
            break;
        };
        let block = rest.get(next..).unwrap_or_default();
        match BlockHead::check(salt, block).filter(&wanted) {
            Some(head) => {
                found.push((u32::try_from(start + (at + next) as u64).unwrap_or(u32::MAX), head));
                at += next + head.len();
            }
            None => at += next + 1,
        }
    }
    Ok(found)
}
