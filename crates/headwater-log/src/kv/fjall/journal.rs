//! The end of a journal that a power failure tore. What was not synced may lack pages in its middle: the store cuts what
//! ends too early, but refuses a batch that is complete and damaged.
//!
//! Invariant: the journal is cut before the first batch that is damaged, so the state is still that after some batch. The
//! whole journal stays aside until the cut one is durable; who finds it there begins anew.
#![expect(clippy::disallowed_methods, reason = "files of the store, which opens them itself too")]
use crate::disk::files::sync_folder;
use ::fjall::{Database, Error};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

const EXTENSION: &str = "jnl";
/// What the journal is called while it is tried how much of it is sound.
const ASIDE: &str = "jnl-damaged";
/// What is read of it at once.
const PIECE_BYTES: usize = 1 << 20;

/// Puts a journal back that was put aside when the power went or the process ended.
pub(super) fn put_back(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == ASIDE) {
            fs::rename(&path, path.with_extension(EXTENSION))?;
        }
    }
    Ok(())
}

/// Opens the store with as much of its newest journal as can be read. Whether a beginning of it can be is asked of the
/// store itself: all that end before the damaged batch does, and no longer ones.
pub(super) fn mend(folder: &Path, open: impl Fn() -> Result<Database, Error>) -> Result<Database, Error> {
    let journal = newest(folder)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let aside = journal.with_extension(ASIDE);
    fs::rename(&journal, &aside)?;
    let begin = |length: u64| -> Result<Database, Error> {
        io::copy(&mut File::open(&aside)?.take(length), &mut File::create(&journal)?)?;
        open()
    };
    let (mut sound, mut damaged) = (0, used(&aside)?);
    while sound + 1 < damaged {
        let middle = sound + (damaged - sound) / 2;
        match begin(middle) {
            Ok(_) => sound = middle,
            Err(Error::JournalRecovery(_)) => damaged = middle,
            Err(error) => {
                fs::rename(&aside, &journal)?;
                return Err(error);
            }
        }
    }
    match begin(sound) {
        Ok(database) => {
            tracing::warn!(journal = %journal.display(), sound, "the store's journal was damaged from there on; cut");
            File::open(&journal)?.sync_all()?;
            sync_folder(folder)?;
            fs::remove_file(&aside)?;
            Ok(database)
        }
        Err(error) => {
            // Not this journal is damaged, or not alone.
            fs::rename(&aside, &journal)?;
            Err(error)
        }
    }
}

/// How long a file is without the zeros at its end: a journal is made as long as it will ever be.
fn used(path: &Path) -> io::Result<u64> {
    let (mut file, mut piece) = (File::open(path)?, vec![0; PIECE_BYTES]);
    let (mut read, mut used) = (0, 0);
    loop {
        let len = file.read(&mut piece)?;
        let Some(piece) = piece.get(..len).filter(|piece| !piece.is_empty()) else { return Ok(used) };
        if let Some(last) = piece.iter().rposition(|byte| *byte != 0) {
            used = read + last as u64 + 1;
        }
        read += len as u64;
    }
}

/// The journal with the highest number.
fn newest(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut newest: Option<(u64, PathBuf)> = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_journal = path.extension().is_some_and(|extension| extension == EXTENSION);
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| is_journal)
            && newest.as_ref().is_none_or(|(held, _)| *held < number)
        {
            newest = Some((number, path));
        }
    }
    Ok(newest.map(|(_, path)| path))
}
