//! A table as a caller changes it: UpdateTable's input, checked in the service's order, upon the table as it is.
use super::{IndexKind, IndexPhase, Phase, Table, indexes, keys::Attributes, setting, throughput};
use crate::{
    errors::{self, Result},
    key::KeyPart,
};
use headwater_wire::dynamodb::{
    BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex, GlobalSecondaryIndexUpdate,
    UpdateGlobalSecondaryIndexAction, UpdateTableInput,
};

/// When a change is decided.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now_ms: u64,
    /// The number of the decision.
    pub(crate) number: u64,
    /// How long the change takes.
    pub(crate) transition_ms: u64,
}

/// What can be said of a request whatever the table is.
///
/// # Errors
/// The service's words on the first thing that is not right.
pub(crate) fn check(input: &UpdateTableInput) -> Result<()> {
    refuse_foreign(input)?;
    let updates = input.global_secondary_index_updates.as_deref().unwrap_or_default();
    if updates.is_empty() && !changes_more_than_indexes(input) && input.deletion_protection_enabled.is_none() {
        return Err(errors::nothing_to_update());
    }
    if input.billing_mode == Some(BillingMode::PayPerRequest) && input.provisioned_throughput.is_some() {
        return Err(errors::units_needless());
    }
    let mut named: Vec<&str> = Vec::new();
    let mut births_and_ends = 0;
    for update in updates {
        let name = match update {
            GlobalSecondaryIndexUpdate { create: Some(create), update: None, delete: None } => &create.index_name,
            GlobalSecondaryIndexUpdate { create: None, update: Some(update), delete: None } => &update.index_name,
            GlobalSecondaryIndexUpdate { create: None, update: None, delete: Some(delete) } => &delete.index_name,
            GlobalSecondaryIndexUpdate { create: None, update: None, delete: None } => {
                return Err(errors::index_action_missing());
            }
            _ => return Err(errors::index_actions()),
        };
        if named.contains(&name.as_str()) {
            return Err(errors::index_changed_twice(name));
        }
        named.push(name);
        births_and_ends += usize::from(update.update.is_none());
    }
    if births_and_ends > 1 { Err(errors::one_index_at_a_time()) } else { Ok(()) }
}

const fn changes_more_than_indexes(input: &UpdateTableInput) -> bool {
    input.billing_mode.is_some()
        || input.provisioned_throughput.is_some()
        || input.stream_specification.is_some()
        || input.sse_specification.is_some()
        || input.table_class.is_some()
        || input.on_demand_throughput.is_some()
        || input.warm_throughput.is_some()
}

/// What belongs to features the service does not have.
fn refuse_foreign(input: &UpdateTableInput) -> Result<()> {
    let foreign = [
        (input.replica_updates.is_some(), "ReplicaUpdates"),
        (input.multi_region_consistency.is_some(), "MultiRegionConsistency"),
        (input.global_table_witness_updates.is_some(), "GlobalTableWitnessUpdates"),
        (input.global_table_settings_replication_mode.is_some(), "GlobalTableSettingsReplicationMode"),
        (input.disassociation_protection_enabled.is_some(), "DisassociationProtectionEnabled"),
        (input.vector_index_updates.is_some(), "VectorIndexUpdates"),
    ];
    foreign.iter().find(|(is_given, _)| *is_given).map_or(Ok(()), |(_, name)| Err(errors::not_offered(name)))
}

