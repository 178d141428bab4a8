//! Operations of OpenAPI descriptions, 3.0 and 3.1. Invariant: what is found is all a request needs; nothing of the
//! description is looked at afterwards.
use crate::template::text_of;
use serde_json::Value;

/// The methods a path may have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// References to references, at most.
const MAX_REFERENCES: usize = 16;

/// An operation that can be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Operation {
    /// In capitals.
    pub(crate) method: String,
    /// With its parameters in braces; without a fragment.
    pub(crate) path: String,
    /// Where it is served, with variables in place; none if the description names no server, or there is none.
    pub(crate) server: Option<String>,
    /// Headers of which the description leaves no choice.
    pub(crate) headers: Vec<(String, String)>,
    /// What its body is by default.
    pub(crate) content_type: Option<String>,
    /// The source description it is from.
    pub(crate) source: String,
    /// The service of AWS whose it is, as signatures call it.
    pub(crate) service: Option<String>,
}

impl Operation {
    /// Whether the description itself sends this `X-Amz-Target`.
    pub(crate) fn has_target(&self, target: &str) -> bool {
        self.headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("x-amz-target") && value == target)
    }
}

/// The operations with that id: more than one if the description does not keep to its own rules, as some of AWS's do not.
pub(crate) fn by_id(description: &Value, id: &str, region: &str) -> Vec<Operation> {
    let paths = description.get("paths").and_then(Value::as_object).into_iter().flatten();
    let found = paths.filter_map(|(path, item)| {
        let item = referred(description, item)?;
        let method = METHODS.iter().find(|method| item[**method]["operationId"] == id)?;
        read(description, path, item, method, region)
    });
    found.collect()
}

/// The operation at that JSON Pointer, `/paths/~1pets/get`.
pub(crate) fn by_pointer(description: &Value, pointer: &str, region: &str) -> Option<Operation> {
    let (path, method) = pointer.strip_prefix("/paths/")?.rsplit_once('/')?;
    let path = percent_decoded(path).replace("~1", "/").replace("~0", "~");
    let item = referred(description, description.get("paths")?.get(&path)?)?;
    item.get(method)?;
    read(description, &path, item, method, region)
}

fn read(description: &Value, path: &str, item: &Value, method: &str, region: &str) -> Option<Operation> {
    let operation = item.get(method)?;
    let (path, fragment) = path.split_once('#').unwrap_or((path, ""));
    let parameters = [operation, item].into_iter().filter_map(|holder| holder.get("parameters")?.as_array()).flatten();
    let mut headers: Vec<(String, String)> =
        parameters.filter_map(|parameter| fixed_header(description, parameter)).collect();
    // Descriptions of AWS's services tell operations of the one path apart by a fragment, which is never sent.
    if let Some((name, value)) = fragment.split_once('=')
        && !headers.iter().any(|(held, _)| held.eq_ignore_ascii_case(name))
    {
        headers.push((name.to_owned(), percent_decoded(value)));
    }
    let body = operation.get("requestBody").and_then(|body| referred(description, body));
    let types = body.and_then(|body| body.get("content")?.as_object());
    let content_type = types.and_then(|types| {
        let json = types.keys().find(|name| name.contains("json"));
        json.or_else(|| types.keys().next()).filter(|name| !name.contains('*')).cloned()
    });
    let server = server(&[operation, item, description], region);
    Some(Operation {
        method: method.to_uppercase(),
        path: path.to_owned(),
        service: server.as_deref().and_then(service_of_server),
        server,
        headers,
        content_type,
        source: String::new(),
    })
}

/// A header that must be sent and can have one value alone.
fn fixed_header(description: &Value, parameter: &Value) -> Option<(String, String)> {
    let parameter = referred(description, parameter)?;
    let is_needed = parameter["in"] == "header" && parameter["required"] == true;
    let schema = referred(description, parameter.get("schema")?)?;
    let value = match schema.get("enum").and_then(Value::as_array).map(Vec::as_slice) {
        Some([one]) => Some(one),
        _ => schema.get("const").or_else(|| schema.get("default")),
    };
    Some((parameter["name"].as_str()?.to_owned(), text_of(value?))).filter(|_| is_needed)
}

/// What a value is, or the part of the same description that it refers to.
fn referred<'a>(description: &'a Value, mut value: &'a Value) -> Option<&'a Value> {
    for _ in 0..MAX_REFERENCES {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Some(value) };
        value = description.pointer(reference.strip_prefix('#')?)?;
    }
    None
}

