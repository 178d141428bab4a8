//! A lease that this worker holds, and checkpoints in it. Invariant: it counts as held only for the fail-over time after
//! the last change that was begun and kept, so it is never believed in for longer than others wait before they take it.
use super::{
    lease::{Checkpoint, Lease},
    store::{LeaseStore, Replaced},
};
use crate::{
    backoff::{Backoff, passes},
    clock,
    error::{Error, Failed, Result},
    received::Received,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// The code of the [`Error::Failed`] that a checkpoint ends with when another worker has the shard by now, or may have it.
pub const LEASE_LOST: &str = "LeaseLost";

pub(crate) struct Held {
    shard_id: String,
    store: Arc<dyn LeaseStore>,
    fail_over: Duration,
    /// As it was last written. One change at a time.
    lease: tokio::sync::Mutex<Lease>,
    good_until: Mutex<Instant>,
    lost: watch::Sender<bool>,
}

impl Held {
    /// Takes a lease; nothing if another one was faster.
    pub(crate) async fn claim(
        store: &Arc<dyn LeaseStore>,
        lease: &Lease,
        worker: &str,
        fail_over: Duration,
    ) -> Result<Option<Self>> {
        let (begun, claimed) = (clock::now(), lease.claimed(worker));
        match store.replace(lease, &claimed).await? {
            Replaced::Done => {}
            // It is the repetition, within the SDK, that was refused.
            Replaced::Refused(Some(current)) if current == claimed => {}
            Replaced::Refused(_) => return Ok(None),
        }
        Ok(Some(Self {
            shard_id: lease.shard_id.clone(),
            store: Arc::clone(store),
            fail_over,
            lease: tokio::sync::Mutex::new(claimed),
            good_until: Mutex::new(begun + fail_over),
            lost: watch::Sender::new(false),
        }))
    }

    pub(crate) fn shard_id(&self) -> &str {
        &self.shard_id
    }

    pub(crate) fn is_lost(&self) -> bool {
        *self.lost.borrow() || clock::now() >= self.good_until()
    }

    /// Waits until it is lost.
    pub(crate) async fn lost(&self) {
        // The sender is here, so this ends with the loss alone.
        let _ = self.lost.subscribe().wait_for(|lost| *lost).await;
    }

    pub(crate) async fn checkpoint(&self) -> Checkpoint {
        self.lease.lock().await.checkpoint.clone()
    }

    /// Tells all that it is held still. Gives the time until which it is so; an error if it is lost.
    pub(crate) async fn renew(&self) -> Result<Instant> {
        self.attempt(Lease::renewed).await?;
        Ok(self.good_until())
    }

    /// Changes it; waits out what passes for as long as it is held.
    pub(crate) async fn change(&self, to: impl Fn(&Lease) -> Lease) -> Result<()> {
        let mut backoff = Backoff::default();
        backoff.succeeded();
        loop {
            match self.attempt(&to).await {
                Err(error) if passes(&error) => backoff.wait(error).await?,
                done => return done,
            }
        }
    }

    async fn attempt(&self, to: impl Fn(&Lease) -> Lease) -> Result<()> {
        if self.is_lost() {
            self.lost.send_replace(true);
            return Err(self.refusal());
        }
        match tokio::time::timeout_at(self.good_until(), self.write(to)).await {
            Ok(written) => written,
            Err(_) => {
                self.lost.send_replace(true);
                Err(self.refusal())
            }
        }
    }

    async fn write(&self, to: impl Fn(&Lease) -> Lease) -> Result<()> {
        let mut lease = self.lease.lock().await;
        loop {
            let (begun, changed) = (clock::now(), to(&lease));
            match self.store.replace(&lease, &changed).await? {
                Replaced::Done => {}
                Replaced::Refused(Some(current)) if current == changed => {}
                // Nobody else writes this owner: the answer to an earlier change of ours was lost.
                Replaced::Refused(Some(current)) if current.owner == lease.owner && current.counter > lease.counter => {
                    *lease = current;
                    continue;
                }
                Replaced::Refused(_) => {
                    self.lost.send_replace(true);
                    return Err(self.refusal());
                }
            }
            *lease = changed;
            *self.good_until.lock().unwrap_or_else(PoisonError::into_inner) = begun + self.fail_over;
            return Ok(());
        }
    }

    fn good_until(&self) -> Instant {
        *self.good_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusal(&self) -> Error {
        Error::Failed(Failed {
            operation: "Checkpoint",
            status: None,
            code: Some(LEASE_LOST.into()),
            message: format!(
                "the lease of {} is not held any more: another worker may process the shard",
                self.shard_id
            ),
        })
    }
}

/// Records how far a shard was processed. A worker that takes the shard over begins behind that place.
#[derive(Clone)]
pub struct Checkpointer {
    held: Arc<Held>,
    /// The last record handed out.
    delivered: Option<Checkpoint>,
}

impl Checkpointer {
    pub(crate) fn new(held: Arc<Held>, delivered: Option<Checkpoint>) -> Self {
        Self { held, delivered }
    }

    /// The shard.
    pub fn shard_id(&self) -> &str {
        self.held.shard_id()
    }

    /// All records handed to the processor so far are processed. Does nothing if there were none.
    ///
    /// # Errors
    /// [`Error::Failed`] with the code [`LEASE_LOST`] if another worker has the shard by now, or may have it.
    pub async fn checkpoint(&self) -> Result<()> {
        match &self.delivered {
            Some(delivered) => self.keep(delivered.clone()).await,
            None => Ok(()),
        }
    }

    /// All records up to this one are processed, and it too.
    ///
    /// # Errors
    /// [`Error::Failed`] with the code [`LEASE_LOST`] if another worker has the shard by now, or may have it;
    /// [`Error::Misuse`] if the record is of another shard, or before the last checkpoint.
    pub async fn checkpoint_at(&self, record: &Received) -> Result<()> {
        if *record.shard_id != *self.shard_id() {
            let (theirs, ours) = (&record.shard_id, self.shard_id());
            return Err(Error::Misuse(format!("a record of {theirs} is no place for a checkpoint of {ours}")));
        }
        self.keep(Checkpoint::of(record)).await
    }

    async fn keep(&self, checkpoint: Checkpoint) -> Result<()> {
        let before = self.held.checkpoint().await;
        if checkpoint.compare(&before).is_lt() {
            return Err(Error::Misuse(format!(
                "{checkpoint} is before {before}, up to where records are processed already"
            )));
        }
        self.held.change(|lease| lease.checkpointed(checkpoint.clone())).await
    }
}

impl std::fmt::Debug for Checkpointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpointer").field("shard_id", &self.shard_id()).field("delivered", &self.delivered).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::MemoryLeases;

    const FAIL_OVER: Duration = Duration::from_secs(10);

    async fn held(leases: &MemoryLeases) -> Arc<Held> {
        let (store, lease): (Arc<dyn LeaseStore>, _) =
            (Arc::new(leases.clone()), Lease::new("s", [], Checkpoint::TrimHorizon));
        leases.create(&lease).await.unwrap();
        Arc::new(Held::claim(&store, &lease, "me", FAIL_OVER).await.unwrap().unwrap())
    }

    fn at(number: &str) -> Checkpoint {
        Checkpoint::Record { sequence_number: number.into(), sub_sequence_number: 0 }
    }

    #[tokio::test]
    async fn a_checkpoint_moves_forward_alone() {
        let leases = MemoryLeases::new();
        let held = held(&leases).await;
        Checkpointer::new(Arc::clone(&held), Some(at("10"))).checkpoint().await.unwrap();
        let back = Checkpointer::new(held, Some(at("9"))).checkpoint().await;
        assert!(matches!(back, Err(Error::Misuse(_))));
        assert_eq!(leases.list().await.unwrap()[0].checkpoint, at("10"));
    }

    #[tokio::test]
    async fn a_checkpoint_in_a_stolen_lease_is_refused_with_a_code() {
        let leases = MemoryLeases::new();
        let held = held(&leases).await;
        let mine = leases.list().await.unwrap().remove(0);
        leases.replace(&mine, &mine.claimed("other")).await.unwrap();
        let refused = Checkpointer::new(Arc::clone(&held), Some(at("1"))).checkpoint().await.unwrap_err();
        assert_eq!(refused.code(), Some(LEASE_LOST));
        held.lost().await;
    }

    #[tokio::test]
    async fn a_change_whose_answer_was_lost_is_known_for_our_own() {
        let leases = MemoryLeases::new();
        let held = held(&leases).await;
        let mine = leases.list().await.unwrap().remove(0);
        leases.replace(&mine, &mine.renewed()).await.unwrap();
        held.change(|lease| lease.checkpointed(at("1"))).await.unwrap();
        assert_eq!((held.is_lost(), held.checkpoint().await), (false, at("1")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_was_not_renewed_in_time_is_lost_by_our_own_clock() {
        let leases = MemoryLeases::new();
        let held = held(&leases).await;
        clock::pause(FAIL_OVER / 2).await;
        held.renew().await.unwrap();
        clock::pause(FAIL_OVER * 3 / 4).await;
        assert!(!held.is_lost());
        clock::pause(FAIL_OVER).await;
        assert_eq!(held.renew().await.unwrap_err().code(), Some(LEASE_LOST));
    }
}
