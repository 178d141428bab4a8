//! What must be true: who was told what, and what may therefore never change.
use bytes::Bytes;
use headwater_log::{Entry, Limits, LogError, LogId, Seq, Stamp, disk::Core};
use std::collections::{BTreeMap, HashMap};

/// One entry that was handed to the engine.
#[derive(Clone)]
struct Appended {
    bytes: Bytes,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// No answer yet, or none ever: it may be there or not, but whole.
    Unknown,
    /// Acknowledged, or read once: it is there, for ever, with this stamp.
    Known(Stamp),
    /// Refused, or missing after a restart: it must never turn up.
    Gone,
}

#[derive(Clone, Default)]
struct Log {
    /// In the order of calls.
    entries: Vec<Appended>,
    /// The furthest trim that was asked for, and that was answered.
    trim_asked: u64,
    trim_done: u64,
}

/// The checker.
#[derive(Clone, Default)]
pub struct Model {
    logs: BTreeMap<LogId, Log>,
    /// Whose each place is: no place is ever given out twice.
    places: HashMap<u64, (LogId, usize)>,
}

/// A call under way: its log and the entries' numbers in it.
#[derive(Debug)]
pub struct Call {
    log: LogId,
    first: usize,
    count: usize,
}

type Check = Result<(), String>;

impl Model {
    /// `entries` go to `log`, after all that went there before.
    pub fn append(&mut self, log: LogId, entries: &[Bytes]) -> Call {
        let held = self.logs.entry(log).or_default();
        let first = held.entries.len();
        held.entries.extend(entries.iter().map(|bytes| Appended { bytes: bytes.clone(), fate: Fate::Unknown }));
        Call { log, first, count: entries.len() }
    }

    /// The engine answered.
    pub fn answered(&mut self, call: &Call, answer: Result<Vec<Stamp>, LogError>) -> Check {
        match answer {
            Ok(stamps) if stamps.len() == call.count => {
                stamps.iter().enumerate().try_for_each(|(at, stamp)| self.know(call.log, call.first + at, *stamp))
            }
            Ok(stamps) => Err(format!("{} stamps for {} entries", stamps.len(), call.count)),
            Err(LogError::Full) => {
                let entries = &mut self.logs.entry(call.log).or_default().entries;
                entries[call.first..call.first + call.count].iter_mut().for_each(|entry| entry.fate = Fate::Gone);
                Ok(())
            }
            Err(_) => Ok(()), // unknown
        }
    }

    fn know(&mut self, log: LogId, at: usize, stamp: Stamp) -> Check {
        if let Some(other) = self.places.insert(stamp.seq.0, (log, at))
            && other != (log, at)
        {
            return Err(format!("place {} of {log} #{at} was given to {other:?} before", stamp.seq));
        }
        let entry = &mut self.logs.entry(log).or_default().entries[at];
        match entry.fate {
            Fate::Unknown => entry.fate = Fate::Known(stamp),
            Fate::Known(known) if known == stamp => {}
            fate => return Err(format!("{log} #{at} is {fate:?}, but turns up with {stamp:?}")),
        }
        Ok(())
    }

    /// A trim was asked for.
    pub fn trim(&mut self, log: LogId, before: Seq) {
        let held = self.logs.entry(log).or_default();
        held.trim_asked = held.trim_asked.max(before.0);
    }

    /// And answered.
    pub fn trimmed(&mut self, log: LogId, before: Seq) {
        let held = self.logs.entry(log).or_default();
        held.trim_done = held.trim_done.max(before.0);
    }

    /// Compares all logs with what the engine gives out. `restarted`: what is missing now was never written.
    pub fn check_all(&mut self, core: &Core, restarted: bool, page: Limits) -> Check {
        if !core.damage().is_empty() {
            return Err(format!("damage where there is none: {:?}", core.damage()));
        }
        let logs: Vec<LogId> = self.logs.keys().copied().collect();
        logs.into_iter().try_for_each(|log| self.check(core, log, restarted, page))
    }

    /// Compares one log.
    pub fn check(&mut self, core: &Core, log: LogId, restarted: bool, page: Limits) -> Check {
        let bounds = core.bounds(log);
        let found = drain(core, log, bounds.first, page).map_err(|why| format!("{log}: {why}"))?;
        let held = self.logs.entry(log).or_default();
        let (asked, done) = (held.trim_asked, held.trim_done);
        // A log that was trimmed to its end may have been forgotten and begin at nothing again; but what was trimmed
        // stays away.
        if bounds.first.0 > asked {
            return Err(format!("{log} begins at {}, though only a trim to {asked} was asked for", bounds.first));
        }
        if let Some(entry) = found.iter().find(|entry| entry.stamp.seq.0 < done) {
            return Err(format!("{log}: {:?} is there though trimmed up to {done}", entry.stamp));
        }
        let mut at = 0;
        let mut known = Vec::new();
        for entry in &found {
            // The order is that of the calls; what is passed over must be allowed to be missing.
            loop {
                let Some(expected) = held.entries.get_mut(at) else {
                    return Err(format!("{log}: {:?} holds {} bytes nobody wrote", entry.stamp, entry.bytes.len()));
                };
                at += 1;
                if expected.bytes == entry.bytes {
                    known.push((at - 1, entry.stamp));
                    break;
                }
                may_miss(expected, asked, restarted).map_err(|why| format!("{log} #{}: {why}", at - 1))?;
            }
        }
        for (number, rest) in held.entries.iter_mut().enumerate().skip(at) {
            may_miss(rest, asked, restarted).map_err(|why| format!("{log} #{number}: {why}"))?;
        }
        known.into_iter().try_for_each(|(at, stamp)| self.know(log, at, stamp))
    }
}

/// Whether it is right that this entry was not found.
fn may_miss(entry: &mut Appended, trim_asked: u64, restarted: bool) -> Check {
    match entry.fate {
        Fate::Known(stamp) if stamp.seq.0 >= trim_asked => Err(format!("acknowledged at {stamp:?}, and lost")),
        Fate::Unknown if restarted => {
            entry.fate = Fate::Gone;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn drain(core: &Core, log: LogId, first: Seq, page: Limits) -> Result<Vec<Entry>, String> {
    let (mut from, mut found) = (first, Vec::<Entry>::new());
    loop {
        let batch = core.read(log, from, page).map_err(|error| format!("reading at {from}: {error}"))?;
        let Some(last) = batch.entries.last() else { return Ok(found) };
        if batch.next <= last.stamp.seq {
            return Err(format!("the next place {} is not behind {:?}", batch.next, last.stamp));
        }
        from = batch.next;
        found.extend(batch.entries);
        if !found.is_sorted_by(|one, two| one.stamp.seq < two.stamp.seq && one.stamp.time_ms <= two.stamp.time_ms) {
            return Err("places or times fall".into());
        }
    }
}
