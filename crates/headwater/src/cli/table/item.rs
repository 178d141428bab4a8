//! Items as people write them – plain JSON, text – and as the service has them, with their types.
//!
//! Invariant: what plain JSON can say comes back as it was; a number that a reader of JSON would round is shown as text.
use base64_simd::STANDARD;
use serde_json::{Map, Number, Value, json};

/// An item, in the service's JSON.
pub(super) type Item = Map<String, Value>;

/// Types of attributes, as the service calls them.
const TYPES: [&str; 10] = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"];

/// An item of a JSON object: of the service's own if every member has a type and nothing else, else of plain JSON.
///
/// # Errors
/// A sentence if it is no object.
pub(super) fn of_json(value: Value) -> Result<Item, String> {
    let Value::Object(mut members) = value else {
        return Err(format!("an item is a JSON object, not {value}"));
    };
    // As exports to S3 write it, a line an item.
    if members.len() == 1
        && let Some(Value::Object(inner)) = members.get_mut("Item")
        && inner.values().all(is_typed)
    {
        return Ok(std::mem::take(inner));
    }
    if !members.is_empty() && members.values().all(is_typed) {
        return Ok(members);
    }
    Ok(members.into_iter().map(|(name, value)| (name, typed(value))).collect())
}

fn is_typed(value: &Value) -> bool {
    value.as_object().is_some_and(|value| value.len() == 1 && value.keys().all(|kind| TYPES.contains(&kind.as_str())))
}

/// A plain value with its type.
pub(super) fn typed(value: Value) -> Value {
    match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(bool) => json!({"BOOL": bool}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::String(text) => json!({"S": text}),
        Value::Array(elements) => json!({"L": elements.into_iter().map(typed).collect::<Vec<_>>()}),
        Value::Object(members) => {
            json!({"M": members.into_iter().map(|(name, value)| (name, typed(value))).collect::<Item>()})
        }
    }
}

/// An item without its types: sets are arrays, binary is base64.
pub(super) fn plain(item: &Item) -> Value {
    Value::Object(item.iter().map(|(name, value)| (name.clone(), bare(value))).collect())
}

fn bare(value: &Value) -> Value {
    let Some((kind, held)) = value.as_object().and_then(|value| value.iter().next()) else {
        return Value::Null;
    };
    let each = |of: fn(&Value) -> Value| held.as_array().into_iter().flatten().map(of).collect::<Vec<_>>();
    match kind.as_str() {
        "N" => number(held),
        "NULL" => Value::Null,
        "NS" => each(number).into(),
        "L" => each(bare).into(),
        "M" => held.as_object().map(plain).unwrap_or_default(),
        _ => held.clone(),
    }
}

fn number(text: &Value) -> Value {
    let written = text.as_str().unwrap_or_default();
    let exact = written.parse::<Number>().ok().filter(|number| number.to_string() == written);
    exact.map_or_else(|| text.clone(), Value::Number)
}

/// A value written as text, for an attribute of this type; without a type it is JSON if it reads as such, else text.
///
/// # Errors
/// A sentence if no value of the type is written so.
pub(super) fn of_text(text: &str, kind: Option<&str>) -> Result<Value, String> {
    match kind {
        Some("S") => Ok(json!({"S": text})),
        Some("N") => match text.parse::<Number>() {
            Ok(_) => Ok(json!({"N": text})),
            Err(_) => Err(format!("'{text}' is no number")),
        },
        Some("B") => match STANDARD.decode_to_vec(text) {
            Ok(_) => Ok(json!({"B": text})),
            Err(_) => Err(format!("'{text}' is not base64, as binary is written")),
        },
        _ => Ok(typed(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into())))),
    }
}

/// A value in one line of text.
pub(super) fn to_text(value: &Value) -> String {
    match bare(value) {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_json_comes_back_as_it_was() {
        let value = json!({"s": "x", "n": 12, "f": 0.5, "b": true, "z": null, "l": [1, "a"], "m": {"k": []}});
        assert_eq!(plain(&of_json(value.clone()).unwrap()), value);
    }

    #[test]
    fn typed_items_are_taken_as_they_are() {
        let item = json!({"k": {"S": "a"}, "set": {"NS": ["1"]}});
        assert_eq!(Value::Object(of_json(item.clone()).unwrap()), item);
        assert_eq!(Value::Object(of_json(json!({"Item": item})).unwrap()), item);
    }

    #[test]
    fn a_number_that_json_would_round_is_text() {
        let digits = "12345678901234567890123456789012345678";
        assert_eq!(bare(&json!({"N": digits})), json!(digits));
        assert_eq!(bare(&json!({"N": "1.5"})), json!(1.5));
    }

    #[test]
    fn text_takes_the_type_its_attribute_has() {
        assert_eq!(of_text("12", Some("S")).unwrap(), json!({"S": "12"}));
        assert_eq!(of_text("12", None).unwrap(), json!({"N": "12"}));
        assert_eq!(of_text("ann", None).unwrap(), json!({"S": "ann"}));
        assert!(of_text("ann", Some("N")).is_err());
    }
}
