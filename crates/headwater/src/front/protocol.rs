//! What a request is: AWS's order of checks, from the outside in, in one function ([`identify`]). It looks at the head
//! and at whether there is a body; whether the body can be read and who sends it is decided later.
use super::{cloudwatch, reply::Refusal};
use headwater_wire::{Dialect, ErrorKind, Service, ServiceError};
use http::{HeaderMap, HeaderName, Method, header, request::Parts};

/// Names the operation: `Kinesis_20131202.PutRecord`.
static TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// What stands before the operation's name in a target.
const TARGETS: [(&str, Service); 5] = [
    ("Kinesis_20131202.", Service::Kinesis),
    ("DynamoDB_20120810.", Service::DynamoDb),
    ("DynamoDBStreams_20120810.", Service::DynamoDbStreams),
    ("Firehose_20150804.", Service::Firehose),
    ("AWSGlue.", Service::Glue),
];

const JSON: &str = "application/json";
const JSON_10: &str = "application/x-amz-json-1.0";
const JSON_11: &str = "application/x-amz-json-1.1";
const CBOR_11: &str = "application/x-amz-cbor-1.1";
const FORM: &str = "application/x-www-form-urlencoded";

/// What is asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Asked<'a> {
    /// An operation of a service; whether the service has it is not yet known.
    Operation(Target<'a>),
    /// An operation of CloudWatch's.
    Metrics(cloudwatch::Call<'a>),
    /// An operation of the token service, in the query protocol.
    Token,
    /// A browser asks whether it may send the real request.
    Preflight,
    /// `DynamoDB` answers a plain GET, for load balancers.
    Healthy,
}

/// An operation asked for, and how it wants to be answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target<'a> {
    pub(crate) service: Service,
    pub(crate) operation: &'a str,
    pub(crate) dialect: Dialect,
    /// The content type of the answer: the request's.
    pub(crate) content_type: &'static str,
}

/// What the request of this head asks for, or how it must be refused.
pub(crate) fn identify<'a>(
    head: &'a Parts,
    Addressee { service, operation }: Addressee<'a>,
    has_body: bool,
) -> Result<Asked<'a>, Refusal> {
    if head.method == Method::OPTIONS && head.headers.contains_key(header::ORIGIN) {
        return Ok(Asked::Preflight);
    }
    let of_dynamo = is_dynamo(service);
    match head.method {
        Method::POST => {}
        Method::GET if of_dynamo => return Ok(Asked::Healthy),
        _ if of_dynamo => return Err(Refusal::NotFound(service)),
        _ => return Err(Refusal::AccessDenied(service)),
    }
    let content_type = content_type(&head.headers);
    let is_form = content_type.eq_ignore_ascii_case(FORM);
    let named = head.headers.get(&TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(call) = cloudwatch::identify(head, named, is_form) {
        return Ok(Asked::Metrics(call));
    }
    if is_form {
        return Ok(Asked::Token);
    }
    let Some((dialect, content_type)) = dialect(service, content_type, has_body) else {
        // Without a target there is nothing that could be unknown; AWS then speaks of what may be authorized.
        let denied = !of_dynamo && operation.is_none() && !content_type.eq_ignore_ascii_case(JSON);
        return Err(if denied { Refusal::AccessDenied(service) } else { Refusal::NotFound(service) });
    };
    let refuse =
        |code| Refusal::Error { service, dialect, content_type, error: ServiceError::bare(code, ErrorKind::Sender) };
    match operation {
        Some(operation) if has_body || of_dynamo => {
            Ok(Asked::Operation(Target { service, operation, dialect, content_type }))
        }
        Some(_) => Err(refuse("SerializationException")),
        None => Err(refuse("UnknownOperationException")),
    }
}

/// Whom a head speaks to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addressee<'a> {
    pub(crate) service: Service,
    /// What the target names behind the service, if it names one.
    operation: Option<&'a str>,
}

impl<'a> Addressee<'a> {
    /// The addressee of a request: by its target. One without a usable target is answered by the service that its
    /// signature or its host names.
    pub(crate) fn of(head: &'a Parts) -> Self {
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let target = text(&TARGET);
        for (prefix, service) in TARGETS {
            if let Some(operation) = target.strip_prefix(prefix) {
                return Self { service, operation: Some(operation).filter(|operation| !operation.is_empty()) };
            }
        }
        let scope = text(&header::AUTHORIZATION).split('/').nth(3);
        let service = match scope.or_else(|| host(head).split('.').next()) {
            Some("dynamodb") => Service::DynamoDb,
            Some("firehose") => Service::Firehose,
            Some("glue") => Service::Glue,
            _ => Service::Kinesis,
        };
        Self { service, operation: None }
    }
}

/// The host a request was sent to; empty if it does not say. HTTP/2 has it in the URI.
pub(crate) fn host(head: &Parts) -> &str {
    let header = || head.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    head.uri.authority().map(http::uri::Authority::as_str).or_else(header).unwrap_or_default()
}

pub(crate) fn is_dynamo(service: Service) -> bool {
    matches!(service, Service::DynamoDb | Service::DynamoDbStreams)
}

