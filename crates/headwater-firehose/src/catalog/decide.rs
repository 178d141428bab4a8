//! The catalog's rules: what may be done to a delivery stream, and what becomes of it. Pure.
//!
//! Invariant: a command is refused in the service's words or decided with every number fixed; commands of duties and of
//! delivery name the incarnation they mean and do nothing once it is gone, so repeating one is harmless. So do those of callers
//! that bring along what was made from one, and are refused.
use super::{
    Action, Catalog, Command,
    change::Change,
    stream::{Address, DeliveryStream, NewDeliveryStream, NewKey, Phase, Source},
};
use crate::errors::{self, Result};
use headwater_log::{
    LogId, Seq,
    rules::{Rule, is_left_out},
};
use std::collections::BTreeMap;

/// What a command changes, if anything.
pub(super) type Decision = Option<Change>;

/// Tags one delivery stream may have.
const MAX_TAGS: usize = 50;

pub(super) fn decide(catalog: &Catalog, command: Command, now_ms: u64) -> Result<Decision> {
    match command {
        Command::Bury { incarnation } => {
            Ok(catalog.graves.contains(&incarnation).then_some(Change::Buried { incarnation }))
        }
        Command::Stream { address, action: Action::Create { new, limit, transition_ms } } => {
            create(catalog, address, new, limit, due(now_ms, transition_ms), now_ms).map(Some)
        }
        Command::Stream { address, action } => match incarnation(&action) {
            Some(meant) => {
                let held = catalog.at(&address).filter(|stream| stream.incarnation == meant);
                Ok(held.and_then(|stream| duty(stream, address, action, now_ms)))
            }
            None => {
                let missing = || errors::stream_not_found(&address.name, &address.scope.account);
                let is_meant = |stream: &&DeliveryStream| made_for(&action).is_none_or(|it| it == stream.incarnation);
                let stream = catalog.at(&address).filter(is_meant).ok_or_else(missing)?;
                asked(stream, address, action, now_ms)
            }
        },
    }
}

/// When a transition ends; `None` if it ends at once.
fn due(now_ms: u64, transition_ms: u64) -> Option<u64> {
    (transition_ms > 0).then(|| now_ms.saturating_add(transition_ms))
}

/// The incarnation that a duty's or delivery's command means.
const fn incarnation(action: &Action) -> Option<u128> {
    match action {
        Action::Advance { incarnation }
        | Action::Progress { incarnation, .. }
        | Action::Forget { incarnation, .. }
        | Action::Fail { incarnation, .. }
        | Action::Recover { incarnation } => Some(*incarnation),
        _ => None,
    }
}

/// The incarnation that what a command brings along was made for: another one under that name is not what was asked about.
fn made_for(action: &Action) -> Option<u128> {
    match action {
        Action::Update { incarnation, .. } | Action::SetEncryption { incarnation, .. } => {
            (!is_left_out(Rule::ChangesAreForWhomTheyWereMade)).then_some(*incarnation)
        }
        _ => None,
    }
}

fn duty(stream: &DeliveryStream, address: Address, action: Action, now_ms: u64) -> Decision {
    match action {
        Action::Advance { .. } => match stream.phase {
            Phase::Creating { due_ms } if due_ms <= now_ms => Some(Change::Activated { address }),
            Phase::Deleting { due_ms } if due_ms <= now_ms => Some(Change::Deleted { address, deleted_ms: now_ms }),
            _ => None,
        },
        Action::Progress { places, .. } => {
            let is_new = |(log, seq): &(LogId, Seq)| stream.progress.get(log).is_none_or(|held| held < seq);
            let place = |(log, seq): (LogId, Seq)| (log.group.0, log.part, seq.0);
            let places: Vec<_> = places.into_iter().filter(is_new).map(place).collect();
            (!places.is_empty()).then_some(Change::Progressed { address, places })
        }
        Action::Forget { logs, .. } => {
            let held = logs.into_iter().filter(|log| stream.progress.contains_key(log));
            let logs: Vec<_> = held.map(|log| (log.group.0, log.part)).collect();
            (!logs.is_empty()).then_some(Change::Forgotten { address, logs })
        }
        Action::Fail { failure, .. } => {
            (stream.failure.as_ref() != Some(&failure)).then_some(Change::Failed { address, failure })
        }
        Action::Recover { .. } => stream.failure.is_some().then_some(Change::Recovered { address }),
        _ => None,
    }
}

