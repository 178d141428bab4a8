//! What stands where: for each log its blocks in order, for each file how many blocks still need it.
//!
//! Invariant: every block listed here is durable, and a file whose `live` is zero holds nothing that may be read.
use super::{files::File, recent::Recent};
use crate::{Bounds, LogId, Seq};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};
use tokio::sync::watch;

/// Where a block lies. Small: a sparse journal has one of these a record until it is sorted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BlockRef {
    pub(super) first_seq: u64,
    pub(super) file: u32,
    pub(super) offset: u32,
    /// Head and body.
    pub(super) len: u32,
    pub(super) count: u32,
}

/// A block on its way into the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) log: LogId,
    pub(super) block: BlockRef,
    /// First place behind the block.
    pub(super) next_seq: u64,
}

/// A group that has become durable.
pub(super) struct Durable {
    pub(super) file: u32,
    pub(super) offset: u32,
    pub(super) first_seq: u64,
    pub(super) next_seq: u64,
    pub(super) bytes: bytes::Bytes,
    pub(super) blocks: Vec<Placed>,
    pub(super) trims: Vec<(LogId, u64)>,
}

/// One log.
#[derive(Default)]
pub(super) struct Log {
    pub(super) blocks: VecDeque<BlockRef>,
    pub(super) first: u64,
    /// How far it was trimmed durably: `first`, or on the way to it.
    recorded: u64,
    pub(super) tail: u64,
    /// The segment that holds the newest record of `first`; it must not go before that is written anew.
    pub(super) trim_file: u32,
    /// Made when somebody watches.
    watch: Option<watch::Sender<Bounds>>,
}

impl Log {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds { first: Seq(self.first), tail: Seq(self.tail) }
    }

    fn notify(&self) {
        if let Some(watch) = &self.watch {
            watch.send_replace(self.bounds());
        }
    }

    /// The first place behind the block at `at`, so far as the index knows.
    pub(super) fn end_of(&self, at: usize) -> u64 {
        self.blocks.get(at + 1).map_or(self.tail, |next| next.first_seq)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Segment,
    Run,
}

/// A file with blocks in it.
pub(super) struct Held {
    pub(super) file: Arc<dyn File>,
    pub(super) kind: Kind,
    /// Blocks the index points at.
    pub(super) live: u32,
    /// Blocks of a run when it was written.
    pub(super) blocks: u32,
    /// Nothing is written to it any more.
    pub(super) sealed: bool,
    /// Something in it cannot be read: it is kept as it is, as the witness of what is missing.
    pub(super) damaged: bool,
    pub(super) first_seq: u64,
    pub(super) next_seq: u64,
    /// Of a segment: first byte behind its last durable group.
    pub(super) end: u64,
}

impl Held {
    /// A full segment of which no block is known yet.
    pub(super) fn segment(file: Arc<dyn File>, first_seq: u64) -> Self {
        let (kind, live, blocks, sealed, damaged) = (Kind::Segment, 0, 0, true, false);
        Self { file, kind, live, blocks, sealed, damaged, first_seq, next_seq: first_seq, end: 0 }
    }

    /// Whether nothing in it can be read any more.
    pub(super) fn is_unneeded(&self) -> bool {
        self.sealed && self.live == 0
    }

    /// A run of which no block is known yet.
    pub(super) fn run(file: Arc<dyn File>, blocks: u32, first_seq: u64, next_seq: u64) -> Self {
        Self { kind: Kind::Run, blocks, next_seq, ..Self::segment(file, first_seq) }
    }
}

/// A stretch of places that cannot be read any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Whose entries stood there; `None` where that is not known: any log may have had some.
    pub log: Option<LogId>,
    /// First place lost.
    pub from: Seq,
    /// First place that can be read again.
    pub next: Seq,
    /// The file the damage is in.
    pub file: String,
}

/// The index of the whole folder.
#[derive(Default)]
pub(super) struct Index {
    pub(super) logs: HashMap<LogId, Log>,
    pub(super) files: BTreeMap<u32, Held>,
    pub(super) damage: Vec<Damage>,
    pub(super) recent: Recent,
}

impl Index {
    /// Puts a block behind those its log has.
    pub(super) fn push(&mut self, placed: Placed) {
        let log = self.logs.entry(placed.log).or_default();
        log.blocks.push_back(placed.block);
        log.tail = placed.next_seq;
        self.hold(placed.block.file, 1);
    }

