//! What a server tells of itself: metrics as their document has them, log lines that hold nothing they must not, and
//! telemetry for a collector.
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    calls::{AUTHORIZATION, DATE, JSON},
    client::{Reply, exchange, request},
    sequence::now_seconds,
    server::{Server, serve},
    signer::{Signer, date},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A sample of the page: its labels, and where it stands.
type Sample = (BTreeMap<String, String>, f64);

/// The page of metrics: each by the name it is asked for, with its type and its samples; a histogram's are its counts.
fn metrics(aws: &Server) -> BTreeMap<String, (String, Vec<Sample>)> {
    let reply = exchange(aws.address(), &request("GET", "/_headwater/metrics", &[("Host", "localhost")], b""));
    let reply = reply.expect("an answer");
    assert_eq!(reply.status, 200);
    let mut found = BTreeMap::new();
    let mut family = (String::new(), String::new());
    for line in reply.text().lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let asked = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            let sample = if kind == "histogram" { format!("{name}_count") } else { asked.clone() };
            family = (asked.clone(), sample);
            found.insert(asked, (kind.to_owned(), Vec::new()));
        } else if let Some(rest) = line.strip_prefix(&*family.1).filter(|_| !family.1.is_empty()) {
            let (labels, value) = rest.rsplit_once(' ').expect("a value");
            let labels = labels.trim_matches(['{', '}']).split(',').filter_map(|label| label.split_once('='));
            let labels = labels.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()));
            let sample = (labels.collect(), value.parse().expect("a number"));
            found.entry(family.0.clone()).or_default().1.push(sample);
        }
    }
    found
}

