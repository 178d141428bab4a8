//! What was told of delivery streams, and what therefore must be true of them and of the store.
//!
//! By the rules alone: what was acknowledged is in an object of its delivery stream, with its bytes, and in one of the
//! backup where there is one, unless somebody wanted the delivery stream deleted since; what was refused, or never put, is
//! in none. An object has a record once, and records in the order they were put in, where that was told. What was made is
//! there, unless it was deleted, and what was deleted is not.
use crate::asked::{Asked, Outcome};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A record that was put to the delivery stream of a name, or a life of one.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    asked: Asked,
}

/// All delivery streams, as one process shows them at the end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct View(pub BTreeMap<String, Value>);

/// What was told.
#[derive(Default)]
pub struct Told {
    puts: BTreeMap<u64, Named>,
    /// By number: each creation of a delivery stream.
    lives: BTreeMap<u64, Named>,
    deletions: BTreeMap<u64, Named>,
    updates: BTreeMap<u64, Named>,
    given: u64,
    pub ends: Vec<View>,
}

/// What is asked for of a delivery stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Put,
    Create,
    Delete,
    Update,
}

type Check = Result<(), String>;

/// What a record carries.
pub fn body(id: u64) -> String {
    format!("{id}:{}\n", "x".repeat((id % 40) as usize))
}

/// What the keys of a life's objects begin with, and those of its backup's.
pub fn prefixes(life: u64) -> (String, String) {
    (format!("life-{life}/"), format!("backup-{life}/"))
}

/// Every other one has a backup.
pub const fn has_backup(life: u64) -> bool {
    life.is_multiple_of(2)
}

impl Told {
    fn of(&mut self, kind: Kind) -> &mut BTreeMap<u64, Named> {
        match kind {
            Kind::Put => &mut self.puts,
            Kind::Create => &mut self.lives,
            Kind::Delete => &mut self.deletions,
            Kind::Update => &mut self.updates,
        }
    }

    /// Something is asked for; its number.
    pub fn ask(&mut self, kind: Kind, name: &str, now: u64) -> u64 {
        self.given += 1;
        let id = self.given;
        self.of(kind).insert(id, Named { name: name.to_owned(), asked: Asked::at(now) });
        id
    }

    /// What came of it.
    pub fn answer(&mut self, kind: Kind, id: u64, outcome: Outcome, now: u64) {
        self.of(kind).entry(id).and_modify(|named| named.asked.answer(outcome, now));
    }

    /// Whether its delivery stream may have been deleted after that was begun.
    fn is_deleted(&self, Named { name, asked }: &Named) -> bool {
        let mut deletions = self.deletions.values().filter(|deletion| deletion.name == *name);
        deletions.any(|deletion| !deletion.asked.is_refused() && deletion.asked.ended >= asked.began)
    }

    /// The records that have to be delivered.
    pub fn due(&self) -> Vec<u64> {
        let due = self.puts.iter().filter(|(_, put)| put.asked.is_done() && !self.is_deleted(put));
        due.map(|(id, _)| *id).collect()
    }

    pub fn check(&self, objects: &BTreeMap<String, Vec<u8>>) -> Check {
        let Some((last, others)) = self.ends.split_last() else { return Ok(()) };
        if let Some(other) = others.iter().find(|other| *other != last) {
            return Err(format!("two show different delivery streams: {other:?} and {last:?}"));
        }
        let names: BTreeSet<&String> = self.lives.values().map(|life| &life.name).collect();
        names.into_iter().try_for_each(|name| self.check_stream(name, last.0.get(name)))?;
        let delivered = Delivered::of(objects)?;
        delivered.check_all(&self.due())?;
        for (id, lives) in &delivered.good {
            let put = self.puts.get(id).ok_or_else(|| format!("{id} was never put"))?;
            let is_right = |life: &u64| self.lives.get(life).is_some_and(|life| life.name == put.name);
            if put.asked.is_refused() || !lives.iter().all(is_right) {
                return Err(format!("{id}, {put:?}, was delivered to {lives:?}"));
            }
        }
        delivered.orders.iter().try_for_each(|ids| self.check_order(ids))
    }

