//! Kinesis called in JSON, and the tables every operation is tried with.
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Reply, exchange, request},
    kinds::Kind,
    sentences::{ACCOUNT, ARN_PATTERN, HASH_KEY_PATTERN, NAME_PATTERN, SEQUENCE_PATTERN},
    sentences::{longer, matching, no_stream, shorter},
    server::Server,
};

pub(crate) const JSON: &str = "application/x-amz-json-1.1";
/// A signature any server without credentials of its own takes.
pub(crate) const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/kinesis/aws4_request, \
    SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=abcd";
pub(crate) const DATE: &str = "20261120T000000Z";

const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

impl Server {
    /// One call, of Kinesis where the operation is not named with its service; the answer as it came.
    pub(crate) fn post(&self, operation: &str, body: &[u8]) -> Reply {
        let target = match operation.contains('.') {
            true => operation.to_owned(),
            false => format!("Kinesis_20131202.{operation}"),
        };
        let headers = [
            ("Content-Type", JSON),
            ("X-Amz-Target", target.as_str()),
            ("X-Amz-Date", DATE),
            ("Authorization", AUTHORIZATION),
        ];
        let reply = exchange(self.address(), &request("POST", "/", &headers, body));
        reply.unwrap_or_else(|error| panic!("{operation}: no answer: {error}")).carries_ids()
    }

    /// One call that must succeed; `null` stands for an empty answer.
    pub(crate) fn ok(&self, operation: &str, input: Value) -> Value {
        let reply = self.post(operation, input.to_string().as_bytes());
        assert_eq!(reply.status, 200, "{operation} {}: {}", brief(&input), reply.text());
        assert_eq!(reply.header("content-type"), Some(JSON), "{operation}");
        reply.json()
    }

    /// One call that must succeed with no body at all.
    pub(crate) fn done(&self, operation: &str, input: Value) {
        assert_eq!(self.ok(operation, input), Value::Null, "{operation} answers with an empty body");
    }

    /// The error member and the code of a call that must be refused with 400.
    pub(crate) fn error(&self, operation: &str, input: &Value) -> (String, Value) {
        let reply = self.post(operation, input.to_string().as_bytes());
        assert_eq!(reply.status, 400, "{operation} {}: {}", brief(input), reply.text());
        assert_eq!(reply.header("content-type"), Some(JSON), "{operation}");
        let body = reply.json();
        (body["__type"].as_str().unwrap_or_default().to_owned(), body)
    }

    /// One call that must be refused with that code and that sentence.
    #[track_caller]
    pub(crate) fn refuses(&self, operation: &str, input: Value, code: &str, message: &str) {
        let (_, body) = self.error(operation, &input);
        assert_eq!(body, json!({"__type": code, "message": message}), "{operation} {}", brief(&input));
    }

    /// One call that must be refused with one of these codes and some sentence: what AWS says there is not on record.
    #[track_caller]
    pub(crate) fn refuses_as(&self, operation: &str, input: Value, codes: &[&str]) -> String {
        let (code, body) = self.error(operation, &input);
        assert!(codes.contains(&code.as_str()), "{operation} {}: {codes:?}: {body}", brief(&input));
        let message = body["message"].as_str().unwrap_or_default().to_owned();
        assert!(!message.is_empty(), "{operation}: a sentence: {body}");
        message
    }

    /// One call that must break exactly these constraints. Their order is not part of the contract; how many is.
    #[track_caller]
    pub(crate) fn violates(&self, operation: &str, input: Value, constraints: &[String]) {
        let (code, body) = self.error(operation, &input);
        let message = body["message"].as_str().unwrap_or_default();
        assert_eq!(code, "ValidationException", "{operation} {}: {body}", brief(&input));
        let plural = if constraints.len() == 1 { "" } else { "s" };
        let head = format!("{} validation error{plural} detected: ", constraints.len());
        let list =
            message.strip_prefix(&head).unwrap_or_else(|| panic!("{operation} {}: {head:?}: {message}", brief(&input)));
        let mut broken: Vec<String> = list.split("; ").map(plain_patterns).collect();
        let mut expected = constraints.to_vec();
        broken.sort();
        expected.sort();
        assert_eq!(broken, expected, "{operation} {}", brief(&input));
    }

    /// Every kind of fault in every member, each alone in a request.
    #[track_caller]
    pub(crate) fn refuses_other_kinds(&self, operation: &str, members: &[(&str, Kind)]) {
        for (member, kind) in members {
            for (value, text) in kind.faults() {
                let input = json!({*member: value});
                let (_, body) = self.error(operation, &input);
                assert_eq!(body, json!({"__type": "SerializationException", "Message": text}), "{operation} {input}");
            }
        }
    }

    /// The constraints on StreamName and StreamARN, and a stream that is not there, for an operation whose other members
    /// are `rest`.
    #[track_caller]
    pub(crate) fn wants_a_stream(&self, operation: &str, rest: &Value) {
        let with = |member: &str, value: &str| {
            let mut input = rest.clone();
            input[member] = json!(value);
            input
        };
        let long = "a".repeat(129);
        let empty = [matching("", "streamName", NAME_PATTERN), longer("", "streamName", 1)];
        self.violates(operation, with("StreamName", ""), &empty);
        self.violates(operation, with("StreamName", "a;b"), &[matching("a;b", "streamName", NAME_PATTERN)]);
        self.violates(operation, with("StreamName", &long), &[shorter(&long, "streamName", 128)]);
        self.violates(operation, with("StreamARN", "abc"), &[matching("abc", "streamARN", ARN_PATTERN)]);
        self.refuses_as(operation, rest.clone(), &["InvalidArgumentException", "ValidationException"]);
    }

