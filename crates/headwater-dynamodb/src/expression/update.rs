//! Updates, resolved: from one item to the next.
//!
//! Invariant: everything an update reads, list indexes included, is the item as it was before. So the order of its
//! actions does not matter: what is put at an index that exists is put there, what is put behind the end of a list is
//! appended in the order of the indexes, and what is removed goes last, from the back.
use super::{
    path::{Path, Step},
    projection::Projection,
};
use crate::{
    errors,
    value::{Item, Value},
};
use headwater_wire::ServiceError;
use std::{borrow::Cow, sync::Arc};

/// An update of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Update {
    actions: Vec<Action>,
    touched: Arc<Projection>,
    words: Words,
}

/// What happens at one path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Action {
    pub(super) path: Path,
    pub(super) change: Change,
}

/// What happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// The value is put there.
    Set(NewValue),
    /// What is there goes.
    Remove,
    /// A number is added to the number, members to the set, elements to the list.
    Add(Arc<Value>),
    /// Members leave the set.
    Delete(Arc<Value>),
}

/// Where a new value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NewValue {
    Value(Arc<Value>),
    Path(Path),
    IfNotExists(Path, Box<NewValue>),
    ListAppend(Box<[NewValue; 2]>),
    Plus(Box<[NewValue; 2]>),
    Minus(Box<[NewValue; 2]>),
}

/// How the update was asked for: the two ways differ in what creates an item, and in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Words {
    Expression,
    AttributeUpdates,
}

/// What an action comes to.
enum Effect {
    Put(Value),
    /// Nothing is left, whether anything was there or not.
    Remove {
        is_there: bool,
    },
}

impl Update {
    /// The update of these actions, or the service's sentence about two paths that overlap or conflict.
    pub(super) fn of(actions: Vec<Action>, words: Words) -> Result<Self, String> {
        let touched = Projection::of(&actions.iter().map(|action| &action.path).collect::<Vec<_>>())?;
        Ok(Self { actions, touched: Arc::new(touched), words })
    }

    /// The attributes that something is done to.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.touched.attributes()
    }

    /// What of an item, the old one or the new one, lies where something is done.
    #[must_use]
    pub fn touched(&self) -> Arc<Projection> {
        Arc::clone(&self.touched)
    }

    /// What an item becomes; `None` if there was none and nothing is created. `key` makes the key of the item that may be
    /// created.
    ///
    /// # Errors
    /// `ValidationException` where the item is not what the update expects.
    pub fn evolve(&self, old: Option<Item>, key: impl FnOnce() -> Item) -> Result<Option<Item>, ServiceError> {
        if old.is_none() && !self.creates() {
            return Ok(None);
        }
        let mut item = old.unwrap_or_else(key);
        let effects = self.actions.iter().map(|action| Ok((&action.path, self.effect(action, &item)?)));
        let effects = effects.collect::<Result<Vec<_>, ServiceError>>()?;
        let (mut behind, mut removed) = (Vec::new(), Vec::new());
        for (path, effect) in effects {
            match (Slot::of(&mut item, path).ok_or_else(invalid_path)?, effect) {
                // What is only just appended has no old index, and stays.
                (_, Effect::Remove { is_there }) => removed.extend(is_there.then_some(path)),
                (Slot::Member(map, name), Effect::Put(value)) => {
                    map.insert(name.to_owned(), value);
                }
                (Slot::Element(list, index), Effect::Put(value)) => match list.get_mut(index) {
                    Some(element) => *element = value,
                    None => behind.push((path, value)),
                },
            }
        }
        behind.sort_by_key(|(path, _)| *path);
        for (path, value) in behind {
            if let Some(Slot::Element(list, _)) = Slot::of(&mut item, path) {
                list.push(value);
            }
        }
        removed.sort_unstable();
        for path in removed.into_iter().rev() {
            match Slot::of(&mut item, path) {
                Some(Slot::Member(map, name)) => drop(map.remove(name)),
                Some(Slot::Element(list, index)) => drop(list.remove(index)),
                None => {}
            }
        }
        Ok(Some(item))
    }

    /// Whether this makes an item where there was none: what only takes members from sets does not, nor do attributes
    /// deleted the old way.
    fn creates(&self) -> bool {
        let makes = |action: &Action| match action.change {
            Change::Set(_) | Change::Add(_) => true,
            Change::Remove => self.words == Words::Expression,
            Change::Delete(_) => false,
        };
        self.actions.is_empty() || self.actions.iter().any(makes)
    }

    fn effect(&self, action: &Action, before: &Item) -> Result<Effect, ServiceError> {
        let there = action.path.find(before);
        Ok(match &action.change {
            Change::Set(value) => Effect::Put(value.of(before)?.into_owned()),
            Change::Remove => Effect::Remove { is_there: there.is_some() },
            Change::Add(value) => Effect::Put(match there {
                Some(there) => self.sum(there, value)?,
                None => Value::clone(value),
            }),
            Change::Delete(members) => match there {
                Some(there) => self.difference(there, members)?.map_or(Effect::Remove { is_there: true }, Effect::Put),
                None => Effect::Remove { is_there: false },
            },
        })
    }

    fn sum(&self, there: &Value, added: &Value) -> Result<Value, ServiceError> {
        Ok(match (there, added) {
            (Value::N(there), Value::N(added)) => {
                Value::N(there.checked_add(*added).map_err(|error| errors::number(&error))?)
            }
            (Value::Ss(there), Value::Ss(added)) => Value::Ss(there | added),
            (Value::Ns(there), Value::Ns(added)) => Value::Ns(there | added),
            (Value::Bs(there), Value::Bs(added)) => Value::Bs(there | added),
            (Value::L(there), Value::L(added)) => Value::L([&there[..], added].concat()),
            _ => return Err(self.wrong_type()),
        })
    }

    /// The set without the members; `None` if none are left.
    fn difference(&self, there: &Value, members: &Value) -> Result<Option<Value>, ServiceError> {
        Ok(match (there, members) {
            (Value::Ss(there), Value::Ss(members)) => {
                Some(there - members).filter(|left| !left.is_empty()).map(Value::Ss)
            }
            (Value::Ns(there), Value::Ns(members)) => {
                Some(there - members).filter(|left| !left.is_empty()).map(Value::Ns)
            }
            (Value::Bs(there), Value::Bs(members)) => {
                Some(there - members).filter(|left| !left.is_empty()).map(Value::Bs)
            }
            _ => return Err(self.wrong_type()),
        })
    }

    fn wrong_type(&self) -> ServiceError {
        match self.words {
            Words::Expression => incorrect_type(),
            Words::AttributeUpdates => errors::validation("Type mismatch for attribute to update"),
        }
    }
}

