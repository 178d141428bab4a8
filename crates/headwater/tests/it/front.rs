//! The front: what is no call, who may not call, and what every answer carries.
use std::{collections::HashSet, io::Write};

use serde_json::{Value, json};

use crate::{
    calls::{AUTHORIZATION, DATE, JSON},
    cbor::{Cbor, map},
    client::{Reply, connect, exchange, read, request},
    server::{Server, shared},
};

const TARGET: (&str, &str) = ("X-Amz-Target", "Kinesis_20131202.ListStreams");
const ALLOWED: [(&str, &str); 2] = [("Authorization", AUTHORIZATION), ("X-Amz-Date", DATE)];
const NO_OPERATION: &str = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized\
                            </Message>\n</AccessDeniedException>\n";

fn send(aws: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    exchange(aws.address(), &request(method, path, headers, body.as_bytes())).expect("an answer")
}

#[test]
fn only_post_is_a_call() {
    let aws = shared();
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let reply = send(&aws, method, "/", &[], "").carries_ids();
        assert_eq!((reply.status, reply.text()), (403, NO_OPERATION), "{method}");
        assert_eq!(reply.header("content-type"), None, "{method}");
    }
}

#[test]
fn unknown_targets_in_json() {
    let aws = shared();
    for target in
        ["", "ListStreams", "Kinesis_20131202.", "Kinesis_20131202.Nothing", "Kinesis_20131201.ListStreams", "."]
    {
        let reply = send(&aws, "POST", "/", &[("Content-Type", JSON), ("X-Amz-Target", target)], "{}").carries_ids();
        assert_eq!((reply.status, reply.header("content-type")), (400, Some(JSON)), "{target:?}");
        assert_eq!(reply.json(), json!({"__type": "UnknownOperationException"}), "{target:?}");
    }
    let reply = send(&aws, "POST", "/", &[("Content-Type", JSON)], "{}").carries_ids();
    assert_eq!(reply.json(), json!({"__type": "UnknownOperationException"}), "no target");
}

#[test]
fn unknown_targets_in_plain_json_are_answered_in_xml() {
    let reply = send(&shared(), "POST", "/", &[("Content-Type", "application/json")], "{}").carries_ids();
    assert_eq!(reply.status, 404);
    assert_eq!(reply.text().trim(), "<UnknownOperationException/>");
}

#[test]
fn cbor_is_what_a_post_without_a_dialect_gets() {
    let reply = send(&shared(), "POST", "/", &[], "").carries_ids();
    assert_eq!((reply.status, reply.header("content-type")), (400, Some("application/x-amz-cbor-1.1")));
    assert_eq!(Cbor::of(&reply.body), map([("__type", "UnknownOperationException".into())]));
}

#[test]
fn other_dialects_are_refused() {
    let aws = shared();
    for kind in ["text/plain", "application/xml", "garbage", "application/x-amz-json-9.9"] {
        for target in ["Kinesis_20131202.Nothing", ""] {
            let reply =
                send(&aws, "POST", "/", &[("Content-Type", kind), ("X-Amz-Target", target)], "{}").carries_ids();
            assert!((400..405).contains(&reply.status), "{kind}: {}", reply.status);
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            let known = ["UnknownOperationException", "AccessDeniedException"];
            assert!(known.iter().any(|code| text.contains(code)), "{kind}: {text}");
        }
    }
}

#[test]
fn parameters_of_the_dialect_do_not_matter() {
    let aws = shared();
    for kind in ["application/x-amz-json-1.1; charset=utf-8", "application/x-amz-json-1.1;charset=UTF-8", JSON] {
        let headers = [("Content-Type", kind), TARGET, ALLOWED[0], ALLOWED[1]];
        let reply = send(&aws, "POST", "/", &headers, "{}").carries_ids();
        assert_eq!(reply.status, 200, "{kind}: {}", reply.text());
    }
}

#[test]
fn bodies_are_read_before_signatures() {
    let aws = shared();
    for body in ["{", "hi", "{\"a\": }", "{} {}", "\"text\"", "23", "null", "true", "{\"a\":1,}", "{'a':1}", "\u{feff}"]
    {
        let reply = send(&aws, "POST", "/", &[("Content-Type", JSON), TARGET], body).carries_ids();
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        assert_eq!(reply.json()["__type"], "SerializationException", "{body}: {}", reply.text());
    }
}

