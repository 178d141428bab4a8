//! Runtime expressions: `$steps.put.outputs.shardId`, `$response.body#/Records/0`. Invariant: everything an expression can
//! name stands in one JSON value, the scope, under the same names; evaluating is walking there, and never fails.
use serde_json::Value;

/// What a runtime expression names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// From the scope's root, without the `$`: `steps.put.outputs.shardId`.
    path: String,
    /// A JSON Pointer from there; empty for the whole value.
    pointer: String,
}

impl Expression {
    /// The expression `text` is as a whole; `None` if it is a text like any other.
    ///
    /// # Errors
    /// A sentence if it begins like an expression and is none.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let Some(rest) = text.strip_prefix('$') else { return Ok(None) };
        if matches!(rest, "url" | "method" | "statusCode" | "self") {
            return Ok(Some(Self { path: rest.into(), pointer: String::new() }));
        }
        let Some((root, tail)) = rest.split_once('.') else { return Ok(None) };
        if text.contains(char::is_whitespace) || text.contains(['{', '}']) {
            return Ok(None);
        }
        let wrong = |why: &str| Err(format!("`{text}`: {why}"));
        match root {
            "request" | "response" => return message(text, root, tail).map(Some),
            "message" => return Ok(Some(Self { path: rest.into(), pointer: String::new() })),
            "inputs" | "outputs" | "steps" | "workflows" | "sourceDescriptions" | "components" => {}
            _ => return Ok(None),
        }
        let (path, pointer) = rest.split_once('#').unwrap_or((rest, ""));
        let names: Vec<&str> = path.split('.').collect();
        let is_whole = match root {
            "steps" => names.len() >= 3 && names.iter().skip(2).any(|name| *name == "outputs"),
            "workflows" => names.len() >= 4 && names.iter().skip(2).any(|name| matches!(*name, "inputs" | "outputs")),
            "sourceDescriptions" | "components" => names.len() >= 3,
            _ => names.len() >= 2,
        };
        match root {
            _ if names.iter().any(|name| name.is_empty()) => wrong("a name is missing"),
            _ if !is_pointer(pointer) => wrong("behind # stands a JSON Pointer, which begins with /"),
            "steps" if !is_whole => wrong("write $steps.<stepId>.outputs.<name>"),
            "workflows" if !is_whole => wrong("write $workflows.<workflowId>.outputs.<name> or .inputs.<name>"),
            "sourceDescriptions" if !is_whole => wrong("write $sourceDescriptions.<name>.<what>"),
            "components" if !is_whole => wrong("write $components.<kind>.<name>"),
            _ => Ok(Some(Self { path: path.into(), pointer: pointer.into() })),
        }
    }

    /// What it names in `scope`; `None` if nothing stands there.
    #[must_use]
    pub fn evaluate<'a>(&self, scope: &'a Value) -> Option<&'a Value> {
        let found = descend(scope, &self.path)?;
        if self.pointer.is_empty() { Some(found) } else { found.pointer(&self.pointer) }
    }

    /// Its names, with the root: `["steps", "put", "outputs", "shardId"]`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.path.split('.')
    }
}

/// A part of a request or a response.
fn message(text: &str, root: &str, tail: &str) -> Result<Expression, String> {
    if let Some(rest) = tail.strip_prefix("body") {
        let (path, pointer) = rest.split_once('#').unwrap_or((rest, ""));
        if (path.is_empty() || path.starts_with(['.', '['])) && is_pointer(pointer) {
            return Ok(Expression { path: format!("{root}.body{path}"), pointer: pointer.into() });
        }
        return Err(format!("`{text}`: behind `body` stands nothing, or # and a JSON Pointer, which begins with /"));
    }
    match tail.split_once('.') {
        Some(("header", name)) if !name.is_empty() => {
            Ok(Expression { path: format!("{root}.header.{}", name.to_ascii_lowercase()), pointer: String::new() })
        }
        Some(("query" | "path", name)) if root == "request" && !name.is_empty() => {
            Ok(Expression { path: format!("{root}.{tail}"), pointer: String::new() })
        }
        _ if root == "request" => {
            Err(format!("`{text}`: a request has header.<name>, query.<name>, path.<name>, body"))
        }
        _ => Err(format!("`{text}`: a response has header.<name> and body")),
    }
}

fn is_pointer(text: &str) -> bool {
    text.is_empty() || text.starts_with('/')
}

/// The value at `path`: names after dots, indices in brackets. Names may have dots themselves, so the longest one that
/// is there is tried first.
fn descend<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(value);
    }
    if let Some((index, rest)) = path.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let name = index.trim_matches(['\'', '"']);
        let found = value.get(name).or_else(|| value.get(name.parse::<usize>().ok()?))?;
        return descend(found, rest.strip_prefix('.').unwrap_or(rest));
    }
    let cuts = path.char_indices().filter(|(_, letter)| matches!(letter, '.' | '[')).map(|(at, _)| at);
    let cuts: Vec<usize> = cuts.chain([path.len()]).collect();
    cuts.into_iter().rev().find_map(|cut| {
        let (name, rest) = path.split_at(cut);
        let found = value.get(name).or_else(|| value.get(name.parse::<usize>().ok()?))?;
        descend(found, rest.strip_prefix('.').unwrap_or(rest))
    })
}

