//! The operations: one file and one row each, and the list of those the service refuses.
//!
//! Invariant: rows and refusals together are the model's operations, each once.
mod asked;
pub(crate) mod batch_execute_statement;
pub(crate) mod batch_get_item;
pub(crate) mod batch_write_item;
pub(crate) mod create_table;
pub(crate) mod delete_item;
pub(crate) mod delete_table;
pub(crate) mod describe_continuous_backups;
pub(crate) mod describe_endpoints;
pub(crate) mod describe_limits;
pub(crate) mod describe_table;
pub(crate) mod describe_time_to_live;
pub(crate) mod execute_statement;
pub(crate) mod execute_transaction;
pub(crate) mod get_item;
pub(crate) mod list_tables;
pub(crate) mod list_tags_of_resource;
mod paging;
pub(crate) mod put_item;
pub(crate) mod query;
pub(crate) mod scan;
mod statements;
pub(crate) mod tag_resource;
mod tagged;
pub(crate) mod transact_get_items;
pub(crate) mod transact_write_items;
pub(crate) mod untag_resource;
pub(crate) mod update_item;
pub(crate) mod update_table;
pub(crate) mod update_time_to_live;

use crate::{
    DynamoDb,
    access::{About, guarded_op},
    errors::{self, Result},
    table::{Table, describe},
    target,
};
use headwater_wire::{Caller, Row, dynamodb::TableDescription};
use std::sync::Arc;

/// Every operation the service can do.
#[must_use]
pub(crate) fn operations() -> Vec<Row<DynamoDb>> {
    vec![
        guarded_op(batch_execute_statement::run, |input| {
            About::statements(input.statements.iter().map(|one| &one.statement))
        }),
        guarded_op(batch_get_item::run, |input| About::tables(input.request_items.keys())),
        guarded_op(batch_write_item::run, |input| About::tables(input.request_items.keys()).decided()),
        guarded_op(create_table::run, |input| {
            About::table(&input.table_name).tagged(input.tags.as_deref().unwrap_or_default()).decided()
        }),
        guarded_op(delete_item::run, |input| About::table(&input.table_name).decided()),
        guarded_op(delete_table::run, |input| About::table(&input.table_name).decided()),
        guarded_op(describe_continuous_backups::run, |input| About::table(&input.table_name)),
        guarded_op(describe_endpoints::run, |_| About::nothing()),
        guarded_op(describe_limits::run, |_| About::nothing()),
        guarded_op(describe_table::run, |input| About::table(&input.table_name)),
        guarded_op(describe_time_to_live::run, |input| About::table(&input.table_name)),
        guarded_op(execute_statement::run, |input| About::statements([&input.statement].into_iter())),
        guarded_op(execute_transaction::run, |input| {
            About::statements(input.transact_statements.iter().map(|one| &one.statement))
        }),
        guarded_op(get_item::run, |input| About::table(&input.table_name)),
        guarded_op(list_tables::run, |_| About::nothing()),
        guarded_op(list_tags_of_resource::run, |input| About::arn(&input.resource_arn)),
        guarded_op(put_item::run, |input| About::table(&input.table_name).decided()),
        guarded_op(query::run, |input| About::index(&input.table_name, input.index_name.as_deref())),
        guarded_op(scan::run, |input| About::index(&input.table_name, input.index_name.as_deref())),
        guarded_op(tag_resource::run, |input| About::arn(&input.resource_arn).tagged(&input.tags).decided()),
        guarded_op(transact_get_items::run, |input| About::transaction_of_reads(&input.transact_items)),
        guarded_op(transact_write_items::run, |input| About::transaction(&input.transact_items).decided()),
        guarded_op(untag_resource::run, |input| About::arn(&input.resource_arn).decided()),
        guarded_op(update_item::run, |input| About::table(&input.table_name).decided()),
        guarded_op(update_table::run, |input| About::table(&input.table_name).decided()),
        guarded_op(update_time_to_live::run, |input| About::table(&input.table_name).decided()),
    ]
}

/// The model's operations that are not offered (docs/refusals.md says why).
pub const REFUSED: &[&str] = &[
    "CancelBulkOperation",
    "CreateBackup",
    "CreateGlobalTable",
    "DeleteBackup",
    "DeleteResourcePolicy",
    "DescribeBackup",
    "DescribeBulkOperation",
    "DescribeContributorInsights",
    "DescribeExport",
    "DescribeGlobalTable",
    "DescribeGlobalTableSettings",
    "DescribeImport",
    "DescribeKinesisStreamingDestination",
    "DescribeTableReplicaAutoScaling",
    "DisableKinesisStreamingDestination",
    "EnableKinesisStreamingDestination",
    "ExportTableToPointInTime",
    "GetResourcePolicy",
    "ImportTable",
    "ListBackups",
    "ListBulkOperations",
    "ListContributorInsights",
    "ListExports",
    "ListGlobalTables",
    "ListImports",
    "PutResourcePolicy",
    "RestoreTableFromBackup",
    "RestoreTableToPointInTime",
    "SearchVectors",
    "StartBulkPutItems",
    "UpdateContinuousBackups",
    "UpdateContributorInsights",
    "UpdateGlobalTable",
    "UpdateGlobalTableSettings",
    "UpdateKinesisStreamingDestination",
    "UpdateTableReplicaAutoScaling",
];

impl DynamoDb {
    /// The table a request is about, whatever its phase.
    ///
    /// # Errors
    /// `ResourceNotFoundException` if there is none.
    fn any_table(&self, caller: &Caller, name: &str) -> Result<Arc<Table>> {
        let (scope, name) = target::named(caller, name)?;
        self.database.tables().find(&scope, name).cloned().ok_or_else(|| errors::table_not_found(name))
    }

    /// The table's description, with what it holds now.
    fn describe(&self, table: &Table) -> TableDescription {
        describe(table, |index| self.database.count(table.id, index))
    }
}
