//! BatchExecuteStatement: up to twenty-five statements, each for itself.
//!
//! Invariant: what is wrong with a statement is told in its place of the reply and keeps no other from being carried
//! out.
use super::{asked, statements::Change, transact_write_items::told};
use crate::{
    DynamoDb,
    capacity::{Consistency, Consumed},
    errors::{self, Result},
    partiql::{self, Asked},
    write::Refusal,
};
use headwater_wire::{
    Caller, ErrorMembers, ServiceError,
    dynamodb::{
        BatchExecuteStatementInput, BatchExecuteStatementOutput, BatchStatementError, BatchStatementErrorCodeEnum,
        BatchStatementRequest, BatchStatementResponse,
    },
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// What the statements of a batch consumed, by table.
type Units = BTreeMap<String, Consumed>;

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: BatchExecuteStatementInput,
) -> Result<BatchExecuteStatementOutput> {
    let capacity = input.return_consumed_capacity;
    let read = input.statements.into_iter().map(|mut request| {
        let asked = partiql::read(&request.statement, request.parameters.take());
        (request, asked)
    });
    let statements: Vec<(BatchStatementRequest, Result<Asked>)> = read.collect();
    let is_write = |(_, asked): &(_, Result<Asked>)| asked.as_ref().ok().map(Asked::is_write);
    let mut kinds = statements.iter().filter_map(is_write);
    let writes = kinds.next().unwrap_or(false);
    if kinds.any(|other| other != writes) {
        return Err(errors::reads_and_writes("A batch"));
    }
    let (responses, units) = if writes {
        let must_know = asked::is_told(capacity);
        let change = |(request, asked): (BatchStatementRequest, Result<Asked>)| match asked? {
            Asked::Exists(_) => Err(errors::exists_outside_transaction()),
            asked => {
                let shows = request.return_values_on_condition_check_failure;
                dynamodb.change(&caller, asked, shows, must_know)
            }
        };
        dynamodb.write_each(statements.into_iter().map(change).collect()).await?
    } else {
        let is_consistent = statements.iter().any(|(request, _)| request.consistent_read == Some(true));
        dynamodb.read_consistently(Some(is_consistent)).await?;
        let mut units = Units::new();
        let read = |(request, asked)| {
            dynamodb.read_each(&caller, &request, asked, &mut units).unwrap_or_else(|error| refused(&error))
        };
        (statements.into_iter().map(read).collect(), units)
    };
    Ok(BatchExecuteStatementOutput { responses: Some(responses), consumed_capacity: told(&units, capacity) })
}

impl DynamoDb {
    fn read_each(
        &self,
        caller: &Caller,
        request: &BatchStatementRequest,
        asked: Result<Asked>,
        units: &mut Units,
    ) -> Result<BatchStatementResponse> {
        let Asked::Select(mut select) = asked? else { return Err(errors::reads_and_writes("A batch")) };
        let row = self.one_row(caller, &mut select, "BatchExecuteStatement")?;
        let is_consistent = request.consistent_read == Some(true);
        let consistency = if is_consistent { Consistency::Strong } else { Consistency::Eventual };
        let (item, consumed) = self.read_row(&*self.database.view(), &row, &select, consistency)?;
        units.entry(select.table.clone()).or_default().add(&consumed);
        Ok(BatchStatementResponse { table_name: Some(select.table), item, error: None })
    }

    /// Carries writes out, as many as possible in one decision: a decision sees what was before it, so the second write
    /// of an item waits for the next.
    async fn write_each(&self, changes: Vec<Result<Change>>) -> Result<(Vec<BatchStatementResponse>, Units)> {
        let (mut responses, mut units) = (Vec::with_capacity(changes.len()), Units::new());
        let mut left = changes.into_iter().peekable();
        while left.peek().is_some() {
            let mut seen = HashSet::new();
            let mut together = Vec::new();
            let mut is_first = |change: &Result<Change>| match change {
                Ok(Change { write: Ok(write), .. }) => seen.insert((write.table.id, write.key.clone())),
                _ => true,
            };
            while let Some(change) = left.next_if(&mut is_first) {
                together.push(change);
            }
            let decided = self.database.submit(|deciding| {
                let decide = |change: Result<Change>| {
                    let Change { name, write, returned } = change.map_err(Refusal::Other)?;
                    let write = write?;
                    let table = Arc::clone(&write.table);
                    let written = self.decide(write, deciding, false)?;
                    let consumed = Consumed::write(&table, written.old.as_ref(), written.new.as_ref(), false);
                    Ok((name, written, returned, consumed))
                };
                Ok(together.into_iter().map(decide).collect::<Vec<std::result::Result<_, Refusal>>>())
            });
            // Once some are carried out the batch is not for another process to begin anew.
            let is_begun = !responses.is_empty();
            let decided = decided.await.map_err(|error| if is_begun { errors::begun(error) } else { error });
            for outcome in decided? {
                responses.push(match outcome {
                    Ok((name, written, returned, consumed)) => {
                        units.entry(name.clone()).or_default().add(&consumed);
                        let item = returned.of(written);
                        BatchStatementResponse { table_name: Some(name), item, error: None }
                    }
                    Err(refusal) => refused(&refusal.told()),
                });
            }
        }
        Ok((responses, units))
    }
}

/// What is wrong with one statement.
fn refused(error: &ServiceError) -> BatchStatementResponse {
    use BatchStatementErrorCodeEnum as Code;
    if let Some(cause) = error.cause() {
        tracing::warn!(%error, cause, "a statement of a batch failed");
    }
    let code = match error.code {
        "ConditionalCheckFailedException" => Code::ConditionalCheckFailed,
        "DuplicateItemException" => Code::DuplicateItem,
        "ProvisionedThroughputExceededException" => Code::ProvisionedThroughputExceeded,
        "ResourceNotFoundException" => Code::ResourceNotFound,
        "ValidationException" => Code::ValidationError,
        _ => Code::InternalServerError,
    };
    let item = match error.members.as_deref() {
        Some(ErrorMembers::Item(item)) => Some(item.clone()),
        _ => None,
    };
    let error = BatchStatementError { code: Some(code), message: error.message.clone(), item };
    BatchStatementResponse { error: Some(error), ..BatchStatementResponse::default() }
}
