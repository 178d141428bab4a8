//! What a document must keep to beyond its form: names are unique, and what is referred to is there. Invariant: a way that
//! leads nowhere is an error; a value that is never there is a warning, as the specification's own examples have some.
use crate::{
    document::{Action, Document, Jump, SourceKind, Step, Target, Use, Workflow},
    problem::Problem,
    read::Read,
};
use std::collections::BTreeSet;

/// All there is to say about a document, by line.
pub(crate) fn problems(read: &Read) -> Vec<Problem> {
    let document = &read.document;
    let mut found = read.problems.clone();
    repeated(document.sources.iter().map(|source| (&source.name, source.line)), "source description", &mut found);
    repeated(document.workflows.iter().map(|workflow| (&workflow.id, workflow.line)), "workflow", &mut found);
    for workflow in &document.workflows {
        check_workflow(document, workflow, &mut found);
    }
    for usage in &read.uses {
        found.extend(check_use(document, usage));
    }
    found.sort_by_key(|problem| problem.line);
    found.dedup();
    found
}

fn repeated<'a>(names: impl Iterator<Item = (&'a String, usize)>, what: &str, found: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (name, line) in names.filter(|(name, _)| !name.is_empty()) {
        if !seen.insert(name) {
            found.push(Problem::error(line, format!("the {what} `{name}` is there twice")));
        }
    }
}

fn check_workflow(document: &Document, workflow: &Workflow, found: &mut Vec<Problem>) {
    repeated(workflow.steps.iter().map(|step| (&step.id, step.line)), "step", found);
    for needed in &workflow.depends_on {
        found.extend(check_workflow_name(document, &needed.name, needed.line));
    }
    if waits_for_itself(document, workflow) {
        found.push(Problem::error(workflow.line, format!("the workflow `{}` depends on itself", workflow.id)));
    }
    let actions = workflow.success_actions.iter().chain(&workflow.failure_actions);
    actions.for_each(|action| check_action(document, workflow, action, found));
    for (place, step) in workflow.steps.iter().enumerate() {
        check_target(document, step, found);
        step.on_success
            .iter()
            .chain(&step.on_failure)
            .for_each(|action| check_action(document, workflow, action, found));
        let is_there = |name: &str| workflow.steps.iter().any(|step| step.id == name);
        for needed in &step.depends_on {
            if needed.name.starts_with("$workflows.") || needed.name.starts_with("$sourceDescriptions.") {
                continue;
            }
            if !is_there(&needed.name) {
                found.push(Problem::error(needed.line, format!("there is no step `{}` in this workflow", needed.name)));
            } else if workflow.steps.iter().skip(place).any(|later| later.id == needed.name) {
                let sentence = format!("`{}` must run before `{}`, but comes after it", needed.name, step.id);
                found.push(Problem::error(needed.line, sentence));
            }
        }
    }
}

/// Whether a chain of `dependsOn` leads back.
fn waits_for_itself(document: &Document, workflow: &Workflow) -> bool {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = workflow.depends_on.iter().map(|needed| needed.name.as_str()).collect();
    while let Some(name) = next.pop() {
        if name == workflow.id {
            return true;
        }
        if seen.insert(name) {
            let needed = document.workflows.iter().filter(|held| held.id == name).flat_map(|held| &held.depends_on);
            next.extend(needed.map(|needed| needed.name.as_str()));
        }
    }
    false
}

