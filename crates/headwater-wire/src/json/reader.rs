//! Reads JSON straight from the request's bytes: no document in between. Nesting is bounded, so no body can exhaust the
//! stack.
use std::borrow::Cow;

use bytes::Bytes;

use super::quoted::Quoted;
use crate::{
    MAX_DEPTH, SerializationFault,
    codec::{Reader, Shape},
    fault::{Found, Wanted, Wording},
    number,
    timestamp::Timestamp,
};

const MALFORMED: SerializationFault = SerializationFault::MALFORMED;

/// Reads one JSON body.
pub(crate) struct JsonReader<'a> {
    input: &'a [u8],
    at: usize,
    depth: usize,
    /// Nothing has been read yet in the innermost container.
    first: bool,
    /// The next value stands in a list or map.
    element: bool,
    wording: Wording,
}

impl<'a> JsonReader<'a> {
    pub(crate) fn new(input: &'a Bytes, wording: Wording) -> Self {
        Self { input, at: 0, depth: 0, first: true, element: true, wording }
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<(), SerializationFault> {
        self.blank();
        if self.at == self.input.len() { Ok(()) } else { Err(MALFORMED) }
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    fn blank(&mut self) {
        let blank = self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += blank;
    }

    /// The next byte that isn't white space.
    fn peek(&mut self) -> Result<u8, SerializationFault> {
        if self.input.get(self.at).is_some_and(|byte| *byte <= b' ') {
            self.blank();
        }
        self.input.get(self.at).copied().ok_or(MALFORMED)
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), SerializationFault> {
        if !self.rest().starts_with(word) {
            return Err(MALFORMED);
        }
        self.at += word.len();
        self.first = false;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), SerializationFault> {
        if self.depth == MAX_DEPTH {
            return Err(MALFORMED);
        }
        self.depth += 1;
        self.at += 1;
        self.first = true;
        Ok(())
    }

    /// Whether something follows in the container that `close` closes.
    fn more(&mut self, close: u8) -> Result<bool, SerializationFault> {
        let byte = self.peek()?;
        if byte == close {
            self.at += 1;
            self.depth = self.depth.saturating_sub(1);
            self.first = false;
            return Ok(false);
        }
        if !self.first {
            if byte != b',' {
                return Err(MALFORMED);
            }
            self.at += 1;
        }
        self.first = false;
        Ok(true)
    }

    /// The name of the member that follows, if one does.
    fn more_members(&mut self) -> Result<Option<Quoted<'a>>, SerializationFault> {
        if !self.more(b'}')? {
            return Ok(None);
        }
        if self.peek()? != b'"' {
            return Err(MALFORMED);
        }
        let name = self.quoted()?;
        if self.peek()? != b':' {
            return Err(MALFORMED);
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// The string that starts here.
    fn quoted(&mut self) -> Result<Quoted<'a>, SerializationFault> {
        let start = self.at + 1;
        let quoted = Quoted::at(self.input.get(start..).ok_or(MALFORMED)?)?;
        self.at = start + quoted.bytes.len() + 1;
        self.first = false;
        Ok(quoted)
    }

    fn text(&mut self) -> Result<Cow<'a, str>, SerializationFault> {
        self.quoted()?.text()
    }

    /// The number that starts here, and whether it is written as a whole one.
    fn number(&mut self) -> Result<(&'a str, bool), SerializationFault> {
        let rest = self.rest();
        let (len, whole) = number_len(rest).ok_or(MALFORMED)?;
        self.at += len;
        self.first = false;
        let digits = rest.get(..len).and_then(|digits| std::str::from_utf8(digits).ok());
        Ok((digits.ok_or(MALFORMED)?, whole))
    }

    /// The number that comes next, cut to a whole one.
    fn whole(&mut self, wanted: Wanted) -> Result<i64, SerializationFault> {
        if !matches!(self.peek()?, b'-' | b'0'..=b'9') {
            return Err(self.mismatch(wanted));
        }
        let (digits, whole) = self.number()?;
        match digits.parse() {
            Ok(value) if whole => Ok(value),
            _ => Ok(number::truncated(digits.parse().map_err(|_| MALFORMED)?)),
        }
    }

    fn decimal(&mut self, wanted: Wanted) -> Result<f64, SerializationFault> {
        if !matches!(self.peek()?, b'-' | b'0'..=b'9') {
            return Err(self.mismatch(wanted));
        }
        let (digits, _) = self.number()?;
        digits.parse().ok().filter(|value: &f64| value.is_finite()).ok_or(MALFORMED)
    }

    /// The fault of the value that comes next not being what is wanted; or of it being malformed.
    fn mismatch(&mut self, wanted: Wanted) -> SerializationFault {
        self.found(wanted).unwrap_or_else(|malformed| malformed)
    }

    fn found(&mut self, wanted: Wanted) -> Result<SerializationFault, SerializationFault> {
        if self.depth == 0 {
            return Err(MALFORMED);
        }
        let text;
        let found = match self.peek()? {
            b'"' => {
                text = self.text()?;
                Found::Text(&text)
            }
            b'{' => Found::Map,
            b'[' => Found::List,
            b't' => self.literal(b"true").map(|()| Found::True)?,
            b'f' => self.literal(b"false").map(|()| Found::False)?,
            _ => {
                if self.number()?.1 {
                    Found::Whole
                } else {
                    Found::Decimal
                }
            }
        };
        Ok(self.wording.mismatch(found, wanted, self.element))
    }

    fn skip(&mut self) -> Result<(), SerializationFault> {
        match self.peek()? {
            b'"' => self.text().map(drop),
            b'{' => {
                self.begin()?;
                while let Some(name) = self.more_members()? {
                    name.text()?;
                    self.skip()?;
                }
                Ok(())
            }
            b'[' => {
                self.begin()?;
                while self.more(b']')? {
                    self.skip()?;
                }
                Ok(())
            }
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number().map(drop),
        }
    }
}

impl Reader for JsonReader<'_> {
    fn null(&mut self) -> Result<bool, SerializationFault> {
        let null = self.peek()? == b'n';
        if null {
            self.literal(b"null")?;
        }
        Ok(null)
    }

