//! Criteria and actions. Invariant: a criterion whose condition cannot be read is an error, not one that always fails.
use super::{For, Reader};
use crate::{
    criterion::{Criterion, Kind},
    document::{Action, ActionKind, Jump},
    expression::{Expression, Piece, pieces},
    select::{self, Language},
    tree::{Content, Node},
};

/// The versions of query languages, and since which minor version of Arazzo they may be named.
const VERSIONS: [(&str, &str, u8); 7] = [
    ("jsonpath", "draft-goessner-dispatch-jsonpath-00", 0),
    ("jsonpath", "rfc9535", 1),
    ("xpath", "xpath-10", 0),
    ("xpath", "xpath-20", 0),
    ("xpath", "xpath-30", 0),
    ("xpath", "xpath-31", 1),
    ("jsonpointer", "rfc6901", 1),
];

impl<'a> Reader<'a> {
    pub(super) fn criteria(&mut self, node: &'a Node, name: &str) -> Vec<Criterion> {
        let items = self.filled_list(node, name);
        items.iter().filter_map(|item| self.criterion(item)).collect()
    }

    fn criterion(&mut self, node: &'a Node) -> Option<Criterion> {
        const WHAT: &str = "a criterion";
        self.known(node, WHAT, &["context", "condition", "type"], &[]);
        let condition = self.required_text(node, WHAT, "condition");
        let kind = match node.get("type") {
            None => "simple".to_owned(),
            Some(kind) if kind.text().is_some() => kind.text().unwrap_or_default().to_owned(),
            Some(kind) => self.query_kind(kind)?,
        };
        let context = self.text(node, "context").and_then(|text| match Expression::parse(&text) {
            Ok(Some(expression)) => Some(expression),
            Ok(None) => {
                self.error(node.line, format!("`context`: `{text}` is no runtime expression"));
                None
            }
            Err(why) => {
                self.error(node.line, why);
                None
            }
        });
        let has_broken_context = context.is_none() && node.get("context").is_some();
        if condition.is_empty() || has_broken_context {
            return None;
        }
        match Criterion::new(context, &condition, &kind, node.line) {
            Ok(criterion) => {
                self.uses_of(&criterion);
                Some(criterion)
            }
            Err(why) => {
                self.error(node.line, why);
                None
            }
        }
    }

    fn uses_of(&mut self, criterion: &Criterion) {
        if let Some(context) = &criterion.context {
            self.uses(criterion.line, context.clone());
        }
        match &criterion.kind {
            Kind::Simple(condition) => {
                condition
                    .expressions()
                    .into_iter()
                    .for_each(|expression| self.uses(criterion.line, expression.clone()));
            }
            Kind::Regex | Kind::Query(_) => {
                for piece in pieces(&criterion.condition).unwrap_or_default() {
                    if let Piece::Embedded(expression) = piece {
                        self.uses(criterion.line, expression);
                    }
                }
            }
        }
        if matches!(criterion.kind, Kind::Query(Language::JsonPath)) && select::is_bare_comparison(&criterion.condition)
        {
            let advice = "is a comparison, which RFC 9535 knows within a filter alone; it is taken as one here";
            self.warning(criterion.line, format!("`{}` {advice}", criterion.condition));
        }
    }

    /// The name of a query language: a text, or an object with its version.
    pub(super) fn query_kind(&mut self, node: &'a Node) -> Option<String> {
        const WHAT: &str = "an expression type";
        let name = match &node.content {
            Content::Map(_) => {
                self.known(node, WHAT, &["type", "version"], &[]);
                let name = self.required_text(node, WHAT, "type");
                let version = self.required_text(node, WHAT, "version");
                let minor = self.minor;
                let is_known = VERSIONS.iter().any(|known| known.0 == name && known.1 == version && known.2 <= minor);
                if !name.is_empty() && !version.is_empty() && !is_known {
                    self.error(node.line, format!("there is no version `{version}` of `{name}` in this Arazzo"));
                }
                name
            }
            _ => node.text().unwrap_or_default().to_owned(),
        };
        let is_known = matches!(name.as_str(), "jsonpath" | "xpath" | "jsonpointer");
        if !is_known && !name.is_empty() {
            self.error(node.line, format!("`{name}` is no query language: jsonpath, xpath and jsonpointer are"));
        }
        is_known.then_some(name)
    }

    pub(super) fn actions(&mut self, node: &'a Node, name: &str, on_success: bool) -> Vec<Action> {
        let kind = if on_success { "successActions" } else { "failureActions" };
        let mut found: Vec<Action> = Vec::new();
        for item in self.list(node, name) {
            let action = self.reused(item, kind, |reader, node| reader.action(node, on_success));
            let Some(mut action) = action else { continue };
            action.line = item.line;
            if found.iter().any(|held| held.name == action.name) {
                self.error(item.line, format!("the action `{}` is there twice", action.name));
            }
            found.push(action);
        }
        found
    }

    pub(super) fn action(&mut self, node: &'a Node, on_success: bool) -> Option<Action> {
        const WHAT: &str = "an action";
        const RETRY: [&str; 2] = ["retryAfter", "retryLimit"];
        let fields: &[&str] = &["name", "type", "workflowId", "stepId", "criteria", RETRY[0], RETRY[1]];
        self.known(node, WHAT, if on_success { &fields[..5] } else { fields }, &["parameters"]);
        let name = self.required_text(node, WHAT, "name");
        let after_s = self.amount(node, "retryAfter");
        let limit = self.count(node, "retryLimit").unwrap_or(1);
        let kind = match self.required_text(node, WHAT, "type").as_str() {
            "end" => ActionKind::End,
            "goto" => ActionKind::Goto,
            "retry" if !on_success => ActionKind::Retry { after_ms: after_s.map(milliseconds), limit },
            "" => return None,
            other => {
                let known = if on_success { "end and goto" } else { "end, goto and retry" };
                self.error(node.line, format!("the action `{name}`: `{other}` is no type: {known} are"));
                return None;
            }
        };
        let jump = match (self.text(node, "stepId"), self.text(node, "workflowId")) {
            (Some(_), Some(_)) => {
                self.error(node.line, format!("the action `{name}` leads to a step or to a workflow, not to both"));
                None
            }
            (Some(step), None) => Some(Jump::Step(step)),
            (None, Some(workflow)) => Some(Jump::Workflow(workflow)),
            (None, None) if kind == ActionKind::Goto => {
                self.error(node.line, format!("the action `{name}`: where to? `stepId` or `workflowId` is missing"));
                None
            }
            (None, None) => None,
        };
        let parameters = self.parameters(node, For::Workflow);
        let criteria = self.criteria(node, "criteria");
        Some(Action { name, kind, jump, parameters, criteria, line: node.line })
    }
}

/// Seconds, as the document has them, in milliseconds; what is beyond counting is as long as can be.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).ceil() as u64
}
