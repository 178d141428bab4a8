//! Lambda's Runtime API, for official runtime clients. Invariant: an invocation is handed out at most once, and its
//! answer is taken at most once.
use super::is;
use crate::{
    front::{
        Front,
        reply::{self, Reply},
    },
    functions::{Called, Given, MAX_ANSWER_BYTES, Serves},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request::Parts};
use serde_json::{Value, json};

/// What is shown of a runtime's words in the log.
const MAX_SHOWN_CHARS: usize = 500;

/// The answer to one step of a runtime's.
pub(super) async fn answer(
    front: &Front,
    serves: Serves,
    step: &str,
    head: &Parts,
    body: Result<Bytes, StatusCode>,
) -> Reply {
    match step.split('/').collect::<Vec<_>>().as_slice() {
        ["invocation", "next"] if is(head, &Method::GET) => next(front, &serves).await,
        ["invocation", id, "response"] if is(head, &Method::POST) => match body {
            Ok(body) if body.len() <= MAX_ANSWER_BYTES => end(front, id, Called::Answer(body)),
            Ok(_) | Err(StatusCode::PAYLOAD_TOO_LARGE) => {
                front.functions.queue().end(id, Called::too_large());
                let sentence = format!("Exceeded maximum allowed payload size ({MAX_ANSWER_BYTES} bytes).");
                error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &sentence)
            }
            Err(status) => error(status, "InvalidRequest", "the body cannot be taken in"),
        },
        ["invocation", id, "error"] if is(head, &Method::POST) => end(front, id, fault(head, body)),
        ["init", "error"] if is(head, &Method::POST) => {
            let Called::Fault(fault) = fault(head, body) else { return accepted() };
            let shown: String = String::from_utf8_lossy(&fault).chars().take(MAX_SHOWN_CHARS).collect();
            tracing::warn!(?serves, fault = shown, "a runtime cannot start its function");
            front.functions.queue().fail_waiting(&serves, &fault);
            accepted()
        }
        ["invocation", "next"] | ["invocation", _, "response" | "error"] | ["init", "error"] => {
            error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "not by this method")
        }
        _ => error(StatusCode::NOT_FOUND, "NotFound", "the Runtime API has no such path"),
    }
}

async fn next(front: &Front, serves: &Serves) -> Reply {
    let mut stop = front.stop.subscribe();
    let given = tokio::select! {
        given = front.functions.queue().next(serves) => given,
        _ = stop.wait_for(|stop| *stop) => {
            return error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "the server stops");
        }
    };
    let Given { id, arn, payload, trace, client_context, deadline_ms } = given;
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    let mut reply = reply::page(StatusCode::OK, reply::JSON, payload);
    let headers = reply.headers_mut();
    insert(headers, "lambda-runtime-aws-request-id", &id);
    insert(headers, "lambda-runtime-deadline-ms", &deadline_ms.to_string());
    insert(headers, "lambda-runtime-invoked-function-arn", &arn);
    insert(headers, "lambda-runtime-trace-id", &trace);
    client_context.iter().for_each(|context| insert(headers, "lambda-runtime-client-context", context));
    reply
}

/// A header; one with letters that headers have no room for is left out.
fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn end(front: &Front, id: &str, outcome: Called) -> Reply {
    if front.functions.queue().end(id, outcome) {
        return accepted();
    }
    error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

/// What a runtime says went wrong; the header's type where the body has none.
fn fault(head: &Parts, body: Result<Bytes, StatusCode>) -> Called {
    let said = body.unwrap_or_default();
    let said = if said.len() <= MAX_ANSWER_BYTES { said } else { Bytes::new() };
    let header = head.headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    match serde_json::from_slice::<Value>(&said) {
        Ok(Value::Object(fields)) if fields.contains_key("errorType") || header.is_none() => Called::Fault(said),
        Ok(Value::Object(mut fields)) => {
            fields.insert("errorType".into(), header.into());
            Called::Fault(Value::Object(fields).to_string().into())
        }
        _ => Called::fault(header.unwrap_or("Runtime.Unknown"), &String::from_utf8_lossy(&said)),
    }
}

fn accepted() -> Reply {
    reply::json(StatusCode::ACCEPTED, &json!({"status": "OK"}))
}

/// A refusal in the Runtime API's form.
pub(super) fn error(status: StatusCode, error_type: &str, message: &str) -> Reply {
    reply::json(status, &json!({"errorMessage": message, "errorType": error_type}))
}
