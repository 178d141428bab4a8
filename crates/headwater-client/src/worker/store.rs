//! Where leases are kept. Invariant: a lease is changed only by who knows it as it is: of two that change it at once, one
//! is refused.
use super::lease::Lease;
use crate::error::Result;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

/// What a [`LeaseStore`] answers with, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Where the workers of one application keep the leases of one stream. All of them must see the same, and every answer must
/// be as fresh as the last change.
///
/// There are [`MemoryLeases`], for workers in one process, and
#[cfg_attr(feature = "dynamodb", doc = "[`DynamoDbLeases`](super::DynamoDbLeases),")]
#[cfg_attr(not(feature = "dynamodb"), doc = "`DynamoDbLeases` (feature `dynamodb`),")]
/// for workers anywhere.
pub trait LeaseStore: Send + Sync + 'static {
    /// Makes the place for the leases if there is none. Called once by every worker.
    fn prepare(&self) -> Answer<'_, ()>;
    /// All leases.
    fn list(&self) -> Answer<'_, Vec<Lease>>;
    /// Keeps a new lease, and says so; unless there is one of this shard.
    fn create<'a>(&'a self, lease: &'a Lease) -> Answer<'a, bool>;
    /// Keeps `to` where `from` is kept, if owner and counter there are those of `from`.
    fn replace<'a>(&'a self, from: &'a Lease, to: &'a Lease) -> Answer<'a, Replaced>;
    /// Forgets a lease, if owner and counter there are those of `lease`.
    fn delete<'a>(&'a self, lease: &'a Lease) -> Answer<'a, ()>;
}

/// What became of an attempt to change a lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Replaced {
    /// It is changed.
    Done,
    /// It had been changed before: this is how it is; `None` if there is none.
    Refused(Option<Lease>),
}

/// Leases in memory, for workers in one process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryLeases(Arc<Mutex<Table>>);

impl MemoryLeases {
    /// No leases yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T: Send + 'static>(&self, change: impl FnOnce(&mut Table) -> T) -> Answer<'_, T> {
        let answer = change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(std::future::ready(Ok(answer)))
    }
}

impl LeaseStore for MemoryLeases {
    fn prepare(&self) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn list(&self) -> Answer<'_, Vec<Lease>> {
        self.with(|table| table.all())
    }

    fn create<'a>(&'a self, lease: &'a Lease) -> Answer<'a, bool> {
        self.with(|table| table.create(lease))
    }

    fn replace<'a>(&'a self, from: &'a Lease, to: &'a Lease) -> Answer<'a, Replaced> {
        self.with(|table| match table.replace(from, to) {
            Ok(()) => Replaced::Done,
            Err(current) => Replaced::Refused(current),
        })
    }

    fn delete<'a>(&'a self, lease: &'a Lease) -> Answer<'a, ()> {
        self.with(|table| table.delete(lease))
    }
}

/// Leases by shard.
#[derive(Debug, Default)]
pub(crate) struct Table(BTreeMap<String, Lease>);

impl Table {
    pub(crate) fn all(&self) -> Vec<Lease> {
        self.0.values().cloned().collect()
    }

    pub(crate) fn create(&mut self, lease: &Lease) -> bool {
        match self.0.entry(lease.shard_id.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(lease.clone());
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// The current one if it is not as `from`.
    pub(crate) fn replace(&mut self, from: &Lease, to: &Lease) -> Result<(), Option<Lease>> {
        match self.0.get_mut(&from.shard_id) {
            Some(current) if is_same(current, from) => {
                *current = to.clone();
                Ok(())
            }
            current => Err(current.cloned()),
        }
    }

    fn delete(&mut self, lease: &Lease) {
        if self.0.get(&lease.shard_id).is_some_and(|current| is_same(current, lease)) {
            self.0.remove(&lease.shard_id);
        }
    }
}

fn is_same(current: &Lease, known: &Lease) -> bool {
    current.owner == known.owner && current.counter == known.counter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::Checkpoint;

    #[tokio::test]
    async fn of_two_changes_of_the_same_lease_the_second_is_refused_and_told_the_first() {
        let (store, lease) = (MemoryLeases::new(), Lease::new("s", [], Checkpoint::TrimHorizon));
        assert!(store.create(&lease).await.unwrap());
        assert!(!store.create(&lease).await.unwrap());
        let (mine, theirs) = (lease.claimed("me"), lease.claimed("other"));
        assert_eq!(store.replace(&lease, &theirs).await.unwrap(), Replaced::Done);
        assert_eq!(store.replace(&lease, &mine).await.unwrap(), Replaced::Refused(Some(theirs.clone())));
        store.delete(&lease).await.unwrap();
        assert_eq!(store.list().await.unwrap(), std::slice::from_ref(&theirs));
        store.delete(&theirs).await.unwrap();
        assert_eq!(store.replace(&theirs, &mine).await.unwrap(), Replaced::Refused(None));
    }
}
