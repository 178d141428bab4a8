//! Writes JSON straight into the reply's bytes; base64 too.
use crate::{
    codec::{Shape, Writer},
    number,
    timestamp::Timestamp,
};

/// Writes one JSON body.
pub(crate) struct JsonWriter {
    out: Vec<u8>,
    /// A value stands before what comes next in the same container.
    after_value: bool,
}

impl JsonWriter {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { out: Vec::with_capacity(bytes), after_value: false }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn separate(&mut self) {
        if self.after_value {
            self.out.push(b',');
        }
        self.after_value = true;
    }

    fn open(&mut self, bracket: u8) {
        self.separate();
        self.out.push(bracket);
        self.after_value = false;
    }

    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.after_value = true;
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        let bytes = text.as_bytes();
        // A branch per byte would be slower than looking at all of them.
        if bytes.iter().fold(false, |bad, byte| bad | needs_escape(*byte)) {
            bytes.iter().for_each(|byte| self.escaped(*byte));
        } else {
            self.out.extend_from_slice(bytes);
        }
        self.out.push(b'"');
    }

    fn escaped(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..b' ' => {
                let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
                return;
            }
            _ => return self.out.push(byte),
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }
}

const fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

impl Writer for JsonWriter {
    fn begin_structure(&mut self, _shape: &'static Shape) {
        self.open(b'{');
    }
    fn member(&mut self, name: &'static str) {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.after_value = false;
    }
    fn end_structure(&mut self) {
        self.close(b'}');
    }
    fn begin_list(&mut self, _len: usize) {
        self.open(b'[');
    }
    fn end_list(&mut self) {
        self.close(b']');
    }
    fn begin_map(&mut self, _len: usize) {
        self.open(b'{');
    }
    fn key(&mut self, key: &str) {
        self.separate();
        self.quoted(key);
        self.out.push(b':');
        self.after_value = false;
    }
    fn end_map(&mut self) {
        self.close(b'}');
    }
    fn string(&mut self, value: &str) {
        self.separate();
        self.quoted(value);
    }
    fn long(&mut self, value: i64) {
        self.separate();
        number::push_decimal(&mut self.out, value);
    }
    fn double(&mut self, value: f64) {
        self.separate();
        self.out.extend_from_slice(value.to_string().as_bytes());
    }
    fn boolean(&mut self, value: bool) {
        self.separate();
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }
    fn blob(&mut self, value: &[u8]) {
        self.separate();
        self.out.push(b'"');
        base64_simd::STANDARD.encode_append(value, &mut self.out);
        self.out.push(b'"');
    }
    fn timestamp(&mut self, value: Timestamp) {
        self.separate();
        let millis = value.millis();
        if millis < 0 {
            self.out.push(b'-');
        }
        number::push_digits(&mut self.out, millis.unsigned_abs() / 1000);
        let fraction = millis.unsigned_abs() % 1000;
        if fraction > 0 {
            self.out.push(b'.');
            let digits = [fraction / 100, fraction / 10 % 10, fraction % 10];
            let used = digits.iter().rposition(|digit| *digit > 0).map_or(0, |last| last + 1);
            digits.iter().take(used).for_each(|digit| number::push_digits(&mut self.out, *digit));
        }
    }
}
