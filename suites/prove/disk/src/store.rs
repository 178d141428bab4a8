//! Files and folders in memory, twice: as programs see them, and as the medium has them. Between the two stands what was
//! not synced yet.
//!
//! Invariant: `cut` keeps all that `sync` returned for, and of the rest any part: of files any sectors, of a folder's
//! changes as many as come first. A file's name lasts only once its folder was synced.
use fastrand::Rng;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    sync::Arc,
    time::SystemTime,
};

pub const ROOT: u64 = 1;
pub const PAGE: usize = 4096;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

type Page = [u8; PAGE];
type Pages = HashMap<u64, Arc<Page>>;
type Names = BTreeMap<OsString, u64>;
/// A change of names that happens whole or not at all.
type Change = Vec<(OsString, Option<u64>)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    Absent,
    Exists,
    NotEmpty,
    NoFolder,
    Full,
}

#[derive(Default)]
struct File {
    pages: Pages,
    size: u64,
    kept: Pages,
    kept_size: u64,
    dirty: BTreeSet<u64>,
}

#[derive(Default)]
struct Folder {
    names: Names,
    kept: Names,
    changes: Vec<Change>,
}

enum Kind {
    File(File),
    Folder(Folder),
}

struct Node {
    kind: Kind,
    mode: u16,
    changed: SystemTime,
    opened: u32,
}

/// What `stat` tells.
pub struct Facts {
    pub is_folder: bool,
    pub size: u64,
    pub mode: u16,
    pub changed: SystemTime,
}

/// What a cut took away.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lost {
    pub pages: usize,
    pub changes: usize,
}

pub struct Store {
    nodes: HashMap<u64, Node>,
    next: u64,
    used_pages: u64,
    /// How much fits.
    pub capacity_pages: u64,
}

impl Store {
    pub fn new() -> Self {
        let mut store = Self { nodes: HashMap::new(), next: ROOT, used_pages: 0, capacity_pages: u64::MAX };
        store.add(Kind::Folder(Folder::default()), 0o755);
        store
    }

    fn add(&mut self, kind: Kind, mode: u16) -> u64 {
        let number = self.next;
        self.next += 1;
        self.nodes.insert(number, Node { kind, mode, changed: SystemTime::now(), opened: 0 });
        number
    }

    fn node(&mut self, number: u64) -> Result<&mut Node, Wrong> {
        self.nodes.get_mut(&number).ok_or(Wrong::Absent)
    }

    fn file(&mut self, number: u64) -> Result<&mut File, Wrong> {
        match &mut self.node(number)?.kind {
            Kind::File(file) => Ok(file),
            Kind::Folder(_) => Err(Wrong::Absent),
        }
    }

    fn folder(&mut self, number: u64) -> Result<&mut Folder, Wrong> {
        match &mut self.node(number)?.kind {
            Kind::Folder(folder) => Ok(folder),
            Kind::File(_) => Err(Wrong::NoFolder),
        }
    }

    pub fn facts(&mut self, number: u64) -> Result<Facts, Wrong> {
        let node = self.node(number)?;
        let (is_folder, size) = match &node.kind {
            Kind::File(file) => (false, file.size),
            Kind::Folder(_) => (true, 0),
        };
        Ok(Facts { is_folder, size, mode: node.mode, changed: node.changed })
    }

    pub fn find(&mut self, folder: u64, name: &OsStr) -> Result<u64, Wrong> {
        self.folder(folder)?.names.get(name).copied().ok_or(Wrong::Absent)
    }

    pub fn list(&mut self, folder: u64) -> Result<Vec<(OsString, u64)>, Wrong> {
        Ok(self.folder(folder)?.names.iter().map(|(name, number)| (name.clone(), *number)).collect())
    }

    pub fn free_pages(&self) -> u64 {
        self.capacity_pages.saturating_sub(self.used_pages)
    }

    pub fn create(&mut self, folder: u64, name: &OsStr, is_folder: bool, mode: u16) -> Result<u64, Wrong> {
        if self.folder(folder)?.names.contains_key(name) {
            return Err(Wrong::Exists);
        }
        let kind = if is_folder { Kind::Folder(Folder::default()) } else { Kind::File(File::default()) };
        let number = self.add(kind, mode);
        self.change(folder, vec![(name.to_owned(), Some(number))])?;
        Ok(number)
    }

