//! Reduces botocore's service descriptions to facts: shapes, constraints, errors; no prose, no examples. What stays is
//! written one shape a line, so that a new version of a service is a readable diff.
use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use serde_json::{Map, Value};

use super::{Extent, SERVICES, parse, write};

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
        let text = reduced(&parse(&path)?, &service.extent);
        let text = text.map_err(|missing| format!("{}: no {missing}", path.display()))?;
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

fn reduced(description: &Value, extent: &Extent) -> Result<String, String> {
    let metadata = object(description, "metadata")?;
    let mut out = String::from("{\n");
    for fact in ["apiVersion", "jsonVersion", "targetPrefix", "uid"] {
        let value = metadata.get(fact).ok_or_else(|| fact.to_owned())?;
        line(&mut out, " ", fact, value, false);
    }
    let mut operations = facts(object(description, "operations")?, operation);
    let mut shapes = facts(object(description, "shapes")?, shape);
    if let Extent::Of { operations: kept, without } = extent {
        restrict(&mut operations, &mut shapes, kept, without)?;
    }
    section(&mut out, "operations", &operations, false);
    section(&mut out, "shapes", &shapes, true);
    out.push_str("}\n");
    Ok(out)
}

fn facts(entries: &Map<String, Value>, of: fn(&Value) -> Value) -> Map<String, Value> {
    entries.iter().map(|(name, value)| (name.clone(), of(value))).collect()
}

/// Keeps the operations named `kept` and the shapes they need, but for the members `without`.
fn restrict(
    operations: &mut Map<String, Value>,
    shapes: &mut Map<String, Value>,
    kept: &[&str],
    without: &[&str],
) -> Result<(), String> {
    for name in kept {
        operations.get(*name).ok_or_else(|| (*name).to_owned())?;
    }
    operations.retain(|name, _| kept.contains(&name.as_str()));
    for place in without {
        let (structure, member) = place.split_once('.').ok_or_else(|| (*place).to_owned())?;
        let members = shapes.get_mut(structure).and_then(|shape| shape.get_mut("members")?.as_object_mut());
        members.and_then(|members| members.shift_remove(member)).ok_or_else(|| (*place).to_owned())?;
    }
    let mut needed = BTreeSet::new();
    let mut next: Vec<String> = operations.values().flat_map(named).collect();
    while let Some(name) = next.pop() {
        if needed.insert(name.clone()) {
            next.extend(shapes.get(&name).into_iter().flat_map(named));
        }
    }
    shapes.retain(|name, _| needed.contains(name));
    Ok(())
}

/// The shapes that an operation or a shape names.
fn named(facts: &Value) -> Vec<String> {
    let sides = ["input", "output", "member", "key", "value"].into_iter().filter_map(|side| facts.get(side));
    let errors = facts.get("errors").and_then(Value::as_array).into_iter().flatten();
    let members = facts.get("members").and_then(Value::as_object).into_iter().flat_map(Map::values);
    sides.chain(errors).chain(members).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn section(out: &mut String, name: &str, entries: &Map<String, Value>, last: bool) {
    let _ = writeln!(out, " \"{name}\": {{");
    for (index, (key, facts)) in entries.iter().enumerate() {
        line(out, "  ", key, facts, index + 1 == entries.len());
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
        let text = reduced(&description, &Extent::All).unwrap();
        assert!(!text.contains("prose"), "{text}");
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["shapes"]["In"]["members"]["A"], "B");
        assert_eq!(back["operations"]["Do"]["input"], "In");
    }

    #[test]
    fn a_part_is_carried_with_what_it_needs_and_no_more() {
        let description = serde_json::json!({
            "metadata": {"apiVersion": "1", "jsonVersion": "1.1", "targetPrefix": "T", "uid": "u"},
            "operations": {"Do": {"input": {"shape": "In"}}, "Other": {"input": {"shape": "Foreign"}}},
            "shapes": {
                "In": {"type": "structure", "members": {"A": {"shape": "B"}, "Odd": {"shape": "Foreign"}}},
                "B": {"type": "list", "member": {"shape": "C"}},
                "C": {"type": "string"},
                "Foreign": {"type": "structure", "members": {}},
            },
        });
        let part = |without| Extent::Of { operations: &["Do"], without };
        let text = reduced(&description, &part(&["In.Odd"])).unwrap();
        let back: Value = serde_json::from_str(&text).unwrap();
        let names = |section: &str| back[section].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let sought = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        assert_eq!((names("operations"), names("shapes")), (sought(&["Do"]), sought(&["B", "C", "In"])));
        assert_eq!(reduced(&description, &part(&["In.None"])), Err("In.None".into()));
    }
}
