//! Measures before writing: a writer that only counts, so that an answer of megabytes is written into one buffer that
//! never has to grow. The count is an estimate from above, but for text full of characters that need escaping.
use crate::{
    codec::{Shape, Writer},
    timestamp::Timestamp,
};

/// Longest number or timestamp with its separators.
const NUMBER_BYTES: usize = 26;
/// Quotes, colon, comma or the CBOR heads in their place.
const NAME_OVERHEAD_BYTES: usize = 12;

#[derive(Default)]
pub(crate) struct Gauge(usize);

impl Gauge {
    pub(crate) const fn bytes(&self) -> usize {
        self.0
    }
}

impl Writer for Gauge {
    fn begin_structure(&mut self, _shape: &'static Shape) {
        self.0 += 3;
    }
    fn member(&mut self, name: &'static str) {
        self.0 += name.len() + 4;
    }
    fn end_structure(&mut self) {}
    fn begin_list(&mut self, _len: usize) {
        self.0 += NAME_OVERHEAD_BYTES;
    }
    fn end_list(&mut self) {}
    fn begin_map(&mut self, _len: usize) {
        self.0 += NAME_OVERHEAD_BYTES;
    }
    fn key(&mut self, key: &str) {
        self.0 += key.len() + NAME_OVERHEAD_BYTES;
    }
    fn end_map(&mut self) {}
    fn string(&mut self, value: &str) {
        self.0 += value.len() + NAME_OVERHEAD_BYTES;
    }
    fn long(&mut self, _value: i64) {
        self.0 += NUMBER_BYTES;
    }
    fn double(&mut self, _value: f64) {
        self.0 += NUMBER_BYTES;
    }
    fn boolean(&mut self, _value: bool) {
        self.0 += NUMBER_BYTES;
    }
    fn blob(&mut self, value: &[u8]) {
        self.0 += value.len().div_ceil(3) * 4 + NAME_OVERHEAD_BYTES;
    }
    fn timestamp(&mut self, _value: Timestamp) {
        self.0 += NUMBER_BYTES;
    }
}
