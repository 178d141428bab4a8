//! SubscribeToShard, over HTTP/1.1 in chunks and over HTTP/2.
use bytes::{Bytes, BytesMut};
use headwater_wire::event_stream;
use http_body_util::{BodyExt, Full};
use hyper::{
    Response,
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;

use crate::{
    calls::{AUTHORIZATION, DATE, JSON, data, list, text},
    kinds::Kind,
    sentences::{CONSUMER_ARN_PATTERN, arn, matching, no_such_shard, not_null, shard_id},
    server::{Server, shared},
};

const POSITION: &[(&str, Kind)] =
    &[("Type", Kind::Text), ("SequenceNumber", Kind::Text), ("Timestamp", Kind::Timestamp)];

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members =
        [("ConsumerARN", Kind::Text), ("ShardId", Kind::Text), ("StartingPosition", Kind::Structure(POSITION))];
    shared().refuses_other_kinds("SubscribeToShard", &members);
}

#[test]
fn validation() {
    let broken =
        [matching("abc", "consumerARN", CONSUMER_ARN_PATTERN), not_null("shardId"), not_null("startingPosition.type")];
    shared().violates("SubscribeToShard", json!({"ConsumerARN": "abc", "StartingPosition": {}}), &broken);
}

/// A consumer of a stream of its own.
fn consumer(aws: &Server) -> (String, String) {
    let stream = aws.stream(1);
    let input = json!({"StreamARN": arn(&stream), "ConsumerName": "c"});
    let consumer = text(&aws.ok("RegisterStreamConsumer", input)["Consumer"]["ConsumerARN"]);
    (stream, consumer)
}

fn from(consumer: &str, kind: &str) -> Value {
    json!({"ConsumerARN": consumer, "ShardId": shard_id(0), "StartingPosition": {"Type": kind}})
}

#[test]
fn function_what_cannot_be_subscribed_to_is_refused_before_the_stream_begins() {
    let aws = shared();
    let (stream, consumer) = consumer(&aws);
    let mut input = from(&consumer, "LATEST");
    input["ShardId"] = json!(shard_id(5));
    let missing = no_such_shard(&shard_id(5), &stream);
    aws.refuses("SubscribeToShard", input, "ResourceNotFoundException", &missing);
    let mut input = from(&consumer, "LATEST");
    input["DryRun"] = json!(true);
    aws.refuses_as("SubscribeToShard", input, &["DryRunOperationException"]);
    let input = from(&consumer, "AT_SEQUENCE_NUMBER");
    aws.refuses_as("SubscribeToShard", input, &["InvalidArgumentException"]);
}

/// A subscription's answer as it comes in.
struct Subscription {
    answer: Response<Incoming>,
    unread: BytesMut,
}

impl Subscription {
    async fn open(aws: &Server, over_http2: bool, input: &Value) -> Self {
        let request = http::Request::post(if over_http2 { "http://localhost/" } else { "/" })
            .header("host", "localhost")
            .header("content-type", JSON)
            .header("x-amz-target", "Kinesis_20131202.SubscribeToShard")
            .header("x-amz-date", DATE)
            .header("authorization", AUTHORIZATION)
            .body(Full::<Bytes>::from(input.to_string()))
            .expect("a request");
        let io = TokioIo::new(TcpStream::connect(aws.address()).await.expect("it listens"));
        let answer = if over_http2 {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
            tokio::spawn(connection);
            sender.send_request(request).await
        } else {
            let (mut sender, connection) = http1::handshake(io).await.expect("HTTP/1.1");
            tokio::spawn(connection);
            sender.send_request(request).await
        };
        Self { answer: answer.expect("an answer"), unread: BytesMut::new() }
    }

    /// The next message: its kind, and what it carries. `None` once the stream has ended as it should.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(message) = event_stream::decode(&mut self.unread).expect("a message") {
                let kind = message.header(":event-type").or(message.header(":exception-type")).expect("a kind");
                assert_eq!(message.header(":content-type"), Some(JSON));
                return Some((kind.to_owned(), serde_json::from_slice(&message.payload).expect("JSON")));
            }
            let frame = tokio::time::timeout(Duration::from_secs(20), self.answer.frame()).await.expect("in time")?;
            self.unread.extend_from_slice(frame.expect("a whole stream").data_ref().expect("no trailers"));
        }
    }

    async fn event(&mut self) -> Value {
        let (kind, event) = self.next().await.expect("the stream goes on");
        assert_eq!(kind, "SubscribeToShardEvent", "{event}");
        event
    }
}

