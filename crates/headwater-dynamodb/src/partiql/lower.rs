//! From a statement's tree to the trees of the expression language: values go under keys of their own, so that operands
//! are checked, and refused, by the one place that knows how.
//!
//! Invariant: expressions are lowered in the order they are written, which is that of their parameters.
use super::{
    syntax::{Action, Call, Comparator, Expression, Path, Step},
    terms::TYPES,
};
use crate::{
    errors::{self, Result},
    expression::{self, Condition, Placeholders, Update, syntax},
    number::Number,
    value::{Item, Value},
};
use headwater_wire::AttributeValue;
use std::sync::LazyLock;

/// Values in one statement: it has at most 8192 characters, and a value takes one and a separator.
const MAX_VALUES: usize = 4096;

/// What the path to a number of the statement begins with.
const ROOT: &str = "root";

/// Keys of values, in their order.
static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| (0..MAX_VALUES).map(|at| format!(":{at:04}")).collect());

/// The values a statement brings, while it is lowered.
pub(super) struct Lowering {
    parameters: std::vec::IntoIter<AttributeValue>,
    values: Vec<Value>,
}

impl Lowering {
    pub(super) fn new(parameters: Option<Vec<AttributeValue>>) -> Self {
        Self { parameters: parameters.unwrap_or_default().into_iter(), values: Vec::new() }
    }

    /// # Errors
    /// There are parameters that stand nowhere in the statement.
    pub(super) fn finish(mut self) -> Result<()> {
        self.parameters.next().map_or(Ok(()), |_| Err(errors::parameters_do_not_match()))
    }

    pub(super) fn condition(&mut self, expression: &Expression) -> Result<Condition> {
        let tree = self.tree(expression)?;
        self.placeholders().condition_of(&tree)
    }

