//! From an operation and a step's values to a request. Invariant: what is sent is what the scope says was sent.
use crate::{
    builtin,
    document::{Body, Place, Replacement},
    openapi::Operation,
    outside::{Request, Response},
    run::Settings,
    select::{self, Language},
    template::{fill, text_of},
};
use serde_json::{Map, Value, json};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A value for a request, and where in it.
pub(crate) type Placed = (Place, String, Value);

/// The request, and how the scope shows it.
///
/// # Errors
/// A sentence on what is missing, or cannot be written so.
pub(crate) fn build(
    operation: &Operation,
    values: &[Placed],
    body: Option<&Body>,
    scope: &Value,
    settings: &Settings,
) -> Result<(Request, Value), String> {
    let mut headers = operation.headers.clone();
    for (_, name, value) in values.iter().filter(|(place, ..)| *place == Place::Header) {
        headers.retain(|(held, _)| !held.eq_ignore_ascii_case(name));
        headers.push((name.clone(), text_of(value)));
    }
    let cookies: Vec<String> = values
        .iter()
        .filter(|(place, ..)| *place == Place::Cookie)
        .map(|(_, name, value)| format!("{name}={}", encoded(&text_of(value))))
        .collect();
    if !cookies.is_empty() {
        headers.push(("Cookie".into(), cookies.join("; ")));
    }
    let written = match body {
        Some(body) => Some(write(body, operation, scope)?),
        // What is called by its target takes an object, be it empty.
        None => target(&headers).map(|(service, _)| (service.content_type.to_owned(), "{}".to_owned(), json!({}))),
    };
    let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if let Some((content_type, ..)) = written.as_ref().filter(|_| !has_type) {
        headers.push(("Content-Type".into(), content_type.clone()));
    }
    let service = service(operation, &headers);
    let server = server(operation, service.is_some(), settings)?;
    let (path, query) = (path(&operation.path, values)?, query(values));
    let separator = if query.is_empty() { "" } else { "?" };
    let url = format!("{}{path}{separator}{query}", server.trim_end_matches('/'));
    let placed = |wanted| -> Map<String, Value> {
        let wanted = values.iter().filter(|(place, ..)| *place == wanted);
        wanted.map(|(_, name, value)| (name.clone(), value.clone())).collect()
    };
    let shown = json!({
        "header": headers.iter().map(|(name, value)| (name.to_lowercase(), json!(value))).collect::<Map<_, _>>(),
        "query": placed(Place::Query),
        "path": placed(Place::Path),
        "body": written.as_ref().map(|(_, _, value)| value.clone()),
    });
    let body = written.map(|(_, text, _)| text);
    Ok((Request { method: operation.method.clone(), url, headers, body, service }, shown))
}

/// How the scope shows an answer: JSON as what it says, anything else as text.
pub(crate) fn shown(response: &Response) -> Value {
    let headers = response.headers.iter().map(|(name, value)| (name.to_lowercase(), json!(value)));
    let headers: Map<String, Value> = headers.collect();
    let content_type = headers.get("content-type").and_then(Value::as_str).unwrap_or(JSON);
    let json = is_json(content_type).then(|| serde_json::from_slice(&response.body).ok()).flatten();
    let body = match json {
        Some(body) => body,
        None if response.body.is_empty() => Value::Null,
        None => String::from_utf8_lossy(&response.body).into(),
    };
    json!({"header": headers, "body": body})
}

/// `application/json`, and all that is JSON by another name: `application/x-amz-json-1.1`, `application/problem+json`.
fn is_json(content_type: &str) -> bool {
    content_type.to_ascii_lowercase().contains("json")
}

/// For which service of AWS the request must be signed; a request that brings its own authorization is not.
fn service(operation: &Operation, headers: &[(String, String)]) -> Option<String> {
    if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        return None;
    }
    target(headers).map(|(service, _)| service.scope.to_owned()).or_else(|| operation.service.clone())
}

/// The service and the operation that a header names.
fn target(headers: &[(String, String)]) -> Option<(&'static builtin::Service, &str)> {
    let (_, target) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-target"))?;
    builtin::of_target(target)
}

fn server(operation: &Operation, is_aws: bool, settings: &Settings) -> Result<String, String> {
    let named = settings.servers.iter().find(|(source, _)| source.as_ref() == Some(&operation.source));
    if let Some((_, url)) = named.or_else(|| settings.servers.iter().find(|(source, _)| source.is_none())) {
        return Ok(url.clone());
    }
    let endpoint = settings.endpoint.clone().filter(|_| is_aws);
    let fallback = || is_aws.then(|| settings.default_endpoint.clone());
    let url = endpoint.or_else(|| operation.server.clone()).or_else(fallback);
    match url {
        Some(url) if url.contains("://") => Ok(url),
        Some(url) => {
            Err(format!("the description's server is `{url}`, which is relative: where is that? --server tells"))
        }
        None => Err(format!("`{}` has no server: --server tells where it is", operation.path)),
    }
}

