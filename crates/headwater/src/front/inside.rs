//! `/_headwater/deliveries/…` and `/_headwater/streams/…`: what the services' public API does not tell about a delivery stream
//! and a stream, for the console and for other tools.
//!
//! Invariant: nothing is told but to a caller of the service, by a signature or a session of the console, who may describe
//! what it is about; the records behind errors to one who may read the object they stand in, too.
use super::{
    Front,
    pulse::Pulse,
    reply::{self, Reply},
};
use bytes::Bytes;
use headwater_firehose::{Delivered, Firehose, Written};
use headwater_kinesis::{Kinesis, ShardReading};
use headwater_wire::{ErrorKind, Origin, Service, ServiceError};
use http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::{borrow::Cow, sync::Arc};
use tokio::sync::Semaphore;

const DELIVERIES: &str = "/_headwater/deliveries/";
const STREAMS: &str = "/_headwater/streams/";
/// What a policy calls reading an object.
const READ_OBJECT: &str = "s3:GetObject";
/// What one answer holds of an object of errors: whole lines, but one in any case.
const PAGE_BYTES: usize = 4 << 20;
/// Objects of errors opened at the same time: each may take some hundred MiB.
const OPENED: usize = 2;
/// Where the next page of an object begins, if there is one.
static NEXT: HeaderName = HeaderName::from_static("x-headwater-next");

/// The services that are looked into.
pub(crate) struct Inside {
    kinesis: Arc<Kinesis>,
    firehose: Arc<Firehose>,
    opened: Semaphore,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked<'a> {
    /// What a delivery stream wrote last.
    Delivered(&'a str),
    /// The records behind its errors.
    Errors(&'a str),
    /// What went in and out of a stream's shards.
    Shards(&'a str),
}

impl<'a> Asked<'a> {
    /// What a request asks of the insides; nothing if it speaks of something else.
    pub(super) fn of(head: &'a Parts) -> Option<Self> {
        let path = head.uri.path();
        if let Some(name) = path.strip_prefix(STREAMS).and_then(|rest| rest.strip_suffix("/shards")) {
            return Some(Self::Shards(name));
        }
        let name = path.strip_prefix(DELIVERIES)?;
        Some(name.strip_suffix("/errors").map_or(Self::Delivered(name), Self::Errors))
    }
}

impl Inside {
    pub(crate) fn new(kinesis: Arc<Kinesis>, firehose: Arc<Firehose>) -> Self {
        Self { kinesis, firehose, opened: Semaphore::new(OPENED) }
    }
}

/// The answer to a request that asks for something in here.
pub(super) async fn answer(
    front: &Front,
    asked: Asked<'_>,
    head: &Parts,
    body: Incoming,
    pulse: &Pulse,
    origin: Origin,
) -> Reply {
    let told = match (&head.method, front.intake.take(head, Service::Firehose, body, pulse).await, &front.inside) {
        (&Method::GET, Ok(taken), Some(inside)) => inside.tell(front, asked, head, &taken.bytes, origin).await,
        (&Method::GET, ..) => Err(ServiceError::bare("SerializationException", ErrorKind::Sender)),
        _ => return guarded(reply::json(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "only GET"}))),
    };
    guarded(told.unwrap_or_else(|refusal| refused(&refusal)))
}

impl Inside {
    async fn tell(
        &self,
        front: &Front,
        asked: Asked<'_>,
        head: &Parts,
        body: &Bytes,
        origin: Origin,
    ) -> Result<Reply, ServiceError> {
        let service = if matches!(asked, Asked::Shards(_)) { Service::Kinesis } else { Service::Firehose };
        let caller = front.whoever(service.scope(), head, body, origin)?;
        match asked {
            Asked::Delivered(name) => {
                let Delivered { objects, errors } = self.firehose.delivered(&caller, name)?;
                let list = |all: Vec<Written>| all.iter().map(written).collect::<Vec<_>>();
                Ok(reply::json(StatusCode::OK, &json!({"objects": list(objects), "errors": list(errors)})))
            }
            Asked::Errors(name) => {
                let key = parameter(head, "key").unwrap_or_default();
                let object = self.firehose.error_object(&caller, name, &key)?;
                front.gate.permit_on(&caller, READ_OBJECT, &object.arn(), front.clock.now_ms())?;
                // Closed by nobody.
                let _turn = self.opened.acquire().await;
                let lines = self.firehose.open_errors(&object).await?;
                let from = parameter(head, "from").and_then(|from| from.parse().ok()).unwrap_or_default();
                Ok(page(&lines, from))
            }
            Asked::Shards(name) => {
                let shards = self.kinesis.shard_readings(&caller, name)?;
                let shards: Vec<Value> = shards.iter().map(shard).collect();
                Ok(reply::json(StatusCode::OK, &json!({"shards": shards})))
            }
        }
    }
}

fn written(Written { bucket, key, bytes, records, at_ms, error_type }: &Written) -> Value {
    json!({"bucket": bucket, "key": key, "bytes": bytes, "records": records, "writtenAt": at_ms, "errorType": error_type})
}

fn shard(reading: &ShardReading) -> Value {
    let ShardReading { shard, incoming_records, incoming_bytes, outgoing_records, outgoing_bytes, behind_ms } = reading;
    json!({
        "shardId": shard,
        "incomingRecords": incoming_records,
        "incomingBytes": incoming_bytes,
        "outgoingRecords": outgoing_records,
        "outgoingBytes": outgoing_bytes,
        "behindMs": behind_ms,
    })
}

/// Whole lines from a place on, and where the next ones begin.
fn page(lines: &Bytes, from: usize) -> Reply {
    let rest = lines.slice(from.min(lines.len())..);
    let end = |within: usize| {
        let last = rest.get(..within).and_then(|head| memchr::memrchr(b'\n', head));
        last.or_else(|| memchr::memchr(b'\n', &rest)).map_or(rest.len(), |at| at + 1)
    };
    let taken = if rest.len() <= PAGE_BYTES { rest.len() } else { end(PAGE_BYTES) };
    let mut reply = reply::page(StatusCode::OK, "application/x-ndjson", rest.slice(..taken));
    if taken < rest.len() {
        reply.headers_mut().insert(&NEXT, HeaderValue::from(from + taken));
    }
    reply
}

/// A parameter of the query, unescaped.
fn parameter<'a>(head: &'a Parts, name: &str) -> Option<Cow<'a, str>> {
    let query = head.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(held, _)| held == name).map(|(_, value)| value)
}