    fn begin_structure(&mut self, shape: &'static Shape) -> Result<(), SerializationFault> {
        if self.peek()? == b'{' { self.begin() } else { Err(self.mismatch(Wanted::Structure(shape.java))) }
    }

    fn next_member(&mut self, shape: &'static Shape) -> Result<Option<usize>, SerializationFault> {
        while let Some(name) = self.more_members()? {
            self.element = false;
            let member = |name: &[u8]| shape.members.iter().position(|member| member.as_bytes() == name);
            // What is written like a member needs no check.
            if let Some(member) = member(name.bytes) {
                return Ok(Some(member));
            }
            if let Some(member) = member(name.text()?.as_bytes()) {
                return Ok(Some(member));
            }
            self.skip()?;
        }
        Ok(None)
    }

    fn begin_list(&mut self) -> Result<(), SerializationFault> {
        if self.peek()? == b'[' { self.begin() } else { Err(self.mismatch(Wanted::List)) }
    }

    fn next_element(&mut self) -> Result<bool, SerializationFault> {
        self.element = true;
        self.more(b']')
    }

    fn begin_map(&mut self, java: &'static str) -> Result<(), SerializationFault> {
        if self.peek()? == b'{' { self.begin() } else { Err(self.mismatch(Wanted::Map(java))) }
    }

    fn next_key(&mut self) -> Result<Option<String>, SerializationFault> {
        self.element = true;
        self.more_members()?.map(|name| name.text().map(Cow::into_owned)).transpose()
    }

    fn string(&mut self) -> Result<String, SerializationFault> {
        if self.peek()? == b'"' { self.text().map(Cow::into_owned) } else { Err(self.mismatch(Wanted::String)) }
    }