    fn hold(&mut self, file: u32, blocks: i32) {
        if let Some(held) = self.files.get_mut(&file) {
            held.live = held.live.saturating_add_signed(blocks);
        }
    }

    /// Shows a durable group to readers.
    pub(super) fn publish(&mut self, group: Durable, recent_bytes: usize) {
        if let Some(held) = self.files.get_mut(&group.file) {
            held.first_seq = held.first_seq.min(group.first_seq);
            held.next_seq = group.next_seq;
            held.end = u64::from(group.offset) + group.bytes.len() as u64;
        }
        for placed in &group.blocks {
            self.push(*placed);
        }
        for (id, before) in &group.trims {
            self.trimmed(*id, *before, group.file);
        }
        for placed in &group.blocks {
            if let Some(log) = self.logs.get(&placed.log) {
                log.notify();
            }
        }
        self.recent.push(group, recent_bytes);
    }

    /// Moves a log's first place up; what lies below stays until the trim is durable. The trim to be recorded, if it is
    /// not yet.
    pub(super) fn raise_first(&mut self, id: LogId, before: u64) -> Option<u64> {
        let log = self.logs.get_mut(&id)?;
        let before = before.min(log.tail);
        if before > log.first {
            log.first = before;
            log.notify();
        }
        (before > log.recorded).then_some(before)
    }

    /// A trim has been recorded in `file`.
    pub(super) fn trimmed(&mut self, id: LogId, before: u64, file: u32) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        log.trim_file = file;
        log.recorded = log.recorded.max(before);
        log.first = log.first.max(before);
        log.tail = log.tail.max(before);
        self.drop_before(id, before);
    }

    /// Lets go of the blocks that lie wholly before `before`.
    fn drop_before(&mut self, id: LogId, before: u64) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let mut dropped = Vec::new();
        while let Some(block) = log.blocks.front().copied().filter(|_| log.end_of(0) <= before) {
            log.blocks.pop_front();
            dropped.push(block.file);
        }
        if log.blocks.is_empty() {
            log.blocks.shrink_to_fit();
        }
        dropped.into_iter().for_each(|file| self.hold(file, -1));
    }

    /// Puts `blocks` in the place of those the log has in `first_seq..next_seq`.
    pub(super) fn replace(&mut self, id: LogId, first_seq: u64, next_seq: u64, blocks: &[BlockRef]) {
        let Some(log) = self.logs.get_mut(&id) else { return };
        let start = log.blocks.partition_point(|block| block.first_seq < first_seq);
        let end = log.blocks.partition_point(|block| block.first_seq < next_seq);
        if start == end {
            return; // trimmed meanwhile
        }
        let behind = log.blocks.split_off(end);
        let old: Vec<u32> = log.blocks.drain(start..).map(|block| block.file).collect();
        log.blocks.extend(blocks);
        log.blocks.extend(behind);
        log.blocks.shrink_to_fit();
        let first = log.first;
        old.into_iter().for_each(|file| self.hold(file, -1));
        blocks.iter().for_each(|block| self.hold(block.file, 1));
        self.drop_before(id, first);
    }

    /// The files of which no block can be read any more.
    pub(super) fn unneeded(&self) -> impl Iterator<Item = (u32, &Held)> {
        let oldest = self.files.values().map(|held| held.first_seq).min();
        // A damaged file says what is missing; that matters as long as something older can be read.
        let free = move |held: &Held| held.is_unneeded() && (!held.damaged || Some(held.first_seq) == oldest);
        self.files.iter().filter(move |(_, held)| free(held)).map(|(id, held)| (*id, held))
    }

    pub(super) fn bounds(&self, id: LogId) -> Bounds {
        self.logs.get(&id).map(Log::bounds).unwrap_or_default()
    }

    pub(super) fn watch(&mut self, id: LogId) -> watch::Receiver<Bounds> {
        let log = self.logs.entry(id).or_default();
        let bounds = log.bounds();
        log.watch.get_or_insert_with(|| watch::Sender::new(bounds)).subscribe()
    }

    /// Forgets the logs that hold nothing, that nobody watches and of which no file has old entries that a restart
    /// could bring back.
    pub(super) fn forget(&mut self) {
        let oldest = self.files.values().map(|held| held.first_seq).min().unwrap_or(u64::MAX);
        self.logs.retain(|_, log| {
            let watched = log.watch.as_ref().is_some_and(|watch| watch.receiver_count() > 0);
            if !watched {
                log.watch = None;
            }
            watched || !log.blocks.is_empty() || log.first > oldest
        });
    }
}
