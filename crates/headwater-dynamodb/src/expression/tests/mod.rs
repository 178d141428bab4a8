//! The language's tests: what they share.
mod conditions;
mod keys;
mod legacy;
mod model;
mod printing;
mod sentences;
mod updates;

use super::{Condition, Parameter, Placeholders, Projection, Update};
use crate::{
    number::Number,
    value::{Item, Value, read_item},
};
use headwater_wire::AttributeValue;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A value from plain JSON; sets and bytes are objects with one member called `SS`, `NS`, `BS` or `B`.
fn wire(json: &Json) -> AttributeValue {
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    let texts = |json: &Json| json.as_array().unwrap().iter().map(text).collect::<Vec<_>>();
    let special = |object: &serde_json::Map<String, Json>| {
        let (name, content) = object.iter().next().filter(|_| object.len() == 1)?;
        Some(match name.as_str() {
            "SS" => AttributeValue::Ss(texts(content)),
            "NS" => AttributeValue::Ns(texts(content)),
            "BS" => AttributeValue::Bs(texts(content).into_iter().map(Into::into).collect()),
            "B" => AttributeValue::B(text(content).into()),
            _ => return None,
        })
    };
    match json {
        Json::Null => AttributeValue::Null(true),
        Json::Bool(value) => AttributeValue::Bool(*value),
        Json::Number(value) => AttributeValue::N(value.to_string()),
        Json::String(value) => AttributeValue::S(value.clone()),
        Json::Array(list) => AttributeValue::L(list.iter().map(wire).collect()),
        Json::Object(object) => special(object).unwrap_or_else(|| AttributeValue::M(wires(json))),
    }
}

fn wires(json: &Json) -> BTreeMap<String, AttributeValue> {
    json.as_object().unwrap().iter().map(|(name, value)| (name.clone(), wire(value))).collect()
}

fn item(json: &Json) -> Item {
    read_item(wires(json)).unwrap()
}

fn value(json: &Json) -> Value {
    Value::read(wire(json)).unwrap()
}

fn number(text: &str) -> Value {
    Value::N(Number::parse(text).unwrap())
}

/// Names `#a` to `#d` stand for `a` to `d`, `#i` for `[3]`; the values are given.
fn placeholders(values: &Json) -> Placeholders {
    let names = ["a", "b", "c", "d"].map(|name| (format!("#{name}"), name.to_owned()));
    let names = names.into_iter().chain([("#i".to_owned(), "[3]".to_owned())]).collect();
    let values = Some(wires(values)).filter(|values| !values.is_empty());
    let texts = [(Parameter::Condition, Some("")), (Parameter::Update, None), (Parameter::Projection, None)];
    Placeholders::new(Some(names), values, &texts).unwrap()
}

fn condition(text: &str, values: &Json) -> Result<Condition, String> {
    let resolved = placeholders(values).condition(Parameter::Condition, text);
    resolved.map_err(|refusal| refusal.message.unwrap_or_default())
}

fn update(text: &str, values: &Json) -> Result<Update, String> {
    placeholders(values).update(text).map_err(|refusal| refusal.message.unwrap_or_default())
}

fn projection(text: &str) -> Result<Projection, String> {
    placeholders(&json!({})).projection(text).map_err(|refusal| refusal.message.unwrap_or_default())
}

/// The sentence behind `Invalid …Expression: `.
fn why<T: std::fmt::Debug>(result: Result<T, String>) -> String {
    let message = result.unwrap_err();
    message.split_once("Expression: ").map_or(message.clone(), |(_, why)| why.to_owned())
}