    fn check_stream(&self, name: &str, shown: Option<&Value>) -> Check {
        let lives = || self.lives.iter().filter(|(_, life)| life.name == name);
        let Some(shown) = shown else {
            let missing = lives().find(|(_, life)| life.asked.is_done() && !self.is_deleted(life));
            return missing.map_or(Ok(()), |(id, _)| Err(format!("{name}, life {id}, was made and is not there")));
        };
        let life = life_of(shown).and_then(|id| self.lives.get(&id).filter(|life| life.name == name));
        let life = life.filter(|life| !life.asked.is_refused());
        let life = life.ok_or_else(|| format!("{name} is there, which was not made: {shown}"))?;
        let mut deletions = self.deletions.values().filter(|deletion| deletion.name == name);
        if deletions.any(|deletion| deletion.asked.is_done() && deletion.asked.began > life.asked.ended) {
            return Err(format!("{name} was deleted, and is there: {shown}"));
        }
        let updates = || self.updates.values().filter(|update| update.name == name);
        let done = updates().filter(|update| update.asked.is_done()).count();
        let most = updates().filter(|update| !update.asked.is_refused()).count();
        let version = shown["VersionId"].as_str().and_then(|version| version.parse::<usize>().ok()).unwrap_or_default();
        if !self.deletions.values().any(|deletion| deletion.name == name) && !(done..=most).contains(&(version - 1)) {
            return Err(format!("{name} was updated {done} to {most} times: {shown}"));
        }
        if !shown["FailureDescription"].is_null() {
            return Err(format!("{name} is delivered, and shown as failing: {shown}"));
        }
        Ok(())
    }

    /// What was put after something had been acknowledged stands behind it.
    fn check_order(&self, ids: &[u64]) -> Check {
        for (at, id) in ids.iter().enumerate() {
            let puts = |id: &u64| self.puts.get(id).map(|put| &put.asked);
            let is_after = |later: &&u64| match (puts(id), puts(later)) {
                (Some(put), Some(later)) => later.is_done() && later.ended < put.began,
                _ => false,
            };
            if let Some(later) = ids[at + 1..].iter().find(is_after) {
                return Err(format!("{later} was put before {id}, and stands behind it"));
            }
        }
        Ok(())
    }
}

/// The life that is shown, by the prefix of its objects.
fn life_of(shown: &Value) -> Option<u64> {
    let s3 = &shown["Destinations"][0]["ExtendedS3DestinationDescription"];
    s3["Prefix"].as_str()?.strip_prefix("life-")?.strip_suffix('/')?.parse().ok()
}

/// What is in the store.
#[derive(Default)]
pub struct Delivered {
    /// By record: the lives that delivered it.
    good: BTreeMap<u64, BTreeSet<u64>>,
    backup: BTreeMap<u64, BTreeSet<u64>>,
    /// The records of each object.
    orders: Vec<Vec<u64>>,
}

impl Delivered {
    /// # Errors
    /// An object that holds anything else than records, each once.
    pub fn of(objects: &BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let mut delivered = Self::default();
        for (key, held) in objects {
            let strange = || format!("{key} holds {:?}", String::from_utf8_lossy(held));
            let (kind, rest) = key.split_once('-').ok_or_else(strange)?;
            let life: u64 = rest.split_once('/').and_then(|(life, _)| life.parse().ok()).ok_or_else(strange)?;
            let text = std::str::from_utf8(held).map_err(|_| strange())?;
            let mut ids = Vec::new();
            for line in text.split_inclusive('\n') {
                let id = line.split_once(':').and_then(|(id, _)| id.parse().ok()).ok_or_else(strange)?;
                if line != body(id) || ids.contains(&id) {
                    return Err(strange());
                }
                ids.push(id);
                let lives = if kind == "life" { &mut delivered.good } else { &mut delivered.backup };
                lives.entry(id).or_default().insert(life);
            }
            delivered.orders.push(ids);
        }
        Ok(delivered)
    }

    /// # Errors
    /// A record of these that is not there, or not in its backup.
    pub fn check_all(&self, due: &[u64]) -> Check {
        let is_there = |id: &&u64| {
            let mut lives = self.good.get(id).into_iter().flatten();
            lives.any(|life| !has_backup(*life) || self.backup.get(id).is_some_and(|lives| lives.contains(life)))
        };
        let missing = due.iter().find(|id| !is_there(id));
        missing.map_or(Ok(()), |id| Err(format!("{id} was acknowledged and is not delivered")))
    }
}
