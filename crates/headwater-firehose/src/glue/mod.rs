//! A small Data Catalog as Glue's: databases, tables and their versions, from which conversion takes its schemas.
//!
//! Invariant: the state is its log of changes, folded; what a table is given as is kept and shown again as it was given.
mod access;
mod catalog;
mod errors;
mod ops;
mod shapes;

use crate::{
    convert::{ENTITY_NOT_FOUND, INVALID_SCHEMA, TableReference, TableSchema},
    outside::Failure,
};
use catalog::{Command, DataCatalog, HOME, Scope};
use errors::Result;
use headwater_log::{Engine, LogError, clock::Clock, replica::Replica};
use headwater_wire::{Access, Caller, glue::TableInput, of_text};
pub use ops::operations;
use std::sync::Arc;

/// What the catalog stands on.
pub struct GlueParts {
    /// Where everything is kept.
    pub engine: Arc<dyn Engine>,
    /// Where time comes in.
    pub clock: Arc<dyn Clock>,
    /// Who decides who may do what.
    pub access: Arc<dyn Access>,
}

/// The service.
pub struct Glue {
    catalog: Arc<Replica<DataCatalog>>,
    clock: Arc<dyn Clock>,
    access: Arc<dyn Access>,
}

impl Glue {
    /// Restores the catalog.
    ///
    /// # Errors
    /// The engine's; a catalog that cannot be read wholly is not opened.
    pub async fn open(parts: GlueParts) -> std::result::Result<Arc<Self>, LogError> {
        let GlueParts { engine, clock, access } = parts;
        let catalog = Replica::<DataCatalog>::open(engine, HOME).await?;
        Ok(Arc::new(Self { catalog, clock, access }))
    }

    /// Takes in what other processes have decided before.
    ///
    /// # Errors
    /// The engine's.
    pub async fn catch_up(self: Arc<Self>) -> std::result::Result<(), LogError> {
        self.catalog.catch_up().await
    }

    /// The columns of a table, those it is partitioned by left out; without a version, the latest. What the reference
    /// leaves out is that of the delivery stream, whose scope is `own`.
    ///
    /// # Errors
    /// There is no such table, or its columns cannot be converted: with conversion's own code, for good.
    pub(crate) fn schema(
        &self,
        own: &crate::catalog::Scope,
        table: &TableReference,
    ) -> std::result::Result<TableSchema, Failure> {
        let failure = |code: &str, message: String| Failure { code: code.into(), message, is_permanent: true };
        let catalog = self.catalog.read();
        let account = table.catalog_id.as_deref().unwrap_or(&own.account);
        let scope = Scope::of(account, table.region.as_deref().unwrap_or(&own.region));
        let held = catalog.table(&scope, &folded(&table.database), &folded(&table.table));
        let version = held.and_then(|held| match &table.version_id {
            None => held.latest(),
            Some(number) => held.version(number),
        });
        let version = version.ok_or_else(|| {
            let told = "The specified table/database could not be found. Please ensure that the table/database exists \
                        and that the values provided in the schema configuration are correct, especially with regards \
                        to casing.";
            failure(ENTITY_NOT_FOUND, told.into())
        })?;
        let input: TableInput = of_text(&version.input).map_err(|why| failure(INVALID_SCHEMA, why))?;
        let columns = input.storage_descriptor.and_then(|storage| storage.columns).unwrap_or_default();
        let columns: Vec<_> =
            columns.into_iter().map(|column| (column.name, column.r#type.unwrap_or_default())).collect();
        TableSchema::parse(&columns).map_err(|why| failure(INVALID_SCHEMA, why))
    }

    /// Has the catalog decide; the decision is durable and applied when this returns.
    async fn submit(&self, command: Command) -> Result<()> {
        self.catalog.submit(command, self.clock.now_ms()).await.map_err(errors::submit)
    }
}

/// A name as the catalog keeps it.
fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// Whose catalog is meant: the one named, or the caller's own.
fn scope(caller: &Caller, catalog_id: Option<&str>) -> Scope {
    Scope::of(catalog_id.unwrap_or(&caller.account), &caller.region)
}

#[cfg(test)]
mod tests;
