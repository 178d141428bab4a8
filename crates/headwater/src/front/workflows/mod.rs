//! `/_headwater/workflows/`: Arazzo documents, checked and run by the server, for the console and for other tools.
//!
//! Invariant: a run reaches the operations of this very server and nothing else – it has no sockets and no files –, as the
//! caller who asked for it and for as long as that one may ask; it ends in bounded time, keeps a bounded amount, and is
//! dropped when nobody listens to it any more.
mod world;

use super::{
    Front,
    inside::{guarded, refused},
    outgoing::Outgoing,
    pulse::Pulse,
    reply::{self, Reply},
};
use headwater_wire::{Caller, Origin, Service};
use headwater_workflow::{Document, Field, Library, Outcome, Problem, Settings, Workflow, fields, from_text, run};
use http::{HeaderValue, Method, StatusCode, header, request::Parts};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
};
use world::{Asker, HERE, Told, World};

const PREFIX: &str = "/_headwater/workflows/";
/// What these requests are signed for.
const SCOPE: &str = "headwater";
/// A document and its inputs: hundreds of steps have room in it.
const MAX_BODY_BYTES: usize = 256 << 10;
/// Runs at the same time.
const MAX_RUNS: usize = 2;
/// How long a run may take.
const RUN_MS: u64 = 240_000;
const MAX_STEPS: usize = 500;
/// What a run keeps of what its steps and workflows were given and gave.
const MAX_KEPT_BYTES: usize = 32 << 20;
/// Before a step is done again, unless the document says.
const PAUSE_MS: u64 = 200;
/// What happens in a run: a few lines a step, and some more for workflows.
const MAX_EVENTS: usize = 8 * MAX_STEPS;

/// The runs under way.
pub(super) struct Runs(Arc<Semaphore>);

impl Default for Runs {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_RUNS)))
    }
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    Check,
    Run,
}

impl Asked {
    /// What a request asks of workflows; nothing if it speaks of something else.
    pub(super) fn of(head: &Parts) -> Option<Self> {
        match head.uri.path().strip_prefix(PREFIX)? {
            "check" => Some(Self::Check),
            "run" => Some(Self::Run),
            _ => None,
        }
    }
}

/// What is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    /// YAML or JSON.
    document: String,
    /// Which workflow of it.
    #[serde(default)]
    workflow: Option<String>,
    /// Inputs as one writes them: texts, or JSON where another type is asked for.
    #[serde(default)]
    inputs: BTreeMap<String, String>,
}

/// The answer to a request that speaks of workflows.
pub(super) async fn answer(
    front: &Arc<Front>,
    asked: Asked,
    head: Parts,
    body: Incoming,
    pulse: &Pulse,
    origin: Origin,
) -> Reply {
    if head.method != Method::POST {
        return guarded(said(StatusCode::METHOD_NOT_ALLOWED, "only POST"));
    }
    let body = match front.intake.take(&head, Service::Kinesis, body, pulse).await {
        Ok(taken) if taken.bytes.len() <= MAX_BODY_BYTES => taken.bytes,
        _ => return guarded(said(StatusCode::PAYLOAD_TOO_LARGE, "a document and its inputs are 256 KiB at most")),
    };
    let asker = Arc::new(Asker { front: Arc::clone(front), head, body, origin });
    let caller = match asker.caller() {
        Ok(caller) => caller,
        Err(refusal) => return guarded(refused(&refusal)),
    };
    let Ok(order) = serde_json::from_slice::<Order>(&asker.body) else {
        return guarded(said(
            StatusCode::BAD_REQUEST,
            "the body is {\"document\": …, \"workflow\": …, \"inputs\": {…}}",
        ));
    };
    // Checking takes a turn too: what is read may be made to take long.
    let Ok(turn) = Arc::clone(&front.runs.0).try_acquire_owned() else {
        return guarded(said(StatusCode::TOO_MANY_REQUESTS, "as many workflows run as may; wait for one to end"));
    };
    let handle = Handle::current();
    if asked == Asked::Check {
        let check = move || (handle.block_on(checked(&order.document)), turn).0;
        let Ok(told) = tokio::task::spawn_blocking(check).await else {
            return guarded(said(StatusCode::INTERNAL_SERVER_ERROR, "the document cannot be checked"));
        };
        return guarded(reply::json(StatusCode::OK, &told));
    }
    let (told, lines) = mpsc::channel(MAX_EVENTS);
    let (told, clock, stop) = (Told::new(told), Arc::clone(&front.clock), front.stop.subscribe());
    tokio::task::spawn_blocking(move || {
        handle.block_on(async {
            let end = tokio::select! {
                end = ran(Arc::clone(&asker), &caller, order, told.clone()) => end,
                refusal = asker.turned_away() => failed(&refusal.to_string()),
                () = clock.sleep(RUN_MS) => failed(&format!("it has not ended within {} s", RUN_MS / 1000)),
                () = told.unheard() => return,
            };
            told.line(&end);
        });
        drop(turn);
    });
    let mut reply = Reply::new(Outgoing::pieces(lines, stop));
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    guarded(reply)
}

