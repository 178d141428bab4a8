//! The catalog: which streams there are, of which shards, in which state. One machine, decided in one place.
//!
//! Invariant: the state is its log of changes, folded; looking a stream up allocates nothing, as every put does it.
mod apply;
mod change;
mod command;
mod consumer;
mod decide;
mod demand;
mod reshard;
mod setting;
mod stream;

use change::Change;
pub(crate) use command::{Action, Answer, Command, Marker, Quota};
pub(crate) use consumer::{Consumer, ConsumerAction, ConsumerChange, ConsumerPhase, ConsumerQuota};
pub(crate) use demand::{LEAST_SHARDS, Load, plan};
use headwater_log::{
    LogGroup, LogId,
    machine::{Machine, of_json, to_json},
    replica::Home,
};
use headwater_wire::ServiceError;
use serde::{Deserialize, Serialize};
pub(crate) use setting::{Commitment, NewKey, Setting};
use std::collections::BTreeMap;
pub(crate) use stream::{
    Address, Distribution, Ending, Mode, NewStream, ParentTail, Phase, Reshard, Scope, Shard, Step, Stream, shard_id,
};

/// The group of the catalog's own logs, among those below 2⁶⁴ that are Headwater's.
const GROUP: LogGroup = LogGroup(1);
/// Replaying this many decisions takes milliseconds.
const SNAPSHOT_EVERY: u64 = 1024;

/// Where the catalog lives.
pub(crate) const HOME: Home =
    Home { log: LogId::new(GROUP, 0), snapshots: LogId::new(GROUP, 1), snapshot_every: SNAPSHOT_EVERY };

/// All streams of all accounts and regions.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Catalog {
    /// What tokens handed out are sealed with; absent until the catalog is founded.
    token_key: Option<[u8; 32]>,
    /// In order of scope: a handful, so a search by borrowed names needs no allocation.
    scopes: Vec<(Scope, BTreeMap<String, Stream>)>,
    /// Deleted streams whose logs are still to be trimmed.
    graves: Vec<Grave>,
    /// What accounts have committed themselves to, in order of scope.
    #[serde(default)]
    commitments: Vec<(Scope, Commitment)>,
}

/// A deleted stream's logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Grave {
    pub(crate) incarnation: u128,
    /// Its shards had the indexes below this.
    pub(crate) shards: u32,
    /// When it was deleted.
    #[serde(default)]
    pub(crate) deleted_ms: u64,
}

impl Catalog {
    /// The stream called `name`; two borrowed searches.
    pub(crate) fn stream(&self, account: &str, region: &str, name: &str) -> Option<&Stream> {
        self.streams(account, region)?.get(name)
    }

    /// The streams of one account in one region, in order of name.
    pub(crate) fn streams(&self, account: &str, region: &str) -> Option<&BTreeMap<String, Stream>> {
        let at = self.find_scope(account, region).ok()?;
        self.scopes.get(at).map(|(_, streams)| streams)
    }

    /// Every stream with its scope and name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Scope, &String, &Stream)> {
        self.scopes.iter().flat_map(|(scope, streams)| streams.iter().map(move |(name, stream)| (scope, name, stream)))
    }

    /// The stream whose logs these are.
    pub(crate) fn of(&self, logs: LogGroup) -> Option<&Stream> {
        self.all().map(|(_, _, stream)| stream).find(|stream| stream.incarnation == logs.0)
    }

    pub(crate) fn graves(&self) -> &[Grave] {
        &self.graves
    }

    pub(crate) const fn token_key(&self) -> Option<[u8; 32]> {
        self.token_key
    }

    /// Open shards of the provisioned streams of one account in one region: what the shard limit counts.
    pub(crate) fn shards_held(&self, account: &str, region: &str) -> u32 {
        let streams = self.streams(account, region).into_iter().flat_map(BTreeMap::values);
        let counts = streams.filter(|stream| stream.mode == Mode::Provisioned).map(|stream| stream.open_shards().len());
        u32::try_from(counts.sum::<usize>()).unwrap_or(u32::MAX)
    }

    /// On-demand streams of one account in one region.
    pub(crate) fn on_demand_streams(&self, account: &str, region: &str) -> u32 {
        let streams = self.streams(account, region).into_iter().flat_map(BTreeMap::values);
        let count = streams.filter(|stream| stream.mode == Mode::OnDemand).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// What an account has committed itself to in a region.
    pub(crate) fn commitment(&self, account: &str, region: &str) -> Option<Commitment> {
        let mut held = self.commitments.iter();
        held.find(|(scope, _)| scope.account == account && scope.region == region).map(|(_, held)| *held)
    }

    fn find_scope(&self, account: &str, region: &str) -> Result<usize, usize> {
        self.scopes.binary_search_by(|(scope, _)| (&*scope.account, &*scope.region).cmp(&(account, region)))
    }

    fn at(&self, address: &Address) -> Option<&Stream> {
        self.stream(&address.scope.account, &address.scope.region, &address.name)
    }
}

impl Machine for Catalog {
    type Command = Command;
    type Change = Change;
    type Answer = Answer;
    type Refusal = ServiceError;

    fn empty() -> Self {
        Self::default()
    }

    fn decide(&self, command: Command, now_ms: u64) -> Result<(Vec<Change>, Answer), ServiceError> {
        decide::decide(self, command, now_ms)
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
        let mut catalog: Self = of_json(bytes)?;
        catalog.scopes.iter_mut().flat_map(|(_, streams)| streams.values_mut()).for_each(Stream::derive);
        Ok(catalog)
    }
}

#[cfg(test)]
mod tests;
