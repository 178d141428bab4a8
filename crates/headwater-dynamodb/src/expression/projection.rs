//! Projections: what of an item is shown. Paths of one projection never stand in each other's way, so they form a tree.
use super::path::{Path, Step, clash};
use crate::value::{Item, Value};
use std::collections::{BTreeMap, btree_map::Entry};

/// Which parts of an item are shown.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Projection {
    attributes: BTreeMap<String, Shown>,
}

/// What is shown of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Shown {
    All,
    Map(BTreeMap<String, Shown>),
    List(BTreeMap<usize, Shown>),
}

impl Projection {
    /// What lies at the paths, or the service's sentence about two of them that overlap or conflict.
    pub(super) fn of(paths: &[&Path]) -> Result<Self, String> {
        let mut projection = Self::default();
        for path in paths {
            if !add(&mut projection.attributes, &path.attribute, &path.steps)
                && let Some(clash) = clash(paths)
            {
                return Err(clash);
            }
        }
        Ok(projection)
    }

    /// The attributes of which something is shown.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str)
    }

    /// What is shown of `item`: maps with the chosen names, lists with the chosen elements moved together. What is not
    /// there is left out, with the maps and lists that would be empty without it.
    #[must_use]
    pub fn project(&self, item: Item) -> Item {
        pick(&self.attributes, item)
    }
}

impl Shown {
    /// What a path's next step leads into.
    fn branch(step: Option<&Step>) -> Self {
        match step {
            None => Self::All,
            Some(Step::Name(_)) => Self::Map(BTreeMap::new()),
            Some(Step::Index(_)) => Self::List(BTreeMap::new()),
        }
    }

    /// Adds the steps of a path; false if what is there stands in their way.
    fn add(&mut self, steps: &[Step]) -> bool {
        match (self, steps.split_first()) {
            (_, None) => true,
            (Self::Map(map), Some((Step::Name(name), rest))) => add(map, name, rest),
            (Self::List(list), Some((Step::Index(index), rest))) => add(list, index, rest),
            _ => false,
        }
    }

    fn of(&self, value: Value) -> Option<Value> {
        match (self, value) {
            (Self::All, value) => Some(value),
            (Self::Map(names), Value::M(map)) => {
                let picked = pick(names, map);
                (!picked.is_empty()).then_some(Value::M(picked))
            }
            (Self::List(indexes), Value::L(list)) => {
                let mut chosen = indexes.iter().peekable();
                let picked = list.into_iter().enumerate().filter_map(|(at, element)| {
                    let (_, shown) = chosen.next_if(|(index, _)| **index == at)?;
                    shown.of(element)
                });
                let picked: Vec<_> = picked.collect();
                (!picked.is_empty()).then_some(Value::L(picked))
            }
            _ => None,
        }
    }
}

fn pick(names: &BTreeMap<String, Shown>, mut map: Item) -> Item {
    let picked = names.iter().filter_map(|(name, shown)| {
        let (name, value) = map.remove_entry(name)?;
        Some((name, shown.of(value)?))
    });
    picked.collect()
}

/// Adds a branch at `key`, and the steps below it; false if what is there stands in their way.
fn add<K: Ord + Clone>(branches: &mut BTreeMap<K, Shown>, key: &K, steps: &[Step]) -> bool {
    match branches.entry(key.clone()) {
        Entry::Vacant(place) => place.insert(Shown::branch(steps.first())).add(steps),
        Entry::Occupied(place) => !steps.is_empty() && place.into_mut().add(steps),
    }
}