fn asked(stream: &DeliveryStream, address: Address, action: Action, now_ms: u64) -> Result<Decision> {
    match action {
        Action::Update { version, destination, .. } => {
            active(stream, &address)?;
            if stream.version != version {
                return Err(errors::version_changed(&address, &version.to_string(), stream.version));
            }
            Ok(Some(Change::Updated { address, destination, updated_ms: now_ms }))
        }
        // Being deleted already, it is deleted.
        Action::Delete { .. } if matches!(stream.phase, Phase::Deleting { .. }) => Ok(None),
        Action::Delete { transition_ms } => {
            active(stream, &address)?;
            Ok(Some(match due(now_ms, transition_ms) {
                None => Change::Deleted { address, deleted_ms: now_ms },
                Some(due_ms) => Change::DeletionBegun { address, due_ms },
            }))
        }
        Action::Tag { tags } => {
            active(stream, &address)?;
            let added = tags.keys().filter(|key| !stream.tags.contains_key(*key)).count();
            within_tags(&address, stream.tags.len() + added)?;
            Ok(Some(Change::Tagged { address, tags }))
        }
        Action::Untag { keys } => {
            active(stream, &address)?;
            let keys: Vec<String> = keys.into_iter().filter(|key| stream.tags.contains_key(key)).collect();
            Ok((!keys.is_empty()).then_some(Change::Untagged { address, keys }))
        }
        Action::SetEncryption { key, transition_ms, .. } => {
            set_encryption(stream, address, key, due(now_ms, transition_ms), now_ms)
        }
        _ => Ok(None),
    }
}

fn active(stream: &DeliveryStream, address: &Address) -> Result<()> {
    if stream.is_active() { Ok(()) } else { Err(errors::not_active(address, stream.status())) }
}

fn within_tags(address: &Address, count: usize) -> Result<()> {
    if count > MAX_TAGS { Err(errors::too_many_tags(address, MAX_TAGS)) } else { Ok(()) }
}

fn create(
    catalog: &Catalog,
    address: Address,
    new: NewDeliveryStream,
    limit: usize,
    due_ms: Option<u64>,
    now_ms: u64,
) -> Result<Change> {
    let Address { scope, name } = &address;
    if catalog.at(&address).is_some() {
        return Err(errors::stream_exists(name, &scope.account));
    }
    if catalog.streams(&scope.account, &scope.region).map_or(0, BTreeMap::len) >= limit {
        return Err(errors::too_many_streams(limit));
    }
    within_tags(&address, new.tags.len())?;
    let phase = due_ms.map_or(Phase::Active, |due_ms| Phase::Creating { due_ms });
    Ok(Change::Created { stream: DeliveryStream::new(new, phase, now_ms), address })
}

fn set_encryption(
    stream: &DeliveryStream,
    address: Address,
    key: Option<NewKey>,
    due_ms: Option<u64>,
    now_ms: u64,
) -> Result<Decision> {
    active(stream, &address)?;
    if !matches!(stream.source, Source::DirectPut { .. }) {
        return Err(errors::encryption_of_source(&address));
    }
    if stream.encryption_due_ms > now_ms {
        return Err(errors::encryption_changing(&address));
    }
    match &key {
        // Somebody else was quicker; for whoever comes second encryption is being changed.
        Some(key) if stream.holds_key(key.wrapped.generation) => return Err(errors::encryption_changing(&address)),
        None if stream.encryption.is_none() => return Ok(None),
        _ => {}
    }
    Ok(Some(Change::EncryptionSet { address, key, due_ms: due_ms.unwrap_or_default() }))
}
