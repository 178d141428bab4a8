//! Secondary indexes as a caller asks for them, checked.
use super::{Billing, Index, IndexKind, IndexPhase, Projection, keys::Attributes, throughput};
use crate::{
    errors::{self, Result},
    key::KeySchema,
};
use headwater_wire::dynamodb as shape;
use std::collections::BTreeSet;

/// Local indexes of a table.
const MOST_LOCAL: usize = 5;
/// Global indexes of a table.
const MOST_GLOBAL: usize = 20;
/// Attributes that are no keys in all of a table's indexes together.
const MOST_PROJECTED: usize = 100;

/// A local index of a table with this key.
pub(super) fn local(
    given: &shape::LocalSecondaryIndex,
    attributes: &Attributes,
    table_key: &KeySchema,
    id: u32,
) -> Result<Index> {
    let (name, key) = (&given.index_name, attributes.plain_key(&given.key_schema)?);
    if table_key.range.is_empty() {
        return Err(errors::local_without_range());
    }
    if key.range.is_empty() {
        return Err(errors::local_key_without_range(name));
    }
    if let (Some(index), Some(table)) = (key.hash.first(), table_key.hash.first())
        && index.name != table.name
    {
        return Err(errors::local_hash_differs(name, &index.name, &table.name));
    }
    Ok(Index {
        id,
        name: name.clone(),
        kind: IndexKind::Local,
        key,
        projection: projection(&given.projection)?,
        phase: IndexPhase::Active,
        provisioned: None,
        on_demand: None,
        warm: None,
    })
}

/// A global index of a table that is paid for like this.
pub(super) fn global(
    given: &shape::GlobalSecondaryIndex,
    attributes: &Attributes,
    billing: &Billing,
    id: u32,
) -> Result<Index> {
    let (name, is_by_request) = (&given.index_name, billing.provisioned.is_none());
    let provisioned = throughput::provisioned(is_by_request, given.provisioned_throughput.as_ref(), Some(name))?;
    let least = throughput::warmth(None, provisioned.as_ref());
    Ok(Index {
        id,
        name: name.clone(),
        kind: IndexKind::Global,
        key: attributes.global_key(&given.key_schema)?,
        projection: projection(&given.projection)?,
        phase: IndexPhase::Active,
        provisioned,
        on_demand: throughput::on_demand(is_by_request, given.on_demand_throughput.as_ref(), Some(name))?,
        warm: throughput::warm(given.warm_throughput.as_ref(), least, Some(name))?,
    })
}

fn projection(given: &shape::Projection) -> Result<Projection> {
    let Some(kind) = given.projection_type else { return Err(errors::projection_unknown()) };
    match (kind, &given.non_key_attributes) {
        (shape::ProjectionType::All, None) => Ok(Projection::All),
        (shape::ProjectionType::KeysOnly, None) => Ok(Projection::KeysOnly),
        (shape::ProjectionType::Include, Some(names)) => {
            let mut seen = BTreeSet::new();
            match names.iter().find(|name| !seen.insert(*name)) {
                Some(name) => Err(errors::projection_name_twice(name)),
                None => Ok(Projection::Include(names.clone())),
            }
        }
        (shape::ProjectionType::Include, None) => Err(errors::projection_names_missing()),
        (kind, Some(_)) => Err(errors::projection_names_needless(kind.as_str())),
    }
}

/// Puts `index` behind the others, which have other names.
pub(super) fn add(indexes: &mut Vec<Index>, index: Index) -> Result<()> {
    if indexes.iter().any(|held| held.name == index.name) {
        return Err(errors::index_twice(&index.name));
    }
    indexes.push(index);
    Ok(())
}

/// How many indexes a table has, and how much they project, is bounded.
pub(super) fn check_number(indexes: &[Index]) -> Result<()> {
    let count = |kind| indexes.iter().filter(|index| index.kind == kind).count();
    if count(IndexKind::Local) > MOST_LOCAL {
        return Err(errors::too_many_local(MOST_LOCAL));
    }
    if count(IndexKind::Global) > MOST_GLOBAL {
        return Err(errors::too_many_global(MOST_GLOBAL));
    }
    let projected = indexes.iter().map(|index| match &index.projection {
        Projection::Include(names) => names.len(),
        Projection::All | Projection::KeysOnly => 0,
    });
    if projected.sum::<usize>() > MOST_PROJECTED {
        return Err(errors::projects_too_many(MOST_PROJECTED));
    }
    Ok(())
}
