//! DeleteTable: a table goes; its rows are removed afterwards, and its streams stay readable until their records go.
use crate::{
    DynamoDb,
    errors::{self, Result},
    table::{Phase, Table},
    target,
};
use headwater_wire::{
    Caller,
    dynamodb::{DeleteTableInput, DeleteTableOutput, TableStatus},
};
use std::sync::Arc;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: DeleteTableInput) -> Result<DeleteTableOutput> {
    let (scope, name) = target::named(&caller, &input.table_name)?;
    let transition_ms = dynamodb.settings.transition_ms;
    let deleted = dynamodb.database.submit(|deciding| {
        let table = deciding.tables().find(&scope, name).ok_or_else(|| errors::table_not_found(name))?;
        table.check_at_rest()?;
        if table.is_protected {
            return Err(errors::table_protected());
        }
        deciding.tables().check_changing(&scope)?;
        let now_ms = deciding.now_ms();
        let phase = match transition_ms {
            0 => Phase::Deleted,
            _ => Phase::Deleting { until_ms: now_ms + transition_ms },
        };
        let mut deleted = Table { phase, ..Table::clone(table) };
        deleted.close_stream(now_ms, deciding.number());
        deciding.set(deleted);
        Ok(Arc::clone(table))
    });
    let table = deleted.await?;
    let description = dynamodb.describe(&table);
    let table_description =
        Some(headwater_wire::dynamodb::TableDescription { table_status: Some(TableStatus::Deleting), ..description });
    Ok(DeleteTableOutput { table_description })
}
