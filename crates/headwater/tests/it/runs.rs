//! Workflows run by the server: with whose rights, how far they reach, and how they end.
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    calls::until,
    client::{Reply, exchange, request},
    console::{HOST, OWN, session},
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
policy = '{"Statement": {"Effect": "Allow", "Action": "kinesis:Describe*", "Resource": "*"}}'
"#;

fn workflow(steps: &str) -> String {
    format!(
        "arazzo: 1.0.1\ninfo: {{title: t, version: '1'}}\nsourceDescriptions:\n- {{name: kinesis, url: ./k.yml, type: openapi}}\n\
         workflows:\n- workflowId: w\n  inputs:\n    type: object\n    required: [n]\n    properties: {{n: {{type: integer}}}}\n  \
         steps:\n{steps}"
    )
}

const CREATE: &str = "  - stepId: create\n    operationId: CreateStream\n    requestBody:\n      payload: {StreamName: s, \
    ShardCount: $inputs.n}\n    successCriteria:\n    - condition: $statusCode == 200\n";
const WAIT: &str = "  - stepId: wait\n    operationId: DescribeStreamSummary\n    requestBody:\n      payload: {StreamName: s}\n    \
    successCriteria:\n    - condition: $statusCode == 200\n    outputs: {shards: \
    $response.body#/StreamDescriptionSummary/OpenShardCount}\n";
/// Is tried again each second, in vain.
const FOR_EVER: &str = "  - stepId: wait\n    operationId: ListStreams\n    requestBody:\n      payload: {}\n    successCriteria:\n    \
    - condition: $statusCode == 299\n    onFailure:\n    - {name: again, type: retry, retryAfter: 1, retryLimit: 200}\n";

