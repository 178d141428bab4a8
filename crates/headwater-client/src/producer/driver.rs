//! The thin shell around the lanes: it makes the requests they ask for and hands in the answers. Invariant: who asks for a
//! record's end hears of it, also when the runtime is shut down; room that a record took is given back when it ends.
use super::{
    lanes::{Core, Finished},
    limits::Limits,
    put::Put,
    request::{self, Stream},
    retry::Retry,
    unit::Unit,
};
use crate::{Error, Record, Result, clock};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, oneshot, watch},
    time::Instant,
};

/// What a record takes in memory besides its data and key, about.
const RECORD_OVERHEAD_BYTES: usize = 512;

/// The codes of a request that is refused for what is in it.
const INVALID: &[&str] = &["InvalidArgumentException", "ValidationException"];

type Token = oneshot::Sender<Result<Put>>;

/// What a producer's handles and its tasks have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) stream: Stream,
    limits: Limits,
    core: Mutex<Core<Token>>,
    /// Bytes that may yet be taken in, and how many they are in all.
    room: Semaphore,
    room_bytes: usize,
    /// There is something new to do.
    wake: Notify,
    /// The flushes that are over.
    over: watch::Sender<u64>,
    began: Instant,
    started: AtomicBool,
}

impl Shared {
    pub(super) fn new(stream: Stream, limits: Limits, room_bytes: usize, seed: u64) -> Self {
        Self {
            stream,
            limits,
            core: Mutex::new(Core::new(limits, seed)),
            room: Semaphore::new(room_bytes),
            room_bytes,
            wake: Notify::new(),
            over: watch::Sender::new(0),
            began: clock::now(),
            started: AtomicBool::new(false),
        }
    }

