//! UpdateTable: a table is from now on something else, in a new version.
use crate::glue::{
    Glue,
    catalog::{Command, Place},
    errors::{self, Result},
    folded, scope,
};
use headwater_wire::{
    Caller,
    glue::{UpdateTableInput, UpdateTableOutput},
    to_text,
};
use std::sync::Arc;

pub(super) async fn run(glue: Arc<Glue>, caller: Caller, input: UpdateTableInput) -> Result<UpdateTableOutput> {
    let table = input.table_input.ok_or_else(|| errors::invalid_input("TableInput must not be null."))?;
    let scope = scope(&caller, input.catalog_id.as_deref());
    let place = Place { scope, database: folded(&input.database_name), table: folded(&table.name) };
    let is_archived = !input.skip_archive.unwrap_or(false);
    let update = Command::UpdateTable { place, input: to_text(&table), is_archived, expected: input.version_id };
    glue.submit(update).await?;
    Ok(UpdateTableOutput {})
}
