//! Functions: called by Lambda's Invoke API, run by whoever speaks the Runtime API, as the official clients do.
use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    calls::DATE,
    client::{Reply, connect, exchange, request},
    server::{Server, headwater},
};

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/lambda/aws4_request, \
    SignedHeaders=host;x-amz-date, Signature=abcd";
const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const LOCAL: (&str, &str) = ("Host", "127.0.0.1");

fn invoke_as(address: SocketAddr, name: &str, kind: &str, payload: &[u8]) -> Reply {
    let path = format!("/2015-03-31/functions/{name}/invocations");
    let headers = [("X-Amz-Date", DATE), ("Authorization", AUTHORIZATION), ("X-Amz-Invocation-Type", kind)];
    exchange(address, &request("POST", &path, &headers, payload)).expect("an answer")
}

/// Calls a function, on the side.
fn invoke(address: SocketAddr, name: &str, payload: &str) -> JoinHandle<Reply> {
    let (name, payload) = (name.to_owned(), payload.to_owned());
    thread::spawn(move || invoke_as(address, &name, "RequestResponse", payload.as_bytes()))
}

fn runtime(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Reply {
    exchange(address, &request(method, path, &[LOCAL], body)).expect("an answer")
}

/// Takes the next invocation of a function: its id and the whole answer.
fn take(address: SocketAddr, name: &str) -> (String, Reply) {
    let given = runtime(address, "GET", &format!("/functions/{name}{NEXT}"), b"");
    assert_eq!(given.status, 200, "{}", given.text());
    (given.header("lambda-runtime-aws-request-id").expect("an id").to_owned(), given)
}

fn say(address: SocketAddr, id: &str, what: &str, body: &[u8]) -> Reply {
    runtime(address, "POST", &format!("/2018-06-01/runtime/invocation/{id}/{what}"), body)
}

#[test]
fn an_invocation_goes_to_a_runtime_and_its_answer_back() {
    let server = Server::start(&[]);
    let called = invoke(server.address(), "transform", r#"{"a":1}"#);
    let (id, given) = take(server.address(), "transform");
    assert_eq!(given.json(), json!({"a": 1}));
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:transform";
    assert_eq!(given.header("lambda-runtime-invoked-function-arn"), Some(arn));
    for name in ["lambda-runtime-deadline-ms", "lambda-runtime-trace-id"] {
        assert!(given.header(name).is_some(), "{name}");
    }
    assert_eq!(say(server.address(), &id, "response", b"[2]").status, 202);
    let reply = called.join().expect("a reply");
    assert_eq!((reply.status, reply.json(), reply.header("x-amz-function-error")), (200, json!([2]), None));
    assert_eq!(reply.header("x-amz-executed-version"), Some("$LATEST"));
    let again = say(server.address(), &id, "response", b"[3]");
    assert_eq!((again.status, &again.json()["errorType"]), (400, &json!("InvalidRequestID")));
}

#[test]
fn a_runtime_without_a_name_runs_any_function_and_one_is_named_by_its_host_too() {
    let server = Server::start(&[]);
    for headers in [("Host", "localhost"), ("Host", "some.localhost:1")] {
        let called = invoke(server.address(), "some", "{}");
        let given = exchange(server.address(), &request("GET", NEXT, &[headers], b"")).expect("an answer");
        let id = given.header("lambda-runtime-aws-request-id").expect("an id");
        assert_eq!(say(server.address(), id, "response", b"1").status, 202);
        assert_eq!(called.join().expect("a reply").json(), json!(1));
    }
}

#[test]
fn a_runtime_that_hangs_up_while_it_waits_loses_nothing() {
    let server = Server::start(&[]);
    for _ in 0..20 {
        let mut gone = connect(server.address()).expect("a connection");
        gone.write_all(&request("GET", NEXT, &[LOCAL], b"")).expect("it is sent");
        thread::sleep(Duration::from_millis(20));
        drop(gone);
    }
    thread::sleep(Duration::from_millis(200));
    let called = invoke(server.address(), "f", "{}");
    let (id, _) = take(server.address(), "f");
    assert_eq!(say(server.address(), &id, "response", b"1").status, 202);
    assert_eq!(called.join().expect("a reply").status, 200);
}

#[test]
fn what_goes_wrong_in_a_function_is_told_as_an_unhandled_error() {
    let server = Server::start(&["--function-timeout-ms", "1000"]);
    let address = server.address();
    let failed = |end: &dyn Fn(&str)| {
        let called = invoke(address, "f", "{}");
        end(&take(address, "f").0);
        let reply = called.join().expect("a reply");
        assert_eq!((reply.status, reply.header("x-amz-function-error")), (200, Some("Unhandled")), "{}", reply.text());
        reply.json()["errorType"].clone()
    };
    let error = br#"{"errorType":"ValueError","errorMessage":"no","stackTrace":[]}"#;
    assert_eq!(failed(&|id| assert_eq!(say(address, id, "error", error).status, 202)), "ValueError");
    let large = vec![b'1'; (6 << 20) + 101];
    assert_eq!(
        failed(&|id| assert_eq!(say(address, id, "response", &large).status, 413)),
        "Function.ResponseSizeTooLarge"
    );
    assert_eq!(failed(&|_| ()), "Sandbox.Timedout");
    let called = invoke(address, "f", "{}");
    thread::sleep(Duration::from_millis(100));
    assert_eq!(runtime(address, "POST", "/functions/f/2018-06-01/runtime/init/error", error).status, 202);
    assert_eq!(called.join().expect("a reply").json()["errorType"], "ValueError");
}

#[test]
fn a_call_that_cannot_be_made_is_refused_in_lambdas_words() {
    let server = Server::start(&["--function-timeout-ms", "300"]);
    let address = server.address();
    let refused = |name: &str, kind: &str, payload: &[u8]| {
        let reply = invoke_as(address, name, kind, payload);
        (reply.status, reply.header("x-amzn-errortype").expect("a code").to_owned(), reply.json())
    };
    let (status, code, body) = refused("none", "RequestResponse", b"{}");
    let sentence = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none";
    assert_eq!(
        (status, &*code, body),
        (404, "ResourceNotFoundException", json!({"Type": "User", "Message": sentence}))
    );
    assert_eq!(refused("none", "DryRun", b"").0, 404);
    assert_eq!(refused("none", "Maybe", b"").1, "ValidationException");
    assert_eq!(refused("no%20name", "Event", b"").1, "ValidationException");
    assert_eq!(refused("none", "Event", b"{").1, "InvalidRequestContentException");
    let large = format!("\"{}\"", "x".repeat(6 << 20));
    assert_eq!(refused("none", "Event", large.as_bytes()).1, "RequestTooLargeException");
    assert_eq!(invoke_as(address, "none", "Event", b"{}").status, 202);
}

#[test]
fn nobody_calls_unsigned_and_no_page_and_no_other_name_runs_functions() {
    let server = Server::start(&[]);
    let invoke = request("POST", "/2015-03-31/functions/f/invocations", &[], b"{}");
    let reply = exchange(server.address(), &invoke).expect("an answer");
    assert_eq!((reply.status, reply.header("x-amzn-errortype")), (403, Some("MissingAuthenticationTokenException")));
    for headers in [
        vec![LOCAL, ("Origin", "http://127.0.0.1")],
        vec![LOCAL, ("Sec-Fetch-Site", "cross-site")],
        vec![("Host", "evil.example")],
    ] {
        let reply = exchange(server.address(), &request("GET", NEXT, &headers, b"")).expect("an answer");
        assert_eq!(reply.status, 403, "{headers:?}");
    }
    assert_eq!(runtime(server.address(), "GET", "/2018-06-01/runtime/invocation", b"").status, 404);
    assert_eq!(runtime(server.address(), "POST", NEXT, b"").status, 405);
}

#[test]
fn a_function_may_run_at_another_server() {
    let there = Server::start(&[]);
    let function = format!("f=http://{}", there.address());
    let here = Server::start(&["--function", &function]);
    let called = invoke(here.address(), "f", "{}");
    // It goes unsigned, as nothing in the environment says as whom: the other server refuses it.
    let reply = called.join().expect("a reply");
    assert_eq!((reply.status, reply.header("x-amzn-errortype")), (403, Some("AccessDeniedException")));
    let mut signing = headwater();
    signing.args(["serve", "--listen", "127.0.0.1:0", "--ephemeral", "--function", &function]);
    let here = Server::run(signing.env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b"));
    let called = invoke(here.address(), "f:1", r#"{"a":1}"#);
    let (id, given) = take(there.address(), "f");
    assert!(given.header("lambda-runtime-invoked-function-arn").is_some_and(|arn| arn.ends_with(":function:f:1")));
    assert_eq!(say(there.address(), &id, "response", &given.body).status, 202);
    assert_eq!(called.join().expect("a reply").json(), json!({"a": 1}));
}

/// `headwater function run`, and what it and its function have said.
struct Supervised {
    child: Child,
    said: std::sync::mpsc::Receiver<String>,
}

impl Supervised {
    fn start(server: SocketAddr, script: &str) -> Self {
        let mut command: Command = headwater();
        command.args(["function", "run", "f", "--endpoint", &format!("http://{server}"), "--", "sh", "-c", script]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary under test can be run");
        let (say, said) = std::sync::mpsc::channel();
        let out = BufReader::new(child.stdout.take().expect("its stdout is piped"));
        let err = BufReader::new(child.stderr.take().expect("its stderr is piped"));
        let say_too = say.clone();
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        thread::spawn(move || err.lines().map_while(Result::ok).try_for_each(|line| say_too.send(line)));
        Self { child, said }
    }

    /// The first line from now on that has this in it.
    fn says(&self, part: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.said.recv_timeout(left).unwrap_or_else(|_| panic!("it never said {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_supervised_function_is_started_again_and_what_it_had_in_hand_fails_at_once() {
    let server = Server::start(&[]);
    let supervised = Supervised::start(server.address(), "echo api $AWS_LAMBDA_RUNTIME_API; sleep 2; exit 3");
    let line = supervised.says("api 127.0.0.1:");
    let api: SocketAddr = line.trim_start_matches("api ").parse().expect("an address");
    let called = invoke(server.address(), "f", r#"{"a":1}"#);
    let given = runtime(api, "GET", NEXT, b"");
    assert_eq!(given.json(), json!({"a": 1}));
    let reply = called.join().expect("a reply");
    assert_eq!(reply.json()["errorType"], "Runtime.ExitError");
    assert!(reply.json()["errorMessage"].as_str().expect("a message").ends_with("exit status: 3"));
    supervised.says("it starts again in");
    supervised.says("api 127.0.0.1:");
    let called = invoke(server.address(), "f", "{}");
    let given = runtime(api, "GET", NEXT, b"");
    let id = given.header("lambda-runtime-aws-request-id").expect("an id");
    assert_eq!(say(api, id, "response", b"7").status, 202);
    assert_eq!(called.join().expect("a reply").json(), json!(7));
}
