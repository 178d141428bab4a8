//! The plain values, the structures made of them, and how a member gets into its place: null is absent, the last of
//! equal names wins, constraints are checked as soon as the value is there.
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    SerializationFault,
    codec::{Decode, Encode, Reader, Shape, Writer},
    constraint::{Rule, Step, Violations},
    timestamp::Timestamp,
};

/// A structure of a model. Implemented by generated code, which holds nothing but the facts.
pub trait Structure: Default {
    /// Names and what must be there.
    const SHAPE: &'static Shape;

    /// Puts the next value in its place; `false` if it was null.
    ///
    /// # Errors
    /// The value is malformed or of another type.
    fn read(&mut self, member: usize, r: &mut dyn Reader, v: &mut Violations) -> Result<bool, SerializationFault>;

    /// Writes the members that are there.
    fn write(&self, w: &mut dyn Writer);
}

impl<T: Structure> Decode for T {
    const NESTED: bool = true;
    const JAVA: &'static str = T::SHAPE.java;

    fn decode(reader: &mut dyn Reader, violations: &mut Violations) -> Result<Self, SerializationFault> {
        let mut it = Self::default();
        let mut present = 0_u64;
        reader.begin_structure(Self::SHAPE)?;
        while let Some(member) = reader.next_member(Self::SHAPE)? {
            violations.enter(Step::Member(Self::SHAPE, member));
            let bit = 1_u64.wrapping_shl(u32::try_from(member).unwrap_or(0));
            if it.read(member, reader, violations)? {
                present |= bit;
            } else {
                present &= !bit;
            }
            violations.leave();
        }
        violations.missing(Self::SHAPE, present);
        Ok(it)
    }
}

impl<T: Structure> Encode for T {
    fn encode(&self, writer: &mut dyn Writer) {
        writer.begin_structure(Self::SHAPE);
        self.write(writer);
        writer.end_structure();
    }
}

/// A closed set of words. Implemented by generated enums.
pub trait Enumeration: Copy + Default + 'static {
    /// All values.
    const ALL: &'static [Self];
    /// The word that travels.
    fn as_str(self) -> &'static str;

    /// The value of a word.
    #[must_use]
    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == word)
    }
}

/// Defines an [`Enumeration`]: the names in Rust and the words that travel; the first is the default.
macro_rules! words {
    ($name:ident { $first:ident: $first_word:literal, $($rest:ident: $rest_word:literal,)* }) => {
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            #[default]
            $first,
            $($rest,)*
        }
        impl $name {
            /// The word that travels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $(Self::$rest => $rest_word,)*
                }
            }
        }
        impl $crate::value::Enumeration for $name {
            const ALL: &'static [Self] = &[Self::$first, $(Self::$rest,)*];
            fn as_str(self) -> &'static str {
                Self::as_str(self)
            }
        }
        impl $crate::codec::Encode for $name {
            fn encode(&self, writer: &mut dyn $crate::codec::Writer) {
                writer.string(self.as_str());
            }
        }
    };
}
pub(crate) use words;

fn member<T: Decode + Encode>(
    r: &mut dyn Reader,
    v: &mut Violations,
    rule: &dyn Rule<T>,
) -> Result<Option<T>, SerializationFault> {
    if r.null()? {
        return Ok(None);
    }
    let value = T::decode(r, v)?;
    if !v.take_gap() {
        rule.broken(&value, &mut |sentence| v.report(&value, &sentence));
    }
    Ok(Some(value))
}

/// Reads a member that may be absent.
///
/// # Errors
/// The value is malformed or of another type.
pub(crate) fn optional<T: Decode + Encode>(
    place: &mut Option<T>,
    r: &mut dyn Reader,
    v: &mut Violations,
    rule: &dyn Rule<T>,
) -> Result<bool, SerializationFault> {
    *place = member(r, v, rule)?;
    Ok(place.is_some())
}

/// Reads a member that must be there.
///
/// # Errors
/// The value is malformed or of another type.
pub(crate) fn required<T: Decode + Encode + Default>(
    place: &mut T,
    r: &mut dyn Reader,
    v: &mut Violations,
    rule: &dyn Rule<T>,
) -> Result<bool, SerializationFault> {
    let value = member(r, v, rule)?;
    let present = value.is_some();
    *place = value.unwrap_or_default();
    Ok(present)
}

/// What is read as words and then turned into enumerations, so that a violation can quote the word.
pub(crate) trait Words: Default {
    /// The words.
    type Raw: Decode + Encode;
    /// Words outside the set have been reported already; any value will do for them.
    fn of(raw: Self::Raw) -> Self;
}

impl<E: Enumeration> Words for E {
    type Raw = String;
    fn of(raw: String) -> Self {
        Self::parse(&raw).unwrap_or_default()
    }
}

