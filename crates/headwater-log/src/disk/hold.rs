//! The journal as it was at one moment: which files it lay in, and how far. What is read from them, opened as a folder of
//! its own, holds every entry that was durable then.
//!
//! Invariant: while this lives, none of its files is removed, renamed or written over before the listed end. Nothing has
//! to be switched off for that: upkeep lets no file go that somebody else has open, a run never changes, and a segment only
//! grows behind its last durable group.
use super::{
    files::File,
    index::Kind,
    store::{Store, failed, run_name, segment_name},
    survey::STORE,
};
use crate::LogError;
use std::{collections::BTreeSet, sync::Arc};

/// See above. The folder may need more space meanwhile.
pub struct Hold {
    files: Vec<HeldFile>,
}

/// One file of the journal, up to the end it had at that moment.
pub struct HeldFile {
    name: String,
    size_bytes: u64,
    file: Arc<dyn File>,
}

impl Hold {
    /// The files, in no order that means anything.
    #[must_use]
    pub fn files(&self) -> &[HeldFile] {
        &self.files
    }
}

impl HeldFile {
    /// Its name in the folder.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How much of it belongs to the journal of that moment.
    #[must_use]
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// `len` bytes from `offset`; fewer only at the end.
    ///
    /// # Errors
    /// `Io` if the disk does not give them.
    pub fn read_at(&self, offset: u64, len: usize) -> Result<Vec<u8>, LogError> {
        let left = usize::try_from(self.size_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let bytes = self.file.read_at(offset, len.min(left)).map_err(|error| failed(&self.name, &error))?;
        if bytes.len() < len.min(left) {
            return Err(LogError::Io(format!("{} is shorter than it was", self.name)));
        }
        Ok(bytes)
    }
}

/// Takes hold of the journal as it is now.
pub(super) fn hold(store: &Store) -> Result<Hold, LogError> {
    let mut found = vec![(STORE.to_owned(), store.files.open(STORE).map_err(|error| failed(STORE, &error))?, None)];
    {
        let index = store.index();
        // What upkeep may be letting go of this very moment is not needed – unless a log's newest trim stands there alone;
        // then upkeep would have it written anew first, and that has not become durable yet.
        let trims: BTreeSet<u32> = index.logs.values().map(|log| log.trim_file).collect();
        let gone: BTreeSet<u32> = index.unneeded().map(|(id, _)| id).filter(|id| !trims.contains(id)).collect();
        for (id, held) in index.files.iter().filter(|(id, _)| !gone.contains(id)) {
            match held.kind {
                Kind::Run => found.push((run_name(*id), held.file.clone(), None)),
                // Sound blocks may stand behind the last group that could be read.
                Kind::Segment if held.damaged && held.sealed => {
                    found.push((segment_name(*id), held.file.clone(), None))
                }
                Kind::Segment if held.end == 0 => {}
                Kind::Segment => found.push((segment_name(*id), held.file.clone(), Some(held.end))),
            }
        }
    }
    let held = |(name, file, end): (String, Arc<dyn File>, Option<u64>)| {
        let size_bytes = end.map_or_else(|| file.size(), Ok).map_err(|error| failed(&name, &error))?;
        Ok(HeldFile { name, size_bytes, file })
    };
    Ok(Hold { files: found.into_iter().map(held).collect::<Result<_, LogError>>()? })
}

#[cfg(test)]
mod tests {
    use crate::{
        Bounds, Entry, Seq,
        clock::ManualClock,
        disk::{
            Core, Hold,
            files::{DiskFiles, Files},
            trial::{self, Chance, LOGS, entries, log},
        },
    };
    use bytes::Bytes;
    use std::{collections::BTreeSet, path::Path};

    fn open(folder: &Path) -> Core {
        trial::open(folder, &ManualClock::at(1000))
    }

    /// Appends, trims and upkeep, as they come.
    fn live(core: &mut Core, chance: &mut Chance, steps: u32) {
        for step in 0..steps {
            let log = log(chance.below(LOGS));
            match chance.below(10) {
                0..5 => {
                    let entry = step.to_le_bytes().repeat(chance.below(2_000) as usize);
                    drop(core.append(log, vec![Bytes::from(entry)]));
                }
                5 => {
                    let Bounds { first, tail } = core.bounds(log);
                    drop(core.trim(log, Seq(first.0 + (tail.0 - first.0) * u64::from(chance.below(5)) / 4)));
                }
                6 | 7 => drop(core.write_group().unwrap()),
                _ => drop(core.keep_up(true).unwrap()),
            }
        }
        while core.write_group().unwrap() {}
    }

    /// Everything that can be read, log by log, and where each begins that holds something; of others nobody need know it.
    fn all(core: &Core) -> Vec<(Seq, Vec<Entry>)> {
        let read = |number| {
            let entries = entries(core, number);
            (if entries.is_empty() { Seq::ZERO } else { core.bounds(log(number)).first }, entries)
        };
        (0..LOGS).map(read).collect()
    }

    fn copy(hold: &Hold, folder: &Path) {
        let files = DiskFiles::create(folder).unwrap();
        for held in hold.files() {
            let bytes = held.read_at(0, usize::MAX).unwrap();
            assert_eq!(bytes.len() as u64, held.size_bytes());
            files.create(held.name()).unwrap().write_at(0, &bytes).unwrap();
        }
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        DiskFiles::existing(folder).unwrap().list().unwrap().into_iter().collect()
    }

    #[test]
    fn what_is_held_opens_with_all_that_was_durable_whatever_happens_meanwhile() {
        let mut runs = 0;
        for seed in 0..16 {
            let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let mut chance = Chance(seed);
            let mut core = open(folder.path());
            let steps = chance.below(400);
            live(&mut core, &mut chance, steps);
            if chance.below(3) == 0 {
                drop(core);
                core = open(folder.path());
            }
            let expected = all(&core);
            let hold = core.hold().unwrap();
            let held: BTreeSet<String> = hold.files().iter().map(|file| file.name().to_owned()).collect();
            live(&mut core, &mut chance, 400);
            assert!(held.is_subset(&names(folder.path())), "seed {seed}: a file that is held is gone");
            runs += held.iter().filter(|name| name.starts_with("run-")).count();
            copy(&hold, elsewhere.path());
            let mut copied = open(elsewhere.path());
            assert_eq!(copied.damage(), [], "seed {seed}");
            assert_eq!(all(&copied), expected, "seed {seed}");
            live(&mut copied, &mut chance, 100);
            let grown = all(&copied);
            drop(copied);
            assert_eq!(all(&open(elsewhere.path())), grown, "seed {seed}: it goes on as any other folder");
        }
        assert!(runs > 5, "{runs} runs were held");
    }

    #[test]
    fn a_hold_that_ended_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut core = open(folder.path());
        live(&mut core, &mut Chance(1), 400);
        let hold = core.hold().unwrap();
        let held = names(folder.path());
        let segments = |names: &BTreeSet<String>| names.iter().filter(|name| !name.starts_with("reserve")).count();
        for number in 0..LOGS {
            drop(core.trim(log(number), core.bounds(log(number)).tail));
        }
        while core.write_group().unwrap() || core.keep_up(true).unwrap() {}
        assert!(hold.files().iter().all(|file| names(folder.path()).contains(file.name())));
        drop(hold);
        while core.write_group().unwrap() || core.keep_up(true).unwrap() {}
        assert!(segments(&names(folder.path())) < segments(&held), "the files went after all");
    }
}
