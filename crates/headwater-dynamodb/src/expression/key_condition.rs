//! Key conditions: which of a table's or an index's keys a query is about. First the condition is one of keys at all;
//! later, when the schema is known, it fits that.
use super::{
    Parameter,
    condition::{Condition, Operand},
    syntax::Comparator,
};
use crate::{
    errors::{self, validation},
    key::{KeyPart, KeySchema, KeyValue, RangeCondition},
    value::Value,
};
use headwater_wire::ServiceError;
use std::sync::Arc;

/// Conditions of attributes, at most one of each, in the order they were given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyCondition {
    tests: Vec<(String, KeyTest)>,
}

/// What one attribute of a key must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyTest {
    /// Equal to that.
    Equal(Arc<Value>),
    /// Less than that.
    Less(Arc<Value>),
    /// Less than that, or equal.
    LessOrEqual(Arc<Value>),
    /// Greater than that.
    Greater(Arc<Value>),
    /// Greater than that, or equal.
    GreaterOrEqual(Arc<Value>),
    /// Between the two, or equal to one of them.
    Between(Arc<Value>, Arc<Value>),
    /// Beginning with that.
    BeginsWith(Arc<Value>),
    /// Something no key is kept in the order of; only the old parameter can ask for it.
    NotIndexable,
}

/// A key condition of a schema.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyQuery {
    /// The values of all hash parts, in the order of the schema.
    pub hash: Vec<Arc<Value>>,
    /// The values of the first range parts.
    pub range: Vec<Arc<Value>>,
    /// What the range part after these must be; never equal to something.
    pub next: Option<KeyTest>,
}

impl KeyCondition {
    /// The condition as one of keys. This comes after all expressions of the request were parsed.
    ///
    /// # Errors
    /// `ValidationException` for what no key condition can be.
    pub fn of(condition: &Condition) -> Result<Self, ServiceError> {
        let mut gathered = Self { tests: Vec::new() };
        gathered.gather(condition)?;
        Ok(gathered)
    }

    pub(crate) fn from_tests(tests: Vec<(String, KeyTest)>) -> Self {
        Self { tests }
    }

    /// What `condition` asks of one attribute, if that is something keys are kept in the order of.
    pub(crate) fn test_of(condition: &Condition) -> Option<(String, KeyTest)> {
        let mut tests = Self::of(condition).ok()?.tests;
        if tests.len() == 1 { tests.pop() } else { None }
    }

    /// The condition of a key with this schema.
    ///
    /// # Errors
    /// `ValidationException` if a hash part is missing, a value is of another type than its attribute, or the
    /// condition is not of the kind a query can answer.
    pub fn against(&self, schema: &KeySchema) -> Result<KeyQuery, ServiceError> {
        let (conditions, parts) = (self.tests.len(), schema.parts().count());
        if conditions > parts {
            return Err(validation(format!(
                "The number of query conditions ({conditions}) exceeds the number of key attributes defined in the \
                 schema ({parts})"
            )));
        }
        let mut tests = Vec::with_capacity(conditions);
        for (place, part) in schema.parts().enumerate() {
            match self.tests.iter().find(|(name, _)| *name == part.name) {
                Some((_, test)) => tests.push((part, test)),
                None if place < schema.hash.len() || tests.len() < conditions => {
                    return Err(validation(format!("Query condition missed key schema element: {}", part.name)));
                }
                None => break,
            }
        }
        tests.iter().try_for_each(|(part, test)| test.fits(part))?;
        let mut query = KeyQuery { hash: Vec::new(), range: Vec::new(), next: None };
        for (place, (_, test)) in tests.into_iter().enumerate() {
            match test {
                _ if query.next.is_some() => return Err(not_supported()),
                KeyTest::Equal(value) if place < schema.hash.len() => query.hash.push(value.clone()),
                KeyTest::Equal(value) => query.range.push(value.clone()),
                _ if place < schema.hash.len() => return Err(not_supported()),
                other => query.next = Some(other.clone()),
            }
        }
        Ok(query)
    }

    fn gather(&mut self, condition: &Condition) -> Result<(), ServiceError> {
        match condition {
            Condition::And(parts) => parts.iter().try_for_each(|part| self.gather(part)),
            Condition::Or(_) => Err(invalid_operator("OR")),
            Condition::Not(_) => Err(invalid_operator("NOT")),
            Condition::In(..) => Err(invalid_operator("IN")),
            Condition::Exists(_) => Err(invalid_operator("attribute_exists")),
            Condition::NotExists(_) => Err(invalid_operator("attribute_not_exists")),
            Condition::Type(..) => Err(invalid_operator("attribute_type")),
            Condition::Contains(..) => Err(invalid_operator("contains")),
            Condition::Compare(Comparator::NotEqual, ..) => Err(invalid_operator("<>")),
            Condition::Compare(comparator, left, right) => self.compare(*comparator, left, right),
            Condition::Between(operands) => {
                let [first, lower, upper] = &**operands;
                let name = leading_attribute("BETWEEN", first, &[lower, upper])?;
                match (lower, upper) {
                    (Operand::Value(lower), Operand::Value(upper)) => {
                        self.push(name, KeyTest::Between(lower.clone(), upper.clone()))
                    }
                    _ => Err(nested_operations()),
                }
            }
            Condition::BeginsWith(first, prefix) => {
                let name = leading_attribute("begins_with", first, &[prefix])?;
                match prefix {
                    Operand::Value(prefix) => self.push(name, KeyTest::BeginsWith(prefix.clone())),
                    _ => Err(nested_operations()),
                }
            }
        }
    }

