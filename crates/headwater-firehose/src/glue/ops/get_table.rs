//! GetTable: one table as it is now.
use super::trimmed;
use crate::glue::{
    Glue,
    errors::{self, Result},
    folded, scope, shapes,
};
use headwater_wire::{
    Caller,
    glue::{GetTableInput, GetTableOutput},
};
use std::sync::Arc;

pub(super) async fn run(glue: Arc<Glue>, caller: Caller, input: GetTableInput) -> Result<GetTableOutput> {
    let scope = scope(&caller, input.catalog_id.as_deref());
    let (database, name) = (folded(&input.database_name), folded(&input.name));
    let catalog = glue.catalog.read();
    let held = catalog.database(&scope, &database).ok_or_else(|| errors::no_database(&database))?;
    let table = held.tables.get(&name).ok_or_else(errors::no_entity)?;
    let latest = table.latest().ok_or_else(errors::no_entity)?;
    let shown = shapes::table(&scope, (&database, &name), table, latest)?;
    Ok(GetTableOutput { table: Some(trimmed(shown, input.attributes_to_get.as_deref())) })
}
