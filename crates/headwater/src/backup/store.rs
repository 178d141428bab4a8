//! A folder of backups: what they consist of, each piece once, and a manifest for each of them.
//!
//! Invariant: a piece has its name only once it is whole and durable, and a manifest only once all that it names is; nothing
//! is ever written over. So an interrupted backup harms no other, and the next one finds what it left.
use super::{
    chunk::{Chunk, Name},
    frame::{Frame, Whole},
    journal::Journal,
    manifest::{Backup, Kept, is_file, is_manifest, named, size_bytes},
    reach::Named,
    source::{Known, KnownFile},
};
use bytes::Bytes;
use headwater_log::disk::files::{DiskFiles, Files, read_whole, write_whole};
use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The folder of pieces.
const CHUNKS: &str = "chunks";
/// Most pieces that a server is told of. They are then a body of 13 MB; the pieces beyond are sent again.
const MAX_KNOWN: usize = 200_000;

/// See above.
pub(crate) struct Store {
    path: PathBuf,
    root: DiskFiles,
    chunks: Arc<DiskFiles>,
    _lock: Option<Box<dyn Send + Sync>>,
}

/// A backup in the folder.
pub(crate) struct Listed {
    pub(crate) file_name: String,
    /// What it is; or why it cannot be read.
    pub(crate) backup: Result<Backup, String>,
}

/// Those that can be read.
pub(crate) fn readable(all: &[Listed]) -> Vec<Named> {
    all.iter().filter_map(|listed| Some((listed.file_name.clone(), listed.backup.clone().ok()?))).collect()
}

/// What a backup took.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) file_name: String,
    /// Bytes that came.
    pub(crate) copied_bytes: u64,
    /// Bytes that earlier backups had brought.
    pub(crate) known_bytes: u64,
}

impl Store {
    /// The folder `path`, to be written; made if it is not there.
    ///
    /// # Errors
    /// A sentence if it cannot be used.
    pub(crate) fn create(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let root = DiskFiles::create(path).map_err(failed)?;
        let lock = root.lock().map_err(|error| in_use(path, &error))?;
        let folder = path.join(CHUNKS);
        let chunks = Arc::new(DiskFiles::create(&folder).map_err(failed)?);
        private(&folder).map_err(failed)?;
        Ok(Self { path: path.into(), root, chunks, _lock: Some(lock) })
    }

