//! One attempt at a step: what it calls, and what came of it. Invariant: an attempt fails with a sentence that says what the
//! other side said.
use super::{Frame, Runner, StepReport, set};
use crate::{
    criterion::unmet,
    document::{Parameter, Step, Target},
    outside::{Event, Outside},
    request::{self, Placed},
    template::{fill, text_of},
};
use serde_json::{Map, Value, json};

/// How much of an unexpected answer is shown, in letters.
const EXCERPT: usize = 300;
/// Statuses from here on are failures, where a step has no criteria of its own.
const FIRST_FAILURE: u16 = 400;

impl<'a, O: Outside> Runner<'a, O> {
    /// Does the step once; what is learnt goes into the scope and the report.
    pub(super) async fn attempt(
        &mut self,
        frame: &mut Frame<'a>,
        step: &'a Step,
        report: &mut StepReport,
    ) -> Result<(), String> {
        for needed in step.depends_on.iter().filter(|needed| !needed.name.starts_with('$')) {
            if !frame.attempts.contains_key(needed.name.as_str()) {
                return Err(format!("it depends on the step {}, which was not done", needed.name));
            }
        }
        let failure = match &step.target {
            Target::Workflow(name) => self.nested(frame, step, name, report).await,
            _ => self.call(frame, step, report).await,
        };
        let mut outputs = Map::new();
        for (name, template) in &step.outputs {
            let value = self.output(frame, template, &format!("$steps.{}.outputs.{name}", step.id));
            if let Some(value) = value.map_err(|why| format!("output {name}: {why}"))? {
                outputs.insert(name.clone(), value);
            }
        }
        // A workflow's outputs are the step's, if it does not choose.
        report.outputs = match frame.scope.get("outputs") {
            Some(all) if step.outputs.is_empty() => all.clone(),
            _ => Value::Object(outputs),
        };
        failure
    }

    async fn call(&mut self, frame: &mut Frame<'a>, step: &'a Step, report: &mut StepReport) -> Result<(), String> {
        let operation = self.library.operation(frame.at.0, frame.workflow, step, &self.settings.region)?;
        let values = placed(frame, step)?;
        let (request, shown) = request::build(&operation, &values, step.body.as_ref(), &frame.scope, self.settings)?;
        report.called = format!("{} {}", request.method, request.url);
        set(&mut frame.scope, "url", json!(request.url));
        set(&mut frame.scope, "method", json!(request.method));
        set(&mut frame.scope, "request", shown);
        self.outside.tell(Event::Request { depth: frame.depth, request: &request });
        if self.settings.is_dry {
            return Ok(());
        }
        let response = self.outside.call(&request, step.timeout_ms).await?;
        report.status = Some(response.status);
        self.status = report.status;
        let shown = request::shown(&response);
        set(&mut frame.scope, "statusCode", json!(response.status));
        set(&mut frame.scope, "response", shown);
        let unmet = match step.criteria.as_slice() {
            [] => (response.status >= FIRST_FAILURE).then(|| "the request failed".to_owned()),
            criteria => unmet(criteria, &frame.scope),
        };
        unmet.map_or(Ok(()), |unmet| Err(format!("{unmet}; {}", answered(response.status, &frame.scope))))
    }

    async fn nested(
        &mut self,
        frame: &mut Frame<'a>,
        step: &'a Step,
        name: &str,
        report: &mut StepReport,
    ) -> Result<(), String> {
        report.called = format!("workflow {name}");
        let at = self.library.workflow(frame.at.0, name).ok_or_else(|| format!("there is no workflow `{name}`"))?;
        let parameters: Vec<&Parameter> = merged(&frame.workflow.parameters, &step.parameters);
        let inputs = inputs(&frame.scope, &parameters)?;
        let finished = Box::pin(self.workflow(at, inputs, frame.depth + 1)).await;
        self.show_workflows(frame);
        set(&mut frame.scope, "outputs", finished.outputs);
        set(&mut frame.scope, "statusCode", json!(self.status));
        if let Some(why) = finished.failure {
            return Err(format!("the workflow {name} failed: {why}"));
        }
        match unmet(&step.criteria, &frame.scope) {
            Some(unmet) if !self.settings.is_dry => Err(unmet),
            _ => Ok(()),
        }
    }
}

/// The parameters of a workflow's steps, and those of the one step, which go before them.
fn merged<'a>(all: &'a [Parameter], own: &'a [Parameter]) -> Vec<&'a Parameter> {
    let is_own = |parameter: &&Parameter| {
        own.iter().any(|held| held.name == parameter.name && (held.place == parameter.place || held.place.is_none()))
    };
    all.iter().filter(|parameter| !is_own(parameter)).chain(own).collect()
}

/// Values by name; what has no value is left out.
pub(super) fn inputs(scope: &Value, parameters: &[&Parameter]) -> Result<Map<String, Value>, String> {
    let mut inputs = Map::new();
    for parameter in parameters {
        if let Some(value) = fill(&parameter.value, scope)? {
            inputs.insert(parameter.name.clone(), value);
        }
    }
    Ok(inputs)
}

/// The values of a request; what has no value, or none but null, is left out.
fn placed(frame: &Frame<'_>, step: &Step) -> Result<Vec<Placed>, String> {
    let mut values = Vec::new();
    for parameter in merged(&frame.workflow.parameters, &step.parameters) {
        let value = fill(&parameter.value, &frame.scope)?.filter(|value| !value.is_null());
        if let (Some(place), Some(value)) = (parameter.place, value) {
            values.push((place, parameter.name.clone(), value));
        }
    }
    Ok(values)
}

/// What an answer said: the error of an AWS service as people quote it, else the beginning of whatever it is.
fn answered(status: u16, scope: &Value) -> String {
    let body = scope.pointer("/response/body").unwrap_or(&Value::Null);
    let code = body.get("__type").and_then(Value::as_str).and_then(|code| code.split('#').next_back());
    let message = body.get("message").or_else(|| body.get("Message")).and_then(Value::as_str);
    match (code, message, body) {
        (Some(code), message, _) => format!("the answer was {status} {code}: {}", message.unwrap_or_default()),
        (None, _, Value::Null) => format!("the answer was {status} without a body"),
        (None, ..) => {
            let text = text_of(body);
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("the answer was {status}: {}", line.chars().take(EXCERPT).collect::<String>())
        }
    }
}
