//! Records that came compressed, as CloudWatch Logs sends them, and the log messages in them.
//!
//! Invariant: no record unpacks to more than a fixed size, and one that cannot be unpacked says why.
use super::Cause;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use std::{borrow::Cow, io::Read};

/// Bytes a record may unpack to: CloudWatch Logs sends records of at most one such unpacked many times over.
const UNPACKED_BYTES: u64 = 16 << 20;

/// What is done to compressed records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Unpacking {
    /// Whether only the messages of log events are kept.
    pub(super) is_for_messages: bool,
}

/// What CloudWatch Logs sends to a subscription.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription<'a> {
    #[serde(borrow)]
    message_type: Cow<'a, str>,
    #[serde(borrow, default)]
    log_events: Vec<LogEvent<'a>>,
}

#[derive(Deserialize)]
struct LogEvent<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

impl Unpacking {
    /// What `data` unpacks to; nothing if it is a control message.
    pub(super) fn unpack(&self, data: &[u8]) -> Result<Option<Bytes>, Cause> {
        let unpacked = unpacked(data)?;
        if self.is_for_messages { messages(&unpacked) } else { Ok(Some(unpacked.into())) }
    }
}

fn unpacked(data: &[u8]) -> Result<Vec<u8>, Cause> {
    let cause = |message| Cause { output_type: "decompression-failed", code: "DecompressionFailed", message };
    let mut unpacked = Vec::with_capacity(data.len() * 4);
    let mut reader = MultiGzDecoder::new(data).take(UNPACKED_BYTES + 1);
    reader
        .read_to_end(&mut unpacked)
        .map_err(|e| cause(format!("The record could not be decompressed as GZIP: {e}")))?;
    if unpacked.len() as u64 > UNPACKED_BYTES {
        return Err(cause(format!("The record decompresses to more than {UNPACKED_BYTES} bytes.")));
    }
    Ok(unpacked)
}

/// The messages of the log events in `json`, with newlines between them.
fn messages(json: &[u8]) -> Result<Option<Bytes>, Cause> {
    let cause = |why: &str| Cause {
        output_type: "processing-failed",
        code: "CloudWatchLogProcessing.MessageExtractionFailed",
        message: format!("The record is not from CloudWatch Logs: {why}"),
    };
    let subscription: Subscription<'_> = serde_json::from_slice(json).map_err(|e| cause(&e.to_string()))?;
    match &*subscription.message_type {
        "DATA_MESSAGE" => {
            let messages: Vec<&str> = subscription.log_events.iter().map(|event| &*event.message).collect();
            Ok(Some(messages.join("\n").into()))
        }
        "CONTROL_MESSAGE" => Ok(None),
        _ => Err(cause("its message type is neither DATA_MESSAGE nor CONTROL_MESSAGE.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(is_for_messages: bool, data: &[u8]) -> Result<Option<Bytes>, (&'static str, &'static str)> {
        Unpacking { is_for_messages }.unpack(data).map_err(|cause| (cause.output_type, cause.code))
    }

    fn messages_of(json: &str) -> Result<Option<Bytes>, (&'static str, &'static str)> {
        unpack(true, &gzip(json.as_bytes()))
    }

    #[test]
    fn one_member_or_several_unpack_to_what_was_packed() {
        assert_eq!(unpack(false, &gzip(b"abc")), Ok(Some("abc".into())));
        assert_eq!(unpack(false, &[gzip(b"abc"), gzip(b""), gzip(b"def")].concat()), Ok(Some("abcdef".into())));
    }

    #[test]
    fn what_is_not_packed_or_torn_or_too_large_fails() {
        let failure = Err(("decompression-failed", "DecompressionFailed"));
        let packed = gzip(b"abcdefgh");
        assert_eq!(unpack(false, b"abc"), failure);
        assert_eq!(unpack(false, &packed[..packed.len() - 3]), failure);
        assert_eq!(unpack(false, &[&packed[..], b"tail"].concat()), failure);
        assert_eq!(unpack(false, &gzip(&vec![0; 17 << 20])), failure);
    }

    #[test]
    fn messages_are_taken_out_of_log_events() {
        let json = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],
            "logEvents":[{"id":"1","timestamp":1,"message":"a \"b\""},{"id":"2","timestamp":2,"message":"c"}]}"#;
        assert_eq!(messages_of(json), Ok(Some("a \"b\"\nc".into())));
    }

    #[test]
    fn control_messages_are_dropped_and_others_are_failures() {
        assert_eq!(
            messages_of(r#"{"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"CWL CONTROL MESSAGE"}]}"#),
            Ok(None)
        );
        for other in [r#"{"messageType":"OTHER"}"#, "{}", "[]", "text"] {
            assert_eq!(
                messages_of(other),
                Err(("processing-failed", "CloudWatchLogProcessing.MessageExtractionFailed"))
            );
        }
    }

    proptest! {
        #[test]
        fn noise_is_never_a_panic(noise in any::<Vec<u8>>()) {
            prop_assert!(unpack(true, &noise).is_err() || noise.is_empty());
            let _ = unpack(true, &gzip(&noise));
        }
    }
}
