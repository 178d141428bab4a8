//! Answers as the services send them: in the request's dialect, with their ids and headers. Invariant: every answer of
//! a service carries a request id, and its length is that of its body.
use super::{chance::Draw, outgoing::Outgoing, protocol::is_dynamo};
use bytes::Bytes;
use headwater_wire::{Dialect, EVENT_STREAM, ErrorKind, Service, ServiceError, encode_error};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;
use std::fmt;

/// What goes back.
pub(crate) type Reply = Response<Outgoing>;

pub(super) const JSON: &str = "application/json";
const UUID_BYTES: usize = 36;
const DYNAMO_ID_BYTES: usize = 52;
/// `x-amz-id-2` stands for this many bytes, as base64.
const EXTENDED_ID_NUMBERS: usize = 9;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
static EXTENDED_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
static ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
static CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");

/// Why a request is not answered with its operation's output.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// In the service's own form.
    Error { service: Service, dialect: Dialect, content_type: &'static str, error: ServiceError },
    /// 403: nothing says what is wanted.
    AccessDenied(Service),
    /// 404: the service does not speak this way.
    NotFound(Service),
    /// 413: the body is larger than the service takes.
    TooLarge(Service),
    /// 431: the head is larger than any client makes one.
    HeadTooLarge(Service),
    /// 408: the body did not come in time.
    TooSlow(Service),
}

/// The id of one request, as its service writes it.
#[derive(Clone, Copy)]
pub(crate) struct RequestId {
    text: [u8; DYNAMO_ID_BYTES],
    length: usize,
}

impl RequestId {
    /// A new id: a UUID, or for `DynamoDB` 52 letters and digits.
    pub(crate) fn new(service: Service, draw: &mut Draw) -> Self {
        if is_dynamo(service) { Self::letters(draw) } else { Self::uuid(draw) }
    }

