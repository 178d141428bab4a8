//! JSON as jq sees it.
//!
//! Invariant: only JSON is read, strictly, and never deeper than the reader's own limit: values are walked recursively.
use jaq_json::{Map, Val};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The value that `json` is; `None` if it is none, or more than one.
pub(in crate::process) fn value(json: &[u8]) -> Option<Val> {
    serde_json::from_slice::<Node>(json).ok().map(|node| node.0)
}

struct Node(Val);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Val, E> {
        Ok(Val::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Val, E> {
        Ok(Val::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Val, E> {
        // The least integer has no opposite: what negates it would overflow.
        let integer = isize::try_from(number).ok().filter(|integer| *integer != isize::MIN);
        #[allow(clippy::cast_precision_loss)]
        Ok(integer.map_or_else(|| Val::from(number as f64), Val::from))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Val, E> {
        #[allow(clippy::cast_precision_loss)]
        Ok(isize::try_from(number).map_or_else(|_| Val::from(number as f64), Val::from))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Val, E> {
        Ok(Val::from(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Val, E> {
        Ok(Val::utf8_str(text.as_bytes().to_vec()))
    }

    fn visit_string<E>(self, text: String) -> Result<Val, E> {
        Ok(Val::utf8_str(text.into_bytes()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Val, A::Error> {
        let mut values = Vec::new();
        while let Some(Node(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(values.into_iter().collect())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Val, A::Error> {
        let mut map = Map::default();
        while let Some((Node(key), Node(value))) = entries.next_entry()? {
            map.insert(key, value);
        }
        Ok(Val::obj(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_written() {
        let json = r#"{"a":[1,-2,2.5,"x\u00e9",true,null,{}],"b":9223372036854775807,"c":1e400}"#;
        assert!(value(json.as_bytes()).is_none());
        let json = r#"{"a":[1,-2,2.5,"xé",true,null,{}],"b":9223372036854775807}"#;
        assert_eq!(value(json.as_bytes()).unwrap().to_string(), json);
    }
}