#[tokio::test]
async fn function_records_are_pushed_until_the_shard_ends() {
    let aws = shared();
    for over_http2 in [false, true] {
        let (stream, consumer) = consumer(&aws);
        aws.put(&stream, "k", "before");
        let mut open = Subscription::open(&aws, over_http2, &from(&consumer, "TRIM_HORIZON")).await;
        let header = |name: &str| open.answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        assert_eq!((open.answer.status().as_u16(), header("content-length")), (200, None));
        assert_eq!(header("content-type").as_deref(), Some("application/vnd.amazon.eventstream"));
        assert!(header("x-amzn-requestid").is_some() && header("x-amz-id-2").is_some());
        assert_eq!(header("transfer-encoding").as_deref(), (!over_http2).then_some("chunked"));
        assert_eq!(open.next().await, Some(("initial-response".into(), json!({}))));
        let first = open.event().await;
        assert_eq!(list(&first["Records"]).iter().map(data).collect::<Vec<_>>(), ["before"]);
        assert_eq!(first["ContinuationSequenceNumber"], first["Records"][0]["SequenceNumber"]);
        let put = aws.put(&stream, "k", "after");
        let second = open.event().await;
        assert_eq!(second["Records"][0]["SequenceNumber"], put["SequenceNumber"]);
        assert_eq!((data(&second["Records"][0]).as_str(), &second["MillisBehindLatest"]), ("after", &json!(0)));
        let half = (1_u128 << 127).to_string();
        let split = json!({"StreamName": stream, "ShardToSplit": shard_id(0), "NewStartingHashKey": half});
        aws.done("SplitShard", split);
        let last = open.event().await;
        assert!(last.get("ContinuationSequenceNumber").is_none(), "{last}");
        assert_eq!(list(&last["ChildShards"]).len(), 2);
        assert_eq!(open.next().await, None);
    }
}

#[tokio::test]
async fn function_an_answer_does_not_overtake_the_request() {
    let aws = shared();
    let (_, consumer) = consumer(&aws);
    let begin = std::time::Instant::now();
    let mut open = Subscription::open(&aws, false, &from(&consumer, "LATEST")).await;
    assert!(begin.elapsed() >= Duration::from_millis(20), "the Go SDK is not through with its request before that");
    assert_eq!(open.next().await, Some(("initial-response".into(), json!({}))));
}

#[tokio::test]
async fn function_a_consumer_that_goes_ends_its_subscription_with_an_exception() {
    let aws = shared();
    let (_, consumer) = consumer(&aws);
    let mut open = Subscription::open(&aws, true, &from(&consumer, "LATEST")).await;
    open.next().await;
    open.event().await;
    let early = aws.refuses_as("SubscribeToShard", from(&consumer, "LATEST"), &["ResourceInUseException"]);
    assert!(early.starts_with("Another active subscription exists for this consumer: "), "{early}");
    aws.done("DeregisterStreamConsumer", json!({"ConsumerARN": consumer}));
    let (kind, _) = open.next().await.expect("an exception");
    assert_eq!((kind.as_str(), open.next().await), ("ResourceNotFoundException", None));
}

#[tokio::test]
async fn function_a_client_that_does_not_read_holds_up_nobody_and_misses_nothing() {
    let aws = shared();
    let (stream, consumer) = consumer(&aws);
    let mut open = Subscription::open(&aws, true, &from(&consumer, "LATEST")).await;
    let large = "x".repeat(700_000);
    for nth in 0..20 {
        aws.put(&stream, "k", &format!("{nth} {large}"));
    }
    open.next().await;
    let mut got = Vec::new();
    while got.len() < 20 {
        got.extend(list(&open.event().await["Records"]).iter().map(data));
    }
    assert!(got.iter().enumerate().all(|(nth, text)| text.starts_with(&format!("{nth} "))));
}