    /// The folder `path`, to be read.
    ///
    /// # Errors
    /// A sentence if it is none.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let root = DiskFiles::existing(path).map_err(failed)?;
        let lock = match root.lock() {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(in_use(path, &error)),
            Err(_) => None, // where nothing can be written, nobody drops pieces either
        };
        let chunks = DiskFiles::existing(&path.join(CHUNKS))
            .map_err(|error| format!("{}: no folder of backups: {CHUNKS}: {error}", path.display()))?;
        Ok(Self { path: path.into(), root, chunks: Arc::new(chunks), _lock: lock })
    }

    /// All backups, oldest first; those that cannot be read stand where their names do.
    ///
    /// # Errors
    /// A sentence if the folder cannot be read.
    pub(crate) fn list(&self) -> Result<Vec<Listed>, String> {
        let names = self.root.list().map_err(|error| format!("{}: {error}", self.path.display()))?;
        let mut names: Vec<String> = names.into_iter().filter(|name| is_manifest(name)).collect();
        names.sort_unstable();
        let read = |file_name: String| Listed { backup: self.manifest(&file_name), file_name };
        Ok(names.into_iter().map(read).collect())
    }

    /// The backup that `text` names; without one the newest.
    ///
    /// # Errors
    /// A sentence if there is none, or it cannot be read.
    pub(crate) fn find(&self, text: Option<&str>) -> Result<(String, Backup), String> {
        let wanted = text.map(named);
        let mut all = self.list()?.into_iter().rev();
        let found = all.find(|listed| wanted.as_ref().is_none_or(|wanted| *wanted == listed.file_name));
        let Listed { file_name, backup } = found.ok_or_else(|| match text {
            Some(text) => {
                format!("{}: there is no backup {text}; `restore --list` shows those there are", self.path.display())
            }
            None => format!("{}: there is no backup in it", self.path.display()),
        })?;
        backup.map(|backup| (file_name, backup))
    }

    fn manifest(&self, file_name: &str) -> Result<Backup, String> {
        let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", self.path.join(file_name).display());
        Backup::decode(&read_whole(&self.root, file_name).map_err(|error| failed(&error))?).map_err(|why| failed(&why))
    }

    /// The bytes of a piece.
    ///
    /// # Errors
    /// A sentence with its file if they are not what they were.
    pub(crate) fn read(&self, chunk: &Chunk) -> Result<Bytes, String> {
        let name = chunk.sha256.to_string();
        let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", self.path.join(CHUNKS).join(&name).display());
        let read = || {
            let file = self.chunks.open(&name)?;
            // One byte more than there should be shows that there are more.
            file.read_at(0, usize::try_from(file.size()?.min(chunk.length.saturating_add(1))).unwrap_or(usize::MAX))
        };
        let bytes = read().map_err(|error: io::Error| failed(&error))?;
        if Chunk::of(&bytes) == *chunk { Ok(bytes.into()) } else { Err(failed(&"it is damaged")) }
    }

    /// The journal of a backup as a folder, to be looked at where it lies. What is in its pieces is believed, as a journal
    /// has checksums of its own.
    pub(crate) fn journal(&self, backup: &Backup) -> Journal {
        Journal::new(Arc::clone(&self.chunks), backup)
    }

    /// Begins a backup.
    ///
    /// # Errors
    /// A sentence if the folder cannot be read.
    pub(crate) fn take(&self) -> Result<Taking<'_>, String> {
        let held = self.chunks.list().map_err(|error| format!("{}: {error}", self.path.join(CHUNKS).display()))?;
        let held: HashSet<Name> = held.into_iter().filter_map(|name| Name::try_from(name).ok()).collect();
        // The newest that is whole; what older ones have beyond it is gone from the server, or is known by its name.
        let before = self.list()?.into_iter().rev().find_map(|listed| listed.backup.ok());
        let (files, rows) = before.map_or_else(Default::default, |backup| (backup.files, backup.rows));
        let is_whole =
            |kept: &Kept| !kept.chunks.is_empty() && kept.chunks.iter().all(|chunk| held.contains(&chunk.sha256));
        let before = files.into_iter().filter(is_whole).map(|kept| (kept.name, kept.chunks)).collect();
        let rows_before = rows.iter().flat_map(|kept| &kept.chunks).map(|chunk| chunk.sha256);
        let rows_before = rows_before.filter(|name| held.contains(name)).collect();
        Ok(Taking {
            store: self,
            held,
            before,
            rows_before,
            files: BTreeMap::new(),
            rows: BTreeMap::new(),
            row_chunks: 0,
            copied_bytes: 0,
            end: None,
        })
    }

    /// Drops all backups but the newest `count`, and the pieces that no backup is left to need. How many backups went, and
    /// the bytes of the pieces.
    ///
    /// # Errors
    /// A sentence if one that is to be kept cannot be read, as then nobody knows what it needs; nothing was dropped.
    pub(crate) fn keep(&self, count: usize) -> Result<(usize, u64), String> {
        let mut all = self.list()?;
        let kept = all.split_off(all.len().saturating_sub(count));
        let mut needed = HashSet::new();
        for listed in kept {
            needed.extend(listed.backup?.chunks().map(|chunk| chunk.sha256));
        }
        let failed = |error: io::Error| format!("{}: {error}", self.path.display());
        for listed in &all {
            self.root.remove(&listed.file_name).map_err(failed)?;
        }
        self.root.sync_dir().map_err(failed)?;
        let mut dropped_bytes = 0;
        for file in self.chunks.list().map_err(failed)? {
            if Name::try_from(file.clone()).is_ok_and(|name| needed.contains(&name)) {
                continue;
            }
            dropped_bytes += self.chunks.open(&file).and_then(|file| file.size()).map_err(failed)?;
            self.chunks.remove(&file).map_err(failed)?;
        }
        Ok((all.len(), dropped_bytes))
    }
}

fn in_use(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock => format!("{}: another backup or restore is using it", path.display()),
        _ => format!("{}: {error}", path.display()),
    }
}

