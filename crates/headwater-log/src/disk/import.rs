//! A folder made of logs that were kept elsewhere, at the places and times they had there.
//!
//! Invariant: until all of it is there, the folder is not opened; whoever was cut short goes on behind what is durable. Of two
//! runs with entries of one log the one with the later ones begins later, so a start finds them in their order.
use super::{
    core::make_store,
    files::Files,
    group::{GroupHead, Row},
    run::Run,
    scan::read_footer,
    store::{Name, failed, segment_name},
    survey::STORE,
};
use crate::{Entry, LogError, LogId, Seq};
use std::collections::BTreeMap;

/// A run is cut once its blocks are so large together: offsets in it have 32 bits.
pub(super) const RUN_BYTES: u64 = 1 << 30;

/// See above. Logs come one behind the other, in the same order whenever it is gone on with.
pub struct Import<'a> {
    files: &'a dyn Files,
    salt: u32,
    most: u64,
    next_file: u32,
    /// What earlier tries have written: where each log goes on.
    reached: BTreeMap<LogId, Seq>,
    begins: Vec<(LogId, Seq)>,
    run: Option<Open<'a>>,
    log: Option<LogId>,
    /// The last time in this log.
    time_ms: u64,
}

/// A run that is being written.
struct Open<'a> {
    run: Run<'a>,
    places: (u64, u64),
    size_bytes: u64,
    /// It goes on with a log whose beginning is in another one.
    goes_on: bool,
}

impl<'a> Import<'a> {
    /// Begins in an empty folder, or goes on in one that was begun with the same salt.
    ///
    /// # Errors
    /// `Io` if the folder has a journal, or cannot be read.
    pub fn begin(files: &'a dyn Files, salt: u32) -> Result<Self, LogError> {
        Self::in_runs(files, salt, RUN_BYTES)
    }

    fn in_runs(files: &'a dyn Files, salt: u32, most: u64) -> Result<Self, LogError> {
        let names = files.list().map_err(|error| failed("listing the folder", &error))?;
        if names.iter().any(|name| name == STORE) {
            return Err(LogError::Io("the folder has a journal already: name one that has none".into()));
        }
        let (mut reached, mut next_file) = (BTreeMap::new(), 1);
        for name in names {
            let id = match Name::of(&name) {
                Name::Run(id) => id,
                // Whoever wrote this was cut short before it made a folder of it.
                Name::Segment(_) => {
                    files.remove(&name).map_err(|error| failed(&name, &error))?;
                    continue;
                }
                _ => continue,
            };
            let file = files.open(&name).map_err(|error| failed(&name, &error))?;
            let footer = read_footer(&*file, salt).filter(|footer| footer.run == id).ok_or_else(|| {
                LogError::Io(format!("{name} is damaged, or of something else: begin again in an empty folder"))
            })?;
            for row in footer.rows {
                let next = Seq(row.first_seq + u64::from(row.span) + 1);
                let held = reached.entry(row.log).or_insert(next);
                *held = next.max(*held);
            }
            next_file = next_file.max(id + 1);
        }
        Ok(Self { files, salt, most, next_file, reached, begins: Vec::new(), run: None, log: None, time_ms: 0 })
    }

    /// Begins a log of which nothing before `first` can be read. Answers where it goes on.
    ///
    /// # Errors
    /// `Io` if what came before cannot be written.
    pub fn log(&mut self, log: LogId, first: Seq) -> Result<Seq, LogError> {
        let reached = self.reached.get(&log).copied();
        if reached.is_some() || self.run.as_ref().is_some_and(|open| open.goes_on) {
            self.finish_run()?;
        }
        self.begins.push((log, first));
        (self.log, self.time_ms) = (Some(log), 0);
        Ok(reached.map_or(first, |reached| reached.max(first)))
    }

    /// Adds the next entry of the log.
    ///
    /// # Errors
    /// `Io` if it cannot be written, or there is no log.
    pub fn push(&mut self, entry: &Entry) -> Result<(), LogError> {
        let log = self.log.ok_or_else(|| LogError::Io("an entry of no log".into()))?;
        if self.run.as_ref().is_some_and(|open| open.size_bytes >= self.most) {
            self.finish_run()?;
            self.reached.insert(log, entry.stamp.seq);
        }
        let place = entry.stamp.seq.0;
        let open = match &mut self.run {
            Some(open) => open,
            none => {
                let run = Run::begin(self.files, self.salt, self.next_file, Vec::new(), (place, place))?;
                self.next_file += 1;
                let goes_on = self.reached.contains_key(&log);
                none.insert(Open { run, places: (place, place), size_bytes: 0, goes_on })
            }
        };
        // Whose clocks gave the times is not known here: they must not fall.
        self.time_ms = self.time_ms.max(entry.stamp.time_ms);
        let mut entry = entry.clone();
        entry.stamp.time_ms = self.time_ms;
        open.run.push(log, &entry)?;
        open.places = (open.places.0.min(place), open.places.1.max(place + 1));
        open.size_bytes += entry.bytes.len() as u64;
        Ok(())
    }

    fn finish_run(&mut self) -> Result<(), LogError> {
        let Some(mut open) = self.run.take() else { return Ok(()) };
        open.run.spans(open.places);
        open.run.finish().map(drop)
    }

