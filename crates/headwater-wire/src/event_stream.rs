//! AWS event stream framing: how a reply that goes on for minutes is cut into messages.
//!
//! Invariant: what is encoded here decodes to the same message, and a message is handed out only if both its checksums
//! hold. A message (big endian): length of all (4), length of the headers (4), CRC-32 of these eight bytes (4), the
//! headers, the payload, CRC-32 of everything before (4). A header: length of the name (1), name, type 7 for a string
//! (1), length of the value (2), value; the services send no other type.
use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use crc32fast::hash;

const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
const STRING_TYPE: u8 = 7;
/// The largest payload that every client's decoder takes, in bytes.
pub const MAX_PAYLOAD_BYTES: usize = 16 << 20;
/// The largest headers that every client's decoder takes, in bytes.
const MAX_HEADERS_BYTES: usize = 128 << 10;

/// One decoded message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Names and values, in order, e.g. `:event-type` and `SubscribeToShardEvent`.
    pub headers: Vec<(String, String)>,
    /// What it carries; a slice of the buffer it came in.
    pub payload: Bytes,
}

impl Message {
    /// The value of the header `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}

/// Why bytes are no message. The stream cannot be read on behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameFault {
    /// A length contradicts another or is beyond what may be sent.
    Length,
    /// The bytes are not those that were sent.
    Checksum,
    /// A header is cut short, is not a string or not UTF-8.
    Header,
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "impossible length",
            Self::Checksum => "checksum does not match",
            Self::Header => "malformed header",
        })
    }
}
impl std::error::Error for FrameFault {}

/// The message a stream begins with: clients wait for it before they show anything.
#[must_use]
pub fn initial_response(content_type: &str) -> Bytes {
    event("initial-response", content_type, b"{}")
}

/// An event, e.g. `SubscribeToShardEvent`, whose encoded members are `payload`.
///
/// # Panics
/// The payload has more than [`MAX_PAYLOAD_BYTES`].
#[must_use]
pub fn event(event_type: &str, content_type: &str, payload: &[u8]) -> Bytes {
    encode(&[(":event-type", event_type), (":content-type", content_type), (":message-type", "event")], payload)
}

/// The error `code` that ends a stream; `payload` is its encoded body.
///
/// # Panics
/// The payload has more than [`MAX_PAYLOAD_BYTES`].
#[must_use]
pub fn exception(code: &str, content_type: &str, payload: &[u8]) -> Bytes {
    encode(&[(":exception-type", code), (":content-type", content_type), (":message-type", "exception")], payload)
}

fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    assert!(payload.len() <= MAX_PAYLOAD_BYTES, "no client takes an event of {} bytes", payload.len());
    let headers_length: usize = headers.iter().map(|(name, value)| 1 + name.len() + 1 + 2 + value.len()).sum();
    assert!(headers_length <= MAX_HEADERS_BYTES, "no client takes headers of {headers_length} bytes");
    let length = PRELUDE_BYTES + headers_length + payload.len() + CHECKSUM_BYTES;
    let mut message = Vec::with_capacity(length);
    for length in [length, headers_length] {
        message.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
    append_checksum(&mut message);
    for (name, value) in headers {
        message.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        message.extend_from_slice(name.as_bytes());
        message.push(STRING_TYPE);
        message.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        message.extend_from_slice(value.as_bytes());
    }
    message.extend_from_slice(payload);
    append_checksum(&mut message);
    Bytes::from(message)
}

fn append_checksum(message: &mut Vec<u8>) {
    let checksum = hash(message);
    message.extend_from_slice(&checksum.to_be_bytes());
}

/// Takes the next message off the front of `stream`; `None` if it has not wholly arrived. Never asks for more than a
/// message may have.
///
/// # Errors
/// What stands there is no message.
pub fn decode(stream: &mut BytesMut) -> Result<Option<Message>, FrameFault> {
    let Some(prelude) = stream.first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
    let mut fields = &prelude[..];
    let length = usize::try_from(fields.get_u32()).map_err(|_| FrameFault::Length)?;
    let headers_length = usize::try_from(fields.get_u32()).map_err(|_| FrameFault::Length)?;
    check(prelude)?;
    let payload_length = length.checked_sub(PRELUDE_BYTES + CHECKSUM_BYTES + headers_length);
    if headers_length > MAX_HEADERS_BYTES || payload_length.is_none_or(|length| length > MAX_PAYLOAD_BYTES) {
        return Err(FrameFault::Length);
    }
    if stream.len() < length {
        return Ok(None);
    }
    let mut message = stream.split_to(length).freeze();
    check(&message)?;
    message.truncate(length - CHECKSUM_BYTES);
    message.advance(PRELUDE_BYTES);
    let headers = decode_headers(&message.split_to(headers_length)).ok_or(FrameFault::Header)?;
    Ok(Some(Message { headers, payload: message }))
}

/// Whether the last four bytes are the checksum of those before.
fn check(bytes: &[u8]) -> Result<(), FrameFault> {
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(FrameFault::Length)?;
    if hash(content) == u32::from_be_bytes(*checksum) { Ok(()) } else { Err(FrameFault::Checksum) }
}