/// The table as it is after the change.
///
/// # Errors
/// The service's words on the first thing that does not fit the table.
pub(crate) fn update(table: &Table, input: &UpdateTableInput, moment: Moment) -> Result<Table> {
    let mut changed = table.clone();
    bill(&mut changed, input, moment.now_ms)?;
    for update in input.global_secondary_index_updates.iter().flatten() {
        change_index(&mut changed, input, update, moment.now_ms)?;
    }
    check_units(&changed)?;
    if let Some(given) = &input.stream_specification {
        match (setting::view(given, false)?, changed.stream().is_some()) {
            (Some(_), true) => return Err(errors::stream_enabled(&table.name)),
            (None, false) => return Err(errors::stream_disabled(&table.name)),
            (Some(view), false) => changed.open_stream(view, moment.now_ms, moment.number),
            (None, true) => changed.close_stream(moment.now_ms, moment.number),
        }
    }
    if let Some(given) = &input.sse_specification {
        changed.sse = setting::sse(given, &table.scope)?;
    }
    if let Some(class) = input.table_class {
        changed.class = Some(setting::class(class, Some(moment.now_ms)));
    }
    if let Some(is_protected) = input.deletion_protection_enabled {
        changed.is_protected = is_protected;
    }
    let takes_time = changes_more_than_indexes(input) || input.global_secondary_index_updates.is_some();
    if takes_time && moment.transition_ms > 0 {
        changed.phase = Phase::Updating { until_ms: moment.now_ms + moment.transition_ms };
    }
    Ok(changed)
}

/// Changes how the table is paid for.
fn bill(table: &mut Table, input: &UpdateTableInput, now_ms: u64) -> Result<()> {
    let billing = &mut table.billing;
    let was_by_request = billing.provisioned.is_none();
    let is_by_request = input.billing_mode.map_or(was_by_request, |mode| mode == BillingMode::PayPerRequest);
    let given = input.provisioned_throughput.as_ref();
    if given.is_none() && was_by_request && !is_by_request {
        return Err(errors::updated_units_missing());
    }
    if given.is_some() || is_by_request != was_by_request {
        let wanted = throughput::provisioned(is_by_request, given, None)?;
        match (&mut billing.provisioned, wanted) {
            (Some(held), Some(wanted)) => {
                let units = (held.read_units, held.write_units);
                if units == (wanted.read_units, wanted.write_units) {
                    return Err(errors::units_unchanged("table", units));
                }
                held.change(&wanted, now_ms);
            }
            (held, wanted) => *held = wanted,
        }
    }
    if is_by_request != was_by_request {
        billing.on_demand = None;
        if is_by_request {
            billing.by_request_since_ms = Some(now_ms);
            table.indexes.iter_mut().for_each(|index| index.provisioned = None);
        } else {
            table.indexes.iter_mut().for_each(|index| index.on_demand = None);
        }
    }
    billing.is_named |= input.billing_mode.is_some();
    if let Some(asked) = throughput::on_demand(is_by_request, input.on_demand_throughput.as_ref(), None)? {
        billing.on_demand = Some(asked);
    }
    let warmth = throughput::warmth(billing.warm, billing.provisioned.as_ref());
    if let Some(asked) = throughput::warm(input.warm_throughput.as_ref(), warmth, None)? {
        billing.warm = Some(asked);
    }
    Ok(())
}

/// Every global index has units of its own where the table has.
fn check_units(table: &Table) -> Result<()> {
    let is_by_request = table.billing.provisioned.is_none();
    let global = table.indexes.iter().filter(|index| index.kind == IndexKind::Global);
    let mut lacking = global.filter(|index| index.phase != IndexPhase::Emptying && index.provisioned.is_none());
    match lacking.next() {
        Some(index) if !is_by_request => Err(errors::updated_index_units_missing(&index.name)),
        _ => Ok(()),
    }
}

fn change_index(
    table: &mut Table,
    input: &UpdateTableInput,
    update: &GlobalSecondaryIndexUpdate,
    now_ms: u64,
) -> Result<()> {
    if let Some(action) = &update.create {
        return create_index(table, input, action);
    }
    if let Some(action) = &update.update {
        return change_units(table, action, now_ms);
    }
    let Some(action) = &update.delete else { return Err(errors::index_action_missing()) };
    check_global(table, "delete", &action.index_name)?;
    let is_emptying = table.indexes.iter().any(|index| index.phase == IndexPhase::Emptying);
    let is_meant = |index: &&mut super::Index| index.name == action.index_name && index.kind == IndexKind::Global;
    let Some(index) = table.indexes.iter_mut().find(is_meant) else { return Err(errors::resource_not_found()) };
    match index.phase {
        IndexPhase::Emptying => return Err(errors::index_in_use(&index.name, &table.name)),
        _ if is_emptying => return Err(errors::one_index_at_a_time()),
        _ => index.phase = IndexPhase::Emptying,
    }
    Ok(())
}