    pub(super) fn core(&self) -> MutexGuard<'_, Core<Token>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn retry(&self) -> Retry {
        self.limits.retry
    }

    pub(super) fn request_records(&self) -> usize {
        self.limits.request_records
    }

    pub(super) fn request_bytes(&self) -> usize {
        self.limits.request_bytes
    }

    /// The pause before the retry of this number, which so many records make.
    pub(super) fn draw_pause(&self, retry: u32, records: usize) -> Duration {
        let mut core = self.core();
        core.metrics_mut().retries += records as u64;
        self.limits.retry.pause(retry, &mut core.chance)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes a record in as soon as there is room.
    pub(super) async fn send(self: &Arc<Self>, record: Record) -> Result<oneshot::Receiver<Result<Put>>> {
        let closed = || Error::Misuse("the producer is closed".into());
        let size_bytes = record.user.data.len() + record.user.partition_key.len();
        let charge = self.charge(size_bytes);
        let permit = self.room.acquire_many(u32::try_from(charge).unwrap_or(u32::MAX)).await;
        permit.map_err(|_| closed())?.forget();
        self.start()?;
        let place = self.limits.lanes.place(&record.user);
        let (token, receipt) = oneshot::channel();
        let now = self.now();
        let mut core = self.core();
        if core.closed() {
            drop(core);
            self.room.add_permits(charge);
            return Err(closed());
        }
        let news = core.push(record.user, place, token, now);
        drop(core);
        if news {
            self.wake.notify_one();
        }
        Ok(receipt)
    }

    /// The room a record takes; one bigger than all the room takes all of it.
    fn charge(&self, size_bytes: usize) -> usize {
        (size_bytes + RECORD_OVERHEAD_BYTES).min(self.room_bytes)
    }

    /// Starts the task that drives the lanes, in the runtime of who is first.
    fn start(self: &Arc<Self>) -> Result<()> {
        if !self.started.load(Ordering::Relaxed) {
            let runtime = Handle::try_current().map_err(|error| Error::Misuse(format!("send: {error}")))?;
            if !self.started.swap(true, Ordering::Relaxed) {
                runtime.spawn(drive(Running(Arc::clone(self))));
            }
        }
        Ok(())
    }

    /// Waits until all that was sent is answered.
    pub(super) async fn flush(&self) {
        let epoch = self.core().flush();
        self.wait_for(epoch).await;
    }

    /// Takes nothing more, and waits until all that was sent is answered.
    pub(super) async fn close(&self) {
        let epoch = self.shut();
        self.wait_for(epoch).await;
    }

    /// Takes nothing more; the flush to wait for.
    pub(super) fn shut(&self) -> u64 {
        let mut core = self.core();
        let epoch = core.close();
        drop(core);
        self.wake.notify_one();
        epoch
    }

    async fn wait_for(&self, epoch: u64) {
        let mut over = self.over.subscribe();
        self.publish(self.core().over());
        self.wake.notify_one();
        // The sender is part of what this borrows, so waiting cannot fail.
        let _ = over.wait_for(|over| *over >= epoch).await;
    }

    fn publish(&self, now_over: u64) {
        self.over.send_if_modified(|over| {
            let news = now_over > *over;
            *over = now_over.max(*over);
            news
        });
    }

    /// Tells whose records they were, and gives back the room.
    fn finish(&self, finished: Vec<Finished<Token>>, over: u64) {
        let mut room = 0;
        for Finished { token, size_bytes, result } in finished {
            room += self.charge(size_bytes);
            // Whoever dropped the receipt does not want to know.
            let _ = token.send(result);
        }
        self.room.add_permits(room);
        self.publish(over);
    }

    /// Does what there is to do now; nothing if that is all there will ever be.
    fn step(self: &Arc<Self>) -> Option<Wake> {
        let mut core = self.core();
        let step = core.poll(self.now());
        let (done, over) = (core.closed() && core.metrics().pending == 0, core.over());
        drop(core);
        self.finish(step.finished, over);
        for units in step.requests {
            tokio::spawn(Arc::clone(self).put(units));
        }
        if step.list_shards {
            tokio::spawn(Arc::clone(self).list_shards());
        }
        (!done).then(|| step.wake.map_or(Wake::Called, Wake::At))
    }

    /// Makes a request of `units`.
    async fn put(self: Arc<Self>, mut units: Vec<Unit<Token>>) {
        let began = clock::now();
        let answer = self.ask(&mut units).await;
        let (records, sent) = (units.iter().map(|unit| unit.entries.len()).sum::<usize>(), units.len());
        match &answer {
            Ok(results) => {
                let failed = results.iter().filter(|result| result.is_err()).count();
                tracing::debug!(records, sent, failed, elapsed = ?began.elapsed(), "PutRecords");
            }
            Err(error) => tracing::debug!(records, sent, %error, elapsed = ?began.elapsed(), "PutRecords failed"),
        }
        let mut core = self.core();
        let finished = core.answered(units, answer, self.now());
        let over = core.over();
        drop(core);
        self.finish(finished, over);
        self.wake.notify_one();
    }

    /// Puts `units`. A record that is not as the service wants it has all of its request refused: halves find it.
    async fn ask(&self, units: &mut [Unit<Token>]) -> Result<Vec<Result<Put>>> {
        let entries = units.iter_mut().map(request::of_unit).collect::<Result<_>>()?;
        let answer = self.stream.put_records(entries).await;
        let guilty = answer.as_ref().is_err_and(|error| error.code().is_some_and(|code| INVALID.contains(&code)));
        if !guilty || units.len() < 2 {
            return answer;
        }
        tracing::debug!(records = units.len(), "a refused request is halved");
        let mut results = Vec::with_capacity(units.len());
        let middle = units.len() / 2;
        let (first, second) = units.split_at_mut(middle);
        for half in [first, second] {
            let part = Box::pin(self.ask(half)).await;
            results.extend(part.unwrap_or_else(|error| vec![Err(error); half.len()]));
        }
        Ok(results)
    }

    async fn list_shards(self: Arc<Self>) {
        let shards = self.stream.shards().await;
        match &shards {
            Ok(shards) => tracing::debug!(shards = shards.len(), "ListShards"),
            Err(error) => tracing::debug!(%error, "ListShards failed"),
        }
        let mut core = self.core();
        let finished = core.listed(shards, self.now());
        let over = core.over();
        drop(core);
        self.finish(finished, over);
        self.wake.notify_one();
    }
}

/// The driving task's hold: when that ends, no record is taken any more, and none is waited for.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.room.close();
        let mut core = self.0.core();
        core.close();
        let left = core.drain();
        drop(core);
        drop(left);
        self.0.publish(u64::MAX);
    }
}

/// Does what the lanes say until the producer is closed and all is answered.
async fn drive(running: Running) {
    let shared = &running.0;
    while let Some(wake) = shared.step() {
        match wake {
            Wake::At(at) => tokio::select! {
                () = shared.wake.notified() => {}
                () = clock::until(shared.began + at) => {}
            },
            Wake::Called => shared.wake.notified().await,
        }
    }
}

/// When to look again: when something is new, or at a time if nothing is.
enum Wake {
    Called,
    At(Duration),
}
