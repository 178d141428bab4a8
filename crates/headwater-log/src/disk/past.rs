//! A journal as it was at a moment: read where it lies, and written as a journal of its own.
//!
//! Invariant: what is written holds, log by log, all that the other one still has of what arrived up to the moment, at the
//! same places and times. It begins its logs where the other one does, so what is gone is known to be gone; and it goes on
//! behind every place that was given out by then.
use super::{
    files::{Files, unfinished},
    import::{RUN_BYTES, close},
    index::Index,
    run::Run,
    store::{failed, run_name},
    survey::{Survey, read_store, survey},
};
use crate::{
    Batch, Bounds, Commit, Engine, Limits, LogError, LogId, Seq,
    engine::{Reading, Trimming, find_time},
};
use bytes::Bytes;
use std::{collections::BTreeMap, future::ready};
use tokio::sync::watch;

const PAGE: Limits = Limits { entries: usize::MAX, bytes: 1 << 20 };
const ONE: Limits = Limits { entries: 1, bytes: 1 };

/// The journal of a folder that nobody writes to, up to a moment. An engine that takes nothing.
pub struct Past {
    index: Index,
    salt: u32,
    upto_ms: u64,
    /// Everything before this place had arrived by then, and nothing else.
    end: u64,
    /// Where each log ended then.
    tails: BTreeMap<LogId, Seq>,
}

impl Past {
    /// The journal in `files` as it was once everything of `upto_ms` had arrived.
    ///
    /// # Errors
    /// `Io` if it is no folder of this engine, cannot be read, or is damaged anywhere.
    pub async fn at(files: &dyn Files, upto_ms: u64) -> Result<Self, LogError> {
        let salt = read_store(files)?.ok_or_else(|| LogError::Io("there is no journal in this folder".into()))?;
        let Survey { index, next_seq, .. } = survey(files, salt)?;
        if let Some(damage) = index.damage.first() {
            return Err(LogError::Io(format!(
                "{} is damaged at places {} to {}",
                damage.file, damage.from, damage.next
            )));
        }
        let logs: Vec<LogId> = index.logs.keys().copied().collect();
        let mut past = Self { index, salt, upto_ms, end: next_seq, tails: BTreeMap::new() };
        let (mut end, mut tails) = (next_seq, BTreeMap::new());
        for log in logs {
            let behind = find_time(&past, log, upto_ms.saturating_add(1)).await?;
            tails.insert(log, behind);
            // Time does not fall along the journal: what stands behind this in any log is later, too.
            if let Some(later) = past.page(log, behind, ONE)?.entries.first() {
                end = end.min(later.stamp.seq.0);
            }
        }
        (past.end, past.tails) = (end, tails);
        Ok(past)
    }

    /// The logs it knows of.
    #[must_use]
    pub fn logs(&self) -> Vec<LogId> {
        self.tails.keys().copied().collect()
    }

