//! What several operations ask for in the same words: conditions, projections, and what to be told.
use crate::{
    DynamoDb,
    capacity::Consumed,
    errors::{self, Result},
    expression::{Condition, Parameter, Placeholders, Projection, legacy},
    table::{IndexKind, Table},
    value,
    write::{Refusal, Write, Written},
};
use headwater_wire::{
    AttributeValue,
    dynamodb::{
        self, ConditionalOperator, ConsumedCapacity, ExpectedAttributeValue, ItemCollectionMetrics,
        ReturnConsumedCapacity, ReturnItemCollectionMetrics, ReturnValue, ReturnValuesOnConditionCheckFailure,
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// The condition of a write, in either language.
pub(crate) struct Conditional {
    pub(crate) expected: Option<BTreeMap<String, ExpectedAttributeValue>>,
    pub(crate) operator: Option<ConditionalOperator>,
    pub(crate) expression: Option<String>,
    pub(crate) names: Option<BTreeMap<String, String>>,
    pub(crate) values: Option<BTreeMap<String, AttributeValue>>,
}

/// The [`Conditional`] of an input that has its members.
macro_rules! conditional {
    ($input:expr) => {
        $crate::ops::asked::Conditional {
            expected: $input.expected,
            operator: $input.conditional_operator,
            expression: $input.condition_expression,
            names: $input.expression_attribute_names,
            values: $input.expression_attribute_values,
        }
    };
}
pub(super) use conditional;

impl Conditional {
    /// # Errors
    /// Both languages were used.
    pub(crate) fn check_mix(&self) -> Result<()> {
        legacy::not_mixed(
            &[("Expected", self.expected.is_some()), ("ConditionalOperator", self.operator.is_some())],
            &[(Parameter::Condition, self.expression.is_some())],
        )
    }

    /// # Errors
    /// The service's words on what is wrong with it.
    pub(crate) fn read(self) -> Result<Option<Condition>> {
        let mut placeholders =
            Placeholders::new(self.names, self.values, &[(Parameter::Condition, self.expression.as_deref())])?;
        let condition = condition(&mut placeholders, self.expression.as_deref(), self.expected, self.operator)?;
        placeholders.finish()?;
        Ok(condition)
    }
}

/// The condition of a write, among the other expressions of its request.
///
/// # Errors
/// The service's words on what is wrong with it.
pub(crate) fn condition(
    placeholders: &mut Placeholders,
    expression: Option<&str>,
    expected: Option<BTreeMap<String, ExpectedAttributeValue>>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>> {
    match expression {
        Some(text) => placeholders.condition(Parameter::Condition, text).map(Some),
        None => legacy::expected(expected, operator),
    }
}

/// The projection of a read, in either language.
///
/// # Errors
/// The service's words on what is wrong with it.
pub(crate) fn projection(
    attributes: Option<Vec<String>>,
    expression: Option<&str>,
    names: Option<BTreeMap<String, String>>,
) -> Result<Option<Projection>> {
    legacy::not_mixed(&[("AttributesToGet", attributes.is_some())], &[(Parameter::Projection, expression.is_some())])?;
    let mut placeholders = Placeholders::new(names, None, &[(Parameter::Projection, expression)])?;
    let projection = projection_among(&mut placeholders, expression, attributes)?;
    placeholders.finish()?;
    Ok(projection)
}

/// The projection of a read, among the other expressions of its request.
///
/// # Errors
/// The service's words on what is wrong with it.
pub(crate) fn projection_among(
    placeholders: &mut Placeholders,
    expression: Option<&str>,
    attributes: Option<Vec<String>>,
) -> Result<Option<Projection>> {
    match (expression, attributes) {
        (Some(text), _) => placeholders.projection(text).map(Some),
        (None, attributes) => attributes.map(legacy::attributes_to_get).transpose(),
    }
}

/// The filter of a read, among the other expressions of its request.
///
/// # Errors
/// The service's words on what is wrong with it.
pub(crate) fn filter(
    placeholders: &mut Placeholders,
    expression: Option<&str>,
    filter: Option<BTreeMap<String, dynamodb::Condition>>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>> {
    match expression {
        Some(text) => placeholders.condition(Parameter::Filter, text).map(Some),
        None => legacy::filter(filter, operator),
    }
}

/// Whether a write that can show what was there, and nothing else, is to show it.
///
/// # Errors
/// Something else was asked for.
pub(crate) fn returns_old(asked: Option<ReturnValue>) -> Result<bool> {
    match asked {
        None | Some(ReturnValue::None) => Ok(false),
        Some(ReturnValue::AllOld) => Ok(true),
        Some(_) => Err(errors::return_values_old_only()),
    }
}

pub(crate) fn shows_failed(asked: Option<ReturnValuesOnConditionCheckFailure>) -> bool {
    asked == Some(ReturnValuesOnConditionCheckFailure::AllOld)
}

pub(crate) fn is_told(asked: Option<ReturnConsumedCapacity>) -> bool {
    matches!(asked, Some(ReturnConsumedCapacity::Indexes | ReturnConsumedCapacity::Total))
}

/// A write that was carried out.
pub(crate) struct Done {
    table: Arc<Table>,
    pub(crate) written: Written,
}

impl Done {
    fn consumed(&self) -> Consumed {
        Consumed::write(&self.table, self.written.old.as_ref(), self.written.new.as_ref(), false)
    }

    /// What it cost, if that was asked for; only then is it worked out.
    pub(crate) fn told(&self, name: &str, asked: Option<ReturnConsumedCapacity>) -> Option<ConsumedCapacity> {
        if is_told(asked) { self.consumed().told(name, asked) } else { None }
    }
}

/// What is told of the collection a written item belongs to: only tables with local indexes have any. The size is an
/// estimate, as with the service: whole gigabytes.
pub(crate) fn collection_metrics(
    write: &Write,
    asked: Option<ReturnItemCollectionMetrics>,
) -> Option<ItemCollectionMetrics> {
    let table = &write.table;
    let has_local = table.indexes.iter().any(|index| index.kind == IndexKind::Local);
    if asked != Some(ReturnItemCollectionMetrics::Size) || !has_local {
        return None;
    }
    let mut hash = write.key_item();
    hash.retain(|name, _| table.key.hash.iter().any(|part| part.name == *name));
    Some(ItemCollectionMetrics {
        item_collection_key: Some(value::write_item(hash)),
        size_estimate_range_gb: Some(vec![0.0, 1.0]),
    })
}

impl DynamoDb {
    /// Carries out one write.
    ///
    /// # Errors
    /// The refusal, as its caller is told.
    pub(crate) async fn write_one(&self, write: Write) -> Result<Done> {
        let table = Arc::clone(&write.table);
        let written = self.database.submit(|deciding| self.decide(write, deciding, false).map_err(Refusal::told));
        Ok(Done { table, written: written.await? })
    }
}
