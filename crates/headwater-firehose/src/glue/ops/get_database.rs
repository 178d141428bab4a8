//! GetDatabase: one database.
use crate::glue::{
    Glue,
    errors::{self, Result},
    folded, scope, shapes,
};
use headwater_wire::{
    Caller,
    glue::{GetDatabaseInput, GetDatabaseOutput},
};
use std::sync::Arc;

pub(super) async fn run(glue: Arc<Glue>, caller: Caller, input: GetDatabaseInput) -> Result<GetDatabaseOutput> {
    let (scope, name) = (scope(&caller, input.catalog_id.as_deref()), folded(&input.name));
    let catalog = glue.catalog.read();
    let database = catalog.database(&scope, &name).ok_or_else(|| errors::no_database(&name))?;
    Ok(GetDatabaseOutput { database: Some(shapes::database(&scope, &name, database)?) })
}
