//! The engine without threads: opening, and the steps that the threads (or the simulator) make it take.
use super::{
    files::{Files, write_whole},
    frame::SECTOR,
    hold::{Hold, hold},
    index::{Damage, Index},
    intake::Item,
    journal::{Current, Journal, Position},
    reader::Plan,
    store::{Blank, DiskConfig, Measures, Stats, Store, Supply, failed, segment_name},
    survey::{STORE, Survey, encode_store, read_store, survey},
    upkeep::{Next, Upkeep},
};
use crate::{
    Batch, Bounds, Commit, Limits, LogError, LogId, Seq,
    clock::Clock,
    engine::Trimming,
    rules::{Rule, is_left_out},
};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// After an opening, places go on so far behind the newest one found. More than a segment and its ready successor can
/// hold, so that even if damage hides the newest entries, their places are not given out again.
const SEQ_JUMP: u64 = 1 << 24;
/// The same for the numbers of groups.
const COMMIT_JUMP: u64 = 1 << 20;
/// Offsets in a file have 32 bits; this leaves room for the largest append.
const SEGMENT_BYTES_MOST: u64 = 1 << 30;

/// One folder, open, with nobody at work in it yet.
pub struct Core {
    pub(super) store: Arc<Store>,
    pub(super) journal: Journal,
    pub(super) upkeep: Upkeep,
    pub(super) lock: Box<dyn Send + Sync>,
}

impl Core {
    /// Opens the folder, or makes it: takes the lock, looks at everything, makes what it found durable.
    ///
    /// # Errors
    /// `Io` if somebody else has it, if it cannot be read, or if it was written by another version.
    pub fn open(files: Arc<dyn Files>, config: DiskConfig, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        let lock = files.lock().map_err(|error| failed("locking the folder (is another server using it?)", &error))?;
        let config = DiskConfig { segment_bytes: config.segment_bytes.min(SEGMENT_BYTES_MOST), ..config };
        let salt = match read_store(&*files)? {
            Some(salt) => salt,
            None => make_store(&*files, config.salt)?,
        };
        let found = survey(&*files, salt)?;
        let position = settle(&*files, &found)?;
        let Survey { mut index, last, last_end, blank, reserve, next_file, .. } = found;
        let mut supply = Supply { next_file, ..Supply::default() };
        for (id, file, size_bytes) in blank {
            file.forget_contents();
            supply.ready.push_back(Blank { id, file, size_bytes, grows: false });
        }
        if let Some((id, file)) = reserve {
            let size_bytes = file.size().map_err(|error| failed("reading the reserve", &error))?;
            supply.reserve = Some(Blank { id, file, size_bytes, grows: false });
        }
        let current = go_on(&mut index, last.segment, last_end)?;
        let store = Arc::new(Store::new(files, config, clock, salt, index, supply));
        let journal = Journal::new(store.clone(), current, position);
        let upkeep = Upkeep::new(store.clone());
        Ok(Self { store, journal, upkeep, lock })
    }

    /// Puts an append into the queue; see [`crate::Engine::append`].
    pub fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        append(&self.store, log, entries)
    }

    /// Raises the first place and puts the trim into the queue; see [`crate::Engine::trim`].
    pub fn trim(&self, log: LogId, before: Seq) -> Trimming<'static> {
        trim(&self.store, log, before)
    }

    /// Reads now, on this thread.
    ///
    /// # Errors
    /// Those of [`crate::Engine::read`].
    pub fn read(&self, log: LogId, from: Seq, limits: Limits) -> Result<Batch, LogError> {
        let plan = plan(&self.store, log, from, limits)?;
        plan.fetch()
    }

    /// See [`crate::Engine::bounds`].
    #[must_use]
    pub fn bounds(&self, log: LogId) -> Bounds {
        self.store.index().bounds(log)
    }

    /// See [`crate::Engine::watch`].
    #[must_use]
    pub fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        self.store.index().watch(log)
    }

    /// Makes the next group durable; false if nothing waits.
    ///
    /// # Errors
    /// Final: whether the group is durable is unknown, and the engine must not go on.
    pub fn write_group(&mut self) -> Result<bool, LogError> {
        Ok(self.journal.step()? > 0)
    }

    /// Does the next piece of work that nobody waits for; `idle` says that nothing was written for a while. Answers
    /// whether there was any.
    ///
    /// # Errors
    /// Final, like those of `write_group`.
    pub fn keep_up(&mut self, idle: bool) -> Result<bool, LogError> {
        Ok(self.upkeep.step(idle)? == Next::Again)
    }

    /// Ends cleanly: writes what waits, then an end mark.
    ///
    /// # Errors
    /// Final.
    pub fn finish(&mut self) -> Result<(), LogError> {
        self.journal.finish()
    }

    /// The damage found on opening.
    #[must_use]
    pub fn damage(&self) -> Vec<Damage> {
        self.store.damage()
    }

    /// Counters and sizes.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.store.stats()
    }

    /// What is measured; see [`super::DiskEngine::measures`].
    #[must_use]
    pub fn measures(&self) -> Measures {
        self.store.measures()
    }

    /// The journal as it is now; see [`super::DiskEngine::hold`].
    ///
    /// # Errors
    /// `Io` if the folder cannot be read.
    pub fn hold(&self) -> Result<Hold, LogError> {
        hold(&self.store)
    }
}

