//! What follows on a step. Invariant: the first action whose criteria hold is taken, the step's own before its workflow's,
//! and no more often than it allows.
use super::{Frame, Runner, call::inputs};
use crate::{
    criterion::unmet,
    document::{Action, ActionKind, Jump, Parameter, Step},
    library::At,
    outside::{Event, Outside},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is next.
pub(super) enum Next {
    /// The next step in order.
    Step,
    /// The step of that name.
    Goto(String),
    /// Another workflow, for good.
    Transfer(At, Map<String, Value>),
    /// Nothing: the workflow has succeeded.
    End,
    /// Nothing: the workflow has failed.
    Fail(String),
}

impl<'a, O: Outside> Runner<'a, O> {
    pub(super) async fn after_success(&mut self, frame: &mut Frame<'a>, step: &'a Step) -> Next {
        let actions = effective(&step.on_success, &frame.workflow.success_actions);
        let action = actions.into_iter().find(|action| unmet(&action.criteria, &frame.scope).is_none());
        match action {
            None => Next::Step,
            Some(action) if action.kind == ActionKind::End => Next::End,
            Some(action) => self.goto(frame, action).await,
        }
    }

    /// The retry that is due, and the pause before it; none if none is, or all are used up.
    pub(super) fn retry(
        &self,
        frame: &Frame<'a>,
        step: &'a Step,
        retries: &mut BTreeMap<&'a str, u64>,
    ) -> Option<(&'a Action, u64)> {
        let action = failure_action(frame, step, retries)?;
        let ActionKind::Retry { after_ms, .. } = action.kind else { return None };
        *retries.entry(&action.name).or_default() += 1;
        let asked_s = frame.scope.pointer("/response/header/retry-after").and_then(Value::as_str);
        let asked_ms =
            asked_s.and_then(|seconds| seconds.trim().parse::<u64>().ok()).map(|seconds| seconds.saturating_mul(1000));
        Some((action, asked_ms.or(after_ms).unwrap_or(self.settings.pause_ms)))
    }

    pub(super) async fn after_failure(
        &mut self,
        frame: &mut Frame<'a>,
        step: &'a Step,
        failure: String,
        retries: &BTreeMap<&'a str, u64>,
    ) -> Next {
        match failure_action(frame, step, retries) {
            Some(action) if action.kind == ActionKind::Goto => self.goto(frame, action).await,
            _ => Next::Fail(failure),
        }
    }

    /// Goes where an action leads. A step that was done before is done again after a pause.
    async fn goto(&mut self, frame: &mut Frame<'a>, action: &'a Action) -> Next {
        let depth = frame.depth;
        match &action.jump {
            Some(Jump::Step(to)) => {
                let is_again = frame.attempts.contains_key(to.as_str());
                let pause_ms = if is_again { self.settings.pause_ms } else { 0 };
                self.outside.tell(Event::Turn { depth, action: &action.name, to, pause_ms });
                if is_again {
                    self.outside.sleep(pause_ms).await;
                }
                Next::Goto(to.clone())
            }
            Some(Jump::Workflow(to)) => {
                self.outside.tell(Event::Turn { depth, action: &action.name, to, pause_ms: 0 });
                match self.destination(frame, to, action) {
                    Ok((at, inputs)) => Next::Transfer(at, inputs),
                    Err(why) => Next::Fail(why),
                }
            }
            None => Next::Step,
        }
    }

    /// A workflow an action leads to, and its inputs: those the action gives, else those of the workflow it leaves.
    pub(super) fn destination(
        &self,
        frame: &Frame<'a>,
        name: &str,
        action: &'a Action,
    ) -> Result<(At, Map<String, Value>), String> {
        let at = self.library.workflow(frame.at.0, name).ok_or_else(|| format!("there is no workflow `{name}`"))?;
        let given: Vec<&Parameter> = action.parameters.iter().collect();
        let own = frame.scope.get("inputs").and_then(Value::as_object).cloned().unwrap_or_default();
        Ok((at, if given.is_empty() { own } else { inputs(&frame.scope, &given)? }))
    }
}

/// The first action that applies to a failure and is not used up.
fn failure_action<'a>(frame: &Frame<'a>, step: &'a Step, retries: &BTreeMap<&'a str, u64>) -> Option<&'a Action> {
    let is_left = |action: &&Action| match action.kind {
        ActionKind::Retry { limit, .. } => retries.get(action.name.as_str()).copied().unwrap_or_default() < limit,
        ActionKind::End | ActionKind::Goto => true,
    };
    let actions = effective(&step.on_failure, &frame.workflow.failure_actions);
    actions.into_iter().filter(is_left).find(|action| unmet(&action.criteria, &frame.scope).is_none())
}

/// A step's actions, and those of its workflow that it does not override.
fn effective<'a>(own: &'a [Action], all: &'a [Action]) -> Vec<&'a Action> {
    let is_own = |action: &&Action| own.iter().any(|held| held.name == action.name);
    own.iter().chain(all.iter().filter(|action| !is_own(action))).collect()
}