/// What is wrong with a document, and what can be run of it.
async fn checked(document: &str) -> Value {
    let library = Library::load("document", document, &mut world::Nowhere).await;
    let described = |document: &Document| {
        let workflows = document.workflows.iter().map(|workflow| {
            let steps: Vec<&str> = workflow.steps.iter().map(|step| step.id.as_str()).collect();
            let inputs: Vec<Value> = inputs(document, workflow).iter().map(input).collect();
            json!({"id": workflow.id, "summary": workflow.summary, "steps": steps, "inputs": inputs})
        });
        workflows.collect::<Vec<_>>()
    };
    let problems = library
        .problems()
        .iter()
        .map(|problem| json!({"line": problem.line, "isError": problem.is_error(), "sentence": problem.sentence}));
    json!({
        "problems": problems.collect::<Vec<_>>(),
        "workflows": library.document().map(described).unwrap_or_default(),
    })
}

fn inputs(document: &Document, workflow: &Workflow) -> Vec<Field> {
    workflow.inputs.as_ref().map(|schema| fields(schema, &document.input_components)).unwrap_or_default()
}

fn input(field: &Field) -> Value {
    let Field { name, kind, description, is_required, default, is_secret } = field;
    json!({
        "name": name,
        "type": kind,
        "description": description,
        "isRequired": is_required,
        "default": default,
        "isSecret": is_secret,
    })
}

/// Runs a workflow to its end; the last line of what is told.
async fn ran(asker: Arc<Asker>, caller: &Caller, order: Order, told: Told) -> Value {
    let Order { document, workflow, inputs: given } = order;
    let library = Library::load("document", &document, &mut world::Nowhere).await;
    let wrong = library.problems().iter().filter(|problem| problem.is_error()).map(Problem::to_string);
    let wrong = wrong.collect::<Vec<_>>();
    let Some(document) = library.document().filter(|_| wrong.is_empty()) else {
        return failed(&format!("the document cannot be run: {}", wrong.join("; ")));
    };
    let found = match (workflow, document.workflows.as_slice()) {
        (None, [one]) => Some(one),
        (id, all) => all.iter().find(|workflow| Some(&workflow.id) == id.as_ref()),
    };
    let Some(workflow) = found else { return failed("the document has no such workflow, or several") };
    let known = inputs(document, workflow);
    let mut values = Map::new();
    for (name, text) in given {
        match from_text(known.iter().find(|field| field.name == name), &text) {
            Ok(value) => drop(values.insert(name, value)),
            Err(why) => return failed(&format!("input {name}: {why}")),
        }
    }
    let settings = Settings {
        endpoint: Some(HERE.into()),
        default_endpoint: HERE.into(),
        region: caller.region.to_string(),
        max_steps: MAX_STEPS,
        max_kept_bytes: MAX_KEPT_BYTES,
        pause_ms: PAUSE_MS,
        ..Settings::default()
    };
    let id = workflow.id.clone();
    let mut world = World::new(asker, told);
    let report = run(&library, &id, values, &settings, &mut world).await;
    let failure = match &report.outcome {
        Outcome::Succeeded => None,
        Outcome::Failed(why) => Some(why),
    };
    json!({"event": "end", "succeeded": failure.is_none(), "failure": failure, "outputs": report.outputs})
}

fn failed(why: &str) -> Value {
    json!({"event": "end", "succeeded": false, "failure": why, "outputs": null})
}

fn said(status: StatusCode, sentence: &str) -> Reply {
    reply::json(status, &json!({"message": sentence}))
}
