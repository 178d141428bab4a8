//! An item's bytes in the store. Reading believes nothing: garbage is refused, never a panic, and never costs more than
//! its length.
//!
//! A version, then a map: the number of members, and for each, in the order of names, its name and its value. A value is
//! a tag and what belongs to it. Numbers of members and lengths are in base 128, low part first.
use super::{Item, MAX_LEVELS, Value};
use crate::number::Number;
use bytes::Bytes;
use std::collections::BTreeSet;

/// The first byte; a change of format takes another.
const VERSION: u8 = 1;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const STRING: u8 = 3;
const NUMBER: u8 = 4;
const BYTES: u8 = 5;
const MAP: u8 = 6;
const LIST: u8 = 7;
const STRINGS: u8 = 8;
const NUMBERS: u8 = 9;
const BYTE_STRINGS: u8 = 10;

/// So many members are read without asking for more room.
const FEW: usize = 16;

/// Puts the item's bytes behind `out`.
pub fn encode(item: &Item, out: &mut Vec<u8>) {
    out.push(VERSION);
    put_map(item, out);
}

/// The item whose bytes these are. Its byte strings are slices of them: whoever keeps one keeps them all.
///
/// # Errors
/// If they are no item's; the text says where.
pub fn decode(bytes: Bytes) -> Result<Item, String> {
    let mut reader = Reader { bytes, at: 0 };
    let item = (reader.byte() == Some(VERSION)).then(|| reader.map(1)).flatten();
    match item {
        Some(item) if reader.at == reader.bytes.len() => Ok(item),
        _ => Err(format!("a stored item is damaged at byte {} of {}", reader.at, reader.bytes.len())),
    }
}

fn put_map(map: &Item, out: &mut Vec<u8>) {
    put_count(map.len(), out);
    for (name, value) in map {
        put_bytes(name.as_bytes(), out);
        put_value(value, out);
    }
}

fn put_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::S(value) => {
            out.push(STRING);
            put_bytes(value.as_bytes(), out);
        }
        Value::N(value) => {
            out.push(NUMBER);
            value.encode(out);
        }
        Value::B(value) => {
            out.push(BYTES);
            put_bytes(value, out);
        }
        Value::M(value) => {
            out.push(MAP);
            put_map(value, out);
        }
        Value::L(value) => put_all(LIST, value.len(), value, put_value, out),
        Value::Ss(value) => put_all(STRINGS, value.len(), value, |member, out| put_bytes(member.as_bytes(), out), out),
        Value::Ns(value) => put_all(NUMBERS, value.len(), value, Number::encode, out),
        Value::Bs(value) => put_all(BYTE_STRINGS, value.len(), value, |member, out| put_bytes(member, out), out),
    }
}

