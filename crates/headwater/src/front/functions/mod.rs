//! Functions over HTTP: Lambda's Invoke API for those who call them, the Runtime API for those who run them. Invariant:
//! whoever calls is authenticated as by every other service; whoever runs is on this machine, and no page in a browser.
mod invoke;
mod runtime;

use super::{
    Front,
    body::Taken,
    local::is_local_program,
    protocol,
    pulse::Pulse,
    reply::{self, Refusal, Reply},
};
use crate::functions::Serves;
use bytes::Bytes;
use headwater_wire::{Origin, Service};
use http::{Method, StatusCode, request::Parts};
use hyper::body::Incoming;

const INVOKE: &str = "/2015-03-31/functions/";
const RUNTIME: &str = "/2018-06-01/runtime/";
/// Before the Runtime API's path, with the name of a function behind it.
const OF_FUNCTION: &str = "/functions/";

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked<'a> {
    /// A function to be called, as the path has it, and what to do with it.
    Invoke { name: &'a str, action: &'a str },
    /// Something of a runtime's: whom it serves, and the rest of the path.
    Runtime { serves: Serves, step: &'a str },
}

impl<'a> Asked<'a> {
    /// What a request asks of functions; nothing if it speaks of something else.
    pub(super) fn of(head: &'a Parts) -> Option<Self> {
        let path = head.uri.path();
        if let Some(rest) = path.strip_prefix(INVOKE) {
            let (name, action) = rest.split_once('/').unwrap_or((rest, ""));
            return Some(Self::Invoke { name, action });
        }
        if let Some(step) = path.strip_prefix(RUNTIME) {
            let host = super::local::without_port(protocol::host(head));
            let name = host.len().checked_sub(".localhost".len()).filter(|at| host.is_char_boundary(*at));
            let name = name.map(|at| host.split_at(at)).filter(|(_, end)| end.eq_ignore_ascii_case(".localhost"));
            let serves = name.map_or(Serves::Any, |(name, _)| Serves::Function(name.to_owned()));
            return Some(Self::Runtime { serves, step });
        }
        let (name, rest) = path.strip_prefix(OF_FUNCTION)?.split_once('/')?;
        let step = rest.strip_prefix(RUNTIME.trim_start_matches('/'))?;
        Some(Self::Runtime { serves: Serves::Function(name.to_owned()), step })
    }
}

/// The answer to a request that speaks of functions.
pub(super) async fn answer(
    front: &Front,
    asked: Asked<'_>,
    head: &Parts,
    body: Incoming,
    pulse: &Pulse,
    origin: Origin,
) -> Reply {
    // Bodies are as large as those of streams, so that what is too large for a function is told in Lambda's words.
    let taken = front.intake.take(head, Service::Kinesis, body, pulse).await;
    match asked {
        Asked::Invoke { name, action } => match body_of(taken) {
            Ok(body) => invoke::answer(front, (name, action), head, &body, origin).await,
            Err(status) => reply::json(status, &serde_json::json!({"message": "the body cannot be taken in"})),
        },
        Asked::Runtime { serves, step } => {
            if !is_local_program(head, origin) || !front.own_names.admit(head) {
                return runtime::error(StatusCode::FORBIDDEN, "Forbidden", "runtimes are on this machine alone");
            }
            runtime::answer(front, serves, step, head, body_of(taken)).await
        }
    }
}

fn body_of(taken: Result<Taken<'_>, Refusal>) -> Result<Bytes, StatusCode> {
    taken.map(|taken| taken.bytes).map_err(|refusal| match refusal {
        Refusal::HeadTooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Refusal::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::PAYLOAD_TOO_LARGE,
    })
}

/// Whether the method is the one a path is made for.
fn is(head: &Parts, method: &Method) -> bool {
    head.method == *method
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, host: &str) -> Option<String> {
        let head = http::Request::get(path).header("host", host).body(()).unwrap().into_parts().0;
        Asked::of(&head).map(|asked| match asked {
            Asked::Invoke { name, action } => format!("{name} {action}"),
            Asked::Runtime { serves, step } => format!("{serves:?} {step}"),
        })
    }

    #[test]
    fn a_runtime_says_by_path_or_by_host_whom_it_serves_or_says_nothing() {
        let next = "invocation/next";
        let at = |path: &str, host: &str| asked(path, host).unwrap();
        assert_eq!(at("/2018-06-01/runtime/invocation/next", "127.0.0.1:4566"), format!("Any {next}"));
        assert_eq!(at("/2018-06-01/runtime/invocation/next", "localhost"), format!("Any {next}"));
        let named = format!("Function(\"f\") {next}");
        assert_eq!(at("/2018-06-01/runtime/invocation/next", "f.localhost:4566"), named);
        assert_eq!(at("/functions/f/2018-06-01/runtime/invocation/next", "127.0.0.1:4566"), named);
        assert_eq!(at("/2015-03-31/functions/f/invocations", "x"), "f invocations");
        for other in ["/", "/functions/f", "/functions/f/x", "/2018-06-01/ping", "/_headwater/health"] {
            assert_eq!(asked(other, "x"), None, "{other}");
        }
    }
}
