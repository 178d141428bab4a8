//! The CBOR dialect: the same calls, blobs as bytes, times in milliseconds, errors in CBOR.
use crate::{
    calls::{AUTHORIZATION, DATE, fresh},
    cbor::{
        Cbor::{self, Bool, Bytes, Int, List, Null, Tag, Text},
        map,
    },
    client::{Reply, exchange, request},
    sentences::{NAME_PATTERN, longer, matching, no_stream, not_null, shard_id},
    sequence::now_seconds,
    server::{Server, shared},
};

const CBOR: &str = "application/x-amz-cbor-1.1";

fn send(aws: &Server, operation: &str, body: &[u8]) -> Reply {
    let target = format!("Kinesis_20131202.{operation}");
    let headers =
        [("Content-Type", CBOR), ("X-Amz-Target", &target), ("X-Amz-Date", DATE), ("Authorization", AUTHORIZATION)];
    exchange(aws.address(), &request("POST", "/", &headers, body)).expect("an answer").carries_ids()
}

/// One call in each of CBOR's two forms of maps and lists; the second's answer.
fn ok(aws: &Server, operation: &str, input: &Cbor) -> Cbor {
    let reply = send(aws, operation, &input.indefinite());
    assert_eq!(reply.status, 200, "{operation}: {:?}", String::from_utf8_lossy(&reply.body));
    assert_eq!(reply.header("content-type"), Some(CBOR));
    if reply.body.is_empty() { Null } else { Cbor::of(&reply.body) }
}

fn error(aws: &Server, operation: &str, body: &[u8]) -> Cbor {
    let reply = send(aws, operation, body);
    assert_eq!((reply.status, reply.header("content-type")), (400, Some(CBOR)), "{operation}");
    Cbor::of(&reply.body)
}

fn stream(aws: &Server) -> String {
    let name = fresh("cbor");
    assert_eq!(ok(aws, "CreateStream", &map([("StreamName", name.as_str().into()), ("ShardCount", Int(1))])), Null);
    aws.settles(&name);
    name
}

fn iterator(aws: &Server, stream: &str) -> Cbor {
    let input = map([
        ("StreamName", stream.into()),
        ("ShardId", "shard-0".into()),
        ("ShardIteratorType", "TRIM_HORIZON".into()),
    ]);
    Text(ok(aws, "GetShardIterator", &input).text("ShardIterator"))
}

/// A time in milliseconds, tagged or not.
fn milliseconds(time: Option<&Cbor>) -> i64 {
    match time {
        Some(Int(time)) => *time,
        Some(Tag(1, inner)) => milliseconds(Some(inner)),
        other => panic!("a whole number of milliseconds: {other:?}"),
    }
}

#[test]
fn a_record_there_and_back() {
    let aws = shared();
    let stream = stream(&aws);
    let blob = vec![0, 1, 254, 255];
    let input =
        map([("StreamName", stream.as_str().into()), ("PartitionKey", "kéy".into()), ("Data", Bytes(blob.clone()))]);
    let put = ok(&aws, "PutRecord", &input);
    assert_eq!(put.text("ShardId"), shard_id(0));
    let definite = send(&aws, "PutRecord", &input.definite());
    assert_eq!(definite.status, 200);
    let page = ok(&aws, "GetRecords", &map([("ShardIterator", iterator(&aws, &stream)), ("Limit", Int(10))]));
    assert_eq!(page.get("MillisBehindLatest"), Some(&Int(0)));
    let records = page.list("Records");
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].get("Data"), Some(&Bytes(blob)));
    assert_eq!(records[0].text("PartitionKey"), "kéy");
    assert_eq!(records[0].text("SequenceNumber"), put.text("SequenceNumber"));
    let arrived = milliseconds(records[0].get("ApproximateArrivalTimestamp"));
    assert!((arrived / 1000).unsigned_abs().abs_diff(now_seconds()) < 10, "{arrived} ms");
    let json = aws.page(&aws.iterator(&stream, &shard_id(0), "TRIM_HORIZON"));
    assert_eq!(json["Records"][0]["Data"], "AAH+/w==", "the same record in JSON");
}

#[test]
fn a_batch_and_its_answers() {
    let aws = shared();
    let stream = stream(&aws);
    let record =
        |data: &[u8]| map([("Data", Bytes(data.to_vec())), ("PartitionKey", "k".into()), ("ExplicitHashKey", Null)]);
    let input = map([
        ("Records", List(vec![record(b"a"), record(b""), record(&[7; 70_000])])),
        ("StreamName", stream.as_str().into()),
    ]);
    let answer = ok(&aws, "PutRecords", &input);
    assert_eq!(answer.get("FailedRecordCount"), Some(&Int(0)));
    assert!(answer.list("Records").iter().all(|result| result.text("ShardId") == shard_id(0)));
    let page = ok(&aws, "GetRecords", &map([("ShardIterator", iterator(&aws, &stream))]));
    let sizes: Vec<usize> = page
        .list("Records")
        .iter()
        .map(|record| {
            let Some(Bytes(data)) = record.get("Data") else { panic!("bytes: {record:?}") };
            data.len()
        })
        .collect();
    assert_eq!(sizes, [1, 0, 70_000]);
}