fn put_all<T>(
    tag: u8,
    count: usize,
    members: impl IntoIterator<Item = T>,
    put: impl Fn(T, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    out.push(tag);
    put_count(count, out);
    members.into_iter().for_each(|member| put(member, out));
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_count(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn put_count(mut count: usize, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = count.to_le_bytes();
        count >>= 7;
        if count == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

struct Reader {
    bytes: Bytes,
    at: usize,
}

impl Reader {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.rest().first()?;
        self.at += 1;
        Some(byte)
    }

    fn count(&mut self) -> Option<usize> {
        let mut count = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            count |= usize::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(count);
            }
        }
        None
    }

    /// The place behind `len` more bytes.
    fn end(&self, len: usize) -> Option<usize> {
        self.at.checked_add(len).filter(|end| *end <= self.bytes.len())
    }

    fn blob(&mut self) -> Option<Bytes> {
        let len = self.count()?;
        let end = self.end(len)?;
        let blob = self.bytes.slice(self.at..end);
        self.at = end;
        Some(blob)
    }

    fn string(&mut self) -> Option<String> {
        let len = self.count()?;
        let text = std::str::from_utf8(self.rest().get(..len)?).ok()?.to_owned();
        self.at += len;
        Some(text)
    }

    fn number(&mut self) -> Option<Number> {
        let (number, len) = Number::decode(self.rest())?;
        self.at += len;
        Some(number)
    }

    /// The members that follow their number. Each takes a byte at least, and there is room for a few at first, so a lying
    /// number reserves no memory.
    fn all<T>(&mut self, mut member: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        self.end(count)?;
        let mut all = Vec::with_capacity(count.min(FEW));
        for _ in 0..count {
            all.push(member(self)?);
        }
        Some(all)
    }

    /// A set: its members rise, and there is one.
    fn set<T: Ord>(&mut self, member: impl FnMut(&mut Self) -> Option<T>) -> Option<BTreeSet<T>> {
        let members = self.all(member)?;
        let rise = members.is_sorted_by(|one, two| one < two);
        (rise && !members.is_empty()).then(|| members.into_iter().collect())
    }

    /// `level`: that of the map's values.
    fn map(&mut self, level: usize) -> Option<Item> {
        let members = self.all(|reader| Some((reader.string()?, reader.value(level)?)))?;
        let rise = members.is_sorted_by(|(one, _), (two, _)| one < two);
        rise.then(|| members.into_iter().collect())
    }

    fn value(&mut self, level: usize) -> Option<Value> {
        if level > MAX_LEVELS {
            return None;
        }
        Some(match self.byte()? {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            STRING => Value::S(self.string()?),
            NUMBER => Value::N(self.number()?),
            BYTES => Value::B(self.blob()?),
            MAP => Value::M(self.map(level + 1)?),
            LIST => Value::L(self.all(|reader| reader.value(level + 1))?),
            STRINGS => Value::Ss(self.set(Self::string)?),
            NUMBERS => Value::Ns(self.set(Self::number)?),
            BYTE_STRINGS => Value::Bs(self.set(Self::blob)?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection, prelude::*};

    fn numbers() -> impl Strategy<Value = Number> {
        any::<(i64, u8)>().prop_map(|(size, places)| Number::parse(&format!("{size}e-{}", places % 100)).unwrap())
    }

    fn values() -> impl Strategy<Value = Value> {
        let bytes = || collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<String>().prop_map(Value::S),
            numbers().prop_map(Value::N),
            bytes().prop_map(Value::B),
            collection::btree_set(any::<String>(), 1..4).prop_map(Value::Ss),
            collection::btree_set(numbers(), 1..4).prop_map(Value::Ns),
            collection::btree_set(bytes(), 1..4).prop_map(Value::Bs),
        ];
        leaf.prop_recursive(6, 40, 5, |element| {
            prop_oneof![
                collection::vec(element.clone(), 0..5).prop_map(Value::L),
                collection::btree_map(any::<String>(), element, 0..5).prop_map(Value::M),
            ]
        })
    }

    fn items() -> impl Strategy<Value = Item> {
        collection::btree_map(any::<String>(), values(), 0..6)
    }

    fn encoded(item: &Item) -> Vec<u8> {
        let mut bytes = vec![];
        encode(item, &mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn an_item_comes_back_from_its_bytes(item in items()) {
            prop_assert_eq!(decode(encoded(&item).into()), Ok(item));
        }

        #[test]
        fn damaged_bytes_are_refused_or_are_another_item(
            item in items(), flips in collection::vec((any::<u32>(), any::<u8>()), 0..4), cut: u32,
        ) {
            let mut bytes = encoded(&item);
            let len = bytes.len();
            for (at, byte) in flips {
                bytes[at as usize % len] = byte;
            }
            bytes.truncate(len - (cut as usize % len) / 2);
            if let Ok(item) = decode(bytes.clone().into()) {
                prop_assert!(encoded(&item).len() <= bytes.len());
            }
        }

        #[test]
        fn garbage_is_refused_or_is_an_item(garbage in collection::vec(0..12_u8, 0..100)) {
            let bytes = [&[VERSION][..], &garbage].concat();
            if let Ok(item) = decode(bytes.clone().into()) {
                prop_assert_eq!(encoded(&item), bytes);
            }
        }
    }

    #[test]
    fn byte_strings_are_slices_of_what_was_read() {
        let bytes = Bytes::from(encoded(&Item::from([("b".into(), Value::B("0123456789".into()))])));
        let item = decode(bytes.clone()).unwrap();
        let Some(Value::B(read)) = item.get("b") else { panic!("no byte string") };
        assert!(bytes.as_ptr_range().contains(&read.as_ptr()));
    }

    #[test]
    fn bytes_that_nest_too_deep_are_refused() {
        let nested = |lists| [&[VERSION, 1, 1, b'a'][..], &[LIST, 1].repeat(lists), &[NULL]].concat();
        assert!(decode(nested(MAX_LEVELS - 1).into()).is_ok());
        assert!(decode(nested(MAX_LEVELS).into()).is_err());
        assert!(decode(nested(100_000).into()).is_err());
    }
}