    /// All logs are there; places go on at `next`, which is behind all of theirs.
    ///
    /// # Errors
    /// `Io` if that cannot be written.
    pub fn finish(mut self, next: Seq, now_ms: u64) -> Result<(), LogError> {
        self.finish_run()?;
        close(self.files, self.salt, self.next_file, self.begins.into_iter(), next, now_ms)
    }
}

/// The last group – where logs begin, and where places go on –, and what makes it a folder.
pub(super) fn close(
    files: &dyn Files,
    salt: u32,
    id: u32,
    begins: impl Iterator<Item = (LogId, Seq)>,
    next: Seq,
    time_ms: u64,
) -> Result<(), LogError> {
    let rows: Vec<Row> =
        begins.filter(|(_, first)| *first > Seq::ZERO).map(|(log, Seq(before))| Row::Trim { log, before }).collect();
    let mut group = Vec::new();
    GroupHead::begin(&mut group);
    let head = GroupHead {
        segment: id,
        next_file: id + 1,
        commit: 1,
        first_seq: next.0,
        next_seq: next.0,
        time_ms,
        ..GroupHead::default()
    };
    head.finish(&mut group, &rows, salt);
    let name = segment_name(id);
    let written = files.create(&name).and_then(|file| {
        file.write_at(0, &group)?;
        file.sync()?;
        files.sync_dir()
    });
    written.map_err(|error| failed(&name, &error))?;
    make_store(files, salt).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Stamp,
        clock::ManualClock,
        disk::{
            files::DiskFiles,
            fsck,
            trial::{Chance, entries, log, open},
        },
    };
    use bytes::Bytes;

    const LOGS: u32 = 5;

    /// Logs whose places have nothing to do with each other's.
    fn logs(chance: &mut Chance) -> Vec<(Seq, Vec<Entry>)> {
        let one = |chance: &mut Chance| {
            let first = u64::from(chance.below(3000));
            let mut place = first + u64::from(chance.below(9));
            let entries = (0..chance.below(60)).map(|number| {
                place += u64::from(1 + chance.below(50));
                let stamp = Stamp { seq: Seq(place), time_ms: 1000 + u64::from(number) };
                Entry { stamp, bytes: Bytes::from(vec![number.to_le_bytes()[0]; chance.below(900) as usize]) }
            });
            (Seq(first), entries.collect())
        };
        (0..LOGS).map(|_| one(chance)).collect()
    }

    #[test]
    fn logs_from_elsewhere_are_there_wherever_bringing_them_was_cut_short() {
        for seed in 0..200 {
            let mut chance = Chance(seed);
            let logs = logs(&mut chance);
            let folder = tempfile::tempdir().unwrap();
            let files = DiskFiles::create(folder.path()).unwrap();
            let next = Seq(10_000);
            'again: loop {
                // Half of the tries end somewhere.
                let mut left = if chance.below(2) == 0 { chance.below(150) } else { u32::MAX };
                let mut import = Import::in_runs(&files, 7, 30_000).unwrap();
                for (number, (first, entries)) in (0..).zip(&logs) {
                    let from = import.log(log(number), *first).unwrap();
                    for entry in entries.iter().filter(|entry| entry.stamp.seq >= from) {
                        if left == 0 {
                            continue 'again;
                        }
                        left -= 1;
                        import.push(entry).unwrap();
                    }
                }
                import.finish(next, 5000).unwrap();
                break;
            }
            let clock = ManualClock::at(6000);
            let mut core = open(folder.path(), &clock);
            let mut expected = logs.clone();
            for life in 0..3 {
                for (number, (first, held)) in (0..).zip(&expected) {
                    // Where a log begins that was trimmed to nothing is forgotten.
                    let begins = core.bounds(log(number)).first;
                    let is_known = begins == *first || (life > 0 && begins == Seq::ZERO);
                    assert!(is_known, "seed {seed}, life {life}, log {number}: {begins}");
                    assert_eq!(entries(&core, number), *held, "seed {seed}, life {life}, log {number}");
                }
                for _ in 0..chance.below(60) {
                    let number = chance.below(LOGS);
                    let (first, held) = &mut expected[number as usize];
                    if chance.below(4) == 0 {
                        let at = held.len() * chance.below(5) as usize / 4;
                        let before = held.get(at).map_or(*first, |entry| entry.stamp.seq);
                        drop(core.trim(log(number), before));
                        *first = before;
                        held.retain(|entry| entry.stamp.seq >= before);
                    } else {
                        drop(core.append(log(number), vec![Bytes::from(vec![1; chance.below(9000) as usize])]));
                    }
                    while core.write_group().unwrap() {}
                    while core.keep_up(true).unwrap() {}
                    let tail = held.last().map_or(Seq::ZERO, |last| last.stamp.seq.next());
                    let new = entries(&core, number).into_iter().filter(|entry| entry.stamp.seq >= tail);
                    held.extend(new);
                    assert!(
                        held.iter().all(|entry| entry.stamp.seq < next || entry.bytes.first().is_none_or(|b| *b == 1))
                    );
                }
                while core.write_group().unwrap() {}
                drop(core);
                let report = fsck(&files).unwrap();
                assert!(report.damage.is_empty(), "seed {seed}: {report:?}");
                core = open(folder.path(), &clock);
            }
        }
    }

    #[test]
    fn a_folder_that_has_a_journal_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), &ManualClock::at(1000)));
        let files = DiskFiles::existing(folder.path()).unwrap();
        let error = Import::begin(&files, 7).err().unwrap().to_string();
        assert!(error.contains("has a journal"), "{error}");
    }
}
