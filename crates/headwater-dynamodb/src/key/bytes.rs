//! One key value's bytes: compared byte by byte they are in the order of the values, and no value's bytes begin
//! another's.
//!
//! Strings and byte strings end with 00 01, and a 00 within them becomes 00 FF. Numbers say where they end themselves.
use super::KeyType;
use crate::{number::Number, value::Value};
use bytes::Bytes;

/// What a value takes at most beyond what it counts, if nothing in it is escaped.
pub(super) const END_BYTES: usize = 2;

const ESCAPE: u8 = 0;
const END: u8 = 1;
const ESCAPED: u8 = 0xFF;

/// A value that can be part of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyValue<'a> {
    /// A string; in the order of its UTF-8 bytes.
    S(&'a str),
    /// A number; in the order of numbers.
    N(Number),
    /// Bytes; in the order of bytes without signs.
    B(&'a [u8]),
}

impl<'a> KeyValue<'a> {
    /// The value, if its type is one of keys.
    #[must_use]
    pub fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::S(value) => Some(Self::S(value)),
            Value::N(value) => Some(Self::N(*value)),
            Value::B(value) => Some(Self::B(value)),
            _ => None,
        }
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> KeyType {
        match self {
            Self::S(_) => KeyType::S,
            Self::N(_) => KeyType::N,
            Self::B(_) => KeyType::B,
        }
    }

    /// What the value counts towards the limits of keys, in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::S(value) => value.len(),
            Self::N(value) => value.size_bytes(),
            Self::B(value) => value.len(),
        }
    }

    /// Puts the value's bytes behind `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if let Self::N(value) = self {
            value.encode(out);
        } else {
            self.encode_beginning(out);
            out.extend([ESCAPE, END]);
        }
    }

    /// Puts what the bytes of all values that begin with this one begin with behind `out`. Only a number begins
    /// nothing but itself.
    pub(super) fn encode_beginning(&self, out: &mut Vec<u8>) {
        let bytes = match self {
            Self::S(value) => value.as_bytes(),
            Self::B(value) => value,
            Self::N(value) => return value.encode(out),
        };
        for (at, run) in bytes.split(|byte| *byte == ESCAPE).enumerate() {
            if at > 0 {
                out.extend([ESCAPE, ESCAPED]);
            }
            out.extend(run);
        }
    }
}

/// The value of type `kind` that `bytes` begin with, and how many of them it takes.
pub(super) fn decode(kind: KeyType, bytes: &[u8]) -> Option<(Value, usize)> {
    match kind {
        KeyType::N => Number::decode(bytes).map(|(number, len)| (Value::N(number), len)),
        KeyType::S => {
            let (bytes, len) = unescape(bytes)?;
            Some((Value::S(String::from_utf8(bytes).ok()?), len))
        }
        KeyType::B => unescape(bytes).map(|(bytes, len)| (Value::B(Bytes::from(bytes)), len)),
    }
}

fn unescape(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut value, mut at) = (Vec::new(), 0);
    loop {
        let rest = bytes.get(at..)?;
        let run = rest.iter().position(|byte| *byte == ESCAPE)?;
        value.extend(rest.get(..run)?);
        at += run + 2;
        match *rest.get(run + 1)? {
            END => return Some((value, at)),
            ESCAPED => value.push(ESCAPE),
            _ => return None,
        }
    }
}
