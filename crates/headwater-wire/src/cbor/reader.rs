//! Reads CBOR straight from the request's bytes; byte strings stay where they are. No length that is merely claimed is
//! believed: nothing is set aside before the bytes are there.
use bytes::Bytes;

use super::{BREAK, DOUBLE, FALSE, HALF, INDEFINITE, NULL, SINGLE, TRUE, UNDEFINED, major};
use crate::{
    MAX_DEPTH, SerializationFault,
    codec::{Reader, Shape},
    fault::{Found, Wanted, Wording},
    number,
    timestamp::Timestamp,
};

const MALFORMED: SerializationFault = SerializationFault::MALFORMED;

/// Reads one CBOR body.
pub(crate) struct CborReader<'a> {
    input: &'a Bytes,
    at: usize,
    /// How many elements or entries are still to come in each open container; `None`: until the break.
    open: Vec<Option<u64>>,
    /// The next value stands in a list or map.
    element: bool,
    wording: Wording,
}

/// The first bytes of an item.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    /// The lower five bits.
    info: u8,
    /// The number they stand for; 0 if there is none.
    value: u64,
}

impl Head {
    /// How much follows; `None`: until the break.
    fn len(self) -> Option<u64> {
        (self.info != INDEFINITE).then_some(self.value)
    }
}

