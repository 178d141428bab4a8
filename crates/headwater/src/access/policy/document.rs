//! The JSON of a policy document, element by element; what the elements mean is said in `policy`.
//!
//! Invariant: no element, key or name is dropped – unknown ones, repeated ones and nulls are refused.
use super::super::{PolicyFault, fault};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::{collections::BTreeSet, fmt, marker::PhantomData};

/// A document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) version: Option<Version>,
    pub(super) statements: Vec<Statement>,
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, PolicyFault> {
        let parsed: Result<Object<Elements>, _> = serde_json::from_str(text);
        let Object(Elements { version, id: _, statements }) = match parsed {
            Ok(elements) => elements,
            Err(error) => return fault(format!("Syntax error in policy: {error}.")),
        };
        let statements: Vec<_> = statements.0.into_iter().map(|Object(statement)| statement).collect();
        let mut sids = BTreeSet::new();
        for sid in statements.iter().filter_map(|statement| statement.sid.as_ref()) {
            if !sids.insert(sid) {
                return fault(format!("Statement IDs (SID) in a single policy must be unique: {sid}."));
            }
        }
        if statements.is_empty() { fault("Statement is empty.") } else { Ok(Self { version, statements }) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Elements {
    #[serde(default, deserialize_with = "present")]
    version: Option<Version>,
    /// A name for people.
    #[serde(default, deserialize_with = "present")]
    id: Option<String>,
    #[serde(rename = "Statement")]
    statements: OneOrMany<Object<Statement>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    #[serde(rename = "2008-10-17")]
    Of2008,
    #[serde(rename = "2012-10-17")]
    Of2012,
}

/// What a statement does with what it speaks of.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    Allow,
    Deny,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Statement {
    #[serde(default, deserialize_with = "present")]
    sid: Option<String>,
    pub(super) effect: Effect,
    #[serde(default, deserialize_with = "present")]
    pub(super) principal: Option<PrincipalElement>,
    #[serde(default, deserialize_with = "present")]
    pub(super) not_principal: Option<PrincipalElement>,
    #[serde(default, deserialize_with = "present")]
    pub(super) action: Option<OneOrMany<Text>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) not_action: Option<OneOrMany<Text>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) resource: Option<OneOrMany<Text>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) not_resource: Option<OneOrMany<Text>>,
    #[serde(default, rename = "Condition")]
    pub(super) conditions: Entries<Entries<Values>>,
}

/// Reads an element that is there; null is none.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// An element that lists something.
pub(super) trait List {
    type Item;
    fn items(self) -> Vec<Self::Item>;
}

impl List for OneOrMany<Text> {
    type Item = String;
    fn items(self) -> Vec<String> {
        self.0.into_iter().map(|Text(text)| text).collect()
    }
}

/// One of those a principal element lists.
#[derive(Debug)]
pub(super) enum Principals {
    Everyone,
    Aws(String),
    Service(String),
}

impl List for PrincipalElement {
    type Item = Principals;
    fn items(self) -> Vec<Principals> {
        self.0
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalMap {
    #[serde(default, rename = "AWS", deserialize_with = "present")]
    aws: Option<OneOrMany<Text>>,
    #[serde(default, rename = "Service", deserialize_with = "present")]
    service: Option<OneOrMany<Text>>,
}

/// `"*"`, or lists by kind of principal.
#[derive(Debug)]
pub(super) struct PrincipalElement(Vec<Principals>);

impl<'de> Deserialize<'de> for PrincipalElement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Element;
        impl<'de> Visitor<'de> for Element {
            type Value = PrincipalElement;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"*\" or an object")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                if text == "*" {
                    return Ok(PrincipalElement(vec![Principals::Everyone]));
                }
                Err(E::custom(format!("Invalid principal in policy: {text}")))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let PrincipalMap { aws, service } = PrincipalMap::deserialize(MapAccessDeserializer::new(map))?;
                let [aws, service] = [aws, service].map(|list| list.map(List::items).unwrap_or_default());
                let services = service.into_iter().map(Principals::Service);
                Ok(PrincipalElement(aws.into_iter().map(Principals::Aws).chain(services).collect()))
            }
        }
        deserializer.deserialize_any(Element)
    }
}

/// A string and nothing else.
#[derive(Deserialize, Debug)]
pub(super) struct Text(String);

/// A value of a condition: a string, or a number or truth value as one.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number, true or false")
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
                Ok(Scalar(value.into()))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// The values of one condition key.
#[derive(Debug)]
pub(super) struct Values(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let OneOrMany(values) = OneOrMany::<Scalar>::deserialize(deserializer)?;
        Ok(Self(values.into_iter().map(|Scalar(value)| value).collect()))
    }
}

/// A JSON object; a list in its place is refused, which a derived reader would take.
#[derive(Debug)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Map<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_any(Map(PhantomData))
    }
}

/// One value, or a list of them.
#[derive(Debug)]
pub(super) struct OneOrMany<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        /// A value that is no list is read from the reader's own hands.
        macro_rules! one {
            ($($visit:ident: $type:ty,)*) => {
                $(fn $visit<E: Error>(self, value: $type) -> Result<Self::Value, E> {
                    T::deserialize(serde::de::IntoDeserializer::into_deserializer(value)).map(|one| OneOrMany(vec![one]))
                })*
            };
        }
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }
            one! { visit_str: &str, visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut many = Vec::new();
                while let Some(one) = list.next_element()? {
                    many.push(one);
                }
                Ok(OneOrMany(many))
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// A JSON object's names and values, in order; no name twice.
#[derive(Debug)]
pub(super) struct Entries<T>(pub(super) Vec<(String, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> IntoIterator for Entries<T> {
    type Item = (String, T);
    type IntoIter = std::vec::IntoIter<Self::Item>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Map<T> {
            type Value = Entries<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut names, mut entries) = (BTreeSet::new(), Vec::new());
                while let Some((name, value)) = map.next_entry::<String, T>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format!("duplicate field `{name}`")));
                    }
                    entries.push((name, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_any(Map(PhantomData))
    }
}
