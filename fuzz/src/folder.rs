//! A folder in memory: what the journal is opened on when its bytes are made up.
use headwater_log::disk::files::{File, Files};
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Files by name. Everything written is there at once; nothing fails.
#[derive(Default, Clone)]
pub struct Folder {
    files: Arc<Mutex<BTreeMap<String, Arc<Bytes>>>>,
}

#[derive(Default)]
struct Bytes(Mutex<Vec<u8>>);

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Folder {
    /// A copy that shares nothing with this folder.
    pub fn copy(&self) -> Self {
        let copy = |(name, file): (&String, &Arc<Bytes>)| (name.clone(), Arc::new(Bytes(held(&file.0).clone().into())));
        Self { files: Arc::new(Mutex::new(held(&self.files).iter().map(copy).collect())) }
    }

    /// The names, in order, with the sizes.
    pub fn sizes(&self) -> Vec<(String, usize)> {
        held(&self.files).iter().map(|(name, file)| (name.clone(), held(&file.0).len())).collect()
    }

    /// Changes a file's bytes behind the engine's back.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(file) = held(&self.files).get(name) {
            change(&mut held(&file.0));
        }
    }

    fn find(&self, name: &str) -> io::Result<Arc<Bytes>> {
        held(&self.files).get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl File for Bytes {
    fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let bytes = held(&self.0);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes[start..start.saturating_add(len).min(bytes.len())].to_vec())
    }

    fn write_at(&self, offset: u64, written: &[u8]) -> io::Result<()> {
        let mut bytes = held(&self.0);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + written.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(written);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(held(&self.0).len() as u64)
    }
}

impl Files for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(held(&self.files).keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let file = Arc::<Bytes>::default();
        held(&self.files).insert(name.to_owned(), file.clone());
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        Ok(self.find(name)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.find(from)?;
        let mut files = held(&self.files);
        files.remove(from);
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        held(&self.files).remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(1 << 40)
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        Ok(Box::new(()))
    }
}
