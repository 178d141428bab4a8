//! One process's way to the logs: an engine whose calls come to something by themselves, or only when they are told to.
//!
//! Invariant: of one log, one turn is on its way at a time; bounds cover an append before it is answered.
use super::{Event, Fate, Shared, Sight};
use crate::{
    Batch, Bounds, Commit, Engine, Entry, Limits, LogError, LogId, Seq, Stamp,
    engine::{Asking, Reading, Trimming},
    rules::{self, Rule},
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, VecDeque},
    future::{Future, ready},
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::yield_now,
};

/// A process that runs by itself reads so many entries at a time, so that pages have ends.
const PAGE_ENTRIES: usize = 3;

type Told<T> = oneshot::Sender<Result<T, LogError>>;

/// An append on its way.
struct Called {
    log: LogId,
    entries: Vec<Bytes>,
    fate: Fate,
    tell: Told<Vec<Stamp>>,
}

/// Appends that have arrived, or never will, without an answer so far.
struct Written {
    log: LogId,
    outcome: Result<(Seq, Vec<Stamp>), LogError>,
    tell: Vec<(usize, Told<Vec<Stamp>>)>,
}

enum Asked {
    Read(LogId, Seq, Limits, Told<Batch>),
    Bounds(LogId, Told<Bounds>),
    Trim(LogId, Seq, Told<()>),
}

/// One process's way to the logs.
pub struct Way {
    shared: Arc<Shared>,
    state: Mutex<State>,
    sight: Sight,
    /// Wakes the task of a process that runs by itself.
    called: Option<mpsc::UnboundedSender<()>>,
    /// What becomes of the next appends of a process that runs by itself.
    pub fates: Mutex<VecDeque<Fate>>,
    /// Whether they arrive.
    pub is_open: watch::Sender<bool>,
    /// How often a log may be read before that fails; `None`: always.
    pub reads: Mutex<Option<(LogId, usize)>>,
}

#[derive(Default)]
struct State {
    /// In the order of calls.
    called: VecDeque<Called>,
    /// One of a log at a time.
    written: Vec<Written>,
    asked: Vec<Asked>,
    /// The last places behind one another that were all written here.
    own: BTreeMap<LogId, Range<Seq>>,
    /// What was heard of where logs begin and end.
    heard: BTreeMap<LogId, watch::Sender<Bounds>>,
    is_gone: bool,
}

impl Way {
    /// The way of a process that runs by itself: its appends arrive one after the other, at once if nothing else was set.
    #[must_use]
    pub fn new(shared: &Arc<Shared>, sight: Sight) -> Arc<Self> {
        let (called, mut calls) = mpsc::unbounded_channel();
        let way = Arc::new(Self { called: Some(called), ..Self::make(shared, sight) });
        let (it, mut open) = (Arc::downgrade(&way), way.is_open.subscribe());
        tokio::spawn(async move {
            while calls.recv().await.is_some() && open.wait_for(|is_open| *is_open).await.is_ok() {
                yield_now().await;
                let Some(way) = it.upgrade() else { return };
                let Some(call) = way.state().called.pop_front() else { continue };
                let (log, fate) = (call.log, call.fate);
                way.arrive(log, vec![call], fate);
                way.answer(log, Fate::Fine);
                if fate == Fate::Fine {
                    way.shared.let_in();
                }
            }
        });
        way
    }

