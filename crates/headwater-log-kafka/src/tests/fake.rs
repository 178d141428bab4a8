//! A Kafka cluster in memory that several engines may share, with faults on demand.
use crate::{
    checks::Described,
    client::{Answer, Client, ClientError, Ends, NewTopic, Page, Place, Record},
    names::Partition,
};
use bytes::Bytes;
use headwater_log::{Limits, clock::Clock};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::sync::Notify;

/// What goes wrong with a call that produces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The brokers do not take it.
    Refused,
    /// They take it, and the answer is lost.
    AnswerLost,
    /// They are lost before they take it, which nobody is told.
    Lost,
}

#[derive(Clone)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<String, Vec<Log>>,
    faults: VecDeque<Fault>,
    stalled: bool,
    /// Fetches that find the leader too new to show what was written last.
    lags: u32,
}

#[derive(Default)]
struct Log {
    first: i64,
    records: Vec<Record>,
}

impl Log {
    fn ends(&self) -> Ends {
        Ends { first: self.first, tail: self.records.len().try_into().unwrap() }
    }
}

impl Fake {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { state: Arc::default(), changed: Arc::default(), clock }
    }

    /// Lets the next calls that produce go wrong, one fault each.
    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// While stalled, nothing is produced and nothing answered.
    pub(crate) fn stall(&self, stalled: bool) {
        self.state().stalled = stalled;
        self.changed.notify_waiters();
    }

    /// Lets the next fetches end before the last record.
    pub(crate) fn lag(&self, fetches: u32) {
        self.state().lags = fetches;
    }

    pub(crate) fn topic_names(&self) -> Vec<String> {
        self.state().topics.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn with<T>(&self, partition: &Partition, act: impl FnOnce(&mut Log) -> Answer<T>) -> Answer<T> {
        let mut state = self.state();
        let partitions = state.topics.get_mut(&*partition.topic).ok_or(ClientError::Missing)?;
        let index = usize::try_from(partition.index).unwrap();
        act(partitions.get_mut(index).ok_or(ClientError::Missing)?)
    }
}

impl Client for Fake {
    async fn produce(&self, to: &Partition, values: Vec<Bytes>) -> Answer<Vec<Place>> {
        while self.state().stalled {
            let _ = tokio::time::timeout(Duration::from_millis(5), self.changed.notified()).await;
        }
        let fault = self.state().faults.pop_front();
        match fault {
            Some(Fault::Refused) => return Err(ClientError::Refused("too few replicas".into())),
            Some(Fault::Lost) => return Err(ClientError::Unanswered("no answer".into())),
            Some(Fault::AnswerLost) | None => {}
        }
        tokio::task::yield_now().await;
        let time_ms = self.clock.now_ms();
        let places = self.with(to, |log| {
            let put = values.into_iter().map(|value| {
                let place = Place { offset: log.records.len().try_into().unwrap(), time_ms };
                log.records.push(Record { place, value });
                place
            });
            Ok(put.collect())
        })?;
        self.changed.notify_waiters();
        tokio::task::yield_now().await;
        if fault.is_some() { Err(ClientError::Unanswered("no answer".into())) } else { Ok(places) }
    }

    async fn fetch(&self, from: &Partition, offset: i64, _limits: Limits) -> Answer<Page> {
        let lags = {
            let lags = &mut self.state().lags;
            std::mem::replace(lags, lags.saturating_sub(1)) > 0
        };
        self.with(from, |log| {
            let mut ends = log.ends();
            ends.tail -= i64::from(lags && offset < ends.tail);
            if offset < ends.first || offset > ends.tail {
                return Err(ClientError::OutOfRange);
            }
            let shown = log.records.iter().take(usize::try_from(ends.tail).unwrap());
            let page = shown.skip(usize::try_from(offset).unwrap()).take(7);
            Ok(Page { records: page.cloned().collect(), ends })
        })
    }

    async fn await_tails(&self, beyond: &[(Partition, i64)]) -> Answer<Vec<(Partition, Ends)>> {
        let of: Vec<Partition> = beyond.iter().map(|(partition, _)| partition.clone()).collect();
        let changed = self.changed.notified();
        let now = self.ends(&of).await?;
        if now.iter().zip(beyond).all(|((_, ends), (_, tail))| ends.tail <= *tail) {
            let _ = tokio::time::timeout(Duration::from_millis(20), changed).await;
        }
        self.ends(&of).await
    }

    async fn ends(&self, of: &[Partition]) -> Answer<Vec<(Partition, Ends)>> {
        of.iter().map(|partition| Ok((partition.clone(), self.with(partition, |log| Ok(log.ends()))?))).collect()
    }

    async fn delete_records(&self, of: &Partition, before: i64) -> Answer<i64> {
        let first = self.with(of, |log| {
            if before > log.ends().tail {
                return Err(ClientError::OutOfRange);
            }
            log.first = log.first.max(before);
            Ok(log.first)
        });
        self.changed.notify_waiters();
        first
    }

    async fn topics(&self) -> Answer<Vec<String>> {
        Ok(self.topic_names())
    }

    async fn partitions(&self, of: &[String]) -> Answer<BTreeMap<String, i32>> {
        let state = self.state();
        let count = |name: &String| Some((name.clone(), state.topics.get(name)?.len().try_into().unwrap()));
        Ok(of.iter().filter_map(count).collect())
    }

    async fn create_topic(&self, topic: &NewTopic<'_>) -> Answer<bool> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        if state.topics.contains_key(topic.name) {
            return Ok(false);
        }
        let partitions = (0..topic.partitions).map(|_| Log::default()).collect();
        state.topics.insert(topic.name.to_owned(), partitions);
        Ok(true)
    }

    async fn grow_topic(&self, topic: &str, partitions: i32) -> Answer<()> {
        tokio::task::yield_now().await;
        let mut state = self.state();
        let held = state.topics.get_mut(topic).ok_or(ClientError::Missing)?;
        let wanted = usize::try_from(partitions).unwrap().max(held.len());
        held.resize_with(wanted, Log::default);
        Ok(())
    }

    async fn delete_topic(&self, topic: &str) -> Answer<()> {
        self.state().topics.remove(topic);
        self.changed.notify_waiters();
        Ok(())
    }

    async fn describe(&self, _topics: &[String]) -> Answer<Described> {
        Ok(Described::default())
    }
}
