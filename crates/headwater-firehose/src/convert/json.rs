//! JSON as records hold it: one document after another, read into a tree that borrows from the record.
//!
//! Invariant: numbers keep their digits and objects their order, as what they become depends on a column's type alone.
use std::borrow::Cow;

/// How deep a document may nest: far more than a column's type can.
const MAX_DEPTH: u32 = 128;

/// One value.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Json<'a> {
    Null,
    Boolean(bool),
    /// As it stands in the text.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// The documents of a text, in order.
pub(super) struct Documents<'a> {
    text: &'a str,
    at: usize,
}

/// Why a text is no JSON: one sentence.
type Result<T> = std::result::Result<T, String>;

impl<'a> Documents<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next document; none at the end of the text.
    ///
    /// # Errors
    /// A sentence on what is malformed, and where.
    pub(super) fn next(&mut self) -> Result<Option<Json<'a>>> {
        self.skip_space();
        if self.at == self.text.len() { Ok(None) } else { self.value(MAX_DEPTH).map(Some) }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Whether `byte` came next; it is consumed then.
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn unexpected<T>(&self) -> Result<T> {
        Err(match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(found) => format!("Unexpected character {found:?} at byte {}.", self.at),
            None => format!("Unexpected end of input at byte {}.", self.at),
        })
    }

    fn value(&mut self, depth: u32) -> Result<Json<'a>> {
        match self.peek() {
            Some(b'{') if depth > 0 => self.object(depth - 1),
            Some(b'[') if depth > 0 => self.array(depth - 1),
            Some(b'{' | b'[') => Err(format!("The document nests deeper than {MAX_DEPTH} levels.")),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Boolean(true)),
            Some(b'f') => self.word("false", Json::Boolean(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => self.unexpected(),
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return self.unexpected();
        }
        self.at += word.len();
        Ok(value)
    }

    fn array(&mut self, depth: u32) -> Result<Json<'a>> {
        self.at += 1;
        let mut elements = Vec::new();
        self.skip_space();
        if self.takes(b']') {
            return Ok(Json::Array(elements));
        }
        loop {
            self.skip_space();
            elements.push(self.value(depth)?);
            self.skip_space();
            if self.takes(b']') {
                return Ok(Json::Array(elements));
            }
            if !self.takes(b',') {
                return self.unexpected();
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<Json<'a>> {
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        if self.takes(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return self.unexpected();
            }
            let key = self.string()?;
            self.skip_space();
            if !self.takes(b':') {
                return self.unexpected();
            }
            self.skip_space();
            members.push((key, self.value(depth)?));
            self.skip_space();
            if self.takes(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.takes(b',') {
                return self.unexpected();
            }
        }
    }

    fn number(&mut self) -> Result<Json<'a>> {
        let begin = self.at;
        self.takes(b'-');
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            let _is_signed = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        Ok(Json::Number(self.text.get(begin..self.at).unwrap_or_default()))
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<()> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == begin { self.unexpected() } else { Ok(()) }
    }

    fn string(&mut self) -> Result<Cow<'a, str>> {
        self.at += 1;
        let plain = self.plain()?;
        if self.takes(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        while !self.takes(b'"') {
            self.at += 1;
            text.push(self.escaped()?);
            text.push_str(self.plain()?);
        }
        Ok(Cow::Owned(text))
    }

    /// The characters up to the next quote or backslash.
    fn plain(&mut self) -> Result<&'a str> {
        let begin = self.at;
        loop {
            match self.peek() {
                Some(b'"' | b'\\') => return Ok(self.text.get(begin..self.at).unwrap_or_default()),
                Some(0..0x20) | None => return self.unexpected(),
                Some(_) => self.at += 1,
            }
        }
    }

    /// The character meant behind a backslash. Half a surrogate pair is no character.
    fn escaped(&mut self) -> Result<char> {
        let meant = match self.peek() {
            Some(same @ (b'"' | b'\\' | b'/')) => char::from(same),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.unexpected(),
        };
        self.at += 1;
        Ok(meant)
    }

    fn unicode(&mut self) -> Result<char> {
        self.at += 1;
        let high = self.hex()?;
        let is_pair =
            (0xD800..0xDC00).contains(&high) && self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u"));
        if !is_pair {
            return Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let behind_high = self.at;
        self.at += 2;
        let low = self.hex()?;
        if !(0xDC00..0xE000).contains(&low) {
            self.at = behind_high;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let joined = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        Ok(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.unexpected();
            };
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }
}

impl Json<'_> {
    /// The document on one line without spaces, its keys as `named` says.
    pub(super) fn write(&self, out: &mut String, named: &dyn Fn(&str) -> String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => quote(out, text),
            Self::Array(elements) => {
                out.push('[');
                for (index, element) in elements.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    element.write(out, named);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (key, value)) in members.iter().enumerate() {
                    out.push_str(if index == 0 { "" } else { "," });
                    quote(out, &named(key));
                    out.push(':');
                    value.write(out, named);
                }
                out.push('}');
            }
        }
    }
}