    /// A stream that is not there.
    #[track_caller]
    pub(crate) fn misses_the_stream(&self, operation: &str, rest: &Value) {
        let mut input = rest.clone();
        let name = fresh("absent");
        input["StreamName"] = json!(name);
        self.refuses(operation, input, "ResourceNotFoundException", &no_stream(&name));
    }

    /// An active stream of its own for a test.
    pub(crate) fn stream(&self, shards: u32) -> String {
        let name = fresh("stream");
        self.done("CreateStream", json!({"StreamName": name, "ShardCount": shards}));
        self.settles(&name);
        name
    }

    /// Waits until the stream is active.
    pub(crate) fn settles(&self, stream: &str) {
        until(&format!("{stream} is active"), || self.summary(stream)["StreamStatus"] == "ACTIVE");
    }

    /// The summary of a stream.
    pub(crate) fn summary(&self, stream: &str) -> Value {
        self.ok("DescribeStreamSummary", json!({"StreamName": stream}))["StreamDescriptionSummary"].clone()
    }

    /// All shards of a stream, closed ones too.
    pub(crate) fn shards(&self, stream: &str) -> Vec<Value> {
        list(&self.ok("ListShards", json!({"StreamName": stream}))["Shards"])
    }

    /// Puts text and gives the answer.
    pub(crate) fn put(&self, stream: &str, key: &str, data: &str) -> Value {
        self.ok("PutRecord", json!({"StreamName": stream, "PartitionKey": key, "Data": base64(data.as_bytes())}))
    }

    /// An iterator of a type that needs nothing else.
    pub(crate) fn iterator(&self, stream: &str, shard: &str, kind: &str) -> String {
        self.iterator_with(json!({"StreamName": stream, "ShardId": shard, "ShardIteratorType": kind}))
    }

    /// The iterator that input gets.
    pub(crate) fn iterator_with(&self, input: Value) -> String {
        text(&self.ok("GetShardIterator", input)["ShardIterator"])
    }

    /// One page.
    pub(crate) fn page(&self, iterator: &str) -> Value {
        self.ok("GetRecords", json!({"ShardIterator": iterator}))
    }

    /// Everything a shard holds from `iterator` on, until its end or its tip.
    pub(crate) fn drain(&self, iterator: String) -> Vec<Value> {
        let mut records = Vec::new();
        let mut next = Some(iterator);
        while let Some(iterator) = next {
            let page = self.page(&iterator);
            let got = list(&page["Records"]);
            let idle = got.is_empty() && page["MillisBehindLatest"] == 0;
            records.extend(got);
            next = page["NextShardIterator"].as_str().filter(|_| !idle).map(str::to_owned);
        }
        records
    }

    /// The text of every record of a shard, from its oldest.
    pub(crate) fn texts(&self, stream: &str, shard: &str) -> Vec<String> {
        self.drain(self.iterator(stream, shard, "TRIM_HORIZON")).iter().map(data).collect()
    }
}

/// One call to a server that may be gone by then: the answer of a success, nothing when the connection broke.
///
/// Fails on a refusal.
pub(crate) fn attempt(address: SocketAddr, operation: &str, input: &Value) -> Option<Value> {
    let target = format!("Kinesis_20131202.{operation}");
    let headers = [
        ("Content-Type", JSON),
        ("X-Amz-Target", target.as_str()),
        ("X-Amz-Date", DATE),
        ("Authorization", AUTHORIZATION),
    ];
    let reply = exchange(address, &request("POST", "/", &headers, input.to_string().as_bytes())).ok()?;
    assert_eq!(reply.status, 200, "{operation} {}: {}", brief(input), reply.text());
    Some(reply.json())
}

/// A name nobody else uses in this run.
pub(crate) fn fresh(hint: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{hint}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Waits for `condition`, asking often.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {SETTLE_TIMEOUT:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// The data of a record, as text.
pub(crate) fn data(record: &Value) -> String {
    let bytes = base64_simd::STANDARD.decode_to_vec(text(&record["Data"])).expect("base64");
    String::from_utf8(bytes).expect("what was put was text")
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text: {value}")).to_owned()
}

pub(crate) fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("a list: {value}")).clone()
}

/// The names of the members of a map.
pub(crate) fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().expect("a map").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// "… under account …" is what most sentences end in.
pub(crate) fn in_stream(stream: &str) -> String {
    format!("in stream {stream} under account {ACCOUNT}")
}

/// Today's model anchors two of the patterns; AWS has sent them both ways.
fn plain_patterns(constraint: &str) -> String {
    [HASH_KEY_PATTERN, SEQUENCE_PATTERN]
        .iter()
        .fold(constraint.to_owned(), |text, pattern| text.replace(&format!("^({pattern})$"), pattern))
}

fn brief(input: &Value) -> String {
    input.to_string().chars().take(200).collect()
}
