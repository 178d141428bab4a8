//! The parameters that were there before expressions – `Expected`, `QueryFilter`, `ScanFilter`, `KeyConditions`,
//! `AttributeUpdates`, `AttributesToGet` – read as what expressions come to. They name whole attributes; a dot in a
//! name is a dot.
mod comparison;

use super::{
    Condition, KeyCondition, Parameter, Path, Projection, Update,
    update::{Action, Change, NewValue, Words},
};
use crate::{
    errors::{invalid_values, validation},
    value::Value,
};
use comparison::Comparison;
use headwater_wire::{
    ServiceError,
    dynamodb::{self, AttributeAction, AttributeValueUpdate, ConditionalOperator, ExpectedAttributeValue},
};
use std::collections::{BTreeMap, BTreeSet};

/// Refuses a request with old parameters and expressions together. Both lists hold what the operation knows, given or
/// not, in the order in which the service names them.
///
/// # Errors
/// `ValidationException` that names what was given.
pub fn not_mixed(old: &[(&str, bool)], expressions: &[(Parameter, bool)]) -> Result<(), ServiceError> {
    let expressions: Vec<_> =
        expressions.iter().filter(|(_, given)| *given).map(|(parameter, _)| parameter.name()).collect();
    let keys_twice = expressions.contains(&Parameter::KeyCondition.name());
    // The old conditions of keys go with every expression but the new one.
    let mixes = |name: &str| name != "KeyConditions" || keys_twice;
    let old: Vec<_> = old.iter().filter(|(name, given)| *given && mixes(name)).map(|(name, _)| *name).collect();
    if old.is_empty() || expressions.is_empty() {
        return Ok(());
    }
    Err(validation(format!(
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: \
         {{{}}} Expression parameters: {{{}}}",
        old.join(", "),
        expressions.join(", ")
    )))
}

/// `Expected` and `ConditionalOperator`: the condition of a write, if there is one.
///
/// # Errors
/// `ValidationException` in the service's words.
pub fn expected(
    expected: Option<BTreeMap<String, ExpectedAttributeValue>>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>, ServiceError> {
    joined(expected.unwrap_or_default(), operator, comparison::expected)
}

/// `QueryFilter` or `ScanFilter`, and `ConditionalOperator`: the filter of a read, if there is one.
///
/// # Errors
/// `ValidationException` in the service's words.
pub fn filter(
    filter: Option<BTreeMap<String, dynamodb::Condition>>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>, ServiceError> {
    let condition = |name: String, condition| Ok(Comparison::read(condition)?.condition(Path::to(name)));
    joined(filter.unwrap_or_default(), operator, condition)
}

/// The conditions of each attribute as one.
fn joined<T>(
    conditions: BTreeMap<String, T>,
    operator: Option<ConditionalOperator>,
    read: impl Fn(String, T) -> Result<Condition, ServiceError>,
) -> Result<Option<Condition>, ServiceError> {
    match (operator, conditions.len()) {
        (Some(_), 0) => return Err(validation("ConditionalOperator cannot be used without Filter or Expected")),
        (Some(_), 1) => {
            return Err(validation(
                "ConditionalOperator can only be used when Filter or Expected has two or more elements",
            ));
        }
        _ => {}
    }
    let mut conditions =
        conditions.into_iter().map(|(name, given)| read(name, given)).collect::<Result<Vec<_>, _>>()?;
    Ok(match (conditions.len(), operator) {
        (0 | 1, _) => conditions.pop(),
        (_, Some(ConditionalOperator::Or)) => Some(Condition::Or(conditions)),
        (_, Some(ConditionalOperator::And) | None) => Some(Condition::And(conditions)),
    })
}

/// `KeyConditions`.
///
/// # Errors
/// `ValidationException` in the service's words.
pub fn key_conditions(conditions: BTreeMap<String, dynamodb::Condition>) -> Result<KeyCondition, ServiceError> {
    let tests = conditions.into_iter().map(|(name, condition)| Ok((name, Comparison::read(condition)?.key_test())));
    let tests = tests.collect::<Result<Vec<_>, ServiceError>>()?;
    if tests.is_empty() {
        return Err(validation("Conditions can be of length 1 or 2 only"));
    }
    Ok(KeyCondition::from_tests(tests))
}

/// `AttributeUpdates`.
///
/// # Errors
/// `ValidationException` in the service's words.
pub fn attribute_updates(updates: BTreeMap<String, AttributeValueUpdate>) -> Result<Update, ServiceError> {
    let actions =
        updates.into_iter().map(|(name, update)| Ok(Action { path: Path::to(name), change: change(update)? }));
    let actions = actions.collect::<Result<Vec<_>, ServiceError>>()?;
    Update::of(actions, Words::AttributeUpdates).map_err(validation)
}

fn change(update: AttributeValueUpdate) -> Result<Change, ServiceError> {
    let action = update.action.unwrap_or(AttributeAction::Put);
    let Some(value) = update.value else {
        return match action {
            AttributeAction::Delete => Ok(Change::Remove),
            _ => Err(invalid_values("Only DELETE action is allowed when no attribute value is specified")),
        };
    };
    let value = Value::read(value)?;
    let kind = value.type_name();
    match action {
        AttributeAction::Put => Ok(Change::Set(NewValue::Value(value.into()))),
        AttributeAction::Delete if ["SS", "NS", "BS"].contains(&kind) => Ok(Change::Delete(value.into())),
        AttributeAction::Delete => {
            Err(invalid_values(&format!("DELETE action with value is not supported for the type {kind}")))
        }
        AttributeAction::Add if ["N", "L", "SS", "NS", "BS"].contains(&kind) => Ok(Change::Add(value.into())),
        AttributeAction::Add => Err(invalid_values(&format!("ADD action is not supported for the type {kind}"))),
    }
}

/// `AttributesToGet`.
///
/// # Errors
/// `ValidationException` if an attribute is named twice.
pub fn attributes_to_get(names: Vec<String>) -> Result<Projection, ServiceError> {
    let mut seen = BTreeSet::new();
    if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
        return Err(invalid_values(&format!("Duplicate value in attribute name: {name}")));
    }
    let paths: Vec<Path> = names.into_iter().map(Path::to).collect();
    Projection::of(&paths.iter().collect::<Vec<_>>()).map_err(validation)
}
