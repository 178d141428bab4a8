//! GetDatabases: the databases of an account in order of name, a page at a time. A token is the last name of a page.
use super::page_size;
use crate::glue::{Glue, errors::Result, scope, shapes};
use headwater_wire::{
    Caller,
    glue::{Database, DatabaseAttributes, GetDatabasesInput, GetDatabasesOutput, ResourceShareType},
};
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

pub(super) async fn run(glue: Arc<Glue>, caller: Caller, input: GetDatabasesInput) -> Result<GetDatabasesOutput> {
    let scope = scope(&caller, input.catalog_id.as_deref());
    let catalog = glue.catalog.read();
    let none = BTreeMap::new();
    // Nothing is shared by others or federated here.
    let has_own = matches!(input.resource_share_type, None | Some(ResourceShareType::All));
    let databases = catalog.databases(&scope).filter(|_| has_own).unwrap_or(&none);
    let from = input.next_token.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = databases.range::<str, _>((from, Bound::Unbounded));
    let shown = rest.by_ref().take(page_size(input.max_results));
    let shown = shown.map(|(name, database)| shapes::database(&scope, name, database));
    let shown = shown.collect::<Result<Vec<_>>>()?;
    let next_token = rest.next().and_then(|_| shown.last().map(|last| last.name.clone()));
    let asked = input.attributes_to_get.filter(|asked| !asked.is_empty());
    let trim = |database: Database| match &asked {
        None => database,
        Some(asked) => Database {
            target_database: database.target_database.filter(|_| asked.contains(&DatabaseAttributes::TargetDatabase)),
            name: database.name,
            ..Database::default()
        },
    };
    Ok(GetDatabasesOutput { database_list: shown.into_iter().map(trim).collect(), next_token })
}
