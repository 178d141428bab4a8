//! The operations: one file and one row each, and the list of those the service refuses.
//!
//! Invariant: rows and refusals together are the model's operations, each once.
pub(crate) mod create_table;
pub(crate) mod delete_table;
pub(crate) mod describe_continuous_backups;
pub(crate) mod describe_endpoints;
pub(crate) mod describe_limits;
pub(crate) mod describe_table;
pub(crate) mod describe_time_to_live;
pub(crate) mod list_tables;
pub(crate) mod list_tags_of_resource;
pub(crate) mod tag_resource;
mod tagged;
pub(crate) mod untag_resource;
pub(crate) mod update_table;
pub(crate) mod update_time_to_live;

use crate::{
    DynamoDb,
    errors::{self, Result},
    table::{Table, describe},
    target,
};
use headwater_wire::{Caller, Row, dynamodb::TableDescription, op};
use std::sync::Arc;

/// Every operation the service can do.
#[must_use]
pub fn operations() -> Vec<Row<DynamoDb>> {
    vec![
        op(create_table::run),
        op(delete_table::run),
        op(describe_continuous_backups::run),
        op(describe_endpoints::run),
        op(describe_limits::run),
        op(describe_table::run),
        op(describe_time_to_live::run),
        op(list_tables::run),
        op(list_tags_of_resource::run),
        op(tag_resource::run),
        op(untag_resource::run),
        op(update_table::run),
        op(update_time_to_live::run),
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
        self.database.tables().find(&scope, &name).cloned().ok_or_else(|| errors::table_not_found(&name))
    }

    /// The table's description, with what it holds now.
    fn describe(&self, table: &Table) -> TableDescription {
        describe(table, |index| self.database.count(table.id, index))
    }
}
