//! Runs of whole workflows against a scripted world.
use super::*;
use crate::{Event, Library, Outside, Problem, Request, Response};
use serde_json::json;
use std::{
    collections::VecDeque,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// Answers in order, and what was asked.
#[derive(Default)]
struct World {
    answers: VecDeque<Result<Response, String>>,
    files: BTreeMap<String, String>,
    asked: Vec<Request>,
    slept: Vec<u64>,
    said: Vec<String>,
}

impl Outside for World {
    async fn call(&mut self, request: &Request, _: Option<u64>) -> Result<Response, String> {
        self.asked.push(request.clone());
        self.answers.pop_front().unwrap_or_else(|| Err("nobody answers".into()))
    }

    async fn read(&mut self, location: &str) -> Result<Option<String>, String> {
        Ok(self.files.get(location).cloned())
    }

    async fn sleep(&mut self, ms: u64) {
        self.slept.push(ms);
    }

    fn tell(&mut self, event: Event<'_>) {
        if let Event::Turn { action, to, .. } = event {
            self.said.push(format!("{action} to {to}"));
        }
    }
}

fn block_on<T>(task: impl Future<Output = T>) -> T {
    let mut task = pin!(task);
    match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn answer(status: u16, body: Value) -> Result<Response, String> {
    let headers = vec![("Content-Type".into(), "application/x-amz-json-1.1".into())];
    Ok(Response { status, headers, body: body.to_string().into_bytes() })
}

/// A document of one source that is not there, and these workflows.
fn document(workflows: &str) -> String {
    format!(
        "arazzo: 1.0.1\ninfo: {{title: t, version: '1'}}\nsourceDescriptions:\n- {{name: api, url: ../kinesis.yml}}\nworkflows:\n{workflows}"
    )
}

fn load(text: &str, world: &mut World) -> Library {
    let library = block_on(Library::load("flows/a.yml", text, world));
    let errors: Vec<&Problem> = library.problems().iter().filter(|problem| problem.is_error()).collect();
    assert!(errors.is_empty(), "{errors:?}\n{text}");
    library
}

fn play_with(text: &str, world: &mut World, inputs: Value, settings: &Settings) -> Report {
    let library = load(text, world);
    let inputs = inputs.as_object().unwrap().clone();
    let first = library.document().unwrap().workflows[0].id.clone();
    block_on(run(&library, &first, inputs, settings, world))
}

fn play(text: &str, world: &mut World, inputs: Value) -> Report {
    play_with(text, world, inputs, &Settings { default_endpoint: "http://local".into(), ..Settings::default() })
}

fn world(answers: impl IntoIterator<Item = Result<Response, String>>) -> World {
    World { answers: answers.into_iter().collect(), ..World::default() }
}

const POLL: &str = r#"
- workflowId: poll
  inputs: {type: object, required: [name], properties: {name: {type: string}}}
  steps:
  - stepId: create
    operationId: CreateStream
    requestBody: {payload: {StreamName: $inputs.name, ShardCount: 1}}
    successCriteria: [{condition: $statusCode == 200}]
  - stepId: look
    operationId: DescribeStreamSummary
    requestBody: {payload: {StreamName: $inputs.name}}
    successCriteria: [{condition: $statusCode == 200}]
    outputs: {status: $response.body#/StreamDescriptionSummary/StreamStatus}
    onSuccess:
    - name: again
      type: goto
      stepId: look
      criteria: [{context: $response.body, condition: '$.StreamDescriptionSummary.StreamStatus == "CREATING"', type: jsonpath}]
    - name: ready
      type: end
      criteria: [{context: $response.body, condition: '$.StreamDescriptionSummary.StreamStatus == "ACTIVE"', type: jsonpath}]
  - stepId: never
    operationId: ListStreams
  outputs: {status: $steps.look.outputs.status}
"#;

fn summary(status: &str) -> Result<Response, String> {
    answer(200, json!({"StreamDescriptionSummary": {"StreamStatus": status}}))
}

#[test]
fn a_loop_goes_on_until_its_condition_changes_and_pauses_between() {
    let empty = Ok(Response { status: 200, headers: Vec::new(), body: Vec::new() });
    let mut world = world([empty, summary("CREATING"), summary("CREATING"), summary("ACTIVE")]);
    let report = play(&document(POLL), &mut world, json!({"name": "s"}));
    assert_eq!(report.outcome, Outcome::Succeeded);
    assert_eq!(report.outputs, json!({"status": "ACTIVE"}));
    assert_eq!(world.slept, [200, 200]);
    let steps: Vec<_> = report.steps.iter().map(|step| (step.step.as_str(), step.attempt)).collect();
    assert_eq!(steps, [("create", 1), ("look", 1), ("look", 2), ("look", 3)]);
    let first = &world.asked[0];
    assert_eq!(
        (first.method.as_str(), first.url.as_str(), first.service.as_deref()),
        ("POST", "http://local/", Some("kinesis"))
    );
    assert!(first.headers.contains(&("X-Amz-Target".into(), "Kinesis_20131202.CreateStream".into())));
    assert!(first.headers.contains(&("Content-Type".into(), "application/x-amz-json-1.1".into())));
    let sent: Value = serde_json::from_str(first.body.as_deref().unwrap()).unwrap();
    assert_eq!(sent, json!({"StreamName": "s", "ShardCount": 1}));
}

#[test]
fn a_loop_without_an_end_is_stopped() {
    let mut world = world((0..100).map(|_| summary("CREATING")));
    let settings = Settings { max_steps: 20, default_endpoint: "http://local".into(), ..Settings::default() };
    let report = play_with(&document(POLL), &mut world, json!({"name": "s"}), &settings);
    let Outcome::Failed(why) = report.outcome else { panic!("it ended") };
    assert!(why.contains("stopped after 20 steps"), "{why}");
    assert_eq!(world.asked.len(), 20);
}

#[test]
fn a_run_that_keeps_more_than_it_may_fails() {
    let mut world = world((0..100).map(|_| summary("CREATING")));
    let settings = Settings { max_kept_bytes: 300, default_endpoint: "http://local".into(), ..Settings::default() };
    let report = play_with(&document(POLL), &mut world, json!({"name": "s"}), &settings);
    let Outcome::Failed(why) = report.outcome else { panic!("it ended") };
    assert!(why.contains("keeps more than"), "{why}");
}

#[test]
fn inputs_are_checked_before_anything_is_sent() {
    let mut world = world([]);
    let report = play(&document(POLL), &mut world, json!({"name": 5}));
    assert!(matches!(report.outcome, Outcome::Failed(why) if why.contains("the inputs of poll: name: ")));
    assert!(world.asked.is_empty());
}

#[test]
fn a_failure_says_what_the_service_said() {
    let refusal = answer(400, json!({"__type": "ResourceNotFoundException", "message": "Stream s not found"}));
    let report = play(&document(POLL), &mut world([refusal]), json!({"name": "s"}));
    let Outcome::Failed(why) = report.outcome else { panic!("it ended well") };
    assert_eq!(
        why,
        "step create: not met: $statusCode == 200; the answer was 400 ResourceNotFoundException: Stream s not found"
    );
    assert_eq!(report.outputs, json!({"status": null}));
}

const RETRY: &str = r"
- workflowId: retry
  steps:
  - stepId: put
    operationId: PutRecord
    parameters: [{name: X-Amz-Target, in: header, value: Kinesis_20131202.PutRecord}]
    requestBody: {payload: {StreamName: s}}
    successCriteria: [{condition: $statusCode == 200}]
    onFailure:
    - {name: again, type: retry, retryAfter: 0.5, retryLimit: 2, criteria: [{condition: $statusCode == 503}]}
    - {name: aside, type: goto, stepId: aside, criteria: [{condition: $statusCode == 503}]}
    - {name: over, type: end}
  - stepId: skipped
    operationId: ListStreams
  - stepId: aside
    operationId: DescribeLimits
    outputs: {limit: $response.body#/ShardLimit}
  outputs: {limit: $steps.aside.outputs.limit}
";

#[test]
fn a_retry_is_done_as_often_as_it_may_and_then_the_next_action_follows() {
    let busy = || answer(503, json!({}));
    let mut first = world([busy(), busy(), busy(), answer(200, json!({"ShardLimit": 9}))]);
    let report = play(&document(RETRY), &mut first, json!({}));
    assert_eq!((report.outcome, report.outputs), (Outcome::Succeeded, json!({"limit": 9})));
    assert_eq!(first.slept, [500, 500]);
    assert_eq!(first.said, ["again to put", "again to put", "aside to aside"]);

    let mut second = world([busy(), answer(200, json!({})), answer(200, json!({})), answer(200, json!({}))]);
    assert_eq!(play(&document(RETRY), &mut second, json!({})).outcome, Outcome::Succeeded);
    assert_eq!(second.asked.len(), 4);

    let mut third = world([answer(400, json!({}))]);
    assert!(matches!(play(&document(RETRY), &mut third, json!({})).outcome, Outcome::Failed(_)));
}

#[test]
fn the_other_side_may_say_when_to_come_again() {
    let mut busy = answer(503, json!({})).unwrap();
    busy.headers.push(("Retry-After".into(), "3".into()));
    let mut world = world([Ok(busy), answer(200, json!({})), answer(200, json!({})), answer(200, json!({}))]);
    play(&document(RETRY), &mut world, json!({}));
    assert_eq!(world.slept, [3000]);
}

#[test]
fn a_call_without_an_answer_is_a_failure_that_may_be_retried() {
    let text = document(&RETRY.replace("$statusCode == 503", "$statusCode == null"));
    let mut world =
        world([Err("refused".into()), answer(200, json!({})), answer(200, json!({})), answer(200, json!({}))]);
    let report = play(&text, &mut world, json!({}));
    assert_eq!((report.outcome, report.steps[0].failure.as_deref()), (Outcome::Succeeded, Some("refused")));
}

const NESTED: &str = r"
- workflowId: outer
  dependsOn: [before]
  inputs: {type: object, properties: {n: {type: integer, default: 4}}}
  parameters: [{reference: $components.parameters.trace, value: t2}]
  steps:
  - stepId: call
    workflowId: inner
    parameters: [{name: count, value: $inputs.n}]
    successCriteria: [{condition: $outputs.answer == 8}, {condition: $statusCode == 200}]
    outputs: {answer: $outputs.answer}
    onSuccess: [{reference: $components.successActions.leave}]
  outputs:
    answer: $steps.call.outputs.answer
    same: $workflows.inner.outputs.answer
    given: $workflows.inner.inputs.count
    before: $workflows.before.outputs.limit
    text: 'n={$inputs.n}'
- workflowId: inner
  inputs: {$ref: '#/components/inputs/counted'}
  steps:
  - {stepId: double, operationId: DescribeLimits, outputs: {answer: $response.body#/ShardLimit}}
  outputs: {answer: $steps.double.outputs.answer}
- workflowId: before
  steps:
  - {stepId: limits, operationId: DescribeLimits, outputs: {limit: $response.body#/ShardLimit}}
  outputs: {limit: $steps.limits.outputs.limit}
components:
  inputs: {counted: {type: object, required: [count], properties: {count: {type: integer}}}}
  parameters: {trace: {name: X-Trace, value: t1}}
  successActions: {leave: {name: leave, type: end}}
";

#[test]
fn workflows_nest_depend_and_reuse() {
    let mut world = world([answer(200, json!({"ShardLimit": 1})), answer(200, json!({"ShardLimit": 8}))]);
    let report = play(&document(NESTED), &mut world, json!({}));
    assert_eq!(report.outcome, Outcome::Succeeded);
    assert_eq!(report.outputs, json!({"answer": 8, "same": 8, "given": 4, "before": 1, "text": "n=4"}));
    let steps: Vec<_> = report.steps.iter().map(|step| (step.depth, step.step.as_str())).collect();
    assert_eq!(steps, [(1, "limits"), (1, "double"), (0, "call")]);
}

#[test]
fn a_nested_failure_is_the_steps_failure() {
    let report = play(&document(NESTED), &mut world([answer(200, json!({})), answer(500, json!({}))]), json!({}));
    let Outcome::Failed(why) = report.outcome else { panic!("it ended well") };
    assert!(
        why.starts_with("step call: the workflow inner failed: step double: the request failed; the answer was 500"),
        "{why}"
    );
}

#[test]
fn an_action_may_hand_over_to_another_workflow() {
    let text = document(
        r"
- workflowId: first
  inputs: {type: object, properties: {name: {type: string}}}
  steps:
  - stepId: ask
    operationId: ListStreams
    onSuccess: [{name: go, type: goto, workflowId: second}]
  outputs: {never: $inputs.name}
- workflowId: second
  steps:
  - {stepId: ask, operationId: ListStreams, outputs: {name: $inputs.name}}
  outputs: {name: $steps.ask.outputs.name}
",
    );
    let report = play(&text, &mut world([answer(200, json!({})), answer(200, json!({}))]), json!({"name": "s"}));
    assert_eq!(report.outputs, json!({"name": "s"}));
}

#[test]
fn workflows_that_call_each_other_for_ever_are_stopped() {
    let text = document(
        "- {workflowId: a, steps: [{stepId: s, workflowId: b}]}\n- {workflowId: b, steps: [{stepId: s, workflowId: a}]}\n",
    );
    let report = play(&text, &mut world([]), json!({}));
    assert!(matches!(report.outcome, Outcome::Failed(why) if why.contains("deep")));
}

#[test]
fn a_dry_run_shows_requests_and_sends_none() {
    let settings = Settings { is_dry: true, default_endpoint: "http://local".into(), ..Settings::default() };
    let mut world = world([]);
    let report = play_with(&document(POLL), &mut world, json!({"name": "s"}), &settings);
    assert_eq!(report.outcome, Outcome::Succeeded);
    assert!(world.asked.is_empty());
    assert_eq!(report.outputs, json!({"status": "$steps.look.outputs.status"}));
    assert_eq!(report.steps.len(), 3);
}

const PETS: &str = r#"{"openapi": "3.1.0", "servers": [{"url": "https://pets.example/v1"}], "paths": {
    "/pets/{id}": {"get": {"operationId": "getPet"}},
    "/pets": {"post": {"operationId": "addPet", "requestBody": {"content": {"application/json": {}}}}}}}"#;

#[test]
fn operations_are_found_in_descriptions_by_id_and_by_path_and_workflows_in_other_documents() {
    let text = r"
arazzo: 1.0.1
info: {title: t, version: '1'}
sourceDescriptions:
- {name: pets, url: pets.json, type: openapi}
- {name: more, url: more.yml, type: arazzo}
workflows:
- workflowId: w
  steps:
  - stepId: add
    operationId: $sourceDescriptions.pets.addPet
    requestBody: {payload: {name: rex}}
    outputs: {id: $response.body#/id}
  - stepId: get
    operationPath: '{$sourceDescriptions.pets.url}#/paths/~1pets~1{id}/get'
    parameters: [{name: id, in: path, value: $steps.add.outputs.id}]
  - stepId: other
    workflowId: $sourceDescriptions.more.show
    parameters: [{name: id, value: $steps.add.outputs.id}]
  outputs: {got: $steps.other.outputs.got}
";
    let more = "arazzo: 1.0.0\ninfo: {title: m, version: '1'}\nsourceDescriptions:\n- {name: p, url: ./pets.json}\nworkflows:\n\
        - workflowId: show\n  steps:\n  - {stepId: g, operationId: getPet, parameters: [{name: id, in: path, value: $inputs.id}], outputs: {got: $response.body#/name}}\n\
        \x20 outputs: {got: $steps.g.outputs.got}\n";
    let mut world = world([answer(201, json!({"id": 7})), answer(200, json!({})), answer(200, json!({"name": "rex"}))]);
    world.files.insert("flows/pets.json".into(), PETS.into());
    world.files.insert("flows/more.yml".into(), more.into());
    let report = play(text, &mut world, json!({}));
    assert_eq!((report.outcome, report.outputs), (Outcome::Succeeded, json!({"got": "rex"})));
    let urls: Vec<_> = world.asked.iter().map(|request| format!("{} {}", request.method, request.url)).collect();
    assert_eq!(
        urls,
        [
            "POST https://pets.example/v1/pets",
            "GET https://pets.example/v1/pets/7",
            "GET https://pets.example/v1/pets/7"
        ]
    );
    assert!(world.asked.iter().all(|request| request.service.is_none()));
}

#[test]
fn a_step_that_says_its_target_means_that_operation_whatever_else_has_its_id() {
    let described = r#"{"openapi": "3.1.0", "servers": [{"url": "https://kinesis.us-east-1.amazonaws.com"}], "paths": {
        "/streams/{StreamName}/records": {"post": {"operationId": "PutRecord"}}}}"#;
    let text = document(
        "- workflowId: w\n  steps:\n  - {stepId: put, operationId: PutRecord, parameters: [{name: X-Amz-Target, in: header, value: Kinesis_20131202.PutRecord}]}\n",
    );
    let mut world = world([answer(200, json!({}))]);
    world.files.insert("kinesis.yml".into(), described.into());
    assert_eq!(play(&text, &mut world, json!({})).outcome, Outcome::Succeeded);
    assert_eq!(world.asked[0].url, "https://kinesis.us-east-1.amazonaws.com/");
}

#[test]
fn an_operation_nobody_has_is_told_before_anything_runs() {
    let text = document(
        "- workflowId: w\n  steps:\n  - {stepId: a, operationId: ListStreams}\n  - {stepId: b, operationId: flyToMoon}\n",
    );
    let mut world = world([answer(200, json!({}))]);
    let report = play(&text, &mut world, json!({}));
    assert!(
        matches!(report.outcome, Outcome::Failed(why) if why.contains("there is nothing at kinesis.yml") && why.contains("flyToMoon"))
    );
    assert!(world.asked.is_empty());
}
