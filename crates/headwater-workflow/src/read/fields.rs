//! Members of objects: those that must be there, those that may, and those nobody knows. Invariant: whatever is not as it
//! should be is reported once.
use super::Reader;
use crate::{
    document::Place,
    problem::Problem,
    tree::{Content, Node},
};
use serde_json::Value;

impl<'a> Reader<'a> {
    pub(super) fn error(&mut self, line: usize, sentence: impl Into<String>) {
        self.report(Problem::error(line, sentence));
    }

    pub(super) fn warning(&mut self, line: usize, sentence: impl Into<String>) {
        self.report(Problem::warning(line, sentence));
    }

    /// A component that is used is read again: what was said of it is not said twice.
    fn report(&mut self, problem: Problem) {
        if !self.read.problems.contains(&problem) {
            self.read.problems.push(problem);
        }
    }

    /// Reports a thing that is no map, and members that are neither known, nor of 1.1 in such a document, nor extensions.
    pub(super) fn known(&mut self, node: &Node, what: &str, fields: &[&str], later: &[&str]) {
        if !matches!(node.content, Content::Map(_)) {
            self.error(node.line, format!("{what} must be a map"));
        }
        for (key, _) in node.members() {
            let name = key.name.as_str();
            let is_later = later.contains(&name);
            if is_later && self.minor == 0 {
                self.error(key.line, format!("{what} has `{name}` since Arazzo 1.1 alone"));
            } else if !is_later && !fields.contains(&name) && !name.starts_with("x-") {
                self.error(key.line, format!("{what} has no `{name}`"));
            }
        }
    }

    /// A member that must be there.
    pub(super) fn required(&mut self, node: &'a Node, what: &str, name: &str) -> Option<&'a Node> {
        let member = node.get(name);
        if member.is_none() && matches!(node.content, Content::Map(_)) {
            self.error(node.line, format!("`{name}` is missing in {what}"));
        }
        member
    }

    pub(super) fn required_text(&mut self, node: &'a Node, what: &str, name: &str) -> String {
        self.required(node, what, name);
        let text = self.text(node, name);
        if text.as_deref() == Some("") {
            self.error(node.line, format!("`{name}` is empty in {what}"));
        }
        text.unwrap_or_default()
    }

    pub(super) fn text(&mut self, node: &'a Node, name: &str) -> Option<String> {
        let member = node.get(name)?;
        let text = member.text().map(str::to_owned);
        if text.is_none() {
            self.error(member.line, format!("`{name}` must be a text; put it in quotes"));
        }
        text
    }

    /// The items of a list that may be absent, but not empty of meaning.
    pub(super) fn list(&mut self, node: &'a Node, name: &str) -> &'a [Node] {
        match node.get(name).map(|member| (&member.content, member.line)) {
            None => &[],
            Some((Content::List(items), _)) => items,
            Some((_, line)) => {
                self.error(line, format!("`{name}` must be a list"));
                &[]
            }
        }
    }

    /// The items of a list that must have some.
    pub(super) fn required_list(&mut self, node: &'a Node, what: &str, name: &str) -> &'a [Node] {
        self.required(node, what, name);
        self.filled_list(node, name)
    }

    /// The items of a list that may be absent, but must not be empty.
    pub(super) fn filled_list(&mut self, node: &'a Node, name: &str) -> &'a [Node] {
        let items = self.list(node, name);
        if items.is_empty()
            && let Some(member) = node.get(name)
            && matches!(member.content, Content::List(_))
        {
            self.error(member.line, format!("`{name}` must have at least one item"));
        }
        items
    }

    /// A number that is not negative.
    pub(super) fn amount(&mut self, node: &'a Node, name: &str) -> Option<f64> {
        let member = node.get(name)?;
        let amount = match &member.content {
            Content::Scalar(Value::Number(number)) => number.as_f64().filter(|amount| *amount >= 0.0),
            _ => None,
        };
        if amount.is_none() {
            self.error(member.line, format!("`{name}` must be a number, and not a negative one"));
        }
        amount
    }

    /// A whole number that is not negative.
    pub(super) fn count(&mut self, node: &'a Node, name: &str) -> Option<u64> {
        let member = node.get(name)?;
        let count = match &member.content {
            Content::Scalar(value) => value.as_u64(),
            _ => None,
        };
        if count.is_none() {
            self.error(member.line, format!("`{name}` must be a whole number, and not a negative one"));
        }
        count
    }

    pub(super) fn place(&mut self, line: usize, text: &str) -> Option<Place> {
        let place = match text {
            "path" => Place::Path,
            "query" => Place::Query,
            "header" => Place::Header,
            "cookie" => Place::Cookie,
            "querystring" if self.minor > 0 => Place::QueryString,
            _ => {
                self.error(line, format!("`in: {text}`: path, query, header and cookie are places of a request"));
                return None;
            }
        };
        Some(place)
    }
}