/// The path with its parameters in place.
fn path(template: &str, values: &[Placed]) -> Result<String, String> {
    let mut path = template.to_owned();
    for (_, name, value) in values.iter().filter(|(place, ..)| *place == Place::Path) {
        path = path.replace(&format!("{{{name}}}"), &encoded(&text_of(value)));
    }
    match path.split_once('{').and_then(|(_, rest)| rest.split_once('}')) {
        Some((missing, _)) => Err(format!("the path parameter `{missing}` of {template} has no value")),
        None => Ok(path),
    }
}

fn query(values: &[Placed]) -> String {
    let mut pairs = Vec::new();
    for (place, name, value) in values {
        match (place, value) {
            (Place::Query, Value::Array(items)) => {
                pairs.extend(items.iter().map(|item| format!("{}={}", encoded(name), encoded(&text_of(item)))));
            }
            (Place::Query, _) => pairs.push(format!("{}={}", encoded(name), encoded(&text_of(value)))),
            (Place::QueryString, _) => pairs.push(text_of(value)),
            _ => {}
        }
    }
    pairs.join("&")
}

/// Everything but letters, digits and `-._~` as percents.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The body's type, its text, and its value.
fn write(body: &Body, operation: &Operation, scope: &Value) -> Result<(String, String, Value), String> {
    let mut value = fill(&body.payload, scope)?.unwrap_or_default();
    let content_type = body.content_type.clone().or_else(|| operation.content_type.clone());
    let content_type = content_type.unwrap_or_else(|| if value.is_string() { "text/plain" } else { JSON }.to_owned());
    if is_json(&content_type)
        && let Some(parsed) = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok())
        && (parsed.is_object() || parsed.is_array())
    {
        value = parsed;
    }
    for replacement in &body.replacements {
        let new = fill(&replacement.value, scope)?.unwrap_or_default();
        value = replace(value, replacement, new, &content_type)?;
    }
    let text = match &value {
        _ if is_json(&content_type) => match value.as_str().filter(|_| body.payload.is_string()) {
            // A template that is no JSON is sent as it is: the service has the say.
            Some(text) if serde_json::from_str::<Value>(text).is_ok() || text.contains(['{', '[']) => text.to_owned(),
            _ => value.to_string(),
        },
        Value::String(text) => text.clone(),
        Value::Object(members) if content_type.starts_with(FORM) => {
            let pairs = members.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(&text_of(value))));
            pairs.collect::<Vec<_>>().join("&")
        }
        Value::Null => String::new(),
        _ => return Err(format!("a body of {content_type} cannot be written from such a payload: give it as a text")),
    };
    Ok((content_type, text, value))
}

fn replace(mut payload: Value, replacement: &Replacement, new: Value, content_type: &str) -> Result<Value, String> {
    let target = replacement.target.as_str();
    let usual = if content_type.contains("xml") { Language::XPath } else { Language::JsonPointer };
    match replacement.language.unwrap_or(usual) {
        Language::XPath => select::replace_in_xml(&payload, target, &text_of(&new)),
        Language::JsonPointer => {
            put(&mut payload, target, new)?;
            Ok(payload)
        }
        Language::JsonPath => {
            let places = select::json_path(target)?
                .query_located(&payload)
                .locations()
                .map(|path| path.to_json_pointer())
                .collect::<Vec<_>>();
            for place in places {
                put(&mut payload, &place, new.clone())?;
            }
            Ok(payload)
        }
    }
}