    /// How much is kept of all of them, as it lies on the disk.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.index.logs.values().flat_map(|log| &log.blocks).map(|block| u64::from(block.len)).sum()
    }

    /// Behind every place that was given out.
    #[must_use]
    pub fn end(&self) -> Seq {
        Seq(self.end)
    }

    /// A number that hardly another folder has.
    #[must_use]
    pub fn salt(&self) -> u32 {
        self.salt
    }

    fn page(&self, log: LogId, from: Seq, limits: Limits) -> Result<Batch, LogError> {
        let mut batch = self.index.plan(log, from, limits, self.salt)?.fetch()?;
        batch.entries.retain(|entry| entry.stamp.seq.0 < self.end);
        batch.next = batch.next.min(Seq(self.end)).max(from);
        Ok(batch)
    }

    /// Writes it into an empty folder; `seen` hears of the bytes of entries. Until all of it is there, the folder is not
    /// opened.
    ///
    /// # Errors
    /// `Io` if it cannot be read or written.
    pub fn write(&self, files: &dyn Files, salt: u32, seen: &dyn Fn(u64)) -> Result<(), LogError> {
        self.write_in_runs(files, salt, RUN_BYTES, seen)
    }

    fn write_in_runs(&self, files: &dyn Files, salt: u32, most: u64, seen: &dyn Fn(u64)) -> Result<(), LogError> {
        let mut next_file = 1;
        for places in self.stretches(most) {
            let mut run = Run::begin(files, salt, next_file, Vec::new(), places)?;
            for log in self.tails.keys() {
                self.copy(&mut run, *log, places, seen)?;
            }
            if run.finish()?.0.rows.is_empty() {
                let draft = unfinished(&run_name(next_file));
                files.remove(&draft).map_err(|error| failed(&draft, &error))?;
            } else {
                next_file += 1;
            }
        }
        let begins = self.tails.keys().map(|log| (*log, self.bounds(*log).first));
        close(files, salt, next_file, begins, Seq(self.end), self.upto_ms)
    }

    /// All places there are, in stretches whose blocks take about `most` bytes together.
    fn stretches(&self, most: u64) -> Vec<(u64, u64)> {
        let blocks = self.index.logs.values().flat_map(|log| &log.blocks);
        let mut blocks: Vec<(u64, u64)> = blocks.map(|block| (block.first_seq, u64::from(block.len))).collect();
        blocks.sort_unstable();
        let (mut stretches, mut from, mut size_bytes) = (Vec::new(), 0, 0);
        for (first, len) in blocks.into_iter().take_while(|(first, _)| *first < self.end) {
            if size_bytes > 0 && size_bytes + len > most {
                stretches.push((from, first));
                (from, size_bytes) = (first, 0);
            }
            size_bytes += len;
        }
        stretches.push((from, self.end));
        stretches
    }

    fn copy(
        &self,
        run: &mut Run<'_>,
        log: LogId,
        (first, end): (u64, u64),
        seen: &dyn Fn(u64),
    ) -> Result<(), LogError> {
        let Bounds { first: begin, tail } = self.bounds(log);
        let (mut from, end) = (begin.max(Seq(first)), tail.min(Seq(end)));
        while from < end {
            let batch = self.page(log, from, PAGE)?;
            for entry in batch.entries.iter().take_while(|entry| entry.stamp.seq < end) {
                run.push(log, entry)?;
                seen(entry.bytes.len() as u64);
            }
            if batch.entries.is_empty() {
                break;
            }
            from = batch.next;
        }
        Ok(())
    }
}

impl Engine for Past {
    fn append(&self, _log: LogId, _entries: Vec<Bytes>) -> Commit {
        Box::pin(ready(Err(unchanging())))
    }

    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        Box::pin(ready(self.page(log, from, limits)))
    }

    fn trim(&self, _log: LogId, _before: Seq) -> Trimming<'_> {
        Box::pin(ready(Err(unchanging())))
    }

    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        watch::Sender::new(self.bounds(log)).subscribe()
    }

    fn bounds(&self, log: LogId) -> Bounds {
        let Bounds { first, tail } = self.index.bounds(log);
        let end = Seq(self.end);
        Bounds { first: first.min(end), tail: self.tails.get(&log).copied().unwrap_or(tail).min(end) }
    }
}

