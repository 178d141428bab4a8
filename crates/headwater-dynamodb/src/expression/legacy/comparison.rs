//! One attribute's condition in the old parameters: an operator and its values, checked.
use crate::{
    errors::{invalid_values, validation},
    expression::{
        Condition, Path,
        condition::{Operand, order},
        key_condition::KeyTest,
        syntax::Comparator,
    },
    value::Value,
};
use headwater_wire::{
    AttributeValue, ServiceError,
    dynamodb::{self, ComparisonOperator, ExpectedAttributeValue},
};
use std::{cmp::Ordering, sync::Arc};

/// An operator with as many values of such types as it takes.
pub(super) enum Comparison {
    Compare(Comparator, Arc<Value>),
    Between(Arc<Value>, Arc<Value>),
    In(Vec<Arc<Value>>),
    BeginsWith(Arc<Value>),
    Contains(Arc<Value>),
    NotContains(Arc<Value>),
    NotNull,
    Null,
}

impl Comparison {
    /// Reads a condition of a filter or of a key.
    pub(super) fn read(condition: dynamodb::Condition) -> Result<Self, ServiceError> {
        Self::of(condition.comparison_operator, condition.attribute_value_list.unwrap_or_default())
    }

    fn of(operator: ComparisonOperator, values: Vec<AttributeValue>) -> Result<Self, ServiceError> {
        let values = values.into_iter().map(|value| Value::read(value).map(Arc::new));
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let Some(comparison) = Self::count(operator, &values) else {
            let word = operator.as_str();
            return Err(invalid_values(&format!("Invalid number of argument(s) for the {word} ComparisonOperator")));
        };
        let mut kinds = values.iter().map(|value| value.type_name());
        if let Some(first) = kinds.next() {
            if kinds.any(|kind| kind != first) {
                return Err(invalid_values("AttributeValues inside AttributeValueList must be of same type"));
            }
            if !takes(operator, first) {
                let word = operator.as_str();
                return Err(invalid_values(&format!(
                    "ComparisonOperator {word} is not valid for {first} AttributeValue type"
                )));
            }
        }
        match &comparison {
            Self::Between(lower, upper) if order(lower, upper) == Some(Ordering::Greater) => Err(validation(
                "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
            )),
            _ => Ok(comparison),
        }
    }

    /// The operator with its values, if it takes so many.
    fn count(operator: ComparisonOperator, values: &[Arc<Value>]) -> Option<Self> {
        let compare = |comparator, value: &Arc<Value>| Self::Compare(comparator, value.clone());
        Some(match (operator, values) {
            (ComparisonOperator::Null, []) => Self::Null,
            (ComparisonOperator::NotNull, []) => Self::NotNull,
            (ComparisonOperator::In, [_, ..]) => Self::In(values.to_vec()),
            (ComparisonOperator::Between, [lower, upper]) => Self::Between(lower.clone(), upper.clone()),
            (ComparisonOperator::BeginsWith, [prefix]) => Self::BeginsWith(prefix.clone()),
            (ComparisonOperator::Contains, [part]) => Self::Contains(part.clone()),
            (ComparisonOperator::NotContains, [part]) => Self::NotContains(part.clone()),
            (ComparisonOperator::Eq, [value]) => compare(Comparator::Equal, value),
            (ComparisonOperator::Ne, [value]) => compare(Comparator::NotEqual, value),
            (ComparisonOperator::Lt, [value]) => compare(Comparator::Less, value),
            (ComparisonOperator::Le, [value]) => compare(Comparator::LessOrEqual, value),
            (ComparisonOperator::Gt, [value]) => compare(Comparator::Greater, value),
            (ComparisonOperator::Ge, [value]) => compare(Comparator::GreaterOrEqual, value),
            _ => return None,
        })
    }

