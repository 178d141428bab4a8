//! Objects in a local folder: a bucket is a folder in it, a key the path of a file.
//!
//! Invariant: an object is written beside, synced, and only then given its name, so that under its name it is there whole
//! or not at all; once `put` has answered, a power cut does not take it away. What a crash left half written lies in a
//! folder of its own, which is emptied at the next start.
use super::key_path;
use bytes::Bytes;
use headwater_firehose::outside::{Doing, Failure, Object, Objects};
use headwater_log::disk::files::{lasting_folder, sync_folder};
use std::{
    fs, io,
    io::{Read, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Where objects are written before they have their names. No bucket may be called so: names of buckets begin with a
/// letter or a digit.
const UNFINISHED: &str = ".unfinished";
/// What one call of the system writes; parts may be small.
const WRITE_BYTES: usize = 256 << 10;
/// As the service has it.
const MAX_KEY_BYTES: usize = 1024;

/// A folder of buckets.
pub(super) struct Folder {
    root: Arc<Path>,
    /// Whether it goes when the store goes.
    is_temporary: bool,
    /// Tells unfinished objects apart.
    written: AtomicU64,
}

impl Folder {
    /// The folder `root`, made if it is not there yet.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let unfinished = root.join(UNFINISHED);
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&unfinished)?;
        lasting_folder(root)?;
        Ok(Self { root: root.into(), is_temporary: false, written: AtomicU64::new(0) })
    }

    /// A folder that nobody else has, made for the first object, that goes when the store goes; `number` tells it from all
    /// others.
    pub(super) fn temporary(number: u128) -> Self {
        let root = std::env::temp_dir().join(format!("headwater-s3-{number:032x}"));
        Self { root: root.into(), is_temporary: true, written: AtomicU64::new(0) }
    }

    /// Where the buckets are.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // Nothing in it was meant to last, and nobody is left to tell.
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

impl Objects for Folder {
    fn put(&self, object: Object) -> Doing<'_, Result<(), Failure>> {
        let root = Arc::clone(&self.root);
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let Object { bucket, key, body, .. } = object;
            if !is_bucket(&bucket) {
                return Err(refused("S3.NoSuchBucket", format!("The specified bucket is not valid: '{bucket}'.")));
            }
            if key.is_empty() || key.len() > MAX_KEY_BYTES {
                return Err(refused("S3.KeyTooLongError", "A key is 1 to 1024 bytes long.".into()));
            }
            let unfinished = root.join(UNFINISHED).join(number.to_string());
            let path = root.join(&bucket).join(key_path::of_key(&key));
            let name = path.display().to_string();
            let written = tokio::task::spawn_blocking(move || {
                write(&root, &unfinished, &path, &body).inspect_err(|_| {
                    // The failure counts; what is left here is swept at the next start.
                    let _ = remove(&unfinished);
                })
            });
            match written.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(failed(&format!("{name}: {error}"))),
                Err(error) => Err(failed(&error.to_string())),
            }
        })
    }

    fn get<'a>(&'a self, bucket: &'a str, key: &'a str, most_bytes: usize) -> Doing<'a, Result<Bytes, Failure>> {
        let path = is_bucket(bucket).then(|| self.root.join(bucket).join(key_path::of_key(key)));
        Box::pin(async move {
            let missing = || refused("S3.NoSuchKey", "The specified key does not exist.".into());
            let path = path.ok_or_else(missing)?;
            match tokio::task::spawn_blocking(move || read(&path, most_bytes)).await {
                Ok(Ok(Some(body))) => Ok(body.into()),
                Ok(Ok(None)) => Err(refused("S3.EntityTooLarge", "The object is too large to be read here.".into())),
                Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
                Ok(Err(error)) => Err(refused("S3.InternalError", format!("The object cannot be read: {error}."))),
                Err(error) => Err(failed(&error.to_string())),
            }
        })
    }
}

/// Whether a folder in the root may be called so.
fn is_bucket(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    name.len() <= 255
        && name.bytes().all(plain)
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
}

fn refused(code: &str, message: String) -> Failure {
    Failure { code: code.into(), message, is_permanent: true }
}

fn failed(why: &str) -> Failure {
    Failure {
        code: "S3.InternalError".into(),
        message: format!("The object cannot be written: {why}."),
        is_permanent: false,
    }
}