/// A stretch of a text in which expressions are embedded as `{$…}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Itself.
    Text(&'a str),
    /// To be replaced by what it names.
    Embedded(Expression),
}

/// The pieces of a text. Braces around anything else than an expression are text.
///
/// # Errors
/// A sentence on an embedded expression that is none.
pub(crate) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = rest.get(from..).and_then(|rest| rest.find("{$")).map(|at| at + from) {
        let inner = rest.get(at + 1..).unwrap_or_default();
        let inner = inner.find('}').and_then(|end| inner.get(..end)).unwrap_or_default();
        match Expression::parse(inner)? {
            Some(expression) => {
                let (before, after) = rest.split_at(at);
                pieces.push(Piece::Text(before));
                pieces.push(Piece::Embedded(expression));
                rest = after.get(inner.len() + 2..).unwrap_or_default();
                from = 0;
            }
            None => from = at + 2,
        }
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn scope() -> Value {
        json!({
            "statusCode": 200, "url": "http://a/b", "method": "POST",
            "inputs": {"x-key": "k", "a.b": 1, "a": {"b": 2, "c": [{"d": 3}]}},
            "steps": {"put": {"outputs": {"list": [{"id": 7}], "dotted.name": true}}},
            "workflows": {"w": {"inputs": {"i": 1}, "outputs": {"o": 2}}},
            "sourceDescriptions": {"api": {"url": "x.yml", "type": "openapi"}},
            "request": {"header": {"accept": "x"}, "query": {"q.1": "v"}, "path": {"id": "9"}, "body": {"a": 1}},
            "response": {"header": {"x-rate": "5"}, "body": {"m/n": {"~": [4]}, "pets": [{"name": "rex"}]}},
        })
    }

    fn value(text: &str) -> Option<Value> {
        Expression::parse(text).unwrap().unwrap().evaluate(&scope()).cloned()
    }

    #[test]
    fn an_expression_names_one_value_of_the_scope() {
        for (text, expected) in [
            ("$statusCode", json!(200)),
            ("$url", json!("http://a/b")),
            ("$method", json!("POST")),
            ("$inputs.x-key", json!("k")),
            ("$inputs.a.b", json!(1)),
            ("$inputs.a.c[0].d", json!(3)),
            ("$inputs.a#/c/0/d", json!(3)),
            ("$steps.put.outputs.list", json!([{"id": 7}])),
            ("$steps.put.outputs.list[0].id", json!(7)),
            ("$steps.put.outputs.list#/0/id", json!(7)),
            ("$steps.put.outputs#/list/0/id", json!(7)),
            ("$steps.put.outputs.dotted.name", json!(true)),
            ("$workflows.w.outputs.o", json!(2)),
            ("$workflows.w.inputs.i", json!(1)),
            ("$sourceDescriptions.api.url", json!("x.yml")),
            ("$request.header.Accept", json!("x")),
            ("$request.query.q.1", json!("v")),
            ("$request.path.id", json!("9")),
            ("$request.body#/a", json!(1)),
            ("$response.header.X-Rate", json!("5")),
            ("$response.body#/m~1n/~0/0", json!(4)),
            ("$response.body.pets[0].name", json!("rex")),
            ("$response.body.pets['0'].name", json!("rex")),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        assert_eq!(value("$response.body"), Some(scope()["response"]["body"].clone()));
        assert_eq!(
            (value("$inputs.none"), value("$steps.no.outputs.x"), value("$response.body#/0")),
            (None, None, None)
        );
    }

    #[test]
    fn what_only_looks_like_an_expression_is_a_text() {
        for text in ["", "$", "$5", "$foo.bar", "text $inputs.a", "$inputs.a and more", "$urls", "$inputs"] {
            assert_eq!(Expression::parse(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_broken_expression_is_an_error() {
        for text in [
            "$response.boddy",
            "$response.body/a",
            "$response.body#a",
            "$response.query.x",
            "$request.cookie.x",
            "$steps.put",
            "$steps.put.result.x",
            "$steps.a.outputs.x#y",
            "$workflows.w.steps.x",
            "$inputs.",
            "$inputs..a",
            "$sourceDescriptions.api",
            "$components.parameters",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn expressions_are_embedded_in_braces() {
        let found = pieces("a {$inputs.x-key} {\"b\": {$statusCode}} {x} ^\\d{3}${$method").unwrap();
        let texts: Vec<_> =
            found.iter().filter_map(|piece| if let Piece::Text(text) = piece { Some(*text) } else { None }).collect();
        assert_eq!(texts, ["a ", " {\"b\": ", "} {x} ^\\d{3}${$method"]);
        assert!(pieces("{$response.boddy}").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[$a-z.{}#/\\[\\]0-9~ é]{0,30}") {
            let _ = pieces(&text);
            if let Ok(Some(expression)) = Expression::parse(&text) {
                let _ = expression.evaluate(&scope());
            }
        }
    }
}
