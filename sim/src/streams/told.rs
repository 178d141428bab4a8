//! What was told of streams, and what therefore must be true of their logs and of what is read.
//!
//! By the rules alone: a shard's records are those of its log before the first marker. What was acknowledged is among
//! them, once, under its number; what was told not to be done is not. Readers get just these, in order, but for those past
//! retention, and those they do not get; a shard that was closed so long ago is gone with its last. A child's log
//! begins behind its parents' markers. Of one key, what was put after something was acknowledged has the higher number.
//! All processes, and one that has just started, show the same.
use super::{
    Admin,
    fan_out::{Consumers, Shown},
    index, text,
};
use crate::asked::Outcome;
use headwater_log::{Entry, LogGroup, LogId, Seq, Stamp, shared::Shared};
use headwater_wire::ErrorKind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A record that was put.
#[derive(Clone, Debug)]
pub struct Put {
    stream: String,
    key: u64,
    began: u64,
    ended: u64,
    outcome: Option<Outcome<(u32, String)>>,
}

impl Put {
    pub fn new(stream: &str, key: u64, began: u64) -> Self {
        Self { stream: stream.to_owned(), key, began, ended: u64::MAX, outcome: None }
    }

    fn acknowledged(&self) -> Option<(u32, &String)> {
        self.outcome.as_ref()?.as_ref().ok().map(|(shard, number)| (*shard, number))
    }
}

/// A shard as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shard {
    pub index: u32,
    pub from: u128,
    pub to: u128,
    pub parents: Vec<u32>,
    pub start: String,
    pub end: Option<String>,
}

impl Shard {
    pub fn of(shown: &Value) -> Self {
        let number = |value: &Value| text(value).parse().unwrap_or_default();
        let parents = [&shown["ParentShardId"], &shown["AdjacentParentShardId"]];
        Self {
            index: index(&shown["ShardId"]),
            from: number(&shown["HashKeyRange"]["StartingHashKey"]),
            to: number(&shown["HashKeyRange"]["EndingHashKey"]),
            parents: parents.into_iter().filter(|parent| !parent.is_null()).map(index).collect(),
            start: text(&shown["SequenceNumberRange"]["StartingSequenceNumber"]),
            end: shown["SequenceNumberRange"]["EndingSequenceNumber"].as_str().map(str::to_owned),
        }
    }
}

/// What was read of a stream: by shard, each record's partition key and number, and whether that was told to be all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Read {
    pub name: String,
    /// By the clock of its process.
    pub began_ms: u64,
    pub ended_ms: u64,
    pub shards: BTreeMap<u32, (Vec<(String, String)>, bool)>,
    /// Where that was all, the children that were told.
    pub children: BTreeMap<u32, BTreeSet<u32>>,
}

/// All streams, as one process shows them at the end.
#[derive(Debug, Default)]
pub struct View {
    pub streams: BTreeMap<String, (Vec<Shard>, Read)>,
    pub consumers: BTreeMap<String, Shown>,
    /// What was pushed of them.
    pub pushed: Vec<Read>,
    /// A record that it was given last.
    pub last_put: Option<(u64, Outcome<(u32, String)>)>,
}

/// What was told.
#[derive(Default)]
pub struct Told {
    pub puts: BTreeMap<u64, Put>,
    pub reads: Vec<Read>,
    pub consumers: Consumers,
    pub ends: Vec<View>,
    /// By name: how many creations were asked for, acknowledged, and told not to be done.
    created: BTreeMap<String, (u32, u32, u32)>,
    /// Streams that somebody wanted to have deleted: they may be gone, or another one of that name may be there.
    deleting: BTreeSet<String>,
    /// Shards whose split or merge was acknowledged.
    closed: BTreeSet<(String, u32)>,
}

type Check = Result<(), String>;

impl Told {
    pub fn creating(&mut self, name: &str) {
        self.created.entry(name.to_owned()).or_default().0 += 1;
    }

    pub fn deleting(&mut self, name: &str) {
        self.deleting.insert(name.to_owned());
    }

    pub fn names(&self) -> Vec<String> {
        self.created.keys().cloned().collect()
    }

    pub fn put(&mut self, id: u64, outcome: Outcome<(u32, String)>, now: u64) {
        if let Some(put) = self.puts.get_mut(&id) {
            (put.outcome, put.ended) = (Some(outcome), now);
        }
    }

