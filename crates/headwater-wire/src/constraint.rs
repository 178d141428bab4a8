//! The model's constraints, and the sentences the services make of what violates them. All violations of a request are
//! told together, in the order of the members, however the request was ordered.
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    ErrorKind, ServiceError,
    codec::{Encode, Shape},
    java,
    pattern::Pattern,
};

/// The services tell no more than this many violations at once.
const MAX_TOLD: usize = 10;

/// One step from the input down to a value.
pub(crate) enum Step {
    /// Into a member of a structure.
    Member(&'static Shape, usize),
    /// Into an element of a list.
    Element(usize),
    /// Into an entry of a map.
    Entry(usize, String),
}

impl Step {
    /// Where the step stands among its siblings when violations are told.
    fn rank(&self) -> usize {
        match self {
            Self::Member(_, index) | Self::Element(index) | Self::Entry(index, _) => *index,
        }
    }
}

#[derive(Debug)]
struct Violation {
    place: Vec<usize>,
    sentence: String,
}

/// What violates constraints so far, and where in the input reading has got to.
#[derive(Default)]
pub struct Violations {
    path: Vec<Step>,
    /// Sorted by place; never more than [`MAX_TOLD`].
    found: Vec<Violation>,
}

impl Violations {
    /// Goes down one step. What was found below it before is forgotten: of equal names the last one counts.
    pub(crate) fn enter(&mut self, step: Step) {
        self.path.push(step);
        if !self.found.is_empty() {
            let place = self.place();
            self.found.retain(|violation| !violation.place.starts_with(&place));
        }
    }

    pub(crate) fn leave(&mut self) {
        self.path.pop();
    }

    fn place(&self) -> Vec<usize> {
        self.path.iter().map(Step::rank).collect()
    }

    fn name(&self) -> String {
        let mut name = String::new();
        for step in &self.path {
            if !name.is_empty() {
                name.push('.');
            }
            match step {
                Step::Member(shape, member) => {
                    let mut letters = shape.members.get(*member).copied().unwrap_or_default().chars();
                    name.extend(letters.next().map(|first| first.to_ascii_lowercase()));
                    name.push_str(letters.as_str());
                }
                Step::Element(index) => {
                    name.push_str(&(index + 1).to_string());
                    name.push_str(".member");
                }
                Step::Entry(_, key) => {
                    name.push_str(key);
                    name.push_str(".member");
                }
            }
        }
        name
    }

    /// The value where reading has got to violates a constraint.
    pub(crate) fn report(&mut self, value: &dyn Encode, constraint: &str) {
        self.tell(&format!("'{}'", java::text(value)), constraint);
    }

    /// Null where reading has got to.
    pub(crate) fn null_here(&mut self) {
        self.tell("null", "Member must not be null");
    }

    /// The structure just read has the members whose bits are set.
    pub(crate) fn missing(&mut self, shape: &'static Shape, present: u64) {
        if shape.required & !present == 0 {
            return;
        }
        for member in 0..shape.members.len() {
            let bit = 1_u64.wrapping_shl(u32::try_from(member).unwrap_or(0));
            if shape.required & !present & bit != 0 {
                self.path.push(Step::Member(shape, member));
                self.null_here();
                self.path.pop();
            }
        }
    }

    fn tell(&mut self, value: &str, constraint: &str) {
        let place = self.place();
        let at = self.found.partition_point(|violation| violation.place <= place);
        if at < MAX_TOLD {
            let sentence = format!("Value {value} at '{}' failed to satisfy constraint: {constraint}", self.name());
            self.found.insert(at, Violation { place, sentence });
            self.found.truncate(MAX_TOLD);
        }
    }

    /// All violations in the service's one sentence.
    ///
    /// # Errors
    /// `ValidationException` if there are any.
    pub(crate) fn into_result(self) -> Result<(), ServiceError> {
        let plural = match self.found.len() {
            0 => return Ok(()),
            1 => "",
            _ => "s",
        };
        let sentences: Vec<&str> = self.found.iter().map(|violation| violation.sentence.as_str()).collect();
        let message = format!("{} validation error{plural} detected: {}", sentences.len(), sentences.join("; "));
        Err(ServiceError { message: Some(message), ..ServiceError::bare("ValidationException", ErrorKind::Sender) })
    }
}

/// What a value must satisfy.
pub(crate) trait Rule<T> {
    /// Names each constraint that `value` violates.
    fn broken(&self, value: &T, tell: &mut dyn FnMut(String));
    /// Names all constraints: of a list's elements the services tell all of them when one is violated.
    fn all(&self, tell: &mut dyn FnMut(String));
}

/// No constraint.
pub(crate) struct Free;

impl<T> Rule<T> for Free {
    fn broken(&self, _value: &T, _tell: &mut dyn FnMut(String)) {}
    fn all(&self, _tell: &mut dyn FnMut(String)) {}
}

/// How long a value may be: UTF-16 units of a string, bytes, elements, entries.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    pub(crate) min: Option<usize>,
    pub(crate) max: Option<usize>,
}

impl Length {
    fn check(self, len: usize, tell: &mut dyn FnMut(String)) {
        if let Some(min) = self.min.filter(|min| len < *min) {
            tell(at_least(min));
        }
        if let Some(max) = self.max.filter(|max| len > *max) {
            tell(at_most(max));
        }
    }