    fn change(&mut self, folder: u64, change: Change) -> Result<(), Wrong> {
        let folder = self.folder(folder)?;
        apply(&mut folder.names, &change);
        folder.changes.push(change);
        Ok(())
    }

    pub fn remove(&mut self, folder: u64, name: &OsStr) -> Result<(), Wrong> {
        let number = self.find(folder, name)?;
        if self.folder(number).is_ok_and(|folder| !folder.names.is_empty()) {
            return Err(Wrong::NotEmpty);
        }
        self.change(folder, vec![(name.to_owned(), None)])?;
        self.sweep();
        Ok(())
    }

    pub fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Result<(), Wrong> {
        let number = self.find(from.0, from.1)?;
        if let Ok(replaced) = self.find(to.0, to.1)
            && self.folder(replaced).is_ok_and(|folder| !folder.names.is_empty())
        {
            return Err(Wrong::NotEmpty);
        }
        let (gone, here) = ((from.1.to_owned(), None), (to.1.to_owned(), Some(number)));
        if from.0 == to.0 {
            self.change(from.0, vec![gone, here])?;
        } else {
            self.change(to.0, vec![here])?;
            self.change(from.0, vec![gone])?;
        }
        self.sweep();
        Ok(())
    }

    /// Counts who has a file open: it lasts as long without a name.
    pub fn open(&mut self, number: u64) -> Result<(), Wrong> {
        self.node(number)?.opened += 1;
        Ok(())
    }

    pub fn close(&mut self, number: u64) {
        if let Ok(node) = self.node(number) {
            node.opened -= 1;
        }
        self.sweep();
    }

    pub fn read(&mut self, number: u64, offset: u64, len: usize) -> Result<Vec<u8>, Wrong> {
        let file = self.file(number)?;
        let len = len.min(usize::try_from(file.size.saturating_sub(offset)).unwrap_or(usize::MAX));
        let mut bytes = vec![0; len];
        for (page, within, at) in pieces(offset, len) {
            if let Some(held) = file.pages.get(&page) {
                bytes[at..at + within.len()].copy_from_slice(&held[within]);
            }
        }
        Ok(bytes)
    }

    /// Writes as much as fits, and says how much that was.
    pub fn write(&mut self, number: u64, offset: u64, bytes: &[u8]) -> Result<usize, Wrong> {
        let mut free = self.free_pages();
        let node = self.node(number)?;
        node.changed = SystemTime::now();
        let Kind::File(file) = &mut node.kind else { return Err(Wrong::Absent) };
        let (mut done, mut taken) = (0, 0);
        for (page, within, at) in pieces(offset, bytes.len()) {
            if !file.pages.contains_key(&page) {
                if free == 0 {
                    break;
                }
                free -= 1;
                taken += 1;
            }
            let held = file.pages.entry(page).or_insert_with(|| Arc::new([0; PAGE]));
            let len = within.len();
            Arc::make_mut(held)[within].copy_from_slice(&bytes[at..at + len]);
            file.dirty.insert(page);
            done = at + len;
        }
        file.size = file.size.max(offset + done as u64);
        self.used_pages += taken;
        if done == 0 && !bytes.is_empty() { Err(Wrong::Full) } else { Ok(done) }
    }

    pub fn resize(&mut self, number: u64, size: u64) -> Result<(), Wrong> {
        let file = self.file(number)?;
        let end = size.div_ceil(PAGE as u64);
        let cut: Vec<u64> = file.pages.keys().copied().filter(|page| *page >= end).collect();
        for page in &cut {
            file.pages.remove(page);
            file.dirty.insert(*page);
        }
        let last = size / PAGE as u64;
        if let Some(held) = file.pages.get_mut(&last).filter(|_| size < file.size) {
            Arc::make_mut(held)[(size % PAGE as u64) as usize..].fill(0);
            file.dirty.insert(last);
        }
        file.size = size;
        self.used_pages -= cut.len() as u64;
        Ok(())
    }

    pub fn unsynced_bytes(&mut self, number: u64) -> u64 {
        self.file(number).map_or(0, |file| (file.dirty.len() * PAGE) as u64)
    }

