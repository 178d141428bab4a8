//! CreateTable: a new table of a database, in its version 0.
use crate::glue::{
    Glue,
    catalog::{Command, Place},
    errors::{self, Result},
    folded, scope,
};
use headwater_wire::{
    Caller,
    glue::{CreateTableInput, CreateTableOutput},
    to_text,
};
use std::sync::Arc;

pub(super) async fn run(glue: Arc<Glue>, caller: Caller, input: CreateTableInput) -> Result<CreateTableOutput> {
    let table = input.table_input.ok_or_else(|| errors::invalid_input("TableInput must not be null."))?;
    let scope = scope(&caller, input.catalog_id.as_deref());
    let place = Place { scope, database: folded(&input.database_name), table: folded(&table.name) };
    let created_by = caller.principal.to_string();
    glue.submit(Command::CreateTable { place, input: to_text(&table), created_by }).await?;
    Ok(CreateTableOutput {})
}