    fn uuid(draw: &mut Draw) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let version_4 = draw.number() & 0xffff_ffff_ffff_0fff | 0x4000;
        let variant_1 = draw.number() >> 2 | 1 << 63;
        let bits = u128::from(version_4) << 64 | u128::from(variant_1);
        let mut text = [b'-'; DYNAMO_ID_BYTES];
        let mut shift = 128;
        for (index, byte) in text.iter_mut().enumerate().take(UUID_BYTES) {
            if !matches!(index, 8 | 13 | 18 | 23) {
                shift -= 4;
                *byte = DIGITS[(bits >> shift & 15) as usize];
            }
        }
        Self { text, length: UUID_BYTES }
    }

    fn letters(draw: &mut Draw) -> Self {
        const LETTERS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut text = [b'0'; DYNAMO_ID_BYTES];
        for twelve in text.chunks_mut(12) {
            // As a fraction: its digits to the base of 36 are what is in front of the point, again and again.
            let mut fraction = draw.number();
            for byte in twelve {
                let digit = usize::try_from((u128::from(fraction) * 36) >> 64).unwrap_or_default();
                *byte = LETTERS[digit];
                fraction = fraction.wrapping_mul(36);
            }
        }
        Self { text, length: DYNAMO_ID_BYTES }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text[..self.length]
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

/// The output of an operation.
pub(crate) fn success(
    service: Service,
    content_type: &'static str,
    body: Bytes,
    id: &RequestId,
    draw: &mut Draw,
) -> Reply {
    let mut reply = of_service(service, StatusCode::OK, body, id, draw);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// The output of an operation that answers with events.
pub(crate) fn events(service: Service, events: Outgoing, id: &RequestId, draw: &mut Draw) -> Reply {
    let mut reply = success(service, EVENT_STREAM, Bytes::new(), id, draw);
    *reply.body_mut() = events;
    reply
}

/// A refusal in the form its service gives it.
pub(crate) fn refusal(refusal: &Refusal, id: &RequestId, draw: &mut Draw) -> Reply {
    match refusal {
        Refusal::Error { service, dialect, content_type, error } => {
            let body = encode_error(*dialect, *service, error).into();
            let mut reply = of_service(*service, status(error.kind), body, id, draw);
            let headers = reply.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            headers.insert(ERROR_TYPE.clone(), HeaderValue::from_static(error.code));
            reply
        }
        Refusal::AccessDenied(service) => {
            const BODY: &[u8] =
                b"<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be \
                authorized</Message>\n</AccessDeniedException>\n";
            of_service(*service, StatusCode::FORBIDDEN, Bytes::from_static(BODY), id, draw)
        }
        Refusal::NotFound(service) => {
            const BODY: &[u8] = b"<UnknownOperationException/>\n";
            of_service(*service, StatusCode::NOT_FOUND, Bytes::from_static(BODY), id, draw)
        }
        Refusal::TooLarge(service) => of_service(*service, StatusCode::PAYLOAD_TOO_LARGE, Bytes::new(), id, draw),
        Refusal::HeadTooLarge(service) => {
            of_service(*service, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Bytes::new(), id, draw)
        }
        Refusal::TooSlow(service) => of_service(*service, StatusCode::REQUEST_TIMEOUT, Bytes::new(), id, draw),
    }
}

/// An answer that is none of a service's.
pub(super) fn page(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Reply::new(body.into().into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

/// An answer in JSON, for programs and for people at a terminal.
pub(super) fn json(status: StatusCode, body: &Value) -> Reply {
    page(status, JSON, format!("{body}\n"))
}

/// `DynamoDB`'s answer to a plain GET.
pub(crate) fn healthy(region: &str, id: &RequestId, draw: &mut Draw) -> Reply {
    let body = format!("healthy: dynamodb.{region}.amazonaws.com ");
    of_service(Service::DynamoDb, StatusCode::OK, body.into(), id, draw)
}

/// The answer to a browser's question whether it may send the real request. It may.
pub(crate) fn preflight(asked: &HeaderMap, id: &RequestId) -> Reply {
    let mut reply = Reply::default();
    let headers = reply.headers_mut();
    insert_id(headers, id);
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    for (question, answer) in [
        (header::ACCESS_CONTROL_REQUEST_HEADERS, header::ACCESS_CONTROL_ALLOW_HEADERS),
        (header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_ALLOW_METHODS),
    ] {
        if let Some(value) = asked.get(question) {
            headers.insert(answer, value.clone());
        }
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("172800"));
    reply
}

/// Lets the page that sent the request read the answer.
pub(crate) fn allow_origin(reply: &mut Reply) {
    const EXPOSED: &str =
        "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amz-crc32,x-amzn-ErrorMessage,Date";
    let headers = reply.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

/// An answer with its ids.
fn of_service(service: Service, status: StatusCode, body: Bytes, id: &RequestId, draw: &mut Draw) -> Reply {
    let mut headers = HeaderMap::with_capacity(8);
    insert_id(&mut headers, id);
    if is_dynamo(service) {
        headers.insert(CRC32.clone(), HeaderValue::from(crc32fast::hash(&body)));
    } else {
        let mut bytes = [0; EXTENDED_ID_NUMBERS * 8];
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&draw.number().to_le_bytes()));
        let text = base64_simd::STANDARD.encode_type::<Vec<u8>>(&bytes);
        // Base64 is always a fit header value.
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text)) {
            headers.insert(EXTENDED_ID.clone(), value);
        }
    }
    let mut reply = Response::new(Outgoing::from(body));
    *reply.status_mut() = status;
    *reply.headers_mut() = headers;
    reply
}

fn insert_id(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(value) = HeaderValue::from_bytes(id.as_bytes()) {
        headers.insert(REQUEST_ID.clone(), value);
    }
}

pub(crate) const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Sender => StatusCode::BAD_REQUEST,
        ErrorKind::Receiver => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Elsewhere => StatusCode::MISDIRECTED_REQUEST,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::chance::Chance;

    fn id(service: Service) -> String {
        RequestId::new(service, &mut Chance::new(3).draw()).to_string()
    }

    #[test]
    fn ids_look_as_the_services_write_them() {
        let uuid = id(Service::Kinesis);
        let parts: Vec<&str> = uuid.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4') && "89ab".contains(&parts[3][..1]), "{uuid}");
        assert!(parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
        let letters = id(Service::DynamoDb);
        assert_eq!(letters.len(), 52);
        assert!(letters.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()));
    }

    #[test]
    fn each_service_has_its_own_headers() {
        let mut draw = Chance::new(3).draw();
        let id = RequestId::new(Service::Kinesis, &mut draw);
        let kinesis = refusal(&Refusal::NotFound(Service::Kinesis), &id, &mut draw);
        let extended = base64_simd::STANDARD.decode_to_vec(&kinesis.headers()[&EXTENDED_ID]).unwrap();
        assert!((64..=80).contains(&extended.len()));
        assert!(!kinesis.headers().contains_key(header::CONTENT_TYPE));
        let dynamo = refusal(&Refusal::NotFound(Service::DynamoDb), &id, &mut draw);
        assert_eq!(dynamo.headers()[&CRC32], "3552371480");
        assert!(!dynamo.headers().contains_key(&EXTENDED_ID));
    }
}
