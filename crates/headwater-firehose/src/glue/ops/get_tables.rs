//! GetTables: the tables of a database in order of name, a page at a time. A token is the last name of a page.
use super::{name_pattern::NamePattern, page_size, trimmed};
use crate::glue::{
    Glue,
    errors::{self, Result},
    folded, scope, shapes,
};
use headwater_wire::{
    Caller,
    glue::{GetTablesInput, GetTablesOutput, TableResourceShareType},
};
use std::{ops::Bound, sync::Arc};

pub(super) async fn run(glue: Arc<Glue>, caller: Caller, input: GetTablesInput) -> Result<GetTablesOutput> {
    let (scope, database) = (scope(&caller, input.catalog_id.as_deref()), folded(&input.database_name));
    let pattern = input.expression.as_deref().map(NamePattern::parse).transpose().map_err(errors::invalid_input)?;
    // No table is federated here.
    let has_own = input.resource_share_type != Some(TableResourceShareType::Federated);
    let catalog = glue.catalog.read();
    let held = catalog.database(&scope, &database).ok_or_else(|| errors::no_database(&database))?;
    let from = input.next_token.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let is_asked = |name: &str| has_own && pattern.as_ref().is_none_or(|pattern| pattern.matches(name));
    let mut rest = held.tables.range::<str, _>((from, Bound::Unbounded)).filter(|(name, _)| is_asked(name));
    let mut shown = Vec::new();
    for (name, table) in rest.by_ref().take(page_size(input.max_results)) {
        let latest = table.latest().ok_or_else(errors::no_entity)?;
        shown.push(shapes::table(&scope, (&database, name), table, latest)?);
    }
    let next_token = rest.next().and_then(|_| shown.last().map(|last| last.name.clone()));
    let trim = |table| trimmed(table, input.attributes_to_get.as_deref());
    Ok(GetTablesOutput { table_list: Some(shown.into_iter().map(trim).collect()), next_token })
}