/// A refusal as the services give it, with what it is about in its status.
pub(super) fn refused(refusal: &ServiceError) -> Reply {
    let status = match (refusal.code, refusal.kind) {
        ("ResourceNotFoundException", _) => StatusCode::NOT_FOUND,
        ("AccessDeniedException" | "MissingAuthenticationTokenException", _) => StatusCode::FORBIDDEN,
        (_, ErrorKind::Sender) => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    reply::json(status, &json!({"__type": refusal.code, "message": refusal.message}))
}

/// What these answers tell a browser: to keep them to itself, and to take them for nothing that is shown.
pub(super) fn guarded(mut reply: Reply) -> Reply {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn asked(path: &str) -> Option<String> {
        let head = http::Request::get(path).body(()).unwrap().into_parts().0;
        Asked::of(&head).map(|asked| format!("{asked:?}"))
    }

    #[test]
    fn a_path_names_the_delivery_stream_and_what_of_it() {
        assert_eq!(asked("/_headwater/deliveries/d").as_deref(), Some("Delivered(\"d\")"));
        assert_eq!(asked("/_headwater/deliveries/d/errors?key=a").as_deref(), Some("Errors(\"d\")"));
        assert_eq!(asked("/_headwater/streams/s/shards").as_deref(), Some("Shards(\"s\")"));
        assert_eq!(asked("/_headwater/streams/s").or(asked("/_headwater/health")), None);
    }

    #[tokio::test]
    async fn pages_end_with_lines_and_are_all_there_is() {
        let line = |length: usize| format!("{}\n", "x".repeat(length));
        let all = [line(3 << 20), line(2 << 20), line(9 << 20), line(1), "torn".into()].concat();
        let lines = Bytes::from(all.clone());
        let (mut from, mut pages) = (0, Vec::new());
        loop {
            let reply = page(&lines, from);
            let next = reply.headers().get(&NEXT).map(|next| next.to_str().unwrap().parse().unwrap());
            pages.push(reply.into_body().collect().await.unwrap().to_bytes());
            let Some(next) = next else { break };
            from = next;
        }
        assert_eq!(pages.concat(), all.as_bytes());
        assert_eq!(pages.len(), 4);
        assert!(pages[..3].iter().all(|page| page.ends_with(b"\n")));
        assert!(page(&lines, usize::MAX).headers().get(&NEXT).is_none());
    }
}