/// The first server of the nearest holder that has some.
fn server(holders: &[&Value], region: &str) -> Option<String> {
    let servers = holders.iter().find_map(|holder| holder.get("servers")?.as_array().filter(|held| !held.is_empty()));
    let server = servers?.first()?;
    let mut url = server.get("url")?.as_str()?.to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
        let offered = variable.get("enum").and_then(Value::as_array);
        let is_offered = offered.is_none_or(|offered| offered.iter().any(|value| value == region));
        let default = variable.get("default").map(text_of).unwrap_or_default();
        // The one variable that there is a setting for.
        let value = if name == "region" && is_offered { region } else { &default };
        url = url.replace(&format!("{{{name}}}"), value);
    }
    Some(url)
}

/// The service that a host of AWS's serves: `kinesis.us-east-1.amazonaws.com`.
fn service_of_server(url: &str) -> Option<String> {
    let host = url.split_once("://")?.1.split(['/', ':']).next()?;
    let host = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let mut labels = host.split('.');
    let first = labels.next()?;
    let service = if first == "streams" { labels.next()? } else { first };
    Some(service.to_owned())
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn description() -> Value {
        json!({
            "openapi": "3.0.3",
            "servers": [{"url": "https://kinesis.{region}.amazonaws.com", "variables": {"region": {"default": "us-east-1", "enum": ["us-east-1", "eu-west-1"]}}}],
            "components": {
                "parameters": {"Target": {"name": "X-Amz-Target", "in": "header", "required": true, "schema": {"type": "string", "enum": ["Kinesis_20131202.PutRecord"]}}},
                "requestBodies": {"Put": {"content": {"text/plain": {}, "application/x-amz-json-1.1": {}}}},
            },
            "paths": {
                "/#X-Amz-Target=Kinesis_20131202.PutRecord": {"post": {
                    "operationId": "PutRecord",
                    "parameters": [{"$ref": "#/components/parameters/Target"}, {"name": "X-Any", "in": "header", "schema": {"default": "x"}}],
                    "requestBody": {"$ref": "#/components/requestBodies/Put"},
                }},
                "/#X-Amz-Target=Kinesis_20131202.ListStreams": {"post": {"operationId": "ListStreams"}},
                "/pets/{id}": {"servers": [{"url": "/v2"}], "get": {"operationId": "getPet"}},
            },
        })
    }

    #[test]
    fn an_operation_of_aws_loses_its_fragment_and_keeps_its_target() {
        let put = by_id(&description(), "PutRecord", "eu-west-1").remove(0);
        let target = |name: &str| vec![("X-Amz-Target".to_owned(), format!("Kinesis_20131202.{name}"))];
        assert_eq!((put.method.as_str(), put.path.as_str()), ("POST", "/"));
        assert_eq!(put.headers, target("PutRecord"));
        assert_eq!(put.server.as_deref(), Some("https://kinesis.eu-west-1.amazonaws.com"));
        assert_eq!(
            (put.service.as_deref(), put.content_type.as_deref()),
            (Some("kinesis"), Some("application/x-amz-json-1.1"))
        );
        let list = by_id(&description(), "ListStreams", "mars-1").remove(0);
        assert_eq!(list.headers, target("ListStreams"));
        assert_eq!(list.server.as_deref(), Some("https://kinesis.us-east-1.amazonaws.com"));
    }

    #[test]
    fn an_operation_is_found_by_its_place() {
        let pet = by_pointer(&description(), "/paths/~1pets~1{id}/get", "r").unwrap();
        assert_eq!((pet.path.as_str(), pet.server.as_deref(), pet.service), ("/pets/{id}", Some("/v2"), None));
        assert!(by_pointer(&description(), "/paths/~1pets~1%7Bid%7D/get", "r").is_some());
        assert!(by_pointer(&description(), "/paths/~1pets~1{id}/put", "r").is_none());
        assert!(by_pointer(&description(), "/paths/~1#X-Amz-Target=Kinesis_20131202.ListStreams/post", "r").is_some());
        assert!(by_id(&description(), "absent", "r").is_empty());
    }

    #[test]
    fn the_service_stands_in_the_host() {
        for (url, service) in [
            ("https://kinesis.us-east-1.amazonaws.com", Some("kinesis")),
            ("https://streams.dynamodb.eu-west-1.amazonaws.com/", Some("dynamodb")),
            ("https://example.com/kinesis", None),
            ("https://amazonaws.com.example.com", None),
        ] {
            assert_eq!(service_of_server(url).as_deref(), service, "{url}");
        }
    }
}
