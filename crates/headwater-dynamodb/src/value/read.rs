//! Values from the wire, checked in the service's order and refused in its words; and back to it.
use super::{Item, MAX_LEVELS, Value, base64, listed};
use crate::{
    errors::{self, Result},
    number::Number,
};
use headwater_wire::AttributeValue;
use std::collections::{BTreeMap, BTreeSet};

/// Reads a whole item, or a key.
///
/// # Errors
/// Those of [`Value::read`].
pub fn read_item(item: BTreeMap<String, AttributeValue>) -> Result<Item> {
    map(item, 1)
}

/// An item for the wire.
#[must_use]
pub fn write_item(item: Item) -> BTreeMap<String, AttributeValue> {
    item.into_iter().map(|(name, value)| (name, value.into())).collect()
}

impl Value {
    /// Reads one value.
    ///
    /// # Errors
    /// The service's refusal of a value that has no type or several, no number where one belongs, a set that is empty
    /// or holds a member twice, a null that is false, or more than [`MAX_LEVELS`] levels.
    pub fn read(value: AttributeValue) -> Result<Self> {
        read(value, 1)
    }
}

/// `level`: that of the value, from 1.
fn read(value: AttributeValue, level: usize) -> Result<Value> {
    if level > MAX_LEVELS {
        return Err(errors::nested_too_deep());
    }
    Ok(match value {
        AttributeValue::Empty => return Err(errors::empty_value()),
        AttributeValue::Several => return Err(errors::several_types()),
        AttributeValue::S(value) => Value::S(value),
        AttributeValue::N(value) => Value::N(number(&value)?),
        AttributeValue::B(value) => Value::B(value),
        AttributeValue::Bool(value) => Value::Bool(value),
        AttributeValue::Null(true) => Value::Null,
        AttributeValue::Null(false) => return Err(errors::null_is_false()),
        AttributeValue::M(value) => Value::M(map(value, level + 1)?),
        AttributeValue::L(value) => {
            Value::L(value.into_iter().map(|element| read(element, level + 1)).collect::<Result<_>>()?)
        }
        AttributeValue::Ss(members) => Value::Ss(set(members, errors::empty_string_set, |members: &Vec<String>| {
            errors::duplicate_strings(&listed(members))
        })?),
        AttributeValue::Ns(members) => {
            let members = members.iter().map(|member| number(member)).collect::<Result<Vec<_>>>()?;
            Value::Ns(set(members, errors::empty_number_set, |_| errors::duplicate_numbers())?)
        }
        AttributeValue::Bs(members) => Value::Bs(set(members, errors::empty_binary_set, |members| {
            errors::duplicate_binaries(&listed(members.iter().map(|member| base64(member))))
        })?),
    })
}

fn map(value: BTreeMap<String, AttributeValue>, level: usize) -> Result<Item> {
    let mut members = Vec::with_capacity(value.len());
    for (name, element) in value {
        members.push((name, read(element, level)?));
    }
    Ok(members.into_iter().collect())
}

fn number(text: &str) -> Result<Number> {
    Number::parse(text).map_err(|error| errors::number(&error))
}

/// `members` as a set; the two refusals are for none at all and for one that is there twice.
fn set<T: Ord + Clone>(
    members: Vec<T>,
    empty: impl FnOnce() -> headwater_wire::ServiceError,
    duplicate: impl FnOnce(&Vec<T>) -> headwater_wire::ServiceError,
) -> Result<BTreeSet<T>> {
    if members.is_empty() {
        return Err(empty());
    }
    let set: BTreeSet<T> = members.iter().cloned().collect();
    if set.len() < members.len() { Err(duplicate(&members)) } else { Ok(set) }
}

impl From<Value> for AttributeValue {
    fn from(value: Value) -> Self {
        match value {
            Value::S(value) => Self::S(value),
            Value::N(value) => Self::N(value.to_string()),
            Value::B(value) => Self::B(value),
            Value::Bool(value) => Self::Bool(value),
            Value::Null => Self::Null(true),
            Value::M(value) => Self::M(write_item(value)),
            Value::L(value) => Self::L(value.into_iter().map(Self::from).collect()),
            Value::Ss(value) => Self::Ss(value.into_iter().collect()),
            Value::Ns(value) => Self::Ns(value.iter().map(Number::to_string).collect()),
            Value::Bs(value) => Self::Bs(value.into_iter().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AttributeValue as Wire;

    fn strings(members: &[&str]) -> Vec<String> {
        members.iter().map(ToString::to_string).collect()
    }

    fn refusal(value: Wire) -> String {
        let error = Value::read(value).unwrap_err();
        assert_eq!(error.code, "ValidationException");
        error.message.unwrap()
    }

    #[test]
    fn values_that_are_none_are_refused() {
        let invalid = "One or more parameter values were invalid: ";
        for (value, expected) in [
            (
                Wire::Empty,
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes".to_owned(),
            ),
            (
                Wire::Several,
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
                 datatypes"
                    .to_owned(),
            ),
            (Wire::Null(false), format!("{invalid}Null attribute value types must have the value of true")),
            (Wire::N("b".into()), "The parameter cannot be converted to a numeric value: b".to_owned()),
            (Wire::Ss(vec![]), format!("{invalid}An string set  may not be empty")),
            (Wire::Ns(vec![]), format!("{invalid}An number set  may not be empty")),
            (Wire::Bs(vec![]), format!("{invalid}Binary sets should not be empty")),
            (Wire::Ns(strings(&["1", "1", ""])), "The parameter cannot be converted to a numeric value".to_owned()),
        ] {
            assert_eq!(refusal(Wire::L(vec![value.clone()])), expected);
            assert_eq!(refusal(value), expected);
        }
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused() {
        let bytes = || bytes::Bytes::from_static(b"b");
        assert_eq!(
            refusal(Wire::Ss(strings(&["b", "a", "b"]))),
            "One or more parameter values were invalid: Input collection [b, a, b] contains duplicates."
        );
        assert_eq!(refusal(Wire::Ns(strings(&["1", "1.0"]))), "Input collection contains duplicates");
        assert_eq!(
            refusal(Wire::Bs(vec![bytes(), bytes()])),
            "One or more parameter values were invalid: Input collection [Yg==, Yg==]of type BS contains duplicates."
        );
    }

    #[test]
    fn a_value_may_nest_32_levels() {
        let nested = |wraps| {
            (0..wraps).fold(Wire::S("leaf".into()), |value, at| {
                if at % 2 == 0 { Wire::L(vec![value]) } else { Wire::M([("n".to_owned(), value)].into()) }
            })
        };
        assert_eq!(Value::read(nested(31)).unwrap().levels(), MAX_LEVELS);
        assert!(refusal(nested(32)).starts_with("Nesting Levels have exceeded supported limits"));
    }

    #[test]
    fn what_was_read_goes_back_to_the_wire_in_its_one_form() {
        let item = |number: &str, members: &[&str]| {
            BTreeMap::from([
                ("n".to_owned(), Wire::N(number.into())),
                ("s".to_owned(), Wire::S(String::new())),
                ("m".to_owned(), Wire::M([("l".to_owned(), Wire::L(vec![Wire::Null(true)]))].into())),
                ("ns".to_owned(), Wire::Ns(strings(members))),
                ("ss".to_owned(), Wire::Ss(strings(&["", "a"]))),
            ])
        };
        let read = read_item(item("1.50e1", &["10", "9.0"])).unwrap();
        assert_eq!(write_item(read), item("15", &["9", "10"]));
    }
}
