//! A machine that several processes decide for: who decides, what counts, what is answered, snapshots and trims.
//!
//! What must be true: every decision that counts was made upon the one before it; what was acknowledged counts, once;
//! what was told not to be done never does; a strong read sees what was acknowledged before it; all come to the same.
use crate::{
    cast::{Cast, Doing, Parts},
    chance::Chance,
};
use headwater_log::{
    LogError, LogGroup, LogId,
    machine::Machine,
    replica::{Home, Replica, SubmitError},
    shared::Shared,
};
use std::{collections::BTreeMap, sync::Arc};

const LOG: LogId = LogId::new(LogGroup(9), 0);
const HOME: Home = Home { log: LOG, snapshots: LogId::new(LogGroup(9), 1), snapshot_every: 7 };

/// All numbers that were ever given, in order. Odd ones are refused after an odd one.
pub struct Chain(Vec<u64>);

impl Machine for Chain {
    type Command = u64;
    /// A number, and upon how many.
    type Change = (u64, u64);
    type Answer = u64;
    type Refusal = u64;

    fn empty() -> Self {
        Self(Vec::new())
    }

    fn decide(&self, command: u64, _now_ms: u64) -> Result<(Vec<(u64, u64)>, u64), u64> {
        let held = self.0.len() as u64;
        match self.0.last() {
            Some(last) if last % 2 == 1 && command % 2 == 1 => Err(held),
            _ => Ok((vec![(command, held)], held)),
        }
    }

    fn apply(&mut self, change: &(u64, u64)) {
        // What was decided upon something else shows as a gap.
        self.0.extend((self.0.len() as u64 != change.1).then_some(u64::MAX));
        self.0.push(change.0);
    }

    fn encode(changes: &[(u64, u64)]) -> Vec<u8> {
        numbers(changes.iter().flat_map(|change| [change.0, change.1]))
    }

    fn decode(bytes: &[u8]) -> Result<Vec<(u64, u64)>, String> {
        Ok(of_bytes(bytes).chunks(2).map(|change| (change[0], change[1])).collect())
    }

    fn snapshot(&self) -> Vec<u8> {
        numbers(self.0.iter().copied())
    }

    fn restore(bytes: &[u8]) -> Result<Self, String> {
        Ok(Self(of_bytes(bytes)))
    }
}

fn numbers(of: impl Iterator<Item = u64>) -> Vec<u8> {
    of.flat_map(u64::to_le_bytes).collect()
}

fn of_bytes(bytes: &[u8]) -> Vec<u64> {
    bytes.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect()
}

#[derive(Default)]
pub struct Decisions {
    given: u64,
    /// By number: what it was decided upon, or that it was not done.
    told: BTreeMap<u64, Result<u64, ()>>,
    /// How many there were at least, as was told.
    least: u64,
    /// What was seen: at least so many, and how many at the beginning.
    seen: Vec<(u64, u64)>,
    ends: Vec<Vec<u64>>,
}

pub enum Saw {
    Decided { number: u64, outcome: Result<u64, SubmitError<u64>>, least: u64 },
    Read { held: Option<u64>, least: u64 },
    All(Vec<u64>),
}

impl Cast for Decisions {
    type Service = Arc<Replica<Chain>>;
    type Saw = Saw;

    fn open(&mut self, parts: Parts) -> Doing<Result<Self::Service, LogError>> {
        Box::pin(Replica::open(parts.engine, HOME))
    }

    fn duties(&self, _: &Self::Service) -> Vec<Doing<()>> {
        Vec::new()
    }

    fn call(&mut self, chance: &mut Chance, service: &Self::Service, _: u64) -> Doing<Saw> {
        let (replica, least) = (Arc::clone(service), self.least);
        if chance.once_in(4) {
            return Box::pin(async move {
                let caught_up = replica.catch_up().await;
                let held = replica.read().0.len() as u64;
                Saw::Read { held: caught_up.is_ok().then_some(held), least }
            });
        }
        self.given += 1;
        let number = self.given;
        Box::pin(async move { Saw::Decided { number, outcome: replica.submit(number, 0).await, least } })
    }

    fn saw(&mut self, saw: Saw, _: u64) -> String {
        match saw {
            Saw::Decided { number, outcome, least } => {
                let told = format!("{number} {outcome:?}");
                match outcome {
                    Ok(upon) => {
                        self.told.insert(number, Ok(upon));
                        self.seen.push((upon, least));
                        self.least = self.least.max(upon + 1);
                    }
                    Err(SubmitError::Refused(held)) => {
                        self.told.insert(number, Err(()));
                        self.seen.push((held, least));
                    }
                    Err(SubmitError::Log(LogError::Unavailable(_))) => drop(self.told.insert(number, Err(()))),
                    Err(SubmitError::Log(_)) => {}
                }
                told
            }
            Saw::Read { held, least } => {
                self.seen.extend(held.map(|held| (held, least)));
                format!("reads {held:?}")
            }
            Saw::All(all) => {
                let told = format!("all: {all:?}");
                self.ends.push(all);
                told
            }
        }
    }

    fn look(&mut self, service: &Self::Service, _: u64) -> Doing<Result<Saw, String>> {
        let replica = Arc::clone(service);
        Box::pin(async move {
            let decided = replica.submit(0, 0).await;
            decided.map_err(|error| format!("in peace nothing can be decided: {error:?}"))?;
            Ok(Saw::All(replica.read().0.clone()))
        })
    }

    fn check(&mut self, _: &Shared) -> Result<(), String> {
        let Some(last) = self.ends.last() else { return Ok(()) };
        if let Some(end) = self.ends.iter().find(|end| !last.starts_with(end)) {
            return Err(format!("two come to different ends: {end:?} and {last:?}"));
        }
        if last.contains(&u64::MAX) {
            return Err(format!("a decision counts that was not made upon all before it: {last:?}"));
        }
        for (number, told) in &self.told {
            let mut places = last.iter().enumerate().filter(|(_, held)| *held == number).map(|(at, _)| at as u64);
            match (told, places.next()) {
                (Ok(upon), Some(at)) if *upon == at && places.next().is_none() => {}
                (Err(()), None) => {}
                (told, at) => return Err(format!("{number} was told {told:?}, and is at {at:?} of {last:?}")),
            }
        }
        match self.seen.iter().find(|(held, least)| held < least) {
            Some((held, least)) => Err(format!("{held} were seen where {least} had been told of before")),
            None => Ok(()),
        }
    }
}
