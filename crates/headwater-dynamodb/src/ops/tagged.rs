//! The table whose tags a request is about, named by its ARN.
use crate::{
    DynamoDb,
    errors::{self, Result},
    table::{Table, Tables},
    target,
};
use headwater_wire::Caller;
use std::sync::Arc;

/// The table of an ARN.
///
/// # Errors
/// The service's words on what is no table's ARN, and on a table that is not there.
pub(super) fn find(tables: &Tables, caller: &Caller, arn: &str) -> Result<Arc<Table>> {
    let is_arn = arn.starts_with("arn:");
    let named = target::named(caller, arn).ok().filter(|_| is_arn);
    let (scope, name) = named.ok_or_else(|| errors::resource_arn_invalid(arn))?;
    tables.find(&scope, name).cloned().ok_or_else(|| errors::tagged_not_found(arn))
}

impl DynamoDb {
    /// Has the table of an ARN changed.
    ///
    /// # Errors
    /// Those of [`find`] and of `change`.
    pub(super) async fn change_tagged(
        &self,
        caller: &Caller,
        arn: &str,
        change: impl FnOnce(&mut Table) -> Result<()>,
    ) -> Result<()> {
        let changed = self.database.submit(|deciding| {
            let mut table = Table::clone(&*find(deciding.tables(), caller, arn)?);
            change(&mut table)?;
            deciding.set(table);
            Ok(())
        });
        changed.await
    }
}
