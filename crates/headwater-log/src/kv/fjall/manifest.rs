//! The manifests of the store's trees: which files a tree is made of, and from where on what is in them counts. The store
//! writes their checksums down and does not look at them; what a damaged one does not name it removes.
//!
//! Invariant: no tree is opened whose manifest is not what was written, bit for bit.
#![expect(clippy::disallowed_methods, reason = "files of the store, which opens them itself too")]
use std::{fs, io, path::Path};
use xxhash_rust::xxh3::xxh3_128;

const TREES: &str = "keyspaces";
/// Names the newest manifest: its number (8), its checksum (16), the kind of checksum (1).
const CURRENT: &str = "current";
const XXH3: u8 = 0;

/// Looks at the manifests of all trees of the store in `folder`.
///
/// # Errors
/// `InvalidData` if one is damaged; the system's.
pub(super) fn check(folder: &Path) -> io::Result<()> {
    let trees = folder.join(TREES);
    if !trees.is_dir() {
        return Ok(());
    }
    fs::read_dir(trees)?.try_for_each(|tree| check_tree(&tree?.path()))
}

fn check_tree(tree: &Path) -> io::Result<()> {
    let current = tree.join(CURRENT);
    let damaged = |path: &Path| io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged", path.display()));
    let told = match fs::read(&current) {
        Ok(told) => told,
        // Not made to its end: the store makes it anew.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let [number @ .., XXH3] = told.as_slice() else { return Err(damaged(&current)) };
    let Some((number, checksum)) = number.split_first_chunk::<8>() else { return Err(damaged(&current)) };
    let manifest = tree.join(format!("v{}", u64::from_le_bytes(*number)));
    if xxh3_128(&fs::read(&manifest)?).to_le_bytes() == checksum { Ok(()) } else { Err(damaged(&manifest)) }
}
