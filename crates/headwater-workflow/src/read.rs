//! From a tree to a document, as the specification's 1.0 and 1.1 have it. Invariant: every fault is reported with its line,
//! and reading goes on behind it, so that one look shows all of them.
mod action;
mod fields;
mod step;

use crate::{
    document::{Document, Parameter, Reference, Source, SourceKind, Use, Workflow},
    expression::{Expression, Piece, pieces},
    problem::Problem,
    tree::{Content, Node},
};
use serde_json::Value;

/// A document, and what there is to say about it.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) document: Document,
    pub(crate) uses: Vec<Use>,
    pub(crate) problems: Vec<Problem>,
}

/// What a list of parameters is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// Each needs a place in the request.
    Operation,
    /// They become inputs.
    Workflow,
    /// Whatever the steps are.
    Any,
}

/// Reads a document.
pub(crate) fn read(root: &Node) -> Read {
    let mut reader = Reader { root, minor: 0, read: Read::default(), workflow: None, step: None };
    match root.get("arazzo").and_then(Node::text).map(minor_version) {
        Some(Some(minor)) => {
            reader.minor = minor;
            reader.document();
        }
        Some(None) => {
            let line = root.get("arazzo").map_or(1, |node| node.line);
            reader.error(line, "Arazzo 1.0 and 1.1 are read; `arazzo` names another version");
        }
        None => reader.error(root.line, "no Arazzo document: `arazzo: 1.0.1` is missing, a text"),
    }
    reader.read
}

fn minor_version(version: &str) -> Option<u8> {
    let mut parts = version.split('-').next()?.split('.');
    let (major, minor, patch) = (parts.next()?, parts.next()?, parts.next()?);
    let is_known = major == "1" && patch.parse::<u32>().is_ok() && parts.next().is_none();
    is_known.then(|| minor.parse().ok()).flatten().filter(|minor| *minor <= 1)
}