    /// The way of a process to which nothing happens but by [`Way::happen`].
    #[must_use]
    pub fn by_hand(shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self::make(shared, Sight::Common))
    }

    fn make(shared: &Arc<Shared>, sight: Sight) -> Self {
        Self {
            shared: Arc::clone(shared),
            state: Mutex::default(),
            sight,
            called: None,
            fates: Mutex::default(),
            is_open: watch::Sender::new(true),
            reads: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of the next appends of a process that runs by itself.
    pub fn next_fates(&self, fates: &[Fate]) {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner).extend(fates);
    }

    /// What may happen next.
    #[must_use]
    pub fn due(&self) -> Vec<Event> {
        let state = self.state();
        let mut due: Vec<Event> = state.written.iter().map(|written| Event::Answered(written.log)).collect();
        for Called { log, .. } in &state.called {
            if !due.contains(&Event::Answered(*log)) && !due.contains(&Event::Arrives(*log)) {
                due.push(Event::Arrives(*log));
            }
        }
        due.extend((0..state.asked.len()).map(Event::Asked));
        let is_news =
            |(log, heard): &(&LogId, &watch::Sender<Bounds>)| *heard.borrow() != self.shared.log.bounds(**log);
        due.extend(state.heard.iter().filter(is_news).map(|(log, _)| Event::Hears(*log)));
        due
    }

    /// Has one of these happen, with what becomes of it.
    pub fn happen(&self, event: Event, fate: Fate) {
        match event {
            Event::Arrives(log) => {
                let (turn, rest) = self.state().called.drain(..).partition(|call| call.log == log);
                self.state().called = rest;
                self.arrive(log, turn.into(), fate);
            }
            Event::Answered(log) => self.answer(log, fate),
            Event::Asked(at) => {
                let mut state = self.state();
                if at < state.asked.len() {
                    let asked = state.asked.remove(at);
                    drop(state);
                    self.tell(asked, fate);
                }
            }
            Event::Hears(log) => self.learn(log, self.shared.log.bounds(log)),
        }
    }

    /// The process is gone. Of what it has called for last in each log, what `arrives` is still on its way.
    pub fn end(&self, mut arrives: impl FnMut(LogId) -> bool) {
        let State { called, written, .. } =
            std::mem::replace(&mut *self.state(), State { is_gone: true, ..State::default() });
        let mut seen: Vec<LogId> = written.iter().map(|written| written.log).collect();
        for Called { log, entries, .. } in called {
            if !seen.contains(&log) && arrives(log) {
                self.shared.state().late.push_back((log, entries));
            }
            seen.push(log);
        }
    }

    fn arrive(&self, log: LogId, turn: Vec<Called>, fate: Fate) {
        let (mut entries, mut tell) = (Vec::new(), Vec::new());
        for call in turn {
            tell.push((call.entries.len(), call.tell));
            entries.extend(call.entries);
        }
        let outcome = match fate {
            Fate::Fine => Ok(self.shared.append(log, entries)),
            Fate::Refused => Err(LogError::Unavailable("refused".into())),
            Fate::Lost => Err(unknown()),
            Fate::Kept => {
                self.shared.append(log, entries);
                Err(unknown())
            }
            Fate::Late => {
                self.shared.state().late.push_back((log, entries));
                Err(unknown())
            }
        };
        self.state().written.push(Written { log, outcome, tell });
    }

    fn answer(&self, log: LogId, fate: Fate) {
        let mut state = self.state();
        let Some(at) = state.written.iter().position(|written| written.log == log) else { return };
        let Written { outcome, tell, .. } = state.written.remove(at);
        let outcome = if fate == Fate::Fine { outcome } else { outcome.and(Err(unknown())) };
        if let Ok((tail, stamps)) = &outcome
            && let (Some(first), Some(last)) = (stamps.first(), stamps.last())
        {
            let own = state.own.entry(log).or_insert(Seq(u64::MAX)..Seq(u64::MAX));
            let start = if own.end == *tail { own.start } else { first.seq };
            *own = start..last.seq.next();
        }
        drop(state);
        if let Ok((_, stamps)) = &outcome
            && let Some(last) = stamps.last()
        {
            self.learn(log, Bounds { first: Seq::ZERO, tail: last.seq.next() });
        }
        let mut stamps = outcome.map(|(_, stamps)| stamps);
        for (count, tell) in tell {
            // Whoever called may have stopped waiting.
            let _ = tell.send(match &mut stamps {
                Ok(stamps) => Ok(stamps.drain(..count).collect()),
                Err(error) => Err(error.clone()),
            });
        }
    }

    fn tell(&self, asked: Asked, fate: Fate) {
        let is_told = matches!(fate, Fate::Fine | Fate::Kept);
        match asked {
            Asked::Read(log, from, limits, tell) => {
                let mut read = if is_told { self.shared.log.read_now(log, from, limits) } else { Err(unknown()) };
                if let Ok(batch) = &mut read {
                    if fate == Fate::Kept {
                        batch.entries.truncate(batch.entries.len() / 2);
                    }
                    // Never behind the tail: what is there may lag behind what was acknowledged.
                    batch.next = batch.entries.last().map_or(from, |entry| entry.stamp.seq.next());
                    self.learn(log, Bounds { first: self.shared.log.bounds(log).first, tail: batch.next });
                }
                let _ = tell.send(read);
            }
            Asked::Bounds(log, tell) => {
                let bounds = self.shared.log.bounds(log);
                if is_told {
                    self.learn(log, bounds);
                }
                let _ = tell.send(if is_told { Ok(bounds) } else { Err(unknown()) });
            }
            Asked::Trim(log, before, tell) => {
                if is_told {
                    drop(self.shared.log.trim(log, before));
                }
                let _ = tell.send(if fate == Fate::Fine { Ok(()) } else { Err(unknown()) });
            }
        }
    }

    /// What is older than what is known changes nothing.
    fn learn(&self, log: LogId, Bounds { first, tail }: Bounds) {
        let state = self.state();
        let Some(heard) = state.heard.get(&log) else { return };
        heard.send_if_modified(|bounds| {
            let before = *bounds;
            bounds.first = bounds.first.max(first);
            bounds.tail = bounds.tail.max(tail).max(bounds.first);
            *bounds != before
        });
    }

    fn ask<T: Send + 'static>(
        &self,
        asked: impl FnOnce(Told<T>) -> Asked,
    ) -> Pin<Box<dyn Future<Output = Result<T, LogError>> + Send>> {
        let (tell, told) = oneshot::channel();
        let mut state = self.state();
        if state.is_gone {
            return Box::pin(ready(Err(gone())));
        }
        state.asked.push(asked(tell));
        Box::pin(async move { told.await.unwrap_or_else(|_| Err(gone())) })
    }

    fn is_by_hand(&self) -> bool {
        self.called.is_none()
    }
}

