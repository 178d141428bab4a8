//! `DynamoDB`'s attribute value. The model's structure of ten optional members would allow what the service refuses, so
//! this type is written by hand; what the service refuses with its own sentences is kept apart, not lost.
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    SerializationFault,
    codec::{Decode, Encode, Reader, Shape, Writer},
    constraint::Violations,
};

/// One value of an attribute.
#[derive(Clone, Default, PartialEq, Debug)]
pub enum AttributeValue {
    /// No type at all; the service refuses it.
    #[default]
    Empty,
    /// More than one type; the service refuses it.
    Several,
    /// A string.
    S(String),
    /// A number, as the caller wrote it.
    N(String),
    /// Bytes.
    B(Bytes),
    /// A set of strings, as the caller listed them.
    Ss(Vec<String>),
    /// A set of numbers, as the caller listed them.
    Ns(Vec<String>),
    /// A set of byte strings, as the caller listed them.
    Bs(Vec<Bytes>),
    /// A map.
    M(BTreeMap<String, AttributeValue>),
    /// A list.
    L(Vec<AttributeValue>),
    /// Null; the service refuses `false`.
    Null(bool),
    /// A truth value.
    Bool(bool),
}

static SHAPE: Shape = Shape {
    java: "com.amazonaws.dynamodb.v20120810.AttributeValue",
    members: &["S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"],
    required: 0,
};

impl Decode for AttributeValue {
    const JAVA: &'static str = SHAPE.java;

    fn null() -> Option<Self> {
        Some(Self::Empty)
    }

    fn decode(reader: &mut dyn Reader, violations: &mut Violations) -> Result<Self, SerializationFault> {
        let mut value = Self::Empty;
        let mut type_of_value = None;
        reader.begin_structure(&SHAPE)?;
        while let Some(member) = reader.next_member(&SHAPE)? {
            if reader.null()? {
                continue;
            }
            let read = match member {
                0 => Self::S(reader.string()?),
                1 => Self::N(reader.string()?),
                2 => Self::B(reader.blob()?),
                3 => Self::Ss(Decode::decode(reader, violations)?),
                4 => Self::Ns(Decode::decode(reader, violations)?),
                5 => Self::Bs(Decode::decode(reader, violations)?),
                6 => Self::M(Decode::decode(reader, violations)?),
                7 => Self::L(Decode::decode(reader, violations)?),
                8 => Self::Null(reader.boolean()?),
                _ => Self::Bool(reader.boolean()?),
            };
            let repeated = type_of_value.is_none_or(|previous| previous == member);
            value = if repeated { read } else { Self::Several };
            type_of_value = Some(member);
        }
        Ok(value)
    }
}

impl Encode for AttributeValue {
    fn encode(&self, writer: &mut dyn Writer) {
        writer.begin_structure(&SHAPE);
        let mut put = |name, value: &dyn Encode| {
            writer.member(name);
            value.encode(writer);
        };
        match self {
            Self::Empty | Self::Several => {}
            Self::S(value) => put("S", value),
            Self::N(value) => put("N", value),
            Self::B(value) => put("B", value),
            Self::Ss(value) => put("SS", value),
            Self::Ns(value) => put("NS", value),
            Self::Bs(value) => put("BS", value),
            Self::M(value) => put("M", value),
            Self::L(value) => put("L", value),
            Self::Null(value) => put("NULL", value),
            Self::Bool(value) => put("BOOL", value),
        }
        writer.end_structure();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, decode, dynamodb};

    fn value(json: &str) -> AttributeValue {
        let body = format!(r#"{{"TableName":"abc","Item":{{"a":{json}}}}}"#);
        let mut input: dynamodb::PutItemInput = decode(Dialect::Json10, &body.into()).unwrap();
        input.item.remove("a").unwrap()
    }

    #[test]
    fn what_the_service_refuses_is_kept_apart() {
        assert_eq!(value("{}"), AttributeValue::Empty);
        assert_eq!(value("null"), AttributeValue::Empty);
        assert_eq!(value(r#"{"S":null}"#), AttributeValue::Empty);
        assert_eq!(value(r#"{"S":"a","N":"1"}"#), AttributeValue::Several);
        assert_eq!(value(r#"{"S":"a","S":"b","New":1}"#), AttributeValue::S("b".into()));
        assert_eq!(
            value(r#"{"L":[{"NULL":true},{}]}"#),
            AttributeValue::L(vec![AttributeValue::Null(true), AttributeValue::Empty])
        );
    }
}
