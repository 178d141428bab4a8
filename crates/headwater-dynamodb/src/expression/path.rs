//! Document paths, resolved: where in an item something is.
use crate::value::{Item, Value};
use std::fmt::{self, Display, Formatter};

/// One step below an attribute.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Step {
    /// Into a list, at the index.
    Index(usize),
    /// Into a map, at the name.
    Name(String),
}

/// Where in an item something is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Path {
    /// The attribute.
    pub attribute: String,
    /// The steps below it.
    pub steps: Vec<Step>,
}

/// How two paths of one expression stand in each other's way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Clash {
    /// One leads to the other, or they are the same.
    Overlap,
    /// One takes for a list what the other takes for a map.
    Conflict,
}

impl Path {
    /// The path to an attribute.
    pub(crate) fn to(attribute: impl Into<String>) -> Self {
        Self { attribute: attribute.into(), steps: Vec::new() }
    }

    /// What is there, if anything is.
    #[must_use]
    pub fn find<'a>(&self, item: &'a Item) -> Option<&'a Value> {
        let attribute = item.get(&self.attribute)?;
        self.steps.iter().try_fold(attribute, |value, step| match (step, value) {
            (Step::Name(name), Value::M(map)) => map.get(name),
            (Step::Index(index), Value::L(list)) => list.get(*index),
            _ => None,
        })
    }

    fn clash(&self, other: &Self) -> Option<Clash> {
        if self.attribute != other.attribute {
            return None;
        }
        for steps in self.steps.iter().zip(&other.steps) {
            match steps {
                (one, two) if one == two => {}
                (Step::Name(_), Step::Name(_)) | (Step::Index(_), Step::Index(_)) => return None,
                _ => return Some(Clash::Conflict),
            }
        }
        Some(Clash::Overlap)
    }
}

/// As the service writes a path: `[a, b, [1]]`.
impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.attribute)?;
        for step in &self.steps {
            match step {
                Step::Name(name) => write!(f, ", {name}")?,
                Step::Index(index) => write!(f, ", [{index}]")?,
            }
        }
        f.write_str("]")
    }
}

/// The refusal of paths that stand in each other's way: overlaps come before conflicts, and the earliest later path
/// before others.
pub(super) fn clash(paths: &[&Path]) -> Option<String> {
    let pair = |kind| {
        let earlier = |later: usize| paths.iter().take(later).map(move |one| (*one, paths[later]));
        (0..paths.len()).flat_map(earlier).find(|(one, two)| one.clash(two) == Some(kind))
    };
    let (verb, (one, two)) = match pair(Clash::Overlap) {
        Some(found) => ("overlap", found),
        None => ("conflict", pair(Clash::Conflict)?),
    };
    Some(format!(
        "Two document paths {verb} with each other; must remove or rewrite one of these paths; path one: {one}, path two: {two}"
    ))
}
