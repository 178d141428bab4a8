//! YAML and JSON as a tree in which everything knows its line. Invariant: one parser reads both (JSON is YAML), and no
//! document, however it nests or repeats itself, costs more than its limits allow.
use crate::problem::Problem;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// Deeper documents are refused.
const MAX_DEPTH: usize = 200;
/// Values of a document at most, those repeated by aliases included.
const MAX_NODES: usize = 2_000_000;
/// Text that aliases may repeat.
const MAX_REPEATED_BYTES: usize = 64 << 20;

/// A value and the line it begins on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// The first is 1.
    pub(crate) line: usize,
    /// What stands there.
    pub(crate) content: Content,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Null, a truth value, a number or a text.
    Scalar(Value),
    /// Values in order.
    List(Vec<Node>),
    /// Members in order.
    Map(Vec<(Key, Node)>),
}

/// A member's name and the line it stands on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    /// The first is 1.
    pub(crate) line: usize,
    /// As it is written.
    pub(crate) name: String,
}

impl Node {
    /// Reads a document.
    ///
    /// # Errors
    /// Why it is none, and on which line.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let mut builder = Builder::default();
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok(event) => event,
                // JSON writes letters beyond 16 bits as two escapes, which is no YAML; then there are no lines.
                Err(error) => {
                    let read = serde_json::from_str(text).map(|value| Self::of(&value));
                    return read.map_err(|_| Problem::error(error.marker().line(), error.info()));
                }
            };
            if builder.take(event, span.start.line())? {
                break;
            }
        }
        builder.root.ok_or_else(|| Problem::error(1, "the document is empty"))
    }

    fn of(value: &Value) -> Self {
        let key = |name: &String| Key { line: 1, name: name.clone() };
        let content = match value {
            Value::Array(items) => Content::List(items.iter().map(Self::of).collect()),
            Value::Object(members) => {
                Content::Map(members.iter().map(|(name, member)| (key(name), Self::of(member))).collect())
            }
            scalar => Content::Scalar(scalar.clone()),
        };
        Self { line: 1, content }
    }

    /// The member of that name.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The members; none if it is no map.
    #[must_use]
    pub(crate) fn members(&self) -> &[(Key, Self)] {
        match &self.content {
            Content::Map(members) => members,
            _ => &[],
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The value without its lines.
    #[must_use]
    pub(crate) fn json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::json).collect(),
            Content::Map(members) => {
                Value::Object(members.iter().map(|(key, node)| (key.name.clone(), node.json())).collect::<Map<_, _>>())
            }
        }
    }

    /// What its texts hold.
    fn text_bytes(&self) -> usize {
        match &self.content {
            Content::Scalar(Value::String(text)) => text.len(),
            Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(Self::text_bytes).sum(),
            Content::Map(members) => members.iter().map(|(key, node)| key.name.len() + node.text_bytes()).sum(),
        }
    }

    fn count(&self) -> usize {
        1 + match &self.content {
            Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(Self::count).sum(),
            Content::Map(members) => members.iter().map(|(_, node)| node.count()).sum(),
        }
    }
}

/// A list or a map that is not closed yet.
struct Open {
    line: usize,
    anchor: usize,
    content: Content,
    /// The key whose value comes next.
    key: Option<Key>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    repeated_bytes: usize,
    root: Option<Node>,
}

impl Builder {
    /// Takes an event; true if the document is over.
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<bool, Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(open) = self.open.last_mut().filter(|open| open.awaits_key()) {
                    open.key = Some(Key { line, name: text.into_owned() });
                    return Ok(false);
                }
                let value = scalar(&text, style, tag.as_deref());
                self.put(Node { line, content: Content::Scalar(value) }, anchor)?;
            }
            Event::SequenceStart(anchor, _) => self.begin(line, anchor, Content::List(Vec::new()))?,
            Event::MappingStart(anchor, _) => self.begin(line, anchor, Content::Map(Vec::new()))?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { line, anchor, content, .. }) = self.open.pop() {
                    self.put(Node { line, content }, anchor)?;
                }
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or_else(|| Problem::error(line, "an alias of nothing, or of what it stands in"))?;
                self.nodes += node.count();
                self.repeated_bytes += node.text_bytes();
                if self.repeated_bytes > MAX_REPEATED_BYTES {
                    return Err(Problem::error(line, "aliases repeat more text than is read"));
                }
                self.put(Node { line, ..node }, 0)?;
            }
            Event::DocumentEnd => return Ok(true),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
        Ok(false)
    }

    fn begin(&mut self, line: usize, anchor: usize, content: Content) -> Result<(), Problem> {
        if self.open.len() == MAX_DEPTH {
            return Err(Problem::error(line, format!("nested more than {MAX_DEPTH} deep")));
        }
        if self.open.last().is_some_and(Open::awaits_key) {
            return Err(Problem::error(line, "a key must be a text"));
        }
        self.open.push(Open { line, anchor, content, key: None });
        Ok(())
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Problem::error(node.line, format!("more than {MAX_NODES} values")));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.content, open.key.take()) {
            (Content::List(items), _) => items.push(node),
            (Content::Map(members), Some(key)) => {
                if members.iter().any(|(held, _)| held.name == key.name) {
                    return Err(Problem::error(key.line, format!("`{}` is there twice", key.name)));
                }
                members.push((key, node));
            }
            (Content::Map(_) | Content::Scalar(_), _) => {
                return Err(Problem::error(node.line, "a key must be a text"));
            }
        }
        Ok(())
    }
}

