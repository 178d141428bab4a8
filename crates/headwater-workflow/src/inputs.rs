//! The inputs of a workflow: what it asks for, and whether what it is given is that. Invariant: a workflow runs with inputs
//! its schema takes, or not at all.
use boon::{Compiler, Draft, Schemas, SchemeUrlLoader, ValidationError};
use serde_json::{Map, Value};

/// What the schema is called while it is read.
const LOCATION: &str = "inputs.json";
/// References to references, at most.
const MAX_REFERENCES: usize = 16;

/// An input that a workflow describes.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type, if there is one.
    pub kind: Option<String>,
    /// What it is.
    pub description: String,
    /// Whether the workflow cannot do without it.
    pub is_required: bool,
    /// What it is if it is not given.
    pub default: Option<Value>,
    /// Whether it should not be seen by others: a password.
    pub is_secret: bool,
}

/// The inputs that `schema` describes by name. `components` are the document's schemas that it may refer to.
#[must_use]
pub fn fields(schema: &Value, components: &Map<String, Value>) -> Vec<Field> {
    let mut found = Vec::new();
    collect(&whole(schema, components), &mut found, schema, 0);
    found
}

fn collect(root: &Value, found: &mut Vec<Field>, schema: &Value, depth: usize) {
    let Some(schema) = referred(root, schema).filter(|_| depth < MAX_REFERENCES) else { return };
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|required| required.iter().any(|held| held == name));
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let property = referred(root, property).unwrap_or(property);
        let text = |member: &str| property.get(member).and_then(Value::as_str);
        found.push(Field {
            name: name.clone(),
            kind: text("type").map(str::to_owned),
            description: text("description").unwrap_or_default().to_owned(),
            is_required: is_required(name),
            default: property.get("default").cloned(),
            is_secret: text("format") == Some("password"),
        });
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        collect(root, found, part, depth + 1);
    }
}

fn referred<'a>(root: &'a Value, mut value: &'a Value) -> Option<&'a Value> {
    for _ in 0..MAX_REFERENCES {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Some(value) };
        value = root.pointer(reference.strip_prefix('#')?)?;
    }
    None
}

/// The schema with the components where its references look for them.
fn whole(schema: &Value, components: &Map<String, Value>) -> Value {
    let mut whole = schema.clone();
    if let Some(members) = whole.as_object_mut() {
        members.entry("components").or_insert_with(|| serde_json::json!({"inputs": components}));
    }
    whole
}

/// An input written as text: a text if the workflow wants one, else JSON.
///
/// # Errors
/// A sentence if it is no JSON though it should be.
pub fn from_text(field: Option<&Field>, text: &str) -> Result<Value, String> {
    let kind = field.and_then(|field| field.kind.as_deref());
    match (kind, serde_json::from_str(text)) {
        (Some("string"), _) => Ok(text.into()),
        (_, Ok(value)) => Ok(value),
        (None, Err(_)) => Ok(text.into()),
        (Some(kind), Err(_)) => Err(format!("`{text}` is not of the type {kind}; write it as JSON")),
    }
}

/// The inputs with defaults for those that are not given.
///
/// # Errors
/// Sentences on what the schema does not take.
pub(crate) fn accept(
    schema: Option<&Value>,
    components: &Map<String, Value>,
    mut inputs: Map<String, Value>,
) -> Result<Value, Vec<String>> {
    let Some(schema) = schema else { return Ok(Value::Object(inputs)) };
    for field in fields(schema, components) {
        if let Some(default) = field.default {
            inputs.entry(field.name).or_insert(default);
        }
    }
    let inputs = Value::Object(inputs);
    let unreadable = |why: &dyn std::fmt::Display| vec![format!("the schema of the inputs is none: {why:#}")];
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V2020_12);
    // A schema is read from the document alone: nothing is fetched, and no file is opened.
    compiler.use_loader(Box::new(SchemeUrlLoader::new()));
    compiler.add_resource(LOCATION, whole(schema, components)).map_err(|error| unreadable(&error))?;
    let mut schemas = Schemas::new();
    let index = compiler.compile(LOCATION, &mut schemas).map_err(|error| unreadable(&error))?;
    let mut wrong = Vec::new();
    if let Err(error) = schemas.validate(&inputs, index) {
        tell(&error, &mut wrong);
    }
    if wrong.is_empty() { Ok(inputs) } else { Err(wrong) }
}

/// What lies at the bottom of an error, each with its place.
fn tell(error: &ValidationError<'_, '_>, wrong: &mut Vec<String>) {
    if error.causes.is_empty() {
        let place = error.instance_location.to_string();
        let place = place.trim_start_matches('/');
        wrong.push(if place.is_empty() { error.kind.to_string() } else { format!("{place}: {}", error.kind) });
    }
    error.causes.iter().for_each(|cause| tell(cause, wrong));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "description": "of the stream"},
                "count": {"type": "integer", "default": 2, "minimum": 1},
                "secret": {"type": "string", "format": "password"},
            },
            "allOf": [{"$ref": "#/components/inputs/page"}],
        })
    }

    fn components() -> Map<String, Value> {
        let components =
            json!({"page": {"type": "object", "properties": {"page": {"type": "integer"}}, "required": ["page"]}});
        components.as_object().unwrap().clone()
    }

    fn given(inputs: Value) -> Result<Value, Vec<String>> {
        accept(Some(&schema()), &components(), inputs.as_object().unwrap().clone())
    }

    #[test]
    fn inputs_are_checked_and_completed() {
        assert_eq!(given(json!({"name": "s", "page": 1})), Ok(json!({"name": "s", "page": 1, "count": 2})));
        for wrong in [
            json!({"page": 1}),
            json!({"name": "s"}),
            json!({"name": 5, "page": 1}),
            json!({"name": "s", "page": 1, "count": 0}),
        ] {
            assert_eq!(given(wrong.clone()).map_err(|wrong| wrong.len()), Err(1), "{wrong}");
        }
        assert!(given(json!({"name": "s", "page": 1, "count": "two"})).unwrap_err()[0].starts_with("count: "));
        assert_eq!(accept(None, &Map::new(), Map::new()), Ok(json!({})));
        assert!(accept(Some(&json!({"type": 5})), &Map::new(), Map::new()).unwrap_err()[0].contains("schema"));
    }

    #[test]
    fn the_fields_are_listed_those_of_components_too() {
        let fields = fields(&schema(), &components());
        let names: Vec<_> =
            fields.iter().map(|field| (field.name.as_str(), field.is_required, field.is_secret)).collect();
        assert_eq!(names.len(), 4);
        assert!(names.contains(&("name", true, false)) && names.contains(&("secret", false, true)));
        assert!(names.contains(&("page", true, false)) && names.contains(&("count", false, false)));
    }

    #[test]
    fn text_is_read_by_the_type_that_is_wanted() {
        let fields = fields(&schema(), &components());
        let field = |name: &str| fields.iter().find(|field| field.name == name);
        assert_eq!(from_text(field("name"), "5"), Ok(json!("5")));
        assert_eq!(from_text(field("count"), "5"), Ok(json!(5)));
        assert!(from_text(field("count"), "five").is_err());
        assert_eq!(from_text(None, "five"), Ok(json!("five")));
        assert_eq!(from_text(None, "[5]"), Ok(json!([5])));
    }
}