fn quote(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn all(text: &str) -> Result<Vec<Json<'_>>> {
        let mut documents = Documents::of(text);
        std::iter::from_fn(|| documents.next().transpose()).collect()
    }

    /// The text of every document.
    fn written(text: &str) -> Vec<String> {
        let write = |json: &Json<'_>| {
            let mut out = String::new();
            json.write(&mut out, &str::to_owned);
            out
        };
        all(text).unwrap().iter().map(write).collect()
    }

    #[test]
    fn documents_follow_one_another_with_or_without_space() {
        assert_eq!(written(" {\"a\": 1}{\"b\":[true, null]}\n"), [r#"{"a":1}"#, r#"{"b":[true,null]}"#]);
        assert!(all(" \n\t").unwrap().is_empty());
    }

    #[test]
    fn numbers_keep_their_digits() {
        for number in ["0", "-0.10", "12345678901234567890.12", "1E+400"] {
            assert_eq!(all(number), Ok(vec![Json::Number(number)]));
        }
    }

    #[test]
    fn what_is_malformed_is_said_with_its_place() {
        for (text, why) in [
            ("this", "Unexpected character 't' at byte 0."),
            ("{\"a\":}", "Unexpected character '}' at byte 5."),
            ("{\"a\":1", "Unexpected end of input at byte 6."),
            ("{a:1}", "Unexpected character 'a' at byte 1."),
            ("\"a\nb\"", "Unexpected character '\\n' at byte 2."),
            ("-", "Unexpected end of input at byte 1."),
        ] {
            assert_eq!(all(text), Err(why.to_owned()), "{text}");
        }
        assert!(all(&"[".repeat(5_000)).unwrap_err().contains("nests deeper"));
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        let text = |text: &'static str| all(text).unwrap();
        assert_eq!(text(r#""\ud83d\ude00""#), [Json::Text("😀".into())]);
        assert_eq!(text(r#""\ud83dx\u0041""#), [Json::Text("\u{fffd}xA".into())]);
        assert_eq!(text(r#""\ud83d\u0041""#), [Json::Text("\u{fffd}A".into())]);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_another_writer_wrote_comes_back(value in value(), is_pretty: bool) {
            let text = if is_pretty { format!("{value:#}") } else { value.to_string() };
            let back = written(&text);
            prop_assert_eq!(back.len(), 1);
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            prop_assert_eq!(read(&back[0]), read(&text));
        }

        #[test]
        fn nothing_makes_it_panic_and_what_it_takes_others_take(text in r#"[\[\]{}",:\\eu0-9.a\-+ \n]{0,40}"#) {
            if let Ok(documents) = all(&text) {
                for document in documents {
                    let mut out = String::new();
                    document.write(&mut out, &str::to_owned);
                    // Numbers beyond a double are JSON all the same.
                    prop_assert!(!matches!(serde_json::from_str::<Value>(&out), Err(error) if !error.to_string().contains("out of range")));
                }
            }
        }
    }
}