/// The media type without its parameters.
fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// How `service` reads a body of this media type, and what it calls its answer. A request without a body is answered
/// even if its type is none of the service's.
fn dialect(service: Service, content_type: &str, has_body: bool) -> Option<(Dialect, &'static str)> {
    let known = [
        (Dialect::Json11, JSON_11),
        (Dialect::Json10, JSON_10),
        (Dialect::Cbor11, CBOR_11),
        // Only DynamoDB takes plain JSON; it reads it as 1.0 and names it as it came.
        (Dialect::Json10, JSON),
    ];
    let mut spoken = known.into_iter().filter(|(_, name)| is_dynamo(service) == matches!(*name, JSON_10 | JSON));
    let found = spoken.find(|(_, name)| name.eq_ignore_ascii_case(content_type));
    match found {
        None if has_body => None,
        None if is_dynamo(service) => Some((Dialect::Json10, JSON)),
        None if content_type.eq_ignore_ascii_case(JSON) => None,
        None => Some((Dialect::Cbor11, CBOR_11)),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is identified in a few words.
    fn asked(method: &str, headers: &[(&str, &str)], has_body: bool) -> String {
        let request = http::Request::builder().method(method).uri("/");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let head = request.body(()).unwrap().into_parts().0;
        match identify(&head, Addressee::of(&head), has_body) {
            Ok(Asked::Operation(target)) => {
                format!("{:?} {} {:?} {}", target.service, target.operation, target.dialect, target.content_type)
            }
            Ok(other) => format!("{other:?}"),
            Err(Refusal::Error { service, content_type, error, .. }) => format!("{service:?} {content_type} {error}"),
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    const PUT: (&str, &str) = ("x-amz-target", "Kinesis_20131202.PutRecord");
    const GET_ITEM: (&str, &str) = ("x-amz-target", "DynamoDB_20120810.GetItem");
    const DYNAMO: (&str, &str) = ("host", "dynamodb.us-east-1.amazonaws.com:4566");

    fn post(headers: &[(&str, &str)], content_type: &str, has_body: bool) -> String {
        asked("POST", &[headers, &[("content-type", content_type)]].concat(), has_body)
    }

    #[test]
    fn each_service_speaks_its_own_dialects() {
        assert_eq!(post(&[PUT], JSON_11, true), format!("Kinesis PutRecord Json11 {JSON_11}"));
        assert_eq!(post(&[PUT], "Application/X-Amz-JSON-1.1 ; charset=utf-8", true), post(&[PUT], JSON_11, true));
        assert_eq!(post(&[PUT], CBOR_11, true), format!("Kinesis PutRecord Cbor11 {CBOR_11}"));
        for foreign in [JSON_10, JSON, "text/plain", ""] {
            assert_eq!(post(&[PUT], foreign, true), "NotFound(Kinesis)", "{foreign}");
        }
        for (spoken, dialect) in [(JSON_10, "Json10"), (JSON, "Json10")] {
            assert_eq!(post(&[GET_ITEM], spoken, true), format!("DynamoDb GetItem {dialect} {spoken}"));
        }
        assert_eq!(post(&[GET_ITEM], JSON_11, true), "NotFound(DynamoDb)");
    }

    #[test]
    fn a_body_is_missed_before_a_signature_and_a_target_before_a_body() {
        assert_eq!(post(&[PUT], JSON_11, false), format!("Kinesis {JSON_11} SerializationException"));
        assert_eq!(post(&[PUT], "", false), format!("Kinesis {CBOR_11} SerializationException"));
        assert_eq!(post(&[], JSON_11, false), format!("Kinesis {JSON_11} UnknownOperationException"));
        assert_eq!(post(&[], "", false), format!("Kinesis {CBOR_11} UnknownOperationException"));
        assert_eq!(post(&[], JSON_11, true), format!("Kinesis {JSON_11} UnknownOperationException"));
        assert_eq!(post(&[], "", true), "AccessDenied(Kinesis)");
        assert_eq!(post(&[], JSON, true), "NotFound(Kinesis)");
        assert_eq!(post(&[DYNAMO], "", false), format!("DynamoDb {JSON} UnknownOperationException"));
        // DynamoDB misses the signature first.
        assert_eq!(post(&[GET_ITEM], JSON_10, false), format!("DynamoDb GetItem Json10 {JSON_10}"));
    }

    #[test]
    fn other_methods_are_no_calls() {
        assert_eq!(asked("GET", &[], false), "AccessDenied(Kinesis)");
        assert_eq!(asked("PUT", &[PUT], true), "AccessDenied(Kinesis)");
        assert_eq!(asked("OPTIONS", &[], false), "AccessDenied(Kinesis)");
        assert_eq!(asked("OPTIONS", &[("origin", "null")], false), "Preflight");
        assert_eq!(asked("GET", &[DYNAMO], false), "Healthy");
        assert_eq!(asked("PUT", &[DYNAMO], false), "NotFound(DynamoDb)");
        assert_eq!(post(&[], FORM, true), "Token");
    }
}
