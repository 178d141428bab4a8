//! What a member of each kind says to a value of another: the faults that come before every validation.
use serde_json::{Value, json};

const LIST: &str = "Start of list found where not expected";
const MAP: &str = "Start of structure or map found where not expected.";
const NUMBER: &str = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
const TRUE: &str = "class java.lang.Boolean";
const TEXT: &str = "class java.lang.String";

/// The kind of a member.
pub(crate) enum Kind {
    Text,
    Integer,
    Boolean,
    Blob,
    Timestamp,
    List(&'static Kind),
    Map(&'static Kind),
    Structure(&'static [(&'static str, Kind)]),
}

impl Kind {
    /// Values that do not fit, each with the sentence it is refused with.
    pub(crate) fn faults(&self) -> Vec<(Value, String)> {
        match self {
            Self::Text => scalar(&[(json!(true), TRUE), (json!(23), NUMBER), (json!(-2.1), NUMBER)], "an String"),
            Self::Integer => scalar(&[(json!(true), TRUE), (json!("23"), TEXT)], "an Integer"),
            Self::Boolean => scalar(&[(json!(23), NUMBER), (json!(2.1), NUMBER), (json!("23"), "'23'")], "an Boolean"),
            Self::Timestamp => scalar(&[(json!(true), TRUE), (json!("24"), TEXT)], "milliseconds since epoch"),
            Self::Blob => {
                let mut faults = scalar(&[(json!(true), TRUE), (json!(23), NUMBER)], "a Blob");
                faults.extend(base64_faults());
                faults
            }
            Self::List(inner) => {
                composite("Expected list or null", json!({"a": 1}), MAP, inner, |value| json!([value]))
            }
            Self::Map(inner) => composite("Expected map or null", json!([1]), LIST, inner, |value| json!({"a": value})),
            Self::Structure(members) => {
                let mut faults = flat("Expected null");
                faults.push((json!([1]), LIST.to_owned()));
                for (member, kind) in *members {
                    faults.extend(kind.faults().into_iter().map(|(value, text)| (json!({*member: value}), text)));
                }
                faults
            }
        }
    }
}

fn scalar(wrong: &[(Value, &str)], target: &str) -> Vec<(Value, String)> {
    let mut faults: Vec<_> =
        wrong.iter().map(|(value, from)| (value.clone(), format!("{from} can not be converted to {target}"))).collect();
    faults.push((json!([1]), LIST.to_owned()));
    faults.push((json!({"a": 1}), MAP.to_owned()));
    faults
}

fn flat(text: &str) -> Vec<(Value, String)> {
    [json!(true), json!(23), json!(2.5), json!("a")].into_iter().map(|value| (value, text.to_owned())).collect()
}

fn composite(
    text: &str,
    other: Value,
    other_text: &str,
    inner: &Kind,
    wrap: fn(Value) -> Value,
) -> Vec<(Value, String)> {
    let mut faults = flat(text);
    faults.push((other, other_text.to_owned()));
    faults.extend(inner.faults().into_iter().map(|(value, text)| (wrap(value), text)));
    faults
}

fn base64_faults() -> Vec<(Value, String)> {
    [
        ("23456", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ("=+/=", "Invalid Base64 character: '='"),
        ("2345678*", "Invalid Base64 character: '*'"),
        ("+/+=", "Invalid last non-pad Base64 character dectected"),
    ]
    .into_iter()
    .map(|(value, text)| (json!(value), format!("'{value}' can not be converted to a Blob: {text}")))
    .collect()
}
