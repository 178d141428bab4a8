//! Registered consumers of a stream: the readers that records are pushed to.
//!
//! Invariant: a consumer's name and the second it was registered in tell it apart from every other of its stream, as
//! both stand in its ARN; a name is free again only once its consumer is gone.
use super::{
    change::Change,
    decide::{Decision, MAX_TAGS, done, nothing},
    setting,
    stream::{Address, Stream},
};
use crate::errors::{self, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a consumer is going through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum ConsumerPhase {
    /// May subscribe from `due_ms` on.
    Creating {
        due_ms: u64,
    },
    Active,
    /// Vanishes at `due_ms`.
    Deleting {
        due_ms: u64,
    },
}

/// A reader that records are pushed to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Consumer {
    pub(crate) created_ms: u64,
    pub(crate) phase: ConsumerPhase,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Its resource policy, as it was given.
    #[serde(default)]
    pub(crate) policy: Option<String>,
}

/// How many consumers a stream may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ConsumerQuota {
    pub(crate) registered: usize,
    /// Of these, being created at a time.
    pub(crate) creating: usize,
}

/// What is asked about the consumers of one stream.
#[derive(Clone, Debug)]
pub(crate) enum ConsumerAction {
    Register {
        name: String,
        tags: BTreeMap<String, String>,
        quota: ConsumerQuota,
        transition_ms: u64,
    },
    Deregister {
        name: String,
        transition_ms: u64,
    },
    /// `created_secs` tells which of those that had the name is meant.
    Change {
        name: String,
        created_secs: u64,
        change: ConsumerChange,
    },
}

/// What may be changed about a consumer.
#[derive(Clone, Debug)]
pub(crate) enum ConsumerChange {
    Tag(BTreeMap<String, String>),
    Untag(Vec<String>),
    Policy(Option<String>),
}

impl Consumer {
    /// The creation time its ARN ends in.
    pub(crate) const fn created_secs(&self) -> u64 {
        self.created_ms / 1000
    }

    pub(crate) fn is_active(&self) -> bool {
        self.phase == ConsumerPhase::Active
    }

    /// When its next step is due by itself; `None` if it rests.
    pub(crate) const fn due_ms(&self) -> Option<u64> {
        match self.phase {
            ConsumerPhase::Creating { due_ms } | ConsumerPhase::Deleting { due_ms } => Some(due_ms),
            ConsumerPhase::Active => None,
        }
    }
}

pub(super) fn decide(stream: &Stream, address: Address, action: ConsumerAction, now_ms: u64) -> Result<Decision> {
    match action {
        ConsumerAction::Register { name, tags, quota, transition_ms } => {
            register(stream, &address, &name, &tags, quota)?;
            let due_ms = now_ms + transition_ms;
            let phase = if transition_ms == 0 { ConsumerPhase::Active } else { ConsumerPhase::Creating { due_ms } };
            let consumer = Some(Consumer { created_ms: now_ms, phase, tags, policy: None });
            done(Change::ConsumerSet { address, name, consumer })
        }
        ConsumerAction::Deregister { name, transition_ms } => {
            let unknown = || errors::consumer_not_found(&name, &address.scope.account);
            let held = stream.consumers.get(&name).ok_or_else(unknown)?;
            if let ConsumerPhase::Deleting { .. } = held.phase {
                return Err(errors::consumer_not_active(&name, held.created_secs(), &address));
            }
            let phase = ConsumerPhase::Deleting { due_ms: now_ms + transition_ms };
            let consumer = (transition_ms > 0).then(|| Consumer { phase, ..held.clone() });
            done(Change::ConsumerSet { address, name, consumer })
        }
        ConsumerAction::Change { name, created_secs, change } => {
            let held = stream.consumers.get(&name).filter(|held| held.created_secs() == created_secs);
            let held = held.ok_or_else(|| errors::consumer_not_found(&name, &address.scope.account))?;
            let consumer = changed(held, &address, change)?;
            if consumer == *held {
                return nothing();
            }
            done(Change::ConsumerSet { address, name, consumer: Some(consumer) })
        }
    }
}

/// The consumer as it is after the change.
fn changed(held: &Consumer, address: &Address, change: ConsumerChange) -> Result<Consumer> {
    let mut consumer = held.clone();
    match change {
        ConsumerChange::Tag(tags) => consumer.tags.extend(tags),
        ConsumerChange::Untag(keys) => consumer.tags.retain(|key, _| !keys.contains(key)),
        ConsumerChange::Policy(policy) => {
            policy.as_deref().map_or(Ok(()), setting::check_policy)?;
            consumer.policy = policy;
        }
    }
    if consumer.tags.len() > MAX_TAGS {
        return Err(errors::too_many_tags(&address.name, &address.scope.account));
    }
    Ok(consumer)
}

/// Whether the stream takes one more consumer, of this name.
fn register(
    stream: &Stream,
    address: &Address,
    name: &str,
    tags: &BTreeMap<String, String>,
    quota: ConsumerQuota,
) -> Result<()> {
    if !stream.takes_records() {
        return Err(errors::not_active(&address.name, &address.scope.account, stream.status()));
    }
    if stream.consumers.contains_key(name) {
        return Err(errors::consumer_exists(name, address));
    }
    if stream.consumers.len() >= quota.registered {
        return Err(errors::consumer_limit(quota.registered, address));
    }
    let creating = |consumer: &&Consumer| matches!(consumer.phase, ConsumerPhase::Creating { .. });
    if stream.consumers.values().filter(creating).count() >= quota.creating {
        return Err(errors::creating_consumer_limit(quota.creating));
    }
    if tags.len() > MAX_TAGS {
        return Err(errors::too_many_tags(&address.name, &address.scope.account));
    }
    Ok(())
}

/// Takes the steps of consumers that are due.
pub(super) fn advance(stream: &Stream, address: &Address, now_ms: u64) -> Result<Decision> {
    let due = stream.consumers.iter().filter(|(_, held)| held.due_ms().is_some_and(|due_ms| due_ms <= now_ms));
    let step = |(name, held): (&String, &Consumer)| {
        let is_created = matches!(held.phase, ConsumerPhase::Creating { .. });
        let consumer = is_created.then(|| Consumer { phase: ConsumerPhase::Active, ..held.clone() });
        Change::ConsumerSet { address: address.clone(), name: name.clone(), consumer }
    };
    let changes: Vec<Change> = due.map(step).collect();
    if changes.is_empty() { nothing() } else { Ok((changes, super::Answer::Done)) }
}