fn unknown() -> LogError {
    LogError::Io("unknown".into())
}

fn gone() -> LogError {
    LogError::Io("the process is gone".into())
}

impl Engine for Way {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        let (tell, told) = oneshot::channel();
        let fate = self.fates.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(Fate::Fine);
        let mut state = self.state();
        if state.is_gone {
            return Box::pin(ready(Err(gone())));
        }
        state.called.push_back(Called { log, entries, fate, tell });
        if let Some(called) = &self.called {
            let _ = called.send(());
        }
        Box::pin(async move { told.await.unwrap_or_else(|_| Err(gone())) })
    }

    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        if self.is_by_hand() {
            return self.ask(|tell| Asked::Read(log, from, limits, tell));
        }
        let limits = Limits { entries: PAGE_ENTRIES, ..limits };
        if self.sight == Sight::Whole && from < self.shared.log.bounds(log).first {
            let entries: Vec<Entry> = self.shared.history(log, from).into_iter().take(limits.entries).collect();
            let next = entries.last().map_or(from, |entry| entry.stamp.seq.next());
            return Box::pin(ready(Ok(Batch { entries, next })));
        }
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        match reads.as_mut().filter(|(limited, _)| *limited == log) {
            Some((_, 0)) => return Box::pin(ready(Err(LogError::Io("no more is read".into())))),
            Some((_, left)) => *left -= 1,
            None => {}
        }
        Box::pin(ready(self.shared.log.read_now(log, from, limits)))
    }

    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_> {
        if self.is_by_hand() {
            return self.ask(|tell| Asked::Trim(log, before, tell));
        }
        self.shared.log.trim(log, before)
    }

    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        if self.is_by_hand() {
            return self.state().heard.entry(log).or_default().subscribe();
        }
        if self.sight == Sight::Blind {
            static NOTHING: std::sync::LazyLock<watch::Sender<Bounds>> =
                std::sync::LazyLock::new(watch::Sender::default);
            return NOTHING.subscribe();
        }
        self.shared.log.watch(log)
    }

    fn bounds(&self, log: LogId) -> Bounds {
        if self.is_by_hand() {
            return *self.state().heard.entry(log).or_default().borrow();
        }
        let bounds = self.shared.log.bounds(log);
        if self.sight == Sight::Whole { Bounds { first: Seq::ZERO, ..bounds } } else { bounds }
    }

    fn bounds_now(&self, log: LogId) -> Asking<'_> {
        if self.is_by_hand() {
            return self.ask(|tell| Asked::Bounds(log, tell));
        }
        Box::pin(ready(Ok(self.bounds(log))))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn written_here_since(&self, log: LogId) -> Seq {
        match self.state().own.get(&log) {
            Some(_) if rules::is_left_out(Rule::OnlyOwnPlacesAreOwn) => Seq(1),
            own => own.map_or(Seq(u64::MAX), |own| own.start),
        }
    }
}
