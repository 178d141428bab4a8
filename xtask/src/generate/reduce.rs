//! Reduces botocore's service descriptions to facts: shapes, constraints, errors; no prose, no examples. What stays is
//! written one shape a line, so that a new version of a service is a readable diff.
use std::{fmt::Write as _, path::Path};

use serde_json::{Map, Value};

use super::{SERVICES, parse, write};

/// What is kept of a shape besides its members.
const SHAPE_FACTS: [&str; 9] =
    ["type", "required", "min", "max", "pattern", "enum", "exception", "fault", "eventstream"];

/// Writes `models/*.json` under `root` from `from`, an unpacked botocore with its descriptions gunzipped.
///
/// # Errors
/// A description is missing or isn't what botocore's descriptions look like.
pub(crate) fn reduce(root: &Path, from: &Path) -> Result<(), String> {
    for service in &SERVICES {
        let path = from.join("botocore/data").join(service.folder).join("service-2.json");
        let text = reduced(&parse(&path)?).map_err(|missing| format!("{}: no {missing}", path.display()))?;
        write(&root.join("models").join(service.module).with_extension("json"), &text)?;
    }
    Ok(())
}

fn object<'a>(value: &'a Value, name: &str) -> Result<&'a Map<String, Value>, String> {
    value.get(name).and_then(Value::as_object).ok_or_else(|| name.to_owned())
}

fn shape_name(value: Option<&Value>) -> Option<&Value> {
    value.and_then(|value| value.get("shape"))
}

fn reduced(description: &Value) -> Result<String, String> {
    let metadata = object(description, "metadata")?;
    let mut out = String::from("{\n");
    for fact in ["apiVersion", "jsonVersion", "targetPrefix", "uid"] {
        let value = metadata.get(fact).ok_or_else(|| fact.to_owned())?;
        line(&mut out, " ", fact, value, false);
    }
    section(&mut out, "operations", object(description, "operations")?, operation, false);
    section(&mut out, "shapes", object(description, "shapes")?, shape, true);
    out.push_str("}\n");
    Ok(out)
}

fn section(out: &mut String, name: &str, entries: &Map<String, Value>, facts: fn(&Value) -> Value, last: bool) {
    let _ = writeln!(out, " \"{name}\": {{");
    for (index, (key, value)) in entries.iter().enumerate() {
        line(out, "  ", key, &facts(value), index + 1 == entries.len());
    }
    out.push_str(if last { " }\n" } else { " },\n" });
}

fn line(out: &mut String, indent: &str, key: &str, value: &Value, last: bool) {
    let comma = if last { "" } else { "," };
    let _ = writeln!(out, "{indent}\"{key}\": {value}{comma}");
}

fn operation(value: &Value) -> Value {
    let mut facts = Map::new();
    for side in ["input", "output"] {
        if let Some(name) = shape_name(value.get(side)) {
            facts.insert(side.into(), name.clone());
        }
    }
    let errors = value.get("errors").and_then(Value::as_array).into_iter().flatten();
    facts.insert("errors".into(), errors.filter_map(|error| shape_name(Some(error)).cloned()).collect());
    Value::Object(facts)
}

fn shape(value: &Value) -> Value {
    let mut facts = Map::new();
    for fact in SHAPE_FACTS {
        if let Some(kept) = value.get(fact) {
            facts.insert(fact.into(), kept.clone());
        }
    }
    for child in ["member", "key", "value"] {
        if let Some(name) = shape_name(value.get(child)) {
            facts.insert(child.into(), name.clone());
        }
    }
    if let Some(members) = value.get("members").and_then(Value::as_object) {
        let names = members.iter().filter_map(|(name, member)| Some((name.clone(), shape_name(Some(member))?.clone())));
        facts.insert("members".into(), Value::Object(names.collect()));
    }
    Value::Object(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_left_out() {
        let description = serde_json::json!({
            "metadata": {"apiVersion": "1", "jsonVersion": "1.1", "targetPrefix": "T", "uid": "u", "auth": []},
            "operations": {"Do": {"name": "Do", "input": {"shape": "In", "documentation": "prose"}, "documentation": "prose"}},
            "shapes": {"In": {"type": "structure", "members": {"A": {"shape": "B", "documentation": "prose"}}, "documentation": "prose"}},
            "documentation": "prose",
        });
        let text = reduced(&description).unwrap();
        assert!(!text.contains("prose"), "{text}");
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["shapes"]["In"]["members"]["A"], "B");
        assert_eq!(back["operations"]["Do"]["input"], "In");
    }
}