    pub fn admin(&mut self, what: Admin, outcome: Outcome<()>) {
        match (what, outcome) {
            (Admin::Create(name), Ok(())) => self.created.entry(name).or_default().1 += 1,
            // What was there already is counted with what was not done.
            (Admin::Create(name), Err(ErrorKind::Unavailable | ErrorKind::Sender)) => {
                self.created.entry(name).or_default().2 += 1;
            }
            (Admin::Close(name, shards), Ok(())) => {
                self.closed.extend(shards.into_iter().map(|shard| (name.clone(), shard)));
            }
            _ => {}
        }
    }

    pub fn check(&mut self, shared: &Shared) -> Check {
        for (id, outcome) in self.ends.iter().filter_map(|view| view.last_put.clone()).collect::<Vec<_>>() {
            outcome.as_ref().map_err(|kind| format!("in peace a put fails: {kind:?}"))?;
            self.put(id, outcome, u64::MAX);
        }
        let Some((last, others)) = self.ends.split_last() else { return Ok(()) };
        for other in others {
            let shows = |view: &View| -> Vec<(String, Vec<Shard>)> {
                view.streams.iter().map(|(name, (shards, _))| (name.clone(), shards.clone())).collect()
            };
            if shows(other) != shows(last) {
                return Err(format!("two show different streams: {:?} and {:?}", shows(other), shows(last)));
            }
            if other.consumers != last.consumers {
                return Err(format!("two show different consumers: {:?} and {:?}", other.consumers, last.consumers));
            }
        }
        for (name, (asked, done, undone)) in &self.created {
            if self.deleting.contains(name) {
                continue;
            }
            if *done > 1 {
                return Err(format!("{name} was made {done} times"));
            }
            if *done == 1 && !last.streams.contains_key(name) {
                return Err(format!("{name} was made and is not there"));
            }
            if undone == asked && last.streams.contains_key(name) {
                return Err(format!("{name} was not made, as was told, and is there"));
            }
        }
        for (name, (shards, read)) in last.streams.iter().filter(|(name, _)| !self.deleting.contains(*name)) {
            self.check_stream(shared, name, shards, read).map_err(|why| format!("{name}: {why}"))?;
            self.consumers.check(name, last.consumers.get(name).unwrap_or(&Shown::new()))?;
        }
        Ok(())
    }

    fn check_stream(&self, shared: &Shared, name: &str, shards: &[Shard], read: &Read) -> Check {
        let Some(logs) = Logs::of(shared, |id| self.puts.get(&id).is_some_and(|put| put.stream == name))? else {
            let is_empty = read.shards.values().all(|(got, _)| got.is_empty());
            return is_empty.then_some(()).ok_or_else(|| "something is read that was never written".into());
        };
        let cutoff_ms = read.ended_ms - RETENTION_MS;
        for index in logs.indexes() {
            let is_shown = shards.iter().any(|shard| shard.index == index);
            let is_past = |stamp: Stamp| stamp.time_ms < cutoff_ms;
            let mut children = shards.iter().filter(|shard| shard.parents.contains(&index));
            // It is closed at the latest when a child takes records.
            let is_over = children.any(|child| logs.first(child.index).is_some_and(is_past));
            if is_shown && is_over || !is_shown && !logs.marker(index).is_some_and(is_past) {
                return Err(format!("shard {index} is shown though it is past retention, or is missing: {shards:?}"));
            }
        }
        for shard in shards {
            let got = read.shards.get(&shard.index).ok_or_else(|| format!("shard {} is not read", shard.index))?;
            let kept = logs.accepted(shard.index).filter(|entry| entry.stamp.time_ms >= cutoff_ms);
            let kept: Vec<&str> = kept.filter_map(id).collect();
            let ids: Vec<&str> = got.0.iter().map(|(id, _)| id.as_str()).collect();
            if ids != kept {
                return Err(format!("of shard {} {ids:?} is read where {kept:?} counts", shard.index));
            }
            if got.1 != shard.end.is_some() || shard.end.is_some() != logs.marker(shard.index).is_some() {
                return Err(format!("shard {} is read to its end, closed, or sealed, and not all of it", shard.index));
            }
            self.check_numbers(shard, &got.0)?;
            for parent in &shard.parents {
                let marker = logs.marker(*parent).ok_or_else(|| format!("{parent} has a child and no marker"))?;
                if logs.first(shard.index).is_some_and(|first| first.seq < marker.seq) {
                    return Err(format!("{} took a record before its parent {parent} had ended", shard.index));
                }
            }
            if shard.end.is_none() && self.closed.contains(&(name.to_owned(), shard.index)) {
                return Err(format!("{} was split or merged, as was told, and is open", shard.index));
            }
        }
        self.check_puts(name, read, &logs.past(cutoff_ms))?;
        self.check_order(name)?;
        let views = self.ends.iter().filter_map(|view| view.streams.get(name)).map(|(_, read)| read);
        let mut reads = self.reads.iter().filter(|read| read.name == name).chain(views);
        reads.try_for_each(|earlier| {
            logs.check_read(earlier)?;
            check_children(earlier, shards)
        })
    }

