//! Making a data folder as it was at a moment between backups: the journal of the first backup behind it, up to it, and the
//! newest rows before it that this journal goes back to. A start folds the rest, as ever.
//!
//! Invariant: what cannot be had is refused before anything is written.
use super::{
    manifest::{Backup, Kept, MASTER_KEY, told},
    reach::{Choice, Named, choose, stretches},
    restore::{check_empty, fill, whole_or_nothing, write_key, write_rows},
    store::{Store, readable},
};
use crate::serve::{LOG_FOLDER, rows_in_memory};
use headwater_dynamodb::{LOG as TABLES, SPACES, folded};
use headwater_log::{
    Bounds, Engine, LogError, Seq,
    disk::{Past, files::DiskFiles},
    kv::Kv,
};
use std::path::Path;

/// Writes a data folder as it was at `to_ms` to `data`, which holds nothing yet, with `salt` for its journal. Answers of
/// which backup; `seen` hears of the bytes.
///
/// # Errors
/// A sentence with the moments that can be had, or with the file that is damaged or cannot be written; then nothing is left
/// behind.
pub(crate) async fn restore_to(
    store: &Store,
    to_ms: u64,
    data: &Path,
    salt: u32,
    seen: &dyn Fn(u64),
) -> Result<String, String> {
    check_empty(data)?;
    let all = readable(&store.list()?);
    let Choice { journal: (name, backup), rows } = choose(&all, to_ms).ok_or_else(|| refusal(&all, to_ms))?;
    for chunk in backup.files.iter().flat_map(|kept| &kept.chunks) {
        store.read(chunk)?;
        seen(chunk.length);
    }
    let journal = store.journal(backup);
    let past = Past::at(&journal, to_ms).await.map_err(|error| format!("{name}: {error}"))?;
    let rows = serving(store, &past.bounds(TABLES), &rows)?.ok_or_else(|| refusal(&all, to_ms))?;
    whole_or_nothing(data, || {
        let failed = |error: &dyn std::fmt::Display| format!("--data {}: {error}", data.display());
        DiskFiles::create(data).map_err(|error| failed(&error))?;
        if let Some(key) = backup.files.iter().find(|kept| kept.name == MASTER_KEY) {
            write_key(store, key, data)?;
        }
        write_rows(store, rows, data, seen)?;
        let files = DiskFiles::create(&data.join(LOG_FOLDER)).map_err(|error| failed(&error))?;
        past.write(&files, salt, seen).map_err(|error| failed(&error))
    })?;
    Ok(name.clone())
}

fn refusal(all: &[Named], to_ms: u64) -> String {
    let stretches = stretches(all);
    if stretches.is_empty() {
        return format!(
            "{} cannot be had: the server that was backed up kept no history (--history-hours); --backup NAME restores a \
             backup as it is",
            told(to_ms)
        );
    }
    let named = stretches.into_iter().map(|(from, upto)| format!("{} to {}", told(from), told(upto)));
    format!("{} cannot be had; what can be: {}", told(to_ms), named.collect::<Vec<_>>().join(", "))
}

/// The rows that the log of the tables goes on from: those of the first backup that serves, or none if it tells all of them
/// itself.
fn serving<'a>(store: &Store, log: &Bounds, candidates: &[&'a Named]) -> Result<Option<&'a [Kept]>, String> {
    let serves = |next: Seq| log.first <= next && next <= log.tail;
    for (name, backup) in candidates {
        if serves(behind_rows(store, backup).map_err(|why| format!("{name}: {why}"))?) {
            return Ok(Some(&backup.rows));
        }
    }
    Ok(serves(Seq::ZERO).then_some(&[]))
}

/// Where the log of the tables goes on behind these rows.
fn behind_rows(store: &Store, backup: &Backup) -> Result<Seq, String> {
    let kv = rows_in_memory();
    let meta = backup.rows.iter().find(|kept| SPACES.first() == Some(&kept.name.as_str()));
    meta.map_or(Ok(()), |kept| fill(store, kept, &kv, &|_| {}))?;
    let place = folded(&*kv.view()).map_err(|error: LogError| error.to_string())?;
    Ok(place.map_or(Seq::ZERO, |(_, last)| last.next()))
}
