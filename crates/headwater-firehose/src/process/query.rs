//! The query that finds a record's partition keys: an object construction in jq, of which each entry is a key.
//!
//! Invariant: a query that stands names its keys, ends, and has a text for every key of every record it does not fail.
use super::{Cause, jq};
use crate::failure::METADATA_EXTRACTION_FAILED;
use jaq_core::load::{
    Lexer, Parser,
    lex::{StrPart, Tok, Token},
    parse::{BinaryOp, Term},
};
use jaq_json::{Num, Val};
use std::collections::BTreeMap;

/// Keys of a query at most.
const KEYS: usize = 50;
/// Brackets within brackets at most: a parser goes as deep as they do.
const NESTING: usize = 32;
/// Words and signs of one entry at most, for the same reason.
const ENTRY_TOKENS: usize = 256;

/// A query, ready to be run.
pub(super) struct Query {
    program: jq::Program,
    keys: Vec<String>,
}

impl Query {
    /// The query `text`, or the sentence that refuses it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let refused = |why: &str| format!("MetaDataExtraction JQ Query is not valid: {why}");
        if nesting(text) > NESTING {
            return Err(refused("it is nested too deeply."));
        }
        let tokens = Lexer::new(text).lex().map_err(|_| refused("it is no jq."))?;
        if largest_entry(&tokens) > ENTRY_TOKENS {
            return Err(refused("an entry is too long."));
        }
        let term = Parser::new(&tokens).parse(|parser| parser.term()).map_err(|_| refused("it is no jq."))?;
        let keys = keys(&term).map_err(refused)?;
        if keys.len() > KEYS {
            return Err(refused("it has more than 50 keys."));
        }
        let program = jq::Program::new(term).map_err(|why| refused(&why))?;
        Ok(Self { program, keys })
    }

    /// The keys it names, each once.
    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The keys and values of a record that carries `data`.
    pub(super) fn run(&self, data: &[u8]) -> Result<BTreeMap<String, String>, Cause> {
        let cause = |message: &str| Cause {
            output_type: METADATA_EXTRACTION_FAILED,
            code: "DynamicPartitioning.MetadataExtractionFailed",
            message: message.to_owned(),
        };
        let input = jq::value(data).ok_or_else(|| cause("Non JSON record provided"))?;
        let Val::Obj(found) = self.program.run(input).map_err(|why| cause(&why))? else {
            return Err(cause("The query did not return an object"));
        };
        let value = |key: &String| {
            let value = found.get(&Val::from(key.clone())).and_then(text).filter(|value| !value.is_empty());
            Some((key.clone(), value?))
        };
        let values: Option<BTreeMap<_, _>> = self.keys.iter().map(value).collect();
        values.ok_or_else(|| cause("partitionKeys values must not be null or empty"))
    }
}

/// `value` as it stands in an object's key; `None` if it is no scalar.
fn text(value: &Val) -> Option<String> {
    /// Whole numbers below are written without a fraction, as jq does.
    const WHOLE: f64 = 1e17;
    match value {
        Val::TStr(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Val::Bool(truth) => Some(truth.to_string()),
        Val::Num(Num::Float(number)) if number.is_nan() => None,
        Val::Num(Num::Float(number)) if number.fract() == 0.0 && number.abs() < WHOLE => Some(format!("{number:.0}")),
        Val::Num(_) => Some(value.to_string()),
        _ => None,
    }
}

/// How deep brackets stand within brackets, those of `\(…)` in strings too.
fn nesting(text: &str) -> usize {
    let (mut open, mut deepest) = (Vec::new(), 0);
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        let is_in_string = open.last() == Some(&b'"');
        match letter {
            b'"' if is_in_string => drop(open.pop()),
            b'\\' if is_in_string => {
                let escaped = letters.next();
                if escaped == Some(b'(') {
                    open.push(b'(');
                }
            }
            _ if is_in_string => {}
            b'"' | b'(' | b'[' | b'{' => open.push(letter),
            b')' | b']' | b'}' => drop(open.pop()),
            b'#' => drop(letters.by_ref().find(|letter| *letter == b'\n')),
            _ => {}
        }
        deepest = deepest.max(open.len());
    }
    deepest
}

/// Words and signs of the largest entry of an object construction, or of all of `tokens` if they are something else.
fn largest_entry(tokens: &[Token<&str>]) -> usize {
    match tokens {
        [Token(_, Tok::Block(tokens))] => {
            let entries = tokens.split(|token| token.0 == ",");
            entries.map(|entry| entry.iter().map(count).sum()).max().unwrap_or_default()
        }
        _ => tokens.iter().map(count).sum(),
    }
}

fn count(token: &Token<&str>) -> usize {
    match &token.1 {
        Tok::Block(tokens) => 1 + tokens.iter().map(count).sum::<usize>(),
        Tok::Str(parts) => {
            let inner =
                |part: &StrPart<&str, Token<&str>>| if let StrPart::Term(token) = part { count(token) } else { 1 };
            1 + parts.iter().map(inner).sum::<usize>()
        }
        _ => 1,
    }
}