fn refused(headers: &[(&str, &str)], path: &str) -> Value {
    let mut all = vec![("Content-Type", JSON), TARGET];
    all.extend_from_slice(headers);
    let reply = send(&shared(), "POST", path, &all, "{}").carries_ids();
    assert_eq!(reply.status, 400, "{}", reply.text());
    reply.json()
}

#[test]
fn somebody_must_have_signed() {
    let missing = json!({"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"});
    assert_eq!(refused(&[], "/"), missing);
    assert_eq!(refused(&[("X-Amz-Date", DATE)], "/?X-Amz-Credential=a"), missing);
}

#[test]
fn signed_twice() {
    let message = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.";
    let both = json!({"__type": "InvalidSignatureException", "message": message});
    assert_eq!(refused(&[("Authorization", AUTHORIZATION)], "/?X-Amz-Algorithm=AWS4-HMAC-SHA256"), both);
}

#[test]
fn signed_incompletely_in_the_header() {
    let part = |name: &str| format!("Authorization header requires '{name}' parameter. ");
    let date = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    let all = part("Credential") + &part("Signature") + &part("SignedHeaders");
    for (header, dated, expected) in [
        ("AWS4-HMAC-SHA256", false, format!("{all}{date}")),
        ("AWS4-HMAC-SHA256", true, all.clone()),
        ("AWS4-HMAC-SHA256 Credential=a", true, part("Signature") + &part("SignedHeaders")),
        ("AWS4-HMAC-SHA256 Signature=b,Credential=a", true, part("SignedHeaders")),
        ("AWS4-HMAC-SHA256 Signature=b, SignedHeaders=c", true, part("Credential")),
        ("AWS4-HMAC-SHA256 Credential=a, Signature=b, SignedHeaders=c", false, date.to_owned()),
    ] {
        let mut headers = vec![("Authorization", header)];
        headers.extend(dated.then_some(("X-Amz-Date", DATE)));
        let message = format!("{expected}Authorization={header}");
        let refusal = json!({"__type": "IncompleteSignatureException", "message": message});
        assert_eq!(refused(&headers, "/"), refusal, "{header}");
    }
}

#[test]
fn signed_incompletely_in_the_query() {
    let part = |name: &str| format!("AWS query-string parameters must include '{name}'. ");
    let end = "Re-examine the query-string parameters.";
    for (query, missing) in [
        ("X-Amz-Algorithm=a", &["X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"][..]),
        ("X-Amz-Algorithm=a&X-Amz-Signature=b", &["X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Date"]),
        ("X-Amz-Algorithm=a&X-Amz-Credential=c&X-Amz-Signature=b&X-Amz-Date=d", &["X-Amz-SignedHeaders"]),
    ] {
        let message: String = missing.iter().map(|name| part(name)).chain([end.to_owned()]).collect();
        let refusal = json!({"__type": "IncompleteSignatureException", "message": message});
        assert_eq!(refused(&[], &format!("/?{query}")), refusal, "{query}");
    }
}

#[test]
fn any_origin_may_call() {
    let aws = shared();
    let exposed = "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";
    let headers = [("Content-Type", JSON), TARGET, ALLOWED[0], ALLOWED[1], ("Origin", "https://a.example")];
    for reply in [
        send(&aws, "POST", "/", &headers, "{}").carries_ids(),
        send(&aws, "GET", "/", &[("Origin", "null")], "").carries_ids(),
    ] {
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        let list =
            |text: &str| text.to_lowercase().split(',').map(|name| name.trim().to_owned()).collect::<HashSet<_>>();
        let shown = list(reply.header("access-control-expose-headers").expect("headers to expose"));
        assert!(shown.is_superset(&list(exposed)), "{shown:?}");
    }
}

#[test]
fn a_preflight_gets_what_it_asks_for() {
    let headers = [
        ("Origin", "https://a.example"),
        ("Access-Control-Request-Headers", "content-type,x-amz-target,x-other"),
        ("Access-Control-Request-Method", "POST"),
    ];
    let reply = send(&shared(), "OPTIONS", "/", &headers, "");
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-headers", "content-type,x-amz-target,x-other"),
        ("access-control-allow-methods", "POST"),
        ("access-control-max-age", "172800"),
    ] {
        assert_eq!(reply.header(name), Some(value), "{name}");
    }
}

