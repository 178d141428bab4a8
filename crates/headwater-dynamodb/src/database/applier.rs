//! Applies decisions in their order once they are durable, as many at a time as are, and answers those who wait.
//!
//! Invariant: nothing is applied behind a decision that failed.
use super::{
    Database, LOG,
    apply::Applying,
    change::Change,
    entry,
    recover::{self, Place},
    rows,
};
use headwater_log::{Commit, LogError, Stamp, kv::Batch};
use std::{
    future::poll_fn,
    sync::{Arc, PoisonError, Weak},
    task::{Context, Poll, Waker},
};
use tokio::sync::{mpsc, oneshot};

/// A decision on its way.
pub(super) struct Pending {
    pub(super) epoch: u64,
    /// `None`: nothing was decided, but what was looked at may still be on its way.
    pub(super) number: Option<u64>,
    pub(super) changes: Vec<Change>,
    pub(super) commit: Commit,
    pub(super) tell: oneshot::Sender<Result<(), LogError>>,
}

/// Decisions applied in one batch, at most.
const GROUP: usize = 256;
/// Once this many bytes were logged, the rows are made durable and the log is trimmed: what a restart has to fold.
const CHECKPOINT_BYTES: usize = 64 << 20;

/// The log holds what the rows do not: only a new start can bring them together.
const UNAPPLIED: &str = "decisions that are durable cannot be applied";

/// Between two looks at whether a full disk has room again.
const RETRY_AFTER_MS: u64 = 100;

/// Runs as long as the database. `number` is that of the last decision applied.
pub(super) async fn run(database: Weak<Database>, mut queue: mpsc::UnboundedReceiver<Pending>, mut number: u64) {
    let mut next = None;
    let mut logged_bytes = 0;
    loop {
        let mut first: Pending = match next.take() {
            Some(pending) => pending,
            None => match queue.recv().await {
                Some(pending) => pending,
                None => return,
            },
        };
        let outcome = poll_fn(|context| first.commit.as_mut().poll(context)).await;
        let mut group = vec![(first, outcome)];
        while group.len() < GROUP {
            let Ok(mut pending) = queue.try_recv() else { break };
            match pending.commit.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(outcome) => group.push((pending, outcome)),
                Poll::Pending => {
                    next = Some(pending);
                    break;
                }
            }
        }
        let Some(database) = database.upgrade() else { return };
        let failure = database.take_group(group, &mut number, &mut logged_bytes);
        if let Some((error, mut failed)) = failure {
            failed.extend(next.take());
            database.start_over(error, failed, &mut queue, number).await;
        }
        if logged_bytes >= CHECKPOINT_BYTES {
            logged_bytes = 0;
            checkpoint(&database).await;
        }
    }
}

/// What failed, and those it takes with it.
type Failure = Option<(LogError, Vec<Pending>)>;

impl Database {
    /// Applies what is durable, in order, up to the first failure.
    fn take_group(
        &self,
        group: Vec<(Pending, Result<Vec<Stamp>, LogError>)>,
        number: &mut u64,
        logged_bytes: &mut usize,
    ) -> Failure {
        let before = self.tables();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut applying =
            Applying { kv: &*self.kv, tables: Arc::clone(&before), counts: &mut counts, batch: Batch::default() };
        let mut done = Vec::with_capacity(group.len());
        let mut place = None;
        let mut failure: Failure = None;
        for (pending, outcome) in group {
            if let Some((_, failed)) = &mut failure {
                failed.push(pending);
                continue;
            }
            let outcome = outcome.map(|stamps| {
                if let (Some(decision), Some(stamp)) = (pending.number, stamps.first()) {
                    let applied = applying.apply(decision, stamp.time_ms, &pending.changes);
                    assert!(applied.is_ok(), "{UNAPPLIED}: {applied:?}");
                    place = Some(Place { epoch: pending.epoch, number: decision, seq: stamp.seq });
                }
            });
            match outcome {
                Ok(()) => done.push(pending),
                Err(error) => failure = Some((error, vec![pending])),
            }
        }
        if let Some(place) = place {
            *number = place.number;
            applying.counts.write(&mut applying.batch);
            applying.batch.put(rows::META, rows::APPLIED.to_vec(), place.encode());
            *logged_bytes += applying.batch.size_bytes();
            let batch = std::mem::take(&mut applying.batch);
            let written = if Arc::ptr_eq(&before, &applying.tables) {
                self.kv.write(batch)
            } else {
                // Whoever takes tables and rows together must not get those of different decisions.
                let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
                let written = self.kv.write(batch);
                *tables = applying.tables;
                written
            };
            assert!(written.is_ok(), "{UNAPPLIED}: {written:?}");
            self.version.send_modify(|version| *version += 1);
        }
        drop(counts);
        self.settle(&done);
        for pending in done {
            // Whoever asked may have stopped waiting.
            let _ = pending.tell.send(Ok(()));
        }
        failure
    }

    /// What was applied need not be kept beside the rows any more.
    fn settle(&self, done: &[Pending]) {
        let mut decider = self.decider();
        decider.in_flight = decider.in_flight.saturating_sub(done.len() as u64);
        for pending in done {
            if let Some(number) = pending.number {
                decider.overlay.forget(&pending.changes, number);
            }
        }
    }

    /// An append failed. Where the log is known not to hold it, everything decided upon it is void, and deciding starts
    /// over from what was applied, under a new epoch; otherwise nothing is decided any more.
    async fn start_over(
        &self,
        error: LogError,
        mut failed: Vec<Pending>,
        queue: &mut mpsc::UnboundedReceiver<Pending>,
        number: u64,
    ) {
        {
            let mut decider = self.decider();
            while let Ok(pending) = queue.try_recv() {
                failed.push(pending);
            }
            decider.overlay.clear();
            decider.in_flight = 0;
            decider.next = number + 1;
            decider.epoch += 1;
            decider.tables = self.tables();
            decider.tokens = recover::tokens(&*self.kv).unwrap_or_default();
            decider.broken = Some(error.clone());
        }
        for pending in failed {
            let _ = pending.tell.send(Err(error.clone()));
        }
        if !matches!(error, LogError::Full | LogError::Unavailable(_)) {
            return;
        }
        loop {
            let epoch = self.decider().epoch;
            match self.engine.append(LOG, vec![entry::owner(epoch)]).await {
                Ok(_) => {
                    self.decider().broken = None;
                    return;
                }
                Err(LogError::Full | LogError::Unavailable(_)) => self.clock.sleep(RETRY_AFTER_MS).await,
                Err(error) => {
                    self.decider().broken = Some(error);
                    return;
                }
            }
        }
    }
}

/// Makes the rows durable and lets the log go up to them.
pub(super) async fn checkpoint(database: &Arc<Database>) {
    let kv = Arc::clone(&database.kv);
    let saved = tokio::task::spawn_blocking(move || {
        let place = recover::place(&*kv.view())?;
        kv.persist().map(|()| place)
    });
    let trimmed = match saved.await {
        // The last decision stays: a log that holds nothing is forgotten, and with it that rows belong to it.
        Ok(Ok(Some(place))) => database.engine.trim(LOG, place.seq).await,
        Ok(Ok(None)) => Ok(()),
        Ok(Err(error)) => Err(error),
        Err(died) => Err(LogError::Io(died.to_string())),
    };
    if let Err(error) = trimmed {
        tracing::warn!(%error, "no checkpoint of the tables; their log is kept whole");
    }
}
