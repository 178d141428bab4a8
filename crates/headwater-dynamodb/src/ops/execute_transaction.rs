//! ExecuteTransaction: up to a hundred statements that read items of one state, or that write all or none.
use super::{
    asked,
    transact_write_items::{distinct, token, told},
};
use crate::{
    DynamoDb,
    capacity::{Consistency, Consumed},
    errors::{self, Reason, Result},
    partiql::{self, Asked, Select},
};
use headwater_wire::{
    Caller,
    dynamodb::{
        ExecuteTransactionInput, ExecuteTransactionOutput, ItemResponse, ReturnConsumedCapacity,
        ReturnValuesOnConditionCheckFailure,
    },
};
use std::{collections::BTreeMap, sync::Arc};

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: ExecuteTransactionInput,
) -> Result<ExecuteTransactionOutput> {
    let token = token(&caller, "ExecuteTransaction", input.client_request_token.as_ref(), &input.transact_statements);
    let (mut selects, mut writes) = (Vec::new(), Vec::new());
    for (place, statement) in input.transact_statements.into_iter().enumerate() {
        let asked = partiql::read(&statement.statement, statement.parameters);
        match asked.map_err(|error| errors::in_transaction(place, &error))? {
            Asked::Select(select) => selects.push(select),
            Asked::Update { returning: Some(_), .. } | Asked::Delete { returning: Some(_), .. } => {
                return Err(errors::in_transaction(place, &errors::transaction_returns()));
            }
            asked => writes.push((asked, statement.return_values_on_condition_check_failure)),
        }
    }
    match (selects.is_empty(), writes.is_empty()) {
        (false, false) => Err(errors::reads_and_writes("A transaction")),
        (_, true) => {
            dynamodb.database.catch_up().await?;
            dynamodb.read_all(&caller, selects, input.return_consumed_capacity)
        }
        (true, false) => dynamodb.write_all(&caller, writes, token, input.return_consumed_capacity).await,
    }
}

impl DynamoDb {
    fn read_all(
        &self,
        caller: &Caller,
        selects: Vec<Select>,
        capacity: Option<ReturnConsumedCapacity>,
    ) -> Result<ExecuteTransactionOutput> {
        let (mut rows, mut reasons) = (Vec::with_capacity(selects.len()), Vec::with_capacity(selects.len()));
        for (place, mut select) in selects.into_iter().enumerate() {
            let found = if select.index.is_some() {
                Err(errors::transaction_reads_index())
            } else {
                self.one_row(caller, &mut select, "ExecuteTransaction")
            };
            let row = found.and_then(|row| match row.filter {
                None => Ok(row),
                Some(_) => Err(errors::select_without_key("ExecuteTransaction")),
            });
            let row = row.map_err(|error| errors::in_transaction(place, &error));
            match row {
                Ok(row) => {
                    reasons.push(Reason::None);
                    rows.push((select, row));
                }
                Err(error) if errors::is_throughput(&error) => reasons.push(Reason::of(&error)),
                Err(error) => return Err(error),
            }
        }
        if rows.len() < reasons.len() {
            return Err(errors::transaction_cancelled(reasons));
        }
        let view = self.database.view();
        let mut units: BTreeMap<String, Consumed> = BTreeMap::new();
        let mut responses = Vec::with_capacity(rows.len());
        for (select, row) in rows {
            let (item, consumed) = self.read_row(&*view, &row, &select, Consistency::Transactional)?;
            units.entry(select.table).or_default().add(&consumed);
            responses.push(ItemResponse { item });
        }
        Ok(ExecuteTransactionOutput { responses: Some(responses), consumed_capacity: told(&units, capacity) })
    }

    async fn write_all(
        &self,
        caller: &Caller,
        asked: Vec<(Asked, Option<ReturnValuesOnConditionCheckFailure>)>,
        token: Option<(u64, u128)>,
        capacity: Option<ReturnConsumedCapacity>,
    ) -> Result<ExecuteTransactionOutput> {
        let must_know = asked::is_told(capacity);
        let (mut names, mut writes) = (Vec::with_capacity(asked.len()), Vec::with_capacity(asked.len()));
        for (place, (asked, shows)) in asked.into_iter().enumerate() {
            let change = self.change(caller, asked, shows, must_know);
            let change = change.map_err(|error| errors::in_transaction(place, &error))?;
            names.push(change.name);
            writes.push(change.write);
        }
        let units = self.transact(&names, distinct(writes)?, token).await?;
        // Writes are not answered one by one.
        Ok(ExecuteTransactionOutput { responses: Some(Vec::new()), consumed_capacity: told(&units, capacity) })
    }
}
