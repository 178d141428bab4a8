//! The JSON of a policy document, element by element; what the elements mean is said in `policy`.
//!
//! Invariant: no element, key or value is dropped – unknown ones, repeated ones, empty lists and nulls are refused. The
//! parser bounds the depth.
use super::super::{PolicyFault, fault};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use std::{collections::BTreeSet, fmt};

/// A document.
pub(super) struct Document {
    /// Whether `${…}` means anything: the language of 2008 has no variables.
    pub(super) variables: bool,
    pub(super) statements: Vec<RawStatement>,
}

/// A statement whose values are still text.
pub(super) struct RawStatement {
    pub(super) effect: Effect,
    pub(super) principals: Option<Listed<RawPrincipal>>,
    pub(super) actions: Listed<String>,
    pub(super) resources: Listed<String>,
    /// Operator, key, values.
    pub(super) conditions: Vec<(String, String, Vec<String>)>,
}

/// What a statement does with what it speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// A list of what is meant or, with `not`, of what is not; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Listed<T> {
    pub(super) not: bool,
    pub(super) items: Vec<T>,
}

/// A principal by its kind.
pub(super) enum RawPrincipal {
    Everyone,
    Aws(String),
    Service(String),
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, PolicyFault> {
        let json: Json = match serde_json::from_str(text) {
            Ok(json) => json,
            Err(error) => return fault(format!("Syntax error in policy: {error}.")),
        };
        let mut document = Elements::of("Policy", json, &["Version", "Id", "Statement"])?;
        let variables = match document.text("Version")?.as_deref() {
            Some("2012-10-17") => true,
            Some("2008-10-17") | None => false,
            Some(other) => return fault(format!("Version {other} is not 2012-10-17 or 2008-10-17.")),
        };
        // A name for people.
        document.text("Id")?;
        let statements = match document.take("Statement") {
            Some(Json::List(statements)) if !statements.is_empty() => statements,
            Some(one @ Json::Object(_)) => vec![one],
            _ => return fault("Policy needs a Statement, or a list of some."),
        };
        let mut sids = BTreeSet::new();
        let statements = statements.into_iter().map(|json| RawStatement::parse(json, &mut sids));
        Ok(Self { variables, statements: statements.collect::<Result<_, _>>()? })
    }
}

impl RawStatement {
    const ELEMENTS: [&str; 9] =
        ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

    fn parse(json: Json, sids: &mut BTreeSet<String>) -> Result<Self, PolicyFault> {
        let mut statement = Elements::of("Statement", json, &Self::ELEMENTS)?;
        if let Some(sid) = statement.text("Sid")?
            && let Some(twice) = sids.replace(sid)
        {
            return fault(format!("Sid {twice} stands there twice."));
        }
        let effect = match statement.text("Effect")?.as_deref() {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            Some(other) => return fault(format!("Effect {other} is not Allow or Deny.")),
            None => return fault("Statement needs an Effect."),
        };
        let Some(actions) = statement.listed("Action", "NotAction", texts)? else {
            return fault("Statement needs an Action or NotAction.");
        };
        let Some(resources) = statement.listed("Resource", "NotResource", texts)? else {
            return fault("Statement needs a Resource or NotResource.");
        };
        let mut conditions = Vec::new();
        for (operator, keys) in entries("Condition", statement.take("Condition"))? {
            for (key, values) in entries(&operator, Some(keys))? {
                let values = scalars(&key, values)?;
                conditions.push((operator.clone(), key, values));
            }
        }
        let principals = statement.listed("Principal", "NotPrincipal", principals)?;
        Ok(Self { effect, principals, actions, resources, conditions })
    }
}

/// `"*"`, or lists by kind of principal.
fn principals(name: &str, json: Json) -> Result<Vec<RawPrincipal>, PolicyFault> {
    if matches!(&json, Json::Text(text) if text == "*") {
        return Ok(vec![RawPrincipal::Everyone]);
    }
    let mut kinds = Elements::of(name, json, &["AWS", "Service"])?;
    let mut principals = Vec::new();
    for (kind, make) in [("AWS", RawPrincipal::Aws as fn(String) -> _), ("Service", RawPrincipal::Service)] {
        if let Some(json) = kinds.take(kind) {
            principals.extend(texts(kind, json)?.into_iter().map(make));
        }
    }
    Ok(principals)
}

/// A string, or a list of strings.
fn texts(name: &str, json: Json) -> Result<Vec<String>, PolicyFault> {
    many(json)
        .into_iter()
        .map(|one| if let Json::Text(text) = one { Ok(text) } else { fault(format!("{name} is not a string.")) })
        .collect()
}

/// A string, a number, a truth value, or a list of some.
fn scalars(name: &str, json: Json) -> Result<Vec<String>, PolicyFault> {
    many(json)
        .into_iter()
        .map(|one| match one {
            Json::Text(text) | Json::Scalar(text) => Ok(text),
            Json::List(_) | Json::Object(_) => fault(format!("{name} is not a plain value.")),
        })
        .collect()
}

fn many(json: Json) -> Vec<Json> {
    if let Json::List(list) = json { list } else { vec![json] }
}

/// The names and values of an object; none if it is not there.
fn entries(name: &str, json: Option<Json>) -> Result<Vec<(String, Json)>, PolicyFault> {
    match json {
        None => Ok(vec![]),
        Some(Json::Object(entries)) => Ok(entries),
        Some(_) => fault(format!("{name} is not an object.")),
    }
}

/// The elements of an object of which all names are known.
struct Elements {
    entries: Vec<(String, Json)>,
}

impl Elements {
    fn of(of: &str, json: Json, known: &[&str]) -> Result<Self, PolicyFault> {
        let entries = entries(of, Some(json))?;
        match entries.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((unknown, _)) => fault(format!("{of} has the unknown element {unknown}.")),
            None => Ok(Self { entries }),
        }
    }

    fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.entries.iter().position(|(of, _)| of == name)?;
        Some(self.entries.swap_remove(at).1)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, PolicyFault> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => fault(format!("{name} is not a string.")),
        }
    }

    /// The one of two elements that is there.
    fn listed<T>(
        &mut self,
        name: &str,
        not_name: &str,
        read: fn(&str, Json) -> Result<Vec<T>, PolicyFault>,
    ) -> Result<Option<Listed<T>>, PolicyFault> {
        let (not, name, json) = match (self.take(name), self.take(not_name)) {
            (None, None) => return Ok(None),
            (Some(json), None) => (false, name, json),
            (None, Some(json)) => (true, not_name, json),
            (Some(_), Some(_)) => return fault(format!("{name} and {not_name} must not stand in one statement.")),
        };
        let items = read(name, json)?;
        if items.is_empty() { fault(format!("{name} is empty.")) } else { Ok(Some(Listed { not, items })) }
    }
}

/// JSON without nulls, in which no name stands twice in an object.
enum Json {
    Text(String),
    /// A number or truth value.
    Scalar(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let (mut names, mut entries) = (BTreeSet::new(), Vec::new());
        while let Some((name, value)) = map.next_entry::<String, Json>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("{name} stands there twice")));
            }
            entries.push((name, value));
        }
        Ok(Json::Object(entries))
    }
}
