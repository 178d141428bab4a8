//! Lambda's Invoke, for those who call functions. Invariant: nothing is called before its caller is known and allowed.
use super::is;
use crate::{
    front::{
        Front,
        reply::{self, Reply, RequestId},
    },
    functions::{Call, Called, FunctionName, MAX_PAYLOAD_BYTES, Uncalled},
};
use bytes::Bytes;
use headwater_wire::{Caller, Origin, Service, ServiceError};
use http::{HeaderName, HeaderValue, Method, StatusCode, request::Parts};
use serde_json::{Value, json};
use std::sync::Arc;

/// What the service is called in a signature's scope, and what a policy calls this.
const SCOPE: &str = "lambda";
const ACTION: &str = "lambda:InvokeFunction";
/// What a caller's client may say of itself: Lambda's bound.
const MAX_CONTEXT_BYTES: usize = 3583;

/// Why nothing was called: status, code and the body's members.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    body: Value,
}

/// The answer to a request for a function, `named` in the path and to be treated so.
pub(super) async fn answer(
    front: &Front,
    (named, action): (&str, &str),
    head: &Parts,
    body: &Bytes,
    origin: Origin,
) -> Reply {
    let id = RequestId::new(Service::Kinesis, &mut front.chance.draw());
    let mut reply = match run(front, named, action, head, body, origin).await {
        Ok(reply) => reply,
        Err(Refusal { status, code, body }) => {
            let mut reply = reply::json(status, &body);
            reply.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(code));
            reply
        }
    };
    if let Ok(value) = HeaderValue::from_bytes(id.as_bytes()) {
        reply.headers_mut().insert(HeaderName::from_static("x-amzn-requestid"), value);
    }
    reply
}

async fn run(
    front: &Front,
    named: &str,
    action: &str,
    head: &Parts,
    body: &Bytes,
    origin: Origin,
) -> Result<Reply, Refusal> {
    if action != "invocations" || !is(head, &Method::POST) {
        let sentence = format!("Headwater's Lambda has Invoke alone: POST {}NAME/invocations.", super::INVOKE);
        return Err(refusal(StatusCode::NOT_FOUND, "UnknownOperationException", &sentence));
    }
    let caller = front.auth.caller(SCOPE, head, body, &*front.clock).map_err(denied)?;
    let caller = Caller { origin, ..caller };
    let (name, kind) = (function(named, head.uri.query())?, kind(head)?);
    front.gate.permit(&caller, ACTION, front.clock.now_ms()).map_err(denied)?;
    let arn = name.arn(&caller.account, &caller.region);
    if body.len() > MAX_PAYLOAD_BYTES {
        return Err(uncalled(Uncalled::TooLarge, &arn));
    }
    if !body.is_empty() {
        serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(|error| {
            let sentence = format!("Could not parse request body into json: {error}");
            refusal(StatusCode::BAD_REQUEST, "InvalidRequestContentException", &sentence)
        })?;
    }
    let trace = text(head, "x-amzn-trace-id").map(str::to_owned);
    let call = Call { name, arn, payload: body.clone(), trace, client_context: client_context(head)? };
    match kind {
        Kind::DryRun if front.functions.knows(&call.name) => {
            Ok(reply::page(StatusCode::NO_CONTENT, reply::JSON, Bytes::new()))
        }
        Kind::DryRun => Err(uncalled(Uncalled::NotFound, &call.arn)),
        Kind::Event => {
            let (functions, arn) = (Arc::clone(&front.functions), call.arn.clone());
            tokio::spawn(async move {
                match functions.call(call).await {
                    Ok(Called::Answer(_)) => {}
                    Ok(Called::Fault(fault)) => {
                        tracing::warn!(arn, fault = %String::from_utf8_lossy(&fault), "a function called as an event failed");
                    }
                    Err(why) => tracing::warn!(arn, ?why, "a function called as an event was not reached"),
                }
            });
            Ok(reply::page(StatusCode::ACCEPTED, reply::JSON, Bytes::new()))
        }
        Kind::RequestResponse => {
            let (arn, version) = (call.arn.clone(), call.name.qualifier.clone());
            let called = front.functions.call(call).await.map_err(|why| uncalled(why, &arn))?;
            let (body, is_fault) = match called {
                Called::Answer(body) => (body, false),
                Called::Fault(body) => (body, true),
            };
            let mut reply = reply::page(StatusCode::OK, reply::JSON, body);
            if is_fault {
                let name = HeaderName::from_static("x-amz-function-error");
                reply.headers_mut().insert(name, HeaderValue::from_static("Unhandled"));
            }
            if let Ok(version) = HeaderValue::from_str(version.as_deref().unwrap_or("$LATEST")) {
                reply.headers_mut().insert(HeaderName::from_static("x-amz-executed-version"), version);
            }
            Ok(reply)
        }
    }
}