/// Asks as HTTP/1.0 does, so that what is told bit by bit ends with the connection.
fn asked(aws: &Server, method: &str, what: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
    let path = format!("/_headwater/workflows/{what}");
    let bytes = request(method, &path, &[&[HOST, OWN], headers].concat(), body.as_bytes());
    let bytes = String::from_utf8(bytes).expect("text").replacen("HTTP/1.1", "HTTP/1.0", 1);
    let mut stream = TcpStream::connect(aws.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.write_all(bytes.as_bytes()).expect("sent");
    stream
}

fn post(aws: &Server, what: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    let mut said = Vec::new();
    asked(aws, "POST", what, headers, &body.to_string()).read_to_end(&mut said).expect("an answer");
    let text = String::from_utf8(said).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Reply { status, headers: Vec::new(), body: body.into() }
}

/// The lines of a run, the last of which is its end.
fn ran(aws: &Server, headers: &[(&str, &str)], document: &str) -> Vec<Value> {
    let reply = post(aws, "run", headers, &json!({"document": document, "inputs": {"n": "2"}}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let lines: Vec<Value> = reply.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.last().expect("an end")["event"], "end");
    lines
}

#[test]
fn a_run_tells_of_each_step_and_gives_its_outputs() {
    let aws = Server::start(&[]);
    let document = workflow(&format!("{CREATE}{WAIT}  outputs: {{shards: $steps.wait.outputs.shards}}\n"));
    let checked = post(&aws, "check", &[], &json!({"document": document})).json();
    assert_eq!(checked["workflows"][0]["steps"], json!(["create", "wait"]));
    assert_eq!(checked["workflows"][0]["inputs"][0]["type"], "integer");
    let lines = ran(&aws, &[], &document);
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(events, ["workflow", "step", "done", "step", "done", "over", "end"], "{lines:?}");
    assert_eq!((&lines[2]["status"], &lines[4]["outputs"]), (&json!(200), &json!({"shards": 2})));
    assert_eq!(lines[6], json!({"event": "end", "succeeded": true, "failure": null, "outputs": {"shards": 2}}));
}

#[test]
fn a_run_may_do_what_its_session_may_and_no_more_and_ends_with_it() {
    let aws = Server::with_credentials(CREDENTIALS);
    let (owner, reader) = (session(&aws, "OWNER", "s1"), session(&aws, "READER", "s2"));
    let document = workflow(CREATE);
    let failure = |lines: &[Value]| lines.last().expect("an end")["failure"].as_str().unwrap_or_default().to_owned();
    let denied = failure(&ran(&aws, &[("Cookie", &reader)], &document));
    assert!(denied.contains("user/reader is not authorized to perform: kinesis:CreateStream"), "{denied}");
    assert_eq!(failure(&ran(&aws, &[("Cookie", &owner)], &document)), "");
    // Who asks is no affair of the document's.
    let claimed = format!(
        "{}    parameters:\n    - {{name: Cookie, in: header, value: '{owner}'}}\n",
        CREATE.replace("StreamName: s", "StreamName: t")
    );
    let denied = failure(&ran(&aws, &[("Cookie", &reader)], &workflow(&claimed)));
    assert!(denied.contains("user/reader is not authorized"), "{denied}");
    for headers in
        [&[][..], &[("Cookie", "headwater-session=0")], &[("Cookie", &owner), ("Sec-Fetch-Site", "cross-site")]]
    {
        for what in ["run", "check"] {
            let reply = post(&aws, what, headers, &json!({"document": document}));
            assert_eq!(reply.status, 403, "{what} {headers:?}: {}", reply.text());
        }
    }
    // A session that ends takes its run with it.
    let mut listening = begun(&aws, &[("Cookie", &owner)]);
    let out = request("POST", "/_headwater/console/logout", &[HOST, OWN, ("Cookie", &owner)], b"");
    assert_eq!(exchange(aws.address(), &out).expect("an answer").status, 200);
    let mut rest = String::new();
    listening.read_to_string(&mut rest).expect("the rest");
    assert!(rest.contains("Nobody is signed in to the console here"), "{rest}");
}

/// A run without an end that has begun; its answer is being sent.
fn begun(aws: &Server, headers: &[(&str, &str)]) -> TcpStream {
    let body = json!({"document": workflow(FOR_EVER), "inputs": {"n": "1"}});
    let mut stream = asked(aws, "POST", "run", headers, &body.to_string());
    let (mut said, mut piece) = (String::new(), [0; 4096]);
    while !said.contains("\"event\":\"done\"") {
        let length = stream.read(&mut piece).expect("an answer");
        assert!(length > 0, "it ended: {said}");
        said.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    stream
}

#[test]
fn a_run_nobody_listens_to_is_stopped_and_few_go_at_a_time() {
    let aws = Server::start(&[]);
    let (one, two) = (begun(&aws, &[]), begun(&aws, &[]));
    let third = post(&aws, "run", &[], &json!({"document": workflow(CREATE), "inputs": {"n": "1"}}));
    assert_eq!(third.status, 429, "{}", third.text());
    drop((one, two));
    let begun_at = Instant::now();
    until("that the runs have ended", || {
        post(&aws, "check", &[], &json!({"document": workflow(CREATE)})).status == 200
    });
    assert!(begun_at.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_run_reaches_nothing_but_its_own_server() {
    let trap = TcpListener::bind("127.0.0.1:0").expect("a port");
    trap.set_nonblocking(true).expect("a socket");
    let elsewhere = format!("http://{}", trap.local_addr().expect("an address"));
    let aws = Server::start(&[]);
    let document = workflow(CREATE).replace("./k.yml", &format!("{elsewhere}/k.yml"));
    post(&aws, "check", &[], &json!({"document": document}));
    ran(&aws, &[], &document);
    let by_path = "  - stepId: a\n    operationPath: '{$sourceDescriptions.kinesis.url}#/paths/~1/get'\n    requestBody: {payload: {}}\n";
    let lines = ran(&aws, &[], &workflow(by_path).replace("./k.yml", &format!("{elsewhere}/k.yml")));
    assert_eq!(lines.last().expect("an end")["succeeded"], false);
    let file = workflow(CREATE).replace("./k.yml", "file:///etc/passwd").replace("openapi", "arazzo");
    let told = post(&aws, "run", &[], &json!({"document": file, "inputs": {"n": "1"}}));
    assert!(!told.text().contains("root:"), "{}", told.text());
    assert!(trap.accept().is_err(), "somebody was reached");
}

#[test]
fn what_is_too_large_or_no_order_is_refused() {
    let aws = Server::start(&[]);
    assert_eq!(post(&aws, "run", &[], &json!({"document": "x".repeat(300 << 10)})).status, 413);
    assert_eq!(post(&aws, "run", &[], &json!({"documents": ""})).status, 400);
    let lines = ran(&aws, &[], "- <script>\u{0}");
    assert!(lines[0]["failure"].as_str().expect("a sentence").starts_with("the document cannot be run"), "{lines:?}");
    let mut said = String::new();
    asked(&aws, "GET", "run", &[], "").read_to_string(&mut said).expect("an answer");
    assert!(said.contains(" 405 "), "{said}");
}
