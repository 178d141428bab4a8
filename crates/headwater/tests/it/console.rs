//! The console's door: who is let in, who is not, and what browsers are told to keep to.
use serde_json::{Value, json};

use crate::{
    client::{Reply, exchange, request},
    server::Server,
};

const CREDENTIALS: &str = r#"
[[key]]
id = "OWNER"
secret = "s1"

[[key]]
id = "READER"
secret = "s2"
user = "reader"
policy = '{"Statement": {"Effect": "Allow", "Action": "kinesis:List*", "Resource": "*"}}'
"#;
pub(crate) const OWN: (&str, &str) = ("X-Headwater-Console", "");
pub(crate) const HOST: (&str, &str) = ("Host", "localhost:4566");

fn send(aws: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let headers = [&[HOST], headers].concat();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    exchange(aws.address(), &request(method, path, &headers, body.as_bytes())).expect("an answer")
}

fn login(aws: &Server, id: &str, secret: &str) -> Reply {
    let body = json!({"accessKeyId": id, "secretAccessKey": secret});
    send(aws, "POST", "/_headwater/console/login", &[OWN], &body)
}

/// The cookie of a session that begins.
pub(crate) fn session(aws: &Server, id: &str, secret: &str) -> String {
    let reply = login(aws, id, secret);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let cookie = reply.header("set-cookie").expect("a cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=28800"] {
        assert!(cookie.split("; ").any(|found| found == part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "not over plain HTTP: {cookie}");
    cookie.split(';').next().expect("a pair").to_owned()
}

fn call(aws: &Server, operation: &str, headers: &[(&str, &str)], input: &Value) -> Reply {
    let target = format!("Kinesis_20131202.{operation}");
    let own = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", &target)];
    send(aws, "POST", "/", &[headers, &own].concat(), input)
}

#[test]
fn a_session_acts_as_its_credential_and_no_further_than_its_policy() {
    let aws = Server::with_credentials(CREDENTIALS);
    let (owner, reader) = (session(&aws, "OWNER", "s1"), session(&aws, "READER", "s2"));
    let create = json!({"StreamName": "s", "ShardCount": 1});
    let denied = call(&aws, "CreateStream", &[OWN, ("Cookie", &reader)], &create);
    assert_eq!((denied.status, &denied.json()["__type"]), (400, &"AccessDeniedException".into()));
    assert!(denied.text().contains("user/reader is not authorized to perform: kinesis:CreateStream"));
    assert_eq!(call(&aws, "CreateStream", &[OWN, ("Cookie", &owner)], &create).status, 200);
    let listed = call(&aws, "ListStreams", &[OWN, ("Cookie", &reader)], &json!({}));
    assert_eq!(listed.json()["StreamNames"], json!(["s"]));
    let who = send(&aws, "GET", "/_headwater/console/session", &[OWN, ("Cookie", &reader)], &Value::Null).json();
    assert_eq!(who["caller"]["principal"], "arn:aws:iam::000000000000:user/reader");
}

#[test]
fn nothing_is_answered_without_a_session_or_from_a_foreign_page() {
    let aws = Server::with_credentials(CREDENTIALS);
    let owner = session(&aws, "OWNER", "s1");
    let cookie = ("Cookie", owner.as_str());
    let refusal = |headers: &[(&str, &str)]| {
        let reply = call(&aws, "ListStreams", headers, &json!({}));
        assert_eq!(reply.status, 400, "{headers:?}: {}", reply.text());
        reply.json()["__type"].as_str().expect("a code").to_owned()
    };
    let missing = "MissingAuthenticationTokenException";
    assert_eq!(refusal(&[OWN]), missing);
    assert_eq!(refusal(&[OWN, ("Cookie", "headwater-session=0")]), missing);
    assert_eq!(refusal(&[cookie]), missing, "a cookie alone, as a foreign form would send it");
    for (name, value) in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost:8080"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        assert_eq!(refusal(&[OWN, cookie, (name, value)]), "AccessDeniedException", "{name}: {value}");
    }
    let own = [OWN, cookie, ("Origin", "http://localhost:4566"), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(call(&aws, "ListStreams", &own, &json!({})).status, 200);
}

#[test]
fn a_host_that_was_rebound_sees_neither_the_page_nor_the_door() {
    let aws = Server::with_credentials(CREDENTIALS);
    let evil = ("Host", "evil.example:4566");
    for (method, path) in [("GET", ""), ("GET", "/session"), ("POST", "/login")] {
        let bytes = request(method, &format!("/_headwater/console{path}"), &[evil, OWN], b"{}");
        assert_eq!(exchange(aws.address(), &bytes).expect("an answer").status, 403, "{path}");
    }
    let owner = session(&aws, "OWNER", "s1");
    let headers = [
        evil,
        OWN,
        ("Cookie", &owner),
        ("X-Amz-Target", "Kinesis_20131202.ListStreams"),
        ("Content-Type", "application/x-amz-json-1.1"),
    ];
    let reply = exchange(aws.address(), &request("POST", "/", &headers, b"{}")).expect("an answer");
    assert_eq!((reply.status, &reply.json()["__type"]), (400, &"AccessDeniedException".into()));
}

#[test]
fn a_wrong_secret_and_an_unknown_key_are_told_alike_and_not_for_ever() {
    let aws = Server::with_credentials(CREDENTIALS);
    let (wrong, unknown) = (login(&aws, "OWNER", "s2"), login(&aws, "NOBODY", "s1"));
    assert_eq!((wrong.status, wrong.text()), (403, unknown.text()));
    assert!(wrong.header("set-cookie").is_none());
    for _ in 2..10 {
        assert_eq!(login(&aws, "OWNER", "").status, 403);
    }
    let late = login(&aws, "OWNER", "s1");
    assert_eq!(late.status, 429, "the right secret has to wait too");
    let wait: u64 = late.header("retry-after").expect("how long").parse().expect("seconds");
    assert!((1..=60).contains(&wait));
}

#[test]
fn the_door_takes_only_small_bodies_of_its_own_page() {
    let aws = Server::with_credentials(CREDENTIALS);
    let door = "/_headwater/console/login";
    let body = json!({"accessKeyId": "OWNER", "secretAccessKey": "s1"});
    assert_eq!(send(&aws, "POST", door, &[], &body).status, 403, "no header");
    assert_eq!(send(&aws, "POST", door, &[OWN, ("Origin", "http://evil.example")], &body).status, 403);
    assert_eq!(send(&aws, "POST", door, &[OWN, ("Sec-Fetch-Site", "cross-site")], &body).status, 403);
    assert_eq!(send(&aws, "GET", door, &[OWN], &Value::Null).status, 405);
    assert_eq!(login(&aws, "OWNER", &"s".repeat(5000)).status, 413);
    assert_eq!(send(&aws, "POST", door, &[OWN], &json!([1])).status, 400);
}

#[test]
fn a_session_that_was_left_is_no_session() {
    let aws = Server::with_credentials(CREDENTIALS);
    let owner = session(&aws, "OWNER", "s1");
    let headers = [OWN, ("Cookie", owner.as_str())];
    let left = send(&aws, "POST", "/_headwater/console/logout", &headers, &Value::Null);
    assert!(left.header("set-cookie").expect("a cookie").contains("Max-Age=0"));
    assert_eq!(call(&aws, "ListStreams", &headers, &json!({})).status, 400);
}

#[test]
fn without_credentials_the_console_on_this_machine_needs_no_session() {
    let aws = Server::start(&[]);
    assert_eq!(call(&aws, "ListStreams", &[OWN], &json!({})).status, 200);
    let who = send(&aws, "GET", "/_headwater/console/session", &[OWN], &Value::Null).json();
    assert_eq!((&who["open"], &who["caller"]["account"]), (&true.into(), &"000000000000".into()));
    let foreign = [OWN, ("Origin", "http://evil.example")];
    assert_eq!(call(&aws, "ListStreams", &foreign, &json!({})).status, 400);
    assert_eq!(login(&aws, "any", "any").status, 400);
}

#[test]
fn regions_are_named_by_the_header_where_there_are_many() {
    let aws = Server::start(&["--multi-region"]);
    let there = ("X-Headwater-Console", "eu-west-1");
    assert_eq!(call(&aws, "CreateStream", &[there], &json!({"StreamName": "s", "ShardCount": 1})).status, 200);
    assert_eq!(call(&aws, "ListStreams", &[there], &json!({})).json()["StreamNames"], json!(["s"]));
    assert_eq!(call(&aws, "ListStreams", &[OWN], &json!({})).json()["StreamNames"], json!([]));
}

#[test]
fn the_page_may_run_nothing_but_its_own_files() {
    let aws = Server::start(&[]);
    let page = send(&aws, "GET", "/_headwater/console", &[("Accept-Encoding", "identity")], &Value::Null);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("Headwater") && !page.text().contains("<style") && !page.text().contains("<script>"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "no-referrer")]
    {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    let script = page.text().split('"').find(|part| part.ends_with(".js"));
    if let Some(script) = script {
        let file = send(&aws, "GET", script, &[("Accept-Encoding", "gzip")], &Value::Null);
        assert_eq!((file.status, file.header("content-encoding")), (200, Some("gzip")));
        assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
        let tag = file.header("etag").expect("a tag");
        assert_eq!(send(&aws, "GET", script, &[("If-None-Match", tag)], &Value::Null).status, 304);
    }
    assert_eq!(send(&aws, "GET", "/_headwater/console/../../etc/passwd", &[], &Value::Null).status, 404);
    assert_eq!(send(&aws, "POST", "/_headwater/console", &[], &Value::Null).status, 405);
}

#[test]
fn requests_are_counted_by_operation() {
    let aws = Server::start(&[]);
    assert_eq!(call(&aws, "ListStreams", &[OWN], &json!({})).status, 200);
    let metrics = send(&aws, "GET", "/_headwater/metrics", &[], &Value::Null);
    let line = r#"headwater_operation_requests_total{service="kinesis",operation="ListStreams",outcome="answered"} 1"#;
    assert!(metrics.text().lines().any(|found| found == line), "{}", metrics.text());
}
