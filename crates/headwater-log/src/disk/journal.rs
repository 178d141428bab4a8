//! The journal's writer: what waits becomes one group, one write, one sync; then readers see it and callers hear of it.
//!
//! Invariant: exactly one group is under way at a time, and nothing is published or answered before it is durable.
//! A failure other than a full disk is final: the caller must not go on.
use super::{
    answers::Answers,
    frame::{BLOCK_BODY, BLOCK_HEAD, BlockWriter, SECTOR, u32_of, u32_of_u64},
    group::{GROUP_HEAD, GroupHead, ROW, Row},
    index::{BlockRef, Durable, Held, Placed},
    intake::Item,
    store::{Blank, Store, failed, reserve_name, segment_name},
};
use crate::{
    LogError, LogGroup, LogId, Seq, Stamp,
    rules::{Rule, is_left_out},
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, atomic::Ordering},
};

/// Groups of logs below this are Headwater's own; they may use the reserve.
const OWN_GROUPS: LogGroup = LogGroup(1 << 64);
/// More than the three numbers before an entry take in a group, where places are dense and all have one time.
const ENTRY_OVERHEAD: usize = 8;
/// A block's head and its row.
const BLOCK_OVERHEAD: usize = BLOCK_HEAD + ROW;
/// After the disk was full: so much must be free before it is tried again.
const RELIEF_BYTES: u64 = 2 << 20;

/// The segment being written.
pub(super) struct Current {
    pub(super) blank: Blank,
    /// Where the next group begins.
    pub(super) at: u64,
}

/// Where the journal stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    /// The last group's number, and its segment.
    pub(super) commit: u64,
    pub(super) segment: u32,
    /// The number the next group will have, at least.
    pub(super) next_commit: u64,
    pub(super) next_seq: u64,
    pub(super) time_ms: u64,
    /// Whether the last group is an end mark.
    pub(super) marked: bool,
}

/// The one writer of a folder.
pub(super) struct Journal {
    store: Arc<Store>,
    current: Option<Current>,
    position: Position,
    backlog: VecDeque<Item>,
    answers: Answers,
    full: bool,
}

/// A group before it is written.
struct Draft {
    head: GroupHead,
    bytes: Vec<u8>,
    blocks: Vec<Placed>,
    trims: Vec<(LogId, u64)>,
    /// For each item its stamps.
    stamps: Vec<Vec<Stamp>>,
}

impl Journal {
    pub(super) fn new(store: Arc<Store>, current: Option<Current>, position: Position) -> Self {
        Self { store, current, position, backlog: VecDeque::new(), answers: Answers::Direct, full: false }
    }

    /// Lets callers hear of their appends in this way.
    pub(super) fn answer_by(&mut self, answers: Answers) {
        self.answers = answers;
    }

    /// Writes one group of what waits; says how many items that were, none if nothing waits.
    pub(super) fn step(&mut self) -> Result<usize, LogError> {
        if self.backlog.is_empty() {
            self.backlog.extend(self.store.intake.take());
        }
        let (mut items, mut size_bytes) = (Vec::new(), 0);
        while let Some(item) = self.backlog.pop_front() {
            size_bytes += item.size_bytes();
            if size_bytes > self.store.config.group_bytes && !items.is_empty() {
                size_bytes -= item.size_bytes();
                self.backlog.push_front(item);
                break;
            }
            items.push(item);
        }
        let count = items.len();
        if count == 0 {
            return Ok(0);
        }
        let done = self.write(items);
        self.store.intake.answered(size_bytes);
        if let Err(error) = &done {
            self.backlog.drain(..).for_each(|item| item.refuse(error.clone()));
        }
        done.map(|()| count)
    }

