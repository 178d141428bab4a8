//! Values with expressions in them, filled from the scope. Invariant: a text that is one expression becomes what that
//! names, type and all; a member without a value is left out, so that optional inputs stay optional.
use crate::{
    expression::{Expression, Piece, pieces},
    select::{self, Language},
};
use serde_json::Value;

/// What one value may be filled to.
const MAX_FILLED_BYTES: usize = 64 << 20;
/// Of each value, besides its text.
const VALUE_BYTES: usize = 32;

/// `value` with everything in it filled; `None` if it names what is not there.
///
/// # Errors
/// A sentence on an embedded expression or a selector that is none, or on what would become too large.
pub(crate) fn fill(value: &Value, scope: &Value) -> Result<Option<Value>, String> {
    let mut room = MAX_FILLED_BYTES;
    fill_within(value, scope, &mut room)
}

/// The same, as long as there is room: values that are made of each other again and again grow without bounds.
fn fill_within(value: &Value, scope: &Value, room: &mut usize) -> Result<Option<Value>, String> {
    match value {
        Value::String(text) => match Expression::parse(text) {
            Ok(Some(expression)) => {
                let found = expression.evaluate(scope);
                found.map_or(Ok(()), |found| take(room, found))?;
                Ok(found.cloned())
            }
            Ok(None) => embed_within(text, scope, room).map(|text| Some(text.into())),
            // Whoever wrote it meant a value, which is not there; checking says so.
            Err(_) => Ok(None),
        },
        Value::Array(items) => {
            let items = items.iter().map(|item| Ok(fill_within(item, scope, room)?.unwrap_or_default()));
            items.collect::<Result<_, _>>().map(|items| Some(Value::Array(items)))
        }
        Value::Object(members) => {
            if let Some(selector) = Selector::of(value) {
                return selector.select(scope);
            }
            let members = members
                .iter()
                .map(|(name, member)| Ok(fill_within(member, scope, room)?.map(|member| (name.clone(), member))));
            members.filter_map(Result::transpose).collect::<Result<_, _>>().map(|members| Some(Value::Object(members)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Some(value.clone())),
    }
}

/// `text` with its embedded expressions replaced; nothing stands for one without a value.
///
/// # Errors
/// A sentence on an embedded expression that is none, or on what would become too large.
pub(crate) fn embed(text: &str, scope: &Value) -> Result<String, String> {
    let mut room = MAX_FILLED_BYTES;
    embed_within(text, scope, &mut room)
}

fn embed_within(text: &str, scope: &Value, room: &mut usize) -> Result<String, String> {
    let mut embedded = String::new();
    for piece in pieces(text)? {
        match piece {
            Piece::Text(text) => embedded.push_str(text),
            Piece::Embedded(expression) => {
                if let Some(value) = expression.evaluate(scope) {
                    take(room, value)?;
                    embedded.push_str(&text_of(value));
                }
            }
        }
    }
    Ok(embedded)
}

/// Takes the room that a value needs.
fn take(room: &mut usize, value: &Value) -> Result<(), String> {
    *room = room.checked_sub(weight(value)).ok_or("a value becomes too large")?;
    Ok(())
}

/// What a value takes of memory, about.
pub(crate) fn weight(value: &Value) -> usize {
    VALUE_BYTES
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(weight).sum(),
            Value::Object(members) => members.iter().map(|(name, member)| name.len() + weight(member)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

/// A value as text: a string is itself, anything else its JSON.
#[must_use]
pub(crate) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Arazzo 1.1's Selector Object: a part of a structured value. An object with exactly its three members is one; earlier
/// documents have no such thing, and no API this was tried with takes such an object.
struct Selector<'a> {
    context: &'a str,
    selector: &'a str,
    language: Language,
}

impl<'a> Selector<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        if value.as_object()?.len() != 3 {
            return None;
        }
        let context = value.get("context")?.as_str().filter(|context| context.starts_with('$'))?;
        Some(Self { context, selector: value.get("selector")?.as_str()?, language: Language::of(value.get("type")?)? })
    }

    fn select(&self, scope: &Value) -> Result<Option<Value>, String> {
        let Some(expression) = Expression::parse(self.context)? else {
            return Err(format!("`{}` is no expression", self.context));
        };
        let Some(context) = expression.evaluate(scope) else { return Ok(None) };
        select::select(self.language, context, &embed(self.selector, scope)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(value: Value) -> Option<Value> {
        let scope =
            json!({"inputs": {"n": 3, "t": "x", "l": [1], "null": null}, "response": {"body": {"a": [{"b": 5}]}}});
        fill(&value, &scope).unwrap()
    }

    #[test]
    fn what_is_made_of_large_values_again_and_again_is_refused() {
        let scope = json!({"inputs": {"t": "x".repeat(1 << 20)}});
        let whole = json!(vec!["$inputs.t"; 100]);
        assert!(fill(&whole, &scope).unwrap_err().contains("too large"));
        assert!(fill(&json!("{$inputs.t}".repeat(100)), &scope).is_err());
        assert!(fill(&json!("{$inputs.t}".repeat(10)), &scope).is_ok());
    }

    #[test]
    fn an_expression_keeps_its_type_and_an_embedded_one_becomes_text() {
        assert_eq!(
            filled(
                json!({"a": "$inputs.n", "b": ["$inputs.l", "{$inputs.t}{$inputs.n}"], "c": "n={$inputs.n} {$inputs.l}", "d": "$5", "e": 1})
            ),
            Some(json!({"a": 3, "b": [[1], "x3"], "c": "n=3 [1]", "d": "$5", "e": 1}))
        );
    }

    #[test]
    fn a_member_without_a_value_is_left_out_and_null_is_a_value() {
        assert_eq!(
            filled(json!({"a": "$inputs.no", "b": "$inputs.null", "c": {"d": "$inputs.no"}})),
            Some(json!({"b": null, "c": {}}))
        );
        assert_eq!((filled(json!("$inputs.no")), filled(json!("$response.headers.x"))), (None, None));
        assert_eq!(filled(json!(["$inputs.no"])), Some(json!([null])));
    }

    #[test]
    fn a_selector_object_selects() {
        for (selector, language) in
            [("$.a[0].b", json!("jsonpath")), ("/a/0/b", json!({"type": "jsonpointer", "version": "rfc6901"}))]
        {
            assert_eq!(
                filled(json!({"context": "$response.body", "selector": selector, "type": language})),
                Some(json!(5))
            );
        }
        let literal = json!({"context": "text", "selector": "$.a", "type": "jsonpath"});
        assert_eq!(filled(literal.clone()), Some(literal));
    }
}
