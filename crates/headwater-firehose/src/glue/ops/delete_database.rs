//! DeleteDatabase: a database goes, and its tables with it.
use crate::glue::{Glue, catalog::Command, errors::Result, folded, scope};
use headwater_wire::{
    Caller,
    glue::{DeleteDatabaseInput, DeleteDatabaseOutput},
};
use std::sync::Arc;

pub(super) async fn run(glue: Arc<Glue>, caller: Caller, input: DeleteDatabaseInput) -> Result<DeleteDatabaseOutput> {
    let scope = scope(&caller, input.catalog_id.as_deref());
    glue.submit(Command::DeleteDatabase { scope, name: folded(&input.name) }).await?;
    Ok(DeleteDatabaseOutput {})
}
