//! CreateDatabase: a new database, without tables.
use crate::glue::{Glue, catalog::Command, errors::Result, folded, scope};
use headwater_wire::{
    Caller,
    glue::{CreateDatabaseInput, CreateDatabaseOutput},
    to_text,
};
use std::sync::Arc;

pub(super) async fn run(glue: Arc<Glue>, caller: Caller, input: CreateDatabaseInput) -> Result<CreateDatabaseOutput> {
    let scope = scope(&caller, input.catalog_id.as_deref());
    let name = folded(&input.database_input.name);
    glue.submit(Command::CreateDatabase { scope, name, input: to_text(&input.database_input) }).await?;
    Ok(CreateDatabaseOutput {})
}
