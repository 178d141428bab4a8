//! UpdateTimeToLive: has a table's items expire by one of their attributes, or no more.
use crate::{
    DynamoDb, duties,
    errors::{self, Result},
    target,
};
use headwater_wire::{
    Caller,
    dynamodb::{UpdateTimeToLiveInput, UpdateTimeToLiveOutput},
};
use std::sync::Arc;

/// How long the service takes to carry out a change; under rate limits there is no other before.
const CHANGE_EVERY_MS: u64 = 3_600_000;

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: UpdateTimeToLiveInput,
) -> Result<UpdateTimeToLiveOutput> {
    let (scope, name) = target::named(&caller, &input.table_name)?;
    let every_ms = if dynamodb.settings.rate_limits { CHANGE_EVERY_MS } else { 0 };
    let asked = input.time_to_live_specification;
    let switched = dynamodb.database.submit(|deciding| {
        let table = deciding.tables().find(&scope, name).ok_or_else(|| errors::table_not_found(name))?;
        table.check_at_rest()?;
        let table = table.switch_expiry(&asked, deciding.now_ms(), every_ms)?;
        let id = table.id;
        deciding.set(table);
        Ok(id)
    });
    let id = switched.await?;
    duties::start(&dynamodb, id).await?;
    Ok(UpdateTimeToLiveOutput { time_to_live_specification: Some(asked) })
}
