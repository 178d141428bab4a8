//! What an expression says, before its placeholders are known: trees that borrow from the text, and their printer.
//! Printing a tree and parsing what was printed gives the tree again.
use std::fmt::{self, Display, Formatter};

/// One step of a document path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// A name as written.
    Name(&'a str),
    /// `#alias`, with its `#`.
    Alias(&'a str),
    /// A list index: its digits.
    Index(&'a str),
}

/// A document path: at least one step, the first of them no index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path<'a>(pub Vec<Step<'a>>);

/// What stands on a side of an operator, or among a function's arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operand<'a> {
    /// A document path.
    Path(Path<'a>),
    /// `:value`, with its `:`.
    Value(&'a str),
    /// A function of other operands.
    Call(Call<'a>),
}

/// A function and its arguments, of which there is at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call<'a> {
    /// The name as written; it may be no function's.
    pub function: &'a str,
    /// The arguments.
    pub arguments: Vec<Operand<'a>>,
}

/// The six comparisons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparator {
    /// `=`.
    Equal,
    /// `<>`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

impl Comparator {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// The comparator that is written so.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Equal, Self::NotEqual, Self::Less, Self::LessOrEqual, Self::Greater, Self::GreaterOrEqual];
        all.into_iter().find(|comparator| comparator.as_str() == text)
    }
}

/// A condition, a filter or a key condition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition<'a> {
    /// All of two or more.
    And(Vec<Condition<'a>>),
    /// One of two or more.
    Or(Vec<Condition<'a>>),
    /// Not that.
    Not(Box<Condition<'a>>),
    /// Two operands compared.
    Compare(Comparator, Operand<'a>, Operand<'a>),
    /// Whether the first lies between the second and the third.
    Between(Box<[Operand<'a>; 3]>),
    /// Whether the operand is among the list.
    In(Operand<'a>, Vec<Operand<'a>>),
    /// A function.
    Call(Call<'a>),
}

/// What a path is set to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NewValue<'a> {
    /// An operand.
    Operand(Operand<'a>),
    /// A sum.
    Plus(Operand<'a>, Operand<'a>),
    /// A difference.
    Minus(Operand<'a>, Operand<'a>),
}

/// One section of an update: at least one action of one kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Section<'a> {
    /// `SET path = value, …`.
    Set(Vec<(Path<'a>, NewValue<'a>)>),
    /// `REMOVE path, …`.
    Remove(Vec<Path<'a>>),
    /// `ADD path :value, …`.
    Add(Vec<(Path<'a>, &'a str)>),
    /// `DELETE path :value, …`.
    Delete(Vec<(Path<'a>, &'a str)>),
}

impl Section<'_> {
    /// The word it begins with.
    #[must_use]
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Set(_) => "SET",
            Self::Remove(_) => "REMOVE",
            Self::Add(_) => "ADD",
            Self::Delete(_) => "DELETE",
        }
    }
}

/// An update: its sections as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Update<'a>(pub Vec<Section<'a>>);

/// A projection: its paths as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Projection<'a>(pub Vec<Path<'a>>);

impl Display for Path<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(digits) => write!(f, "[{digits}]")?,
                Step::Name(name) | Step::Alias(name) if place == 0 => f.write_str(name)?,
                Step::Name(name) | Step::Alias(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Value(value) => f.write_str(value),
            Self::Call(call) => call.fmt(f),
        }
    }
}

impl Display for Call<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.function, Joined(&self.arguments, ", "))
    }
}

/// A condition within another one: in parentheses where it would otherwise be torn apart.
struct Inner<'a>(&'a Condition<'a>, fn(&Condition<'_>) -> bool);

impl Display for Inner<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if (self.1)(self.0) { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

impl Display for Condition<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let and_or = |inner: &Condition<'_>| matches!(inner, Condition::And(_) | Condition::Or(_));
        match self {
            Self::And(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| Inner(part, and_or)).collect();
                Joined(&parts, " AND ").fmt(f)
            }
            Self::Or(parts) => {
                let or = |inner: &Condition<'_>| matches!(inner, Condition::Or(_));
                let parts: Vec<_> = parts.iter().map(|part| Inner(part, or)).collect();
                Joined(&parts, " OR ").fmt(f)
            }
            Self::Not(inner) => write!(f, "NOT {}", Inner(inner, and_or)),
            Self::Compare(comparator, left, right) => write!(f, "{left} {} {right}", comparator.as_str()),
            Self::Between(operands) => {
                let [operand, lower, upper] = &**operands;
                write!(f, "{operand} BETWEEN {lower} AND {upper}")
            }
            Self::In(operand, list) => write!(f, "{operand} IN ({})", Joined(list, ", ")),
            Self::Call(call) => call.fmt(f),
        }
    }
}

impl Display for NewValue<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operand(operand) => operand.fmt(f),
            Self::Plus(left, right) => write!(f, "{left} + {right}"),
            Self::Minus(left, right) => write!(f, "{left} - {right}"),
        }
    }
}

impl Display for Section<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.keyword())?;
        match self {
            Self::Set(actions) => {
                let actions: Vec<_> = actions.iter().map(|(path, value)| format!("{path} = {value}")).collect();
                Joined(&actions, ", ").fmt(f)
            }
            Self::Remove(paths) => Joined(paths, ", ").fmt(f),
            Self::Add(actions) | Self::Delete(actions) => {
                let actions: Vec<_> = actions.iter().map(|(path, value)| format!("{path} {value}")).collect();
                Joined(&actions, ", ").fmt(f)
            }
        }
    }
}

impl Display for Update<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Joined(&self.0, " ").fmt(f)
    }
}

impl Display for Projection<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Joined(&self.0, ", ").fmt(f)
    }
}

/// Parts with something between them.
pub(crate) struct Joined<'a, T>(pub(crate) &'a [T], pub(crate) &'static str);

impl<T: Display> Display for Joined<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, part) in self.0.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { self.1 })?;
            part.fmt(f)?;
        }
        Ok(())
    }
}
