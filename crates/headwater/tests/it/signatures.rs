//! With a credential configured, only what is signed with it is done.
use serde_json::{Value, json};

use crate::{
    calls::JSON,
    client::{Reply, exchange, request},
    sequence::now_seconds,
    server::{Server, serve},
    signer::{Signer, date},
};

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HOST: &str = "kinesis.us-east-1.amazonaws.com";
const TARGET: &str = "Kinesis_20131202.CreateStream";
const BODY: &[u8] = br#"{"StreamName":"a","ShardCount":1}"#;

fn server() -> Server {
    Server::with_credentials(&format!("[[key]]\nid = \"{KEY_ID}\"\nsecret = \"{SECRET}\"\n"))
}

fn signer(seconds: u64) -> Signer {
    Signer { key_id: KEY_ID, secret: SECRET, region: "us-east-1", service: "kinesis", date: date(seconds) }
}

fn create(aws: &Server, signer: &Signer, signed: &[u8], sent: &[u8]) -> Reply {
    let headers = [("content-type", JSON), ("host", HOST), ("x-amz-date", &signer.date), ("x-amz-target", TARGET)];
    let authorization = signer.authorization(&headers, signed);
    let headers = [headers.as_slice(), &[("authorization", &authorization)]].concat();
    exchange(aws.address(), &request("POST", "/", &headers, sent)).expect("an answer").carries_ids()
}

fn is_refused(aws: &Server, reply: &Reply, code: &str, head: &str) {
    assert_eq!(reply.status, 400, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["__type"], code, "{body}");
    assert!(body["message"].as_str().unwrap_or_default().starts_with(head), "{head}: {body}");
    assert_eq!(streams(aws), json!([]), "nothing was done");
}

fn streams(aws: &Server) -> Value {
    let signer = signer(now_seconds());
    let target = "Kinesis_20131202.ListStreams";
    let headers = [("content-type", JSON), ("host", HOST), ("x-amz-date", &signer.date), ("x-amz-target", target)];
    let authorization = signer.authorization(&headers, b"{}");
    let headers = [headers.as_slice(), &[("authorization", &authorization)]].concat();
    let reply = exchange(aws.address(), &request("POST", "/", &headers, b"{}")).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["StreamNames"].clone()
}

const NO_MATCH: &str = "The request signature we calculated does not match the signature you provided.";

#[test]
fn the_right_key_is_taken() {
    let aws = server();
    let reply = create(&aws, &signer(now_seconds()), BODY, BODY);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(streams(&aws), json!(["a"]));
}