    fn integer(&mut self) -> Result<i32, SerializationFault> {
        self.whole(Wanted::Integer).map(number::saturated)
    }

    fn long(&mut self) -> Result<i64, SerializationFault> {
        self.whole(Wanted::Long)
    }

    fn double(&mut self) -> Result<f64, SerializationFault> {
        self.decimal(Wanted::Double)
    }

    fn boolean(&mut self) -> Result<bool, SerializationFault> {
        match self.peek()? {
            b't' => self.literal(b"true").map(|()| true),
            b'f' => self.literal(b"false").map(|()| false),
            b'"' => {
                let word = self.text()?;
                number::truth(&word)
                    .ok_or_else(|| self.wording.mismatch(Found::Text(&word), Wanted::Boolean, self.element))
            }
            _ => Err(self.mismatch(Wanted::Boolean)),
        }
    }

    fn blob(&mut self) -> Result<Bytes, SerializationFault> {
        if self.peek()? != b'"' {
            return Err(self.mismatch(Wanted::Blob));
        }
        let start = self.at;
        let raw = self.quoted()?;
        if !raw.escapes
            && let Ok(bytes) = base64_simd::STANDARD.decode_to_vec(raw.bytes)
        {
            return Ok(bytes.into());
        }
        // Read again with care: the slash may be escaped, and a fault quotes the text.
        self.at = start;
        let text = self.text()?;
        base64_simd::STANDARD.decode_to_vec(text.as_bytes()).map(Bytes::from).map_err(|_| self.wording.base64(&text))
    }

    fn timestamp(&mut self) -> Result<Timestamp, SerializationFault> {
        self.decimal(Wanted::Timestamp).map(|seconds| Timestamp(number::truncated((seconds * 1000.0).round())))
    }
}

