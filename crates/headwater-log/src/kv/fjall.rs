//! A store on disk, in an LSM tree a space. Reads and writes block their thread, and a write waits where the disk falls
//! behind.
//!
//! Invariant: the journal orders all batches over all spaces, and a tree goes to disk only after the journal has; so
//! whatever a crash leaves is the state after some batch.
mod journal;
mod manifest;

use super::{Batch, Kv, Space, View, Visit, check_keys, is_inverted};
use crate::{
    LogError,
    disk::files::{free_beyond, lasting_folder_in},
};
use ::fjall::{
    CompressionType, Database, Error, Guard, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot,
};
use bytes::Bytes;
use std::{
    io,
    ops::Bound,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

/// The block cache's part of the memory: half. The other half is for rows not yet in files and for trees' indexes.
const CACHE_PARTS: u64 = 2;
/// A space's rows not yet in files, as part of the memory: four spaces, each with one such table growing and one being
/// written.
const TABLE_PARTS: u64 = 16;
/// Below this, files would be too many.
const MIN_TABLE_BYTES: u64 = 1 << 20;
/// Above this, writing one takes too long.
const MAX_TABLE_BYTES: u64 = 64 << 20;
/// Most bytes of full journals kept, the least that is allowed. A reopening replays these and the one being written,
/// which is as large at most.
const MAX_JOURNAL_BYTES: u64 = 64 << 20;
/// Most files kept open.
const MAX_OPEN_FILES: usize = 256;

/// After so many bytes it is looked again how much room there is.
const LOOK_BYTES: usize = 1 << 20;

/// Rows in a folder of their own.
pub struct FjallKv {
    database: Database,
    spaces: Vec<Keyspace>,
    folder: PathBuf,
    leave_bytes: u64,
    /// Bytes asked for since it was looked how much room there is.
    unlooked: AtomicUsize,
}

impl FjallKv {
    /// How much of the disk is to be left free for a store that takes about `memory_bytes`: as much, as rows that are in
    /// memory alone go to the disk sooner or later, and files are written anew before the old ones go; and a journal, which is
    /// copied where it has to be mended.
    #[must_use]
    pub const fn leave_bytes(memory_bytes: u64) -> u64 {
        memory_bytes + MAX_JOURNAL_BYTES
    }

    /// Opens or creates the store in `folder`, with the spaces of these names (the same in the same order each time).
    /// It takes about `memory_bytes`.
    ///
    /// # Errors
    /// `Fenced` if the folder is open elsewhere; otherwise if it cannot be read or written, or is damaged: whoever can
    /// make the rows again may remove it.
    pub fn open(folder: &Path, spaces: &[&str], memory_bytes: u64) -> Result<Self, LogError> {
        let failed = |error: Error| failure(&format!("the rows in {} cannot be opened", folder.display()), error);
        let table_bytes = (memory_bytes / TABLE_PARTS).clamp(MIN_TABLE_BYTES, MAX_TABLE_BYTES);
        let opened = || {
            Database::builder(folder)
                .cache_size(memory_bytes / CACHE_PARTS)
                .max_cached_files(Some(MAX_OPEN_FILES))
                .max_journaling_size(MAX_JOURNAL_BYTES)
                .journal_compression(CompressionType::None) // it is seldom read: time counts, not space
                .manual_journal_persist(true)
                .open()
        };
        journal::put_back(folder).and_then(|()| manifest::check(folder)).map_err(|cause| failed(Error::Io(cause)))?;
        let database = match opened() {
            Err(Error::JournalRecovery(_)) => journal::mend(folder, opened),
            outcome => outcome,
        }
        .map_err(failed)?;
        let options = || KeyspaceCreateOptions::default().manual_journal_persist(true).max_memtable_size(table_bytes);
        let spaces = spaces.iter().map(|name| database.keyspace(name, options));
        let spaces = spaces.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        // The store does not see to it: a space whose folder a power failure takes would be empty afterwards, although the
        // journal has its rows.
        let keyspaces = spaces.first().and_then(|space| space.path().parent()).unwrap_or(folder);
        lasting_folder_in(&folder.join(".."), keyspaces).map_err(|cause| failed(Error::Io(cause)))?;
        let (folder, leave_bytes) = (folder.to_path_buf(), Self::leave_bytes(memory_bytes));
        Ok(Self { database, spaces, folder, leave_bytes, unlooked: AtomicUsize::new(LOOK_BYTES) })
    }

    fn space(&self, space: Space) -> Result<&Keyspace, LogError> {
        let known = self.spaces.get(usize::from(space.0));
        known.ok_or_else(|| LogError::Io(format!("the store was opened without space {}", space.0)))
    }
}

impl Kv for FjallKv {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        let value = self.space(space)?.get(key).map_err(unread)?;
        Ok(value.map(Bytes::from))
    }

    fn view(&self) -> Box<dyn View + '_> {
        Box::new(FjallView { kv: self, snapshot: self.database.snapshot() })
    }

    fn write(&self, batch: Batch) -> Result<(), LogError> {
        check_keys(&batch)?;
        let mut rows = self.database.batch();
        for (space, key, value) in batch.into_rows() {
            let space = self.space(space)?;
            match value {
                Some(value) => rows.insert(space, key, value),
                None => rows.remove(space, key),
            }
        }
        rows.commit().map_err(unwritten)
    }

    fn has_room(&self, size_bytes: usize) -> bool {
        if self.unlooked.fetch_add(size_bytes, Ordering::Relaxed) + size_bytes < LOOK_BYTES {
            return true;
        }
        // Where it cannot be known, writing will tell.
        let has_room = free_beyond(&self.folder, self.leave_bytes).map_or(true, |free| free > 0);
        self.unlooked.store(if has_room { 0 } else { LOOK_BYTES }, Ordering::Relaxed);
        has_room
    }

    fn persist(&self) -> Result<(), LogError> {
        self.database.persist(PersistMode::SyncData).map_err(unwritten)
    }
}

struct FjallView<'a> {
    kv: &'a FjallKv,
    snapshot: Snapshot,
}

impl View for FjallView<'_> {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Bytes>, LogError> {
        let value = self.snapshot.get(self.kv.space(space)?, key).map_err(unread)?;
        Ok(value.map(Bytes::from))
    }

    fn range(
        &self,
        space: Space,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        backwards: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), LogError> {
        let space = self.kv.space(space)?;
        if is_inverted(from, to) {
            return Ok(());
        }
        let rows = self.snapshot.range::<&[u8], _>(space, (from, to));
        if backwards { show(rows.rev(), visit) } else { show(rows, visit) }
    }
}

fn show(rows: impl Iterator<Item = Guard>, visit: &mut Visit<'_>) -> Result<(), LogError> {
    for row in rows {
        let (key, value) = row.into_inner().map_err(unread)?;
        if visit(&key, &Bytes::from(value)).is_break() {
            break;
        }
    }
    Ok(())
}

fn unread(error: Error) -> LogError {
    failure("rows cannot be read", error)
}

fn unwritten(error: Error) -> LogError {
    failure("rows cannot be written", error)
}

fn failure(what: &str, error: Error) -> LogError {
    match error {
        Error::Io(cause) | Error::Storage(::fjall::LsmError::Io(cause))
            if cause.kind() == io::ErrorKind::StorageFull =>
        {
            LogError::Full
        }
        Error::Locked => LogError::Fenced,
        error => LogError::Io(format!("{what}: {error}")),
    }
}
