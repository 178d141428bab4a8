//! A log that several processes write to, as each of them sees it: entries arrive in the order of a process's calls, later
//! than called and sometimes not at all, or nobody knows whether.
use super::{super::snapshots::SNAPSHOTS, *};
use headwater_log::{Batch, Entry};
use std::collections::VecDeque;
use tokio::task::yield_now;

/// What becomes of an append.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    Fine,
    /// Known not to be written.
    Refused,
    /// Not written, which nobody knows.
    Lost,
    /// Written, which nobody knows.
    Kept,
    /// As lost, but there before whatever comes next but one to the log.
    Late,
}

/// What is common to all processes.
pub(super) struct Shared {
    pub(super) log: Arc<MemoryEngine>,
    late: Mutex<VecDeque<(LogId, Vec<Bytes>)>>,
    /// What was trimmed from the tables' log.
    past: Mutex<Vec<Entry>>,
    turn: Mutex<()>,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        let log = MemoryEngine::shared(Arc::new(ManualClock::at(1)));
        Arc::new(Self { log, late: Mutex::default(), past: Mutex::default(), turn: Mutex::default() })
    }

    /// Appends, and tells where the log ended before.
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> (Seq, Commit) {
        let _one_at_a_time = self.turn.lock().unwrap();
        (self.log.bounds(log).tail, self.log.append(log, entries))
    }

    /// What is late arrives.
    pub(super) fn let_in(&self) {
        for (log, entries) in self.late.lock().unwrap().drain(..) {
            drop(self.append(log, entries));
        }
    }

    /// Everything that ever was in the tables' log, from a place on.
    pub(super) async fn history(&self, from: Seq) -> Vec<Entry> {
        let limits = Limits { entries: usize::MAX, bytes: usize::MAX };
        let first = self.log.bounds(LOG).first;
        let mut all = self.past.lock().unwrap().clone();
        all.extend(self.log.read(LOG, first, limits).await.unwrap().entries);
        all.retain(|entry| entry.stamp.seq >= from);
        all
    }

    async fn trim(&self, log: LogId, before: Seq) -> std::result::Result<(), LogError> {
        let mut past = self.history(Seq::ZERO).await;
        past.retain(|entry| entry.stamp.seq < before);
        if log == LOG && past.len() > self.past.lock().unwrap().len() {
            *self.past.lock().unwrap() = past;
        }
        self.log.trim(log, before).await
    }
}

type Called = (LogId, Vec<Bytes>, Fate, oneshot::Sender<std::result::Result<Vec<headwater_log::Stamp>, LogError>>);

/// One process's way to the log.
pub(super) struct Way {
    shared: Arc<Shared>,
    queue: mpsc::UnboundedSender<Called>,
    /// What becomes of the next appends.
    pub(super) fates: Mutex<VecDeque<Fate>>,
    /// Whether appends arrive.
    pub(super) is_open: watch::Sender<bool>,
    /// The first and the last of the places that were all written here, by log.
    own: Arc<Mutex<HashMap<LogId, (Seq, Seq)>>>,
    sight: Sight,
    /// How often snapshots may be read before that fails; `None`: always.
    pub(super) reads: Mutex<Option<usize>>,
}

/// What a process sees of the tables' log.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Sight {
    Common,
    /// Never that it has grown.
    Blind,
    /// Also what was trimmed.
    Whole,
}

impl Way {
    pub(super) fn new(shared: &Arc<Shared>, sight: Sight) -> Arc<Self> {
        let (queue, mut called) = mpsc::unbounded_channel::<Called>();
        let (is_open, own) = (watch::Sender::new(true), Arc::new(Mutex::new(HashMap::<LogId, (Seq, Seq)>::new())));
        let (world, mut open, written) = (Arc::clone(shared), is_open.subscribe(), Arc::clone(&own));
        tokio::spawn(async move {
            while let Some((log, entries, fate, tell)) = called.recv().await {
                if open.wait_for(|is_open| *is_open).await.is_err() {
                    return;
                }
                yield_now().await;
                let outcome = match fate {
                    Fate::Fine => {
                        let (tail, commit) = world.append(log, entries);
                        let stamps = commit.await;
                        for stamp in stamps.iter().flatten() {
                            let mut own = written.lock().unwrap();
                            let since = own.get(&log).filter(|(_, last)| last.next() == tail).map(|(since, _)| *since);
                            own.insert(log, (since.unwrap_or(stamp.seq), stamp.seq));
                        }
                        world.let_in();
                        stamps
                    }
                    Fate::Refused => Err(LogError::Unavailable("refused".into())),
                    Fate::Lost => Err(LogError::Io("unknown".into())),
                    Fate::Kept => {
                        drop(world.append(log, entries));
                        Err(LogError::Io("unknown".into()))
                    }
                    Fate::Late => {
                        world.late.lock().unwrap().push_back((log, entries));
                        Err(LogError::Io("unknown".into()))
                    }
                };
                let _ = tell.send(outcome);
            }
        });
        let (shared, fates, reads) = (Arc::clone(shared), Mutex::default(), Mutex::default());
        Arc::new(Self { shared, queue, fates, is_open, own, sight, reads })
    }