#[expect(clippy::disallowed_methods, reason = "objects are files of the user's, which do not go through `Files`")]
fn write(root: &Path, unfinished: &Path, path: &Path, body: &[Bytes]) -> io::Result<()> {
    unfinished.parent().map_or(Ok(()), fs::create_dir_all)?;
    let mut file = io::BufWriter::with_capacity(WRITE_BYTES, fs::File::create(unfinished)?);
    body.iter().try_for_each(|part| file.write_all(part))?;
    file.into_inner()?.sync_all()?;
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    fs::rename(unfinished, path)?;
    // All of them each time: another writer may have made one just now, or before a crash, and not have synced it.
    folder.ancestors().take_while(|folder| folder.starts_with(root)).try_for_each(sync_folder)
}

/// All of a file; nothing if that is more than `most_bytes`.
#[expect(clippy::disallowed_methods, reason = "objects are files of the user's, which do not go through `Files`")]
fn read(path: &Path, most_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let file = fs::File::open(path)?;
    let mut body = Vec::new();
    file.take(most_bytes as u64 + 1).read_to_end(&mut body)?;
    Ok((body.len() <= most_bytes).then_some(body))
}

#[expect(clippy::disallowed_methods, reason = "objects are files of the user's, which do not go through `Files`")]
fn remove(unfinished: &Path) -> io::Result<()> {
    fs::remove_file(unfinished)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bucket: &str, key: &str, body: &'static str) -> Object {
        Object {
            bucket: bucket.into(),
            key: key.into(),
            body: vec![Bytes::from_static(body.as_bytes()), Bytes::from_static(b"!")],
            content_encoding: None,
        }
    }

    #[tokio::test]
    async fn an_object_is_a_file_in_its_buckets_folder_and_may_be_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::open(&folder.path().join("s3")).unwrap();
        store.put(object("logs", "year=2026/a b", "one")).await.unwrap();
        store.put(object("logs", "year=2026/a b", "two")).await.unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("s3/logs/year=2026/a b")).unwrap(), "two!");
        assert_eq!(fs::read_dir(folder.path().join("s3").join(UNFINISHED)).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn nothing_is_written_outside_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::open(&folder.path().join("s3")).unwrap();
        for bucket in ["..", "", "a/b", ".unfinished", "/"] {
            let failure = store.put(object(bucket, "k", "")).await.unwrap_err();
            assert_eq!((&*failure.code, failure.is_permanent), ("S3.NoSuchBucket", true), "{bucket}");
        }
        store.put(object("b", "../../../x", "kept in")).await.unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let failure = store.put(object("b", &"k".repeat(1025), "")).await.unwrap_err();
        assert_eq!(failure.code, "S3.KeyTooLongError");
    }

    #[tokio::test]
    async fn what_was_written_is_read_and_nothing_outside_the_folder_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::open(&folder.path().join("s3")).unwrap();
        Folder::open(folder.path()).unwrap().put(object("outside", "secret", "s")).await.unwrap();
        store.put(object("b", "../a b", "text")).await.unwrap();
        assert_eq!(store.get("b", "../a b", 5).await.unwrap(), "text!");
        let code = async |bucket, key, most| store.get(bucket, key, most).await.unwrap_err().code;
        assert_eq!(code("b", "../a b", 4).await, "S3.EntityTooLarge");
        for (bucket, key) in [
            ("b", "../../outside/secret"),
            ("../outside", "secret"),
            ("..", "outside/secret"),
            ("b", "none"),
            ("b", ""),
        ] {
            assert_eq!(code(bucket, key, 9).await, "S3.NoSuchKey", "{bucket} {key}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_tried_again_and_what_a_crash_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Folder::open(folder.path()).unwrap();
        store.put(object("b", "a", "")).await.unwrap();
        let failure = store.put(object("b", "a/b", "")).await.unwrap_err();
        assert_eq!((&*failure.code, failure.is_permanent), ("S3.InternalError", false), "a file is no folder");
        let left = folder.path().join(UNFINISHED).join("7");
        fs::create_dir(&left).unwrap();
        Folder::open(folder.path()).unwrap();
        assert!(!left.exists() && folder.path().join("b/a").exists());
    }

    #[tokio::test]
    async fn a_temporary_folder_comes_with_the_first_object_and_goes_with_its_store() {
        let store = Folder::temporary(7);
        let root = store.root().to_path_buf();
        assert!(!root.exists());
        store.put(object("b", "a", "")).await.unwrap();
        assert!(root.join("b/a").exists());
        drop(store);
        assert!(!root.exists());
    }
}
