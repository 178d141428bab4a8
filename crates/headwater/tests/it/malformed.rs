//! Input nobody means: every request is answered, none with a 5xx, and the server goes on.
use serde_json::{Map, Value, json};

use crate::{
    calls::{AUTHORIZATION, DATE, JSON, text},
    cbor::Cbor,
    client::{exchange, request},
    server::Server,
};

const CBOR: &str = "application/x-amz-cbor-1.1";

/// A whole request of every operation, on a stream that is there.
fn requests(aws: &Server) -> Vec<(&'static str, Value)> {
    let stream = aws.stream(2);
    let number = text(&aws.put(&stream, "a", "x")["SequenceNumber"]);
    let iterator = aws.iterator(&stream, "shard-0", "TRIM_HORIZON");
    let on = |mut rest: Value| {
        rest["StreamName"] = json!(stream);
        rest
    };
    vec![
        ("AddTagsToStream", on(json!({"Tags": {"a": "b"}}))),
        ("RemoveTagsFromStream", on(json!({"TagKeys": ["a"]}))),
        ("ListTagsForStream", on(json!({"Limit": 5, "ExclusiveStartTagKey": "a"}))),
        (
            "CreateStream",
            json!({"StreamName": "b", "ShardCount": 1, "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "Tags": {"a": "b"}}),
        ),
        ("DeleteStream", json!({"StreamName": "absent", "EnforceConsumerDeletion": true})),
        ("DescribeStream", on(json!({"Limit": 5, "ExclusiveStartShardId": "shard-0"}))),
        ("DescribeStreamSummary", on(json!({"StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/x"}))),
        ("DescribeLimits", json!({})),
        ("ListStreams", json!({"Limit": 5, "ExclusiveStartStreamName": "a", "NextToken": "a"})),
        (
            "ListShards",
            on(json!({"MaxResults": 5, "ShardFilter": {"Type": "AT_TIMESTAMP", "Timestamp": 1, "ShardId": "shard-0"}})),
        ),
        (
            "GetShardIterator",
            on(
                json!({"ShardId": "shard-0", "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": number, "Timestamp": 1}),
            ),
        ),
        ("GetRecords", json!({"ShardIterator": iterator, "Limit": 5})),
        (
            "PutRecord",
            on(
                json!({"Data": "AAAA", "PartitionKey": "a", "ExplicitHashKey": "5", "SequenceNumberForOrdering": number}),
            ),
        ),
        ("PutRecords", on(json!({"Records": [{"Data": "AAAA", "PartitionKey": "a", "ExplicitHashKey": "5"}]}))),
        ("MergeShards", on(json!({"ShardToMerge": "shard-0", "AdjacentShardToMerge": "shard-5"}))),
        ("SplitShard", on(json!({"ShardToSplit": "shard-0", "NewStartingHashKey": "0"}))),
        ("UpdateShardCount", on(json!({"TargetShardCount": 2, "ScalingType": "UNIFORM_SCALING"}))),
        ("IncreaseStreamRetentionPeriod", on(json!({"RetentionPeriodHours": 24}))),
        ("DecreaseStreamRetentionPeriod", on(json!({"RetentionPeriodHours": 24}))),
    ]
}

/// Sends it; fails on silence, on a 5xx, and on an error that does not say what it is.
fn survives(aws: &Server, operation: &str, kind: &str, body: &[u8]) {
    let target = format!("Kinesis_20131202.{operation}");
    let headers =
        [("Content-Type", kind), ("X-Amz-Target", &target), ("X-Amz-Date", DATE), ("Authorization", AUTHORIZATION)];
    let shown = || format!("{operation} {kind} {:.300}", String::from_utf8_lossy(body));
    let reply = exchange(aws.address(), &request("POST", "/", &headers, body))
        .unwrap_or_else(|error| panic!("{}: no answer: {error}", shown()))
        .carries_ids();
    let answer = String::from_utf8_lossy(&reply.body);
    assert!(reply.status < 500, "{}: {} {answer}", shown(), reply.status);
    if reply.status != 200 {
        let code = if kind == CBOR { Cbor::of(&reply.body).text("__type") } else { text(&reply.json()["__type"]) };
        assert!(!code.is_empty(), "{}: {answer}", shown());
    }
}

/// Values that fit hardly any member.
fn palette() -> Vec<Value> {
    let mut deep = json!(1);
    for _ in 0..64 {
        deep = json!([{"a": deep}]);
    }
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(-0.5),
        json!(""),
        json!("\u{0}"),
        json!("🦀".repeat(300)),
        json!("9".repeat(200)),
        json!("shardId-99999999999999999999999"),
        json!("99999999999999999999999999999999999999999999999999999999"),
        json!([]),
        json!([null]),
        json!([[[]]]),
        json!({}),
        json!({"": null, "a": {"b": []}}),
        deep,
    ]
}

/// `value` with each of its parts replaced by each of the palette, one at a time.
fn variants(value: &Value) -> Vec<Value> {
    let mut variants = palette();
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                variants.extend(self::variants(inner).into_iter().map(|changed| {
                    let mut members: Map<String, Value> = members.clone();
                    members.insert(name.clone(), changed);
                    Value::Object(members)
                }));
                let mut members = members.clone();
                members.remove(name);
                variants.push(Value::Object(members));
            }
        }
        Value::Array(items) => {
            variants.extend(items.iter().flat_map(self::variants).map(|changed| json!([changed])));
        }
        _ => {}
    }
    variants
}