/// How a function is called.
enum Kind {
    RequestResponse,
    Event,
    DryRun,
}

fn kind(head: &Parts) -> Result<Kind, Refusal> {
    match text(head, "x-amz-invocation-type").unwrap_or("RequestResponse") {
        "RequestResponse" => Ok(Kind::RequestResponse),
        "Event" => Ok(Kind::Event),
        "DryRun" => Ok(Kind::DryRun),
        other => {
            let sentence = format!(
                "1 validation error detected: Value '{other}' at 'invocationType' failed to satisfy constraint: Member \
                 must satisfy enum value set: [Event, DryRun, RequestResponse]"
            );
            Err(refusal(StatusCode::BAD_REQUEST, "ValidationException", &sentence))
        }
    }
}

/// The function of a path and a query's qualifier.
fn function(named: &str, query: Option<&str>) -> Result<FunctionName, Refusal> {
    // Read as a query's value, in which these three mean something else.
    let plain = Some(named).filter(|named| !named.contains(['+', '&', '=']));
    let decoded = plain.and_then(|named| form_urlencoded::parse(named.as_bytes()).next());
    let name = decoded.map_or_else(|| named.to_owned(), |(name, _)| name.into_owned());
    let qualifier = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(key, _)| key == "Qualifier")
        .map(|(_, qualifier)| qualifier.into_owned());
    let parsed = FunctionName::parse(&name).and_then(|name| match qualifier {
        Some(qualifier) => FunctionName::parse(&format!("{}:{qualifier}", name.name)),
        None => Some(name),
    });
    parsed.ok_or_else(|| {
        let sentence = format!(
            "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{{2}}(-gov)?-[a-z]+-\\d{{1}}:)?\
             (\\d{{12}}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
        );
        refusal(StatusCode::BAD_REQUEST, "ValidationException", &sentence)
    })
}

fn client_context(head: &Parts) -> Result<Option<String>, Refusal> {
    let Some(encoded) = text(head, "x-amz-client-context") else { return Ok(None) };
    let decoded = base64_simd::STANDARD.decode_to_vec(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = decoded.filter(|text| text.len() <= MAX_CONTEXT_BYTES && serde_json::from_str::<Value>(text).is_ok());
    decoded.map(Some).ok_or_else(|| {
        let sentence = "Client context must be a valid Base64-encoded JSON object.";
        refusal(StatusCode::BAD_REQUEST, "InvalidRequestContentException", sentence)
    })
}

fn text<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

fn refusal(status: StatusCode, code: &'static str, sentence: &str) -> Refusal {
    Refusal { status, code, body: json!({"Type": "User", "message": sentence}) }
}

fn denied(error: ServiceError) -> Refusal {
    refusal(StatusCode::FORBIDDEN, error.code, error.message.as_deref().unwrap_or_default())
}

fn uncalled(why: Uncalled, arn: &str) -> Refusal {
    match why {
        Uncalled::NotFound => Refusal {
            status: StatusCode::NOT_FOUND,
            code: "ResourceNotFoundException",
            body: json!({"Type": "User", "Message": format!("Function not found: {arn}")}),
        },
        Uncalled::Busy => Refusal {
            status: StatusCode::TOO_MANY_REQUESTS,
            code: "TooManyRequestsException",
            body: json!({"Type": "User", "message": "Rate Exceeded.", "Reason": "ConcurrentInvocationLimitExceeded"}),
        },
        Uncalled::TooLarge => {
            let sentence =
                format!("Request must be smaller than {MAX_PAYLOAD_BYTES} bytes for the InvokeFunction operation");
            refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &sentence)
        }
        Uncalled::Denied => {
            refusal(StatusCode::FORBIDDEN, "AccessDeniedException", "The function's server refuses the call.")
        }
        Uncalled::Broken(why) => Refusal {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "ServiceException",
            body: json!({"Type": "Service", "Message": why}),
        },
    }
}
