//! GetTableVersion: one table as it was at a version; without one, as it is.
use crate::glue::{
    Glue,
    errors::{self, Result},
    folded, scope, shapes,
};
use headwater_wire::{
    Caller,
    glue::{GetTableVersionInput, GetTableVersionOutput},
};
use std::sync::Arc;

pub(super) async fn run(glue: Arc<Glue>, caller: Caller, input: GetTableVersionInput) -> Result<GetTableVersionOutput> {
    let scope = scope(&caller, input.catalog_id.as_deref());
    let (database, name) = (folded(&input.database_name), folded(&input.table_name));
    let catalog = glue.catalog.read();
    let table = catalog.table(&scope, &database, &name).ok_or_else(errors::no_entity)?;
    let version = match input.version_id.as_deref() {
        Some(number) if number.parse::<u64>().is_err() => {
            return Err(errors::invalid_input(format!("Version {number} is not a number.")));
        }
        Some(number) => table.version(number),
        None => table.latest(),
    };
    let version = version.ok_or_else(errors::no_entity)?;
    Ok(GetTableVersionOutput {
        table_version: Some(shapes::table_version(&scope, (&database, &name), table, version)?),
    })
}
