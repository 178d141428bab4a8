//! `headwater workflow`: documents run against a server, and checked. The documents are those that the documentation shows.
use crate::server::{Server, headwater};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Output};

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples").join(name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a document, by its server's endpoint alone.
fn play(aws: &Server, document: &str, arguments: &[&str]) -> Output {
    let mut command = headwater();
    command.args(["workflow", "run"]).arg(example(document)).args(arguments);
    command.env("AWS_ENDPOINT_URL", format!("http://{}", aws.address()));
    command.output().expect("the binary under test can be run")
}

fn outputs(done: &Output) -> Value {
    assert!(done.status.success(), "{}", text(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("the outputs, and nothing else")
}

fn stream(aws: &Server, name: &str) {
    let done = play(aws, "streams.arazzo.yml", &["--workflow", "create", "--input", &format!("stream={name}")]);
    assert_eq!(outputs(&done)["status"], "ACTIVE");
}

#[test]
fn a_record_is_put_and_read_at_its_place_though_the_description_is_not_there() {
    let aws = Server::start(&[]);
    stream(&aws, "orders");
    let inputs = ["--input", "stream=orders", "--input", "key=k", "--input", "data=aGVsbG8="];
    let done = play(&aws, "read-your-write.arazzo.yml", &inputs);
    let outputs = outputs(&done);
    assert_eq!(outputs["records"][0]["Data"], "aGVsbG8=");
    assert_eq!(outputs["records"][0]["SequenceNumber"], outputs["number"]);
    let told = text(&done.stderr);
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("read-your-write") && lines[1].starts_with("  ✓ put  200"), "{told}");
}

#[test]
fn a_loop_waits_for_what_takes_its_time() {
    let aws = Server::start(&["--transition-ms", "700"]);
    let done = play(&aws, "streams.arazzo.yml", &["--workflow", "everything", "--input", "stream=slow", "--json"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).expect("a report");
    assert_eq!(report["succeeded"], true);
    assert_eq!((report["outputs"]["open"].clone(), report["outputs"]["consumer"].clone()), (json!(2), json!("ACTIVE")));
    assert_eq!(report["outputs"]["records"][0]["Data"], "aGVsbG8=");
    let waits = |workflow: &str| {
        let steps = report["steps"].as_array().expect("steps");
        steps.iter().filter(|step| step["workflow"] == workflow && step["step"] == "wait").count()
    };
    for workflow in ["create", "scale", "register"] {
        assert!(waits(workflow) > 1, "{workflow}: {report:#}");
    }
    assert!(text(&done.stderr).contains("not-yet → wait in 200 ms"), "{}", text(&done.stderr));
}

#[test]
fn a_loop_without_an_end_is_stopped_and_said() {
    let aws = Server::start(&["--transition-ms", "600000"]);
    let arguments = ["--workflow", "create", "--input", "stream=never", "--max-steps", "5", "--pause-ms", "1"];
    let done = play(&aws, "streams.arazzo.yml", &arguments);
    assert!(!done.status.success());
    assert!(text(&done.stderr).contains("stopped after 5 steps"), "{}", text(&done.stderr));
}

#[test]
fn requests_are_signed_with_the_callers_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.toml");
    fs::write(&keys, "[[key]]\nid = 'AKID'\nsecret = 'hush'\n").expect("a file");
    let aws = Server::start(&["--credentials", keys.to_str().expect("a name")]);
    let create = |secret: &str| {
        let mut command = headwater();
        command.args(["workflow", "run"]).arg(example("streams.arazzo.yml"));
        command.args([
            "--workflow",
            "create",
            "--input",
            "stream=mine",
            "--server",
            &format!("http://{}", aws.address()),
        ]);
        command.envs([("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", secret)]);
        command.output().expect("the binary under test can be run")
    };
    let refused = create("wrong");
    assert!(text(&refused.stderr).contains("400 InvalidSignatureException"), "{}", text(&refused.stderr));
    assert_eq!(outputs(&create("hush"))["status"], "ACTIVE");
}

#[test]
fn a_failure_is_told_in_the_services_words_and_in_the_report_for_ci() {
    let aws = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.xml");
    let arguments = ["--input", "stream=absent", "--input", "key=k", "--input", "data=eA==", "--junit"];
    let done =
        play(&aws, "read-your-write.arazzo.yml", &[&arguments[..], &[report.to_str().expect("a name")]].concat());
    assert!(!done.status.success());
    let told = text(&done.stderr);
    assert!(told.contains("400 ResourceNotFoundException: Stream absent under account"), "{told}");
    let report = fs::read_to_string(report).expect("a report");
    assert!(report.contains("tests=\"2\" failures=\"2\"") && report.contains("ResourceNotFoundException"), "{report}");
}

#[test]
fn a_dry_run_prints_requests_and_needs_no_server() {
    let mut command = headwater();
    command.args(["workflow", "run", "--dry-run"]).arg(example("read-your-write.arazzo.yml"));
    command.args(["--input", "stream=s", "--input", "key=k", "--input", "data=eA=="]);
    let done = command.output().expect("the binary under test can be run");
    let shown = text(&done.stdout);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(shown.starts_with("POST http://127.0.0.1:4566/\nX-Amz-Target: Kinesis_20131202.PutRecord\n"), "{shown}");
    assert!(shown.contains("$steps.put.outputs.shard"), "{shown}");
    assert_eq!(shown.matches("POST ").count(), 3);
}

#[test]
fn inputs_come_from_a_file_and_what_is_missing_or_strange_is_said() {
    let aws = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("inputs.yml");
    fs::write(&file, "stream: from-file\nshards: 3\n").expect("a file");
    let file = file.to_str().expect("a name");
    let done = play(&aws, "streams.arazzo.yml", &["--workflow", "create", "--inputs", file]);
    assert_eq!(outputs(&done)["status"], "ACTIVE");
    for (arguments, said) in [
        (&["--workflow", "create"][..], "--input stream=STRING   the stream's name"),
        (&["--workflow", "create", "--input", "steam=s"][..], "no input `steam`; it has"),
        (&["--workflow", "create", "--input", "stream=s", "--input", "shards=two"][..], "not of the type integer"),
        (&["--workflow", "create", "--input", "stream=s", "--input", "shards=0"][..], "shards: "),
        (&["--workflow", "fly"][..], "everything  All of it, one after the other."),
        (&[][..], "--workflow ID tells which workflow to run"),
    ] {
        let refused = play(&aws, "streams.arazzo.yml", arguments);
        assert!(!refused.status.success() && refused.stdout.is_empty() | said.starts_with("shards"), "{arguments:?}");
        assert!(text(&refused.stderr).contains(said), "{arguments:?}: {}", text(&refused.stderr));
    }
}

#[test]
fn a_description_that_is_there_is_used_and_its_path_loses_the_fragment() {
    let aws = Server::start(&[]);
    stream(&aws, "described");
    let folder = tempfile::tempdir().expect("a folder");
    let description = json!({
        "openapi": "3.0.0",
        "info": {"title": "k", "version": "1"},
        "servers": [{"url": "https://kinesis.{region}.amazonaws.com", "variables": {"region": {"default": "us-east-1"}}}],
        "paths": {"/#X-Amz-Target=Kinesis_20131202.DescribeStreamSummary": {"post": {
            "operationId": "look",
            "requestBody": {"content": {"application/x-amz-json-1.1": {}}},
        }}},
    });
    fs::write(folder.path().join("k.json"), description.to_string()).expect("a file");
    let document = "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\nsourceDescriptions:\n- {name: k, url: ./k.json}\nworkflows:\n\
        - workflowId: w\n  steps:\n  - stepId: s\n    operationId: look\n    requestBody: {payload: {StreamName: described}}\n\
        \x20   outputs: {status: $response.body#/StreamDescriptionSummary/StreamStatus}\n  outputs: {status: $steps.s.outputs.status}\n";
    let file = folder.path().join("w.yml");
    fs::write(&file, document).expect("a file");
    let done = play(&aws, file.to_str().expect("a name"), &[]);
    assert_eq!(outputs(&done), json!({"status": "ACTIVE"}));
}

#[test]
fn check_tells_what_is_wrong_by_line() {
    let check = |file: &str| {
        let done = headwater().args(["workflow", "check", file]).output().expect("the binary under test can be run");
        (done.status.success(), text(&done.stdout))
    };
    for name in ["read-your-write.arazzo.yml", "streams.arazzo.yml"] {
        let (is_sound, said) = check(example(name).to_str().expect("a name"));
        assert!(is_sound && said.contains(": no errors"), "{said}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("w.yml");
    let document = "arazzo: 1.0.1\ninfo: {title: t, version: '1'}\nsourceDescriptions:\n- {name: k, url: ./kinesis.yml}\nworkflows:\n\
        - workflowId: w\n  steps:\n  - stepId: s\n    operationId: ListStreams\n    onSuccess: [{name: a, type: goto, stepId: gone}]\n\
        \x20   outputs: {x: $response.boddy}\n    color: red\n";
    fs::write(&file, document).expect("a file");
    let (is_sound, said) = check(file.to_str().expect("a name"));
    assert!(!is_sound);
    for line in [
        "w.yml:10: error: the action `a` leads to `gone`",
        "w.yml:11: warning: `$response.boddy`",
        "w.yml:12: error: a step has no `color`",
    ] {
        assert!(said.contains(line), "{said}");
    }
}
