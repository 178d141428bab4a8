//! Keys of items: their schema, their values in an item, and their bytes in the order of the values.
//!
//! A stored key is the hash of the hash values (8 bytes), the hash values, the range values. Each value says where it
//! ends, so the keys that begin with given values are a range of bytes, and so are those whose next value stands in an
//! order to another.
mod bytes;
mod range;

pub use bytes::KeyValue;
pub(crate) use range::behind;
pub use range::{KeyRange, RangeCondition};

use crate::{
    errors::{self, Result},
    value::{Item, Value},
};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Most bytes of a key's hash values together.
const MAX_HASH_BYTES: usize = 2048;
/// Most bytes of a key's range values together.
const MAX_RANGE_BYTES: usize = 1024;
/// Bytes of the hash that a stored key begins with.
const HASH_BYTES: usize = 8;

/// The type of a key attribute, by the service's name for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum KeyType {
    /// String.
    S,
    /// Number.
    N,
    /// Bytes.
    B,
}

impl KeyType {
    /// The name of the type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
        }
    }
}

/// One attribute of a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyPart {
    /// The attribute's name.
    pub name: String,
    /// Its type.
    pub kind: KeyType,
}

/// The key of a table (one hash part, at most one range part) or of an index (at most four of each).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeySchema {
    /// The parts that say where an item lies; at least one.
    pub hash: Vec<KeyPart>,
    /// The parts that say in which order.
    pub range: Vec<KeyPart>,
}

/// What made an item as it is: the service has other words for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Write {
    /// It was put so.
    Put,
    /// An update made it so.
    Update,
}

/// What is wrong with a value that is there.
enum Unfit<'a> {
    Type(&'a Value),
    Empty,
}

impl KeyPart {
    /// The part's value in an item, if there is one.
    fn value_in<'a>(&self, item: &'a Item) -> std::result::Result<Option<KeyValue<'a>>, Unfit<'a>> {
        let Some(value) = item.get(&self.name) else { return Ok(None) };
        match KeyValue::of(value) {
            Some(key) if key.kind() != self.kind => Err(Unfit::Type(value)),
            Some(KeyValue::S("") | KeyValue::B([])) => Err(Unfit::Empty),
            Some(key) => Ok(Some(key)),
            None => Err(Unfit::Type(value)),
        }
    }

    /// What an empty value of the part would be, in words.
    fn kind_in_words(&self) -> &'static str {
        if self.kind == KeyType::B { "binary" } else { "string" }
    }
}

impl KeySchema {
    /// The parts in the order of the stored key.
    pub fn parts(&self) -> impl Iterator<Item = &KeyPart> {
        self.hash.iter().chain(&self.range)
    }

    /// Whether an attribute of this name is part of the key.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.parts().any(|part| part.name == name)
    }

    /// The attributes of an item that are part of the key.
    #[must_use]
    pub fn attributes(&self, item: &Item) -> Item {
        self.parts().filter_map(|part| Some((part.name.clone(), item.get(&part.name)?.clone()))).collect()
    }

    /// Puts the stored key of an item of the table behind `out`.
    ///
    /// # Errors
    /// The service's words for an item to be put whose key is missing, of another type, empty or too long.
    pub fn put_key(&self, item: &Item, out: &mut Vec<u8>) -> Result<()> {
        let read = |part: &KeyPart| match part.value_in(item) {
            Ok(value) => value.ok_or_else(|| errors::key_missing(&part.name)),
            Err(Unfit::Type(value)) => Err(errors::key_type(&part.name, part.kind.name(), value)),
            Err(Unfit::Empty) => Err(errors::key_empty(&part.name, part.kind_in_words())),
        };
        self.store(&self.parts().map(read).collect::<Result<Vec<_>>>()?, out)
    }

    /// Puts the stored key of an item named by its key, which must be that and nothing else, behind `out`.
    ///
    /// # Errors
    /// The service's words for a key that does not match the schema, is empty or too long.
    pub fn named_key(&self, key: &Item, out: &mut Vec<u8>) -> Result<()> {
        if key.len() != self.parts().count() {
            return Err(errors::key_does_not_match());
        }
        let read = |part: &KeyPart| match part.value_in(key) {
            Ok(value) => value.ok_or_else(errors::key_does_not_match),
            Err(Unfit::Type(_)) => Err(errors::key_does_not_match()),
            Err(Unfit::Empty) => Err(errors::key_empty(&part.name, part.kind_in_words())),
        };
        self.store(&self.parts().map(read).collect::<Result<Vec<_>>>()?, out)
    }

    /// Puts the stored key of an item in the index called `index` behind `out`. Says whether there is one: an item that
    /// lacks a part is not in the index.
    ///
    /// # Errors
    /// The service's words for a write that leaves the item with an index key of another type, empty or too long.
    pub fn index_key(&self, item: &Item, index: &str, write: Write, out: &mut Vec<u8>) -> Result<bool> {
        let read = |part: &KeyPart| match (part.value_in(item), write) {
            (Ok(value), _) => Ok(value),
            (Err(Unfit::Type(value)), Write::Put) => {
                Err(errors::index_key_type(&part.name, part.kind.name(), value, index))
            }
            (Err(Unfit::Type(_)), Write::Update) => Err(errors::updated_index_key_type()),
            (Err(Unfit::Empty), Write::Put) => Err(errors::index_key_empty(&part.name, part.kind_in_words(), index)),
            (Err(Unfit::Empty), Write::Update) => Err(errors::updated_index_key_empty(part.kind_in_words())),
        };
        let values: Option<Vec<_>> = self.parts().map(read).collect::<Result<Vec<_>>>()?.into_iter().collect();
        let Some(values) = values else { return Ok(false) };
        match (self.store(&values, out), write) {
            (Err(_), Write::Update) => Err(errors::updated_index_key_too_long()),
            (stored, _) => stored.map(|()| true),
        }
    }

    /// `values`: one for each part.
    fn store(&self, values: &[KeyValue], out: &mut Vec<u8>) -> Result<()> {
        let (hash, range) = values.split_at(self.hash.len());
        let len = |values: &[KeyValue]| values.iter().map(|value| value.len()).sum::<usize>();
        if len(hash) > MAX_HASH_BYTES {
            return Err(errors::hash_key_too_long());
        }
        if len(range) > MAX_RANGE_BYTES {
            return Err(errors::range_key_too_long());
        }
        out.reserve(HASH_BYTES + values.iter().map(|value| value.len() + bytes::END_BYTES).sum::<usize>());
        hash_prefix(hash, out);
        range.iter().for_each(|value| value.encode(out));
        Ok(())
    }

    /// The key attributes that `stored` begins with, and how many of its bytes they take. `None` if it does not.
    #[must_use]
    pub fn decode(&self, stored: &[u8]) -> Option<(Item, usize)> {
        let (mut item, mut at) = (Item::new(), HASH_BYTES);
        for part in self.parts() {
            let (value, len) = bytes::decode(part.kind, stored.get(at..)?)?;
            item.insert(part.name.clone(), value);
            at += len;
        }
        Some((item, at))
    }
}

/// Puts what all stored keys with these hash values begin with behind `out`. Values of range parts may follow, encoded.
pub fn hash_prefix(values: &[KeyValue], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend([0; HASH_BYTES]);
    values.iter().for_each(|value| value.encode(out));
    if let Some((hash, encoded)) = out.get_mut(start..).and_then(<[u8]>::split_first_chunk_mut) {
        *hash = xxh3_64(encoded).to_be_bytes();
    }
}

#[cfg(test)]
mod tests;
