//! Running a workflow: steps in order, and what follows on each. Invariant: a run ends – steps, nested workflows and loops
//! without a pause are all bounded, and so is what it keeps – and everything it did is in its report.
mod call;
mod turn;

use crate::{
    document::{Document, Jump, Step, Target, Workflow},
    inputs,
    library::{At, Library},
    outside::{Event, Outside},
    template::{fill, weight},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use turn::Next;

/// Workflows within workflows, at most.
const MAX_DEPTH: usize = 32;

/// How a run goes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Servers to use instead of the described ones: of one source description, or of all.
    pub servers: Vec<(Option<String>, String)>,
    /// Where AWS's services are, whatever their descriptions say.
    pub endpoint: Option<String>,
    /// Where AWS's services are if nothing says it.
    pub default_endpoint: String,
    /// The region of AWS's services.
    pub region: String,
    /// Steps in all, repeated ones included, before a run is stopped.
    pub max_steps: usize,
    /// What a run may keep of what its workflows were given and its steps gave, in bytes, about.
    pub max_kept_bytes: usize,
    /// How long a run waits before it does a step again, unless the document says.
    pub pause_ms: u64,
    /// Whether requests are shown instead of sent.
    pub is_dry: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            endpoint: None,
            default_endpoint: String::new(),
            region: "us-east-1".into(),
            max_steps: 1000,
            max_kept_bytes: 1 << 30,
            pause_ms: 200,
            is_dry: false,
        }
    }
}

/// How a run went.
#[derive(Debug, Clone)]
pub struct Report {
    /// The workflow's name.
    pub workflow: String,
    /// Whether it did what it should.
    pub outcome: Outcome,
    /// What it gives; null where there is nothing.
    pub outputs: Value,
    /// In the order they ended.
    pub steps: Vec<StepReport>,
}

/// Whether a run did what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It came to its end.
    Succeeded,
    /// A sentence on why not.
    Failed(String),
}

/// How a step went, once.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// How many workflows are around its own.
    pub depth: usize,
    /// Its workflow's name.
    pub workflow: String,
    /// Its name.
    pub step: String,
    /// The how many-th time it is done in this run of its workflow; the first is 1.
    pub attempt: usize,
    /// What was called: a method and a URL, or a workflow.
    pub called: String,
    /// The answer's status.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// What it gives.
    pub outputs: Value,
}

/// Runs the workflow called `workflow` with those inputs; the document must have no errors.
pub async fn run<O: Outside>(
    library: &Library,
    workflow: &str,
    inputs: Map<String, Value>,
    settings: &Settings,
    outside: &mut O,
) -> Report {
    let mut runner = Runner {
        library,
        settings,
        outside,
        steps: Vec::new(),
        done: BTreeMap::new(),
        count: 0,
        kept_bytes: 0,
        status: None,
    };
    let finished = match library.workflow(0, workflow) {
        Some(at) => runner.workflow(at, inputs, 0).await,
        None => Finished::failed(format!("there is no workflow `{workflow}`")),
    };
    let outcome = finished.failure.map_or(Outcome::Succeeded, Outcome::Failed);
    Report { workflow: workflow.into(), outcome, outputs: finished.outputs, steps: runner.steps }
}

struct Runner<'a, O> {
    library: &'a Library,
    settings: &'a Settings,
    outside: &'a mut O,
    steps: Vec<StepReport>,
    /// What workflows that are over were given, and gave.
    done: BTreeMap<At, Value>,
    /// Steps so far.
    count: usize,
    /// What of them, and of workflows' inputs, is kept.
    kept_bytes: usize,
    /// Of the last answer: what `$statusCode` is behind a step that is a workflow.
    status: Option<u16>,
}

/// A workflow that is over.
struct Finished {
    outputs: Value,
    failure: Option<String>,
}

impl Finished {
    fn failed(why: String) -> Self {
        Self { outputs: json!({}), failure: Some(why) }
    }
}

/// A run of one workflow.
struct Frame<'a> {
    at: At,
    workflow: &'a Workflow,
    depth: usize,
    /// All that expressions can name.
    scope: Value,
    /// How often each step was done.
    attempts: BTreeMap<&'a str, usize>,
}

