//! Making a data folder of a backup. Invariant: every piece is checked on its way, and the file without which no server opens
//! a journal is written last; so a folder is restored whole, or refused.
use super::{
    chunk::rows,
    manifest::{Backup, Kept, LOG, MASTER_KEY, STORE},
    store::Store,
};
use crate::{
    key_files,
    serve::{LOG_FOLDER, ROWS_FOLDER, open_rows},
    settings::DEFAULT_CACHE_BYTES,
};
use headwater_dynamodb::SPACES;
use headwater_log::{
    LogError,
    disk::files::{DiskFiles, Files},
    kv::{Batch, Kv, Space},
};
use std::{fmt::Display, fs, io, path::Path};

/// Writes the backup's data folder to `data`, which holds nothing yet; `seen` hears of the bytes.
///
/// # Errors
/// A sentence with the file that is damaged or cannot be written; then nothing is left behind.
pub(crate) fn restore(store: &Store, backup: &Backup, data: &Path, seen: &dyn Fn(u64)) -> Result<(), String> {
    check_empty(data)?;
    whole_or_nothing(data, || write(store, backup, data, seen))
}

/// Leaves nothing of what `write` wrote to `data` if it fails.
///
/// # Errors
/// Those of `write`.
pub(super) fn whole_or_nothing(data: &Path, write: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let restored = write();
    if restored.is_err() {
        for folder in [LOG_FOLDER, ROWS_FOLDER, key_files::FOLDER] {
            // What is left, if anything, has no `store` and is not opened.
            let _ = fs::remove_dir_all(data.join(folder));
        }
    }
    restored
}

/// Whether `data` holds nothing yet.
///
/// # Errors
/// A sentence if it does, or cannot be read.
pub(super) fn check_empty(data: &Path) -> Result<(), String> {
    let failed = |why: &dyn Display| format!("--data {}: {why}", data.display());
    match fs::read_dir(data).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(failed(&"there is something in it; a backup is restored to a folder of its own")),
        Ok(false) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}

fn write(store: &Store, backup: &Backup, data: &Path, seen: &dyn Fn(u64)) -> Result<(), String> {
    let failed = |error: io::Error| format!("--data {}: {error}", data.display());
    let last = backup.files.iter().find(|kept| kept.name == STORE);
    let last = last.ok_or("the backup has no journal; restore another one")?;
    let folder = DiskFiles::create(data).map_err(failed)?;
    let log = DiskFiles::create(&data.join(LOG_FOLDER)).map_err(failed)?;
    for kept in &backup.files {
        match kept.name.strip_prefix(LOG) {
            Some(_) if kept.name == STORE => {}
            Some(name) => write_file(store, kept, &log, name, seen)?,
            None if kept.name == MASTER_KEY => write_key(store, kept, data)?,
            None => return Err(format!("nobody knows where {} belongs", kept.name)),
        }
    }
    write_rows(store, &backup.rows, data, seen)?;
    log.sync_dir().map_err(failed)?;
    folder.sync_dir().map_err(failed)?;
    write_file(store, last, &log, STORE.trim_start_matches(LOG), seen)?;
    log.sync_dir().map_err(failed)
}

fn write_file(store: &Store, kept: &Kept, log: &DiskFiles, name: &str, seen: &dyn Fn(u64)) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", kept.name);
    let file = log.create(name).map_err(failed)?;
    let mut at = 0;
    for chunk in &kept.chunks {
        let bytes = store.read(chunk)?;
        file.write_at(at, &bytes).map_err(failed)?;
        at += chunk.length;
        seen(chunk.length);
    }
    file.sync().map_err(failed)
}

/// Writes the master key that a backup has.
///
/// # Errors
/// A sentence with the file that is damaged or cannot be written.
pub(super) fn write_key(store: &Store, kept: &Kept, data: &Path) -> Result<(), String> {
    let mut text = Vec::new();
    for chunk in &kept.chunks {
        text.extend_from_slice(&store.read(chunk)?);
    }
    let text = String::from_utf8(text).map_err(|_| format!("{} is no text", kept.name))?;
    key_files::keep(&data.join(key_files::FOLDER), &text).map_err(|error| format!("{}: {error}", kept.name))
}

/// Writes rows, and makes them durable.
///
/// # Errors
/// A sentence with the file that is damaged or cannot be written.
pub(super) fn write_rows(store: &Store, spaces: &[Kept], data: &Path, seen: &dyn Fn(u64)) -> Result<(), String> {
    let failed = |error: LogError| format!("--data {}: {error}", data.display());
    let kv = open_rows(data, DEFAULT_CACHE_BYTES).map_err(failed)?;
    spaces.iter().try_for_each(|kept| fill(store, kept, &kv, seen))?;
    kv.persist().map_err(failed)
}

/// Puts the rows of a space where they belong.
///
/// # Errors
/// A sentence with the file that is damaged, or why they cannot be written.
pub(super) fn fill(store: &Store, kept: &Kept, kv: &dyn Kv, seen: &dyn Fn(u64)) -> Result<(), String> {
    let number = SPACES.iter().position(|space| *space == kept.name).and_then(|number| u8::try_from(number).ok());
    let space = Space(number.ok_or_else(|| format!("this version knows no rows called {}", kept.name))?);
    for chunk in &kept.chunks {
        let rows = rows(store.read(chunk)?);
        let mut batch = Batch::default();
        for (key, value) in rows.ok_or_else(|| format!("{} holds no rows", chunk.sha256))? {
            batch.put(space, key.into(), value);
        }
        kv.write(batch).map_err(|error| format!("{}: {error}", kept.name))?;
        seen(chunk.length);
    }
    Ok(())
}
