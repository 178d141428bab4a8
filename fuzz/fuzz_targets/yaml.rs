//! Any text as a YAML document: refused with a line of it, or values whose JSON reads to the same values. And JSON is
//! read as JSON: what is not, is refused.
#![no_main]
use headwater_fuzz::has_line;
use headwater_workflow::values;
use libfuzzer_sys::fuzz_target;
use serde_json::{Number, Value};

/// Whether a number is the same, or a text where there is none that keeps it exactly.
fn is_number(json: &Number, read: &Value) -> bool {
    match read {
        Value::String(text) => text.parse().is_ok_and(|number: Number| number.as_f64() == json.as_f64()),
        Value::Number(number) => number.as_f64() == json.as_f64(),
        _ => false,
    }
}

fn is_same(json: &Value, read: &Value) -> bool {
    match (json, read) {
        (Value::Number(number), read) => is_number(number, read),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|read| is_same(one, read)))
        }
        (one, other) => one == other,
    }
}

fuzz_target!(|text: &str| {
    let read = values(text);
    match &read {
        Ok(value) => assert_eq!(values(&value.to_string()).as_ref(), Ok(value)),
        Err(problem) => assert!(has_line(text, problem.line), "{problem}"),
    }
    if let (Ok(json), Ok(read)) = (serde_json::from_str::<Value>(text), &read) {
        assert!(is_same(&json, read), "{json} is read as {read}");
    }
});
