//! Writes CBOR straight into the reply's bytes. Structures have no length, since their absent members aren't counted
//! beforehand; lists and maps have theirs.
use super::{BREAK, DOUBLE, FALSE, INDEFINITE, TAG_TIME, TRUE, major};
use crate::{
    codec::{Shape, Writer},
    timestamp::Timestamp,
};

/// Writes one CBOR body.
pub(crate) struct CborWriter {
    out: Vec<u8>,
}

impl CborWriter {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes) }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn first(&mut self, major: u8, info: u8) {
        self.out.push(major << 5 | info);
    }

    fn head(&mut self, major: u8, value: u64) {
        let bytes = value.to_be_bytes();
        let (info, len) = match value {
            0..24 => return self.first(major, u8::try_from(value).unwrap_or(0)),
            24..0x100 => (24, 1),
            0x100..0x1_0000 => (25, 2),
            0x1_0000..0x1_0000_0000 => (26, 4),
            _ => (27, 8),
        };
        self.first(major, info);
        self.out.extend(bytes.iter().skip(bytes.len() - len));
    }

    fn len(&mut self, major: u8, len: usize) {
        // No buffer is longer than 2^64 bytes.
        self.head(major, u64::try_from(len).unwrap_or(u64::MAX));
    }
}

impl Writer for CborWriter {
    fn begin_structure(&mut self, _shape: &'static Shape) {
        self.first(major::MAP, INDEFINITE);
    }
    fn member(&mut self, name: &'static str) {
        self.string(name);
    }
    fn end_structure(&mut self) {
        self.out.push(BREAK);
    }
    fn begin_list(&mut self, len: usize) {
        self.len(major::LIST, len);
    }
    fn end_list(&mut self) {}
    fn begin_map(&mut self, len: usize) {
        self.len(major::MAP, len);
    }
    fn key(&mut self, key: &str) {
        self.string(key);
    }
    fn end_map(&mut self) {}
    fn string(&mut self, value: &str) {
        self.len(major::TEXT, value.len());
        self.out.extend_from_slice(value.as_bytes());
    }
    fn long(&mut self, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.head(major::UNSIGNED, value),
            Err(_) => self.head(major::NEGATIVE, (-1 - value).unsigned_abs()),
        }
    }
    fn double(&mut self, value: f64) {
        self.first(major::SIMPLE, DOUBLE);
        self.out.extend_from_slice(&value.to_be_bytes());
    }
    fn boolean(&mut self, value: bool) {
        self.first(major::SIMPLE, if value { TRUE } else { FALSE });
    }
    fn blob(&mut self, value: &[u8]) {
        self.len(major::BYTES, value.len());
        self.out.extend_from_slice(value);
    }
    fn timestamp(&mut self, value: Timestamp) {
        self.head(major::TAG, TAG_TIME);
        self.long(value.millis());
    }
}
