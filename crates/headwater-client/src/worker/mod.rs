//! Workers that share the shards of a stream among themselves. Invariant: workers agree through the lease table alone; one
//! that is cut off from it stops by itself, within the fail-over time.
//!
//! How this compares with the Kinesis Client Library is told in `docs/worker.md`.
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod held;
mod lease;
mod plan;
mod processor;
mod store;
mod sync;

#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDbLeases;
pub use held::{Checkpointer, LEASE_LOST};
pub use lease::{Checkpoint, Lease};
pub use processor::{Processor, ProcessorError};
pub use store::{Answer, LeaseStore, MemoryLeases, Replaced};

use crate::{
    backoff::persist,
    clock,
    consumer::{ChildShard, Consumer, Start},
    error::{Error, Failed, Result},
};
use held::Held;
use plan::{Me, Observed, plan};
use processor::{Outcome, supervise};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet, time::Instant};

/// Without sign of life for so long, a worker counts as dead.
const FAIL_OVER: Duration = Duration::from_secs(10);
/// With less, requests would hardly be done in time.
const LEAST_FAIL_OVER: Duration = Duration::from_millis(300);
/// Looks at the table, and renewals, in a fail-over time: two may fail.
const LOOKS: u32 = 3;
/// The leases are compared with the shards so often, besides at the start and at the ends of shards.
const SYNC_INTERVAL: Duration = Duration::from_secs(300);

/// A worker that is to be.
#[must_use = "it works when it is spawned"]
pub struct WorkerBuilder {
    consumer: Consumer,
    store: Arc<dyn LeaseStore>,
    name: String,
    start: Start,
    fail_over: Duration,
    most: usize,
}

impl WorkerBuilder {
    /// What the worker is called in the lease table, before a colon and some digits of its own; `worker` if this is not
    /// said.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Where to begin with shards that no worker has begun with: [`Start::TrimHorizon`] if this is not said. Shards that
    /// come of others are always begun at their beginnings.
    pub fn start(self, start: Start) -> Self {
        Self { start, ..self }
    }

    /// How long a worker may give no sign of life before others take its shards, by their clocks: 10 s if this is not said,
    /// 300 ms at least. To be the same for all workers.
    pub fn fail_over(self, fail_over: Duration) -> Self {
        Self { fail_over, ..self }
    }

    /// The most shards to process at once; no bound if this is not said.
    pub fn most_shards(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Starts working, with a processor by `make` for every shard it takes. To be called within a Tokio runtime.
    pub fn spawn<P: Processor>(self, make: impl Fn(&str) -> P + Send + Sync + 'static) -> Worker {
        let name = format!("{}:{:016x}", self.name, clock::lot());
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            consumer: self.consumer,
            store: self.store,
            start: self.start,
            fail_over: self.fail_over,
        });
        let shift = Shift {
            shared,
            name: name.clone(),
            most: self.most,
            make: Arc::new(make),
            stop: stopped,
            observed: Observed::default(),
            running: BTreeMap::new(),
            resting: BTreeMap::new(),
            tasks: JoinSet::new(),
        };
        let mut task = JoinSet::new();
        task.spawn(shift.work());
        Worker { name, stop, task }
    }
}

/// A worker at work. Dropping it stops it at once, without checkpoints; its leases expire then.
///
/// ```no_run
/// # use headwater_client::{Checkpointer, Processor, consumer::Arrived, worker::ProcessorError};
/// # struct Printer;
/// # impl Processor for Printer {
/// #     async fn records(&mut self, _: Arrived, _: &Checkpointer) -> Result<(), ProcessorError> { Ok(()) }
/// # }
/// # async fn run(config: &aws_config::SdkConfig) -> Result<(), headwater_client::Error> {
/// use headwater_client::{Consumer, Worker, worker::MemoryLeases};
///
/// let consumer = Consumer::new(aws_sdk_kinesis::Client::new(config), "readings");
/// let worker = Worker::builder(consumer, MemoryLeases::new()).name("printer").spawn(|_shard| Printer);
/// // … until it is time to stop.
/// worker.shutdown().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Worker {
    name: String,
    stop: watch::Sender<bool>,
    task: JoinSet<Result<()>>,
}

impl Worker {
    /// A worker on the stream that `consumer` reads – by polling or by fan-out, as that is set – with its leases in
    /// `store`.
    pub fn builder(consumer: Consumer, store: impl LeaseStore) -> WorkerBuilder {
        WorkerBuilder {
            consumer,
            store: Arc::new(store),
            name: "worker".into(),
            start: Start::TrimHorizon,
            fail_over: FAIL_OVER,
            most: usize::MAX,
        }
    }

    /// What it is called in the lease table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits until the worker has ended, which it does by itself only if it could not begin.
    ///
    /// # Errors
    /// Why it could not begin: the lease table or the stream was refused, not reached for about half a minute, or a setting
    /// makes no sense.
    pub async fn ended(&mut self) -> Result<()> {
        match self.task.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(panic)) => Err(Error::Unexpected(format!("the worker ended: {panic}"))),
            None => Ok(()),
        }
    }

    /// Lets every processor finish its batch and checkpoint, gives the leases up, and ends.
    ///
    /// # Errors
    /// As [`ended`](Self::ended).
    pub async fn shutdown(mut self) -> Result<()> {
        self.stop.send_replace(true);
        self.ended().await
    }
}

