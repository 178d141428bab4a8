//! A log that several processes write to, as each of them sees it: entries arrive in the order of a process's calls, later
//! than called and sometimes not at all, or nobody knows whether.
use super::*;
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
    late: Mutex<VecDeque<Vec<Bytes>>>,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { log: MemoryEngine::shared(Arc::new(ManualClock::at(1))), late: Mutex::default() })
    }

    /// What is late arrives.
    pub(super) fn let_in(&self) {
        for entries in self.late.lock().unwrap().drain(..) {
            drop(self.log.append(LOG, entries));
        }
    }
}

type Called = (Vec<Bytes>, Fate, oneshot::Sender<std::result::Result<Vec<headwater_log::Stamp>, LogError>>);

/// One process's way to the log.
pub(super) struct Way {
    shared: Arc<Shared>,
    queue: mpsc::UnboundedSender<Called>,
    /// What becomes of the next appends.
    pub(super) fates: Mutex<VecDeque<Fate>>,
    /// Whether appends arrive.
    pub(super) is_open: watch::Sender<bool>,
    /// The first and the last of the places that follow one another and were all written here.
    own: Arc<Mutex<Option<(Seq, Seq)>>>,
    /// Never says that the log has grown.
    is_blind: bool,
}

impl Way {
    pub(super) fn new(shared: &Arc<Shared>, is_blind: bool) -> Arc<Self> {
        let (queue, mut called) = mpsc::unbounded_channel::<Called>();
        let (is_open, own) = (watch::Sender::new(true), Arc::new(Mutex::new(None::<(Seq, Seq)>)));
        let (world, mut open, written) = (Arc::clone(shared), is_open.subscribe(), Arc::clone(&own));
        tokio::spawn(async move {
            while let Some((entries, fate, tell)) = called.recv().await {
                if open.wait_for(|is_open| *is_open).await.is_err() {
                    return;
                }
                yield_now().await;
                let outcome = match fate {
                    Fate::Fine => {
                        let stamps = world.log.append(LOG, entries).await;
                        for stamp in stamps.iter().flatten() {
                            let mut own = written.lock().unwrap();
                            let since = own.filter(|(_, last)| last.next() == stamp.seq).map(|(since, _)| since);
                            *own = Some((since.unwrap_or(stamp.seq), stamp.seq));
                        }
                        world.let_in();
                        stamps
                    }
                    Fate::Refused => Err(LogError::Unavailable("refused".into())),
                    Fate::Lost => Err(LogError::Io("unknown".into())),
                    Fate::Kept => {
                        drop(world.log.append(LOG, entries));
                        Err(LogError::Io("unknown".into()))
                    }
                    Fate::Late => {
                        world.late.lock().unwrap().push_back(entries);
                        Err(LogError::Io("unknown".into()))
                    }
                };
                let _ = tell.send(outcome);
            }
        });
        Arc::new(Self { shared: Arc::clone(shared), queue, fates: Mutex::default(), is_open, own, is_blind })
    }

    pub(super) fn next_fates(&self, fates: &[Fate]) {
        self.fates.lock().unwrap().extend(fates);
    }
}

impl Engine for Way {
    fn append(&self, _: LogId, entries: Vec<Bytes>) -> Commit {
        let (tell, told) = oneshot::channel();
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Fine);
        self.queue.send((entries, fate, tell)).unwrap();
        Box::pin(async move { told.await.unwrap_or_else(|_| Err(LogError::Io("the node is gone".into()))) })
    }
    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        // A few at a time, so that pages have ends.
        self.shared.log.read(log, from, Limits { entries: 3, ..limits })
    }
    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_> {
        self.shared.log.trim(log, before)
    }
    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        if self.is_blind {
            static NOTHING: std::sync::LazyLock<watch::Sender<Bounds>> =
                std::sync::LazyLock::new(watch::Sender::default);
            return NOTHING.subscribe();
        }
        self.shared.log.watch(log)
    }
    fn bounds(&self, log: LogId) -> Bounds {
        self.shared.log.bounds(log)
    }
    fn is_shared(&self) -> bool {
        true
    }
    fn written_here_since(&self, _: LogId) -> Seq {
        self.own.lock().unwrap().map_or(Seq(u64::MAX), |(since, _)| since)
    }
}

/// One process.
pub(super) struct Node {
    pub(super) database: Arc<Database>,
    pub(super) kv: Arc<MemoryKv>,
    pub(super) way: Arc<Way>,
}

impl Node {
    pub(super) async fn open(shared: &Arc<Shared>) -> Self {
        Self::on(Way::new(shared, false)).await
    }

    /// A process that reads the log only when it has to.
    pub(super) async fn blind(shared: &Arc<Shared>) -> Self {
        Self::on(Way::new(shared, true)).await
    }

    async fn on(way: Arc<Way>) -> Self {
        let (engine, kv): (Arc<dyn Engine>, _) = (way.clone(), Arc::new(MemoryKv::new()));
        Self { database: super::open(&engine, &kv).await, kv, way }
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
