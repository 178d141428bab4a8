//! One shard in the hands of its processor. Invariant: the shard's end is recorded only after its processor has said that
//! all is done and the leases of its children exist.
use super::{
    Shared,
    held::{Checkpointer, Held},
    lease::{Checkpoint, Lease},
    requested,
};
use crate::{
    clock,
    consumer::{Arrived, ShardReader},
};
use std::sync::Arc;
use tokio::{sync::watch, task::JoinSet};

/// Why a processor gave up; any error will do.
pub type ProcessorError = Box<dyn std::error::Error + Send + Sync>;

/// What processes the records of one shard. A worker makes one for every shard that it takes.
///
/// If a method fails or panics, the worker gives the shard up; after the fail-over time it, or another worker, begins
/// again behind the last checkpoint.
///
/// ```
/// use headwater_client::{Checkpointer, Processor, consumer::Arrived, worker::ProcessorError};
///
/// struct Printer;
///
/// impl Processor for Printer {
///     async fn records(&mut self, batch: Arrived, checkpointer: &Checkpointer) -> Result<(), ProcessorError> {
///         for record in &batch.records {
///             println!("{} {}", batch.shard_id, record.sequence_number);
///         }
///         checkpointer.checkpoint().await?;
///         Ok(())
///     }
/// }
/// ```
pub trait Processor: Send + 'static {
    /// The next records, at least one. The next batch comes when these are done with.
    fn records(
        &mut self,
        batch: Arrived,
        checkpointer: &Checkpointer,
    ) -> impl Future<Output = Result<(), ProcessorError>> + Send;

    /// All records of the shard were handed out, and it was split or merged. After this the shard counts as processed, and
    /// those that came of it are begun.
    fn shard_ended(&mut self, checkpointer: &Checkpointer) -> impl Future<Output = Result<(), ProcessorError>> + Send {
        let _ = checkpointer;
        std::future::ready(Ok(()))
    }

    /// Another worker has the shard by now, or may have it. Nothing can be checkpointed any more.
    fn lease_lost(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// The worker shuts down: this is the last opportunity for a checkpoint.
    fn shutdown_requested(
        &mut self,
        checkpointer: &Checkpointer,
    ) -> impl Future<Output = Result<(), ProcessorError>> + Send {
        let _ = checkpointer;
        std::future::ready(Ok(()))
    }
}

/// How the processing of a shard came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// With the shard's end, which is recorded.
    Finished,
    /// Another worker has it.
    Lost,
    /// The worker shuts down.
    Stopped,
    /// The processor gave up, or the shard cannot be read.
    Failed,
}

/// Has a shard processed and its lease renewed until one of both ends. Gives the lease up unless it is lost.
pub(super) async fn supervise<P: Processor>(
    shared: Arc<Shared>,
    held: Arc<Held>,
    make: Arc<dyn Fn(&str) -> P + Send + Sync>,
    stop: watch::Receiver<bool>,
) -> Outcome {
    let mut work = JoinSet::new();
    let renewal_interval = shared.interval();
    let (ours, theirs) = (Arc::clone(&shared), Arc::clone(&held));
    work.spawn(async move {
        let processor = make(theirs.shard_id());
        process(&ours, theirs, processor, stop).await
    });
    let mut renewal = clock::now() + renewal_interval;
    let outcome = loop {
        tokio::select! {
            done = work.join_next() => break match done {
                Some(Ok(Ok(outcome))) => outcome,
                Some(Ok(Err(error))) => failed(&held, &*error),
                Some(Err(panic)) => failed(&held, &panic),
                None => Outcome::Failed,
            },
            () = clock::until(renewal) => {
                // What failed is tried again soon: there is not much time.
                let pause = match held.renew().await {
                    Ok(_) => renewal_interval,
                    Err(error) => {
                        tracing::debug!(shard = held.shard_id(), %error, "the lease was not renewed");
                        renewal_interval / 4
                    }
                };
                renewal = clock::now() + pause;
            }
        }
    };
    if matches!(outcome, Outcome::Stopped | Outcome::Failed)
        && let Err(error) = held.change(Lease::released).await
    {
        // It will expire.
        tracing::debug!(shard = held.shard_id(), %error, "the lease was not given up");
    }
    outcome
}

fn failed(held: &Held, error: &dyn std::fmt::Display) -> Outcome {
    if held.is_lost() {
        return Outcome::Lost;
    }
    tracing::error!(shard = held.shard_id(), %error, "the processor failed; the shard is given up for a while");
    Outcome::Failed
}

async fn process<P: Processor>(
    shared: &Shared,
    held: Arc<Held>,
    mut processor: P,
    mut stop: watch::Receiver<bool>,
) -> Result<Outcome, ProcessorError> {
    let begun = held.checkpoint().await;
    let start = begun.start(&shared.start);
    let mut reader = ShardReader::new(shared.consumer.clone(), held.shard_id().into(), start);
    let mut checkpointer = Checkpointer::new(Arc::clone(&held), None);
    loop {
        let mut arrived = tokio::select! {
            biased;
            () = held.lost() => {
                processor.lease_lost().await;
                return Ok(Outcome::Lost);
            }
            () = requested(&mut stop) => {
                processor.shutdown_requested(&checkpointer).await?;
                return Ok(Outcome::Stopped);
            }
            arrived = reader.next() => arrived?,
        };
        arrived.records.retain(|record| !begun.covers(record));
        let (ended, children) = (arrived.ended, arrived.child_shards.clone());
        if let Some(last) = arrived.records.last() {
            checkpointer = Checkpointer::new(Arc::clone(&held), Some(Checkpoint::of(last)));
            processor.records(arrived, &checkpointer).await.or_else(|error| {
                // The processor may have noticed first; it is told all the same.
                if held.is_lost() { Ok(()) } else { Err(error) }
            })?;
        }
        if ended && !held.is_lost() {
            processor.shard_ended(&checkpointer).await?;
            shared.sync(&children).await?;
            held.change(Lease::finished).await?;
            return Ok(Outcome::Finished);
        }
    }
}