/// The keys of the object that `term` makes, or why they are not known.
fn keys(term: &Term<&str>) -> Result<Vec<String>, &'static str> {
    let entries = match term {
        Term::Obj(entries) => entries,
        Term::BinOp(_, BinaryOp::Pipe(_), last) => return keys(last),
        _ => return Err("it must construct an object, such as {customer_id: .customer_id}."),
    };
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in entries {
        let Term::Str(None, parts) = key else { return Err("its keys must be names or strings.") };
        let mut name = String::new();
        for part in parts {
            match part {
                StrPart::Str(text) => name.push_str(text),
                StrPart::Char(letter) => name.push(*letter),
                StrPart::Term(_) => return Err("its keys must be names or strings."),
            }
        }
        if !keys.contains(&name) {
            keys.push(name);
        }
    }
    if keys.is_empty() { Err("it has no keys.") } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECORD: &str = r#"{"type":{"device":"mobile","event":"click"},"customer_id":"1234567890",
        "event_timestamp":1565382027,"ms":1565382027123,"at":"2019-08-09T20:20:27Z","n":3,"f":2.5,"t":true,
        "items":[{"id":7},{"id":8}],"empty":"","null":null,"big":9007199254740993,"deep":"[1]"}"#;

    /// The value of the one key of a query that gives it `expression`.
    fn value(expression: &str) -> Result<String, String> {
        let query = Query::new(&format!("{{k: {expression}}}"))?;
        let keys = query.run(RECORD.as_bytes()).map_err(|cause| cause.message)?;
        Ok(keys["k"].clone())
    }

    #[track_caller]
    fn is(expression: &str, expected: &str) {
        assert_eq!(value(expression).as_deref(), Ok(expected), "{expression}");
    }

    #[test]
    fn the_queries_of_the_guide_find_their_keys() {
        let query = Query::new(
            r#"{customer_id: .customer_id, device: .type.device, year: .event_timestamp|strftime("%Y"),
                "month":.event_timestamp| strftime("%m"), day: .event_timestamp| strftime("%d"), hour: .event_timestamp| strftime("%H"),}"#,
        )
        .unwrap();
        assert_eq!(query.keys(), ["customer_id", "device", "year", "month", "day", "hour"]);
        let keys = query.run(RECORD.as_bytes()).ok().unwrap();
        let values: Vec<&str> = query.keys().iter().map(|key| &*keys[key]).collect();
        assert_eq!(values, ["1234567890", "mobile", "2019", "08", "09", "20"]);
    }

    #[test]
    fn expressions_do_as_in_jq() {
        is("(.ms / 1000 | floor | strftime(\"%Y-%m-%d\"))", "2019-08-09");
        is("(.at | fromdate | strftime(\"%j\"))", "221");
        is("(.at | strptime(\"%Y-%m-%dT%H:%M:%SZ\") | mktime)", "1565382027");
        is("(.event_timestamp | todate)", "2019-08-09T20:20:27Z");
        is("(.missing // \"none\")", "none");
        is("(if .n > 2 then \"many\" else \"few\" end)", "many");
        is(".n", "3");
        is("(.n * 2)", "6");
        is("(6 / 2)", "3");
        is(".f", "2.5");
        is(".t", "true");
        is(".big", "9007199254740993");
        is(".items[0].id", "7");
        is("([.items[].id] | add)", "15");
        is("(.items | map(.id | tostring) | join(\"-\"))", "7-8");
        is("([.items[] | select(.id > 7)] | length)", "1");
        is("(.at | split(\"T\") | .[0])", "2019-08-09");
        is("(.at | sub(\"-.*\"; \"\"))", "2019");
        is("(.type.device | test(\"^mob\"))", "true");
        is("(.type.device | ascii_upcase)", "MOBILE");
        is("\"\\(.type.device)-\\(.n)\"", "mobile-3");
        is("(.type.device as $d | $d + \"!\")", "mobile!");
        is("(.customer_id | tonumber)", "1234567890");
        is("(.type | to_entries | map(.key) | join(\",\"))", "device,event");
        is("(try error(\"x\") catch .)", "x");
        is("(.customer_id | .[0:3])", "123");
        is("(.deep | fromjson | .[0])", "1");
        is("(first(.items[].id))", "7");
        is("(.type | has(\"device\"))", "true");
        is("(\"ab\" * 2)", "abab");
        is("(.customer_id | @base64)", "MTIzNDU2Nzg5MA==");
    }

    #[test]
    fn a_value_must_be_a_scalar_and_not_empty() {
        for expression in [".missing", ".null", ".empty", ".items", ".type", "(0/0)"] {
            assert_eq!(
                value(expression),
                Err("partitionKeys values must not be null or empty".to_owned()),
                "{expression}"
            );
        }
    }

    #[test]
    fn what_is_no_json_fails() {
        let query = Query::new("{a: .a}").unwrap();
        for data in ["", "text", "{\"a\":1}{\"a\":2}", "{\"a\":1,}", "{a:1}", "{\"a\":NaN}", &"[".repeat(500_000)] {
            assert_eq!(
                query.run(data.as_bytes()).map_err(|cause| cause.message),
                Err("Non JSON record provided".to_owned())
            );
        }
    }

    #[test]
    fn what_may_not_end_or_looks_outside_is_refused() {
        for expression in [
            "(def f: f; f)",
            "(reduce .[] as $x (0; .))",
            "(foreach .[] as $x (0; .))",
            "range(9)",
            "repeat(.)",
            "..",
            "recurse",
            "env",
            "$ENV",
            "$ENV.PATH",
            "input",
            "inputs",
            "now",
            "halt",
            "debug",
            "(label $x | break $x)",
            "(.a = 1)",
            "(.a |= 1)",
            "(.a += 1)",
            "walk(.)",
            "until(false; .)",
            "import",
            "include",
            "input_filename",
            "localtime",
        ] {
            assert!(Query::new(&format!("{{k: {expression}}}")).is_err(), "{expression}");
        }
    }

    #[test]
    fn keys_must_be_known_beforehand() {
        for query in
            ["", ".a", "{}", "[.a]", "{(.a): 1}", "{\"\\(.a)\": 1}", "{$x}", "{a: 1", "{a: 1} | .a", "{a:1},{b:1}"]
        {
            assert!(Query::new(query).is_err(), "{query}");
        }
        assert_eq!(Query::new(".type | {device, \"e-1\": .event}").unwrap().keys(), ["device", "e-1"]);
    }

    #[test]
    fn deep_or_long_queries_are_refused_before_they_are_parsed() {
        for (open, close) in
            [("(", ")"), ("[", "]"), ("{a:", "}"), ("-", ""), ("try ", ""), ("1 as $x | ", ""), ("if 1 then ", "")]
        {
            let text = format!("{{k: {}1{}}}", open.repeat(400), close.repeat(400));
            assert!(Query::new(&text).is_err(), "{open}");
        }
        assert!(Query::new(&"\"\\(".repeat(1000)).is_err());
    }

    #[test]
    fn work_without_end_is_stopped() {
        let list = format!("[{}]", vec!["1"; 2000].join(","));
        for expression in [
            "([.[] as $a | .[] as $b | .[] as $c | $a] | length)",
            "(try ([.[] as $a | .[] as $b | .[] as $c | $a] | length) catch \"caught\")",
            "([(.[] as $a | .[] as $b | .[] as $c | $a)?] | length)",
            "((.[] as $a | .[] as $b | .[] as $c | false) // \"other\")",
            "(\"x\" * 1000000000)",
            "(\"x\" * 100000000000000000000)",
            &format!("(tojson{} | length)", " | . + .".repeat(40)),
            &format!("(tojson{} | length)", " | \"\\(.)\\(.)\"".repeat(25)),
            &format!("(.{} | tojson | length)", " | [., .]".repeat(40)),
            &format!("(.{} | . == 1)", " | [., .]".repeat(40)),
            &format!("(.{} | error)", " | [., .]".repeat(40)),
            &format!("([.{}] | length)", " | (., .)".repeat(40)),
            "(tojson | test(\"(1{900}){900}\"))",
            "(tojson * 9 | . as $a | indices($a + \"1\") | length)",
        ] {
            let query = Query::new(&format!("{{k: {expression}}}")).unwrap();
            assert!(query.run(list.as_bytes()).is_err(), "{expression}");
        }
        let query = Query::new(&format!("{{k: (3{})}}", " | . * .".repeat(50))).unwrap();
        assert!(query.run(b"1").is_ok());
    }

    #[test]
    fn times_out_of_range_are_errors() {
        let query = Query::new("{k: .|strftime(\"%Y\")}").unwrap();
        for time in ["9223372036854775807", "-9223372036854775808", "1e300", "\"x\"", "[2020,127,1,1,1,1]", "[]", "{}"]
        {
            assert!(query.run(time.as_bytes()).is_err(), "{time}");
        }
        assert_eq!(query.run(b"[2020,11,1,1,1,1,0,0]").ok().unwrap()["k"], "2020");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn noise_is_never_a_panic(query in "[a-c.|{}()\\[\\]\":,+*$ @0-9\\\\/-]{0,40}", data in any::<Vec<u8>>()) {
            let _ = Query::new(&query);
            if let Ok(query) = Query::new(&format!("{{k: {query}}}")) {
                let _ = query.run(RECORD.as_bytes());
            }
            let _ = Query::new("{a: .a}").unwrap().run(&data);
        }
    }
}
