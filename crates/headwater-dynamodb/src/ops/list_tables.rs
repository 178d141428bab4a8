//! ListTables: the names of an account's tables in order, a page at a time.
use crate::{DynamoDb, errors::Result, table::Scope};
use headwater_wire::{
    Caller,
    dynamodb::{ListTablesInput, ListTablesOutput},
};
use std::sync::Arc;

/// Names on a page where nothing is asked for.
const PAGE_TABLES: usize = 100;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: ListTablesInput) -> Result<ListTablesOutput> {
    let tables = dynamodb.database.tables();
    let scope = Scope::of(&caller);
    let after = input.exclusive_start_table_name;
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_TABLES);
    let names = tables.of(&scope).map(|table| &table.name);
    let mut rest = names.filter(|name| after.as_ref().is_none_or(|after| *name > after));
    let page: Vec<String> = rest.by_ref().take(limit).cloned().collect();
    let last_evaluated_table_name = rest.next().and(page.last().cloned());
    Ok(ListTablesOutput { table_names: Some(page), last_evaluated_table_name })
}