    /// Whether something was taken that did not fit into the last group.
    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Writes what waits and an end mark, so that damage to the last entries is later not taken for a write that was cut short.
    pub(super) fn finish(&mut self) -> Result<(), LogError> {
        while self.step()? > 0 {}
        if self.position.marked || self.position.commit == 0 {
            return Ok(());
        }
        match self.append(&[]) {
            Ok(_) | Err(LogError::Full) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, mut items: Vec<Item>) -> Result<(), LogError> {
        if self.full && !self.relieved() {
            items = keep_own(items);
            // To leave a segment of which nothing can be read any more makes room: upkeep frees it.
            if self.is_current_empty() {
                self.take_reserve()?;
            }
        }
        if items.is_empty() {
            return Ok(());
        }
        let mut appended = self.append(&items);
        if matches!(appended, Err(LogError::Full)) {
            self.set_full(true);
            items = keep_own(items);
            if !items.is_empty() && self.take_reserve()? {
                appended = self.append(&items);
            }
        }
        match appended {
            Ok(stamps) => self.answers.send(items.into_iter().zip(stamps).collect()),
            Err(error) => {
                items.into_iter().for_each(|item| item.refuse(error.clone()));
                if error != LogError::Full {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// One group: encoded, written, synced, shown.
    fn append(&mut self, items: &[Item]) -> Result<Vec<Vec<Stamp>>, LogError> {
        self.make_room(estimate(items))?;
        let Some(Current { blank, at }) = &mut self.current else { return Err(LogError::Full) };
        let next_file = self.store.supply().next_file;
        let now_ms = self.store.clock.now_ms();
        let draft = encode(items, self.position, (blank.id, u32_of_u64(*at)), next_file, now_ms, self.store.salt);
        let name = || segment_name(blank.id);
        if let Err(error) = blank.file.write_at(*at, &draft.bytes) {
            // What was written of it must not pass for a group: its callers hear that nothing was.
            drop(blank.file.write_at(*at, &[0; GROUP_HEAD]));
            return Err(failed(&format!("writing {}", name()), &error));
        }
        let begin_us = self.store.clock.steady_us();
        // After a failed sync nothing is known of the file, not even for want of space.
        if !is_left_out(Rule::SyncsComeBeforeAnswers) {
            blank.file.sync().map_err(|error| LogError::Io(format!("syncing {}: {error}", name())))?;
        }
        let Draft { head, bytes, blocks, trims, stamps } = draft;
        let offset = u32_of_u64(*at);
        *at += bytes.len() as u64;
        self.position = Position {
            commit: head.commit,
            segment: head.segment,
            next_commit: head.commit + 1,
            next_seq: head.next_seq,
            time_ms: head.time_ms,
            marked: items.is_empty(),
        };
        let counters = &self.store.counters;
        let first = counters.syncs.fetch_add(1, Ordering::Relaxed) == 0;
        let (entries, now_us) = (head.next_seq - head.first_seq, self.store.clock.steady_us());
        counters.entries.fetch_add(entries, Ordering::Relaxed);
        counters.group_entries.note(entries);
        counters.sync_us.note(now_us.saturating_sub(begin_us));
        counters.written_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        counters.last_write_us.store(now_us, Ordering::Relaxed);
        let (file, bytes) = (head.segment, Bytes::from(bytes));
        let (first_seq, next_seq) = (head.first_seq, head.next_seq);
        let ring = first || !trims.is_empty();
        let durable = Durable { file, offset, first_seq, next_seq, bytes, blocks, trims };
        self.store.index().publish(durable, self.store.config.recent_bytes);
        if ring {
            self.store.bell.ring();
        }
        Ok(stamps)
    }

    /// Sees to it that the current segment can take `need` bytes.
    fn make_room(&mut self, need: u64) -> Result<(), LogError> {
        let (fits, grows) = self.current.as_ref().map_or((false, false), |Current { blank, at }| {
            (at + need <= blank.size_bytes || (blank.grows && *at == 0), blank.grows)
        });
        // A file that grows is slow to sync: it is left for a ready one at once.
        if fits && !grows {
            return Ok(());
        }
        let ready = self.store.supply().take_ready(need);
        if fits && ready.is_none() {
            return Ok(());
        }
        let blank = match ready {
            Some(blank) => blank,
            None => self.grow(need)?,
        };
        self.roll(blank);
        Ok(())
    }

    /// A new, empty file: slower to sync, but at once.
    fn grow(&self, need: u64) -> Result<Blank, LogError> {
        let files = &*self.store.files;
        let id = self.store.supply().number();
        let name = segment_name(id);
        let wrong = |error| failed(&format!("creating {name}"), &error);
        let free_bytes = files.free_bytes().map_err(wrong)?;
        if free_bytes < need {
            return Err(LogError::Full);
        }
        let config = &self.store.config;
        let size_bytes = config.share_bytes(free_bytes).clamp(config.least_segment_bytes(), config.segment_bytes);
        let file = files.create(&name).map_err(wrong)?;
        files.sync_dir().map_err(wrong)?;
        Ok(Blank { id, file, size_bytes, grows: true })
    }

    /// Goes on in `blank`; the segment before it is full.
    fn roll(&mut self, blank: Blank) {
        let seq = self.position.next_seq;
        let held = Held { sealed: false, ..Held::segment(blank.file.clone(), seq) };
        let mut index = self.store.index();
        if let Some(held) = self.current.as_ref().and_then(|current| index.files.get_mut(&current.blank.id)) {
            held.sealed = true;
        }
        index.files.insert(blank.id, held);
        drop(index);
        self.current = Some(Current { blank, at: 0 });
        self.store.bell.ring();
    }

    /// Whether nothing in the current segment can be read any more.
    fn is_current_empty(&self) -> bool {
        let index = self.store.index();
        let held = self.current.as_ref().and_then(|current| index.files.get(&current.blank.id));
        held.is_some_and(|held| held.live == 0)
    }

    /// Goes on in the reserve, if it is still there.
    fn take_reserve(&mut self) -> Result<bool, LogError> {
        let Some(blank) = self.store.supply().reserve.take() else { return Ok(false) };
        let files = &self.store.files;
        let renamed = files.rename(&reserve_name(blank.id), &segment_name(blank.id)).and_then(|()| files.sync_dir());
        renamed.map_err(|error| LogError::Io(format!("taking the reserve: {error}")))?;
        self.roll(blank);
        Ok(true)
    }

    /// Whether there seems to be space again; if so, ordinary appends are taken again.
    fn relieved(&mut self) -> bool {
        let ready = self.store.supply().ready.front().map_or(0, |blank| blank.size_bytes);
        let relieved = ready > 0 || self.store.files.free_bytes().is_ok_and(|free| free >= RELIEF_BYTES);
        if relieved {
            self.set_full(false);
        }
        relieved
    }

    fn set_full(&mut self, full: bool) {
        if full != mem::replace(&mut self.full, full) {
            if full {
                tracing::error!("no space left: appends are refused, reading and trimming go on");
            } else {
                tracing::info!("there is space again: appends are taken");
            }
        }
        self.store.counters.full.store(u64::from(full), Ordering::Relaxed);
    }
}

/// More bytes than the group of `items` will take.
fn estimate(items: &[Item]) -> u64 {
    let entries = |item: &Item| match item {
        Item::Append { entries, .. } => entries.len(),
        Item::Trim { .. } => 0,
    };
    let size = items.iter().map(|item| item.size_bytes() + entries(item) * ENTRY_OVERHEAD).sum::<usize>();
    // Of two neighbouring blocks of a log, one at least is more than half full.
    let blocks = items.len() + 1 + 2 * size / BLOCK_BODY;
    (GROUP_HEAD + size + blocks * BLOCK_OVERHEAD).next_multiple_of(SECTOR) as u64
}

/// Refuses the items that may not use the reserve.
fn keep_own(items: Vec<Item>) -> Vec<Item> {
    let mut own = Vec::new();
    for item in items {
        match &item {
            Item::Append { log, .. } if log.group >= OWN_GROUPS => item.refuse(LogError::Full),
            _ => own.push(item),
        }
    }
    own
}

/// One group of `items`, to stand at `place` (segment, offset). Entries of one log stand together, in the order of their
/// items, so that most logs have one block a group; places are dense within a group.
fn encode(items: &[Item], position: Position, place: (u32, u32), next_file: u32, now_ms: u64, salt: u32) -> Draft {
    let head = GroupHead {
        segment: place.0,
        previous_segment: position.segment,
        next_file,
        commit: position.next_commit,
        previous: position.commit,
        first_seq: position.next_seq,
        time_ms: position.time_ms.max(now_ms),
        ..GroupHead::default()
    };
    let bytes = Vec::with_capacity(usize::try_from(estimate(items)).unwrap_or_default());
    let stamps = vec![Vec::new(); items.len()];
    let mut draft = Draft { head, bytes, blocks: Vec::new(), trims: Vec::new(), stamps };
    GroupHead::begin(&mut draft.bytes);
    let mut appends = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        match item {
            Item::Append { log, entries, .. } => appends.push((*log, at, entries)),
            Item::Trim { log, before, .. } => draft.trims.push((*log, *before)),
        }
    }
    appends.sort_by_key(|(log, at, _)| (*log, *at));
    let seq = draft.put_entries(&appends, place, salt);
    draft.head.next_seq = seq;
    let blocks = draft.blocks.iter().map(|placed| Row::Block {
        log: placed.log,
        len: placed.block.len,
        first_seq: placed.block.first_seq,
    });
    let rows: Vec<Row> =
        blocks.chain(draft.trims.iter().map(|(log, before)| Row::Trim { log: *log, before: *before })).collect();
    draft.head = draft.head.finish(&mut draft.bytes, &rows, salt);
    draft
}

impl Draft {
    /// Encodes all entries, sorted by log; the first place behind them.
    fn put_entries(&mut self, appends: &[(LogId, usize, &Vec<Bytes>)], place: (u32, u32), salt: u32) -> u64 {
        let mut seq = self.head.first_seq;
        let mut open: Option<(LogId, usize, BlockWriter)> = None;
        for (log, at, entries) in appends {
            let mut stamps = Vec::with_capacity(entries.len());
            for entry in *entries {
                let stamp = Stamp { seq: Seq(seq), time_ms: self.head.time_ms };
                let (_, _, block) = match open.take() {
                    Some(open_block)
                        if open_block.0 == *log && !open_block.2.is_full(&self.bytes, entry.len(), seq) =>
                    {
                        open.insert(open_block)
                    }
                    done => {
                        self.close_block(done, place, salt);
                        let start = self.bytes.len();
                        open.insert((*log, start, BlockWriter::begin(&mut self.bytes, *log, stamp, self.head.commit)))
                    }
                };
                block.push(&mut self.bytes, stamp, entry);
                stamps.push(stamp);
                seq += 1;
            }
            if let Some(slot) = self.stamps.get_mut(*at) {
                *slot = stamps;
            }
        }
        self.close_block(open, place, salt);
        seq
    }

    fn close_block(&mut self, open: Option<(LogId, usize, BlockWriter)>, (file, base): (u32, u32), salt: u32) {
        let Some((log, start, block)) = open else { return };
        let head = block.finish(&mut self.bytes, salt);
        let (offset, len) = (base + u32_of(start), u32_of(head.len()));
        let block = BlockRef { first_seq: head.first_seq, file, offset, len, count: head.count };
        self.blocks.push(Placed { log, block, next_seq: head.next_seq() });
    }
}
