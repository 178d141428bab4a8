//! GetTableVersions: a table as it was at each of its versions, the latest first, a page at a time. A token is the last
//! number of a page.
use super::page_size;
use crate::glue::{
    Glue,
    errors::{self, Result},
    folded, scope, shapes,
};
use headwater_wire::{
    Caller,
    glue::{GetTableVersionsInput, GetTableVersionsOutput},
};
use std::sync::Arc;

pub(super) async fn run(
    glue: Arc<Glue>,
    caller: Caller,
    input: GetTableVersionsInput,
) -> Result<GetTableVersionsOutput> {
    let scope = scope(&caller, input.catalog_id.as_deref());
    let (database, name) = (folded(&input.database_name), folded(&input.table_name));
    let number = |token: String| token.parse::<u64>().map_err(|_| errors::invalid_input("Invalid NextToken."));
    let before = input.next_token.map(number).transpose()?.unwrap_or(u64::MAX);
    let catalog = glue.catalog.read();
    let table = catalog.table(&scope, &database, &name).ok_or_else(errors::no_entity)?;
    let mut rest = table.versions.iter().rev().filter(|version| version.number < before);
    let shown = rest.by_ref().take(page_size(input.max_results));
    let shown = shown.map(|version| shapes::table_version(&scope, (&database, &name), table, version));
    let shown = shown.collect::<Result<Vec<_>>>()?;
    let next_token = rest.next().and_then(|_| shown.last().and_then(|last| last.version_id.clone()));
    Ok(GetTableVersionsOutput { table_versions: Some(shown), next_token })
}