struct Reader<'a> {
    root: &'a Node,
    /// Of the version the document names.
    minor: u8,
    read: Read,
    /// The workflow and the step that are being read.
    workflow: Option<usize>,
    step: Option<usize>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) {
        let root = self.root;
        const FIELDS: &[&str] = &["arazzo", "info", "sourceDescriptions", "workflows", "components"];
        self.known(root, "the document", FIELDS, &["$self"]);
        if let Some(info) = self.required(root, "the document", "info") {
            self.known(info, "`info`", &["title", "summary", "description", "version"], &[]);
            self.read.document.title = self.required_text(info, "`info`", "title");
            self.required_text(info, "`info`", "version");
        }
        self.read.document.self_uri = self.text(root, "$self");
        if self.read.document.self_uri.as_ref().is_some_and(|uri| uri.contains('#')) {
            self.error(root.line, "`$self` must not have a fragment");
        }
        for node in self.required_list(root, "the document", "sourceDescriptions") {
            self.source(node);
        }
        self.components();
        for (place, node) in self.required_list(root, "the document", "workflows").iter().enumerate() {
            self.workflow = Some(place);
            let workflow = self.workflow(node);
            self.read.document.workflows.push(workflow);
        }
    }

    fn source(&mut self, node: &'a Node) {
        const WHAT: &str = "a source description";
        self.known(node, WHAT, &["name", "url", "type"], &[]);
        let name = self.required_text(node, WHAT, "name");
        if !name.is_empty() && !is_strict_name(&name) {
            self.error(
                node.line,
                format!("the source description `{name}`: a name has letters, digits, - and _ alone"),
            );
        }
        let url = self.required_text(node, WHAT, "url");
        let kind = match self.text(node, "type").as_deref() {
            None | Some("openapi") => SourceKind::OpenApi,
            Some("arazzo") => SourceKind::Arazzo,
            Some("asyncapi") if self.minor > 0 => SourceKind::AsyncApi,
            Some(other) => {
                let known = if self.minor > 0 { "openapi, asyncapi and arazzo" } else { "openapi and arazzo" };
                self.error(node.line, format!("`{other}` is no type of a source description: {known} are"));
                SourceKind::OpenApi
            }
        };
        self.read.document.sources.push(Source { name, url, kind, line: node.line });
    }

    /// Checks the components where they stand; they are read again where they are used.
    fn components(&mut self) {
        let Some(components) = self.root.get("components") else { return };
        const KINDS: &[&str] = &["inputs", "parameters", "successActions", "failureActions"];
        self.known(components, "`components`", KINDS, &[]);
        for kind in KINDS {
            let Some(held) = components.get(kind) else { continue };
            if !matches!(held.content, Content::Map(_)) {
                self.error(held.line, format!("`components.{kind}` must be a map"));
            }
            for (key, node) in held.members() {
                if !is_name(&key.name) {
                    self.error(
                        key.line,
                        format!("`{}`: a component's name has letters, digits, ., - and _ alone", key.name),
                    );
                }
                match *kind {
                    "inputs" => {
                        self.schema(node);
                        self.read.document.input_components.insert(key.name.clone(), node.json());
                    }
                    "parameters" => drop(self.parameter(node, For::Any)),
                    "successActions" => drop(self.action(node, true)),
                    _ => drop(self.action(node, false)),
                }
            }
        }
    }

    fn workflow(&mut self, node: &'a Node) -> Workflow {
        const WHAT: &str = "a workflow";
        const FIELDS: &[&str] = &[
            "workflowId",
            "summary",
            "description",
            "inputs",
            "dependsOn",
            "steps",
            "successActions",
            "failureActions",
            "outputs",
            "parameters",
        ];
        self.known(node, WHAT, FIELDS, &[]);
        let id = self.required_text(node, WHAT, "workflowId");
        if let Some(inputs) = node.get("inputs") {
            self.schema(inputs);
        }
        let mut workflow = Workflow {
            id,
            summary: self.text(node, "summary").unwrap_or_default(),
            inputs: node.get("inputs").map(Node::json),
            depends_on: self.references(node, "dependsOn"),
            steps: Vec::new(),
            success_actions: self.actions(node, "successActions", true),
            failure_actions: self.actions(node, "failureActions", false),
            parameters: self.parameters(node, For::Any),
            outputs: self.outputs(node),
            line: node.line,
        };
        for (place, node) in self.required_list(node, WHAT, "steps").iter().enumerate() {
            self.step = Some(place);
            workflow.steps.push(self.step(node));
        }
        self.step = None;
        workflow
    }

    fn schema(&mut self, node: &Node) {
        if !matches!(node.content, Content::Map(_) | Content::Scalar(Value::Bool(_))) {
            self.error(node.line, "a JSON Schema is a map");
        }
    }

    /// A list of names that must not repeat itself.
    fn references(&mut self, node: &'a Node, name: &str) -> Vec<Reference> {
        let mut found: Vec<Reference> = Vec::new();
        for node in self.list(node, name) {
            match node.text() {
                Some(text) if found.iter().any(|held| held.name == text) => {
                    self.error(node.line, format!("`{text}` is there twice"));
                }
                Some(text) => found.push(Reference { name: text.into(), line: node.line }),
                None => self.error(node.line, format!("`{name}` is a list of names")),
            }
        }
        found
    }

    /// Names and templates.
    fn outputs(&mut self, node: &'a Node) -> Vec<(String, Value)> {
        let Some(held) = node.get("outputs") else { return Vec::new() };
        if !matches!(held.content, Content::Map(_)) {
            self.error(held.line, "`outputs` must be a map of names and expressions");
        }
        for (key, node) in held.members() {
            if !is_name(&key.name) {
                self.error(
                    key.line,
                    format!("the output `{}`: a name has letters, digits, ., - and _ alone", key.name),
                );
            }
            let is_selector = self.minor > 0 && node.get("selector").is_some();
            if is_selector {
                self.selector(node);
            } else if node.text().is_none() {
                self.error(node.line, format!("the output `{}` must be an expression", key.name));
            }
            self.expressions(node);
        }
        held.members().iter().map(|(key, node)| (key.name.clone(), node.json())).collect()
    }

    /// A Selector Object.
    fn selector(&mut self, node: &'a Node) {
        const WHAT: &str = "a selector";
        self.known(node, WHAT, &["context", "selector", "type"], &[]);
        self.required_text(node, WHAT, "context");
        self.required_text(node, WHAT, "selector");
        if let Some(kind) = self.required(node, WHAT, "type") {
            self.query_kind(kind);
        }
    }

    fn parameters(&mut self, node: &'a Node, whose: For) -> Vec<Parameter> {
        let mut found: Vec<Parameter> = Vec::new();
        for node in self.list(node, "parameters") {
            let Some(parameter) = self.reused(node, "parameters", |reader, node| reader.parameter(node, whose)) else {
                continue;
            };
            let mut parameter = parameter;
            if let (Some(_), Some(value)) = (node.get("reference"), node.get("value")) {
                self.expressions(value);
                parameter.value = value.json();
            }
            parameter.line = node.line;
            if found.iter().any(|held| held.name == parameter.name && held.place == parameter.place) {
                self.error(node.line, format!("the parameter `{}` is there twice", parameter.name));
            }
            found.push(parameter);
        }
        found
    }

    fn parameter(&mut self, node: &'a Node, whose: For) -> Option<Parameter> {
        const WHAT: &str = "a parameter";
        self.known(node, WHAT, &["name", "in", "value"], &[]);
        let name = self.required_text(node, WHAT, "name");
        let value = self.required(node, WHAT, "value")?;
        self.expressions(value);
        let place = self.text(node, "in").and_then(|place| self.place(node.line, &place));
        match (whose, place) {
            (For::Operation, None) if node.get("in").is_none() => {
                self.error(
                    node.line,
                    format!("the parameter `{name}`: `in` is missing: path, query, header or cookie"),
                );
            }
            (For::Workflow, Some(_)) => {
                let sentence =
                    format!("the parameter `{name}` becomes an input of a workflow: `in` means nothing there");
                self.warning(node.line, sentence);
            }
            _ => {}
        }
        Some(Parameter { name, place, value: value.json(), line: node.line })
    }

    /// What a list's item is: itself, or the component it refers to.
    fn reused<T>(
        &mut self,
        node: &'a Node,
        kind: &str,
        mut read: impl FnMut(&mut Self, &'a Node) -> Option<T>,
    ) -> Option<T> {
        let Some(reference) = node.get("reference") else { return read(self, node) };
        let wanted = format!("$components.{kind}.");
        let name = reference.text().and_then(|text| text.strip_prefix(&wanted));
        let held = name.and_then(|name| self.root.get("components")?.get(kind)?.get(name));
        match (name, held) {
            (None, _) => self.error(reference.line, format!("`reference` must be {wanted}<name>")),
            (Some(name), None) => self.error(reference.line, format!("there is no component `{kind}.{name}`")),
            (Some(_), Some(held)) => return read(self, held),
        }
        None
    }

    /// Notes the expressions in a value, and those that are none.
    fn expressions(&mut self, node: &Node) {
        match &node.content {
            Content::Scalar(Value::String(text)) => self.expressions_of(node.line, text),
            Content::Scalar(_) => {}
            Content::List(items) => items.iter().for_each(|item| self.expressions(item)),
            Content::Map(members) => members.iter().for_each(|(_, member)| self.expressions(member)),
        }
    }

    fn expressions_of(&mut self, line: usize, text: &str) {
        match Expression::parse(text) {
            Ok(Some(expression)) => return self.uses(line, expression),
            Ok(None) => {}
            Err(why) => return self.warning(line, format!("{why}: it has no value")),
        }
        let named = text.strip_prefix('$').and_then(|rest| rest.split_once('.')).map(|(root, _)| root);
        if named.is_some_and(|root| !root.is_empty() && root.chars().all(|letter| letter.is_ascii_alphabetic())) {
            self.warning(line, format!("`{text}` is taken as it stands: no runtime expression reads so"));
        }
        match pieces(text) {
            Ok(pieces) => {
                for piece in pieces {
                    if let Piece::Embedded(expression) = piece {
                        self.uses(line, expression);
                    }
                }
            }
            Err(why) => self.warning(line, format!("{why}: it has no value")),
        }
    }

    fn uses(&mut self, line: usize, expression: Expression) {
        self.read.uses.push(Use { line, workflow: self.workflow, step: self.step, expression });
    }
}

/// A name that may have dots: of an output, of a component.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter))
}

/// A name without dots: of a source description.
fn is_strict_name(text: &str) -> bool {
    is_name(text) && !text.contains('.')
}
