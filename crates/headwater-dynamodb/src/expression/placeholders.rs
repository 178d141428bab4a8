//! `ExpressionAttributeNames` and `ExpressionAttributeValues`: what `#name` and `:value` stand for in the expressions of
//! one request, and which of them were used.
use super::{
    Condition, Parameter, Path, Projection, Update, checks, parse_condition, parse_projection, parse_update, path,
    resolve_condition, resolve_update, syntax, token::is_word,
};
use crate::{errors::validation, value::Value};
use headwater_wire::{AttributeValue, ServiceError};
use std::{collections::BTreeMap, sync::Arc};

/// The longest placeholder, in bytes.
const MAX_PLACEHOLDER_BYTES: usize = 255;
/// Names and indexes in one path.
const MAX_PATH_LEVELS: usize = 32;

/// The placeholders of one request. Its expressions are resolved with them one after the other; in the end every
/// placeholder must have been used.
#[derive(Debug, Default)]
pub struct Placeholders {
    names: Vec<Entry<String>>,
    values: Vec<Entry<Arc<Value>>>,
}

/// One placeholder. They are kept in the order of their keys.
#[derive(Debug)]
struct Entry<T> {
    key: String,
    meaning: T,
    used: bool,
}

impl Placeholders {
    /// Checks the two maps themselves, before any expression is parsed. `expressions` is every expression the operation
    /// knows, given or not.
    ///
    /// # Errors
    /// `ValidationException` for a map without expressions, an empty map, a bad key or a bad value.
    pub fn new(
        names: Option<BTreeMap<String, String>>,
        values: Option<BTreeMap<String, AttributeValue>>,
        expressions: &[(Parameter, Option<&str>)],
    ) -> Result<Self, ServiceError> {
        let given =
            |parameter: &Parameter| expressions.iter().any(|(known, text)| known == parameter && text.is_some());
        let with_values = [Parameter::Update, Parameter::Condition, Parameter::Filter, Parameter::KeyCondition];
        let values_useful = with_values.iter().any(given);
        if names.is_some() && !values_useful && !given(&Parameter::Projection) {
            return Err(validation("ExpressionAttributeNames can only be specified when using expressions"));
        }
        if values.is_some() && !values_useful {
            return Err(validation("ExpressionAttributeValues can only be specified when using expressions"));
        }
        let names = names.map(|names| entries("ExpressionAttributeNames", '#', names)).transpose()?;
        let values = values.map(|values| entries("ExpressionAttributeValues", ':', values)).transpose()?;
        if let Some(empty) = names.iter().flatten().find(|entry| entry.meaning.is_empty()) {
            return Err(validation(format!(
                "ExpressionAttributeNames contains invalid value: Empty attribute name for key {}",
                empty.key
            )));
        }
        let given = values.unwrap_or_default();
        let mut values = Vec::with_capacity(given.len());
        for Entry { key, meaning, used } in given {
            let meaning = Value::read(meaning).map_err(|why| {
                let why = why.message.unwrap_or_default();
                validation(format!("ExpressionAttributeValues contains invalid value: {why} for key {key}"))
            })?;
            values.push(Entry { key, meaning: Arc::new(meaning), used });
        }
        Ok(Self { names: names.unwrap_or_default(), values })
    }

    /// Values alone, from a language that has no placeholders of its own; their keys are in order.
    pub(crate) fn of_values(values: impl Iterator<Item = (String, Value)>) -> Self {
        let entry = |(key, value)| Entry { key, meaning: Arc::new(value), used: false };
        Self { names: Vec::new(), values: values.map(entry).collect() }
    }

    /// The condition a tree stands for.
    ///
    /// # Errors
    /// `ValidationException` for operands that do not fit.
    pub(crate) fn condition_of(&mut self, tree: &syntax::Condition<'_>) -> Result<Condition, ServiceError> {
        resolve_condition::condition(self, tree).map_err(validation)
    }

    /// The path a tree stands for.
    ///
    /// # Errors
    /// `ValidationException` for one of too many levels.
    pub(crate) fn path_of(&mut self, tree: &syntax::Path<'_>) -> Result<Path, ServiceError> {
        self.path(tree).map_err(validation)
    }

    /// The update a tree stands for.
    ///
    /// # Errors
    /// As for [`Self::condition_of`], and for paths that stand in each other's way.
    pub(crate) fn update_of(&mut self, tree: &syntax::Update<'_>) -> Result<Update, ServiceError> {
        resolve_update::update(self, tree).map_err(validation)
    }

    /// A condition or a filter.
    ///
    /// # Errors
    /// `ValidationException` with the parameter's name in front.
    pub fn condition(&mut self, parameter: Parameter, text: &str) -> Result<Condition, ServiceError> {
        let tree = parse_condition(parameter, text)?;
        checks::condition(&tree)
            .and_then(|()| resolve_condition::condition(self, &tree))
            .map_err(|why| parameter.invalid(&why))
    }

