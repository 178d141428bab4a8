//! Which keys a condition names: one item's whole key, or the partitions of a query.
use crate::{
    errors::{self, Result},
    expression::{Condition, KeyCondition, KeyQuery, KeyTest, Operand, syntax::Comparator},
    key::{KeySchema, KeyValue},
    value::{Item, Value},
};
use std::sync::Arc;

/// Partitions a query reads at most; a condition that names more is a filter.
const MAX_PARTITIONS: usize = 100;

/// How a `SELECT` reads.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The queries of its partitions, in their order; none where everything has to be looked at.
    pub(crate) queries: Vec<KeyQuery>,
    /// What is left of the condition.
    pub(crate) filter: Option<Condition>,
    pub(crate) backwards: bool,
}

/// The key that a condition names by equality, and what is left of the condition. `None` if it does not name all of it.
pub(crate) fn whole_key(schema: &KeySchema, condition: Option<Condition>) -> Option<(Item, Option<Condition>)> {
    let (mut key, mut rest) = (Item::new(), conjuncts(condition));
    for part in schema.parts() {
        let found = rest.iter().position(
            |one| matches!(KeyCondition::test_of(one), Some((name, KeyTest::Equal(_))) if name == part.name),
        )?;
        if let Some((name, KeyTest::Equal(value))) = KeyCondition::test_of(&rest.remove(found)) {
            key.insert(name, Value::clone(&value));
        }
    }
    Some((key, all(rest)))
}

/// How items of this schema that meet the condition are read, in this order.
///
/// # Errors
/// Values of other types than the keys', and orders that keys are not kept in.
pub(crate) fn reading(schema: &KeySchema, condition: Option<Condition>, order: &[(String, bool)]) -> Result<Reading> {
    if !order.is_empty() && condition.is_none() {
        return Err(errors::order_without_where());
    }
    if let Some((name, _)) = order.iter().find(|(name, _)| !schema.has(name)) {
        return Err(errors::order_not_by_key(name));
    }
    let mut rest = conjuncts(condition);
    let Some(mut partitions) = partitions(schema, &mut rest) else {
        let filter = all(rest);
        return if order.is_empty() {
            Ok(Reading { queries: Vec::new(), filter, backwards: false })
        } else {
            Err(errors::order_without_hash())
        };
    };
    let is_range = |name: &str| schema.range.iter().any(|part| part.name == name);
    match order.first() {
        Some((name, _)) if is_range(name) && partitions.len() > 1 => return Err(errors::order_across_hashes()),
        Some((name, descends)) if !is_range(name) => {
            partitions.sort_by_key(|values| encoded(values));
            if *descends {
                partitions.reverse();
            }
        }
        _ => {}
    }
    let range = range_tests(schema, &mut rest);
    let queries = partitions.into_iter().map(|values| {
        let hash = schema.hash.iter().zip(values).map(|(part, value)| (part.name.clone(), KeyTest::Equal(value)));
        KeyCondition::from_tests(hash.chain(range.iter().cloned()).collect()).against(schema)
    });
    let backwards = order.iter().any(|(name, descends)| *descends && is_range(name));
    Ok(Reading { queries: queries.collect::<Result<_>>()?, filter: all(rest), backwards })
}

/// The values of all hash parts, one list for each partition; `None` if some part is not named.
fn partitions(schema: &KeySchema, rest: &mut Vec<Condition>) -> Option<Vec<Vec<Arc<Value>>>> {
    let (mut partitions, mut used) = (vec![Vec::new()], Vec::new());
    for part in &schema.hash {
        let named = rest.iter().enumerate().find_map(|(at, one)| Some((at, values_of(one, &part.name)?)));
        let (at, values) = named?;
        used.push(at);
        let longer = |partition: &Vec<Arc<Value>>| {
            let longer = values.iter().map(|value| [&partition[..], &[Arc::clone(value)]].concat());
            longer.collect::<Vec<_>>()
        };
        partitions = partitions.iter().flat_map(longer).collect();
        if partitions.len() > MAX_PARTITIONS {
            return None;
        }
    }
    let mut at = 0;
    rest.retain(|_| {
        at += 1;
        !used.contains(&(at - 1))
    });
    Some(partitions)
}

/// The values an attribute must have one of, if that is what the condition says; none of them twice.
fn values_of(condition: &Condition, name: &str) -> Option<Vec<Arc<Value>>> {
    let values = match condition {
        Condition::Compare(Comparator::Equal, ..) => match KeyCondition::test_of(condition)? {
            (attribute, KeyTest::Equal(value)) if attribute == name => vec![value],
            _ => return None,
        },
        Condition::In(Operand::Path(path), list) if path.attribute == name && path.steps.is_empty() => {
            let value = |one: &Operand| match one {
                Operand::Value(value) => Some(Arc::clone(value)),
                _ => None,
            };
            list.iter().map(value).collect::<Option<_>>()?
        }
        Condition::Or(parts) => parts.iter().map(|part| values_of(part, name)).collect::<Option<Vec<_>>>()?.concat(),
        _ => return None,
    };
    let mut distinct: Vec<Arc<Value>> = Vec::with_capacity(values.len());
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    Some(distinct)
}

/// What is asked of the range parts, as far as one after the other is named: all but the last by equality.
fn range_tests(schema: &KeySchema, rest: &mut Vec<Condition>) -> Vec<(String, KeyTest)> {
    let mut tests = Vec::new();
    for part in &schema.range {
        let test = |one: &Condition| KeyCondition::test_of(one).filter(|(name, _)| *name == part.name);
        let Some((at, test)) = rest.iter().enumerate().find_map(|(at, one)| Some((at, test(one)?))) else { break };
        rest.remove(at);
        let is_last = !matches!(test.1, KeyTest::Equal(_));
        tests.push(test);
        if is_last {
            break;
        }
    }
    tests
}

/// The bytes that keys are kept in the order of.
fn encoded(values: &[Arc<Value>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    values.iter().filter_map(|value| KeyValue::of(value)).for_each(|value| value.encode(&mut bytes));
    bytes
}

/// The conditions that must all hold.
fn conjuncts(condition: Option<Condition>) -> Vec<Condition> {
    match condition {
        Some(Condition::And(parts)) => parts.into_iter().flat_map(|part| conjuncts(Some(part))).collect(),
        other => other.into_iter().collect(),
    }
}

fn all(mut conditions: Vec<Condition>) -> Option<Condition> {
    if conditions.len() > 1 { Some(Condition::And(conditions)) } else { conditions.pop() }
}
