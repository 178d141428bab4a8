//! CreateTable: a new table, with its indexes and its stream.
use crate::{
    DynamoDb,
    errors::{self, Result},
    table::{Birth, Phase, define},
    target,
};
use headwater_wire::{
    Caller,
    dynamodb::{CreateTableInput, CreateTableOutput},
};
use std::sync::Arc;

/// Tables of an account in a region.
const MOST_TABLES: usize = 2_500;

pub(crate) async fn run(dynamodb: Arc<DynamoDb>, caller: Caller, input: CreateTableInput) -> Result<CreateTableOutput> {
    let (scope, name) = target::named(&caller, &input.table_name)?;
    let uuid = (dynamodb.entropy)();
    let transition_ms = dynamodb.settings.transition_ms;
    let created = dynamodb.database.submit(|deciding| {
        let (tables, now_ms) = (deciding.tables(), deciding.now_ms());
        // The answer tells the phase the table is in: where nothing is to be waited for that is ACTIVE, as DynamoDB
        // Local says, though AWS always says CREATING. A client that waits for ACTIVE need not ask again, and one that
        // takes CREATING for granted asks and finds ACTIVE.
        let phase = match transition_ms {
            0 => Phase::Active,
            _ => Phase::Creating { until_ms: now_ms + transition_ms },
        };
        let number = deciding.number();
        let birth = Birth { number, uuid, scope: scope.clone(), name: name.to_owned(), now_ms, phase };
        let table = define(&input, birth)?;
        if tables.find(&scope, name).is_some() {
            return Err(errors::table_exists(name));
        }
        if tables.of(&scope).count() >= MOST_TABLES {
            return Err(errors::too_many_tables(MOST_TABLES));
        }
        tables.check_creating(&table)?;
        deciding.set(table.clone());
        Ok(table)
    });
    let table = created.await?;
    Ok(CreateTableOutput { table_description: Some(dynamodb.describe(&table)) })
}