/// The sum of the samples with these labels.
fn value(aws: &Server, name: &str, labels: &[(&str, &str)]) -> f64 {
    let page = metrics(aws);
    let (_, samples) = page.get(name).unwrap_or_else(|| panic!("no metric {name}"));
    let fits = |held: &BTreeMap<String, String>| {
        labels.iter().all(|(name, value)| held.get(*name).is_some_and(|it| it == value))
    };
    samples.iter().filter(|(held, _)| fits(held)).map(|(_, value)| value).sum()
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// One call of DynamoDB.
fn dynamo(aws: &Server, operation: &str, input: &Value) -> Reply {
    let target = format!("DynamoDB_20120810.{operation}");
    let headers = [
        ("Content-Type", "application/x-amz-json-1.0"),
        ("X-Amz-Target", target.as_str()),
        ("X-Amz-Date", DATE),
        ("Authorization", AUTHORIZATION),
    ];
    exchange(aws.address(), &request("POST", "/", &headers, input.to_string().as_bytes())).expect("an answer")
}

/// Puts a record, and reads it back.
fn put_and_get(aws: &Server) -> String {
    let stream = aws.stream(1);
    aws.ok("PutRecord", json!({"StreamName": stream, "PartitionKey": "key", "Data": "ZGF0YQ=="}));
    let shard = json!({"StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = aws.ok("GetShardIterator", shard)["ShardIterator"].clone();
    let records = aws.ok("GetRecords", json!({"ShardIterator": iterator}));
    assert_eq!(records["Records"].as_array().map(Vec::len), Some(1));
    stream
}

#[test]
fn the_page_of_metrics_and_its_document_name_the_same() {
    let document = include_str!("../../../../docs/metrics.md");
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let documented: BTreeMap<&str, (&str, BTreeSet<&str>)> = rows
        .map(|(name, rest)| {
            let mut columns = rest.split('|').map(str::trim);
            let (kind, labels) = (columns.next().expect("a type"), columns.next().expect("labels"));
            (name, (kind, labels.split(',').map(str::trim).filter(|label| !label.is_empty()).collect()))
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let aws = Server::on(folder.path(), &["--otlp-endpoint", "http://127.0.0.1:9"]);
    put_and_get(&aws);
    aws.post("PutRecord", b"{}");
    eventually("it trims when it starts", || value(&aws, "headwater_journal_logs", &[]) > 0.0);
    let page = metrics(&aws);
    let names = |kinds: &mut dyn Iterator<Item = (String, String)>| kinds.collect::<BTreeMap<_, _>>();
    let shown = names(&mut page.iter().map(|(name, (kind, _))| (name.clone(), kind.clone())));
    let told = names(&mut documented.iter().map(|(name, (kind, _))| ((*name).to_owned(), (*kind).to_owned())));
    assert_eq!(shown, told);
    for (name, (_, samples)) in &page {
        for (labels, _) in samples {
            let labels: BTreeSet<&str> = labels.keys().map(String::as_str).collect();
            assert_eq!(labels, documented[name.as_str()].1, "{name}");
        }
    }
}

#[test]
fn what_goes_in_and_out_of_a_stream_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let aws = Server::on(folder.path(), &[]);
    let stream = put_and_get(&aws);
    let record = json!({"PartitionKey": "k", "Data": "MTIz"});
    aws.ok("PutRecords", json!({"StreamName": stream, "Records": [record, record]}));
    let of_stream = [("stream", &*stream)];
    let count = |name: &str| value(&aws, name, &of_stream);
    assert_eq!(count("headwater_kinesis_incoming_records_total"), 3.0);
    assert_eq!(count("headwater_kinesis_incoming_bytes_total"), 7.0 + 2.0 * 4.0);
    assert_eq!(count("headwater_kinesis_outgoing_records_total"), 1.0);
    assert_eq!(count("headwater_kinesis_outgoing_bytes_total"), 4.0);
    let puts = [("service", "kinesis"), ("operation", "PutRecords")];
    assert_eq!(value(&aws, "headwater_operation_latency_seconds", &puts), 1.0);
    assert!(value(&aws, "headwater_journal_sync_duration_seconds", &[]) >= 3.0);
    assert!(value(&aws, "headwater_journal_size_bytes", &[]) > 0.0);
    assert!(value(&aws, "headwater_journal_segments", &[("state", "live")]) >= 1.0);
    assert!(value(&aws, "headwater_recovery_duration_seconds", &[]) > 0.0);
    assert!(value(&aws, "headwater_connections", &[]) >= 1.0);
    if cfg!(target_os = "linux") {
        let (resident, open) =
            (value(&aws, "process_resident_memory_bytes", &[]), value(&aws, "process_open_fds", &[]));
        assert!(resident > 1e6 && open > 3.0 && open < value(&aws, "process_max_fds", &[]), "{resident} {open}");
        let age = now_seconds() as f64 - value(&aws, "process_start_time_seconds", &[]);
        assert!((-2.0..60.0).contains(&age), "{age}");
    }
}

#[test]
fn an_iterator_s_age_is_what_its_reader_was_told() {
    let aws = Server::start(&[]);
    let stream = aws.stream(1);
    let record = json!({"PartitionKey": "k", "Data": "MTIz"});
    aws.ok("PutRecords", json!({"StreamName": stream, "Records": [record, record]}));
    thread::sleep(Duration::from_millis(20));
    let shard = json!({"StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = aws.ok("GetShardIterator", shard)["ShardIterator"].clone();
    let page = aws.ok("GetRecords", json!({"ShardIterator": iterator, "Limit": 1}));
    let told = page["MillisBehindLatest"].as_f64().expect("a number");
    let age = || value(&aws, "headwater_kinesis_iterator_age_seconds", &[("stream", &stream), ("consumer", "")]);
    assert!(told >= 20.0 && (age() - told / 1000.0).abs() < 1e-9, "{told} {}", age());
    aws.ok("GetRecords", json!({"ShardIterator": page["NextShardIterator"]}));
    assert_eq!(age(), 0.0);
}

#[test]
fn rates_exceeded_and_unknown_senders_are_counted_by_what_was_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("credentials.toml");
    std::fs::write(&file, "[[key]]\nid = \"AKIDEXAMPLE\"\nsecret = \"hush\"\n").expect("a file");
    let aws = Server::start(&["--credentials", file.to_str().expect("text")]);
    let refused = aws.post("ListStreams", b"{}");
    let code = refused.json()["__type"].as_str().expect("a code").to_owned();
    let denied = [("service", "kinesis"), ("operation", "ListStreams"), ("error", &*code)];
    assert_eq!(value(&aws, "headwater_authentication_failures_total", &denied), 1.0);
    assert_eq!(value(&aws, "headwater_requests_total", &[("service", "kinesis")]), 0.0, "none of them was run");

    let aws = Server::start(&["--limits", "aws"]);
    let stream = aws.stream(1);
    let large = json!({"StreamName": stream, "PartitionKey": "k", "Data": "A".repeat(800 << 10)});
    let code = |reply: &Reply| reply.json()["__type"].as_str().unwrap_or_default().to_owned();
    let throttled =
        |_| code(&aws.post("PutRecord", large.to_string().as_bytes())) == "ProvisionedThroughputExceededException";
    let count = (0..3).filter(|nth| throttled(*nth)).count() as f64;
    assert!(count >= 1.0);
    let put = [("operation", "PutRecord")];
    assert_eq!(value(&aws, "headwater_throttled_requests_total", &put), count);
    assert_eq!(value(&aws, "headwater_operation_errors_total", &put), count);
    assert_eq!(value(&aws, "headwater_kinesis_throttled_records_total", &[("stream", &stream)]), count);
}

/// The objects that a server has logged as lines of JSON; every line must be one.
fn lines(aws: &Server) -> Vec<Value> {
    let said = aws.said();
    let logged = said.lines().filter(|line| line.starts_with('{'));
    logged.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn a_line_for_each_request_says_who_did_what_and_how_it_went() {
    let aws = Server::start(&["--log-requests", "--log-format", "json"]);
    let stream = put_and_get(&aws);
    aws.post("PutRecord", br#"{"StreamName":"nowhere","PartitionKey":"k","Data":""}"#);
    dynamo(&aws, "GetItem", &json!({"TableName": "nowhere", "Key": {"k": {"S": "x"}}}));
    let of = |operation: &str| {
        lines(&aws)
            .into_iter()
            .filter(|line| line["operation"] == operation && line["message"] == "request")
            .collect::<Vec<_>>()
    };
    eventually("the last line comes", || !of("GetItem").is_empty());
    let puts = of("PutRecord");
    assert_eq!(puts.len(), 2);
    assert_eq!(
        (&puts[0]["resource"], &puts[0]["status"], &puts[0]["error"]),
        (&json!(stream), &json!(200), &Value::Null)
    );
    assert_eq!(
        (&puts[0]["service"], &puts[0]["access_key"], &puts[0]["address"]),
        (&json!("kinesis"), &json!("AKID"), &json!("127.0.0.1"))
    );
    assert!(
        puts[0]["request_id"].as_str().is_some_and(|id| id.len() == 36) && puts[0]["level"] == "INFO",
        "{}",
        puts[0]
    );
    assert!(["latency_us", "bytes_in", "bytes_out"].iter().all(|name| puts[0][name].as_u64() > Some(0)), "{}", puts[0]);
    assert_eq!((&puts[1]["status"], &puts[1]["error"]), (&json!(400), &json!("ResourceNotFoundException")));
    assert_eq!(of("GetRecords")[0]["resource"], json!(stream), "the iterator's stream");
    assert_eq!((&of("GetItem")[0]["resource"], &of("GetItem")[0]["service"]), (&json!("nowhere"), &json!("dynamodb")));
}

#[test]
fn requests_have_no_line_unless_asked_for() {
    let aws = Server::start(&["--slow-request-ms", "600000"]);
    put_and_get(&aws);
    assert!(!aws.said().contains("PutRecord"), "{}", aws.said());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("headwater.toml");
    std::fs::write(&file, "log-requests = true\nlog = \"error\"\n").expect("a file");
    let config = ["--ephemeral", "--config", file.to_str().expect("text")];
    let aws = Server::run(serve().args(config));
    put_and_get(&aws);
    eventually("the file asks for lines", || aws.said().contains("PutRecord"));
    let mut command = serve();
    let aws = Server::run(command.args(config).env("HEADWATER_LOG_REQUESTS", "false"));
    put_and_get(&aws);
    assert!(!aws.said().contains("PutRecord"), "{}", aws.said());
}

#[test]
fn a_slow_request_says_where_its_time_went() {
    let folder = tempfile::tempdir().expect("a folder");
    let aws = Server::on(folder.path(), &["--slow-request-ms", "0", "--log-format", "json"]);
    put_and_get(&aws);
    let slow =
        || lines(&aws).into_iter().find(|line| line["message"] == "slow request" && line["operation"] == "PutRecord");
    eventually("a warning comes", || slow().is_some());
    let slow = slow().expect("a warning");
    assert_eq!(slow["level"], "WARN");
    let us = |name: &str| slow[name].as_u64().unwrap_or_else(|| panic!("{name}: {slow}"));
    let parts = ["body_us", "admission_us", "work_us", "wait_us", "answer_us"];
    assert_eq!(parts.iter().map(|name| us(name)).sum::<u64>(), us("latency_us"), "{slow}");
    assert!(us("wait_us") > 0, "it waited for the disk: {slow}");
}

#[test]
fn no_line_holds_data_or_a_secret_however_much_is_logged() {
    const SECRET: &str = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY";
    const MARK: &str = "TOPSECRETPAYLOAD";
    const MARK_BASE64: &str = "VE9QU0VDUkVUUEFZTE9BRA==";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("credentials.toml");
    std::fs::write(&file, format!("[[key]]\nid = \"AKIDEXAMPLE\"\nsecret = \"{SECRET}\"\n")).expect("a file");
    for format in ["text", "json"] {
        let arguments = [
            "--credentials",
            file.to_str().expect("text"),
            "--log",
            "trace",
            "--log-requests",
            "--slow-request-ms",
            "0",
        ];
        let aws = Server::on(&folder.path().join(format), &[&arguments[..], &["--log-format", format]].concat());
        let call = |service: &'static str, target: &str, content_type: &str, body: &Value| {
            let signer = Signer {
                key_id: "AKIDEXAMPLE",
                secret: SECRET,
                region: "us-east-1",
                service,
                date: date(now_seconds()),
            };
            let body = body.to_string().into_bytes();
            let headers = [
                ("content-type", content_type),
                ("host", "localhost"),
                ("x-amz-date", &*signer.date),
                ("x-amz-target", target),
            ];
            let authorization = signer.authorization(&headers, &body);
            let signature = authorization.rsplit_once('=').expect("a signature").1.to_owned();
            let headers = [&headers[..], &[("authorization", &*authorization)]].concat();
            let reply = exchange(aws.address(), &request("POST", "/", &headers, &body)).expect("an answer");
            assert!(!aws.said().contains(&signature), "a signature is logged");
            reply
        };
        let kinesis =
            |operation: &str, body: Value| call("kinesis", &format!("Kinesis_20131202.{operation}"), JSON, &body);
        let dynamodb = |operation: &str, body: Value| {
            call("dynamodb", &format!("DynamoDB_20120810.{operation}"), "application/x-amz-json-1.0", &body)
        };
        assert_eq!(kinesis("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).status, 200);
        let record = json!({"StreamName": "s", "PartitionKey": MARK, "Data": MARK_BASE64});
        assert_eq!(kinesis("PutRecord", record).status, 200);
        assert_eq!(
            kinesis("PutRecord", json!({"StreamName": "none", "PartitionKey": MARK, "Data": MARK_BASE64})).status,
            400
        );
        let key = json!([{"AttributeName": "k", "KeyType": "HASH"}]);
        let table = json!({"TableName": "table", "KeySchema": key, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}]});
        assert_eq!(dynamodb("CreateTable", table).status, 200);
        assert_eq!(
            dynamodb("PutItem", json!({"TableName": "table", "Item": {"k": {"S": MARK}, "b": {"B": MARK_BASE64}}}))
                .status,
            200
        );
        let statement = format!("SELECT * FROM \"table\" WHERE k = '{MARK}'");
        assert_eq!(dynamodb("ExecuteStatement", json!({"Statement": statement})).status, 200);
        eventually("the last request has its line", || aws.said().contains("ExecuteStatement"));
        let said = aws.said();
        for hidden in [MARK, MARK_BASE64, SECRET] {
            assert!(!said.contains(hidden), "{hidden} is logged:\n{said}");
        }
        assert!(said.contains("PutItem") && said.contains("AKIDEXAMPLE"));
    }
}

#[test]
fn a_name_cannot_begin_a_line_of_its_own() {
    for format in ["text", "json"] {
        let aws = Server::start(&["--log-requests", "--slow-request-ms", "0", "--log-format", format]);
        aws.post("DescribeStream", br#"{"StreamName":"a\nERROR forged\r\u001b[31m\u0007"}"#);
        dynamo(&aws, "GetItem", &json!({"TableName": "a\nERROR forged", "Key": {"k": {"S": "x"}}}));
        put_and_get(&aws);
        eventually("the last line comes", || aws.said().contains("GetRecords"));
        let said = aws.said();
        let logged = said.lines().filter(|line| line.contains("request") && !line.contains("paste next"));
        assert!(logged.clone().count() >= 6, "{said}");
        assert!(!said.lines().any(|line| line.trim_start().starts_with("ERROR forged")), "{said}");
        assert!(!said.contains(['\u{7}', '\r', '\u{1b}', '\u{7f}']), "{said:?}");
    }
}

/// What a collector was sent: where to, its headers, and the object.
type Sent = Arc<Mutex<Vec<(String, String, Value)>>>;

/// Takes whatever is sent to it.
fn collector() -> (SocketAddr, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, sent) = (listener.local_addr().expect("an address"), Sent::default());
    let kept = Arc::clone(&sent);
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let kept = Arc::clone(&kept);
            thread::spawn(move || take_in(connection, &kept));
        }
    });
    (address, sent)
}

fn take_in(mut connection: std::net::TcpStream, kept: &Sent) -> Option<()> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 65_536]);
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        let head = end.map(|end| String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase());
        let length =
            head.as_ref().and_then(|head| head.split_once("content-length: ")?.1.lines().next()?.parse::<usize>().ok());
        if let (Some(head), Some(end), Some(length)) = (head, end, length)
            && bytes.len() >= end + length
        {
            let body = serde_json::from_slice(&bytes[end..end + length]).expect("JSON");
            bytes.drain(..end + length);
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            kept.lock().unwrap_or_else(PoisonError::into_inner).push((path, head, body));
            connection
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
                .ok()?;
            continue;
        }
        let read = connection.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
}