/// Waits until the worker is told to stop, or is gone.
async fn requested(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What a worker and its shards share.
struct Shared {
    consumer: Consumer,
    store: Arc<dyn LeaseStore>,
    start: Start,
    fail_over: Duration,
}

impl Shared {
    /// The time between two looks at the table, and two renewals.
    fn interval(&self) -> Duration {
        self.fail_over / LOOKS
    }

    /// Makes the leases that are missing, those of these `children` among them, and removes those of shards that are gone.
    async fn sync(&self, children: &[ChildShard]) -> Result<()> {
        let listed = self.consumer.shards_with(children).await?;
        let leases = persist(true, || self.store.list()).await?;
        let changes = sync::sync(&listed, &leases, &self.start);
        for lease in &changes.made {
            if persist(true, || self.store.create(lease)).await? {
                tracing::info!(shard = lease.shard_id, checkpoint = %lease.checkpoint, "a lease was made");
            }
        }
        for lease in &changes.removed {
            persist(true, || self.store.delete(lease)).await?;
        }
        Ok(())
    }

    /// Bounds a request whose answer would be worth nothing after the fail-over time.
    async fn in_time<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        let late = |_| {
            let message = format!("no answer within {:?}", self.fail_over);
            Error::Failed(Failed { operation: "a request to the lease table", status: None, code: None, message })
        };
        tokio::time::timeout(self.fail_over, request).await.map_err(late)?
    }
}

/// A worker's main task.
struct Shift<P> {
    shared: Arc<Shared>,
    name: String,
    most: usize,
    make: Arc<dyn Fn(&str) -> P + Send + Sync>,
    stop: watch::Receiver<bool>,
    observed: Observed,
    /// The shards that are being processed. A lost one remains here until its processor has noticed.
    running: BTreeMap<String, Arc<Held>>,
    /// The shards whose processors failed, and until when to leave them alone.
    resting: BTreeMap<String, Instant>,
    tasks: JoinSet<(String, Outcome)>,
}

impl<P: Processor> Shift<P> {
    async fn work(mut self) -> Result<()> {
        let begun = self.begin();
        let mut stop = self.stop.clone();
        tokio::select! {
            begun = begun => begun?,
            () = requested(&mut stop) => return Ok(()),
        }
        let mut look = clock::now();
        let mut sync = look + SYNC_INTERVAL;
        loop {
            tokio::select! {
                biased;
                () = requested(&mut stop) => break,
                Some(done) = self.tasks.join_next() => match self.note(done) {
                    // What came of the shard is begun without delay.
                    Some(Outcome::Finished) => look = clock::now(),
                    // It may be gone.
                    Some(Outcome::Failed) => sync = clock::now(),
                    _ => {}
                },
                () = clock::until(sync) => {
                    if let Err(error) = self.shared.in_time(self.shared.sync(&[])).await {
                        tracing::warn!(%error, "leases and shards could not be compared");
                    }
                    sync = clock::now() + SYNC_INTERVAL;
                }
                () = clock::until(look) => {
                    if let Err(error) = self.look().await {
                        tracing::warn!(%error, "the leases could not be read");
                    }
                    look = clock::now() + self.shared.interval();
                }
            }
        }
        while let Some(done) = self.tasks.join_next().await {
            self.note(done);
        }
        Ok(())
    }

    fn begin(&self) -> impl Future<Output = Result<()>> + use<P> {
        let shared = Arc::clone(&self.shared);
        async move {
            if matches!(shared.start, Start::AtSequenceNumber(_) | Start::AfterSequenceNumber(_)) {
                return Err(Error::Misuse(
                    "a worker cannot start at a sequence number: that is a place in one shard".into(),
                ));
            }
            if shared.fail_over < LEAST_FAIL_OVER {
                return Err(Error::Misuse(format!("a fail-over time of less than {LEAST_FAIL_OVER:?} cannot be kept")));
            }
            persist(false, || shared.store.prepare()).await?;
            persist(false, || shared.consumer.shards()).await?;
            shared.sync(&[]).await
        }
    }

    /// Takes in how the processing of a shard came to its end.
    fn note(&mut self, done: std::result::Result<(String, Outcome), tokio::task::JoinError>) -> Option<Outcome> {
        // A supervisor does not panic, and nobody aborts one.
        let (shard, outcome) = done.ok()?;
        tracing::info!(worker = self.name, shard, ?outcome, "a shard is not processed here any more");
        self.running.remove(&shard);
        if outcome == Outcome::Failed {
            self.resting.insert(shard, clock::now() + self.shared.fail_over);
        }
        Some(outcome)
    }

    /// Looks at the leases and takes what it should.
    async fn look(&mut self) -> Result<()> {
        let leases = self.shared.in_time(self.shared.store.list()).await?;
        let now = clock::now();
        self.observed.see(&leases, now);
        self.resting.retain(|_, until| now < *until);
        let (lost, held): (Vec<_>, Vec<_>) = self.running.iter().partition(|(_, held)| held.is_lost());
        let holds: BTreeSet<String> = held.into_iter().map(|(shard, _)| shard.clone()).collect();
        let avoids = lost.into_iter().map(|(shard, _)| shard).chain(self.resting.keys()).cloned().collect();
        let fail_over = self.shared.fail_over;
        let me = Me { name: &self.name, holds: &holds, avoids: &avoids, fail_over, most: self.most };
        for lease in plan(&self.observed, &leases, &me, now) {
            let claim = Held::claim(&self.shared.store, lease, &self.name, fail_over);
            let Some(held) = self.shared.in_time(claim).await? else { continue };
            tracing::info!(worker = self.name, shard = lease.shard_id, from = %lease.checkpoint, "took a shard");
            let (shard, held) = (lease.shard_id.clone(), Arc::new(held));
            self.running.insert(shard.clone(), Arc::clone(&held));
            let (shared, make, stop) = (Arc::clone(&self.shared), Arc::clone(&self.make), self.stop.clone());
            self.tasks.spawn(async move { (shard, supervise(shared, held, make, stop).await) });
        }
        Ok(())
    }
}
