//! DeleteTable: a table goes, with all its versions.
use crate::glue::{
    Glue,
    catalog::{Command, Place},
    errors::Result,
    folded, scope,
};
use headwater_wire::{
    Caller,
    glue::{DeleteTableInput, DeleteTableOutput},
};
use std::sync::Arc;

pub(super) async fn run(glue: Arc<Glue>, caller: Caller, input: DeleteTableInput) -> Result<DeleteTableOutput> {
    let scope = scope(&caller, input.catalog_id.as_deref());
    let place = Place { scope, database: folded(&input.database_name), table: folded(&input.name) };
    glue.submit(Command::DeleteTable { place }).await?;
    Ok(DeleteTableOutput {})
}