fn cbor(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Cbor::Float(number.as_f64().expect("a number")), Cbor::Int)
        }
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::List(items.iter().map(cbor).collect()),
        Value::Object(members) => Cbor::Map(members.iter().map(|(name, value)| (name.clone(), cbor(value))).collect()),
    }
}

#[test]
fn every_member_with_everything_else_in_json_and_cbor() {
    let mut aws = Server::start(&[]);
    for (operation, input) in requests(&aws) {
        for variant in variants(&input) {
            survives(&aws, operation, JSON, variant.to_string().as_bytes());
            survives(&aws, operation, CBOR, &cbor(&variant).definite());
        }
    }
    aws.is_alive();
}

/// A small generator with a seed: the same bytes are broken in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound.max(1)
    }
}

fn broken(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(bytes.len());
        match chance.below(5) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << chance.below(8),
            2 => bytes.insert(at, u8::try_from(chance.below(256)).expect("a byte")),
            3 if !bytes.is_empty() => drop(bytes.remove(at)),
            _ => {
                let piece = bytes[at..(at + chance.below(9)).min(bytes.len())].to_vec();
                bytes.extend_from_slice(&piece);
            }
        }
    }
    bytes
}

#[test]
fn broken_bytes_in_json_and_cbor() {
    let mut aws = Server::start(&[]);
    let mut chance = Chance(20_261_121);
    for (operation, input) in requests(&aws) {
        // A stream more or less does not matter here, and neither does a deleted one; all are answered.
        for _ in 0..40 {
            survives(&aws, operation, JSON, &broken(input.to_string().as_bytes(), &mut chance));
            survives(&aws, operation, CBOR, &broken(&cbor(&input).definite(), &mut chance));
            survives(&aws, operation, CBOR, &broken(&cbor(&input).indefinite(), &mut chance));
        }
    }
    aws.is_alive();
}

