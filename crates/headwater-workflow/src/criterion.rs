//! Criteria: whether a step succeeded, whether an action applies. Invariant: a criterion that cannot be evaluated fails and
//! says why; it never passes.
use crate::{
    condition::Condition,
    expression::{Expression, pieces},
    select::{self, Language},
    template::{embed, text_of},
};
use regex::Regex;
use serde_json::Value;

/// An assertion.
#[derive(Debug, Clone)]
pub struct Criterion {
    /// What it is asked of; a simple condition names that itself.
    pub context: Option<Expression>,
    /// As it is written.
    pub condition: String,
    /// How it is to be read.
    pub kind: Kind,
    /// Where it stands.
    pub line: usize,
}

/// How a condition is to be read.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Comparisons of expressions and literals.
    Simple(Condition),
    /// A regular expression over the context as text.
    Regex,
    /// A query over the context.
    Query(Language),
}

impl Criterion {
    /// Reads the condition.
    ///
    /// # Errors
    /// A sentence if it can be none.
    pub fn new(context: Option<Expression>, condition: &str, kind: &str, line: usize) -> Result<Self, String> {
        let is_fixed = pieces(condition).map(|pieces| pieces.len() < 2)? && !condition.starts_with("{$");
        let kind = match kind {
            "simple" => Kind::Simple(Condition::parse(condition)?),
            "regex" if is_fixed => pattern(condition).map(|_| Kind::Regex)?,
            "jsonpath" if is_fixed => select::check_json_path(condition).map(|()| Kind::Query(Language::JsonPath))?,
            "regex" => Kind::Regex,
            "jsonpath" => Kind::Query(Language::JsonPath),
            "xpath" => Kind::Query(Language::XPath),
            "jsonpointer" => Kind::Query(Language::JsonPointer),
            _ => return Err(format!("`{kind}` is no kind of condition: simple, regex, jsonpath and xpath are")),
        };
        if context.is_none() && !matches!(kind, Kind::Simple(_)) {
            return Err("`context` is missing: what is the condition asked of?".into());
        }
        Ok(Self { context, condition: condition.into(), kind, line })
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// A sentence if it cannot be told, which counts as no.
    pub fn holds(&self, scope: &Value) -> Result<bool, String> {
        let context = self.context.as_ref().and_then(|context| context.evaluate(scope));
        match (&self.kind, context) {
            (Kind::Simple(condition), _) => Ok(condition.holds(scope)),
            (_, None | Some(Value::Null)) => Ok(false),
            (Kind::Regex, Some(context)) => Ok(pattern(&embed(&self.condition, scope)?)?.is_match(&text_of(context))),
            (Kind::Query(language), Some(context)) => {
                select::holds(*language, context, &embed(&self.condition, scope)?)
            }
        }
    }
}

/// Why not all of `criteria` hold; `None` if they do.
#[must_use]
pub(crate) fn unmet(criteria: &[Criterion], scope: &Value) -> Option<String> {
    criteria.iter().find_map(|criterion| match criterion.holds(scope) {
        Ok(true) => None,
        Ok(false) => Some(format!("not met: {}", criterion.condition)),
        Err(why) => Some(format!("cannot be told: {why}")),
    })
}

fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| format!("`{text}` is no regular expression: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope() -> Value {
        json!({"statusCode": 200, "inputs": {"status": "free", "pattern": "a.c"},
            "response": {"body": {"pets": [{"status": "free"}], "text": "abc", "null": null, "xml": "<a><b>1</b></a>"}}})
    }

    fn holds(context: &str, condition: &str, kind: &str) -> Result<bool, String> {
        let context = Expression::parse(context).unwrap();
        Criterion::new(context, condition, kind, 1).unwrap().holds(&scope())
    }

    #[test]
    fn each_kind_is_read_in_its_own_way() {
        for (context, condition, kind, expected) in [
            ("", "$statusCode == 200", "simple", true),
            ("$statusCode", "^2\\d{2}$", "regex", true),
            ("$statusCode", "^4\\d{2}$", "regex", false),
            ("$response.body#/text", "^({$inputs.pattern})$", "regex", true),
            ("$response.body", "$.pets[*]", "jsonpath", true),
            ("$response.body", "$.pets[?@.status == 'sold']", "jsonpath", false),
            ("$response.body", "$.pets[?(@.status == \"{$inputs.status}\")]", "jsonpath", true),
            ("$response.body", "$.pets[0].status == \"free\"", "jsonpath", true),
            ("$response.body#/xml", "/a[b = {$statusCode}]", "xpath", false),
            ("$response.body#/xml", "/a[b = 1]", "xpath", true),
            ("$response.body", "/pets/0", "jsonpointer", true),
            ("$response.body#/null", ".*", "regex", false),
            ("$response.body#/absent", "$", "jsonpath", false),
        ] {
            assert_eq!(holds(context, condition, kind).unwrap_or(false), expected, "{kind} {condition}");
        }
    }

    #[test]
    fn what_cannot_be_told_fails_and_says_why() {
        assert!(holds("$response.body", "/a", "xpath").unwrap_err().contains("XML"));
        let criterion = Criterion::new(Expression::parse("$response.body").unwrap(), "/a", "xpath", 1).unwrap();
        assert!(unmet(&[criterion], &scope()).unwrap().contains("cannot be told"));
    }

    #[test]
    fn what_is_no_criterion_is_refused() {
        let body = || Expression::parse("$response.body").unwrap();
        for (context, condition, kind) in [
            (None, "^2", "regex"),
            (None, "$.a", "jsonpath"),
            (body(), "(", "regex"),
            (body(), "$.a[", "jsonpath"),
            (body(), "200", "numeric"),
            (None, "$statusCode ==", "simple"),
        ] {
            assert!(Criterion::new(context, condition, kind, 1).is_err(), "{kind} {condition}");
        }
    }
}