    fn compare(&mut self, comparator: Comparator, left: &Operand, right: &Operand) -> Result<(), ServiceError> {
        let name = attribute(&[left, right])?;
        let (value, turned) = match (left, right) {
            (Operand::Path(_), Operand::Value(value)) => (value.clone(), false),
            (Operand::Value(value), Operand::Path(_)) => (value.clone(), true),
            _ => return Err(nested_operations()),
        };
        let test = match (comparator, turned) {
            (Comparator::Equal | Comparator::NotEqual, _) => KeyTest::Equal(value),
            (Comparator::Less, false) | (Comparator::Greater, true) => KeyTest::Less(value),
            (Comparator::LessOrEqual, false) | (Comparator::GreaterOrEqual, true) => KeyTest::LessOrEqual(value),
            (Comparator::Greater, false) | (Comparator::Less, true) => KeyTest::Greater(value),
            (Comparator::GreaterOrEqual, false) | (Comparator::LessOrEqual, true) => KeyTest::GreaterOrEqual(value),
        };
        self.push(name, test)
    }

    fn push(&mut self, name: &str, test: KeyTest) -> Result<(), ServiceError> {
        if self.tests.iter().any(|(there, _)| there == name) {
            return Err(
                Parameter::KeyCondition.invalid("KeyConditionExpressions must only contain one condition per key")
            );
        }
        self.tests.push((name.to_owned(), test));
        Ok(())
    }
}

impl KeyTest {
    fn values(&self) -> impl Iterator<Item = &Value> {
        let (first, second) = match self {
            Self::Equal(value)
            | Self::Less(value)
            | Self::LessOrEqual(value)
            | Self::Greater(value)
            | Self::GreaterOrEqual(value)
            | Self::BeginsWith(value) => (Some(value), None),
            Self::Between(lower, upper) => (Some(lower), Some(upper)),
            Self::NotIndexable => (None, None),
        };
        first.into_iter().chain(second).map(|value| &**value)
    }

    fn fits(&self, part: &KeyPart) -> Result<(), ServiceError> {
        if *self == Self::NotIndexable {
            return Err(validation("Attempted conditional constraint is not an indexable operation"));
        }
        for value in self.values() {
            match KeyValue::of(value) {
                Some(key) if key.kind() == part.kind => {}
                _ => {
                    return Err(errors::invalid_values("Condition parameter type does not match schema type"));
                }
            }
            match value {
                Value::S(text) if text.is_empty() => return Err(errors::key_empty(&part.name, "string")),
                Value::B(bytes) if bytes.is_empty() => return Err(errors::key_empty(&part.name, "binary")),
                _ => {}
            }
        }
        Ok(())
    }
}

impl KeyQuery {
    /// What the range part after the given values must be, in the terms of stored keys.
    #[must_use]
    pub fn range_condition(&self) -> RangeCondition<'_> {
        let key = |value| KeyValue::of(value);
        let condition = self.next.as_ref().and_then(|test| {
            Some(match test {
                KeyTest::Equal(value) => RangeCondition::Equal(key(value)?),
                KeyTest::Less(value) => RangeCondition::Less(key(value)?),
                KeyTest::LessOrEqual(value) => RangeCondition::LessOrEqual(key(value)?),
                KeyTest::Greater(value) => RangeCondition::Greater(key(value)?),
                KeyTest::GreaterOrEqual(value) => RangeCondition::GreaterOrEqual(key(value)?),
                KeyTest::Between(lower, upper) => RangeCondition::Between(key(lower)?, key(upper)?),
                KeyTest::BeginsWith(value) => RangeCondition::BeginsWith(key(value)?),
                KeyTest::NotIndexable => return None,
            })
        });
        condition.unwrap_or(RangeCondition::Any)
    }
}

/// The one attribute among the operands of a comparison.
fn attribute<'a>(operands: &[&'a Operand]) -> Result<&'a str, ServiceError> {
    let mut found = None;
    for operand in operands {
        match operand {
            Operand::Path(_) if found.is_some() => {
                return Err(invalid_condition("Multiple attribute names used in one condition"));
            }
            Operand::Path(path) if !path.steps.is_empty() => {
                return Err(validation("KeyConditionExpressions cannot have conditions on nested attributes"));
            }
            Operand::Path(path) => found = Some(path.attribute.as_str()),
            Operand::Size(_) => return Err(nested_operations()),
            Operand::Value(_) => {}
        }
    }
    found.ok_or_else(|| invalid_condition("No key attribute specified"))
}

/// The same, where the attribute must come first.
fn leading_attribute<'a>(operator: &str, first: &'a Operand, others: &[&'a Operand]) -> Result<&'a str, ServiceError> {
    match first {
        Operand::Path(_) => attribute(&[&[first], others].concat()),
        _ => Err(invalid_condition(&format!("{operator} operator must have the key attribute as its first operand"))),
    }
}

fn invalid_operator(operator: &str) -> ServiceError {
    validation(format!("Invalid operator used in KeyConditionExpression: {operator}"))
}

fn invalid_condition(why: &str) -> ServiceError {
    validation(format!("Invalid condition in KeyConditionExpression: {why}"))
}

fn nested_operations() -> ServiceError {
    validation("KeyConditionExpressions cannot contain nested operations")
}

fn not_supported() -> ServiceError {
    validation("Query key condition not supported")
}
