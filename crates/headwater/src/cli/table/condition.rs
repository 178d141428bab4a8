//! Conditions as people write them on a command line, and the expressions they become: `place>=3`, `name^=an`,
//! `place=3..7`, `title?`.
//!
//! Invariant: names and values go into placeholders, so that no text of the user's is read as a part of an expression.
use super::item;
use serde_json::{Map, Value};

/// What the help says of them.
pub(super) const HELP: &str = "\
A condition is ATTRIBUTE OPERATOR VALUE in one word: = <> < <= > >=, ^= (begins with), *= (contains), A..B after = (between);
or ATTRIBUTE? (is there), ATTRIBUTE! (is not).";

/// Two-letter operators before those that begin them.
const OPERATORS: [&str; 8] = ["<>", "<=", ">=", "^=", "*=", "=", "<", ">"];

/// Conditions, all of which must hold, as the service takes them.
#[derive(Default)]
pub(super) struct Expression {
    pub(super) text: String,
}

/// Names and values behind placeholders.
#[derive(Default)]
pub(super) struct Placeholders {
    pub(super) names: Map<String, Value>,
    pub(super) values: Map<String, Value>,
}

impl Placeholders {
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), name.into());
        placeholder
    }

    fn value(&mut self, text: &str, kind: Option<&str>) -> Result<String, String> {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), item::of_text(text, kind)?);
        Ok(placeholder)
    }

    /// Adds them to an input.
    pub(super) fn put_into(self, input: &mut Value) {
        if !self.names.is_empty() {
            input["ExpressionAttributeNames"] = self.names.into();
        }
        if !self.values.is_empty() {
            input["ExpressionAttributeValues"] = self.values.into();
        }
    }
}

impl Expression {
    /// The conditions together; `kind` tells the type of an attribute, where it is known.
    ///
    /// # Errors
    /// A sentence on the condition that cannot be read.
    pub(super) fn of<'a>(
        conditions: &[String],
        kind: impl Fn(&str) -> Option<&'a str>,
        held: &mut Placeholders,
    ) -> Result<Self, String> {
        let parts = conditions
            .iter()
            .map(|condition| part(condition, &kind, held).map_err(|why| format!("{condition}: {why}")));
        Ok(Self { text: parts.collect::<Result<Vec<_>, _>>()?.join(" AND ") })
    }
}

fn part<'a>(
    condition: &str,
    kind: &impl Fn(&str) -> Option<&'a str>,
    held: &mut Placeholders,
) -> Result<String, String> {
    let found = condition
        .char_indices()
        .find_map(|(at, _)| OPERATORS.iter().find(|sign| condition[at..].starts_with(**sign)).map(|sign| (at, *sign)));
    let Some((at, sign)) = found else {
        return match (condition.strip_suffix('?'), condition.strip_suffix('!')) {
            (Some(name), _) => Ok(format!("attribute_exists({})", held.name(name))),
            (_, Some(name)) => Ok(format!("attribute_not_exists({})", held.name(name))),
            _ => Err("a condition is ATTRIBUTE=VALUE, or with another operator".into()),
        };
    };
    let (name, text) = (&condition[..at], &condition[at + sign.len()..]);
    if name.is_empty() {
        return Err("the attribute's name is missing".into());
    }
    let (attribute, kind) = (held.name(name), kind(name));
    Ok(match (sign, text.split_once("..")) {
        ("=", Some((low, high))) => {
            format!("{attribute} BETWEEN {} AND {}", held.value(low, kind)?, held.value(high, kind)?)
        }
        ("^=", _) => format!("begins_with({attribute}, {})", held.value(text, kind.or(Some("S")))?),
        ("*=", _) => format!("contains({attribute}, {})", held.value(text, kind)?),
        _ => format!("{attribute} {sign} {}", held.value(text, kind)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expression(conditions: &[&str]) -> (String, Value) {
        let conditions: Vec<String> = conditions.iter().map(|text| (*text).into()).collect();
        let mut held = Placeholders::default();
        let kind = |name: &str| (name == "k").then_some("S");
        let text = Expression::of(&conditions, kind, &mut held).unwrap().text;
        let mut input = json!({});
        held.put_into(&mut input);
        (text, input)
    }

    #[test]
    fn conditions_become_an_expression_over_placeholders() {
        let (text, input) = expression(&["k=12", "place>=3"]);
        assert_eq!(text, "#n0 = :v0 AND #n1 >= :v1");
        assert_eq!(input["ExpressionAttributeNames"], json!({"#n0": "k", "#n1": "place"}));
        assert_eq!(input["ExpressionAttributeValues"], json!({":v0": {"S": "12"}, ":v1": {"N": "3"}}));
    }

    #[test]
    fn there_are_ranges_beginnings_and_presence() {
        assert_eq!(expression(&["p=3..7"]).0, "#n0 BETWEEN :v0 AND :v1");
        assert_eq!(expression(&["p^=12"]).1["ExpressionAttributeValues"][":v0"], json!({"S": "12"}));
        assert_eq!(expression(&["p?", "q!"]).0, "attribute_exists(#n0) AND attribute_not_exists(#n1)");
    }

    #[test]
    fn a_word_without_an_operator_is_refused() {
        let read = |text: &str| Expression::of(&[text.into()], |_| None, &mut Placeholders::default());
        assert!(read("name").is_err() && read("=3").is_err());
    }
}