/// How many bytes the JSON number at the start of `input` has, and whether it is written as a whole one.
fn number_len(input: &[u8]) -> Option<(usize, bool)> {
    let digits = |from: usize| input.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut len = usize::from(input.first() == Some(&b'-'));
    let mut whole = true;
    match (input.get(len), digits(len)) {
        (_, 0) => return None,
        (Some(b'0'), _) => len += 1,
        (_, count) => len += count,
    }
    if input.get(len) == Some(&b'.') {
        whole = false;
        match digits(len + 1) {
            0 => return None,
            count => len += 1 + count,
        }
    }
    if matches!(input.get(len), Some(b'e' | b'E')) {
        whole = false;
        let sign = usize::from(matches!(input.get(len + 1), Some(b'+' | b'-')));
        match digits(len + 1 + sign) {
            0 => return None,
            count => len += 1 + sign + count,
        }
    }
    Some((len, whole))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::{Dialect, Input, ServiceError, decode, dynamodb, kinesis, well_formed};

    fn read<I: Input>(body: &str) -> Result<I, ServiceError> {
        decode(Dialect::Json11, &Bytes::copy_from_slice(body.as_bytes()))
    }

    /// What is told of `value` as the member `member`.
    fn told<I: Input + std::fmt::Debug>(member: &str, value: &str) -> String {
        let error = read::<I>(&format!(r#"{{"{member}":{value}}}"#)).unwrap_err();
        assert_eq!(error.code, "SerializationException");
        error.message.unwrap()
    }

    #[test]
    fn a_string_is_wanted() {
        let told = |value| told::<kinesis::PutRecordInput>("StreamName", value);
        let number = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String";
        assert_eq!(told("true"), "class java.lang.Boolean can not be converted to an String");
        assert_eq!((told("23").as_str(), told("34.56").as_str()), (number, number));
        assert_eq!(told("[]"), "Start of list found where not expected");
        assert_eq!(told("{}"), "Start of structure or map found where not expected.");
    }

    #[test]
    fn a_number_is_wanted() {
        let told = |value| told::<kinesis::GetRecordsInput>("Limit", value);
        assert_eq!(told(r#""23""#), "class java.lang.String can not be converted to an Integer");
        assert_eq!(told("true"), "class java.lang.Boolean can not be converted to an Integer");
        assert_eq!(told("[]"), "Start of list found where not expected");
    }

    #[test]
    fn fractions_of_whole_numbers_are_cut_off() {
        let limit = |text| {
            read::<kinesis::GetRecordsInput>(&format!(r#"{{"ShardIterator":"i","Limit":{text}}}"#)).unwrap().limit
        };
        assert_eq!((limit("34.56"), limit("1e3"), limit("7")), (Some(34), Some(1000), Some(7)));
    }

    #[test]
    fn a_truth_value_is_wanted() {
        let told = |value| told::<kinesis::DeleteStreamInput>("EnforceConsumerDeletion", value);
        assert_eq!(told(r#""23""#), "'23' can not be converted to an Boolean");
        assert_eq!(told(r#""hi""#), "'HI' can not be converted to an Boolean");
        assert_eq!(
            told("23"),
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an Boolean"
        );
        let input = read::<kinesis::DeleteStreamInput>(r#"{"EnforceConsumerDeletion":"Yes"}"#).unwrap();
        assert_eq!(input.enforce_consumer_deletion, Some(true));
    }

    #[test]
    fn a_blob_is_wanted() {
        let told = |value| told::<kinesis::PutRecordInput>("Data", value);
        assert_eq!(told("true"), "class java.lang.Boolean can not be converted to a Blob");
        assert_eq!(
            told(r#""23456""#),
            "'23456' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5"
        );
        assert_eq!(told(r#""=+/=""#), "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='");
        assert_eq!(
            told(r#""+/+=""#),
            "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"
        );
        assert_eq!(told("{}"), "Start of structure or map found where not expected.");
    }

    #[test]
    fn a_time_is_wanted() {
        let told = |value| told::<kinesis::GetShardIteratorInput>("Timestamp", value);
        assert_eq!(told(r#""2020-01-01""#), "class java.lang.String can not be converted to milliseconds since epoch");
        let body = r#"{"ShardId":"s","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1459799926.480}"#;
        let input = read::<kinesis::GetShardIteratorInput>(body).unwrap();
        assert_eq!(input.timestamp.unwrap().millis(), 1_459_799_926_480);
    }

    #[test]
    fn lists_maps_and_structures_are_wanted() {
        for scalar in [r#""23""#, "true", "23", "-2147483648", "34.56"] {
            assert_eq!(told::<kinesis::PutRecordsInput>("Records", scalar), "Expected list or null");
            assert_eq!(told::<kinesis::AddTagsToStreamInput>("Tags", scalar), "Expected map or null");
            assert_eq!(told::<kinesis::PutRecordsInput>("Records", &format!("[{scalar}]")), "Expected null");
        }
        let map = "Start of structure or map found where not expected.";
        assert_eq!(told::<kinesis::PutRecordsInput>("Records", "{}"), map);
        let list = "Start of list found where not expected";
        assert_eq!(told::<kinesis::AddTagsToStreamInput>("Tags", "[]"), list);
        assert_eq!(told::<kinesis::PutRecordsInput>("Records", "[[]]"), list);
    }

    #[test]
    fn dynamodb_tells_faults_in_its_own_words() {
        let told = |member, value| told::<dynamodb::PutItemInput>(member, value);
        assert_eq!(told("TableName", "23"), "NUMBER_VALUE cannot be converted to String");
        assert_eq!(told("TableName", "true"), "TRUE_VALUE cannot be converted to String");
        assert_eq!(
            told("Item", "[]"),
            "Unrecognized collection type java.util.Map<java.lang.String, com.amazonaws.dynamodb.v20120810.AttributeValue>"
        );
        assert_eq!(told("Item", r#"{"a":5}"#), "Unexpected value type in payload");
        assert_eq!(told("Item", r#"{"a":{"N":5}}"#), "NUMBER_VALUE cannot be converted to String");
        assert_eq!(
            told("Item", r#"{"a":{"B":"YQ"}}"#),
            "Base64 encoded length is expected a multiple of 4 bytes but found: 2"
        );
    }

    #[test]
    fn the_first_fault_of_the_body_is_told() {
        let error = read::<kinesis::GetRecordsInput>(r#"{"Limit":"x","ShardIterator":true}"#).unwrap_err();
        assert_eq!(error.message.unwrap(), "class java.lang.String can not be converted to an Integer");
    }

    #[test]
    fn unknown_members_and_nulls_are_passed_over() {
        let body = r#" { "New" : [ { "a" : [ 1.5e-3, "\u00e9\n", null, true, false ] } ] , "StreamName" : "s", "Data":"YQ==",
            "PartitionKey":"\ud83d\ude00\/", "ExplicitHashKey":null } "#;
        let input = read::<kinesis::PutRecordInput>(body).unwrap();
        assert_eq!(input.partition_key.as_deref(), Some("😀/"));
        assert_eq!((&input.data[..], input.explicit_hash_key), (&b"a"[..], None));
    }

    #[test]
    fn an_escaped_slash_is_base64_too() {
        let input = read::<kinesis::PutRecordInput>(r#"{"Data":"\/\/8="}"#).unwrap();
        assert_eq!(&input.data[..], &[255, 255]);
    }

    #[test]
    fn a_string_ends_at_its_quote_and_has_no_control_character_wherever_they_stand() {
        let name = |text: &str| {
            let read = read::<kinesis::DeleteStreamInput>(&format!(r#"{{"StreamName":"{text}"}}"#));
            read.ok().and_then(|input| input.stream_name)
        };
        for length in 1..40 {
            let text = "a".repeat(length);
            assert_eq!(name(&text), Some(text.clone()));
            for at in 0..length {
                let with = |other: &str| format!("{}{other}{}", &text[..at], &text[at + 1..]);
                assert_eq!([name(&with("\u{1f}")), name(&with("\0")), name(&with("\""))], [None, None, None]);
                assert_eq!(name(&with(r"\u0062")), Some(with("b")));
            }
        }
    }

    #[test]
    fn malformed_bodies_are_told_by_name_alone() {
        let deep = format!(r#"{{"New":{}"#, "[".repeat(100_000));
        let deep_value = format!(r#"{{"Item":{}"#, r#"{"a":{"M":"#.repeat(10_000));
        for body in [
            "",
            " ",
            "{",
            "}",
            "[]",
            "null",
            "23",
            r#""a""#,
            "{}x",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e}"#,
            r#"{"a":-}"#,
            r#"{"a":+1}"#,
            r#"{"a":tru}"#,
            r#"{"a":nul}"#,
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\ud800\u0041"}"#,
            r#"{"a":"\udc00"}"#,
            "{\"a\":\"\n\"}",
            r#"{"a":"b}"#,
            r#"{"a":"b\"}"#,
            r#"{"StreamName":"\ud800"}"#,
            r#"{'a':1}"#,
            &deep,
            &deep_value,
        ] {
            let error = read::<dynamodb::PutItemInput>(body).unwrap_err();
            assert_eq!((error.code, error.message), ("SerializationException", None), "{body:.60}");
            assert!(well_formed(Dialect::Json10, &Bytes::copy_from_slice(body.as_bytes())).is_err(), "{body:.60}");
        }
        let not_utf8 = Bytes::from_static(b"{\"StreamName\":\"\xff\"}");
        assert!(decode::<kinesis::PutRecordInput>(Dialect::Json11, &not_utf8).is_err());
        assert!(well_formed(Dialect::Json11, &Bytes::from_static(br#"{"a":[1,{"b":null}]}"#)).is_ok());
    }
}
