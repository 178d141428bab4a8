//! Which table a request means: by its name, or by its ARN.
use crate::{
    DynamoDb,
    errors::{self, Result},
    table::{Phase, Scope, Table},
};
use headwater_wire::Caller;
use std::sync::Arc;

const SHORTEST_NAME: usize = 3;
const LONGEST_NAME: usize = 255;

/// The scope and name a caller means by a name or an ARN.
///
/// # Errors
/// The service's words on what can be neither.
pub(crate) fn named<'a>(caller: &Caller, name: &'a str) -> Result<(Scope, &'a str)> {
    if let Some(rest) = name.strip_prefix("arn:") {
        let (region, account, table) = arn_parts(rest).ok_or_else(errors::arn_invalid)?;
        return Ok((Scope { account: account.into(), region: region.into() }, table));
    }
    if !(SHORTEST_NAME..=LONGEST_NAME).contains(&name.len()) {
        return Err(errors::table_name_length());
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        return Err(errors::table_name_pattern(name));
    }
    Ok((Scope::of(caller), name))
}

/// Region, account and table of what follows `arn:`; what follows the table's name is of no concern here.
pub(crate) fn arn_parts(rest: &str) -> Option<(&str, &str, &str)> {
    let mut parts = rest.splitn(5, ':');
    let (_partition, service) = (parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let table = resource.strip_prefix("table/")?.split('/').next()?;
    (service == "dynamodb" && !table.is_empty()).then_some((region, account, table))
}

impl DynamoDb {
    /// The table whose items a request is about.
    ///
    /// # Errors
    /// `ResourceNotFoundException` if there is none, or it cannot be used yet or any more.
    pub(crate) fn table(&self, caller: &Caller, name: &str) -> Result<Arc<Table>> {
        let (scope, name) = named(caller, name)?;
        let tables = self.database.tables();
        let table = tables.find(&scope, name).filter(|table| is_usable(table));
        table.cloned().ok_or_else(errors::resource_not_found)
    }
}

/// Whether it is there for its items, already and still.
pub(crate) const fn is_usable(table: &Table) -> bool {
    matches!(table.phase, Phase::Active | Phase::Updating { .. })
}