#[test]
fn every_request_has_its_own_id() {
    let aws = shared();
    let ids: HashSet<String> =
        (0..20).map(|_| aws.post("ListStreams", b"{}").header("x-amzn-requestid").expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn one_connection_serves_many_requests_also_at_once() {
    let aws = shared();
    let one = request("POST", "/", &[("Content-Type", JSON), TARGET, ALLOWED[0], ALLOWED[1]], b"{}");
    let bad = request("POST", "/", &[("Content-Type", JSON), TARGET, ALLOWED[0], ALLOWED[1]], b"{");
    let mut connection = connect(aws.address()).expect("it listens");
    connection.write_all(&[one.clone(), bad, one].concat()).expect("it reads");
    let mut pending = Vec::new();
    let statuses: Vec<u16> = (0..3).map(|_| one_of_many(&mut connection, &mut pending)).collect();
    assert_eq!(statuses, [200, 400, 200]);
}

/// Reads exactly one answer; `pending` holds what came with it.
fn one_of_many(connection: &mut impl std::io::Read, pending: &mut Vec<u8>) -> u16 {
    loop {
        let mut held = pending.as_slice();
        if let Ok(reply) = read(&mut held, true) {
            let head = pending.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
            pending.drain(..head + reply.body.len());
            return reply.status;
        }
        let mut buffer = [0; 4096];
        let got = connection.read(&mut buffer).expect("an answer");
        assert!(got > 0, "closed");
        pending.extend_from_slice(&buffer[..got]);
    }
}

#[test]
fn bodies_may_come_in_chunks() {
    let headers = [("Content-Type", JSON), TARGET, ALLOWED[0], ALLOWED[1], ("Transfer-Encoding", "chunked")];
    let reply = send(&shared(), "POST", "/", &headers, "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n").carries_ids();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn bodies_have_an_end() {
    let mut aws = Server::start(&["--body-limit", "100000"]);
    let headers = [("Content-Type", JSON), TARGET, ALLOWED[0], ALLOWED[1]];
    let long = " ".repeat(200_000);
    assert_eq!(send(&aws, "POST", "/", &headers, &long).status, 413, "sent");
    let declared = [headers.as_slice(), &[("Content-Length", "1099511627776")]].concat();
    assert_eq!(send(&aws, "POST", "/", &declared, "{").status, 413, "declared");
    let chunked = [headers.as_slice(), &[("Transfer-Encoding", "chunked")]].concat();
    assert_eq!(send(&aws, "POST", "/", &chunked, &format!("30d40\r\n{long}\r\n0\r\n\r\n")).status, 413, "in chunks");
    assert_eq!(send(&aws, "POST", "/", &headers, &format!("{{}}{}", " ".repeat(90_000))).status, 200, "below it");
    aws.is_alive();
}

#[test]
fn heads_have_an_end() {
    let mut aws = Server::start(&[]);
    let value = "a".repeat(2_000_000);
    let reply = exchange(aws.address(), &request("POST", "/", &[("X-Long", &value)], b""));
    assert!(reply.is_err() || reply.is_ok_and(|reply| (400..500).contains(&reply.status)));
    let garbage = exchange(aws.address(), b"\x00\x01\x02 nothing of the sort\r\n\r\n");
    assert!(garbage.is_err() || garbage.is_ok_and(|reply| (400..500).contains(&reply.status)));
    aws.ok("ListStreams", json!({}));
    aws.is_alive();
}

#[test]
fn health_is_for_this_machine_alone() {
    let aws = shared();
    let host = aws.address().to_string();
    let health = |headers: &[(&str, &str)]| send(&aws, "GET", "/_headwater/health", headers, "").status;
    assert_eq!(health(&[("Host", &host)]), 200);
    assert_eq!(health(&[("Host", "localhost:4566")]), 200);
    assert!((400..500).contains(&health(&[("Host", "evil.example")])), "a name that was rebound to this address");
    assert!(
        (400..500).contains(&health(&[("Host", &host), ("Origin", "https://evil.example")])),
        "another site's page"
    );
}

#[test]
fn sts_tells_who_calls() {
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let authorization = AUTHORIZATION.replace("/kinesis/", "/sts/");
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("Host", "sts.us-east-1.amazonaws.com"),
        ("Authorization", &authorization),
        ALLOWED[1],
    ];
    let reply = send(&shared(), "POST", "/", &headers, body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.text().contains("<Account>000000000000</Account>"), "{}", reply.text());
}