    /// Numbers rise, within those of the shard.
    fn check_numbers(&self, shard: &Shard, got: &[(String, String)]) -> Check {
        let numbers: Vec<&String> = got.iter().map(|(_, number)| number).collect();
        let within =
            numbers.iter().all(|number| **number > shard.start && shard.end.as_ref().is_none_or(|end| *number < end));
        if !within || !numbers.is_sorted_by(|one, two| one < two) {
            return Err(format!(
                "the numbers of {} do not rise within {:?} and {:?}: {got:?}",
                shard.index, shard.start, shard.end
            ));
        }
        Ok(())
    }

    /// What was acknowledged is there once, as told, unless it is past retention, and what was refused is not.
    fn check_puts(&self, name: &str, read: &Read, past: &BTreeSet<&str>) -> Check {
        let mut places: BTreeMap<&str, Vec<(u32, &String)>> = BTreeMap::new();
        for (shard, (got, _)) in &read.shards {
            for (id, number) in got {
                places.entry(id).or_default().push((*shard, number));
            }
        }
        for (id, put) in self.puts.iter().filter(|(_, put)| put.stream == name) {
            let found = places.get(id.to_string().as_str()).cloned().unwrap_or_default();
            let is_past = past.contains(id.to_string().as_str());
            let is_right = match &put.outcome {
                Some(Err(ErrorKind::Unavailable | ErrorKind::Sender)) if is_past => false,
                _ if is_past => found.is_empty(),
                Some(Ok(_)) => found.len() == 1 && put.acknowledged() == found.first().copied(),
                Some(Err(ErrorKind::Unavailable | ErrorKind::Sender)) => found.is_empty(),
                Some(Err(_)) | None => found.len() <= 1,
            };
            if !is_right {
                return Err(format!("record {id} was told {:?} and is at {found:?}", put.outcome));
            }
        }
        Ok(())
    }

    fn check_order(&self, name: &str) -> Check {
        let puts: Vec<(&u64, &Put)> = self.puts.iter().filter(|(_, put)| put.stream == name).collect();
        for (id, put) in &puts {
            let Some((_, number)) = put.acknowledged() else { continue };
            for (later_id, later) in &puts {
                let Some((_, higher)) = later.acknowledged() else { continue };
                if put.key == later.key && put.ended < later.began && number >= higher {
                    return Err(format!("{later_id} was put after {id} was acknowledged, and has no higher number"));
                }
            }
        }
        Ok(())
    }
}

/// Who read a shard to its end was told of all its children that are shown, and of no others.
fn check_children(read: &Read, shards: &[Shard]) -> Check {
    for (parent, (_, is_drained)) in &read.shards {
        let told = read.children.get(parent).cloned().unwrap_or_default();
        let is_right = |shard: &Shard| told.contains(&shard.index) == shard.parents.contains(parent);
        if *is_drained && !shards.iter().all(is_right) {
            return Err(format!("of shard {parent} {told:?} were told to be the children: {shards:?}"));
        }
    }
    Ok(())
}

/// The logs of a stream's shards, with all that was ever in them.
struct Logs(BTreeMap<u32, Vec<Entry>>);