    /// A key condition, as a condition that is not one of a key yet: what only a key condition is refused for comes
    /// after the other expressions of the request, in [`KeyCondition::of`](super::KeyCondition::of).
    ///
    /// # Errors
    /// As for [`Placeholders::condition`].
    pub fn key_condition(&mut self, text: &str) -> Result<Condition, ServiceError> {
        self.condition(Parameter::KeyCondition, text)
    }

    /// An update.
    ///
    /// # Errors
    /// As for [`Placeholders::condition`].
    pub fn update(&mut self, text: &str) -> Result<Update, ServiceError> {
        let tree = parse_update(text)?;
        checks::update(&tree)
            .and_then(|()| resolve_update::update(self, &tree))
            .map_err(|why| Parameter::Update.invalid(&why))
    }

    /// A projection.
    ///
    /// # Errors
    /// As for [`Placeholders::condition`].
    pub fn projection(&mut self, text: &str) -> Result<Projection, ServiceError> {
        let tree = parse_projection(text)?;
        let resolved = checks::projection(&tree).and_then(|()| {
            let paths = tree.0.iter().map(|path| self.path(path)).collect::<Result<Vec<_>, _>>()?;
            Projection::of(&paths.iter().collect::<Vec<_>>())
        });
        resolved.map_err(|why| Parameter::Projection.invalid(&why))
    }

    /// Ends the request's expressions.
    ///
    /// # Errors
    /// `ValidationException` if a placeholder was used by none of them.
    pub fn finish(self) -> Result<(), ServiceError> {
        unused("ExpressionAttributeNames", &self.names)?;
        unused("ExpressionAttributeValues", &self.values)
    }

    /// The path, with its aliases replaced.
    pub(super) fn path(&mut self, path: &syntax::Path<'_>) -> Result<Path, String> {
        let attribute = match path.0.first() {
            Some(syntax::Step::Alias(alias)) => self.name(alias)?.to_owned(),
            Some(syntax::Step::Name(text) | syntax::Step::Index(text)) => (*text).to_owned(),
            None => String::new(),
        };
        let steps = path.0.iter().skip(1).map(|step| self.step(step)).collect::<Result<_, _>>()?;
        if path.0.len() > MAX_PATH_LEVELS {
            let levels = path.0.len();
            return Err(format!("The document path has too many nesting levels; nesting levels: {levels}"));
        }
        Ok(Path { attribute, steps })
    }

    fn step(&mut self, step: &syntax::Step<'_>) -> Result<path::Step, String> {
        Ok(match step {
            syntax::Step::Name(name) => path::Step::Name((*name).to_owned()),
            // Its range was checked before.
            syntax::Step::Index(digits) => path::Step::Index(digits.parse().unwrap_or(usize::MAX)),
            syntax::Step::Alias(alias) => path::Step::Name(self.name(alias)?.to_owned()),
        })
    }

    /// What `#alias` stands for.
    pub(super) fn name(&mut self, alias: &str) -> Result<&str, String> {
        lookup(&mut self.names, alias).map(String::as_str).ok_or_else(|| {
            format!("An expression attribute name used in the document path is not defined; attribute name: {alias}")
        })
    }

    /// What `:value` stands for.
    pub(super) fn value(&mut self, key: &str) -> Result<Arc<Value>, String> {
        lookup(&mut self.values, key).cloned().ok_or_else(|| {
            format!("An expression attribute value used in expression is not defined; attribute value: {key}")
        })
    }
}

/// The entries of a map, once its keys are checked.
fn entries<T>(parameter: &str, sign: char, map: BTreeMap<String, T>) -> Result<Vec<Entry<T>>, ServiceError> {
    if map.is_empty() {
        return Err(validation(format!("{parameter} must not be empty")));
    }
    for key in map.keys() {
        let name = key.strip_prefix(sign).unwrap_or_default();
        if key.len() > MAX_PLACEHOLDER_BYTES {
            return Err(validation(format!(
                "{parameter} contains invalid key: The expression attribute map contains a key that is too long; size of key: {}",
                key.len()
            )));
        }
        if name.is_empty() || !name.bytes().all(is_word) {
            return Err(validation(format!("{parameter} contains invalid key: Syntax error; key: \"{key}\"")));
        }
    }
    Ok(map.into_iter().map(|(key, meaning)| Entry { key, meaning, used: false }).collect())
}

fn lookup<'a, T>(entries: &'a mut [Entry<T>], key: &str) -> Option<&'a T> {
    let place = entries.binary_search_by(|entry| entry.key.as_str().cmp(key)).ok()?;
    let entry = entries.get_mut(place)?;
    entry.used = true;
    Some(&entry.meaning)
}

fn unused<T>(parameter: &str, entries: &[Entry<T>]) -> Result<(), ServiceError> {
    let keys: Vec<&str> = entries.iter().filter(|entry| !entry.used).map(|entry| entry.key.as_str()).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let keys = keys.join(", ");
    Err(validation(format!("Value provided in {parameter} unused in expressions: keys: {{{keys}}}")))
}
