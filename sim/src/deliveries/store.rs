//! A store of objects in memory: what is put there arrives and is answered when chance comes to it, is refused, or is stored
//! and told to have failed. Beside it, what deliveries reach otherwise, of which there is nothing.
//!
//! Invariant: an object that was stored stays as it is.
use crate::chance::Chance;
use bytes::Bytes;
use headwater_firehose::{
    outside::{Doing, Endpoints, Failure, Functions, Object, Objects, Post, Posted},
    source::{Source, SourcePage},
};
use headwater_log::{Bounds, Limits, LogError, LogId, Seq};
use std::{
    collections::BTreeMap,
    future::ready,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{oneshot, watch};

/// What becomes of a put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Fine,
    Refused,
    /// It is stored, and told to have failed.
    Kept,
    /// It is told to have failed, and arrives sometime.
    Late,
    /// It is stored, and that is told later.
    Untold,
}

/// What may happen but what is fine.
const FATES: [Fate; 4] = [Fate::Refused, Fate::Kept, Fate::Late, Fate::Untold];

/// A put on its way.
struct Called {
    object: Object,
    is_stored: bool,
    tell: Option<oneshot::Sender<Result<(), Failure>>>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    called: Vec<Called>,
    is_down: bool,
    wrong: Option<String>,
}

/// The store.
#[derive(Default)]
pub struct Store {
    state: Mutex<State>,
    /// How often something was stored.
    puts: watch::Sender<u64>,
}

impl Store {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often something was stored, now and at each change.
    pub fn puts(&self) -> watch::Receiver<u64> {
        self.puts.subscribe()
    }

    /// All objects, by their keys.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().objects.clone()
    }

    /// What was done to it that nobody may do.
    pub fn wrong(&self) -> Option<String> {
        self.state().wrong.clone()
    }

    /// How many puts are on their way.
    pub fn called(&self) -> usize {
        self.state().called.len()
    }

    /// From now on it refuses everything, or does not any more.
    pub fn set_down(&self, is_down: bool) {
        self.state().is_down = is_down;
    }

    /// A put arrives, is answered, or both.
    pub fn happen(&self, at: usize, chance: &mut Chance, is_peace: bool) -> String {
        let mut state = self.state();
        let Called { object, is_stored, tell } = state.called.remove(at);
        let fate = match chance.below(12) {
            _ if is_peace => Fate::Fine,
            _ if state.is_down && !is_stored => Fate::Refused,
            at => FATES.get(at as usize).copied().unwrap_or(Fate::Fine),
        };
        let told = format!("{} {fate:?}", object.key);
        if !is_stored && matches!(fate, Fate::Fine | Fate::Kept | Fate::Untold) {
            state.store(&object);
            self.puts.send_modify(|puts| *puts += 1);
        }
        // Nobody waits for what arrives when it was given up, or when who called is gone.
        match (fate, tell) {
            (Fate::Untold, tell) => state.called.push(Called { object, is_stored: true, tell }),
            (Fate::Fine, tell) => tell.into_iter().for_each(|tell| drop(tell.send(Ok(())))),
            (_, tell) => {
                tell.into_iter().for_each(|tell| drop(tell.send(Err(failure()))));
                if fate == Fate::Late && !is_stored {
                    state.called.push(Called { object, is_stored, tell: None });
                }
            }
        }
        told
    }
}

impl State {
    fn store(&mut self, object: &Object) {
        let body = object.body.concat();
        if self.objects.get(&object.key).is_some_and(|held| *held != body) {
            self.wrong = Some(format!("{} was stored with two contents", object.key));
        }
        self.objects.insert(object.key.clone(), body);
    }
}

fn failure() -> Failure {
    Failure { code: "S3.SlowDown".into(), message: "no".into(), is_permanent: false }
}

impl Objects for Store {
    fn put(&self, object: Object) -> Doing<'_, Result<(), Failure>> {
        let (tell, told) = oneshot::channel();
        self.state().called.push(Called { object, is_stored: false, tell: Some(tell) });
        Box::pin(async move { told.await.unwrap_or_else(|_| Err(failure())) })
    }

    fn get<'a>(&'a self, _: &'a str, _: &'a str, _: usize) -> Doing<'a, Result<Bytes, Failure>> {
        Box::pin(ready(Err(failure())))
    }
}

/// Nothing that is read, called or posted to.
pub struct Nothing;

impl Source for Nothing {
    fn shards(&self, _: &str) -> Option<Vec<LogId>> {
        None
    }

    fn place_at(&self, _: LogId, _: u64) -> Doing<'_, Result<Seq, LogError>> {
        Box::pin(ready(Ok(Seq::ZERO)))
    }

    fn read<'a>(&'a self, _: &'a str, _: LogId, from: Seq, _: Limits) -> Doing<'a, Result<SourcePage, LogError>> {
        Box::pin(ready(Ok(SourcePage { records: Vec::new(), next: from, is_drained: true })))
    }

    fn shard_name(&self, _: LogId) -> String {
        String::new()
    }

    fn watch(&self, _: LogId) -> watch::Receiver<Bounds> {
        watch::channel(Bounds::default()).1
    }

    fn changes(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}

impl Functions for Nothing {
    fn invoke<'a>(&'a self, _: &'a str, _: Bytes) -> Doing<'a, Result<Bytes, Failure>> {
        Box::pin(ready(Err(failure())))
    }
}

impl Endpoints for Nothing {
    fn post(&self, _: Post) -> Doing<'_, Result<Posted, Failure>> {
        Box::pin(ready(Err(failure())))
    }
}
