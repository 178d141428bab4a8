//! The journal of a backup, read where it lies: files whose bytes are those of pieces, one behind the other. Invariant:
//! nothing is written.
use super::{
    chunk::Chunk,
    manifest::{Backup, LOG},
};
use headwater_log::disk::files::{DiskFiles, File, Files};
use std::{collections::BTreeMap, io, sync::Arc};

/// See above.
pub(crate) struct Journal {
    chunks: Arc<DiskFiles>,
    files: BTreeMap<String, Vec<Chunk>>,
}

impl Journal {
    pub(super) fn new(chunks: Arc<DiskFiles>, backup: &Backup) -> Self {
        let of_log = backup.files.iter().filter_map(|kept| Some((kept.name.strip_prefix(LOG)?, &kept.chunks)));
        let files = of_log.map(|(name, chunks)| (name.to_owned(), chunks.clone())).collect();
        Self { chunks, files }
    }
}

struct Piecewise {
    folder: Arc<DiskFiles>,
    chunks: Vec<Chunk>,
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "a backup is not written to")
}

impl Files for Journal {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let chunks = self.files.get(name).ok_or(io::ErrorKind::NotFound)?.clone();
        Ok(Arc::new(Piecewise { folder: Arc::clone(&self.chunks), chunks }))
    }

    fn create(&self, _name: &str) -> io::Result<Arc<dyn File>> {
        Err(read_only())
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(0)
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        Err(read_only())
    }
}

impl File for Piecewise {
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let (mut bytes, mut begin) = (Vec::with_capacity(len.min(16 << 20)), 0);
        for chunk in &self.chunks {
            let at = offset + bytes.len() as u64;
            let end = begin + chunk.length;
            if bytes.len() < len && (begin..end).contains(&at) {
                let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(len - bytes.len());
                bytes.extend(self.folder.open(&chunk.sha256.to_string())?.read_at(at - begin, wanted)?);
            }
            begin = end;
        }
        Ok(bytes)
    }

    fn write_at(&self, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.chunks.iter().map(|chunk| chunk.length).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::manifest::Kept;

    #[test]
    fn bytes_are_those_of_the_pieces_wherever_they_begin_and_end() {
        let folder = tempfile::tempdir().unwrap();
        let chunks = Arc::new(DiskFiles::create(folder.path()).unwrap());
        let whole = b"abcdefghij";
        let pieces: Vec<Chunk> = [&whole[..3], &whole[3..4], &whole[4..]].into_iter().map(Chunk::of).collect();
        for (chunk, bytes) in pieces.iter().zip([&whole[..3], &whole[3..4], &whole[4..]]) {
            chunks.create(&chunk.sha256.to_string()).unwrap().write_at(0, bytes).unwrap();
        }
        let kept = |name: &str| Kept { name: name.into(), chunks: pieces.clone() };
        let backup = Backup::new(1, vec![kept("log/store"), kept("keys/master.key")], Vec::new(), None);
        let journal = Journal::new(chunks, &backup);
        assert_eq!(journal.list().unwrap(), ["store"]);
        let file = journal.open("store").unwrap();
        assert_eq!(file.size().unwrap(), 10);
        for from in 0..=whole.len() {
            for len in 0..=whole.len() + 2 {
                let expected = &whole[from..(from + len).min(whole.len())];
                assert_eq!(file.read_at(from as u64, len).unwrap(), expected, "{len} from {from}");
            }
        }
        assert!(journal.open("master.key").is_err() && journal.create("x").is_err());
    }
}