    fn list(self, tell: &mut dyn FnMut(String)) {
        self.max.into_iter().for_each(|max| tell(at_most(max)));
        self.min.into_iter().for_each(|min| tell(at_least(min)));
    }
}

fn at_least(min: usize) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn at_most(max: usize) -> String {
    format!("Member must have length less than or equal to {max}")
}

impl Rule<Bytes> for Length {
    fn broken(&self, value: &Bytes, tell: &mut dyn FnMut(String)) {
        self.check(value.len(), tell);
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        self.list(tell);
    }
}

/// What a string must be like.
pub(crate) struct Text {
    pub(crate) length: Length,
    pub(crate) pattern: Option<Pattern>,
}

impl Rule<String> for Text {
    fn broken(&self, value: &String, tell: &mut dyn FnMut(String)) {
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.matches(value)) {
            tell(pattern.sentence());
        }
        let len = if value.is_ascii() { value.len() } else { value.encode_utf16().count() };
        self.length.check(len, tell);
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        self.length.list(tell);
        self.pattern.iter().for_each(|pattern| tell(pattern.sentence()));
    }
}

/// The words a string must be one of, in the order in which the service lists them.
pub(crate) struct OneOf(pub(crate) &'static [&'static str]);

impl OneOf {
    fn sentence(&self) -> String {
        format!("Member must satisfy enum value set: [{}]", self.0.join(", "))
    }
}

impl Rule<String> for OneOf {
    fn broken(&self, value: &String, tell: &mut dyn FnMut(String)) {
        if !self.0.contains(&value.as_str()) {
            tell(self.sentence());
        }
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        tell(self.sentence());
    }
}

/// Between which values a number must lie.
pub(crate) struct Range {
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

impl Range {
    fn check(&self, below: impl Fn(i64) -> bool, above: impl Fn(i64) -> bool, tell: &mut dyn FnMut(String)) {
        if let Some(min) = self.min.filter(|min| below(*min)) {
            tell(format!("Member must have value greater than or equal to {min}"));
        }
        if let Some(max) = self.max.filter(|max| above(*max)) {
            tell(format!("Member must have value less than or equal to {max}"));
        }
    }

    fn list(&self, tell: &mut dyn FnMut(String)) {
        self.max.into_iter().for_each(|max| tell(format!("Member must have value less than or equal to {max}")));
        self.min.into_iter().for_each(|min| tell(format!("Member must have value greater than or equal to {min}")));
    }
}

impl<N: Copy + Into<Number>> Rule<N> for Range {
    fn broken(&self, value: &N, tell: &mut dyn FnMut(String)) {
        match (*value).into() {
            Number::Whole(value) => self.check(|min| value < min, |max| value > max, tell),
            Number::Decimal(value) => self.check(|min| value < as_f64(min), |max| value > as_f64(max), tell),
        }
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        self.list(tell);
    }
}

/// Any of the models' numbers.
pub(crate) enum Number {
    Whole(i64),
    Decimal(f64),
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        Self::Whole(i64::from(value))
    }
}
impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Whole(value)
    }
}
impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Decimal(value)
    }
}

/// The models' bounds are small whole numbers.
#[expect(clippy::cast_precision_loss, reason = "bounds are far below 2^53")]
const fn as_f64(bound: i64) -> f64 {
    bound as f64
}

/// What a list and each of its elements must be like.
pub(crate) struct ListOf<R> {
    pub(crate) length: Length,
    pub(crate) each: R,
}

impl<T, R: Rule<T>> Rule<Vec<T>> for ListOf<R> {
    fn broken(&self, value: &Vec<T>, tell: &mut dyn FnMut(String)) {
        self.length.check(value.len(), tell);
        each(&self.each, value, "Member", tell);
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        self.length.list(tell);
        gathered(&self.each, "Member", tell);
    }
}

/// What a map, its keys and its values must be like.
pub(crate) struct MapOf<K, R> {
    pub(crate) length: Length,
    pub(crate) key: K,
    pub(crate) value: R,
}

impl<T, K: Rule<String>, R: Rule<T>> Rule<BTreeMap<String, T>> for MapOf<K, R> {
    fn broken(&self, value: &BTreeMap<String, T>, tell: &mut dyn FnMut(String)) {
        self.length.check(value.len(), tell);
        each(&self.key, value.keys(), "Map keys", tell);
        each(&self.value, value.values(), "Map value", tell);
    }
    fn all(&self, tell: &mut dyn FnMut(String)) {
        self.length.list(tell);
        gathered(&self.key, "Map keys", tell);
        gathered(&self.value, "Map value", tell);
    }
}

fn each<'a, T: 'a>(
    rule: &dyn Rule<T>,
    values: impl IntoIterator<Item = &'a T>,
    who: &str,
    tell: &mut dyn FnMut(String),
) {
    let mut violated = false;
    for value in values {
        rule.broken(value, &mut |_| violated = true);
        if violated {
            return gathered(rule, who, tell);
        }
    }
}

fn gathered<T>(rule: &dyn Rule<T>, who: &str, tell: &mut dyn FnMut(String)) {
    let mut sentences = Vec::new();
    rule.all(&mut |sentence| sentences.push(sentence));
    if !sentences.is_empty() {
        tell(format!("{who} must satisfy constraint: [{}]", sentences.join(", ")));
    }
}
