//! A reduced model in memory, with what has been observed of the service where the model is poorer than the truth.
use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A service.
pub(super) struct Model {
    /// What stands before the dot in `X-Amz-Target`.
    pub(super) target_prefix: String,
    pub(super) operations: BTreeMap<String, Operation>,
    pub(super) shapes: BTreeMap<String, Shape>,
}

pub(super) struct Operation {
    /// The names of the shapes.
    pub(super) input: String,
    pub(super) output: Option<String>,
    pub(super) errors: Vec<String>,
}

pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) min: Option<i64>,
    pub(super) max: Option<i64>,
}

pub(super) enum Kind {
    /// A string and its pattern.
    Text(Option<String>),
    /// An enumeration's words: as the model lists them, and as the service does.
    Words(Vec<String>, Vec<String>),
    Integer,
    Long,
    Double,
    Boolean,
    Blob,
    Timestamp,
    List(String),
    Map(String, String),
    Structure(Structure),
}

#[derive(Default)]
pub(super) struct Structure {
    pub(super) members: Vec<Member>,
    pub(super) exception: bool,
    /// An error of the service's own making.
    pub(super) fault: bool,
}

pub(super) struct Member {
    pub(super) name: String,
    pub(super) shape: String,
    pub(super) required: bool,
}

/// The list of strings at `name`; empty if there is none.
fn strings(value: &Value, name: &str) -> Vec<String> {
    let list = value.get(name).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn string(value: &Value, name: &str) -> Result<String, String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("no {name}"))
}

fn object<'a>(value: &'a Value, name: &str) -> Result<&'a Map<String, Value>, String> {
    value.get(name).and_then(Value::as_object).ok_or_else(|| format!("no {name}"))
}

impl Model {
    /// The model in `value`, corrected by what was `observed`.
    pub(super) fn read(value: &Value, observed: Option<&Value>) -> Result<Self, String> {
        let observed = observed.unwrap_or(&Value::Null);
        let mut operations = BTreeMap::new();
        for (name, facts) in object(value, "operations")? {
            let operation = Operation {
                input: string(facts, "input").map_err(|error| format!("{name}: {error}"))?,
                output: string(facts, "output").ok(),
                errors: strings(facts, "errors"),
            };
            operations.insert(name.clone(), operation);
        }
        let mut shapes = BTreeMap::new();
        for (name, facts) in object(value, "shapes")? {
            let shape = Shape::read(name, facts, observed).map_err(|error| format!("{name}: {error}"))?;
            shapes.insert(name.clone(), shape);
        }
        let model = Self { target_prefix: string(value, "targetPrefix")?, operations, shapes };
        model.check_observed(observed)?;
        Ok(model)
    }

    /// An observation about something the model no longer has must not go unnoticed.
    fn check_observed(&self, observed: &Value) -> Result<(), String> {
        for name in observed.get("enum_order").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            self.shape(name)?;
        }
        for place in strings(observed, "optional") {
            let (structure, member) = place.split_once('.').ok_or_else(|| format!("no member in {place}"))?;
            match &self.shape(structure)?.kind {
                Kind::Structure(facts) if facts.members.iter().any(|known| known.name == member) => {}
                _ => return Err(format!("no {place}")),
            }
        }
        Ok(())
    }

    pub(super) fn shape(&self, name: &str) -> Result<&Shape, String> {
        self.shapes.get(name).ok_or_else(|| format!("no shape {name}"))
    }
}

impl Shape {
    fn read(name: &str, facts: &Value, observed: &Value) -> Result<Self, String> {
        let bound = |fact| facts.get(fact).and_then(Value::as_i64);
        let kind = match string(facts, "type")?.as_str() {
            "string" if facts.get("enum").is_some() => {
                let words = strings(facts, "enum");
                let told = observed.get("enum_order").map(|order| strings(order, name)).unwrap_or_default();
                let told = reordered(&words, &told)?;
                Kind::Words(words, told)
            }
            "string" => Kind::Text(string(facts, "pattern").ok()),
            "integer" => Kind::Integer,
            "long" => Kind::Long,
            "double" | "float" => Kind::Double,
            "boolean" => Kind::Boolean,
            "blob" => Kind::Blob,
            "timestamp" => Kind::Timestamp,
            "list" => Kind::List(string(facts, "member")?),
            "map" => Kind::Map(string(facts, "key")?, string(facts, "value")?),
            "structure" => Kind::Structure(structure(name, facts, observed)?),
            other => return Err(format!("unknown type {other}")),
        };
        Ok(Self { kind, min: bound("min"), max: bound("max") })
    }
}

fn structure(name: &str, facts: &Value, observed: &Value) -> Result<Structure, String> {
    let required = strings(facts, "required");
    let optional = strings(observed, "optional");
    let mut members = Vec::new();
    for (member, shape) in object(facts, "members")? {
        members.push(Member {
            name: member.clone(),
            shape: shape.as_str().ok_or("a member without a shape")?.to_owned(),
            required: required.contains(member) && !optional.contains(&format!("{name}.{member}")),
        });
    }
    let (exception, fault) = (facts.get("exception").is_some(), facts.get("fault").is_some());
    Ok(Structure { members, exception, fault })
}

/// `names` with those of `first` first; `first` must hold no others.
fn reordered(names: &[String], first: &[String]) -> Result<Vec<String>, String> {
    if let Some(unknown) = first.iter().find(|name| !names.contains(name)) {
        return Err(format!("observed {unknown}, which the model doesn't know"));
    }
    let rest = names.iter().filter(|name| !first.contains(name));
    Ok(first.iter().chain(rest).cloned().collect())
}