    /// Makes a file's bytes and length last, or a folder's names.
    pub fn sync(&mut self, number: u64) -> Result<(), Wrong> {
        match &mut self.node(number)?.kind {
            Kind::File(file) => {
                for page in std::mem::take(&mut file.dirty) {
                    match file.pages.get(&page) {
                        Some(held) => file.kept.insert(page, Arc::clone(held)),
                        None => file.kept.remove(&page),
                    };
                }
                file.kept_size = file.size;
            }
            Kind::Folder(folder) => {
                folder.kept = folder.names.clone();
                folder.changes.clear();
                self.sweep();
            }
        }
        Ok(())
    }

    /// What a failed sync does: what was to be written is taken for written, and is not.
    pub fn fail_sync(&mut self, number: u64) {
        if let Ok(file) = self.file(number) {
            file.dirty.clear();
        }
    }

    /// The power goes, and comes back: what programs see is what the medium has got.
    pub fn cut(&mut self, rng: &mut Rng) -> Lost {
        let mut lost = Lost::default();
        // Nothing of what was not synced got there, some of it, or nearly all.
        let share = [0.0, 0.5, 0.97][rng.usize(..3)];
        let mut numbers: Vec<u64> = self.nodes.keys().copied().collect();
        numbers.sort_unstable(); // so that a seed says everything
        for number in numbers {
            let Some(node) = self.nodes.get_mut(&number) else { continue };
            match &mut node.kind {
                Kind::File(file) => lost.pages += cut_file(file, share, rng),
                Kind::Folder(folder) => {
                    let got = if share == 0.0 { 0 } else { rng.usize(..=folder.changes.len()) };
                    lost.changes += folder.changes.len() - got;
                    let changes = std::mem::take(&mut folder.changes);
                    changes.iter().take(got).for_each(|change| apply(&mut folder.kept, change));
                    folder.names = folder.kept.clone();
                }
            }
        }
        self.sweep();
        self.used_pages = self.nodes.values().map(seen_pages).sum();
        lost
    }

    /// Forgets what has no name on either side, and nobody has open.
    fn sweep(&mut self) {
        loop {
            let mut named = BTreeSet::from([ROOT]);
            for node in self.nodes.values() {
                if let Kind::Folder(folder) = &node.kind {
                    named.extend(folder.names.values().chain(folder.kept.values()));
                    named.extend(folder.changes.iter().flatten().filter_map(|(_, number)| *number));
                }
            }
            let before = self.nodes.len();
            let used = &mut self.used_pages;
            self.nodes.retain(|number, node| {
                let stays = node.opened > 0 || named.contains(number);
                *used -= if stays { 0 } else { seen_pages(node) };
                stays
            });
            if self.nodes.len() == before {
                break;
            }
        }
    }
}

fn seen_pages(node: &Node) -> u64 {
    match &node.kind {
        Kind::File(file) => file.pages.len() as u64,
        Kind::Folder(_) => 0,
    }
}

fn apply(names: &mut Names, change: &Change) {
    for (name, number) in change {
        match number {
            Some(number) => names.insert(name.clone(), *number),
            None => names.remove(name),
        };
    }
}

/// A stretch of a file by pages: which page, what of it, and where that stands in the stretch.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        (at < len).then(|| {
            let (place, begin) = (offset + at as u64, at);
            let from = (place % PAGE as u64) as usize;
            let to = PAGE.min(from + len - at);
            at += to - from;
            (place / PAGE as u64, from..to, begin)
        })
    })
}

