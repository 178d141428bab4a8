//! The value of an attribute, checked: whatever exists of this type may be stored, but for its depth and its size,
//! which belong to whole items.
mod read;
mod stored;

pub use read::{read_item, write_item};
pub use stored::{decode, encode};

use crate::number::Number;
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
};

/// An item, or the map of a nested attribute: values by attribute name.
pub type Item = BTreeMap<String, Value>;

/// How deep an item's values may nest: an attribute of the item is on the first level.
pub const MAX_LEVELS: usize = 32;
/// What a list or map counts towards the size of its item by itself.
const CONTAINER_BYTES: usize = 3;
/// What each element of a list or map counts beyond its own size.
const ELEMENT_BYTES: usize = 1;

/// One value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A string.
    S(String),
    /// A number.
    N(Number),
    /// Bytes.
    B(Bytes),
    /// A truth value.
    Bool(bool),
    /// Null.
    Null,
    /// A map.
    M(Item),
    /// A list.
    L(Vec<Value>),
    /// A set of strings, never empty.
    Ss(BTreeSet<String>),
    /// A set of numbers, never empty.
    Ns(BTreeSet<Number>),
    /// A set of byte strings, never empty.
    Bs(BTreeSet<Bytes>),
}

impl Value {
    /// The name of the value's type: `S`, `N`, `B`, `BOOL`, `NULL`, `M`, `L`, `SS`, `NS` or `BS`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::M(_) => "M",
            Self::L(_) => "L",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// What the value counts towards the size of its item.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::S(value) => value.len(),
            Self::N(value) => value.size_bytes(),
            Self::B(value) => value.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::M(value) => CONTAINER_BYTES + ELEMENT_BYTES * value.len() + size_bytes(value),
            Self::L(value) => {
                CONTAINER_BYTES + value.iter().map(|element| ELEMENT_BYTES + element.size_bytes()).sum::<usize>()
            }
            Self::Ss(value) => value.iter().map(String::len).sum(),
            Self::Ns(value) => value.iter().map(Number::size_bytes).sum(),
            Self::Bs(value) => value.iter().map(Bytes::len).sum(),
        }
    }

    /// How many levels the value takes: one, and those of its deepest element. An item holds no value of more than
    /// [`MAX_LEVELS`].
    #[must_use]
    pub fn levels(&self) -> usize {
        let deepest = match self {
            Self::M(value) => value.values().map(Self::levels).max(),
            Self::L(value) => value.iter().map(Self::levels).max(),
            _ => None,
        };
        1 + deepest.unwrap_or(0)
    }
}

/// The size of an item in bytes, as its limits, its pages and its capacity units count it: names and values.
#[must_use]
pub fn size_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size_bytes()).sum()
}

/// As the service prints a value in its errors: `{S:b}`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}:", self.type_name())?;
        match self {
            Self::S(value) => f.write_str(value)?,
            Self::N(value) => value.fmt(f)?,
            Self::B(value) => f.write_str(&base64(value))?,
            Self::Bool(value) => value.fmt(f)?,
            Self::Null => f.write_str("true")?,
            Self::M(value) => {
                let members = value.iter().map(|(name, value)| format!("{name}={value}"));
                write!(f, "{{{}}}", members.collect::<Vec<_>>().join(", "))?;
            }
            Self::L(value) => f.write_str(&listed(value))?,
            Self::Ss(value) => f.write_str(&listed(value))?,
            Self::Ns(value) => f.write_str(&listed(value))?,
            Self::Bs(value) => f.write_str(&listed(value.iter().map(|member| base64(member))))?,
        }
        f.write_char('}')
    }
}

/// `[a, b]`.
fn listed(members: impl IntoIterator<Item: ToString>) -> String {
    format!("[{}]", members.into_iter().map(|member| member.to_string()).collect::<Vec<_>>().join(", "))
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn a_value_is_printed_with_its_type() {
        let list = Value::L(vec![Value::S("b".into()), Value::Null, Value::Bool(false)]);
        let map = Value::M(Item::from([("a".into(), Value::N(number("1.0"))), ("b".into(), Value::B("b".into()))]));
        let set = Value::Bs(BTreeSet::from(["c".into(), "b".into()]));
        assert_eq!(list.to_string(), "{L:[{S:b}, {NULL:true}, {BOOL:false}]}");
        assert_eq!(map.to_string(), "{M:{a={N:1}, b={B:Yg==}}}");
        assert_eq!(set.to_string(), "{BS:[Yg==, Yw==]}");
        assert_eq!(Value::Ns(BTreeSet::from([number("10"), number("9")])).to_string(), "{NS:[9, 10]}");
    }

    #[test]
    fn size_counts_names_values_and_containers() {
        let list = Value::L(vec![Value::S("ab".into()), Value::L(vec![])]);
        assert_eq!(list.size_bytes(), 3 + (1 + 2) + (1 + 3));
        let map = Item::from([("é".into(), Value::Null), ("n".into(), Value::N(number("-123")))]);
        assert_eq!(size_bytes(&map), (2 + 1) + (1 + 4));
        assert_eq!(Value::M(map).size_bytes(), 3 + 2 + 8);
        assert_eq!(Value::Ss(BTreeSet::from(["a".into(), "bc".into()])).size_bytes(), 3);
    }

    #[test]
    fn levels_are_those_of_the_deepest_element() {
        assert_eq!(Value::Null.levels(), 1);
        let deep = Value::L(vec![Value::M(Item::from([("a".into(), Value::L(vec![]))])), Value::Null]);
        assert_eq!(deep.levels(), 3);
    }
}
