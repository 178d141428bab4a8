//! Where the keys behind server-side encryption come from: the master key and the keys the operator declares.
//!
//! Invariant: a master key that was made is on disk, readable by its owner alone, before anything is encrypted with it;
//! no message ever holds a key.
use crate::settings::{KeySettings, Store};
use headwater_keys::{KeyState, KeyStore, KmsKey, MasterKey};
use headwater_kinesis::Entropy;
use headwater_log::disk::files::lasting_folder_in;
use serde::Deserialize;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The folder of the master key, in the data folder, and its name there.
pub(crate) const FOLDER: &str = "keys";
const MASTER_KEY: &str = "master.key";
const VARIABLE: &str = "HEADWATER_MASTER_KEY";
const BOTH: &str = "--master-key-file and HEADWATER_MASTER_KEY: give one of the two";

/// A file of declared keys: `[[key]]` tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    account: Option<String>,
    region: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    state: State,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "kebab-case")]
enum State {
    #[default]
    Enabled,
    Disabled,
    PendingDeletion,
}

/// The key store as the settings have it; without a master key in them, the one of the data folder. Servers that share
/// their logs must be given one, as each has a data folder of its own.
///
/// # Errors
/// A sentence with the setting or file, and what is wrong with it.
pub(crate) fn open(
    settings: &KeySettings,
    store: &Store,
    (account, region): (&str, &str),
    entropy: &Entropy,
) -> Result<KeyStore, String> {
    let master = match (&settings.master_key, &settings.master_key_file, store) {
        (Some(_), Some(_), _) => return Err(BOTH.into()),
        (Some(text), None, _) => parse(text, VARIABLE)?,
        (None, Some(file), _) => parse(&read(file)?, &file.display().to_string())?,
        (None, None, Store::Folder(data)) => kept(&data.join(FOLDER), entropy)?,
        (None, None, Store::Memory) => parse(&made(entropy), "a new master key")?,
    };
    let declared = match &settings.kms_keys {
        None => Vec::new(),
        Some(file) => declared(file, account, region)?,
    };
    KeyStore::new(&master, declared)
}

/// The master key that a file or a variable holds, as text.
///
/// # Errors
/// A sentence with the file or variable.
pub(crate) fn given(file: Option<&Path>, variable: Option<String>) -> Result<String, String> {
    let (text, from) = match (file, variable) {
        (Some(_), Some(_)) => return Err(BOTH.into()),
        (Some(file), None) => (read(file)?, file.display().to_string()),
        (None, Some(text)) => (text, VARIABLE.into()),
        (None, None) => {
            return Err(
                "what is encrypted needs its master key: give it with --master-key-file FILE or HEADWATER_MASTER_KEY"
                    .into(),
            );
        }
    };
    parse(&text, &from).map(|_| text)
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

fn parse(text: &str, from: &str) -> Result<MasterKey, String> {
    MasterKey::parse(text).ok_or_else(|| format!("{from}: a master key is 32 bytes in base64"))
}

/// 32 new random bytes in base64.
fn made(entropy: &Entropy) -> String {
    base64_simd::STANDARD.encode_to_string([entropy().to_le_bytes(), entropy().to_le_bytes()].concat())
}

fn declared(file: &Path, account: &str, region: &str) -> Result<Vec<KmsKey>, String> {
    let read: File = toml::from_str(&read(file)?).map_err(|error| format!("{}: {error}", file.display()))?;
    let key = |Entry { id, account: own, region: at, aliases, state }: Entry| KmsKey {
        account: own.unwrap_or_else(|| account.to_owned()),
        region: at.unwrap_or_else(|| region.to_owned()),
        id,
        aliases,
        state: match state {
            State::Enabled => KeyState::Enabled,
            State::Disabled => KeyState::Disabled,
            State::PendingDeletion => KeyState::PendingDeletion,
        },
    };
    Ok(read.key.into_iter().map(key).collect())
}

/// Where a master key lies that was made for a data folder.
pub(crate) fn kept_in(data: &Path) -> PathBuf {
    data.join(FOLDER).join(MASTER_KEY)
}

/// The master key kept in `folder`; the first call makes it.
fn kept(folder: &Path, entropy: &Entropy) -> Result<MasterKey, String> {
    let file = folder.join(MASTER_KEY);
    let text = match fs::read_to_string(&file) {
        // Whoever made it may have ended before it was there for good.
        Ok(text) => lasting_folder_in(&folder.join(".."), folder).map(|()| text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = made(entropy);
            keep(folder, &text).map(|()| text)
        }
        Err(error) => Err(error),
    };
    let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
    parse(&text, &file.display().to_string())
}

/// Writes the text of a master key into `folder`, made if it is not there, for its owner's eyes alone.
///
/// # Errors
/// The system's.
#[expect(clippy::disallowed_methods, reason = "the master key is the server's own file, beside the log's")]
pub(crate) fn keep(folder: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let draft = folder.join(MASTER_KEY).with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, folder.join(MASTER_KEY))?;
    // The name must last as long as what is encrypted with it.
    lasting_folder_in(&folder.join(".."), folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn entropy() -> Entropy {
        Arc::new(|| 7)
    }

    fn open_with(settings: &KeySettings, store: &Store) -> Result<KeyStore, String> {
        open(settings, store, ("000000000000", "us-east-1"), &entropy())
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn a_made_master_key_is_kept_and_private() {
        let data = tempfile::tempdir().unwrap();
        let store = Store::Folder(data.path().into());
        let read = || fs::read_to_string(data.path().join(FOLDER).join(MASTER_KEY)).unwrap();
        open_with(&KeySettings::default(), &store).unwrap();
        let first = read();
        open_with(&KeySettings::default(), &store).unwrap();
        assert_eq!(first, read());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(data.path().join(FOLDER).join(MASTER_KEY)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn mistakes_are_told_without_the_key() {
        let short = file("c2hvcnQ=");
        let given = |path: &tempfile::NamedTempFile| Some(path.path().to_owned());
        let bad_keys = file("[[key]]\nid = 'a/b'");
        for (settings, part) in [
            (KeySettings { master_key_file: given(&short), ..Default::default() }, "32 bytes in base64"),
            (KeySettings { master_key: Some("secret".into()), ..Default::default() }, "HEADWATER_MASTER_KEY"),
            (
                KeySettings { master_key: Some("x".into()), master_key_file: given(&short), ..Default::default() },
                "one of the two",
            ),
            (KeySettings { kms_keys: given(&bad_keys), ..Default::default() }, "slashes"),
        ] {
            let told = open_with(&settings, &Store::Memory).unwrap_err();
            assert!(told.contains(part) && !told.contains("secret") && !told.contains("c2hvcnQ"), "{told}");
        }
        let keys = file("[[key]]\nid = 'k'\naliases = ['alias/k']\nstate = 'pending-deletion'");
        let settings = KeySettings { kms_keys: given(&keys), ..Default::default() };
        let store = open_with(&settings, &Store::Memory).unwrap();
        assert!(format!("{store:?}").contains("PendingDeletion"));
    }
}