    pub(super) fn update(&mut self, actions: &[Action]) -> Result<Update> {
        let (mut set, mut removed, mut added, mut deleted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for action in actions {
            match action {
                Action::Remove(path) => removed.push(lower(path)),
                Action::Set(path, Expression::Call(call)) if call.function == "set_add" => {
                    added.push((lower(path), self.members(path, call)?));
                }
                Action::Set(path, Expression::Call(call)) if call.function == "set_delete" => {
                    deleted.push((lower(path), self.members(path, call)?));
                }
                Action::Set(path, value) => set.push((lower(path), self.new_value(value)?)),
            }
        }
        let mut sections = Vec::new();
        if !set.is_empty() {
            sections.push(syntax::Section::Set(set));
        }
        if !removed.is_empty() {
            sections.push(syntax::Section::Remove(removed));
        }
        if !added.is_empty() {
            sections.push(syntax::Section::Add(added));
        }
        if !deleted.is_empty() {
            sections.push(syntax::Section::Delete(deleted));
        }
        self.placeholders().update_of(&syntax::Update(sections))
    }

    pub(super) fn item(&mut self, expression: &Expression) -> Result<Item> {
        let wire = match expression {
            // Each attribute is a root of its own.
            Expression::Map(members) => self.map(members, |_| ROOT.to_owned())?,
            other => self.wire(other, ROOT)?,
        };
        match Value::read(wire)? {
            Value::M(item) => Ok(item),
            _ => Err(errors::not_a_value(expression, ROOT)),
        }
    }

    pub(super) fn path(path: &Path) -> Result<expression::Path> {
        Placeholders::default().path_of(&lower(path))
    }

    fn placeholders(&mut self) -> Placeholders {
        Placeholders::of_values(KEYS.iter().cloned().zip(std::mem::take(&mut self.values)))
    }

    fn tree<'a>(&mut self, expression: &'a Expression) -> Result<syntax::Condition<'a>> {
        let mut all = |parts: &'a [Expression]| parts.iter().map(|part| self.tree(part)).collect::<Result<Vec<_>>>();
        Ok(match expression {
            Expression::And(parts) => syntax::Condition::And(all(parts)?),
            Expression::Or(parts) => syntax::Condition::Or(all(parts)?),
            Expression::Not(inner) => syntax::Condition::Not(Box::new(self.tree(inner)?)),
            Expression::Compare(comparator, both) => {
                let [left, right] = &**both;
                if let (Expression::Call(call), Expression::Bool(value), Comparator::Equal) = (left, right, comparator)
                    && let Some(function) = condition_function(call)
                {
                    let tested = self.call(function, call)?;
                    return Ok(if *value { tested } else { syntax::Condition::Not(Box::new(tested)) });
                }
                syntax::Condition::Compare(*comparator, self.operand(left)?, self.operand(right)?)
            }
            Expression::Between(three) => {
                let [operand, lower, upper] = &**three;
                let operands = [self.operand(operand)?, self.operand(lower)?, self.operand(upper)?];
                syntax::Condition::Between(Box::new(operands))
            }
            Expression::In(operand, list) => {
                let operand = self.operand(operand)?;
                syntax::Condition::In(operand, self.operands(list)?)
            }
            Expression::IsMissing(operand) => {
                let arguments = vec![self.operand(operand)?];
                syntax::Condition::Call(syntax::Call { function: "attribute_not_exists", arguments })
            }
            Expression::Is(operand, word) => {
                let letters = TYPES.iter().find_map(|(known, letters)| (known == word).then_some(*letters));
                let kind = Value::S(letters.unwrap_or(word).into());
                let arguments = vec![self.operand(operand)?, self.key(kind)?];
                syntax::Condition::Call(syntax::Call { function: "attribute_type", arguments })
            }
            Expression::Call(call) => {
                let function = condition_function(call).ok_or_else(|| errors::unknown_function(call))?;
                self.call(function, call)?
            }
            other => return Err(errors::not_a_condition(other)),
        })
    }

    fn call<'a>(&mut self, function: &'a str, call: &'a Call) -> Result<syntax::Condition<'a>> {
        Ok(syntax::Condition::Call(syntax::Call { function, arguments: self.operands(&call.arguments)? }))
    }

    fn operands<'a>(&mut self, list: &'a [Expression]) -> Result<Vec<syntax::Operand<'a>>> {
        list.iter().map(|one| self.operand(one)).collect()
    }

    fn operand<'a>(&mut self, expression: &'a Expression) -> Result<syntax::Operand<'a>> {
        match expression {
            Expression::Path(path) => Ok(syntax::Operand::Path(lower(path))),
            Expression::Call(call) if call.function == "size" => {
                let arguments = self.operands(&call.arguments)?;
                Ok(syntax::Operand::Call(syntax::Call { function: "size", arguments }))
            }
            Expression::Call(call) => Err(errors::unknown_function(call)),
            value => {
                let value = Value::read(self.wire(value, ROOT)?)?;
                self.key(value)
            }
        }
    }

    fn new_value<'a>(&mut self, expression: &'a Expression) -> Result<syntax::NewValue<'a>> {
        match expression {
            Expression::Plus(both) => Ok(syntax::NewValue::Plus(self.part(&both[0])?, self.part(&both[1])?)),
            Expression::Minus(both) => Ok(syntax::NewValue::Minus(self.part(&both[0])?, self.part(&both[1])?)),
            other => self.part(other).map(syntax::NewValue::Operand),
        }
    }

    /// An operand of what a path is set to.
    fn part<'a>(&mut self, expression: &'a Expression) -> Result<syntax::Operand<'a>> {
        match expression {
            Expression::Call(call) if call.function == "list_append" => {
                let arguments = call.arguments.iter().map(|argument| self.part(argument)).collect::<Result<_>>()?;
                Ok(syntax::Operand::Call(syntax::Call { function: "list_append", arguments }))
            }
            Expression::Call(call) => Err(errors::unknown_function(call)),
            other => self.operand(other),
        }
    }

    /// The second argument of a function that changes the set at `path`.
    fn members(&mut self, path: &Path, call: &Call) -> Result<&'static str> {
        let [changed, members] = &*call.arguments else { return Err(errors::set_function_arguments(call)) };
        if !matches!(changed, Expression::Path(changed) if changed == path) {
            return Err(errors::set_function_target(call));
        }
        match Value::read(self.wire(members, ROOT)?)? {
            value @ (Value::Ss(_) | Value::Ns(_) | Value::Bs(_)) => self.keep(value),
            _ => Err(errors::set_function_members(call)),
        }
    }

    fn key<'a>(&mut self, value: Value) -> Result<syntax::Operand<'a>> {
        self.keep(value).map(syntax::Operand::Value)
    }

    /// Keeps a value; gives its key.
    fn keep(&mut self, value: Value) -> Result<&'static str> {
        let key = KEYS.get(self.values.len()).ok_or_else(|| errors::malformed_statement("Too many values"))?;
        self.values.push(value);
        Ok(key)
    }

    /// A value as a caller would have sent it: it is checked with all others, but for the numbers of the statement
    /// itself, whose refusal says where they stand: `under`.
    fn wire(&mut self, expression: &Expression, under: &str) -> Result<AttributeValue> {
        Ok(match expression {
            Expression::Parameter => self.parameters.next().ok_or_else(errors::parameters_do_not_match)?,
            Expression::Text(text) => AttributeValue::S(text.clone()),
            Expression::Number(number) => match Number::parse(number) {
                Ok(_) => AttributeValue::N(number.clone()),
                Err(error) => return Err(errors::number_under(&error, under)),
            },
            Expression::Bool(value) => AttributeValue::Bool(*value),
            Expression::Null => AttributeValue::Null(true),
            Expression::List(elements) => AttributeValue::L(self.elements(elements, under)?),
            Expression::Map(members) => self.map(members, |name| format!("{under}.{name}"))?,
            Expression::Set(members) => set(self.elements(members, under)?)?,
            other => return Err(errors::not_a_value(other, under)),
        })
    }

    fn elements(&mut self, elements: &[Expression], under: &str) -> Result<Vec<AttributeValue>> {
        let elements = elements.iter().enumerate();
        elements.map(|(at, element)| self.wire(element, &format!("{under}[{at}]"))).collect()
    }

    /// A map. A member that is missing is not there.
    fn map(&mut self, members: &[(String, Expression)], under: impl Fn(&str) -> String) -> Result<AttributeValue> {
        let members = members.iter().filter(|(_, value)| *value != Expression::Missing);
        let members = members.map(|(name, value)| Ok((name.clone(), self.wire(value, &under(name))?)));
        Ok(AttributeValue::M(members.collect::<Result<_>>()?))
    }
}