pub(super) fn append(store: &Store, log: LogId, entries: Vec<Bytes>) -> Commit {
    if entries.is_empty() {
        return Box::pin(std::future::ready(Ok(Vec::new())));
    }
    let (reply, answer) = oneshot::channel();
    store.intake.put(Item::Append { log, entries, reply });
    Box::pin(async move { answer.await.unwrap_or_else(|_| Err(gone())) })
}

pub(super) fn trim(store: &Store, log: LogId, before: Seq) -> Trimming<'static> {
    let Some(before) = store.index().raise_first(log, before.0) else { return Box::pin(std::future::ready(Ok(()))) };
    let (reply, answer) = oneshot::channel();
    store.intake.put(Item::Trim { log, before, reply: Some(reply) });
    Box::pin(async move { answer.await.unwrap_or_else(|_| Err(gone())) })
}

pub(super) fn plan(store: &Store, log: LogId, from: Seq, limits: Limits) -> Result<Plan, LogError> {
    store.index().plan(log, from, limits, store.salt)
}

fn gone() -> LogError {
    LogError::Io("the engine is closed".into())
}

pub(super) fn make_store(files: &dyn Files, salt: u32) -> Result<u32, LogError> {
    let made = write_whole(files, STORE, &encode_store(salt)).and_then(|()| files.sync_dir());
    made.map(|()| salt).map_err(|error| failed("creating the folder's `store`", &error))
}

/// Makes what was found durable before anybody sees it, and puts away what a crash left over. Where the journal goes on.
fn settle(files: &dyn Files, found: &Survey) -> Result<Position, LogError> {
    let wrong = |error| failed("settling what was found", &error);
    if let Some((file, offset)) = &found.torn {
        tracing::info!("the last group was cut short by a crash; nobody was told of it");
        file.write_at(u64::from(*offset), &[0; SECTOR]).map_err(wrong)?;
        file.sync().map_err(wrong)?;
    }
    if let Some(held) = found.index.files.get(&found.last.segment)
        && !is_left_out(Rule::WhatIsFoundIsSynced)
    {
        held.file.sync().map_err(wrong)?;
    }
    let fresh = found.next_file == 1;
    if !fresh {
        files.sync_dir().map_err(wrong)?;
    }
    for name in &found.obsolete {
        files.remove(name).map_err(wrong)?;
    }
    if !found.obsolete.is_empty() {
        files.sync_dir().map_err(wrong)?;
    }
    let (seq_jump, commit_jump) = if fresh { (0, 1) } else { (SEQ_JUMP, COMMIT_JUMP) };
    Ok(Position {
        commit: found.last.commit,
        segment: found.last.segment,
        next_commit: found.last.commit + commit_jump,
        next_seq: found.next_seq + seq_jump,
        time_ms: found.time_ms,
        marked: found.marked,
    })
}

/// The segment in which the journal goes on: that of the last group.
fn go_on(index: &mut Index, id: u32, at: u64) -> Result<Option<Current>, LogError> {
    let Some(held) = index.files.get_mut(&id) else { return Ok(None) };
    let size_bytes = held.file.size().map_err(|error| failed(&segment_name(id), &error))?;
    held.sealed = false;
    held.file.forget_contents();
    Ok(Some(Current { blank: Blank { id, file: held.file.clone(), size_bytes, grows: false }, at }))
}