/// A local index stays as it is.
fn check_global(table: &Table, change: &str, name: &str) -> Result<()> {
    match table.index(name) {
        Some(index) if index.kind == IndexKind::Local => Err(errors::index_is_local(change, name)),
        _ => Ok(()),
    }
}

fn create_index(table: &mut Table, input: &UpdateTableInput, action: &CreateGlobalSecondaryIndexAction) -> Result<()> {
    let held: Vec<KeyPart> = {
        let definitions = table.definitions().into_iter();
        definitions.map(|(name, kind)| KeyPart { name: name.to_owned(), kind }).collect()
    };
    let given = input.attribute_definitions.as_deref().unwrap_or_default();
    let attributes = Attributes::of(given)?.join(held.into_iter())?;
    let asked = GlobalSecondaryIndex {
        index_name: action.index_name.clone(),
        key_schema: action.key_schema.clone(),
        projection: action.projection.clone(),
        provisioned_throughput: action.provisioned_throughput.clone(),
        on_demand_throughput: action.on_demand_throughput.clone(),
        warm_throughput: action.warm_throughput.clone(),
    };
    match (&table.billing.provisioned, &action.provisioned_throughput) {
        (None, Some(_)) => return Err(errors::updated_index_units_needless(&action.index_name)),
        (Some(_), None) => return Err(errors::updated_index_units_missing(&action.index_name)),
        _ => {}
    }
    let mut index = indexes::global(&asked, &attributes, &table.billing, table.next_index)?;
    if table.indexes.iter().any(|held| held.name == index.name) {
        return Err(errors::index_exists());
    }
    if table.indexes.iter().any(|held| held.phase != IndexPhase::Active) {
        return Err(errors::one_index_at_a_time());
    }
    index.phase = IndexPhase::Filling { after: Vec::new() };
    table.next_index += 1;
    table.indexes.push(index);
    indexes::check_number(&table.indexes)
}

fn change_units(table: &mut Table, action: &UpdateGlobalSecondaryIndexAction, now_ms: u64) -> Result<()> {
    let is_by_request = table.billing.provisioned.is_none();
    check_global(table, "update", &action.index_name)?;
    let is_meant = |index: &&mut super::Index| index.name == action.index_name && index.kind == IndexKind::Global;
    let Some(index) = table.indexes.iter_mut().find(is_meant) else { return Err(errors::resource_not_found()) };
    if index.phase != IndexPhase::Active {
        return Err(errors::index_in_use(&index.name, &table.name));
    }
    if let Some(given) = &action.provisioned_throughput {
        if is_by_request {
            return Err(errors::index_units_unchangeable(&index.name));
        }
        let wanted = throughput::provisioned(is_by_request, Some(given), Some(&index.name))?;
        match (&mut index.provisioned, wanted) {
            (Some(held), Some(wanted)) => {
                let units = (held.read_units, held.write_units);
                if units == (wanted.read_units, wanted.write_units) {
                    return Err(errors::units_unchanged(&format!("index {}", index.name), units));
                }
                held.change(&wanted, now_ms);
            }
            (held, wanted) => *held = wanted,
        }
    }
    if let Some(asked) = throughput::on_demand(is_by_request, action.on_demand_throughput.as_ref(), Some(&index.name))?
    {
        index.on_demand = Some(asked);
    }
    let warmth = throughput::warmth(index.warm, index.provisioned.as_ref());
    if let Some(asked) = throughput::warm(action.warm_throughput.as_ref(), warmth, Some(&index.name))? {
        index.warm = Some(asked);
    }
    Ok(())
}