/// The spans a collector has, and their attributes by name.
fn spans(sent: &Sent) -> Vec<(Value, BTreeMap<String, Value>)> {
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    let of_traces = sent.iter().filter(|(path, ..)| path == "/v1/traces");
    let all = of_traces.flat_map(|(.., body)| {
        body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().cloned().unwrap_or_default()
    });
    all.map(|span| {
        let attributes = span["attributes"].as_array().cloned().unwrap_or_default().into_iter();
        let named = attributes.map(|it| (it["key"].as_str().unwrap_or_default().to_owned(), it["value"].clone()));
        let named = named.collect();
        (span, named)
    })
    .collect()
}

#[test]
fn a_request_is_a_span_of_the_trace_it_names() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (address, sent) = collector();
    let endpoint = format!("http://{address}");
    let mut command = serve();
    command.args(["--ephemeral", "--otlp-endpoint", &endpoint, "--otlp-sample-ratio", "0"]);
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "200").env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=t%20u");
    let aws = Server::run(&mut command);
    let stream = aws.stream(1);
    let call = |operation: &str, trace: (&str, &str), input: &Value| {
        let target = format!("Kinesis_20131202.{operation}");
        let headers = [
            ("Content-Type", JSON),
            ("X-Amz-Target", &target),
            ("X-Amz-Date", DATE),
            ("Authorization", AUTHORIZATION),
            trace,
        ];
        exchange(aws.address(), &request("POST", "/", &headers, input.to_string().as_bytes())).expect("an answer")
    };
    let put = json!({"StreamName": stream, "PartitionKey": "k", "Data": "MTIz"});
    let w3c = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let reply = call("PutRecord", ("traceparent", &w3c), &put);
    call("PutRecord", ("traceparent", &w3c.replace("b7-01", "b7-00")), &put);
    call("PutRecord", ("traceparent", "nonsense"), &put);
    let amazon = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    call("DescribeStream", ("X-Amzn-Trace-Id", amazon), &json!({"StreamName": "nowhere"}));
    eventually("both sampled requests become spans", || spans(&sent).len() >= 2);
    let found = spans(&sent);
    assert_eq!(found.len(), 2, "what is not sampled elsewhere is not sampled here");
    let text = |text: &str| json!({"stringValue": text});
    let (span, attributes) = &found[0];
    assert_eq!(
        (&span["traceId"], &span["parentSpanId"], &span["name"], &span["kind"]),
        (&json!(TRACE), &json!("00f067aa0ba902b7"), &json!("Kinesis/PutRecord"), &json!(2))
    );
    assert!(span["spanId"].as_str().is_some_and(|id| id.len() == 16 && id != "00f067aa0ba902b7"));
    let ns = |name: &str| span[name].as_str().and_then(|text| text.parse::<u64>().ok()).expect("a time");
    assert!(
        ns("startTimeUnixNano") < ns("endTimeUnixNano") && ns("endTimeUnixNano") / 1_000_000_000 <= now_seconds() + 1
    );
    for (name, expected) in [
        ("rpc.system", text("aws-api")),
        ("rpc.service", text("Kinesis")),
        ("rpc.method", text("PutRecord")),
        ("aws.request_id", text(reply.header("x-amzn-requestid").expect("an id"))),
        ("aws.kinesis.stream_name", text(&stream)),
        ("http.response.status_code", json!({"intValue": "200"})),
        ("client.address", text("127.0.0.1")),
    ] {
        assert_eq!(attributes[name], expected, "{name}");
    }
    let (span, attributes) = &found[1];
    assert_eq!(
        (&span["traceId"], &span["parentSpanId"]),
        (&json!("5759e988bd862e3fe1be46a994272793"), &json!("53995c3f42cd8ad8"))
    );
    assert_eq!((&attributes["error.type"], &span["status"]), (&text("ResourceNotFoundException"), &json!({})));
    eventually("what was sent is counted", || value(&aws, "headwater_spans_total", &[("outcome", "sent")]) == 2.0);

    let is_counted = |metric: &Value| metric["name"] == "headwater_kinesis_incoming_records";
    let puts = || {
        let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, head, body) = sent.iter().rfind(|(path, ..)| path == "/v1/metrics")?;
        assert!(head.contains("x-tenant: t u\r\n"), "{head}");
        let metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array()?;
        metrics.iter().find(|metric| is_counted(metric))?["sum"]["dataPoints"][0]["asInt"].as_str().map(str::to_owned)
    };
    eventually("metrics are sent too", || puts().as_deref() == Some("3"));

    call("DescribeStreamSummary", ("traceparent", &w3c), &json!({"StreamName": stream}));
    assert!(aws.stop().success());
    assert_eq!(spans(&sent).len(), 3, "what is left is sent before the server ends");
}

#[test]
fn a_collector_that_is_not_there_costs_spans_and_nothing_else() {
    let aws = Server::start(&["--otlp-endpoint", "http://127.0.0.1:9"]);
    put_and_get(&aws);
    let dropped = || value(&aws, "headwater_spans_total", &[("outcome", "dropped")]);
    eventually("what it does not take is counted", || dropped() >= 4.0);
    let warnings = || aws.said().matches("the collector does not take telemetry").count();
    eventually("it is said", || warnings() > 0);
    assert_eq!(warnings(), 1, "{}", aws.said());
}