impl<E: Enumeration> Words for Vec<E> {
    type Raw = Vec<String>;
    fn of(raw: Vec<String>) -> Self {
        raw.into_iter().map(E::of).collect()
    }
}

/// As [`optional`], for enumerations and lists of them.
///
/// # Errors
/// The value is malformed or of another type.
pub(crate) fn optional_words<E: Words>(
    place: &mut Option<E>,
    r: &mut dyn Reader,
    v: &mut Violations,
    rule: &dyn Rule<E::Raw>,
) -> Result<bool, SerializationFault> {
    *place = member(r, v, rule)?.map(E::of);
    Ok(place.is_some())
}

/// As [`required`], for enumerations and lists of them.
///
/// # Errors
/// The value is malformed or of another type.
pub(crate) fn required_words<E: Words>(
    place: &mut E,
    r: &mut dyn Reader,
    v: &mut Violations,
    rule: &dyn Rule<E::Raw>,
) -> Result<bool, SerializationFault> {
    let words = member(r, v, rule)?.map(E::of);
    let present = words.is_some();
    *place = words.unwrap_or_default();
    Ok(present)
}

/// Writes a member that is always there.
pub(crate) fn put<T: Encode>(w: &mut dyn Writer, name: &'static str, value: &T) {
    w.member(name);
    value.encode(w);
}

/// Writes a member if it is there.
pub(crate) fn put_some<T: Encode>(w: &mut dyn Writer, name: &'static str, value: &Option<T>) {
    if let Some(value) = value {
        put(w, name, value);
    }
}

impl<T: Decode> Decode for Vec<T> {
    const NESTED: bool = T::NESTED;

    fn decode(reader: &mut dyn Reader, violations: &mut Violations) -> Result<Self, SerializationFault> {
        let mut list = Self::new();
        let mut index = 0;
        reader.begin_list()?;
        while reader.next_element()? {
            violations.enter(Step::Element(index));
            if !reader.null()? {
                list.push(T::decode(reader, violations)?);
            } else if let Some(value) = T::null() {
                list.push(value);
            } else {
                violations.null_inside();
            }
            violations.leave();
            index += 1;
        }
        Ok(list)
    }
}

impl<T: Decode> Decode for BTreeMap<String, T> {
    const NESTED: bool = T::NESTED;

    fn decode(reader: &mut dyn Reader, violations: &mut Violations) -> Result<Self, SerializationFault> {
        let mut map = Self::new();
        let mut index = 0;
        reader.begin_map(T::JAVA)?;
        while let Some(key) = reader.next_key()? {
            let null = reader.null()?;
            if null || T::NESTED {
                violations.enter(Step::Entry(index, key.clone()));
            }
            if !null {
                map.insert(key, T::decode(reader, violations)?);
            } else if let Some(value) = T::null() {
                map.insert(key, value);
            } else {
                violations.null_inside();
            }
            if null || T::NESTED {
                violations.leave();
            }
            index += 1;
        }
        Ok(map)
    }
}

/// A value every encoding reads and writes by itself.
macro_rules! plain {
    ($type:ty, $java:literal, $read:ident, |$value:ident, $writer:ident| $write:expr) => {
        impl Decode for $type {
            const JAVA: &'static str = $java;
            fn decode(reader: &mut dyn Reader, _violations: &mut Violations) -> Result<Self, SerializationFault> {
                reader.$read()
            }
        }
        impl Encode for $type {
            fn encode(&self, $writer: &mut dyn Writer) {
                let $value = self;
                $write;
            }
        }
    };
}
plain!(String, "java.lang.String", string, |value, writer| writer.string(value));
plain!(i32, "java.lang.Integer", integer, |value, writer| writer.long(i64::from(*value)));
plain!(i64, "java.lang.Long", long, |value, writer| writer.long(*value));
plain!(f64, "java.lang.Double", double, |value, writer| writer.double(*value));
plain!(bool, "java.lang.Boolean", boolean, |value, writer| writer.boolean(*value));
plain!(Bytes, "java.nio.ByteBuffer", blob, |value, writer| writer.blob(value));
plain!(Timestamp, "java.util.Date", timestamp, |value, writer| writer.timestamp(*value));

impl Encode for () {
    fn encode(&self, _writer: &mut dyn Writer) {}
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, writer: &mut dyn Writer) {
        writer.begin_list(self.len());
        for element in self {
            element.encode(writer);
        }
        writer.end_list();
    }
}

impl<T: Encode> Encode for BTreeMap<String, T> {
    fn encode(&self, writer: &mut dyn Writer) {
        writer.begin_map(self.len());
        for (key, value) in self {
            writer.key(key);
            value.encode(writer);
        }
        writer.end_map();
    }
}
