//! The operations of the catalog: one file and one row each.
//!
//! Invariant: the rows are the model's operations, each once.
mod create_database;
mod create_table;
mod delete_database;
mod delete_table;
mod get_database;
mod get_databases;
mod get_table;
mod get_table_version;
mod get_table_versions;
mod get_tables;
mod name_pattern;
mod update_table;

use super::{
    Glue,
    access::{About, Kind, guarded_op},
};
use headwater_wire::{
    Row,
    glue::{Table, TableAttributes},
};

/// Items on one page at most, and where nothing is asked for.
const PAGE_ITEMS: usize = 100;

/// What an input is about.
macro_rules! about {
    ($input:expr, $kind:expr) => {
        About { catalog_id: $input.catalog_id.as_deref(), kind: $kind, tags: None }
    };
}

/// Every operation the catalog can do.
#[must_use]
pub fn operations() -> Vec<Row<Glue>> {
    vec![
        guarded_op(create_database::run, |input| About {
            tags: input.tags.as_ref(),
            ..about!(input, Kind::Database(&input.database_input.name))
        }),
        guarded_op(create_table::run, |input| {
            let name = input.table_input.as_ref().map_or("", |table| &table.name);
            about!(input, Kind::Table(&input.database_name, name))
        }),
        guarded_op(delete_database::run, |input| about!(input, Kind::Database(&input.name))),
        guarded_op(delete_table::run, |input| about!(input, Kind::Table(&input.database_name, &input.name))),
        guarded_op(get_database::run, |input| about!(input, Kind::Database(&input.name))),
        guarded_op(get_databases::run, |input| about!(input, Kind::Catalog)),
        guarded_op(get_table::run, |input| about!(input, Kind::Table(&input.database_name, &input.name))),
        guarded_op(get_table_version::run, |input| about!(input, Kind::Table(&input.database_name, &input.table_name))),
        guarded_op(get_table_versions::run, |input| {
            about!(input, Kind::Table(&input.database_name, &input.table_name))
        }),
        guarded_op(get_tables::run, |input| about!(input, Kind::Database(&input.database_name))),
        guarded_op(update_table::run, |input| {
            let name = input.table_input.as_ref().map_or("", |table| &table.name);
            about!(input, Kind::Table(&input.database_name, name))
        }),
    ]
}

/// A validated count: never negative, never more than a page.
fn page_size(asked: Option<i32>) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).map_or(PAGE_ITEMS, |asked| asked.min(PAGE_ITEMS))
}

/// What was asked for of a table: all of it, or its name and kind.
fn trimmed(table: Table, asked: Option<&[TableAttributes]>) -> Table {
    let Some(asked) = asked.filter(|asked| !asked.is_empty() && !asked.contains(&TableAttributes::Default)) else {
        return table;
    };
    let table_type = table.table_type.filter(|_| asked.contains(&TableAttributes::TableType));
    Table { name: table.name, database_name: table.database_name, table_type, ..Table::default() }
}
