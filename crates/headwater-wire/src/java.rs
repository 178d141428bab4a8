//! How Java prints a value: the services quote offending values this way, down to the hash code of a structure.
use std::mem;

use crate::{
    codec::{Encode, Shape, Writer},
    timestamp::Timestamp,
};

/// `value.toString()`.
pub(crate) fn text(value: &dyn Encode) -> String {
    let mut printer = Printer::default();
    value.encode(&mut printer);
    printer.text
}

/// What a printed value stands in.
enum Frame {
    List,
    /// The hash code of the key whose value comes next.
    Map(i32),
    /// The class, the hash codes of its members so far, and which member comes next.
    Structure(&'static Shape, Vec<i32>, usize),
}

#[derive(Default)]
struct Printer {
    text: String,
    /// Each frame with the hash code of what is printed in it so far, and where its text starts.
    frames: Vec<(Frame, i32, usize)>,
    first: bool,
}

impl Printer {
    fn open(&mut self, frame: Frame, bracket: &str) {
        self.separate();
        let start = self.text.len();
        self.text.push_str(bracket);
        let seed = i32::from(matches!(frame, Frame::List));
        self.frames.push((frame, seed, start));
        self.first = true;
    }

    /// Lists and maps separate what they hold by commas; a map's comma stands before the key.
    fn separate(&mut self) {
        if matches!(self.frames.last(), Some((Frame::List, ..))) && !mem::take(&mut self.first) {
            self.text.push_str(", ");
        }
    }

    fn close(&mut self, bracket: &str) {
        self.text.push_str(bracket);
        let hash = self.frames.pop().map_or(0, |(_, hash, _)| hash);
        self.hashed(hash);
    }

    /// A value with this hash code has just been printed.
    fn hashed(&mut self, value: i32) {
        self.first = false;
        match self.frames.last_mut() {
            Some((Frame::List, hash, _)) => *hash = mixed(*hash, value),
            Some((Frame::Map(key), hash, _)) => *hash = hash.wrapping_add(*key ^ value),
            Some((Frame::Structure(_, members, member), ..)) => {
                if let Some(slot) = members.get_mut(*member) {
                    *slot = value;
                }
            }
            None => {}
        }
    }

    fn scalar(&mut self, text: &str, hash: i32) {
        self.separate();
        self.text.push_str(text);
        self.hashed(hash);
    }
}

/// One step of `Arrays.hashCode`.
const fn mixed(hash: i32, value: i32) -> i32 {
    hash.wrapping_mul(31).wrapping_add(value)
}

/// `String.hashCode`.
fn string_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash, unit| mixed(hash, i32::from(unit)))
}

/// `Long.hashCode`.
#[expect(clippy::cast_possible_truncation, reason = "Java folds the two halves of a long")]
const fn long_hash(value: i64) -> i32 {
    (value ^ (value.cast_unsigned() >> 32).cast_signed()) as i32
}

impl Writer for Printer {
    fn begin_structure(&mut self, shape: &'static Shape) {
        self.open(Frame::Structure(shape, vec![0; shape.members.len()], 0), "");
    }
    fn member(&mut self, name: &'static str) {
        if let Some((Frame::Structure(shape, _, member), ..)) = self.frames.last_mut() {
            *member = shape.members.iter().position(|known| *known == name).unwrap_or(usize::MAX);
        }
    }
    fn end_structure(&mut self) {
        if let Some((Frame::Structure(shape, members, _), _, start)) = self.frames.pop() {
            let class = mixed(1, string_hash(shape.java));
            let hash = members.iter().fold(mixed(1, class), |hash, member| mixed(hash, *member));
            self.text.truncate(start);
            self.text.push_str(&format!("{}@{hash:x}", shape.java));
            self.hashed(hash);
        }
    }
    fn begin_list(&mut self, _len: usize) {
        self.open(Frame::List, "[");
    }
    fn end_list(&mut self) {
        self.close("]");
    }
    fn begin_map(&mut self, _len: usize) {
        self.open(Frame::Map(0), "{");
    }
    fn key(&mut self, key: &str) {
        if !mem::take(&mut self.first) {
            self.text.push_str(", ");
        }
        self.text.push_str(key);
        self.text.push('=');
        if let Some((Frame::Map(hash), ..)) = self.frames.last_mut() {
            *hash = string_hash(key);
        }
    }
    fn end_map(&mut self) {
        self.close("}");
    }
    fn string(&mut self, value: &str) {
        self.scalar(value, string_hash(value));
    }
    fn long(&mut self, value: i64) {
        let hash = i32::try_from(value).unwrap_or_else(|_| long_hash(value));
        self.scalar(&value.to_string(), hash);
    }
    fn double(&mut self, value: f64) {
        self.scalar(&format!("{value:?}"), long_hash(value.to_bits().cast_signed()));
    }
    fn boolean(&mut self, value: bool) {
        self.scalar(if value { "true" } else { "false" }, if value { 1231 } else { 1237 });
    }
    fn blob(&mut self, value: &[u8]) {
        let len = value.len();
        let hash = value.iter().rev().fold(1, |hash, byte| mixed(hash, i32::from(byte.cast_signed())));
        self.scalar(&format!("java.nio.HeapByteBuffer[pos=0 lim={len} cap={len}]"), hash);
    }
    fn timestamp(&mut self, value: Timestamp) {
        self.scalar(&value.millis().to_string(), long_hash(value.millis()));
    }
}