fn unchanging() -> LogError {
    LogError::Io("what is past does not change".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Entry,
        clock::{Clock, ManualClock},
        disk::{
            Core,
            files::DiskFiles,
            fsck,
            store::segment_name,
            trial::{Chance, LOGS, entries, log, open},
        },
    };

    /// Appends, trims, upkeep and time passing, as they come.
    fn live(core: &mut Core, clock: &ManualClock, chance: &mut Chance, steps: u32) {
        for step in 0..steps {
            let log = log(chance.below(LOGS));
            match chance.below(12) {
                0..5 => {
                    let entry = step.to_le_bytes().repeat(chance.below(2_000) as usize);
                    drop(core.append(log, vec![Bytes::from(entry)]));
                }
                5 => {
                    let Bounds { first, tail } = core.bounds(log);
                    let sixteenths = if chance.below(20) == 0 { 16 } else { chance.below(2) };
                    drop(core.trim(log, Seq(first.0 + (tail.0 - first.0) * u64::from(sixteenths) / 16)));
                }
                6 | 7 => drop(core.write_group().unwrap()),
                8 => clock.advance(u64::from(chance.below(3))),
                _ => drop(core.keep_up(true).unwrap()),
            }
        }
        while core.write_group().unwrap() {}
    }

    fn all(core: &Core) -> Vec<Vec<Entry>> {
        (0..LOGS).map(|number| entries(core, number)).collect()
    }

    #[tokio::test]
    async fn what_is_written_is_what_there_was_but_for_what_is_gone_and_goes_on_behind_it() {
        let mut runs = 0;
        for seed in 0..24 {
            let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (mut chance, clock) = (Chance(seed), ManualClock::at(1000));
            let mut core = open(folder.path(), &clock);
            let steps = chance.below(400);
            live(&mut core, &clock, &mut chance, steps);
            let (then_ms, then) = (clock.now_ms(), all(&core));
            clock.advance(1);
            for _ in 0..2 {
                live(&mut core, &clock, &mut chance, 200);
                drop(core);
                core = open(folder.path(), &clock);
            }
            let firsts: Vec<Seq> = (0..LOGS).map(|number| core.bounds(log(number)).first).collect();
            drop(core);
            let left = |(entries, first): (Vec<Entry>, &Seq)| -> Vec<Entry> {
                entries.into_iter().filter(|entry| entry.stamp.seq >= *first).collect()
            };
            let last = then.iter().flatten().map(|entry| entry.stamp.seq).max();
            let expected: Vec<Vec<Entry>> = then.into_iter().zip(&firsts).map(left).collect();

            let past = Past::at(&DiskFiles::existing(folder.path()).unwrap(), then_ms).await.unwrap();
            let files = DiskFiles::create(elsewhere.path()).unwrap();
            let size_bytes = std::cell::Cell::new(0);
            let seen = |bytes| size_bytes.set(size_bytes.get() + bytes);
            past.write_in_runs(&files, 9, 16 << 10, &seen).unwrap();
            let expected_bytes = expected.iter().flatten().map(|entry| entry.bytes.len() as u64).sum::<u64>();
            assert_eq!(size_bytes.get(), expected_bytes, "seed {seed}");
            runs += files.list().unwrap().iter().filter(|name| name.starts_with("run-")).count();
            let report = fsck(&files).unwrap();
            assert!(report.damage.is_empty() && !report.torn, "seed {seed}: {report:?}");
            let mut written = open(elsewhere.path(), &clock);
            assert_eq!(all(&written), expected, "seed {seed}");
            for (number, first) in (0..).zip(&firsts) {
                let bounds = written.bounds(log(number));
                let is_told = bounds.first == *first || bounds.first == bounds.tail;
                assert!(is_told, "seed {seed}: what is gone is not taken for what never was: {bounds:?}, {first:?}");
                drop(written.append(log(number), vec![Bytes::from_static(b"new")]));
            }
            while written.write_group().unwrap() {}
            for number in 0..LOGS {
                let new = entries(&written, number).pop().unwrap();
                assert!(new.bytes == "new" && Some(new.stamp.seq) > last, "seed {seed}: a place is given out twice");
            }
            live(&mut written, &clock, &mut chance, 200);
            let grown = all(&written);
            drop(written);
            assert_eq!(all(&open(elsewhere.path(), &clock)), grown, "seed {seed}: it goes on as any other folder");
        }
        assert!(runs > 50, "{runs} runs were written");
    }

    #[tokio::test]
    async fn a_damaged_journal_has_no_past() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(1000);
        let mut core = open(folder.path(), &clock);
        for number in 0..40_u32 {
            drop(core.append(log(0), vec![Bytes::from(number.to_le_bytes().repeat(1000))]));
            assert!(core.write_group().unwrap());
        }
        drop(core);
        let files = DiskFiles::existing(folder.path()).unwrap();
        files.open(&segment_name(1)).unwrap().write_at(9000, b"!").unwrap();
        let why = Past::at(&files, 2000).await.err().unwrap();
        assert!(matches!(&why, LogError::Io(why) if why.contains("segment-00000001 is damaged")), "{why}");
    }

    #[tokio::test]
    async fn what_is_past_takes_nothing_and_shows_nothing_later() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(1000);
        let mut core = open(folder.path(), &clock);
        for _ in 0..3 {
            drop(core.append(log(0), vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]));
            core.write_group().unwrap();
            clock.advance(10);
        }
        drop(core);
        let past = Past::at(&DiskFiles::existing(folder.path()).unwrap(), 1010).await.unwrap();
        let Bounds { first, tail } = past.bounds(log(0));
        let read = past.read(log(0), first, PAGE).await.unwrap();
        assert_eq!((read.entries.len(), read.next), (4, tail));
        assert!(read.entries.iter().all(|entry| entry.stamp.time_ms <= 1010));
        assert_eq!(past.append(log(0), vec![Bytes::new()]).await, Err(unchanging()));
        assert_eq!(past.trim(log(0), tail).await, Err(unchanging()));
    }
}