#[test]
fn bodies_made_to_hurt() {
    let mut aws = Server::start(&[]);
    let many = 200_000;
    for body in [
        "[".repeat(many),
        "{\"a\":".repeat(many),
        format!("{}{}", "[".repeat(many), "]".repeat(many)),
        format!("{{\"Unknown\":{}{}}}", "[".repeat(many), "]".repeat(many)),
        format!("{{\"Limit\":{}}}", "9".repeat(many)),
        format!("{{\"Limit\":1e{}}}", "9".repeat(100)),
        format!("{{\"StreamName\":\"{}\"}}", "\\u0000".repeat(many)),
        "{\"StreamName\":\"\\ud800\"}".to_owned(),
        "{\"StreamName\":\"a\",\"StreamName\":\"b\"}".to_owned(),
        "{\"StreamName\":\"a\\q\"}".to_owned(),
        "{\"StreamName\":\"a\nb\"}".to_owned(),
        "{\"Limit\":01}".to_owned(),
        "{\"Limit\":-}".to_owned(),
        "{\"Limit\":NaN}".to_owned(),
        "{\"Limit\":Infinity}".to_owned(),
    ] {
        survives(&aws, "DescribeStream", JSON, body.as_bytes());
    }
    for body in [&b"{\"StreamName\":\"\xff\xfe\"}"[..], b"\xef\xbb\xbf{}", b"\0", b"{}\0", b"\xed\xa0\x80"] {
        survives(&aws, "DescribeStream", JSON, body);
    }
    let of = |head: &[u8], rest: &[u8]| [head, rest].concat();
    for body in [
        vec![0x81; many],
        vec![0x9f; many],
        vec![0xc1; many],
        [0xa1, 0x60].repeat(many),
        of(b"\xa1\x6aStreamName", &vec![0x81; many]),
        of(b"\xa1\x6aStreamName", b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff"),
        of(b"\xa1\x6aStreamName", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
        of(b"\xa1\x6aStreamName", b"\x7f\x61a\x41b\xff"),
        of(b"\xa1\x6aStreamName", b"\x62\xff\xfe"),
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\xa1\x01\x02".to_vec(),
        b"\xbf\x61a\xff".to_vec(),
        b"\xa1\x65Limit\x1b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\xa1\x65Limit\x3b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\xa1\x65Limit\xfb\x7f\xf8\0\0\0\0\0\0".to_vec(),
        b"\xa1\x65Limit\xc2\x49\x01\0\0\0\0\0\0\0\0".to_vec(),
        b"\xa1\x65Limit\xf9\x7c\0".to_vec(),
        b"\xa1\x65Limit\xff".to_vec(),
        b"\xfc".to_vec(),
    ] {
        survives(&aws, "DescribeStream", CBOR, &body);
    }
    aws.is_alive();
}

#[test]
fn numbers_and_iterators_from_elsewhere() {
    let mut aws = Server::start(&[]);
    let stream = aws.stream(1);
    let number = text(&aws.put(&stream, "a", "x")["SequenceNumber"]);
    let mut chance = Chance(7);
    for _ in 0..300 {
        let mut digits = number.clone().into_bytes();
        for _ in 0..=chance.below(4) {
            let at = chance.below(digits.len());
            digits[at] = b'0' + u8::try_from(chance.below(10)).expect("a digit");
        }
        digits.truncate(digits.len() - chance.below(3));
        let number = String::from_utf8(digits).expect("digits");
        for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
            let input = json!({"StreamName": stream, "ShardId": "shard-0", "ShardIteratorType": kind, "StartingSequenceNumber": number});
            let reply = aws.post("GetShardIterator", input.to_string().as_bytes());
            assert!(reply.status < 500, "{number}: {}", reply.text());
            if reply.status == 200 {
                let input = json!({"ShardIterator": reply.json()["ShardIterator"]});
                survives(&aws, "GetRecords", JSON, input.to_string().as_bytes());
            }
        }
        let put = json!({"StreamName": stream, "PartitionKey": "a", "Data": "", "SequenceNumberForOrdering": number});
        survives(&aws, "PutRecord", JSON, put.to_string().as_bytes());
    }
    aws.is_alive();
}

/// What seals tokens is made for each data folder: there is no key that all servers know.
#[test]
fn a_token_of_one_server_opens_nothing_at_another() {
    let (one, other) = (Server::start(&[]), Server::start(&[]));
    for aws in [&one, &other] {
        aws.done("CreateStream", json!({"StreamName": "same", "ShardCount": 1}));
        aws.settles("same");
    }
    let iterator = one.iterator("same", "shard-0", "TRIM_HORIZON");
    one.page(&iterator);
    let reply = other.post("GetRecords", json!({"ShardIterator": iterator}).to_string().as_bytes());
    assert_eq!((reply.status, &reply.json()["__type"]), (400, &json!("InvalidArgumentException")), "{}", reply.text());
}
