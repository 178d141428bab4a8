//! What one backup consists of, as it is written down. Pure. Invariant: a manifest is read only if its own checksum holds,
//! and only names that a backup can have are believed.
use super::{
    chunk::{Chunk, Name},
    reach::Before,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of all that stands in a folder of backups …
const FORMAT: u32 = 1;
/// … and that of a manifest that tells of the time before.
const FORMAT_BEFORE: u32 = 2;
const PREFIX: &str = "backup-";
const SUFFIX: &str = ".json";
/// The file of the journal that is written last: a folder without it is not opened.
pub(crate) const STORE: &str = "log/store";
/// The key that wraps the keys of encrypted streams, if it lies in the data folder.
pub(crate) const MASTER_KEY: &str = "keys/master.key";
/// What the files of the journal begin with.
pub(crate) const LOG: &str = "log/";

/// One backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    format: u32,
    /// All that was acknowledged before this time is in it; in milliseconds since the Unix epoch.
    pub(crate) time_ms: u64,
    /// The files, by their names.
    pub(crate) files: Vec<Kept>,
    /// The rows, by the names of their spaces.
    pub(crate) rows: Vec<Kept>,
    /// Of the time before, if the server kept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Before>,
}

/// A file, or the rows of a space.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    pub(crate) name: String,
    /// One behind the other.
    pub(crate) chunks: Vec<Chunk>,
}

impl Kept {
    pub(crate) fn size_bytes(&self) -> u64 {
        size_bytes(&self.chunks)
    }
}

/// Bytes of all these.
pub(crate) fn size_bytes(chunks: &[Chunk]) -> u64 {
    chunks.iter().map(|chunk| chunk.length).sum()
}

/// The file of a manifest.
#[derive(Deserialize)]
struct Written {
    sha256: Name,
    backup: Backup,
}

/// As much of it as every version has.
#[derive(Deserialize)]
struct Any {
    backup: AnyBackup,
}

#[derive(Deserialize)]
struct AnyBackup {
    format: u32,
}

impl Backup {
    pub(crate) fn new(time_ms: u64, files: Vec<Kept>, rows: Vec<Kept>, before: Option<Before>) -> Self {
        let format = if before.is_some() { FORMAT_BEFORE } else { FORMAT };
        Self { format, time_ms, files, rows, before }
    }

    /// The name of its manifest.
    pub(crate) fn file_name(&self) -> String {
        format!("{PREFIX}{}{SUFFIX}", moment(self.time_ms))
    }

    /// Bytes of all that it consists of.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.files.iter().chain(&self.rows).map(Kept::size_bytes).sum()
    }

    /// All its pieces; some more than once.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.files.iter().chain(&self.rows).flat_map(|kept| &kept.chunks)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let body = serde_json::to_vec(self).unwrap_or_default();
        let head = format!("{{\"sha256\":\"{}\",\"backup\":", Name::of(&body));
        [head.as_bytes(), &body, b"}\n"].concat()
    }

    /// # Errors
    /// Why it is not what was written.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let damaged = || "it is damaged".to_owned();
        let Any { backup: AnyBackup { format } } = serde_json::from_slice(bytes).map_err(|_| damaged())?;
        if !(FORMAT..=FORMAT_BEFORE).contains(&format) {
            return Err(format!("it has format {format}; this version reads {FORMAT} to {FORMAT_BEFORE}"));
        }
        let Written { sha256, backup } = serde_json::from_slice(bytes).map_err(|_| damaged())?;
        let body = serde_json::to_vec(&backup).map_err(|_| damaged())?;
        let is_sound = Name::of(&body) == sha256 && backup.files.iter().all(|kept| is_file(&kept.name));
        if is_sound { Ok(backup) } else { Err(damaged()) }
    }
}

/// Whether a file of a backup can be called so. Nothing that leads out of the folder it is restored into can.
pub(crate) fn is_file(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name == MASTER_KEY || name.strip_prefix(LOG).is_some_and(|name| !name.is_empty() && name.bytes().all(plain))
}

/// Whether a file in a folder of backups is a manifest.
pub(crate) fn is_manifest(file_name: &str) -> bool {
    file_name.starts_with(PREFIX) && file_name.ends_with(SUFFIX)
}

/// A manifest's name as people write it, with or without its ending.
pub(crate) fn named(text: &str) -> String {
    if text.ends_with(SUFFIX) { text.to_owned() } else { format!("{text}{SUFFIX}") }
}

/// A time as people write it.
pub(crate) fn told(time_ms: u64) -> String {
    timestamp(time_ms).to_string()
}

fn timestamp(time_ms: u64) -> Timestamp {
    i64::try_from(time_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
}

/// A time, to the millisecond.
fn moment(time_ms: u64) -> String {
    let time = timestamp(time_ms);
    format!("{}.{:03}Z", time.strftime("%Y%m%dT%H%M%S"), time_ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(before: Option<Before>) -> Backup {
        let kept = |name: &str| Kept { name: name.into(), chunks: vec![Chunk::of(b"abc"), Chunk::of(name.as_bytes())] };
        Backup::new(1_795_298_595_007, vec![kept("log/store"), kept("keys/master.key")], vec![kept("items")], before)
    }

    #[test]
    fn a_manifest_comes_back_and_no_other_one() {
        for before in [None, Some(Before { line: "a".into(), reaches_ms: 7, tells_rows: true })] {
            let backup = backup(before);
            assert_eq!(backup.file_name(), "backup-20261121T220315.007Z.json");
            assert!(is_manifest(&backup.file_name()) && !is_manifest("backup-1.json.new"));
            let written = backup.encode();
            assert_eq!(Backup::decode(&written), Ok(backup));
            for at in 0..written.len() {
                let mut damaged = written.clone();
                damaged[at] ^= 1;
                assert!(Backup::decode(&damaged).is_err() || at + 1 == written.len(), "byte {at}");
            }
        }
        let later = String::from_utf8(backup(None).encode()).unwrap().replace("\"format\":1", "\"format\":3");
        assert_eq!(Backup::decode(later.as_bytes()).unwrap_err(), "it has format 3; this version reads 1 to 2");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in ["log/store", "log/segment-0000001a", "keys/master.key"] {
            assert!(is_file(name), "{name}");
        }
        for name in ["", "log/", "log/..", "log/../x", "/etc/passwd", "log/a/b", "keys/x", "rows/x", "log/a.new"] {
            assert!(!is_file(name), "{name}");
        }
    }
}