impl Open {
    fn awaits_key(&self) -> bool {
        matches!(self.content, Content::Map(_)) && self.key.is_none()
    }
}

/// What a scalar means by YAML's core schema.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return text.into();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => true.into(),
        "false" | "False" | "FALSE" => false.into(),
        _ => number(text).map_or_else(|| text.into(), Value::Number),
    }
}

/// The number `text` is. A whole number too large to be kept exactly stays a text: sequence numbers are such.
fn number(text: &str) -> Option<Number> {
    let radix = |prefix: &str, radix| u64::from_str_radix(text.strip_prefix(prefix)?, radix).ok();
    if let Some(whole) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(whole.into());
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = text.strip_prefix('+').unwrap_or(text);
        return text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from)).ok();
    }
    let is_decimal = digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    is_decimal.then(|| text.parse().ok().and_then(Number::from_f64)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(text: &str) -> Value {
        Node::parse(text).unwrap().json()
    }

    #[test]
    fn everything_knows_its_line() {
        let tree = Node::parse("a: 1\nb:\n- x\n-\n  c: >-\n    long\n    text\n").unwrap();
        let b = tree.get("b").unwrap();
        let Content::List(items) = &b.content else { panic!("a list") };
        assert_eq!((tree.line, items[0].line, items[1].get("c").unwrap().line), (1, 3, 6));
        assert_eq!(tree.members()[1].0, Key { line: 2, name: "b".into() });
        assert_eq!(items[1].get("c").unwrap().text(), Some("long text"));
    }

    #[test]
    fn scalars_mean_what_the_core_schema_says() {
        assert_eq!(
            read("[1, -2, 0x10, 1.5, 1e3, true, null, ~, '1', 1.0.1, yes, on, 2026-01-01, .5]"),
            json!([1, -2, 16, 1.5, 1000.0, true, null, null, "1", "1.0.1", "yes", "on", "2026-01-01", 0.5])
        );
        let large = "49680424623917199977329087577769265516555621304121688066";
        assert_eq!(read(large), large);
        assert_eq!(read("{200: ok}"), json!({"200": "ok"}));
        assert_eq!(read(r#"{"a": ["\ud83d\ude00"]}"#), json!({"a": ["\u{1f600}"]}));
    }

    #[test]
    fn aliases_are_what_they_name_and_cannot_blow_up() {
        assert_eq!(read("a: &x {b: 1}\nc: *x"), json!({"a": {"b": 1}, "c": {"b": 1}}));
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..10 {
            let last = level - 1;
            let many = vec![format!("*a{last}"); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{many}]\n"));
        }
        assert!(Node::parse(&bomb).unwrap_err().sentence.contains("more than"));
        let heavy = format!("a: &a {}\nb: [{}]", "x".repeat(1 << 20), vec!["*a"; 100].join(", "));
        assert!(Node::parse(&heavy).unwrap_err().sentence.contains("more text"));
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_line() {
        assert_eq!(Node::parse("a: 1\nb: 2\na: 3\n").unwrap_err(), Problem::error(3, "`a` is there twice"));
        assert!(Node::parse("a: 'open\n").unwrap_err().is_error());
        assert!(Node::parse("").unwrap_err().sentence.contains("empty"));
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        assert!(Node::parse(&deep).unwrap_err().is_error());
    }

    proptest! {
        #[test]
        fn json_is_read_as_json(text in "[ -~äß\n\t\"\\\\]{0,20}", number in any::<i64>(), truth: bool) {
            let value = json!({"text": text, "list": [number, truth, null, {"nested": text}], "": {}});
            prop_assert_eq!(read(&value.to_string()), value.clone());
            prop_assert_eq!(read(&serde_json::to_string_pretty(&value).unwrap()), value);
        }
    }
}