#[test]
fn another_secret_is_not() {
    let aws = server();
    let other = Signer { secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEz", ..signer(now_seconds()) };
    is_refused(&aws, &create(&aws, &other, BODY, BODY), "InvalidSignatureException", NO_MATCH);
}

#[test]
fn an_unknown_key_is_not() {
    let aws = server();
    let other = Signer { key_id: "AKIDUNKNOWN", ..signer(now_seconds()) };
    let message = "The security token included in the request is invalid";
    is_refused(&aws, &create(&aws, &other, BODY, BODY), "UnrecognizedClientException", message);
}

#[test]
fn a_body_changed_on_the_way_is_not() {
    let aws = server();
    let changed = br#"{"StreamName":"b","ShardCount":1}"#;
    is_refused(&aws, &create(&aws, &signer(now_seconds()), BODY, changed), "InvalidSignatureException", NO_MATCH);
}

#[test]
fn old_and_future_dates_are_not() {
    let aws = server();
    let expired = create(&aws, &signer(now_seconds() - 900), BODY, BODY);
    is_refused(&aws, &expired, "InvalidSignatureException", "Signature expired: ");
    let early = create(&aws, &signer(now_seconds() + 900), BODY, BODY);
    is_refused(&aws, &early, "InvalidSignatureException", "Signature not yet current: ");
    assert_eq!(create(&aws, &signer(now_seconds() - 200), BODY, BODY).status, 200, "a clock may be a little off");
}

#[test]
fn headers_changed_on_the_way_are_not() {
    let aws = server();
    let signer = signer(now_seconds());
    let headers = [("content-type", JSON), ("host", HOST), ("x-amz-date", &signer.date), ("x-amz-target", TARGET)];
    let authorization = signer.authorization(&headers, BODY);
    for (name, value) in
        [("host", "kinesis.eu-west-1.amazonaws.com"), ("x-amz-target", "Kinesis_20131202.DeleteStream")]
    {
        let changed = headers.map(|(held, old)| if held == name { (held, value) } else { (held, old) });
        let changed = [changed.as_slice(), &[("authorization", &authorization)]].concat();
        let reply = exchange(aws.address(), &request("POST", "/", &changed, BODY)).expect("an answer");
        is_refused(&aws, &reply, "InvalidSignatureException", NO_MATCH);
    }
}

#[test]
fn a_date_that_is_sent_but_not_among_the_signed_headers_is_fine() {
    let aws = server();
    let signer = signer(now_seconds());
    let signed = [("content-type", JSON), ("host", HOST), ("x-amz-target", TARGET)];
    let authorization = signer.authorization(&signed, BODY);
    let headers = [signed.as_slice(), &[("X-Amz-Date", &signer.date), ("Authorization", &authorization)]].concat();
    let reply = exchange(aws.address(), &request("POST", "/", &headers, BODY)).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn the_query_form() {
    let aws = server();
    let signer = signer(now_seconds());
    let signed = [("content-type", JSON), ("host", HOST), ("x-amz-target", TARGET)];
    let path = signer.query(&signed, BODY);
    let wrong = path.replace("X-Amz-Expires=300", "X-Amz-Expires=301");
    let reply = exchange(aws.address(), &request("POST", &wrong, &signed, BODY)).expect("an answer");
    is_refused(&aws, &reply, "InvalidSignatureException", NO_MATCH);
    let reply = exchange(aws.address(), &request("POST", &path, &signed, BODY)).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn nobody_and_nonsense_are_not() {
    let mut aws = server();
    let now = date(now_seconds());
    let plain = [("Content-Type", JSON), ("X-Amz-Target", TARGET), ("X-Amz-Date", &now)];
    let reply = exchange(aws.address(), &request("POST", "/", &plain, BODY)).expect("an answer");
    is_refused(&aws, &reply, "MissingAuthenticationTokenException", "Missing Authentication Token");
    for nonsense in [
        "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b".to_owned(),
        format!("AWS4-HMAC-SHA256 Credential={KEY_ID}/x/x/x/x, SignedHeaders=host, Signature=b"),
        format!(
            "AWS4-HMAC-SHA256 Credential={KEY_ID}/{}/us-east-1/kinesis/aws4_request, SignedHeaders=;;, Signature=",
            &now[..8]
        ),
        format!(
            "AWS4-HMAC-SHA256 Credential={KEY_ID}/{}/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=é",
            &now[..8]
        ),
        "Bearer token".to_owned(),
        "AWS4-ECDSA-P256-SHA256 Credential=a, SignedHeaders=host, Signature=b".to_owned(),
    ] {
        let headers = [plain.as_slice(), &[("Authorization", &nonsense)]].concat();
        let reply = exchange(aws.address(), &request("POST", "/", &headers, BODY)).expect("an answer");
        assert!((400..=403).contains(&reply.status), "{nonsense}: {} {}", reply.status, reply.text());
    }
    assert_eq!(streams(&aws), json!([]));
    aws.is_alive();
}

#[test]
fn the_key_may_come_from_the_environment() {
    let mut command = serve();
    command.arg("--ephemeral").env("HEADWATER_ACCESS_KEY_ID", KEY_ID).env("HEADWATER_SECRET_ACCESS_KEY", SECRET);
    let aws = Server::run(&mut command);
    let other = Signer { secret: "another", ..signer(now_seconds()) };
    is_refused(&aws, &create(&aws, &other, BODY, BODY), "InvalidSignatureException", NO_MATCH);
    assert_eq!(create(&aws, &signer(now_seconds()), BODY, BODY).status, 200);
}

#[test]
fn the_header_may_be_written_more_tightly() {
    let aws = server();
    let signer = signer(now_seconds());
    let signed = [
        ("content-type", JSON),
        ("host", HOST),
        ("x-amz-date", &signer.date),
        ("x-amz-security-token", "token"),
        ("x-amz-target", TARGET),
    ];
    let authorization = signer.authorization(&signed, BODY).replace(", ", ",");
    let headers = [signed.as_slice(), &[("Authorization", &authorization)]].concat();
    let reply = exchange(aws.address(), &request("POST", "/", &headers, BODY)).expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn nothing_is_slipped_in_beside_what_was_signed() {
    let aws = server();
    let signer = signer(now_seconds());
    let signed = [("content-type", JSON), ("host", HOST), ("x-amz-date", &signer.date), ("x-amz-target", TARGET)];
    let authorization = signer.authorization(&signed, BODY);
    let right = [signed.as_slice(), &[("authorization", &authorization)]].concat();
    let other = ("x-amz-target", "Kinesis_20131202.DeleteStream");
    let flipped = authorization.replace("Signature=", "Signature=0");
    let absent = authorization.replace("x-amz-target,", "x-amz-target;x-other,");
    for (headers, path) in [
        ([&[other], right.as_slice()].concat(), "/"),
        ([right.as_slice(), &[other]].concat(), "/"),
        ([signed.as_slice(), &[("authorization", &flipped)]].concat(), "/"),
        ([signed.as_slice(), &[("authorization", &absent)]].concat(), "/"),
        (right.clone(), "/?Action=DeleteStream"),
        (right.clone(), "/other"),
    ] {
        let reply = exchange(aws.address(), &request("POST", path, &headers, BODY)).expect("an answer");
        assert_eq!(reply.status, 400, "{path} {headers:?}: {}", reply.text());
        assert_eq!(streams(&aws), json!([]), "{path} {headers:?}");
    }
    assert_eq!(exchange(aws.address(), &request("POST", "/", &right, BODY)).expect("an answer").status, 200);
}

/// What S3 takes in the place of a body's hash, and other servers took without looking at the signature, or the body.
#[test]
fn no_body_goes_unsigned_whatever_it_calls_itself() {
    let aws = server();
    let signer = signer(now_seconds());
    let trailing = b"21\r\n{\"StreamName\":\"a\",\"ShardCount\":1}\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    for name in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    ] {
        let headers = [
            ("content-type", JSON),
            ("host", HOST),
            ("x-amz-content-sha256", name),
            ("x-amz-date", &signer.date),
            ("x-amz-target", TARGET),
        ];
        let unsigned = signer.authorization_for(&headers, name);
        let of_another_body = signer.authorization(&headers, b"{}");
        let made_up =
            unsigned.split_once("Signature=").expect("a signature").0.to_owned() + "Signature=" + &"0".repeat(64);
        for authorization in [&unsigned, &of_another_body, &made_up] {
            for (body, chunked) in [(BODY, None), (&trailing[..], Some(("content-encoding", "aws-chunked")))] {
                let sent =
                    [headers.as_slice(), &[("authorization", authorization.as_str())], chunked.as_slice()].concat();
                let reply = exchange(aws.address(), &request("POST", "/", &sent, body)).expect("an answer");
                is_refused(&aws, &reply, "InvalidSignatureException", NO_MATCH);
            }
        }
    }
}

#[test]
fn the_query_form_ends_when_it_says() {
    let aws = server();
    let signed = [("content-type", JSON), ("host", HOST), ("x-amz-target", TARGET)];
    for age in [301, 86_400] {
        let path = signer(now_seconds() - age).query(&signed, BODY);
        let reply = exchange(aws.address(), &request("POST", &path, &signed, BODY)).expect("an answer");
        assert_eq!(reply.status, 400, "{age} s old: {}", reply.text());
    }
    let path = signer(now_seconds() - 200).query(&signed, BODY);
    assert_eq!(exchange(aws.address(), &request("POST", &path, &signed, BODY)).expect("an answer").status, 200);
}
