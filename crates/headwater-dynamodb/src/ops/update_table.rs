//! UpdateTable: other throughput, other indexes, a stream or none, other settings.
use crate::{
    DynamoDb, duties,
    errors::{self, Result},
    table::{Moment, check, update},
    target,
};
use headwater_wire::{
    Caller,
    dynamodb::{UpdateTableInput, UpdateTableOutput},
};
use std::sync::Arc;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: UpdateTableInput) -> Result<UpdateTableOutput> {
    let (scope, name) = target::named(&caller, &input.table_name)?;
    check(&input)?;
    let transition_ms = dynamodb.settings.transition_ms;
    let updated = dynamodb.database.submit(|deciding| {
        let table = deciding.tables().find(&scope, name).ok_or_else(|| errors::table_not_found(name))?;
        table.check_at_rest()?;
        deciding.tables().check_changing(&scope)?;
        let moment = Moment { now_ms: deciding.now_ms(), number: deciding.number(), transition_ms };
        let table = update(table, &input, moment)?;
        deciding.set(table.clone());
        Ok(table)
    });
    let table = updated.await?;
    duties::start(&dynamodb, table.id).await?;
    let table_description = Some(dynamodb.describe(&table));
    Ok(UpdateTableOutput { table_description })
}