/// The set of these members, by the type of the first.
fn set(members: Vec<AttributeValue>) -> Result<AttributeValue> {
    fn all<T>(members: Vec<AttributeValue>, one: fn(AttributeValue) -> Option<T>) -> Result<Vec<T>> {
        members.into_iter().map(one).collect::<Option<_>>().ok_or_else(errors::set_of_several_types)
    }
    match members.first() {
        Some(AttributeValue::N(_)) => all(members, |member| match member {
            AttributeValue::N(number) => Some(number),
            _ => None,
        })
        .map(AttributeValue::Ns),
        Some(AttributeValue::B(_)) => all(members, |member| match member {
            AttributeValue::B(bytes) => Some(bytes),
            _ => None,
        })
        .map(AttributeValue::Bs),
        None => Err(errors::empty_bag()),
        _ => all(members, |member| match member {
            AttributeValue::S(text) => Some(text),
            _ => None,
        })
        .map(AttributeValue::Ss),
    }
}

/// The function a condition may be, by its name.
fn condition_function(call: &Call) -> Option<&'static str> {
    let known = ["attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"];
    known.into_iter().find(|known| *known == call.function)
}

fn lower(path: &Path) -> syntax::Path<'_> {
    let steps = path.steps.iter().map(|step| match step {
        Step::Name(name) => syntax::Step::Name(name),
        Step::Index(digits) => syntax::Step::Index(digits),
    });
    syntax::Path(std::iter::once(syntax::Step::Name(&path.attribute)).chain(steps).collect())
}