#[test]
fn times_are_milliseconds_both_ways() {
    let aws = shared();
    let stream = stream(&aws);
    let description = ok(&aws, "DescribeStreamSummary", &map([("StreamName", stream.as_str().into())]));
    let summary = description.get("StreamDescriptionSummary").expect("a summary");
    let created = milliseconds(summary.get("StreamCreationTimestamp"));
    assert!((created / 1000).unsigned_abs().abs_diff(now_seconds()) < 10, "{created} ms");
    aws.put(&stream, "k", "a");
    let at = |time: Cbor| {
        map([
            ("StreamName", stream.as_str().into()),
            ("ShardId", "shard-0".into()),
            ("ShardIteratorType", "AT_TIMESTAMP".into()),
            ("Timestamp", time),
        ])
    };
    let past = i64::try_from(now_seconds()).expect("fits") * 1000 - 60_000;
    for time in [Int(past), Tag(1, Box::new(Int(past)))] {
        let iterator = ok(&aws, "GetShardIterator", &at(time)).text("ShardIterator");
        let page = ok(&aws, "GetRecords", &map([("ShardIterator", Text(iterator))]));
        assert_eq!(page.list("Records").len(), 1);
    }
    let future = error(&aws, "GetShardIterator", &at(Int(past + 3_600_000)).definite());
    let expected = format!("timestampInMillis: {}, ", past + 3_600_000);
    assert!(future.text("message").contains(&expected), "{future:?}");
}

#[test]
fn errors_are_cbor_too() {
    let aws = shared();
    let absent = map([("StreamName", "absent".into())]);
    let expected = map([("__type", "ResourceNotFoundException".into()), ("message", Text(no_stream("absent")))]);
    assert_eq!(error(&aws, "DescribeStream", &absent.definite()), expected);
    let broken = error(&aws, "PutRecord", &map([("StreamName", "".into()), ("PartitionKey", "a".into())]).indefinite());
    assert_eq!(broken.text("__type"), "ValidationException");
    let message = broken.text("message");
    assert!(message.starts_with("3 validation errors detected: "), "{message}");
    for part in [not_null("data"), matching("", "streamName", NAME_PATTERN), longer("", "streamName", 1)] {
        assert!(message.contains(&part), "{part}: {message}");
    }
}

#[test]
fn what_is_no_cbor_is_no_request() {
    let aws = shared();
    for body in [&b"{}"[..], b"\xff", b"\xa1", b"\xbf", b"\xf6", b"\x01", b"\x63abc", b"\xa1\x61a", b"\x9f\x9f\x9f"] {
        let error = error(&aws, "ListStreams", body);
        assert_eq!(error.text("__type"), "SerializationException", "{body:02x?}: {error:?}");
    }
}

#[test]
fn kinds_that_do_not_fit() {
    let aws = shared();
    for (member, value) in [
        ("StreamName", Int(5)),
        ("StreamName", Bool(true)),
        ("StreamName", List(vec![])),
        ("StreamName", map([])),
        ("Data", Int(5)),
        ("Data", Bool(true)),
        ("Data", List(vec![])),
        ("PartitionKey", Int(1)),
    ] {
        let error = error(&aws, "PutRecord", &map([(member, value.clone())]).definite());
        assert_eq!(error.text("__type"), "SerializationException", "{member} {value:?}: {error:?}");
    }
}

#[test]
fn strings_in_pieces_and_unknown_members() {
    let aws = shared();
    let stream = stream(&aws);
    let mut body = vec![0xbf, 0x6a];
    body.extend_from_slice(b"StreamName");
    body.push(0x7f);
    for piece in stream.as_bytes().chunks(3) {
        body.push(0x60 + u8::try_from(piece.len()).expect("short"));
        body.extend_from_slice(piece);
    }
    body.push(0xff);
    body.extend_from_slice(b"\x67Unknown\x83\x01\xf9\x3c\x00\xa1\x61b\x5f\x41a\xff\xff");
    let reply = send(&aws, "DescribeStreamSummary", &body);
    assert_eq!(reply.status, 200, "{:?}", String::from_utf8_lossy(&reply.body));
}

#[test]
fn unknown_operations_in_cbor() {
    let expected = map([("__type", "UnknownOperationException".into())]);
    assert_eq!(error(&shared(), "Nothing", &map([]).definite()), expected);
}
