//! Where bytes meet the disk: the only file that touches `std::fs`. What `sync` and `sync_dir` returned for survives
//! a power cut; everything else may be lost, whole or in part.
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// One open file. Shared by readers and the one writer.
pub trait File: Send + Sync {
    /// `len` bytes from `offset`; fewer only where the file ends.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Writes all of `bytes` at `offset`, growing the file where needed. Not durable yet.
    ///
    /// # Errors
    /// The system's; `StorageFull` if there is no space – a part may have been written then.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was written (and the length) durable. After a failure nothing is known; it must not be tried again.
    ///
    /// # Errors
    /// The system's.
    fn sync(&self) -> io::Result<()>;

    /// The file's length in bytes.
    ///
    /// # Errors
    /// The system's.
    fn size(&self) -> io::Result<u64>;

    /// Says that what the file holds is of no use to anybody, so that the system need not keep it in memory. It keeps what
    /// was read or written at once in large pieces, and then syncs a small write as slowly as a large one.
    fn forget_contents(&self) {}
}

/// One folder of files, named by plain names.
pub trait Files: Send + Sync + 'static {
    /// The names of all files, in no order.
    ///
    /// # Errors
    /// The system's.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A new empty file; what had the name is replaced. The name is durable after `sync_dir`.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// An existing file.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name, replacing what had it. Durable after `sync_dir`.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a name away; who holds the file open can go on reading it. Durable after `sync_dir`.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// The system's.
    fn sync_dir(&self) -> io::Result<()>;

    /// Space left for us, in bytes.
    ///
    /// # Errors
    /// The system's.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Takes the folder for this process, until the returned value is dropped.
    ///
    /// # Errors
    /// `WouldBlock` if somebody else has it.
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>>;
}

const LOCK: &str = "lock";

/// A folder on the real disk.
#[derive(Debug)]
pub struct DiskFiles {
    dir: PathBuf,
    leave_bytes: u64,
}

/// What is left free for others is at most one in so many of a disk's bytes.
const LEFT_SHARE: u64 = 4;

impl DiskFiles {
    /// The folder `dir`, made if it is not there yet.
    ///
    /// # Errors
    /// The system's.
    pub fn create(dir: &Path) -> io::Result<Self> {
        lasting_folder(dir)?;
        Ok(Self { dir: dir.to_path_buf(), leave_bytes: 0 })
    }

    /// The same, where so much of the disk is left free for others.
    #[must_use]
    pub fn leaving(self, leave_bytes: u64) -> Self {
        Self { leave_bytes, ..self }
    }

    /// The folder `dir`, which must exist.
    ///
    /// # Errors
    /// `NotFound` if it does not.
    pub fn existing(dir: &Path) -> io::Result<Self> {
        if dir.is_dir() {
            Ok(Self { dir: dir.to_path_buf(), leave_bytes: 0 })
        } else {
            Err(io::Error::new(io::ErrorKind::NotFound, "no such folder"))
        }
    }
}

/// Makes the folder `dir` if it is not there yet, and durable what stands in it and that it stands where it does. Each time:
/// whoever made it, or something in it, may have ended before that.
///
/// # Errors
/// The system's. Folders above that may not be read, or are of a disk that nobody may write to, are left to whoever made them.
pub fn lasting_folder(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    dir.canonicalize()?.ancestors().try_for_each(sync_ours)
}

/// The same where somebody sees to it that the folder `home` stands where it does: what is above it is left alone, if `dir`
/// is in it.
///
/// # Errors
/// Those of [`lasting_folder`].
pub fn lasting_folder_in(home: &Path, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let (home, dir) = (home.canonicalize()?, dir.canonicalize()?);
    let is_inside = dir.starts_with(&home);
    dir.ancestors().take_while(|folder| !is_inside || folder.starts_with(&home)).try_for_each(sync_ours)
}

fn sync_ours(folder: &Path) -> io::Result<()> {
    match sync_folder(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            Ok(())
        }
        done => done,
    }
}

/// What a file's name ends with until it is whole and durable.
pub(super) const UNFINISHED: &str = ".new";

/// The name a file has until then.
pub(super) fn unfinished(name: &str) -> String {
    format!("{name}{UNFINISHED}")
}

/// All of the file `name`.
///
/// # Errors
/// The system's.
pub fn read_whole(files: &dyn Files, name: &str) -> io::Result<Vec<u8>> {
    let file = files.open(name)?;
    file.read_at(0, usize::try_from(file.size()?).unwrap_or(usize::MAX))
}

/// A file that has its name only once it is whole and durable; the name itself is after `sync_dir`.
///
/// # Errors
/// The system's.
pub fn write_whole(files: &dyn Files, name: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = unfinished(name);
    let file = files.create(&draft)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    files.rename(&draft, name)
}

/// Makes the names in a folder durable.
///
/// # Errors
/// The system's.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub fn sync_folder(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

/// Elsewhere a folder cannot be opened for syncing; the file system orders its own changes.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn sync_folder(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this is the seam")]
impl Files for DiskFiles {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
        names.collect()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(self.dir.join(name))?;
        Ok(Arc::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let path = self.dir.join(name);
        let file = fs::OpenOptions::new().read(true).write(true).open(&path).or_else(|error| match error.kind() {
            // Looking at a folder (fsck, dump) needs no right to write to it.
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => fs::File::open(&path),
            _ => Err(error),
        })?;
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        sync_folder(&self.dir)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        free_beyond(&self.dir, self.leave_bytes)
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(self.dir.join(LOCK))?;
        file.try_lock()?;
        Ok(Box::new(file))
    }
}

/// Bytes free on the disk that `dir` is on, beyond those to be left for others.
///
/// # Errors
/// The system's.
#[cfg(unix)]
pub(crate) fn free_beyond(dir: &Path, leave_bytes: u64) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok(bytes(stat.f_bavail).saturating_sub(leave_bytes.min(bytes(stat.f_blocks) / LEFT_SHARE)))
}

/// Elsewhere unknown; a write that finds no space says so itself.
#[cfg(not(unix))]
pub(crate) fn free_beyond(_dir: &Path, _leave_bytes: u64) -> io::Result<u64> {
    Ok(u64::MAX / LEFT_SHARE)
}

#[cfg(unix)]
impl File for fs::File {
    fn forget_contents(&self) {
        // Advice; who does not take it is slower, not wrong.
        #[cfg(target_os = "linux")]
        let _ = rustix::fs::fadvise(self, 0, None, rustix::fs::Advice::DontNeed);
    }

    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = offset + bytes.len() as u64;
            match rustix::io::pread(self, rustix::buffer::spare_capacity(&mut bytes), at) {
                Ok(0) => break,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

#[cfg(windows)]
impl File for fs::File {
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match std::os::windows::fs::FileExt::seek_read(self, rest, offset + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = offset + (bytes.len() - rest.len()) as u64;
            let written = std::os::windows::fs::FileExt::seek_write(self, rest, at)?;
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}
