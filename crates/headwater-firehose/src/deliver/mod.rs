//! Delivery: for each delivery stream a pipeline that reads its source, processes what it read, gathers it, writes it out,
//! and then puts down how far it has come.
//!
//! Invariant: progress passes a record only when it has been written, was dropped by a function, or stands in an error
//! object; whatever stops a pipeline, the next one reads on from progress. So every record arrives at least once.
mod call;
mod meter;
mod objects;
mod post;
mod pump;
mod reader;
mod share;
mod waiting;
mod write;
mod written;

use crate::{
    Firehose,
    catalog::{Action, Address, Command, Source},
    plan::Plan,
};
use headwater_log::{LogId, Seq};
use headwater_wire::firehose::{DeliveryStreamFailureType, FailureDescription};
use meter::Meter;
pub(crate) use meter::Meters;
pub use meter::{DeliveryReading, Reading};
pub use share::Share;
use std::{collections::BTreeMap, sync::Arc};
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};
pub use waiting::Backlog;
pub use written::Written;

/// How long to wait before a first try is made again.
const FIRST_REST_MS: u64 = 500;

/// The waits between tries: each twice as long as the one before, up to a longest.
struct Rests {
    next_ms: u64,
    longest_ms: u64,
}

impl Rests {
    const fn up_to(longest_ms: u64) -> Self {
        Self { next_ms: FIRST_REST_MS, longest_ms }
    }

    /// How long the next one is.
    const fn next_ms(&self) -> u64 {
        self.next_ms
    }

    /// The next one.
    fn take_ms(&mut self) -> u64 {
        let taken_ms = self.next_ms;
        self.next_ms = (taken_ms * 2).min(self.longest_ms);
        taken_ms
    }
}

/// One delivery stream at work, under one version of its settings.
pub(crate) struct Delivery {
    firehose: Arc<Firehose>,
    address: Address,
    incarnation: u128,
    version: u64,
    source: Source,
    direct_log: LogId,
    arn: String,
    plan: Plan,
    /// Where reading begins.
    progress: BTreeMap<LogId, Seq>,
    meter: Arc<Meter>,
}

impl Delivery {
    fn name(&self) -> &str {
        &self.address.name
    }

    fn place(&self, log: LogId) -> Option<Seq> {
        self.progress.get(&log).copied()
    }

    /// The Kinesis stream it reads, if it reads one.
    fn stream_arn(&self) -> Option<&str> {
        match &self.source {
            Source::Kinesis { stream_arn, .. } => Some(stream_arn),
            Source::DirectPut { .. } => None,
        }
    }

    async fn submit(&self, action: Action) {
        let command = Command::Stream { address: self.address.clone(), action };
        if let Err(error) = self.firehose.catalog.submit(command, self.firehose.clock.now_ms()).await {
            // Progress is put down again with the next object; what fails is also in the log of the process.
            tracing::warn!(delivery_stream = self.name(), ?error, "a delivery stream's state could not be put down");
        }
    }

    /// Whether it is put down that delivery does not get on, whoever did so: another process may have, before this one took over,
    /// and what this one wanted put down may have been lost.
    fn is_failing(&self) -> bool {
        let catalog = self.firehose.catalog.read();
        let stream = catalog.at(&self.address).filter(|stream| stream.incarnation == self.incarnation);
        stream.is_some_and(|stream| stream.failure.is_some())
    }

    /// Puts down that delivery does not get on, where that is news.
    async fn fail(&self, r#type: DeliveryStreamFailureType, details: String) {
        if !self.is_failing() {
            let failure = FailureDescription { r#type, details };
            self.submit(Action::Fail { incarnation: self.incarnation, failure }).await;
        }
    }

    /// Puts down that delivery gets on again, where that is news.
    async fn recover(&self) {
        if self.is_failing() {
            self.submit(Action::Recover { incarnation: self.incarnation }).await;
        }
    }

    /// Puts down that these logs are no more: their records are past retention.
    async fn forget(&self, logs: Vec<LogId>) {
        if !logs.is_empty() {
            self.submit(Action::Forget { incarnation: self.incarnation, logs }).await;
        }
    }

    async fn note_source(&self, stream_arn: &str, is_missing: bool) {
        if is_missing {
            tracing::error!(delivery_stream = self.name(), stream_arn, "the source is not there; waiting for it");
            let details = format!("The source stream {stream_arn} does not exist.");
            self.fail(DeliveryStreamFailureType::UnknownError, details).await;
        } else {
            self.recover().await;
        }
    }
}

/// Keeps a pipeline running for every active delivery stream that is in this process's share, until dropped. One of these
/// belongs to each [`Firehose`].
pub async fn run_deliveries(firehose: Arc<Firehose>, mut share: watch::Receiver<Share>) {
    let mut version = firehose.catalog.watch();
    let mut pipelines = Pipelines::default();
    loop {
        version.borrow_and_update();
        pipelines.adapt(&firehose, &share.borrow_and_update().clone());
        tokio::select! {
            changed = version.changed() => if changed.is_err() { return },
            changed = share.changed() => if changed.is_err() { return },
            Some(ended) = pipelines.tasks.join_next(), if !pipelines.tasks.is_empty() => pipelines.ended(ended),
        }
    }
}

#[derive(Default)]
struct Pipelines {
    tasks: JoinSet<u128>,
    /// By incarnation, and so in the same order whenever the same happens: the version each runs under, and how to stop it.
    running: BTreeMap<u128, (u64, watch::Sender<bool>)>,
}

impl Pipelines {
    /// Stops what should not run as it does, and starts what should and does not.
    fn adapt(&mut self, firehose: &Arc<Firehose>, share: &Share) {
        let catalog = firehose.catalog.read();
        let active = catalog.all().filter(|(_, _, stream)| stream.is_active());
        let ours = active.filter(|(_, _, stream)| share.has(stream.incarnation, stream.destination.calls_function()));
        let wanted: BTreeMap<u128, _> =
            ours.map(|(scope, name, stream)| (stream.incarnation, (scope, name, stream))).collect();
        for (incarnation, (version, stop)) in &self.running {
            if wanted.get(incarnation).is_none_or(|(_, _, stream)| stream.version != *version) {
                stop.send_replace(true);
            }
        }
        for (incarnation, (scope, name, stream)) in wanted {
            if self.running.contains_key(&incarnation) {
                continue;
            }
            let plan = match Plan::of(&stream.destination) {
                Ok(plan) => plan,
                Err(error) => {
                    tracing::error!(delivery_stream = %name, %error, "settings of an earlier release cannot be followed");
                    continue;
                }
            };
            let (stop, stopped) = watch::channel(false);
            let delivery = Arc::new(Delivery {
                firehose: Arc::clone(firehose),
                address: Address { scope: scope.clone(), name: name.clone() },
                incarnation,
                version: stream.version,
                source: stream.source.clone(),
                direct_log: stream.direct_log(),
                arn: crate::target::arn(&scope.account, &scope.region, name),
                plan,
                progress: stream.progress.clone(),
                meter: firehose.meters.of(incarnation),
            });
            self.running.insert(incarnation, (stream.version, stop));
            self.tasks.spawn(async move {
                pump::run(delivery, stopped).await;
                incarnation
            });
        }
    }

    fn ended(&mut self, ended: Result<u128, JoinError>) {
        match ended {
            Ok(incarnation) => drop(self.running.remove(&incarnation)),
            // A pipeline that stopped in an unexpected way is not started again before the process is.
            Err(error) => tracing::error!(%error, "a delivery stream's pipeline has ended"),
        }
    }
}
