//! Conditions, resolved: whether an item fulfils one. They cannot fail; what cannot be compared is not equal, and
//! neither less nor greater.
use super::{path::Path, syntax::Comparator};
use crate::{
    number::Number,
    value::{Item, Value},
};
use memchr::memmem;
use std::{borrow::Cow, cmp::Ordering, sync::Arc};

/// A condition of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// All of these.
    And(Vec<Condition>),
    /// One of these.
    Or(Vec<Condition>),
    /// Not that.
    Not(Box<Condition>),
    /// Two operands compared.
    Compare(Comparator, Operand, Operand),
    /// The first is between the second and the third, or equal to one of them.
    Between(Box<[Operand; 3]>),
    /// The first equals one of the list.
    In(Operand, Vec<Operand>),
    /// There is something at the path.
    Exists(Path),
    /// There is nothing at the path.
    NotExists(Path),
    /// There is something of the type at the path.
    Type(Path, &'static str),
    /// The first begins with the second.
    BeginsWith(Operand, Operand),
    /// The first contains the second.
    Contains(Operand, Operand),
}

/// What is compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operand {
    /// What is at the path, if anything is.
    Path(Path),
    /// That.
    Value(Arc<Value>),
    /// How long the operand is, if it is there and has a length.
    Size(Box<Operand>),
}

impl Condition {
    /// Whether `item` fulfils this; an item that does not exist has no attributes.
    #[must_use]
    pub fn holds(&self, item: Option<&Item>) -> bool {
        static NOTHING: Item = Item::new();
        self.of(item.unwrap_or(&NOTHING))
    }

    fn of(&self, item: &Item) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.of(item)),
            Self::Or(parts) => parts.iter().any(|part| part.of(item)),
            Self::Not(inner) => !inner.of(item),
            Self::Compare(comparator, left, right) => {
                compare(*comparator, left.of(item).as_deref(), right.of(item).as_deref())
            }
            Self::Between(operands) => {
                let [operand, lower, upper] = operands.each_ref().map(|operand| operand.of(item));
                compare(Comparator::GreaterOrEqual, operand.as_deref(), lower.as_deref())
                    && compare(Comparator::LessOrEqual, operand.as_deref(), upper.as_deref())
            }
            Self::In(operand, list) => {
                let operand = operand.of(item);
                list.iter().any(|one| compare(Comparator::Equal, operand.as_deref(), one.of(item).as_deref()))
            }
            Self::Exists(path) => path.find(item).is_some(),
            Self::NotExists(path) => path.find(item).is_none(),
            Self::Type(path, name) => path.find(item).is_some_and(|value| value.type_name() == *name),
            Self::BeginsWith(operand, prefix) => {
                both(operand.of(item).as_deref(), prefix.of(item).as_deref(), begins_with)
            }
            Self::Contains(operand, part) => both(operand.of(item).as_deref(), part.of(item).as_deref(), contains),
        }
    }

    /// The attributes this looks at, as often as it does, in the order it is written.
    #[must_use]
    pub fn attributes(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.visit(&mut |path| found.push(path.attribute.as_str()));
        found
    }

    fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Path)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Not(inner) => inner.visit(see),
            Self::Compare(_, left, right) | Self::BeginsWith(left, right) | Self::Contains(left, right) => {
                [left, right].into_iter().filter_map(Operand::path).for_each(see);
            }
            Self::Between(operands) => operands.iter().filter_map(Operand::path).for_each(see),
            Self::In(operand, list) => [operand].into_iter().chain(list).filter_map(Operand::path).for_each(see),
            Self::Exists(path) | Self::NotExists(path) | Self::Type(path, _) => see(path),
        }
    }
}

impl Operand {
    fn of<'a>(&'a self, item: &'a Item) -> Option<Cow<'a, Value>> {
        match self {
            Self::Path(path) => path.find(item).map(Cow::Borrowed),
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Size(inner) => size(inner.of(item)?.as_ref()).map(|size| Cow::Owned(Value::N(size))),
        }
    }

    /// The path this is or measures.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Value(_) => None,
            Self::Size(inner) => inner.path(),
        }
    }
}

fn both(one: Option<&Value>, two: Option<&Value>, holds: fn(&Value, &Value) -> bool) -> bool {
    one.zip(two).is_some_and(|(one, two)| holds(one, two))
}

fn compare(comparator: Comparator, left: Option<&Value>, right: Option<&Value>) -> bool {
    let equal = || both(left, right, |left, right| left == right);
    let order = || order(left?, right?);
    match comparator {
        Comparator::Equal => equal(),
        Comparator::NotEqual => !equal(),
        Comparator::Less => order() == Some(Ordering::Less),
        Comparator::LessOrEqual => order().is_some_and(Ordering::is_le),
        Comparator::Greater => order() == Some(Ordering::Greater),
        Comparator::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
    }
}

/// Which comes first: only strings, numbers and bytes have an order, each among themselves.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::S(left), Value::S(right)) => Some(left.cmp(right)),
        (Value::N(left), Value::N(right)) => Some(left.cmp(right)),
        (Value::B(left), Value::B(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn begins_with(value: &Value, prefix: &Value) -> bool {
    match (value, prefix) {
        (Value::S(value), Value::S(prefix)) => value.starts_with(prefix.as_str()),
        (Value::B(value), Value::B(prefix)) => value.starts_with(prefix),
        _ => false,
    }
}

fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::S(value), Value::S(part)) => value.contains(part.as_str()),
        // In linear time: both may have hundreds of kilobytes, and little to tell them apart by.
        (Value::B(value), Value::B(part)) => memmem::find(value, part).is_some(),
        (Value::Ss(set), Value::S(part)) => set.contains(part),
        (Value::Ns(set), Value::N(part)) => set.contains(part),
        (Value::Bs(set), Value::B(part)) => set.contains(part),
        (Value::L(list), part) => list.contains(part),
        _ => false,
    }
}

/// How many units of UTF-16 a text has.
fn utf16_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// How long a value is, if it has a length; of a string, its characters.
fn size(value: &Value) -> Option<Number> {
    let length = match value {
        Value::S(value) => utf16_len(value),
        Value::B(value) => value.len(),
        Value::L(list) => list.len(),
        Value::M(map) => map.len(),
        Value::Ss(set) => set.len(),
        Value::Ns(set) => set.len(),
        Value::Bs(set) => set.len(),
        Value::N(_) | Value::Bool(_) | Value::Null => return None,
    };
    Some(Number::from(length as u64))
}