/// Sets the value at a JSON Pointer; a member, and an item at a list's end, may be new.
fn put(payload: &mut Value, pointer: &str, new: Value) -> Result<(), String> {
    if let Some(place) = payload.pointer_mut(pointer) {
        *place = new;
        return Ok(());
    }
    let missing = || format!("the payload has nothing at `{pointer}` that could be replaced");
    let (parent, name) = pointer.rsplit_once('/').ok_or_else(missing)?;
    match payload.pointer_mut(parent).ok_or_else(missing)? {
        Value::Object(members) => {
            members.insert(name.replace("~1", "/").replace("~0", "~"), new);
            Ok(())
        }
        Value::Array(items) if name == "-" || name == items.len().to_string() => {
            items.push(new);
            Ok(())
        }
        _ => Err(missing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { default_endpoint: "http://127.0.0.1:4566".into(), ..Settings::default() }
    }

    fn operation(path: &str) -> Operation {
        Operation {
            method: "POST".into(),
            path: path.into(),
            server: Some("http://a/v1/".into()),
            source: "api".into(),
            ..Operation::default()
        }
    }

    fn body(content_type: &str, payload: Value) -> Body {
        Body { content_type: Some(content_type.into()), payload, replacements: Vec::new() }
    }

    #[test]
    fn parameters_go_where_they_belong() {
        let value = |place, name: &str, value| (place, name.to_owned(), value);
        let values = [
            value(Place::Path, "id", json!("a/b c")),
            value(Place::Query, "q", json!(["x", 1])),
            value(Place::Query, "r", json!("ä&")),
            value(Place::Header, "X-Thing", json!(5)),
            value(Place::Cookie, "k", json!("v")),
        ];
        let (request, shown) = build(&operation("/pets/{id}"), &values, None, &json!({}), &settings()).unwrap();
        assert_eq!(request.url, "http://a/v1/pets/a%2Fb%20c?q=x&q=1&r=%C3%A4%26");
        assert_eq!(request.headers, [("X-Thing".to_owned(), "5".to_owned()), ("Cookie".to_owned(), "k=v".to_owned())]);
        assert_eq!((shown["path"]["id"].clone(), shown["header"]["x-thing"].clone()), (json!("a/b c"), json!("5")));
        let missing = build(&operation("/pets/{id}"), &[], None, &json!({}), &settings()).unwrap_err();
        assert!(missing.contains("`id`"), "{missing}");
    }

    #[test]
    fn a_target_of_aws_means_a_signature_and_its_endpoint() {
        let mut operation = operation("/");
        operation.headers = vec![("X-Amz-Target".into(), "Kinesis_20131202.PutRecord".into())];
        let mut settings = settings();
        let url =
            |operation: &Operation, settings: &Settings| build(operation, &[], None, &json!({}), settings).unwrap().0;
        assert_eq!(
            (url(&operation, &settings).url.as_str(), url(&operation, &settings).service.as_deref()),
            ("http://a/v1/", Some("kinesis"))
        );
        operation.server = None;
        assert_eq!(url(&operation, &settings).url, "http://127.0.0.1:4566/");
        assert_eq!(url(&operation, &settings).body.as_deref(), Some("{}"));
        settings.endpoint = Some("http://e".into());
        assert_eq!(url(&operation, &settings).url, "http://e/");
        settings.servers = vec![(None, "http://all".into()), (Some("api".into()), "http://one".into())];
        assert_eq!(url(&operation, &settings).url, "http://one/");
        operation.headers.push(("Authorization".into(), "Bearer x".into()));
        assert_eq!(url(&operation, &settings).service, None);
    }

    #[test]
    fn a_body_is_written_as_its_type_says() {
        let scope = json!({"inputs": {"id": 5, "name": "a b"}});
        let text = |body: Body| {
            build(&operation("/"), &[], Some(&body), &scope, &settings()).map(|(request, _)| request.body.unwrap())
        };
        assert_eq!(text(body("application/x-amz-json-1.1", json!({"A": "$inputs.id"}))), Ok(r#"{"A":5}"#.into()));
        assert_eq!(text(body(FORM, json!({"id": "$inputs.id", "n": "$inputs.name"}))), Ok("id=5&n=a%20b".into()));
        assert_eq!(text(body("application/xml", json!("<id>{$inputs.id}</id>"))), Ok("<id>5</id>".into()));
        let template: Value =
            serde_json::from_str(&text(body(JSON, json!("{\"id\": {$inputs.id}}"))).unwrap()).unwrap();
        assert_eq!(template, json!({"id": 5}));
        assert!(text(body("application/xml", json!({"id": 5}))).is_err());
    }

    #[test]
    fn a_payload_is_replaced_in() {
        let replacement = |target: &str, language, value| Replacement { target: target.into(), language, value };
        let mut given = body(JSON, json!({"a": {"b": 1}, "l": [{"k": 1}, {"k": 2}]}));
        given.replacements = vec![
            replacement("/a/b", None, json!("$inputs.n")),
            replacement("/a/new", None, json!(true)),
            replacement("/l/-", None, json!(3)),
            replacement("$.l[?@.k == 2].k", Some(Language::JsonPath), json!(9)),
        ];
        let scope = json!({"inputs": {"n": [7]}});
        let (_, shown) = build(&operation("/"), &[], Some(&given), &scope, &settings()).unwrap();
        assert_eq!(shown["body"], json!({"a": {"b": [7], "new": true}, "l": [{"k": 1}, {"k": 9}, 3]}));
        given.replacements = vec![replacement("/none/b", None, json!(1))];
        assert!(build(&operation("/"), &[], Some(&given), &scope, &settings()).is_err());
        let mut xml = body("application/xml", json!("<a><b>1</b><c/></a>"));
        xml.replacements = vec![replacement("/a/b", None, json!("x<y"))];
        let (request, _) = build(&operation("/"), &[], Some(&xml), &scope, &settings()).unwrap();
        assert!(request.body.unwrap().contains("<b>x&lt;y</b>"));
    }

    #[test]
    fn an_answer_is_json_by_any_of_its_names() {
        let answer = |kind: &str, body: &str| {
            shown(&Response { status: 200, headers: vec![("Content-Type".into(), kind.into())], body: body.into() })["body"].clone()
        };
        assert_eq!(answer("application/x-amz-json-1.1", "{\"a\":1}"), json!({"a": 1}));
        assert_eq!(answer("application/x-amz-json-1.1", ""), Value::Null);
        assert_eq!(answer("application/json", "{broken"), json!("{broken"));
        assert_eq!(answer("text/xml", "<a/>"), json!("<a/>"));
    }
}