impl<'a, O: Outside> Runner<'a, O> {
    /// Runs a workflow and those it depends on.
    async fn workflow(&mut self, at: At, inputs: Map<String, Value>, depth: usize) -> Finished {
        let Some((document, workflow)) = self.library.at(at) else {
            return Finished::failed("there is no such workflow".into());
        };
        let id = workflow.id.as_str();
        self.outside.tell(Event::Workflow { depth, id, summary: &workflow.summary });
        let finished = match self.prepare(at, document, workflow, inputs, depth).await {
            Err(why) => Finished::failed(why),
            Ok(frame) => self.steps_of(frame).await,
        };
        let (outputs, failure) = (&finished.outputs, finished.failure.as_deref());
        self.outside.tell(Event::Over { depth, id, outputs, failure });
        finished
    }

    /// Sees to everything that must be so before the first step.
    async fn prepare(
        &mut self,
        at: At,
        document: &'a Document,
        workflow: &'a Workflow,
        inputs: Map<String, Value>,
        depth: usize,
    ) -> Result<Frame<'a>, String> {
        if depth > MAX_DEPTH {
            return Err(format!("workflows call each other more than {MAX_DEPTH} deep"));
        }
        inputs.values().try_for_each(|input| self.keep(input))?;
        let given = inputs.clone();
        let accepted = inputs::accept(workflow.inputs.as_ref(), &document.input_components, inputs);
        let inputs = accepted.map_err(|wrong| format!("the inputs of {}: {}", workflow.id, wrong.join("; ")))?;
        for step in &workflow.steps {
            if !matches!(step.target, Target::Workflow(_)) {
                let found = self.library.operation(at.0, workflow, step, &self.settings.region);
                found.map_err(|why| format!("step {}: {why}", step.id))?;
            }
        }
        for needed in &workflow.depends_on {
            let name = &needed.name;
            let needed = self.library.workflow(at.0, name).ok_or_else(|| format!("there is no workflow `{name}`"))?;
            if !self.done.contains_key(&needed) {
                let finished = Box::pin(self.workflow(needed, given.clone(), depth + 1)).await;
                if let Some(why) = finished.failure {
                    return Err(format!("it depends on {name}, which failed: {why}"));
                }
            }
        }
        let sources = document.sources.iter();
        let sources = sources.map(|source| (source.name.clone(), json!({"name": source.name, "url": source.url})));
        let mut scope = json!({
            "inputs": inputs,
            "outputs": {},
            "steps": {},
            "sourceDescriptions": sources.collect::<Map<_, _>>(),
        });
        if let (Some(uri), Some(scope)) = (&document.self_uri, scope.as_object_mut()) {
            scope.insert("self".into(), json!(uri));
        }
        let mut frame = Frame { at, workflow, depth, scope, attempts: BTreeMap::new() };
        self.show_workflows(&mut frame);
        Ok(frame)
    }

    /// Lets expressions name what other workflows of the document were given, and gave.
    fn show_workflows(&self, frame: &mut Frame<'_>) {
        let done = self.done.iter().filter(|(at, _)| at.0 == frame.at.0);
        let named = done.filter_map(|(at, held)| Some((self.library.at(*at)?.1.id.clone(), held.clone())));
        set(&mut frame.scope, "workflows", Value::Object(named.collect()));
    }

    /// Does the steps until there is none, or an action ends it.
    async fn steps_of(&mut self, mut frame: Frame<'a>) -> Finished {
        let mut place = 0;
        let failure = loop {
            let Some(step) = frame.workflow.steps.get(place) else { break None };
            match self.step(&mut frame, step).await {
                Next::Step => place += 1,
                Next::End => break None,
                Next::Fail(why) => break Some(format!("step {}: {why}", step.id)),
                Next::Goto(name) => {
                    place = frame.workflow.steps.iter().position(|step| step.id == name).unwrap_or(usize::MAX);
                }
                Next::Transfer(at, inputs) => return Box::pin(self.workflow(at, inputs, frame.depth + 1)).await,
            }
        };
        self.finish(frame, failure)
    }

    fn finish(&mut self, mut frame: Frame<'a>, mut failure: Option<String>) -> Finished {
        let mut outputs = Map::new();
        for (name, template) in &frame.workflow.outputs {
            match self.output(&frame, template, &format!("$workflows.{}.outputs.{name}", frame.workflow.id)) {
                Ok(value) => drop(outputs.insert(name.clone(), value.unwrap_or_default())),
                Err(why) => failure = failure.or_else(|| Some(format!("output {name}: {why}"))),
            }
            set(&mut frame.scope, "outputs", Value::Object(outputs.clone()));
        }
        let outputs = Value::Object(outputs);
        if failure.is_none() {
            let inputs = frame.scope.get("inputs").cloned();
            self.done.insert(frame.at, json!({"inputs": inputs, "outputs": outputs}));
        }
        Finished { outputs, failure }
    }

    /// Counts what is kept until the run ends.
    fn keep(&mut self, value: &Value) -> Result<(), String> {
        self.kept_bytes = self.kept_bytes.saturating_add(weight(value));
        let max = self.settings.max_kept_bytes;
        if self.kept_bytes <= max { Ok(()) } else { Err(format!("the run keeps more than {} MiB", max >> 20)) }
    }

    /// An output's value. In a dry run there are no answers: then it is its own name.
    fn output(&mut self, frame: &Frame<'_>, template: &Value, name: &str) -> Result<Option<Value>, String> {
        let value = fill(template, &frame.scope)?;
        value.iter().try_for_each(|value| self.keep(value))?;
        Ok(if self.settings.is_dry { value.or_else(|| Some(json!(name))) } else { value })
    }

    /// Does a step until it has succeeded, or failed for good, and tells what is next.
    async fn step(&mut self, frame: &mut Frame<'a>, step: &'a Step) -> Next {
        let mut retries: BTreeMap<&str, u64> = BTreeMap::new();
        loop {
            let report = match self.once(frame, step).await {
                Ok(report) => report,
                Err(why) => return Next::Fail(why),
            };
            if self.settings.is_dry {
                return report.failure.map_or(Next::Step, Next::Fail);
            }
            let Some(failure) = report.failure else { return self.after_success(frame, step).await };
            let Some((action, pause_ms)) = self.retry(frame, step, &mut retries) else {
                return self.after_failure(frame, step, failure, &retries).await;
            };
            if let Some(jump) = &action.jump
                && let Err(why) = self.visit(frame, jump, action).await
            {
                return Next::Fail(why);
            }
            self.outside.tell(Event::Turn { depth: frame.depth, action: &action.name, to: &step.id, pause_ms });
            self.outside.sleep(pause_ms).await;
        }
    }

    /// Does a step once, counts it and reports it.
    async fn once(&mut self, frame: &mut Frame<'a>, step: &'a Step) -> Result<StepReport, String> {
        self.count += 1;
        if self.count > self.settings.max_steps {
            let max = self.settings.max_steps;
            return Err(format!(
                "the run was stopped after {max} steps: is there a loop without an end? --max-steps allows more"
            ));
        }
        let attempt = frame.attempts.entry(&step.id).or_default();
        *attempt += 1;
        let attempt = *attempt;
        self.outside.tell(Event::Step { depth: frame.depth, id: &step.id });
        let mut report = StepReport {
            depth: frame.depth,
            workflow: frame.workflow.id.clone(),
            step: step.id.clone(),
            attempt,
            called: String::new(),
            status: None,
            failure: None,
            outputs: json!({}),
        };
        for name in ["url", "method", "statusCode", "request", "response"] {
            set(&mut frame.scope, name, Value::Null);
        }
        set(&mut frame.scope, "outputs", json!({}));
        report.failure = self.attempt(frame, step, &mut report).await.err();
        let done = json!({"outputs": report.outputs});
        if let Some(steps) = frame.scope.get_mut("steps") {
            set(steps, &step.id, done);
        }
        self.outside.tell(Event::Done(&report));
        self.steps.push(report.clone());
        Ok(report)
    }

    /// Goes to a step or a workflow, and comes back.
    async fn visit(
        &mut self,
        frame: &mut Frame<'a>,
        jump: &Jump,
        action: &'a crate::document::Action,
    ) -> Result<(), String> {
        match jump {
            Jump::Step(name) => {
                let step = frame.workflow.steps.iter().find(|step| step.id == *name);
                let step = step.ok_or_else(|| format!("there is no step `{name}`"))?;
                self.once(frame, step).await.map(drop)
            }
            Jump::Workflow(name) => {
                let (at, inputs) = self.destination(frame, name, action)?;
                // Whether it succeeded or not, the step is tried again: that will tell.
                Box::pin(self.workflow(at, inputs, frame.depth + 1)).await;
                self.show_workflows(frame);
                Ok(())
            }
        }
    }
}

fn set(scope: &mut Value, name: &str, value: Value) {
    if let Some(members) = scope.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests;