impl<'a> CborReader<'a> {
    pub(crate) fn new(input: &'a Bytes, wording: Wording) -> Self {
        Self { input, at: 0, open: Vec::new(), element: true, wording }
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<(), SerializationFault> {
        if self.at == self.input.len() { Ok(()) } else { Err(MALFORMED) }
    }

    /// Where the next `len` bytes are.
    fn take(&mut self, len: u64) -> Result<std::ops::Range<usize>, SerializationFault> {
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len)).ok_or(MALFORMED)?;
        if end > self.input.len() {
            return Err(MALFORMED);
        }
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    fn bytes(&mut self, len: u64) -> Result<&'a [u8], SerializationFault> {
        let range = self.take(len)?;
        self.input.get(range).ok_or(MALFORMED)
    }

    /// The next item's head without its tags.
    fn head(&mut self) -> Result<Head, SerializationFault> {
        loop {
            let head = self.bare_head()?;
            if head.major != major::TAG {
                return Ok(head);
            }
        }
    }

    fn bare_head(&mut self) -> Result<Head, SerializationFault> {
        let first = *self.bytes(1)?.first().ok_or(MALFORMED)?;
        let (major, info) = (first >> 5, first & 31);
        let value = match info {
            0..24 => u64::from(info),
            24..28 => self.bytes(1 << (info - 24))?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
            INDEFINITE if matches!(major, major::BYTES | major::TEXT | major::LIST | major::MAP) => 0,
            _ => return Err(MALFORMED),
        };
        Ok(Head { major, info, value })
    }

    /// The next item's head, without its tags and without going on.
    fn peek(&mut self) -> Result<Head, SerializationFault> {
        let at = self.at;
        let head = self.head()?;
        self.at = at;
        Ok(head)
    }

    fn begin(&mut self, len: Option<u64>) -> Result<(), SerializationFault> {
        if self.open.len() == MAX_DEPTH {
            return Err(MALFORMED);
        }
        self.open.push(len);
        Ok(())
    }

    /// Whether another element or entry follows in the innermost container.
    fn more(&mut self) -> Result<bool, SerializationFault> {
        let more = match self.open.last_mut() {
            Some(Some(0)) => false,
            Some(Some(left)) => {
                *left -= 1;
                true
            }
            Some(None) if self.input.get(self.at) == Some(&BREAK) => {
                self.at += 1;
                false
            }
            Some(None) => true,
            None => return Err(MALFORMED),
        };
        if !more {
            self.open.pop();
        }
        Ok(more)
    }

    /// Calls `piece` with where each piece of a string lies; strings without a length come in several.
    fn pieces(&mut self, head: Head, mut piece: impl FnMut(std::ops::Range<usize>)) -> Result<(), SerializationFault> {
        if let Some(len) = head.len() {
            piece(self.take(len)?);
            return Ok(());
        }
        while self.input.get(self.at) != Some(&BREAK) {
            let chunk = self.bare_head()?;
            let len = chunk.len().filter(|_| chunk.major == head.major).ok_or(MALFORMED)?;
            piece(self.take(len)?);
        }
        self.at += 1;
        Ok(())
    }

    fn text(&mut self, head: Head) -> Result<String, SerializationFault> {
        let mut text = Vec::new();
        let input = self.input;
        self.pieces(head, |range| text.extend_from_slice(input.get(range).unwrap_or_default()))?;
        String::from_utf8(text).map_err(|_| MALFORMED)
    }

    fn member_name(&mut self) -> Result<String, SerializationFault> {
        let head = self.head()?;
        if head.major == major::TEXT { self.text(head) } else { Err(MALFORMED) }
    }

    /// The next number; `None`: it isn't one.
    fn number(&mut self) -> Result<Option<Number>, SerializationFault> {
        let head = self.peek()?;
        let number = match (head.major, head.info) {
            (major::UNSIGNED, _) => Number::Whole(i64::try_from(head.value).unwrap_or(i64::MAX)),
            (major::NEGATIVE, _) => Number::Whole(i64::try_from(head.value).map_or(i64::MIN, |value| -1 - value)),
            (major::SIMPLE, HALF) => Number::Decimal(half(head.value)),
            (major::SIMPLE, SINGLE) => Number::Decimal(u32::try_from(head.value).map_or(0.0, f32::from_bits).into()),
            (major::SIMPLE, DOUBLE) => Number::Decimal(f64::from_bits(head.value)),
            _ => return Ok(None),
        };
        if matches!(number, Number::Decimal(value) if !value.is_finite()) {
            return Err(MALFORMED);
        }
        self.head()?;
        Ok(Some(number))
    }

    fn whole(&mut self, wanted: Wanted) -> Result<i64, SerializationFault> {
        match self.number()? {
            Some(Number::Whole(value)) => Ok(value),
            Some(Number::Decimal(value)) => Ok(number::truncated(value)),
            None => Err(self.mismatch(wanted)),
        }
    }

    /// The fault of the value that comes next not being what is wanted; or of it being malformed.
    fn mismatch(&mut self, wanted: Wanted) -> SerializationFault {
        self.found(wanted).unwrap_or_else(|malformed| malformed)
    }

    fn found(&mut self, wanted: Wanted) -> Result<SerializationFault, SerializationFault> {
        if self.open.is_empty() {
            return Err(MALFORMED);
        }
        let head = self.head()?;
        let text;
        let found = match (head.major, head.info) {
            (major::UNSIGNED | major::NEGATIVE, _) => Found::Whole,
            (major::BYTES, _) => Found::Bytes,
            (major::TEXT, _) => {
                text = self.text(head)?;
                Found::Text(&text)
            }
            (major::LIST, _) => Found::List,
            (major::MAP, _) => Found::Map,
            (_, TRUE) => Found::True,
            (_, FALSE) => Found::False,
            (_, HALF | SINGLE | DOUBLE) => Found::Decimal,
            _ => return Err(MALFORMED),
        };
        Ok(self.wording.mismatch(found, wanted, self.element))
    }

    fn skip(&mut self) -> Result<(), SerializationFault> {
        let head = self.head()?;
        match head.major {
            major::BYTES => self.pieces(head, drop),
            major::TEXT => self.text(head).map(drop),
            major::LIST => {
                self.begin(head.len())?;
                while self.more()? {
                    self.skip()?;
                }
                Ok(())
            }
            major::MAP => {
                self.begin(head.len())?;
                while self.more()? {
                    self.member_name()?;
                    self.skip()?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

enum Number {
    Whole(i64),
    Decimal(f64),
}

/// A half-precision number.
fn half(bits: u64) -> f64 {
    let bits = u16::try_from(bits).unwrap_or(0);
    let fraction = f64::from(bits & 0x3ff);
    let exponent = i32::from(bits >> 10 & 0x1f);
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * 2_f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

impl Reader for CborReader<'_> {
    fn null(&mut self) -> Result<bool, SerializationFault> {
        let head = self.peek()?;
        let null = head.major == major::SIMPLE && matches!(head.info, NULL | UNDEFINED);
        if null {
            self.head()?;
        }
        Ok(null)
    }

    fn begin_structure(&mut self, shape: &'static Shape) -> Result<(), SerializationFault> {
        if self.peek()?.major != major::MAP {
            return Err(self.mismatch(Wanted::Structure(shape.java)));
        }
        let head = self.head()?;
        self.begin(head.len())
    }

    fn next_member(&mut self, shape: &'static Shape) -> Result<Option<usize>, SerializationFault> {
        while self.more()? {
            self.element = false;
            let head = self.head()?;
            let member = match (head.major, head.len()) {
                (major::TEXT, Some(len)) => {
                    let name = self.bytes(len)?;
                    std::str::from_utf8(name).map_err(|_| MALFORMED)?;
                    shape.members.iter().position(|member| member.as_bytes() == name)
                }
                (major::TEXT, None) => {
                    let name = self.text(head)?;
                    shape.members.iter().position(|member| *member == name)
                }
                _ => return Err(MALFORMED),
            };
            if member.is_some() {
                return Ok(member);
            }
            self.skip()?;
        }
        Ok(None)
    }

    fn begin_list(&mut self) -> Result<(), SerializationFault> {
        if self.peek()?.major != major::LIST {
            return Err(self.mismatch(Wanted::List));
        }
        let head = self.head()?;
        self.begin(head.len())
    }

    fn next_element(&mut self) -> Result<bool, SerializationFault> {
        self.element = true;
        self.more()
    }

    fn begin_map(&mut self, java: &'static str) -> Result<(), SerializationFault> {
        if self.peek()?.major != major::MAP {
            return Err(self.mismatch(Wanted::Map(java)));
        }
        let head = self.head()?;
        self.begin(head.len())
    }

    fn next_key(&mut self) -> Result<Option<String>, SerializationFault> {
        self.element = true;
        if self.more()? { self.member_name().map(Some) } else { Ok(None) }
    }

    fn string(&mut self) -> Result<String, SerializationFault> {
        if self.peek()?.major != major::TEXT {
            return Err(self.mismatch(Wanted::String));
        }
        let head = self.head()?;
        self.text(head)
    }

    fn integer(&mut self) -> Result<i32, SerializationFault> {
        self.whole(Wanted::Integer).map(number::saturated)
    }

    fn long(&mut self) -> Result<i64, SerializationFault> {
        self.whole(Wanted::Long)
    }

    #[expect(clippy::cast_precision_loss, reason = "the nearest double is what a whole number for a double means")]
    fn double(&mut self) -> Result<f64, SerializationFault> {
        match self.number()? {
            Some(Number::Whole(value)) => Ok(value as f64),
            Some(Number::Decimal(value)) => Ok(value),
            None => Err(self.mismatch(Wanted::Double)),
        }
    }

    fn boolean(&mut self) -> Result<bool, SerializationFault> {
        let head = self.peek()?;
        let truth = match (head.major, head.info) {
            (major::SIMPLE, TRUE) => true,
            (major::SIMPLE, FALSE) => false,
            (major::TEXT, _) => {
                let head = self.head()?;
                let word = self.text(head)?;
                return number::truth(&word)
                    .ok_or_else(|| self.wording.mismatch(Found::Text(&word), Wanted::Boolean, self.element));
            }
            _ => return Err(self.mismatch(Wanted::Boolean)),
        };
        self.head()?;
        Ok(truth)
    }

    fn blob(&mut self) -> Result<Bytes, SerializationFault> {
        if self.peek()?.major != major::BYTES {
            return Err(self.mismatch(Wanted::Blob));
        }
        let head = self.head()?;
        if let Some(len) = head.len() {
            let range = self.take(len)?;
            return Ok(self.input.slice(range));
        }
        let mut bytes = Vec::new();
        let input = self.input;
        self.pieces(head, |range| bytes.extend_from_slice(input.get(range).unwrap_or_default()))?;
        Ok(bytes.into())
    }

    fn timestamp(&mut self) -> Result<Timestamp, SerializationFault> {
        self.whole(Wanted::Timestamp).map(Timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, Input, ServiceError, decode, encode, kinesis, well_formed};

    /// The bytes of `parts`, which are text as it stands or numbers of single bytes.
    macro_rules! cbor {
        ($($part:expr),* $(,)?) => {{
            let mut body: Vec<u8> = Vec::new();
            $(body.extend_from_slice(AsRef::<[u8]>::as_ref(&$part));)*
            Bytes::from(body)
        }};
    }

    fn read<I: Input>(body: Bytes) -> Result<I, ServiceError> {
        decode(Dialect::Cbor11, &body)
    }

    #[test]
    fn lengths_may_be_missing_everywhere() {
        let body = cbor!(
            [0xbf, 0x64],
            "Data",
            [0x5f, 0x42],
            "ab",
            [0x41],
            "c",
            [0xff, 0x7f, 0x66],
            "Stream",
            [0x64],
            "Name",
            [0xff, 0x7f, 0x61],
            "s",
            [0xff, 0xff]
        );
        let input = read::<kinesis::PutRecordInput>(body).unwrap();
        assert_eq!((&input.data[..], input.stream_name.as_deref()), (&b"abc"[..], Some("s")));
    }

    #[test]
    fn a_blob_stays_where_it_is() {
        let body = cbor!([0xa1, 0x64], "Data", [0x43], "abc");
        let place = body.as_ptr_range();
        let input = read::<kinesis::PutRecordInput>(body).unwrap();
        assert!(place.contains(&input.data.as_ptr()));
    }

    #[test]
    fn times_are_milliseconds_and_tags_are_passed_over() {
        let millis = |value: Bytes| {
            let body = cbor!(
                [0xa3, 0x67],
                "ShardId",
                [0x61],
                "s",
                [0x71],
                "ShardIteratorType",
                [0x6c],
                "AT_TIMESTAMP",
                [0x69],
                "Timestamp",
                value
            );
            read::<kinesis::GetShardIteratorInput>(body).unwrap().timestamp.unwrap().millis()
        };
        let whole = 1_459_799_926_480_i64;
        assert_eq!(millis(cbor!([0xc1, 0x1b], whole.to_be_bytes())), whole);
        assert_eq!(millis(cbor!([0x1b], whole.to_be_bytes())), whole);
        assert_eq!(millis(cbor!([0xc1, 0xfb], 1_459_799_926_480_f64.to_be_bytes())), whole);
        assert_eq!(encode(Dialect::Cbor11, &Timestamp(whole)), cbor!([0xc1, 0x1b], whole.to_be_bytes()));
    }

    #[test]
    fn numbers_of_all_sizes() {
        let limit = |value: Bytes| {
            let body = cbor!([0xa2, 0x65], "Limit", value, [0x6d], "ShardIterator", [0x61], "i");
            read::<kinesis::GetRecordsInput>(body).unwrap().limit
        };
        assert_eq!(limit(cbor!([0x07])), Some(7));
        assert_eq!(limit(cbor!([0x19, 0x03, 0xe8])), Some(1000));
        assert_eq!(limit(cbor!([0xf9, 0x3e, 0x00])), Some(1));
        assert_eq!(limit(cbor!([0xfa], 34.56_f32.to_be_bytes())), Some(34));
        assert_eq!(limit(cbor!([0xf6])), None);
        assert_eq!([half(0x3c00), half(0xc000), half(0x0001)], [1.0, -2.0, 2_f64.powi(-24)]);
    }

    #[test]
    fn type_faults_have_the_same_words_as_in_json() {
        let told = |value: Bytes| {
            let error = read::<kinesis::PutRecordInput>(cbor!([0xa1, 0x6a], "StreamName", value)).unwrap_err();
            error.message.unwrap()
        };
        assert_eq!(told(cbor!([0xf5])), "class java.lang.Boolean can not be converted to an String");
        assert_eq!(told(cbor!([0x80])), "Start of list found where not expected");
        assert_eq!(told(cbor!([0xa0])), "Start of structure or map found where not expected.");
    }

    #[test]
    fn malformed_bodies_are_told_by_name_alone() {
        let huge_text = cbor!([0xa1, 0x61], "a", [0x7b], [0xff; 8]);
        let huge_map = cbor!([0xbb], [0xff; 8]);
        let deep = cbor!([0xa1, 0x61], "a", vec![0x9f; 100_000]);
        let deep_lengths = cbor!([0xa1, 0x61], "a", vec![0x81; 100_000]);
        let tags = cbor!(vec![0xc1; 100_000]);
        for body in [
            cbor!([0_u8; 0]),
            cbor!([0xbf]),
            cbor!([0xa1]),
            cbor!([0x80]),
            cbor!([0xf6]),
            cbor!([0xff]),
            cbor!([0xa0, 0x00]),
            cbor!([0xa1, 0x01, 0x01]),
            cbor!([0xa1, 0x61]),
            cbor!([0xa1, 0x61, 0xff, 0x01]),
            cbor!([0xa1, 0x61], "a", [0x1c]),
            cbor!([0xa1, 0x61], "a", [0x7f, 0x41], "a", [0xff]),
            cbor!([0xa1, 0x61], "a", [0x7f, 0x7f, 0xff, 0xff]),
            cbor!([0xa1, 0x61], "a", [0xff]),
            cbor!([0xa1, 0x61], "a", [0x62, 0xc3, 0x28]),
            huge_text,
            huge_map,
            deep,
            deep_lengths,
            tags,
        ] {
            let error = read::<kinesis::PutRecordInput>(body.clone()).unwrap_err();
            assert_eq!((error.code, error.message), ("SerializationException", None), "{body:.40x?}");
            assert!(well_formed(Dialect::Cbor11, &body).is_err());
        }
    }
}
