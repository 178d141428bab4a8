//! The model's structures among stored fields: each is kept as the text it travels as.
use headwater_wire::{Structure, of_text, to_text};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(super) fn serialize<T: Structure, S: Serializer>(structure: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&to_text(structure))
}

pub(super) fn deserialize<'de, T: Structure, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    of_text(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// The same for one that may be absent.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, Error, Serializer, Structure, of_text, to_text};

    pub(crate) fn serialize<T: Structure, S: Serializer>(structure: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        match structure {
            Some(structure) => to.serialize_some(&to_text(structure)),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: Structure, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| of_text(&text).map_err(D::Error::custom)).transpose()
    }
}
