//! The catalog: which delivery streams there are, what each is to do, and how far it got. One machine, decided in one
//! place.
//!
//! Invariant: the state is its log of changes, folded; looking a delivery stream up allocates nothing, as every put does
//! it.
mod apply;
mod change;
mod command;
mod decide;
mod destination;
mod stream;
mod text;

use change::Change;
pub(crate) use command::{Action, Command};
pub(crate) use destination::{Destination, DestinationUpdate};
use headwater_log::{
    LogGroup, LogId,
    machine::{Machine, of_json, to_json},
    replica::Home,
};
use headwater_wire::ServiceError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
pub(crate) use stream::{Address, DESTINATION_ID, DeliveryStream, KeyOwner, NewDeliveryStream, NewKey, Scope, Source};

/// The group of the catalog's own logs, among those below 2⁶⁴ that are Headwater's.
const GROUP: LogGroup = LogGroup(3);
/// Replaying this many decisions takes milliseconds.
const SNAPSHOT_EVERY: u64 = 1024;

/// Where the catalog lives.
pub(crate) const HOME: Home =
    Home { log: LogId::new(GROUP, 0), snapshots: LogId::new(GROUP, 1), snapshot_every: SNAPSHOT_EVERY };

/// All delivery streams of all accounts and regions.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Catalog {
    /// In order of scope: a handful, so a search by borrowed names needs no allocation.
    scopes: Vec<(Scope, BTreeMap<String, DeliveryStream>)>,
    /// The incarnations of deleted delivery streams whose logs are still to be trimmed.
    graves: Vec<u128>,
    /// When they were deleted, as far as it was told.
    #[serde(default)]
    deleted_ms: BTreeMap<u128, u64>,
}

impl Catalog {
    /// The delivery stream called `name`; two borrowed searches.
    pub(crate) fn stream(&self, account: &str, region: &str, name: &str) -> Option<&DeliveryStream> {
        self.streams(account, region)?.get(name)
    }

    /// The delivery streams of one account in one region, in order of name.
    pub(crate) fn streams(&self, account: &str, region: &str) -> Option<&BTreeMap<String, DeliveryStream>> {
        let at = self.find_scope(account, region).ok()?;
        self.scopes.get(at).map(|(_, streams)| streams)
    }

    /// Every delivery stream with its scope and name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Scope, &String, &DeliveryStream)> {
        self.scopes.iter().flat_map(|(scope, streams)| streams.iter().map(move |(name, stream)| (scope, name, stream)))
    }

    /// The delivery stream whose logs these are.
    pub(crate) fn of(&self, logs: LogGroup) -> Option<&DeliveryStream> {
        self.all().map(|(_, _, stream)| stream).find(|stream| stream.incarnation == logs.0)
    }

    /// The delivery stream at an address.
    pub(crate) fn at(&self, address: &Address) -> Option<&DeliveryStream> {
        self.stream(&address.scope.account, &address.scope.region, &address.name)
    }

    /// The incarnations of those that were deleted by `upto_ms`, and whose logs are still to be trimmed.
    pub(crate) fn graves(&self, upto_ms: u64) -> Vec<u128> {
        let deleted_ms = |grave: &u128| self.deleted_ms.get(grave).copied().unwrap_or_default();
        self.graves.iter().copied().filter(|grave| deleted_ms(grave) <= upto_ms).collect()
    }

    fn find_scope(&self, account: &str, region: &str) -> Result<usize, usize> {
        self.scopes.binary_search_by(|(scope, _)| (&*scope.account, &*scope.region).cmp(&(account, region)))
    }
}

impl Machine for Catalog {
    type Command = Command;
    type Change = Change;
    type Answer = ();
    type Refusal = ServiceError;

    fn empty() -> Self {
        Self::default()
    }

    fn decide(&self, command: Command, now_ms: u64) -> Result<(Vec<Change>, ()), ServiceError> {
        decide::decide(self, command, now_ms).map(|change| (change.into_iter().collect(), ()))
    }

    fn apply(&mut self, change: &Change) {
        apply::apply(self, change);
    }

    fn encode(changes: &[Change]) -> Vec<u8> {
        to_json(&changes)
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Change>, String> {
        of_json(bytes)
    }

    fn snapshot(&self) -> Vec<u8> {
        to_json(self)
    }

    fn restore(bytes: &[u8]) -> Result<Self, String> {
        of_json(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_something_was_deleted_is_in_a_snapshot_and_in_those_of_earlier_releases_it_is_long_ago() {
        let grave = 7 << 100;
        let catalog = Catalog { graves: vec![grave], deleted_ms: BTreeMap::from([(grave, 5)]), ..Catalog::default() };
        let restored = Catalog::restore(&catalog.snapshot()).unwrap();
        assert_eq!((restored.graves(4), restored.graves(5)), (vec![], vec![grave]));
        let earlier = Catalog::restore(br#"{"scopes": [], "graves": [9]}"#).unwrap();
        assert_eq!(earlier.graves(0), [9]);
    }
}