    pub(super) fn next_fates(&self, fates: &[Fate]) {
        self.fates.lock().unwrap().extend(fates);
    }
}

impl Engine for Way {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        let (tell, told) = oneshot::channel();
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Fine);
        self.queue.send((log, entries, fate, tell)).unwrap();
        Box::pin(async move { told.await.unwrap_or_else(|_| Err(LogError::Io("the node is gone".into()))) })
    }
    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        // A few at a time, so that pages have ends.
        let limits = Limits { entries: 3, ..limits };
        if self.sight == Sight::Whole && from < self.shared.log.bounds(log).first {
            return Box::pin(async move {
                let entries: Vec<Entry> = self.shared.history(from).await.into_iter().take(limits.entries).collect();
                let next = entries.last().map_or(from, |entry| entry.stamp.seq.next());
                Ok(Batch { entries, next })
            });
        }
        let mut reads = self.reads.lock().unwrap();
        if log == SNAPSHOTS && reads.as_ref().is_some_and(|reads| *reads == 0) {
            return Box::pin(ready(Err(LogError::Io("no more is read".into()))));
        }
        *reads = reads.filter(|_| log == SNAPSHOTS).map(|reads| reads - 1).or(*reads);
        self.shared.log.read(log, from, limits)
    }
    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_> {
        Box::pin(self.shared.trim(log, before))
    }
    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        if self.sight == Sight::Blind {
            static NOTHING: std::sync::LazyLock<watch::Sender<Bounds>> =
                std::sync::LazyLock::new(watch::Sender::default);
            return NOTHING.subscribe();
        }
        self.shared.log.watch(log)
    }
    fn bounds(&self, log: LogId) -> Bounds {
        let bounds = self.shared.log.bounds(log);
        if self.sight == Sight::Whole { Bounds { first: Seq::ZERO, ..bounds } } else { bounds }
    }
    fn is_shared(&self) -> bool {
        true
    }
    fn written_here_since(&self, log: LogId) -> Seq {
        self.own.lock().unwrap().get(&log).map_or(Seq(u64::MAX), |(since, _)| *since)
    }
}

/// One process.
pub(super) struct Node {
    pub(super) database: Arc<Database>,
    pub(super) kv: Arc<MemoryKv>,
    pub(super) way: Arc<Way>,
    pub(super) clock: ManualClock,
}

impl Node {
    pub(super) async fn open(shared: &Arc<Shared>) -> Self {
        Self::on(Way::new(shared, Sight::Common)).await
    }

    /// A process that reads the log only when it has to.
    pub(super) async fn blind(shared: &Arc<Shared>) -> Self {
        Self::on(Way::new(shared, Sight::Blind)).await
    }

    /// A process that folds the whole log, as if nothing of it had been trimmed.
    pub(super) async fn folding_all(shared: &Arc<Shared>) -> Self {
        Self::on(Way::new(shared, Sight::Whole)).await
    }

    async fn on(way: Arc<Way>) -> Self {
        Self::with(way, Arc::new(MemoryKv::new())).await.unwrap()
    }

    /// A process that has rows already.
    pub(super) async fn with(way: Arc<Way>, kv: Arc<MemoryKv>) -> std::result::Result<Self, LogError> {
        let clock = ManualClock::at(1);
        let rows: Arc<dyn Kv> = kv.clone();
        let database = Database::open(way.clone(), Arc::new(clock.clone()), rows, watch::channel(true).1).await?;
        Ok(Self { database, kv, way, clock })
    }

    /// All rows.
    pub(super) fn dump(&self) -> Vec<(u8, Vec<u8>, Bytes)> {
        let mut all = Vec::new();
        for space in 0..u8::try_from(SPACES.len()).unwrap() {
            let view = self.kv.view();
            let (from, to) = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
            let walked = view.range(headwater_log::kv::Space(space), from, to, false, &mut |key, value| {
                all.push((space, key.to_vec(), value.clone()));
                std::ops::ControlFlow::Continue(())
            });
            walked.unwrap();
        }
        all
    }
}