fn check_target(document: &Document, step: &Step, found: &mut Vec<Problem>) {
    let has_messages = document.sources.iter().any(|source| source.kind == SourceKind::AsyncApi);
    match &step.target {
        Target::Workflow(name) => found.extend(check_workflow_name(document, name, step.line)),
        Target::Channel(_) if !has_messages => {
            found.push(Problem::error(step.line, "`channelPath` needs a source description of the type asyncapi"));
        }
        Target::Channel(_) => {
            let sentence =
                format!("the step `{}` is of AsyncAPI: it cannot be run here, where HTTP is spoken", step.id);
            found.push(Problem::warning(step.line, sentence));
        }
        Target::OperationPath(path) if !path.contains("$sourceDescriptions.") || !path.contains('#') => {
            let sentence = "`operationPath` reads '{$sourceDescriptions.<name>.url}#/paths/<path>/<method>'";
            found.push(Problem::error(step.line, sentence));
        }
        Target::OperationPath(name) | Target::OperationId(name) => {
            if let Some(source) = source_of(name)
                && !document.sources.iter().any(|held| held.name == source)
            {
                found.push(Problem::warning(step.line, format!("there is no source description `{source}`")));
            }
        }
    }
}

/// The source description that `$sourceDescriptions.<name>.…` names, wherever it stands in a text.
pub(crate) fn source_of(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("$sourceDescriptions.")?;
    Some(rest.split(['.', '}', '#']).next().unwrap_or_default())
}

fn check_workflow_name(document: &Document, name: &str, line: usize) -> Option<Problem> {
    let is_there = match source_of(name) {
        Some(source) => document.sources.iter().any(|held| held.name == source),
        // It may be a workflow of another document; loading that will tell.
        None if document.sources.iter().any(|source| source.kind == SourceKind::Arazzo) => true,
        None => document.workflows.iter().any(|workflow| workflow.id == name),
    };
    (!is_there && !name.is_empty()).then(|| Problem::error(line, format!("there is no workflow `{name}`")))
}

fn check_action(document: &Document, workflow: &Workflow, action: &Action, found: &mut Vec<Problem>) {
    match &action.jump {
        Some(Jump::Step(name)) if !workflow.steps.iter().any(|step| step.id == *name) => {
            let sentence = format!("the action `{}` leads to `{name}`, but there is no such step", action.name);
            found.push(Problem::error(action.line, sentence));
        }
        Some(Jump::Workflow(name)) => found.extend(check_workflow_name(document, name, action.line)),
        Some(Jump::Step(_)) | None => {}
    }
}

fn check_use(document: &Document, usage: &Use) -> Option<Problem> {
    let names: Vec<&str> = usage.expression.names().collect();
    let workflow = usage.workflow.and_then(|place| document.workflows.get(place));
    match names.as_slice() {
        ["steps", step, "outputs", output @ ..] => {
            let workflow = workflow?;
            let Some(place) = workflow.steps.iter().position(|held| held.id == *step) else {
                return Some(Problem::warning(usage.line, format!("there is no step `{step}` in this workflow")));
            };
            let held = workflow.steps.get(place)?;
            let output = output.join(".");
            let is_named = |(name, _): &(String, _)| output == *name || output.starts_with(name.as_str());
            // A workflow's outputs are its step's, if that names none; without a name all outputs are meant.
            let is_open = matches!(held.target, Target::Workflow(_)) && held.outputs.is_empty();
            if !is_open && !output.is_empty() && !held.outputs.iter().any(is_named) {
                return Some(Problem::warning(usage.line, format!("the step `{step}` has no output `{output}`")));
            }
            let is_later = usage.step.is_some_and(|user| user < place);
            is_later.then(|| {
                Problem::warning(usage.line, format!("the step `{step}` comes later: it may have no outputs yet"))
            })
        }
        ["workflows", name, ..] => check_workflow_name(document, name, usage.line),
        ["sourceDescriptions", name, ..] => {
            let is_there = document.sources.iter().any(|source| source.name == *name);
            (!is_there).then(|| Problem::warning(usage.line, format!("there is no source description `{name}`")))
        }
        ["inputs", input @ ..] => {
            let input = input.join(".");
            let inputs = workflow?.inputs.as_ref()?;
            let properties = inputs.get("properties")?.as_object()?;
            let is_open = inputs.get("allOf").is_some() || inputs.get("$ref").is_some();
            let is_there = properties.keys().any(|name| input.starts_with(name.as_str()));
            (!is_there && !is_open).then(|| Problem::warning(usage.line, format!("`inputs` describes no `{input}`")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
