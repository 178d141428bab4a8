//! The four verbs over any [`Client`].
//!
//! Invariant: what an append answers stands in the log as answered; bounds cover an append before it is answered.
use crate::{
    checks::MAX_ENTRY_BYTES,
    client::{Answer, Client, ClientError, Ends, Place},
    logs::{Log, Waiting},
    names::Life,
    topics::{Home, Topics},
};
use bytes::Bytes;
use headwater_log::{Bounds, Commit, LogError, LogGroup, LogId, Seq, Stamp, clock::Clock};
use std::{
    collections::{BTreeSet, HashMap},
    future::ready,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::{
    runtime::Handle,
    sync::{Notify, oneshot, watch},
    task::JoinSet,
};

/// Appends that wait for the brokers may hold this much; more are refused.
const MAX_WAITING_BYTES: usize = 256 << 20;
/// When it opens, of so many logs that came from elsewhere it asks at once where they begin.
const LOOKS_AT_ONCE: usize = 64;
/// What an entry holds beside its bytes.
const ENTRY_OVERHEAD_BYTES: usize = 128;

/// An engine over a client.
pub(crate) struct Core<C> {
    pub(crate) client: C,
    pub(crate) topics: Topics,
    pub(crate) clock: Arc<dyn Clock>,
    /// Told when a log is watched that was not.
    pub(crate) watching: Arc<Notify>,
    logs: Mutex<HashMap<LogId, Arc<Log>>>,
    watched: Mutex<BTreeSet<LogId>>,
    waiting_bytes: AtomicUsize,
    runtime: Handle,
}

impl<C: Client> Core<C> {
    /// An engine on the runtime it is called in, that knows of every log there is.
    pub(crate) async fn open(client: C, topics: Topics, clock: Arc<dyn Clock>) -> Answer<Arc<Self>> {
        let found = topics.survey(&client).await?;
        let all: Vec<_> = found.iter().map(|(_, home)| home.partition.clone()).collect();
        let ends = if all.is_empty() { Vec::new() } else { client.ends(&all).await? };
        let core = Arc::new(Self {
            client,
            topics,
            clock,
            watching: Arc::default(),
            logs: Mutex::default(),
            watched: Mutex::default(),
            waiting_bytes: AtomicUsize::new(0),
            runtime: Handle::current(),
        });
        let homes: HashMap<_, _> = found.into_iter().map(|(log, home)| (home.partition.clone(), (log, home))).collect();
        for (partition, ends) in ends {
            if let Some((log, home)) = homes.get(&partition) {
                learn(&core.log(*log), home, ends);
            }
        }
        let mut moved = homes.into_values().filter(|(_, home)| home.moved.is_some());
        let mut looking = JoinSet::new();
        loop {
            let next = if looking.len() < LOOKS_AT_ONCE { moved.next() } else { None };
            if let Some((log, home)) = next {
                let core = Arc::clone(&core);
                looking.spawn(async move { core.learn_moved(&core.log(log), &home).await });
            } else if let Some(looked) = looking.join_next().await {
                looked.map_err(|died| ClientError::Refused(died.to_string()))??;
            } else {
                return Ok(core);
            }
        }
    }

    pub(crate) fn append(self: &Arc<Self>, id: LogId, entries: Vec<Bytes>) -> Commit {
        if entries.is_empty() {
            return Box::pin(ready(Ok(Vec::new())));
        }
        if let Some(large) = entries.iter().map(Bytes::len).find(|len| *len > MAX_ENTRY_BYTES) {
            let why = format!("an entry of {large} bytes was not written: {MAX_ENTRY_BYTES} are taken");
            return Box::pin(ready(Err(LogError::Io(why))));
        }
        let size_bytes: usize = entries.iter().map(|entry| entry.len() + ENTRY_OVERHEAD_BYTES).sum();
        let reserve = |held: usize| held.checked_add(size_bytes).filter(|sum| *sum <= MAX_WAITING_BYTES || held == 0);
        if self.waiting_bytes.fetch_update(Relaxed, Relaxed, reserve).is_err() {
            return Box::pin(ready(Err(LogError::Full)));
        }
        let (tell, told) = oneshot::channel();
        let log = self.log(id);
        if log.appends.enqueue(Waiting { entries, size_bytes, tell }, size_bytes) {
            self.runtime.spawn(Arc::clone(self).take_turns(log));
        }
        Box::pin(async move {
            told.await.unwrap_or_else(|_| Err(LogError::Io("the writer stopped; whether it wrote is unknown".into())))
        })
    }

    /// Writes what waits for its turn in a log, until nothing does.
    async fn take_turns(self: Arc<Self>, log: Arc<Log>) {
        while let Some(turn) = log.appends.next() {
            let values = turn.iter().flat_map(|append| append.entries.iter().cloned()).collect();
            let mut outcome = self.write(&log, values).await;
            for append in turn {
                let stamps = match &mut outcome {
                    Ok(stamps) => Ok(stamps.drain(..append.entries.len().min(stamps.len())).collect()),
                    Err(error) => Err(error.clone()),
                };
                self.waiting_bytes.fetch_sub(append.size_bytes, Relaxed);
                let _ = append.tell.send(stamps); // who dropped the commit does not want to know
            }
        }
    }

    async fn write(self: &Arc<Self>, log: &Log, values: Vec<Bytes>) -> Result<Vec<Stamp>, LogError> {
        let home = self.topics.make(&self.client, log.id, || self.parts(log.id.group)).await.map_err(|error| {
            LogError::Unavailable(format!("log {} cannot be found or made, nothing was written: {error}", log.id))
        })?;
        match self.client.produce(&home.partition, values).await {
            Ok(places) => {
                let stamps: Vec<Stamp> = places.into_iter().map(|place| stamp(home.life, place)).collect();
                if let Some(last) = stamps.last() {
                    log.learn(home.first(0), last.seq.next());
                }
                log.wrote(&stamps);
                Ok(stamps)
            }
            Err(ClientError::Unanswered(why)) => {
                Err(LogError::Io(format!("whether log {} was written to is unknown: {why}", log.id)))
            }
            Err(error) => {
                match error {
                    ClientError::Missing => self.topics.forget(log.id.group),
                    // Nobody waits to hear whether another node deleted the group.
                    _ => drop(self.runtime.spawn(Arc::clone(self).look_again(log.id.group, home))),
                }
                Err(LogError::Unavailable(format!("log {}: nothing was written: {error}", log.id)))
            }
        }
    }

    /// Forgets where a group is if it is not there any more.
    async fn look_again(self: Arc<Self>, group: LogGroup, home: Home) {
        let topic = home.partition.topic.to_string();
        if let Ok(there) = self.client.partitions(std::slice::from_ref(&topic)).await
            && !there.contains_key(&topic)
        {
            self.topics.forget(group);
        }
    }

    /// See [`headwater_log::Engine::prepare`].
    pub(crate) async fn prepare(&self, group: LogGroup, parts: u32) -> Result<(), LogError> {
        let Some(last) = parts.checked_sub(1) else { return Ok(()) };
        let made = self.topics.make(&self.client, LogId::new(group, last), || parts).await;
        made.map(drop).map_err(|error| LogError::Unavailable(format!("group {group} cannot be made: {error}")))
    }

    /// How many parts a group must have for all its logs that are known here.
    fn parts(&self, group: LogGroup) -> u32 {
        let parts = self.logs().keys().filter(|log| log.group == group).map(|log| log.part.saturating_add(1)).max();
        parts.unwrap_or(0)
    }

    pub(crate) async fn trim(&self, id: LogId, before: Seq) -> Result<(), LogError> {
        let Some(home) = self.find(id).await? else { return Ok(()) };
        let log = self.log(id);
        let ends = self.learn_ends(&log, &home).await?;
        if let Some(moved) = &home.moved {
            self.trim_moved(&log, &home, moved, before.min(Seq(home.life.base))).await?;
        }
        let before = home.life.offset(before).min(ends.tail);
        if before <= ends.first {
            return Ok(());
        }
        match self.client.delete_records(&home.partition, before).await {
            Ok(first) => learn(&log, &home, Ends { first, tail: ends.tail }),
            Err(ClientError::Missing) => self.topics.forget(id.group),
            Err(error) => return Err(LogError::Io(format!("log {id} cannot be trimmed: {error}"))),
        }
        Ok(())
    }

    pub(crate) fn watch(&self, id: LogId) -> watch::Receiver<Bounds> {
        let bounds = self.log(id).bounds.subscribe();
        if self.watched().insert(id) {
            self.watching.notify_one();
        }
        bounds
    }

    /// See [`headwater_log::Engine::written_here_since`]. A log that was never written to here begins nowhere.
    pub(crate) fn written_here_since(&self, id: LogId) -> Seq {
        self.logs().get(&id).map_or(Seq(u64::MAX), |log| log.written_since())
    }

    pub(crate) fn bounds(&self, id: LogId) -> Bounds {
        self.logs().get(&id).map_or_else(Bounds::default, |log| *log.bounds.borrow())
    }

    /// See [`headwater_log::Engine::bounds_now`].
    pub(crate) async fn bounds_now(&self, id: LogId) -> Result<Bounds, LogError> {
        if let Some(home) = self.find(id).await? {
            self.learn_ends(&self.log(id), &home).await?;
        }
        Ok(self.bounds(id))
    }

    /// Deletes all logs of a group: its topic goes. Should one be appended to again, its places go on behind those that were.
    pub(crate) async fn delete_group(&self, group: LogGroup) -> Result<(), LogError> {
        let deleted = self.topics.delete(&self.client, group).await;
        let next = deleted.map_err(|error| LogError::Io(format!("group {group} cannot be deleted: {error}")))?;
        let Some(next) = next else { return Ok(()) };
        let logs = self.logs();
        for log in logs.values().filter(|log| log.id.group == group) {
            log.learn(Seq(next.base), Seq(next.base));
        }
        Ok(())
    }

    /// The logs somebody still watches.
    pub(crate) fn watched_logs(&self) -> Vec<Arc<Log>> {
        let mut watched = self.watched();
        let mut logs = self.logs();
        let mut kept = Vec::new();
        watched.retain(|id| {
            let log = logs.get(id).filter(|log| log.bounds.receiver_count() > 0);
            kept.extend(log.cloned());
            let gone = log.is_none();
            if gone && logs.get(id).is_some_and(|log| Arc::strong_count(log) == 1 && log.is_blank()) {
                logs.remove(id);
            }
            !gone
        });
        kept
    }

    pub(crate) async fn find(&self, id: LogId) -> Result<Option<Home>, LogError> {
        let found = self.topics.find(&self.client, id).await;
        found.map_err(|error| LogError::Io(format!("log {id} cannot be looked for: {error}")))
    }

    pub(crate) async fn learn_ends(&self, log: &Log, home: &Home) -> Result<Ends, LogError> {
        let asked = self.client.ends(std::slice::from_ref(&home.partition)).await;
        let ends = asked.map_err(|error| LogError::Io(format!("the ends of log {} are unknown: {error}", log.id)))?;
        let (_, ends) = ends.first().ok_or_else(|| LogError::Io(format!("log {} has no ends", log.id)))?;
        learn(log, home, *ends);
        Ok(*ends)
    }

    /// Behind every place there ever was.
    pub(crate) async fn furthest(&self) -> Seq {
        let tails = self.known_logs().into_iter().map(|log| self.bounds(log).tail).max();
        tails.unwrap_or_default().max(Seq(self.topics.furthest().await))
    }

    /// The logs that are known.
    pub(crate) fn known_logs(&self) -> Vec<LogId> {
        let mut known: Vec<LogId> = self.logs().keys().copied().collect();
        known.sort_unstable();
        known
    }

    pub(crate) fn log(&self, id: LogId) -> Arc<Log> {
        Arc::clone(self.logs().entry(id).or_insert_with(|| Arc::new(Log::new(id))))
    }

    fn logs(&self) -> MutexGuard<'_, HashMap<LogId, Arc<Log>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, BTreeSet<LogId>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Drop for Core<C> {
    fn drop(&mut self) {
        self.watching.notify_one(); // lets the task that follows tails find the engine gone
    }
}

/// Takes in the ends of a log's partition.
pub(crate) fn learn(log: &Log, home: &Home, ends: Ends) {
    log.learn(home.first(ends.first), home.life.seq(ends.tail));
}

pub(crate) fn stamp(life: Life, place: Place) -> Stamp {
    Stamp { seq: life.seq(place.offset), time_ms: place.time_ms }
}