/// Pieces may hold a master key.
#[cfg(unix)]
fn private(folder: &Path) -> io::Result<()> {
    use std::{fs, os::unix::fs::PermissionsExt};
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// Elsewhere rights are the folder's above.
#[cfg(not(unix))]
fn private(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// A backup being written.
pub(crate) struct Taking<'a> {
    store: &'a Store,
    /// The pieces that are there.
    held: HashSet<Name>,
    /// The files of the backup before.
    before: BTreeMap<String, Vec<Chunk>>,
    /// The pieces of its rows.
    rows_before: Vec<Name>,
    files: BTreeMap<String, Vec<Chunk>>,
    rows: BTreeMap<String, Vec<Chunk>>,
    row_chunks: u64,
    copied_bytes: u64,
    end: Option<Whole>,
}

impl Taking<'_> {
    /// What need not be told again.
    pub(crate) fn known(&self) -> Known {
        let files = self.before.iter().filter_map(|(name, chunks)| {
            Some(KnownFile { name: name.clone(), length: size_bytes(chunks), last: *chunks.last()? })
        });
        // Only pieces of rows are asked for by their names; what else is there may be some, of a backup that was interrupted.
        let chunks = self.rows_before.iter().chain(&self.held).take(MAX_KNOWN);
        Known { files: files.collect(), chunks: chunks.copied().collect() }
    }

    /// Bytes that came so far.
    pub(crate) const fn copied_bytes(&self) -> u64 {
        self.copied_bytes
    }

    /// Writes down what is told.
    ///
    /// # Errors
    /// A sentence if it cannot be written, or does not fit what was told before.
    pub(crate) fn put(&mut self, frame: Frame) -> Result<(), String> {
        if self.end.is_some() {
            return Err("something came behind the backup's end".into());
        }
        match frame {
            Frame::Piece { file, at, bytes } => {
                let chunk = self.piece(&bytes)?;
                if !self.files.contains_key(&file) {
                    // From its beginning, or from where the backup before ends.
                    let before = self.before.get(&file).filter(|_| at > 0).cloned().unwrap_or_default();
                    self.files.insert(file.clone(), before);
                }
                let chunks = self.files.entry(file).or_default();
                if size_bytes(chunks) != at {
                    return Err("a piece of a file is missing".into());
                }
                chunks.push(chunk);
            }
            Frame::Rows { space, bytes } => {
                let chunk = self.piece(&bytes)?;
                self.rows.entry(space).or_default().push(chunk);
                self.row_chunks += 1;
            }
            Frame::KnownRows { space, chunk } => {
                if !self.held.contains(&chunk.sha256) {
                    return Err(format!("a piece of rows, {}, was taken for known", chunk.sha256));
                }
                self.rows.entry(space).or_default().push(chunk);
                self.row_chunks += 1;
            }
            Frame::End(whole) => self.end = Some(whole),
            Frame::Broken(why) => return Err(why),
        }
        Ok(())
    }

    /// A piece of its own, unless it is there.
    fn piece(&mut self, bytes: &Bytes) -> Result<Chunk, String> {
        let chunk = Chunk::of(bytes);
        if self.held.insert(chunk.sha256) {
            write_whole(&*self.store.chunks, &chunk.sha256.to_string(), bytes)
                .map_err(|error| format!("{}: {error}", self.store.path.join(CHUNKS).display()))?;
            self.copied_bytes += chunk.length;
        }
        Ok(chunk)
    }

    /// Makes it a backup.
    ///
    /// # Errors
    /// A sentence if not all of it came, or it cannot be written.
    pub(crate) fn finish(mut self) -> Result<Taken, String> {
        let torn = || "the backup was cut short; nothing is lost, repeat the command".to_owned();
        let Whole { time_ms, files, row_chunks, before } = self.end.take().ok_or_else(torn)?;
        if row_chunks != self.row_chunks {
            return Err(torn());
        }
        let mut kept = Vec::new();
        for (name, length) in files {
            let chunks = self.files.remove(&name).or_else(|| self.before.remove(&name)).unwrap_or_default();
            if size_bytes(&chunks) != length || !is_file(&name) {
                return Err(format!("{name} did not come whole; nothing is lost, repeat the command"));
            }
            kept.push(Kept { name, chunks });
        }
        let rows = self.rows.into_iter().map(|(name, chunks)| Kept { name, chunks }).collect();
        let backup = Backup::new(time_ms, kept, rows, before);
        let (store, file_name) = (self.store, backup.file_name());
        let written = store.chunks.sync_dir().and_then(|()| {
            write_whole(&store.root, &file_name, &backup.encode())?;
            store.root.sync_dir()
        });
        written.map_err(|error| format!("{}: {error}", store.path.display()))?;
        let known_bytes = backup.size_bytes().saturating_sub(self.copied_bytes);
        Ok(Taken { file_name, copied_bytes: self.copied_bytes, known_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::manifest::{LOG, STORE};

    const SEGMENT: &str = "log/segment-00000001";

    fn piece(file: &str, at: u64, bytes: &str) -> Frame {
        Frame::Piece { file: file.into(), at, bytes: Bytes::copy_from_slice(bytes.as_bytes()) }
    }

    fn rows(bytes: &str) -> Frame {
        Frame::Rows { space: "items".into(), bytes: Bytes::copy_from_slice(bytes.as_bytes()) }
    }

    fn end(time_ms: u64, length: u64, row_chunks: u64) -> Frame {
        let files = vec![(STORE.into(), 5), (SEGMENT.into(), length)];
        Frame::End(Whole { time_ms, files, row_chunks, before: None })
    }

    fn first() -> Vec<Frame> {
        vec![piece(STORE, 0, "store"), piece(SEGMENT, 0, "one"), rows("a"), rows("b"), end(1, 3, 2)]
    }

    fn take(store: &Store, frames: Vec<Frame>) -> Result<Taken, String> {
        let mut taking = store.take().unwrap();
        frames.into_iter().try_for_each(|frame| taking.put(frame))?;
        taking.finish()
    }

    fn read(store: &Store, kept: &Kept) -> String {
        let bytes: Vec<Bytes> = kept.chunks.iter().map(|chunk| store.read(chunk).unwrap()).collect();
        String::from_utf8(bytes.concat()).unwrap()
    }

    fn chunks(store: &Store) -> usize {
        store.chunks.list().unwrap().len()
    }

    #[test]
    fn a_file_that_grew_is_copied_from_where_it_ended_and_older_backups_stay_what_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        let taken = take(&store, first()).unwrap();
        assert_eq!((taken.copied_bytes, taken.known_bytes), (10, 0));
        let known = store.take().unwrap().known();
        let grown = known.files.iter().find(|file| file.name == SEGMENT).unwrap();
        assert_eq!((grown.length, grown.last, known.chunks.len()), (3, Chunk::of(b"one"), 4));
        let chunk = Chunk::of(b"a");
        let same = Frame::KnownRows { space: "items".into(), chunk };
        let second = take(&store, vec![piece(SEGMENT, 3, " two"), same, rows("c"), end(2, 7, 2)]).unwrap();
        assert_eq!((second.copied_bytes, second.known_bytes), (5, 9));
        let all: Vec<Backup> = store.list().unwrap().into_iter().map(|listed| listed.backup.unwrap()).collect();
        let texts = |backup: &Backup| {
            backup.files.iter().chain(&backup.rows).map(|kept| read(&store, kept)).collect::<Vec<_>>()
        };
        assert_eq!(
            (texts(&all[0]), texts(&all[1])),
            (vec!["store".into(), "one".into(), "ab".into()], vec!["store".into(), "one two".into(), "ac".to_owned()])
        );
        // Another server's file of the same name comes from its beginning.
        take(&store, vec![piece(SEGMENT, 0, "other"), end(3, 5, 0)]).unwrap();
        assert_eq!(texts(&store.find(None).unwrap().1), ["store", "other"]);
        assert_eq!(texts(&store.find(Some(&taken.file_name)).unwrap().1), texts(&all[0]));
    }

    #[test]
    fn what_does_not_come_whole_is_no_backup_and_harms_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        take(&store, first()).unwrap();
        let unknown = Frame::KnownRows { space: "items".into(), chunk: Chunk::of(b"never came") };
        for frames in [
            vec![],
            vec![piece(SEGMENT, 3, " two")],
            vec![piece(SEGMENT, 4, "gap"), end(2, 7, 0)],
            vec![piece(SEGMENT, 3, "short"), end(2, 9, 0)],
            vec![rows("c"), end(2, 3, 2)],
            vec![unknown, end(2, 3, 1)],
            vec![end(2, 3, 0), rows("late")],
            vec![rows("d"), Frame::Broken("the disk is gone".into())],
            vec![Frame::End(Whole { time_ms: 2, files: vec![(format!("{LOG}../x"), 0)], row_chunks: 0, before: None })],
        ] {
            let told = format!("{frames:?}");
            assert!(take(&store, frames).is_err(), "{told}");
            assert_eq!(store.list().unwrap().len(), 1);
        }
        let taken = take(&store, vec![piece(SEGMENT, 3, " two"), rows("c"), end(2, 7, 1)]).unwrap();
        assert_eq!((taken.copied_bytes, taken.known_bytes), (0, 13), "what came before it broke off is there");
        assert!(Store::create(folder.path()).is_err_and(|why| why.contains("is using it")));
    }

    #[test]
    fn few_are_kept_with_all_they_need_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path()).unwrap();
        take(&store, first()).unwrap();
        take(&store, vec![piece(SEGMENT, 3, " two"), rows("a"), end(2, 7, 1)]).unwrap();
        store.chunks.create("0.new").unwrap();
        assert_eq!((store.keep(2), chunks(&store)), (Ok((0, 0)), 5), "only what was never finished went");
        assert_eq!((store.keep(1), chunks(&store)), (Ok((1, 1)), 4), "the rows `b`");
        let (name, backup) = store.find(None).unwrap();
        backup.chunks().for_each(|chunk| drop(store.read(chunk).unwrap()));
        let file = store.root.open(&name).unwrap();
        file.write_at(0, b"!").unwrap();
        take(&store, first()).unwrap();
        assert!(store.keep(2).is_err_and(|why| why.contains(&name)), "nobody knows what it needs");
        assert_eq!(store.list().unwrap().len(), 2);
    }
}