/// What a stream keeps records for if nobody says otherwise.
const RETENTION_MS: u64 = 24 * 3_600_000;
/// The first byte of a marker.
const SEAL: u8 = 2;
/// The second byte of a record tells by this bit that its hash key stands before its partition key.
const HAS_HASH_KEY: u8 = 2;

impl Logs {
    /// Those of the only group that holds one of these records; nothing if none does.
    fn of(shared: &Shared, holds: impl Fn(u64) -> bool) -> Result<Option<Self>, String> {
        let logs = shared.logs().into_iter().filter(|log| log.group.0 >> 64 > 0);
        let all: Vec<(LogId, Vec<Entry>)> = logs.map(|log| (log, shared.history(log, Seq::ZERO))).collect();
        let held = |entries: &[Entry]| entries.iter().filter_map(id).filter_map(|id| id.parse().ok()).any(&holds);
        let groups: BTreeSet<LogGroup> =
            all.iter().filter(|(_, entries)| held(entries)).map(|(log, _)| log.group).collect();
        if groups.len() > 1 {
            return Err("its records stand in the logs of two streams".into());
        }
        let of_it = all.into_iter().filter(|(log, _)| groups.contains(&log.group));
        let logs: BTreeMap<u32, Vec<Entry>> = of_it.map(|(log, entries)| (log.part, entries)).collect();
        Ok((!logs.is_empty()).then_some(Self(logs)))
    }

    fn entries(&self, shard: u32) -> &[Entry] {
        self.0.get(&shard).map_or(&[], Vec::as_slice)
    }

    fn first(&self, shard: u32) -> Option<Stamp> {
        self.entries(shard).first().map(|entry| entry.stamp)
    }

    fn indexes(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }

    fn marker(&self, shard: u32) -> Option<Stamp> {
        let marker = self.entries(shard).iter().find(|entry| entry.bytes.first() == Some(&SEAL));
        marker.map(|entry| entry.stamp)
    }

    /// What stands before the first marker.
    fn accepted(&self, shard: u32) -> impl Iterator<Item = &Entry> {
        let end = self.marker(shard).map_or(Seq(u64::MAX), |marker| marker.seq);
        self.entries(shard).iter().take_while(move |entry| entry.stamp.seq < end)
    }

    /// The accepted records from before a time.
    fn past(&self, cutoff_ms: u64) -> BTreeSet<&str> {
        let accepted = self.indexes().flat_map(|shard| self.accepted(shard));
        accepted.filter(|entry| entry.stamp.time_ms < cutoff_ms).filter_map(id).collect()
    }

    /// Somebody who reads gets what counts and is within retention, and where he is told so all of it: nothing that was past it
    /// when he began, and everything that was not when he ended.
    fn check_read(&self, read: &Read) -> Check {
        // Who cannot hear of the end of a shard until its marker is gone takes what arrives there later for its records.
        let is_gone = |shard| self.marker(shard).is_some_and(|marker| marker.time_ms + RETENTION_MS < read.ended_ms);
        for (shard, (got, is_drained)) in read.shards.iter().filter(|(shard, _)| !is_gone(**shard)) {
            let mut rest = got.iter().map(|(id, _)| id.as_str()).peekable();
            for entry in self.accepted(*shard) {
                let time_ms = entry.stamp.time_ms;
                let is_got = rest.next_if_eq(&id(entry).unwrap_or_default()).is_some();
                let is_due = !is_got && (*is_drained || rest.peek().is_some());
                if (is_got && time_ms + RETENTION_MS < read.began_ms)
                    || (is_due && time_ms + RETENTION_MS >= read.ended_ms)
                {
                    return Err(format!("{:?} was read or left out of shard {shard}: {read:?}", id(entry)));
                }
            }
            if let Some(unknown) = rest.next() {
                return Err(format!("{unknown} was read of shard {shard} where it does not count, or twice: {read:?}"));
            }
        }
        Ok(())
    }
}

/// The partition key of a record.
fn id(entry: &Entry) -> Option<&str> {
    let (head, rest) = entry.bytes.split_first_chunk::<4>()?;
    let [kind, flags, low, high] = *head;
    let rest = if flags & HAS_HASH_KEY == 0 { rest } else { rest.get(16..)? };
    let key = rest.get(..usize::from(u16::from_le_bytes([low, high])))?;
    std::str::from_utf8(key).ok().filter(|_| kind != SEAL)
}
