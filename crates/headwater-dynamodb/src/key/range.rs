//! Ranges of stored keys: those that begin with given values, and whose next value meets a condition.
use super::KeyValue;

/// What the value that follows a prefix must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RangeCondition<'a> {
    /// Anything, or nothing.
    Any,
    /// `=`.
    Equal(KeyValue<'a>),
    /// `<`.
    Less(KeyValue<'a>),
    /// `<=`.
    LessOrEqual(KeyValue<'a>),
    /// `>`.
    Greater(KeyValue<'a>),
    /// `>=`.
    GreaterOrEqual(KeyValue<'a>),
    /// At least the one, at most the other; if the one is above the other, nothing is.
    Between(KeyValue<'a>, KeyValue<'a>),
    /// A string or bytes that begin so.
    BeginsWith(KeyValue<'a>),
}

/// Stored keys from one, included, up to another, not included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRange {
    /// The first, if it exists.
    pub from: Vec<u8>,
    /// Behind the last; `None` where only the end of the store is behind it.
    pub to: Option<Vec<u8>>,
}

impl KeyRange {
    /// Whether the key is one of them.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        *self.from <= *key && self.to.as_ref().is_none_or(|to| key < &**to)
    }

    /// The keys that begin with `prefix` (whatever the store has before its keys, and encoded values) and go on with
    /// a value that meets the condition.
    #[must_use]
    pub fn under(prefix: &[u8], condition: &RangeCondition) -> Self {
        let at = |value: &KeyValue| {
            let mut bytes = prefix.to_vec();
            value.encode(&mut bytes);
            bytes
        };
        let first = || prefix.to_vec();
        let end = || behind(prefix.to_vec());
        let (from, to) = match condition {
            RangeCondition::Any => (first(), end()),
            RangeCondition::Equal(value) => (at(value), behind(at(value))),
            RangeCondition::Less(value) => (first(), Some(at(value))),
            RangeCondition::LessOrEqual(value) => (first(), behind(at(value))),
            // Behind every key with a value there is a byte string: the value's own last byte can rise.
            RangeCondition::Greater(value) => (behind(at(value)).unwrap_or_default(), end()),
            RangeCondition::GreaterOrEqual(value) => (at(value), end()),
            RangeCondition::Between(low, high) => (at(low), behind(at(high))),
            RangeCondition::BeginsWith(value) => {
                let mut bytes = first();
                value.encode_beginning(&mut bytes);
                (bytes.clone(), behind(bytes))
            }
        };
        Self { from, to }
    }
}

/// The first byte string behind all that begin with `prefix`; `None` if there is none.
pub(crate) fn behind(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if let Some(next) = last.checked_add(1) {
            prefix.push(next);
            return Some(prefix);
        }
    }
    None
}
