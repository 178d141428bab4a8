//! What each change does to the catalog. Pure and infallible.
//!
//! Invariant: the same changes in the same order give the same state, for ever; a change to a stream that is not there
//! does nothing.
use super::{
    Catalog, Grave,
    change::Change,
    stream::{Address, Phase, Stream},
};

pub(super) fn apply(catalog: &mut Catalog, change: &Change) {
    match change {
        Change::Founded { token_key } => catalog.token_key = Some(*token_key),
        Change::Created { address, stream } => create(catalog, address, stream),
        Change::Activated { address } => edit(catalog, address, |stream| stream.phase = Phase::Active),
        Change::DeletionBegun { address, due_ms } => {
            edit(catalog, address, |stream| stream.phase = Phase::Deleting { due_ms: *due_ms });
        }
        Change::Deleted { address, deleted_ms } => delete(catalog, address, *deleted_ms),
        Change::Buried { incarnation } => catalog.graves.retain(|grave| grave.incarnation != *incarnation),
        Change::Tagged { address, tags } => edit(catalog, address, |stream| {
            stream.tags.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
        }),
        Change::Untagged { address, keys } => {
            edit(catalog, address, |stream| stream.tags.retain(|key, _| !keys.contains(key)));
        }
        Change::RetentionSet { address, hours, floor_ms } => edit(catalog, address, |stream| {
            stream.retention_hours = *hours;
            stream.floor_ms = *floor_ms;
        }),
        Change::ConfigurationBegun { address, setting, due_ms } => edit(catalog, address, |stream| {
            stream.phase = Phase::Configuring { due_ms: *due_ms, setting: setting.clone() };
        }),
        Change::Configured { address, setting } => edit(catalog, address, |stream| {
            setting.set(stream);
            if let Phase::Configuring { .. } = stream.phase {
                stream.phase = Phase::Active;
            }
        }),
        Change::Committed { scope, commitment } => {
            catalog.commitments.retain(|(held, _)| held != scope);
            catalog.commitments.push((scope.clone(), *commitment));
        }
        Change::ReshardBegun { address, reshard } => {
            edit(catalog, address, |stream| stream.phase = Phase::Updating(reshard.clone()));
        }
        Change::SealingBegun { address, parents } => edit(catalog, address, |stream| {
            if let Phase::Updating(reshard) = &mut stream.phase {
                reshard.sealing = Some(parents.clone());
            }
        }),
        Change::Resharded { address, endings, children, next } => edit(catalog, address, |stream| {
            for (index, ending) in endings {
                if let Ok(at) = stream.shards.binary_search_by_key(index, |shard| shard.index) {
                    stream.shards[at].ending = Some(*ending);
                }
            }
            stream.shards.extend(children.iter().cloned());
            stream.next_index = children.iter().map(|child| child.index + 1).fold(stream.next_index, u32::max);
            stream.phase = next.clone().map_or(Phase::Active, Phase::Updating);
            stream.derive();
        }),
        Change::ConsumerSet { address, name, consumer } => edit(catalog, address, |stream| {
            match consumer {
                Some(consumer) => stream.consumers.insert(name.clone(), consumer.clone()),
                None => stream.consumers.remove(name),
            };
        }),
        Change::Expired { address, shards } => edit(catalog, address, |stream| {
            stream.shards.retain(|shard| !shards.contains(&shard.index));
            stream.derive();
        }),
    }
}

fn create(catalog: &mut Catalog, address: &Address, stream: &Stream) {
    let at = match catalog.find_scope(&address.scope.account, &address.scope.region) {
        Ok(at) => at,
        Err(at) => {
            catalog.scopes.insert(at, (address.scope.clone(), std::collections::BTreeMap::new()));
            at
        }
    };
    let mut stream = stream.clone();
    stream.derive();
    catalog.scopes[at].1.insert(address.name.clone(), stream);
}

fn edit(catalog: &mut Catalog, address: &Address, change: impl FnOnce(&mut Stream)) {
    let Ok(at) = catalog.find_scope(&address.scope.account, &address.scope.region) else { return };
    if let Some(stream) = catalog.scopes[at].1.get_mut(&address.name) {
        change(stream);
    }
}

fn delete(catalog: &mut Catalog, address: &Address, deleted_ms: u64) {
    let Ok(at) = catalog.find_scope(&address.scope.account, &address.scope.region) else { return };
    if let Some(stream) = catalog.scopes[at].1.remove(&address.name) {
        catalog.graves.push(Grave { incarnation: stream.incarnation, shards: stream.next_index, deleted_ms });
    }
}