    /// As a condition of the attribute.
    pub(super) fn condition(self, path: Path) -> Condition {
        let operand = Operand::Path;
        match self {
            Self::Compare(comparator, value) => Condition::Compare(comparator, operand(path), Operand::Value(value)),
            Self::Between(lower, upper) => {
                Condition::Between(Box::new([operand(path), Operand::Value(lower), Operand::Value(upper)]))
            }
            Self::In(values) => Condition::In(operand(path), values.into_iter().map(Operand::Value).collect()),
            Self::BeginsWith(prefix) => Condition::BeginsWith(operand(path), Operand::Value(prefix)),
            Self::Contains(part) => Condition::Contains(operand(path), Operand::Value(part)),
            // Unlike NOT contains(…), this says that the attribute is there.
            Self::NotContains(part) => Condition::And(vec![
                Condition::Exists(path.clone()),
                Condition::Not(Box::new(Condition::Contains(operand(path), Operand::Value(part)))),
            ]),
            Self::NotNull => Condition::Exists(path),
            Self::Null => Condition::NotExists(path),
        }
    }

    /// As a condition of a key's attribute.
    pub(super) fn key_test(self) -> KeyTest {
        match self {
            Self::Compare(Comparator::Equal, value) => KeyTest::Equal(value),
            Self::Compare(Comparator::Less, value) => KeyTest::Less(value),
            Self::Compare(Comparator::LessOrEqual, value) => KeyTest::LessOrEqual(value),
            Self::Compare(Comparator::Greater, value) => KeyTest::Greater(value),
            Self::Compare(Comparator::GreaterOrEqual, value) => KeyTest::GreaterOrEqual(value),
            Self::BeginsWith(prefix) => KeyTest::BeginsWith(prefix),
            Self::Between(lower, upper) => KeyTest::Between(lower, upper),
            Self::Compare(Comparator::NotEqual, _)
            | Self::In(_)
            | Self::Contains(_)
            | Self::NotContains(_)
            | Self::NotNull
            | Self::Null => KeyTest::NotIndexable,
        }
    }
}

/// Reads what is expected of one attribute.
pub(super) fn expected(name: String, expected: ExpectedAttributeValue) -> Result<Condition, ServiceError> {
    let ExpectedAttributeValue { value, exists, comparison_operator, attribute_value_list } = expected;
    let invalid = |why: &str| Err(invalid_values(&format!("{why} for Attribute: {name}")));
    if value.is_some() && attribute_value_list.is_some() {
        return invalid("Value and AttributeValueList cannot be used together");
    }
    if let Some(operator) = comparison_operator {
        if exists.is_some() {
            return invalid("Exists and ComparisonOperator cannot be used together");
        }
        let without = matches!(operator, ComparisonOperator::Null | ComparisonOperator::NotNull);
        if !without && value.is_none() && attribute_value_list.is_none() {
            let word = operator.as_str();
            return invalid(&format!("Value or AttributeValueList must be used with ComparisonOperator: {word}"));
        }
        let values = attribute_value_list.unwrap_or_else(|| value.into_iter().collect());
        return Ok(Comparison::of(operator, values)?.condition(Path::to(name)));
    }
    if attribute_value_list.is_some() {
        return invalid("AttributeValueList can only be used with a ComparisonOperator");
    }
    match (exists, value) {
        (Some(false), Some(_)) => invalid("Value cannot be used when Exists is false"),
        (Some(false), None) => Ok(Condition::NotExists(Path::to(name))),
        (Some(true), None) => invalid("Value must be provided when Exists is true"),
        (None, None) => invalid("Value must be provided when Exists is null"),
        (_, Some(value)) => {
            let value = Operand::Value(Arc::new(Value::read(value)?));
            Ok(Condition::Compare(Comparator::Equal, Operand::Path(Path::to(name)), value))
        }
    }
}

/// Whether the operator takes values of the type.
fn takes(operator: ComparisonOperator, kind: &str) -> bool {
    match operator {
        ComparisonOperator::Eq | ComparisonOperator::Ne => true,
        ComparisonOperator::Contains | ComparisonOperator::NotContains => {
            ["S", "N", "B", "BOOL", "NULL"].contains(&kind)
        }
        ComparisonOperator::BeginsWith => ["S", "B"].contains(&kind),
        _ => ["S", "N", "B"].contains(&kind),
    }
}