/// Leaves of what was not synced `share` of the sectors, by chance; says of how many pages something is lost.
fn cut_file(file: &mut File, share: f64, rng: &mut Rng) -> usize {
    let mut lost = 0;
    for page in std::mem::take(&mut file.dirty) {
        let new = file.pages.get(&page).map_or([0; PAGE], |held| **held);
        let mut mixed = file.kept.get(&page).map_or([0; PAGE], |held| **held);
        for at in (0..PAGE).step_by(SECTOR) {
            if rng.f64() < share {
                mixed[at..at + SECTOR].copy_from_slice(&new[at..at + SECTOR]);
            }
        }
        lost += usize::from(mixed != new);
        file.kept.insert(page, Arc::new(mixed));
    }
    if rng.f64() < share {
        file.kept_size = file.size;
    }
    let (size, end) = (file.kept_size, file.kept_size.div_ceil(PAGE as u64));
    file.kept.retain(|page, _| *page < end);
    if let Some(last) = file.kept.get_mut(&(size / PAGE as u64)) {
        Arc::make_mut(last)[(size % PAGE as u64) as usize..].fill(0);
    }
    (file.pages, file.size) = (file.kept.clone(), size);
    lost
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    /// A store with a file `a` that has its name, and its number.
    fn with_file() -> (Store, u64) {
        let mut store = Store::new();
        let file = store.create(ROOT, name("a"), false, 0o644).unwrap();
        store.sync(ROOT).unwrap();
        (store, file)
    }

    /// What is left of it after a cut, for many seeds.
    fn after_cuts(make: impl Fn() -> Store, look: impl Fn(&mut Store) -> Vec<u8>) -> BTreeSet<Vec<u8>> {
        (0..200)
            .map(|seed| {
                let mut store = make();
                store.cut(&mut Rng::with_seed(seed));
                look(&mut store)
            })
            .collect()
    }

    fn contents(store: &mut Store) -> Vec<u8> {
        let file = store.find(ROOT, name("a")).unwrap();
        store.read(file, 0, 1 << 20).unwrap()
    }

    #[test]
    fn what_was_synced_is_there_and_what_was_not_may_be_gone() {
        let make = || {
            let (mut store, file) = with_file();
            store.write(file, 0, b"old").unwrap();
            store.sync(file).unwrap();
            store.write(file, 0, b"new").unwrap();
            store
        };
        assert_eq!(after_cuts(make, contents), BTreeSet::from([b"old".to_vec(), b"new".to_vec()]));
    }

    #[test]
    fn a_length_that_was_not_synced_may_be_there_without_the_bytes() {
        let make = || {
            let (mut store, file) = with_file();
            store.write(file, 0, b"x").unwrap();
            store
        };
        assert_eq!(after_cuts(make, contents), BTreeSet::from([vec![], vec![0], b"x".to_vec()]));
    }

    #[test]
    fn later_sectors_may_be_there_without_earlier_ones() {
        let make = || {
            let (mut store, file) = with_file();
            store.resize(file, 1024).unwrap();
            store.sync(file).unwrap();
            store.write(file, 0, &[1; 1024]).unwrap();
            store
        };
        let ends = |store: &mut Store| {
            let bytes = contents(store);
            vec![bytes[0], bytes[1023]]
        };
        assert_eq!(after_cuts(make, ends).len(), 4);
    }

    #[test]
    fn a_synced_file_without_a_synced_name_may_be_gone() {
        let make = || {
            let mut store = Store::new();
            let file = store.create(ROOT, name("a"), false, 0o644).unwrap();
            store.write(file, 0, b"x").unwrap();
            store.sync(file).unwrap();
            store
        };
        let look = |store: &mut Store| vec![u8::from(store.find(ROOT, name("a")).is_ok())];
        assert_eq!(after_cuts(make, look), BTreeSet::from([vec![0], vec![1]]));
    }

    #[test]
    fn a_rename_happens_whole_or_not_at_all() {
        let make = || {
            let (mut store, _) = with_file();
            store.rename((ROOT, name("a")), (ROOT, name("b"))).unwrap();
            store
        };
        let look = |store: &mut Store| ["a", "b"].map(|held| u8::from(store.find(ROOT, name(held)).is_ok())).to_vec();
        assert_eq!(after_cuts(make, look), BTreeSet::from([vec![0, 1], vec![1, 0]]));
    }

    #[test]
    fn after_a_failed_sync_the_next_one_saves_nothing() {
        let (mut store, file) = with_file();
        store.write(file, 0, b"x").unwrap();
        store.fail_sync(file);
        store.sync(file).unwrap();
        assert_eq!(contents(&mut store), b"x", "it can still be read");
        store.cut(&mut Rng::with_seed(1));
        assert_eq!(contents(&mut store), [0]);
    }

    #[test]
    fn a_full_store_takes_what_fits_and_has_room_again() {
        let (mut store, file) = with_file();
        store.capacity_pages = 2;
        assert_eq!(store.write(file, 0, &[1; 3 * PAGE]), Ok(2 * PAGE));
        assert_eq!(store.write(file, 2 * PAGE as u64, &[1]), Err(Wrong::Full));
        assert_eq!(store.write(file, 0, &[2]), Ok(1), "what is there can be written over");
        store.remove(ROOT, name("a")).unwrap();
        store.sync(ROOT).unwrap();
        assert_eq!(store.free_pages(), 2);
    }
}
