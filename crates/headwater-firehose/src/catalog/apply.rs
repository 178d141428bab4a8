//! What each change does to the catalog. Pure and infallible.
//!
//! Invariant: the same changes in the same order give the same state, for ever; a change to a delivery stream that is not
//! there does nothing.
use super::{
    Catalog,
    change::Change,
    stream::{Address, DeliveryStream, Phase},
};
use headwater_log::{LogGroup, LogId, Seq};
use std::collections::BTreeMap;

pub(super) fn apply(catalog: &mut Catalog, change: &Change) {
    match change {
        Change::Created { address, stream } => create(catalog, address, stream),
        Change::Activated { address } => edit(catalog, address, |stream| stream.phase = Phase::Active),
        Change::DeletionBegun { address, due_ms } => {
            edit(catalog, address, |stream| stream.phase = Phase::Deleting { due_ms: *due_ms });
        }
        Change::Deleted { address, deleted_ms } => delete(catalog, address, *deleted_ms),
        Change::Buried { incarnation } => {
            catalog.graves.retain(|grave| grave != incarnation);
            catalog.deleted_ms.remove(incarnation);
        }
        Change::Updated { address, destination, updated_ms } => edit(catalog, address, |stream| {
            stream.destination = destination.clone();
            stream.version += 1;
            stream.updated_ms = Some(*updated_ms);
        }),
        Change::Tagged { address, tags } => edit(catalog, address, |stream| {
            stream.tags.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
        }),
        Change::Untagged { address, keys } => {
            edit(catalog, address, |stream| stream.tags.retain(|key, _| !keys.contains(key)));
        }
        Change::EncryptionSet { address, key, due_ms } => edit(catalog, address, |stream| {
            match key {
                Some(key) => stream.encrypt(key),
                None => stream.encryption = None,
            }
            stream.encryption_due_ms = *due_ms;
        }),
        Change::Progressed { address, places } => edit(catalog, address, |stream| {
            let places = places.iter().map(|(group, part, seq)| (LogId::new(LogGroup(*group), *part), Seq(*seq)));
            stream.progress.extend(places);
        }),
        Change::Forgotten { address, logs } => edit(catalog, address, |stream| {
            stream.progress.retain(|log, _| !logs.contains(&(log.group.0, log.part)));
        }),
        Change::Failed { address, failure } => {
            edit(catalog, address, |stream| stream.failure = Some(failure.clone()));
        }
        Change::Recovered { address } => edit(catalog, address, |stream| stream.failure = None),
    }
}

fn create(catalog: &mut Catalog, address: &Address, stream: &DeliveryStream) {
    let at = match catalog.find_scope(&address.scope.account, &address.scope.region) {
        Ok(at) => at,
        Err(at) => {
            catalog.scopes.insert(at, (address.scope.clone(), BTreeMap::new()));
            at
        }
    };
    catalog.scopes[at].1.insert(address.name.clone(), stream.clone());
}

fn edit(catalog: &mut Catalog, address: &Address, change: impl FnOnce(&mut DeliveryStream)) {
    let Ok(at) = catalog.find_scope(&address.scope.account, &address.scope.region) else { return };
    if let Some(stream) = catalog.scopes[at].1.get_mut(&address.name) {
        change(stream);
    }
}

fn delete(catalog: &mut Catalog, address: &Address, deleted_ms: u64) {
    let Ok(at) = catalog.find_scope(&address.scope.account, &address.scope.region) else { return };
    if let Some(stream) = catalog.scopes[at].1.remove(&address.name) {
        catalog.graves.push(stream.incarnation);
        catalog.deleted_ms.insert(stream.incarnation, deleted_ms);
    }
}
