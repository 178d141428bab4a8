//! The value of an attribute, checked: whatever exists of this type may be stored.
use crate::number::Number;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// An item, or the map of a nested attribute: values by attribute name.
pub type Item = BTreeMap<String, Value>;

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
