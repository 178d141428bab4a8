//! Steps and what they send. Invariant: a step calls exactly one thing.
use super::{For, Reader};
use crate::{
    document::{Body, Replacement, Step, Target},
    select::Language,
    tree::Node,
};

const WHAT: &str = "a step";
const FIELDS: &[&str] = &[
    "description",
    "stepId",
    "operationId",
    "operationPath",
    "workflowId",
    "parameters",
    "requestBody",
    "successCriteria",
    "onSuccess",
    "onFailure",
    "outputs",
];
/// Those that came with 1.1.
const LATER: &[&str] = &["channelPath", "action", "correlationId", "timeout", "dependsOn"];
const TARGETS: [&str; 4] = ["operationId", "operationPath", "workflowId", "channelPath"];

impl<'a> Reader<'a> {
    pub(super) fn step(&mut self, node: &'a Node) -> Step {
        self.known(node, WHAT, FIELDS, LATER);
        let id = self.required_text(node, WHAT, "stepId");
        let target = self.target(node, &id);
        self.messages(node, &target);
        let whose = if matches!(target, Target::Workflow(_)) { For::Workflow } else { For::Operation };
        if let (Target::Workflow(_), Some(body)) = (&target, node.get("requestBody")) {
            self.warning(body.line, "a workflow takes inputs: nothing is done with `requestBody`");
        }
        if node.get("dependsOn").is_some() {
            self.filled_list(node, "dependsOn");
        }
        Step {
            id,
            description: self.text(node, "description").unwrap_or_default(),
            target,
            parameters: self.parameters(node, whose),
            body: node.get("requestBody").map(|body| self.body(body)),
            criteria: self.criteria(node, "successCriteria"),
            on_success: self.actions(node, "onSuccess", true),
            on_failure: self.actions(node, "onFailure", false),
            outputs: self.outputs(node),
            timeout_ms: self.count(node, "timeout"),
            depends_on: self.references(node, "dependsOn"),
            line: node.line,
        }
    }

    fn target(&mut self, node: &'a Node, id: &str) -> Target {
        let named: Vec<(&str, String)> =
            TARGETS.iter().filter_map(|name| Some((*name, self.text(node, name)?))).collect();
        if named.len() != 1 {
            let wanted = "exactly one of `operationId`, `operationPath` and `workflowId`";
            self.error(node.line, format!("the step `{id}` needs {wanted}"));
        }
        match named.into_iter().next() {
            Some(("operationPath", path)) => Target::OperationPath(path),
            Some(("workflowId", workflow)) => Target::Workflow(workflow),
            Some(("channelPath", path)) => Target::Channel(path),
            Some((_, operation)) => Target::OperationId(operation),
            None => Target::OperationId(String::new()),
        }
    }

    /// What 1.1 has for messages: it must be sound, though no message is sent from here.
    fn messages(&mut self, node: &'a Node, target: &Target) {
        let action = self.text(node, "action");
        match (target, action.as_deref()) {
            (_, Some(other)) if !matches!(other, "send" | "receive") => {
                self.error(node.line, format!("`action: {other}`: a message is sent or received: `send`, `receive`"));
            }
            (Target::Workflow(_), Some(_)) => self.error(node.line, "a workflow has no `action`"),
            (Target::Channel(_), None) => self.error(node.line, "`action` is missing beside `channelPath`"),
            _ => {}
        }
        if node.get("correlationId").is_some() && action.as_deref() != Some("receive") {
            self.error(node.line, "`correlationId` stands beside `action: receive` alone");
        }
    }

    fn body(&mut self, node: &'a Node) -> Body {
        const WHAT: &str = "a request body";
        self.known(node, WHAT, &["contentType", "payload", "replacements"], &[]);
        if let Some(payload) = node.get("payload") {
            self.expressions(payload);
        }
        let content_type = self.text(node, "contentType");
        let replacements = self.list(node, "replacements").iter().filter_map(|node| self.replacement(node)).collect();
        Body { content_type, payload: node.get("payload").map(Node::json).unwrap_or_default(), replacements }
    }

    fn replacement(&mut self, node: &'a Node) -> Option<Replacement> {
        const WHAT: &str = "a replacement";
        self.known(node, WHAT, &["target", "value"], &["targetSelectorType"]);
        let target = self.required_text(node, WHAT, "target");
        let value = self.required(node, WHAT, "value")?;
        self.expressions(value);
        let kind = node.get("targetSelectorType").and_then(|kind| self.query_kind(kind));
        let language = kind.and_then(|kind| Language::of(&kind.into()));
        Some(Replacement { target, language, value: value.json() })
    }
}