impl NewValue {
    /// The value, for an item that was `before`.
    fn of<'a>(&'a self, before: &'a Item) -> Result<Cow<'a, Value>, ServiceError> {
        match self {
            Self::Value(value) => Ok(Cow::Borrowed(value)),
            Self::Path(path) => path.find(before).map(Cow::Borrowed).ok_or_else(|| {
                errors::validation("The provided expression refers to an attribute that does not exist in the item")
            }),
            Self::IfNotExists(path, otherwise) => match path.find(before) {
                Some(there) => Ok(Cow::Borrowed(there)),
                None => otherwise.of(before),
            },
            Self::ListAppend(lists) => {
                let [first, second] = lists.each_ref().map(|list| list.of(before));
                let (Value::L(first), Value::L(second)) = (&*first?, &*second?) else { return Err(incorrect_type()) };
                Ok(Cow::Owned(Value::L([&first[..], second].concat())))
            }
            Self::Plus(operands) | Self::Minus(operands) => {
                let [left, right] = operands.each_ref().map(|operand| operand.of(before));
                let (Value::N(left), Value::N(right)) = (&*left?, &*right?) else { return Err(incorrect_type()) };
                let plus = matches!(self, Self::Plus(_));
                let result = if plus { left.checked_add(*right) } else { left.checked_sub(*right) };
                result.map(|number| Cow::Owned(Value::N(number))).map_err(|error| errors::number(&error))
            }
        }
    }
}

/// A place in an item for a value.
enum Slot<'a> {
    Member(&'a mut Item, &'a str),
    Element(&'a mut Vec<Value>, usize),
}

impl<'a> Slot<'a> {
    /// The place a path leads to, if what it leads through is there.
    fn of(item: &'a mut Item, path: &'a Path) -> Option<Self> {
        let Some((last, through)) = path.steps.split_last() else { return Some(Self::Member(item, &path.attribute)) };
        let parent = through.iter().try_fold(item.get_mut(&path.attribute)?, |value, step| match (step, value) {
            (Step::Name(name), Value::M(map)) => map.get_mut(name),
            (Step::Index(index), Value::L(list)) => list.get_mut(*index),
            _ => None,
        })?;
        match (last, parent) {
            (Step::Name(name), Value::M(map)) => Some(Self::Member(map, name)),
            (Step::Index(index), Value::L(list)) => Some(Self::Element(list, *index)),
            _ => None,
        }
    }
}

fn invalid_path() -> ServiceError {
    errors::validation("The document path provided in the update expression is invalid for update")
}

fn incorrect_type() -> ServiceError {
    errors::validation("An operand in the update expression has an incorrect data type")
}
