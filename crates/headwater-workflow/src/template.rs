//! Values with expressions in them, filled from the scope. Invariant: a text that is one expression becomes what that
//! names, type and all; a member without a value is left out, so that optional inputs stay optional.
use crate::{
    expression::{Expression, Piece, pieces},
    select::{self, Language},
};
use serde_json::Value;

/// `value` with everything in it filled; `None` if it names what is not there.
///
/// # Errors
/// A sentence on an embedded expression or a selector that is none.
pub(crate) fn fill(value: &Value, scope: &Value) -> Result<Option<Value>, String> {
    match value {
        Value::String(text) => match Expression::parse(text) {
            Ok(Some(expression)) => Ok(expression.evaluate(scope).cloned()),
            Ok(None) => embed(text, scope).map(|text| Some(text.into())),
            // Whoever wrote it meant a value, which is not there; checking says so.
            Err(_) => Ok(None),
        },
        Value::Array(items) => {
            let items = items.iter().map(|item| Ok(fill(item, scope)?.unwrap_or_default()));
            items.collect::<Result<_, _>>().map(|items| Some(Value::Array(items)))
        }
        Value::Object(members) => {
            if let Some(selector) = Selector::of(value) {
                return selector.select(scope);
            }
            let members =
                members.iter().map(|(name, member)| Ok(fill(member, scope)?.map(|member| (name.clone(), member))));
            members.filter_map(Result::transpose).collect::<Result<_, _>>().map(|members| Some(Value::Object(members)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Some(value.clone())),
    }
}

/// `text` with its embedded expressions replaced; nothing stands for one without a value.
///
/// # Errors
/// A sentence on an embedded expression that is none.
pub(crate) fn embed(text: &str, scope: &Value) -> Result<String, String> {
    let pieces = pieces(text)?;
    Ok(pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => (*text).to_owned(),
            Piece::Embedded(expression) => expression.evaluate(scope).map(text_of).unwrap_or_default(),
        })
        .collect())
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
