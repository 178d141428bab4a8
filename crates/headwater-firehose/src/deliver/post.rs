//! Records to an HTTP endpoint, by the service's protocol 1.0.
//!
//! Invariant: a request that is tried again has the same id; an endpoint has records only once it has said so in the form
//! the protocol asks for.
use super::{Delivery, Rests, objects::Span};
use crate::{
    compress::Codec,
    failure::HTTP_ENDPOINT_FAILED,
    outside::{Failure, Post, Posted},
    plan::Endpoint,
    record::{Failed, Record},
};
use bytes::Bytes;
use headwater_wire::uuid_text;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// Between tries.
const LONGEST_REST_MS: u64 = 30_000;
/// What an endpoint says to what it will never take.
const TOO_LARGE: u16 = 413;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    request_id: &'a str,
    timestamp: u64,
    records: Vec<Data>,
}

#[derive(Serialize)]
struct Data {
    data: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attributes<'a> {
    common_attributes: BTreeMap<&'a str, &'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    timestamp: Option<u64>,
    error_message: Option<String>,
}

/// Posts records until the endpoint has them; those given up go to the errors.
pub(super) async fn post(delivery: &Arc<Delivery>, endpoint: &Endpoint, records: Vec<Record>) -> Vec<Failed> {
    let firehose = &delivery.firehose;
    let id = uuid_text((firehose.entropy)());
    let begun_ms = firehose.clock.now_ms();
    let request = request(delivery, endpoint, &id, &records, begun_ms);
    let (mut attempts, mut rests) = (0, Rests::up_to(LONGEST_REST_MS));
    loop {
        attempts += 1;
        let said = match firehose.endpoints.post(request.clone()).await {
            Ok(posted) => heard(&posted, &id),
            Err(failure) => Err(failure),
        };
        let Err(failure) = said else {
            let span = Span::of(&records);
            delivery.meter.delivered(span.records, span.youngest_ms);
            return Vec::new();
        };
        delivery.meter.refused();
        let ended_ms = firehose.clock.now_ms();
        if failure.is_permanent || ended_ms + rests.next_ms() >= begun_ms + endpoint.retry_ms {
            let Failure { code, message, .. } = &failure;
            tracing::error!(delivery_stream = delivery.name(), code, message, "an endpoint was given up");
            return Failed::all(records, HTTP_ENDPOINT_FAILED, &failure, attempts, ended_ms);
        }
        firehose.clock.sleep(rests.take_ms()).await;
    }
}

fn request(delivery: &Delivery, endpoint: &Endpoint, id: &str, records: &[Record], now_ms: u64) -> Post {
    let data = |record: &Record| Data { data: base64_simd::STANDARD.encode_to_string(&record.data) };
    let body = Body { request_id: id, timestamp: now_ms, records: records.iter().map(data).collect() };
    let plain = serde_json::to_vec(&body).unwrap_or_default();
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("x-amz-firehose-protocol-version", "1.0".to_owned()),
        ("x-amz-firehose-request-id", id.to_owned()),
        ("x-amz-firehose-source-arn", delivery.arn.clone()),
    ];
    if let Some(key) = &endpoint.access_key {
        headers.push(("x-amz-firehose-access-key", key.clone()));
    }
    if !endpoint.attributes.is_empty() {
        let pairs = endpoint.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let attributes = serde_json::to_string(&Attributes { common_attributes: pairs.collect() });
        headers.push(("x-amz-firehose-common-attributes", attributes.unwrap_or_default()));
    }
    let body = if endpoint.is_compressed {
        headers.push(("content-encoding", "gzip".to_owned()));
        // Writing to memory does not fail.
        Codec::Gzip.compress(vec![Bytes::from(plain)], "").unwrap_or_default().concat().into()
    } else {
        plain.into()
    };
    Post { url: endpoint.url.clone(), headers, body }
}

/// Whether an answer says that the endpoint has the records.
fn heard(posted: &Posted, id: &str) -> Result<(), Failure> {
    let failure = |code: &str, message: String, is_permanent| Err(Failure { code: code.into(), message, is_permanent });
    let Posted { status, content_type, body } = posted;
    let said: Option<Said<'_>> = serde_json::from_slice(body).ok();
    if *status != 200 {
        let why = said.and_then(|said| said.error_message).unwrap_or_else(|| format!("The status was {status}."));
        return failure("HttpEndpoint.DestinationException", why, *status == TOO_LARGE);
    }
    let code = "HttpEndpoint.InvalidResponseFromDestination";
    let is_json = content_type.split(';').next().is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json"));
    match said {
        _ if !is_json => failure(code, format!("The content type was {content_type}."), false),
        None => failure(code, "The body is not the JSON object the protocol asks for.".into(), false),
        Some(said) if said.request_id != id => failure(code, "The requestId is another one.".into(), false),
        Some(said) if said.timestamp.is_none() => failure(code, "There is no timestamp.".into(), false),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard_of(status: u16, content_type: &str, body: &str) -> Result<(), (String, bool)> {
        let posted =
            Posted { status, content_type: content_type.into(), body: Bytes::copy_from_slice(body.as_bytes()) };
        heard(&posted, "id").map_err(|failure| (failure.code, failure.is_permanent))
    }

    #[test]
    fn an_endpoint_has_records_once_it_says_so_in_the_right_form() {
        let good = r#"{"requestId":"id","timestamp":1}"#;
        assert_eq!(heard_of(200, "application/json; charset=utf-8", good), Ok(()));
        for (content_type, body) in [
            ("text/html", good),
            ("application/json", "{}"),
            ("application/json", r#"{"requestId":"other","timestamp":1}"#),
            ("application/json", r#"{"requestId":"id"}"#),
            ("application/json", "ok"),
        ] {
            let refused = Err(("HttpEndpoint.InvalidResponseFromDestination".into(), false));
            assert_eq!(heard_of(200, content_type, body), refused, "{body}");
        }
    }

    #[test]
    fn only_what_is_too_large_is_never_tried_again() {
        for (status, is_permanent) in [(400, false), (403, false), (413, true), (500, false), (503, false)] {
            let refused = Err(("HttpEndpoint.DestinationException".into(), is_permanent));
            assert_eq!(heard_of(status, "application/json", ""), refused, "{status}");
        }
    }
}
