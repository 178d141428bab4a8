//! Spans as OTLP writes them in JSON. Invariant: ids are lower-case hexadecimal digits, and 64-bit numbers are texts.
use serde_json::{Value, json};

/// One request, as its trace shows it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Span {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) name: String,
    /// Nanoseconds since the Unix epoch.
    pub(crate) begin_ns: u64,
    pub(crate) end_ns: u64,
    /// Whether it was the server's fault that it was not answered.
    pub(crate) is_failed: bool,
    pub(crate) attributes: Vec<(&'static str, Attribute)>,
}

/// What a span says of something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Attribute {
    Text(String),
    Texts(Vec<String>),
    Count(u64),
}

/// The kind of spans of requests that are received.
const SERVER: u8 = 2;
const STATUS_ERROR: u8 = 2;

impl Span {
    pub(super) fn json(&self) -> Value {
        let Self { trace, span, parent, name, begin_ns, end_ns, is_failed, attributes } = self;
        let attributes = attributes.iter().map(|(key, value)| json!({"key": key, "value": value.json()}));
        json!({
            "traceId": format!("{trace:032x}"),
            "spanId": format!("{span:016x}"),
            "parentSpanId": parent.map_or_else(String::new, |parent| format!("{parent:016x}")),
            "name": name,
            "kind": SERVER,
            "startTimeUnixNano": begin_ns.to_string(),
            "endTimeUnixNano": end_ns.to_string(),
            "attributes": attributes.collect::<Vec<_>>(),
            "status": if *is_failed { json!({"code": STATUS_ERROR}) } else { json!({}) },
        })
    }
}

impl Attribute {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!({"stringValue": text}),
            Self::Texts(texts) => {
                let values = texts.iter().map(|text| json!({"stringValue": text}));
                json!({"arrayValue": {"values": values.collect::<Vec<_>>()}})
            }
            Self::Count(count) => json!({"intValue": count.to_string()}),
        }
    }
}