fn decode_headers(mut bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while let Some((name_length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*name_length))?;
        let ([STRING_TYPE, high, low], rest) = rest.split_first_chunk()? else { return None };
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        headers.push((text(name)?, text(value)?));
        bytes = rest;
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JSON: &str = "application/x-amz-json-1.1";

    /// Bytes that botocore 1.44.5 decodes to the events the test names.
    const INITIAL_RESPONSE: &str = "0000007200000060ab820d9e0b3a6576656e742d74797065070010696e697469616c2d726573706f\
        6e73650d3a636f6e74656e742d7479706507001a6170706c69636174696f6e2f782d616d7a2d6a736f6e2d312e310d3a6d657373616765\
        2d747970650700056576656e747b7dacae6b7d";
    const EVENT: &str = "0000008d00000065118c3e9d0b3a6576656e742d74797065070015537562736372696265546f53686172644576656e74\
        0d3a636f6e74656e742d7479706507001a6170706c69636174696f6e2f782d616d7a2d6a736f6e2d312e310d3a6d6573736167652d7479\
        70650700056576656e747b224d696c6c6973426568696e644c6174657374223a307d20260b5e";
    const EXCEPTION: &str = "000000900000006e1e2eb4260f3a657863657074696f6e2d747970650700165265736f75726365496e557365457863\
        657074696f6e0d3a636f6e74656e742d7479706507001a6170706c69636174696f6e2f782d616d7a2d6a736f6e2d312e310d3a6d657373\
        6167652d74797065070009657863657074696f6e7b226d657373616765223a2262757379227dd24850fd";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn messages_are_the_bytes_botocore_reads() {
        assert_eq!(hex(&initial_response(JSON)), INITIAL_RESPONSE);
        assert_eq!(hex(&event("SubscribeToShardEvent", JSON, br#"{"MillisBehindLatest":0}"#)), EVENT);
        assert_eq!(hex(&exception("ResourceInUseException", JSON, br#"{"message":"busy"}"#)), EXCEPTION);
    }

    #[test]
    fn a_stream_decodes_message_by_message_however_it_arrives() {
        let sent = [initial_response(JSON), event("E", JSON, b"one"), exception("X", JSON, b"")].concat();
        let (mut stream, mut seen) = (BytesMut::new(), Vec::new());
        for byte in sent {
            stream.extend_from_slice(&[byte]);
            seen.extend(decode(&mut stream).unwrap());
        }
        let kinds = |message: &Message| message.header(":message-type").unwrap().to_owned();
        assert_eq!(seen.iter().map(kinds).collect::<Vec<_>>(), ["event", "event", "exception"]);
        assert_eq!(seen[1].header(":event-type"), Some("E"));
        assert_eq!((&seen[1].payload[..], seen[1].header("absent")), (&b"one"[..], None));
        assert!(stream.is_empty());
    }

    #[test]
    fn no_bit_may_change() {
        let sent = event("E", JSON, b"payload");
        for bit in 0..sent.len() * 8 {
            let mut bent = BytesMut::from(&sent[..]);
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&mut bent).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn impossible_lengths_are_refused_before_anything_is_awaited() {
        for lengths in [[15, 0], [16, 1], [u32::MAX, 0], [(17 << 20) + 16, 0], [1 << 20, 129 << 10]] {
            let mut message = lengths.map(u32::to_be_bytes).concat();
            append_checksum(&mut message);
            assert_eq!(decode(&mut BytesMut::from(&message[..])), Err(FrameFault::Length), "{lengths:?}");
        }
    }

    #[test]
    fn headers_of_other_types_and_cut_headers_are_refused() {
        for headers in [&b"\x01a\x06\0\0"[..], b"\x01a\x07\0\x05abcd", b"\x09a", b"\x01\xff\x07\0\0"] {
            let mut message =
                [16 + headers.len(), headers.len()].map(|length| u32::try_from(length).unwrap().to_be_bytes()).concat();
            append_checksum(&mut message);
            message.extend_from_slice(headers);
            append_checksum(&mut message);
            assert_eq!(decode(&mut BytesMut::from(&message[..])), Err(FrameFault::Header), "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(headers in proptest::collection::vec((".{0,60}", ".{0,300}"), 0..8),
                                       payload in any::<Vec<u8>>(), behind in any::<Vec<u8>>()) {
            let borrowed: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let mut stream = BytesMut::from(&encode(&borrowed, &payload)[..]);
            stream.extend_from_slice(&behind);
            let message = decode(&mut stream).unwrap().unwrap();
            prop_assert_eq!(message, Message { headers, payload: Bytes::from(payload) });
            prop_assert_eq!(&stream[..], &behind[..]);
        }

        #[test]
        fn noise_is_never_a_panic(noise in any::<Vec<u8>>(), headers in any::<Vec<u8>>()) {
            let _ = decode(&mut BytesMut::from(&noise[..]));
            let _ = decode_headers(&headers);
        }
    }
}
