//! Attribute definitions and key schemas as a caller gives them, checked.
use crate::{
    errors::{self, Result},
    key::{KeyPart, KeySchema, KeyType},
};
use headwater_wire::dynamodb as shape;

/// Parts of the key of a table or a local index.
const PLAIN_PARTS: usize = 2;
/// Hash parts, and range parts, of a global index's key.
const GLOBAL_PARTS: usize = 4;

/// The attributes a request defines, in its order.
pub(super) struct Attributes(Vec<KeyPart>);

impl Attributes {
    pub(super) fn of(given: &[shape::AttributeDefinition]) -> Result<Self> {
        let mut parts: Vec<KeyPart> = Vec::with_capacity(given.len());
        for shape::AttributeDefinition { attribute_name, attribute_type } in given {
            if parts.iter().any(|part| part.name == *attribute_name) {
                return Err(errors::attribute_defined_twice(attribute_name));
            }
            let kind = match attribute_type {
                shape::ScalarAttributeType::S => KeyType::S,
                shape::ScalarAttributeType::N => KeyType::N,
                shape::ScalarAttributeType::B => KeyType::B,
            };
            parts.push(KeyPart { name: attribute_name.clone(), kind });
        }
        Ok(Self(parts))
    }

    /// Those a table has already, and the new ones; what is part of a key keeps its type.
    pub(super) fn join(mut self, held: impl Iterator<Item = KeyPart>) -> Result<Self> {
        for part in held {
            match self.0.iter().find(|given| given.name == part.name) {
                Some(given) if given.kind != part.kind => return Err(errors::attribute_redefined(&part.name)),
                Some(_) => {}
                None => self.0.push(part),
            }
        }
        Ok(self)
    }

    /// The key of a table or a local index.
    pub(super) fn plain_key(&self, schema: &[shape::KeySchemaElement]) -> Result<KeySchema> {
        let parts = self.parts(schema)?;
        match schema {
            [_] => {}
            [first, second] if first.attribute_name == second.attribute_name => return Err(errors::same_name_twice()),
            [_, second] if second.key_type != shape::KeyType::Range => return Err(errors::second_not_range()),
            [_, _] => {}
            _ => return Err(errors::key_too_wide(PLAIN_PARTS)),
        }
        let (hash, range) = parts.split_at(1);
        Ok(KeySchema { hash: hash.to_vec(), range: range.to_vec() })
    }

    /// The key of a global index, which may have several parts of each kind.
    pub(super) fn global_key(&self, schema: &[shape::KeySchemaElement]) -> Result<KeySchema> {
        let parts = self.parts(schema)?;
        if let [first, second] = schema
            && first.attribute_name == second.attribute_name
        {
            return Err(errors::same_name_twice());
        }
        for (at, part) in parts.iter().enumerate() {
            if parts.iter().take(at).any(|earlier| earlier.name == part.name) {
                return Err(errors::part_twice());
            }
        }
        let hashes = schema.iter().take_while(|element| element.key_type == shape::KeyType::Hash).count();
        let (hash, range) = parts.split_at(hashes);
        if schema.iter().skip(hashes).any(|element| element.key_type == shape::KeyType::Hash) {
            return Err(errors::hash_behind_range());
        }
        for (kind, parts) in [("HASH", hash), ("RANGE", range)] {
            if parts.len() > GLOBAL_PARTS {
                return Err(errors::too_many_parts(kind));
            }
        }
        Ok(KeySchema { hash: hash.to_vec(), range: range.to_vec() })
    }

    /// The attributes of a schema, all defined, the first of them a hash part.
    fn parts(&self, schema: &[shape::KeySchemaElement]) -> Result<Vec<KeyPart>> {
        let found =
            schema.iter().map(|element| self.0.iter().find(|part| part.name == element.attribute_name).cloned());
        let Some(parts) = found.collect::<Option<Vec<KeyPart>>>() else {
            let keys: Vec<&str> = schema.iter().map(|element| element.attribute_name.as_str()).collect();
            return Err(errors::key_undefined(&keys.join(", "), &self.names()));
        };
        match schema.first() {
            Some(first) if first.key_type == shape::KeyType::Hash => Ok(parts),
            _ => Err(errors::first_not_hash()),
        }
    }

    /// All of them are part of one of the keys.
    pub(super) fn check_used(&self, table: &KeySchema, indexes: &[super::Index]) -> Result<()> {
        let used: Vec<&KeyPart> = {
            let mut used: Vec<&KeyPart> = Vec::new();
            for part in table.parts().chain(indexes.iter().flat_map(|index| index.key.parts())) {
                if !used.contains(&part) {
                    used.push(part);
                }
            }
            used
        };
        if used.len() == self.0.len() {
            return Ok(());
        }
        if indexes.is_empty() {
            return Err(errors::attributes_unmatched());
        }
        let used: Vec<&str> = used.iter().map(|part| part.name.as_str()).collect();
        Err(errors::attributes_unused(&self.names(), &used.join(", ")))
    }

    fn names(&self) -> String {
        self.0.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shape::KeyType::{Hash, Range};

    fn attributes(names: &str) -> Attributes {
        let define = |name: char| shape::AttributeDefinition { attribute_name: name.into(), ..Default::default() };
        Attributes::of(&names.chars().map(define).collect::<Vec<_>>()).unwrap()
    }

    fn schema(parts: &[(char, shape::KeyType)]) -> Vec<shape::KeySchemaElement> {
        let element =
            |(name, kind): &(char, _)| shape::KeySchemaElement { attribute_name: name.to_string(), key_type: *kind };
        parts.iter().map(element).collect()
    }

    #[test]
    fn what_is_wrong_with_a_key_is_told_in_the_services_order() {
        let refusal = |defined: &str, parts: &[(char, shape::KeyType)]| {
            attributes(defined).plain_key(&schema(parts)).unwrap_err().message.unwrap()
        };
        assert_eq!(
            refusal("b", &[('a', Range)]),
            "One or more parameter values were invalid: Some index key attributes are not defined in \
             AttributeDefinitions. Keys: [a], AttributeDefinitions: [b]"
        );
        assert_eq!(
            refusal("a", &[('a', Range)]),
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
        );
        assert_eq!(
            refusal("a", &[('a', Hash), ('a', Hash)]),
            "Both the Hash Key and the Range Key element in the KeySchema have the same name"
        );
        assert_eq!(
            refusal("ab", &[('a', Hash), ('b', Hash)]),
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"
        );
    }

    #[test]
    fn a_global_index_takes_up_to_four_parts_of_each_kind() {
        let wide: Vec<_> =
            "abcd".chars().map(|name| (name, Hash)).chain("efgh".chars().map(|name| (name, Range))).collect();
        let key = attributes("abcdefghi").global_key(&schema(&wide)).unwrap();
        assert_eq!((key.hash.len(), key.range.len()), (4, 4));
        let refused = |parts: &[(char, shape::KeyType)]| attributes("abcdefghi").global_key(&schema(parts)).is_err();
        assert!(refused(&[&wide[..], &[('i', Range)]].concat()));
        assert!(refused(&[('a', Hash), ('b', Range), ('c', Hash)]));
        assert!(refused(&[('a', Hash), ('b', Hash), ('a', Range)]));
        assert!(attributes("ab").global_key(&schema(&[('a', Hash), ('b', Hash)])).is_ok());
    }

    #[test]
    fn attributes_that_no_key_uses_are_refused() {
        let two = attributes("ab");
        let key = two.plain_key(&schema(&[('a', Hash)])).unwrap();
        assert_eq!(two.check_used(&key, &[]), Err(errors::attributes_unmatched()));
    }
}
