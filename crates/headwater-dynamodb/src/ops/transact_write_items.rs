//! TransactWriteItems: up to a hundred writes, all or none, and under a token only once.
use super::asked;
use crate::{
    DynamoDb,
    capacity::{Consistency, Consumed, read_units},
    database::{Deciding, Token},
    errors::{self, Reason, Result},
    expression::{Condition, Parameter, Placeholders, Update},
    value::{self, Item},
    write::{Action, Refusal, Write, Written},
};
use headwater_wire::{
    AttributeValue, Caller,
    dynamodb::{
        ItemCollectionMetrics, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
        TransactWriteItemsInput, TransactWriteItemsOutput,
    },
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// How long a token is remembered.
const TOKEN_MS: u64 = 600_000;

/// One of the four forms, read.
struct Asked {
    table: String,
    key: Item,
    action: Action,
    condition: Option<Condition>,
    shows_failed: bool,
}

pub(crate) async fn run(
    dynamodb: Arc<DynamoDb>,
    caller: Caller,
    input: TransactWriteItemsInput,
) -> Result<TransactWriteItemsOutput> {
    let token = token(&caller, "TransactWriteItems", input.client_request_token.as_ref(), &input.transact_items);
    let asked = input.transact_items.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    let names: Vec<String> = asked.iter().map(|asked| asked.table.clone()).collect();
    let wants_items = asked::is_told(input.return_consumed_capacity);
    let writes = dynamodb.prepare(&caller, asked, wants_items)?;
    let mut metrics: BTreeMap<String, Vec<ItemCollectionMetrics>> = BTreeMap::new();
    for (name, write) in names.iter().zip(&writes) {
        let told = asked::collection_metrics(write, input.return_item_collection_metrics);
        metrics.entry(name.clone()).or_default().extend(told);
    }
    metrics.retain(|_, told| !told.is_empty());
    let consumed = dynamodb.transact(&names, writes, token).await?;
    Ok(TransactWriteItemsOutput {
        consumed_capacity: told(&consumed, input.return_consumed_capacity),
        item_collection_metrics: (!metrics.is_empty()).then_some(metrics),
    })
}

/// What each table's part consumed, if that was asked for.
pub(super) fn told(
    consumed: &BTreeMap<String, Consumed>,
    asked: Option<ReturnConsumedCapacity>,
) -> Option<Vec<headwater_wire::dynamodb::ConsumedCapacity>> {
    let told = consumed.iter().filter_map(|(name, units)| units.told(name, asked));
    asked::is_told(asked).then(|| told.collect())
}

impl DynamoDb {
    /// Looks the tables up and checks the keys.
    fn prepare(&self, caller: &Caller, asked: Vec<Asked>, wants_items: bool) -> Result<Vec<Write>> {
        let mut writes = Vec::with_capacity(asked.len());
        for asked in asked {
            let table = self.table(caller, &asked.table)?;
            let write = match asked.action {
                Action::Put(item) => Write::put(table, item),
                action => Write::at(table, &asked.key, action),
            };
            let Asked { condition, shows_failed, .. } = asked;
            writes.push(write.map(|write| Write { condition, shows_failed, wants_items, ..write }));
        }
        distinct(writes)
    }

    /// Carries all writes out, or none; `token` is the hash of the caller's token and that of what was asked for.
    ///
    /// # Errors
    /// `TransactionCanceledException` with a reason for each write.
    pub(crate) async fn transact(
        &self,
        names: &[String],
        writes: Vec<Write>,
        token: Option<(u64, u128)>,
    ) -> Result<BTreeMap<String, Consumed>> {
        let submitted = self.database.submit(|deciding| {
            if let Some((hash, request)) = token {
                if let Some(held) = deciding.token(hash) {
                    let is_same = held.request == request;
                    return if is_same { replayed(deciding, names, &writes) } else { Err(errors::token_reused()) };
                }
                deciding.take_token(Token { hash, request, until_ms: deciding.now_ms() + TOKEN_MS });
            }
            let mut consumed: BTreeMap<String, Consumed> = BTreeMap::new();
            let mut reasons = Vec::with_capacity(writes.len());
            for (name, write) in names.iter().zip(writes) {
                let table = Arc::clone(&write.table);
                reasons.push(match self.decide(write, deciding, true) {
                    Ok(Written { old, new }) => {
                        let units = Consumed::write(&table, old.as_ref(), new.as_ref(), true);
                        consumed.entry(name.clone()).or_default().add(&units);
                        Reason::None
                    }
                    Err(Refusal::Duplicate) => Reason::Duplicate,
                    Err(Refusal::Condition(item)) => Reason::ConditionFailed(item.map(value::write_item)),
                    Err(Refusal::Other(error))
                        if error.code == "ValidationException" || errors::is_throughput(&error) =>
                    {
                        Reason::of(&error)
                    }
                    Err(Refusal::Other(error)) => return Err(error),
                });
            }
            if reasons.iter().any(|reason| *reason != Reason::None) {
                return Err(errors::transaction_cancelled(reasons));
            }
            Ok(consumed)
        });
        submitted.await
    }
}

/// What it costs to be told again that a transaction was carried out: its items are read.
fn replayed(deciding: &Deciding<'_>, names: &[String], writes: &[Write]) -> Result<BTreeMap<String, Consumed>> {
    let mut consumed: BTreeMap<String, Consumed> = BTreeMap::new();
    for (name, write) in names.iter().zip(writes) {
        let held = deciding.image(&write.table, &write.key)?;
        let size_bytes = held.map_or(0, |image| u64::from(image.size_bytes()));
        let units = Consumed::reading(read_units(size_bytes, Consistency::Transactional), true);
        consumed.entry(name.clone()).or_default().add(&units);
    }
    Ok(consumed)
}

/// The writes of a transaction, if each of them can be and no two are of one item. One that cannot be does not keep the
/// others from being looked at.
///
/// # Errors
/// `TransactionCanceledException` with a reason for each write.
pub(super) fn distinct(asked: Vec<Result<Write>>) -> Result<Vec<Write>> {
    let (mut writes, mut seen, mut reasons) = (Vec::with_capacity(asked.len()), HashSet::new(), Vec::new());
    for write in asked {
        match write {
            Ok(write) if !seen.insert((write.table.id, write.key.clone())) => {
                return Err(errors::transaction_repeats_item());
            }
            Ok(write) => {
                writes.push(write);
                reasons.push(Reason::None);
            }
            Err(error) => reasons.push(Reason::of(&error)),
        }
    }
    if reasons.iter().any(|reason| *reason != Reason::None) {
        return Err(errors::transaction_cancelled(reasons));
    }
    Ok(writes)
}

/// The hash of a caller's token, and that of what it was given for. Each operation has tokens of its own.
pub(super) fn token(
    caller: &Caller,
    operation: &str,
    token: Option<&String>,
    request: &impl std::fmt::Debug,
) -> Option<(u64, u128)> {
    let hash = xxh3_64([&*caller.account, operation, token?].join("/").as_bytes());
    Some((hash, xxh3_128(format!("{request:?}").as_bytes())))
}

/// A condition and an update with the placeholders they share.
struct Expressions {
    condition: Option<String>,
    update: Option<String>,
    names: Option<BTreeMap<String, String>>,
    values: Option<BTreeMap<String, AttributeValue>>,
}

impl Expressions {
    fn read(self) -> Result<(Option<Condition>, Option<Update>)> {
        let (update, condition) = (self.update.as_deref(), self.condition.as_deref());
        let expressions = [(Parameter::Update, update), (Parameter::Condition, condition)];
        let mut placeholders = Placeholders::new(self.names, self.values, &expressions)?;
        let update = update.map(|text| placeholders.update(text)).transpose()?;
        let condition = condition.map(|text| placeholders.condition(Parameter::Condition, text)).transpose()?;
        placeholders.finish()?;
        Ok((condition, update))
    }
}

fn read(item: TransactWriteItem) -> Result<Asked> {
    let shows = |asked: Option<ReturnValuesOnConditionCheckFailure>| asked::shows_failed(asked);
    match (item.condition_check, item.put, item.delete, item.update) {
        (Some(check), None, None, None) => {
            let key = value::read_item(check.key)?;
            let (condition, _) = Expressions {
                condition: Some(check.condition_expression),
                update: None,
                names: check.expression_attribute_names,
                values: check.expression_attribute_values,
            }
            .read()?;
            let shows_failed = shows(check.return_values_on_condition_check_failure);
            Ok(Asked { table: check.table_name, key, action: Action::Check, condition, shows_failed })
        }
        (None, Some(put), None, None) => {
            let item = value::read_item(put.item)?;
            let (condition, _) = Expressions {
                condition: put.condition_expression,
                update: None,
                names: put.expression_attribute_names,
                values: put.expression_attribute_values,
            }
            .read()?;
            let shows_failed = shows(put.return_values_on_condition_check_failure);
            Ok(Asked { table: put.table_name, key: Item::new(), action: Action::Put(item), condition, shows_failed })
        }
        (None, None, Some(delete), None) => {
            let key = value::read_item(delete.key)?;
            let (condition, _) = Expressions {
                condition: delete.condition_expression,
                update: None,
                names: delete.expression_attribute_names,
                values: delete.expression_attribute_values,
            }
            .read()?;
            let shows_failed = shows(delete.return_values_on_condition_check_failure);
            Ok(Asked { table: delete.table_name, key, action: Action::Delete, condition, shows_failed })
        }
        (None, None, None, Some(update)) => {
            let key = value::read_item(update.key)?;
            let (condition, evolution) = Expressions {
                condition: update.condition_expression,
                update: Some(update.update_expression),
                names: update.expression_attribute_names,
                values: update.expression_attribute_values,
            }
            .read()?;
            let action = evolution.map_or(Action::Check, Action::Update);
            let shows_failed = shows(update.return_values_on_condition_check_failure);
            Ok(Asked { table: update.table_name, key, action, condition, shows_failed })
        }
        _ => Err(errors::transact_item_ambiguous()),
    }
}
