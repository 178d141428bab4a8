//! The printer: names always in double quotes, parentheses only where a tree would otherwise be torn apart.
use super::syntax::{Action, Expression, Path, Returning, Select, Statement, Step};
use crate::expression::syntax::Joined;
use std::fmt::{self, Display, Formatter};

/// A name in double quotes.
struct Name<'a>(&'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// A string in single quotes.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Name(&self.attribute).fmt(f)?;
        self.steps.iter().try_for_each(|step| match step {
            Step::Name(name) => write!(f, ".{}", Name(name)),
            Step::Index(digits) => write!(f, "[{digits}]"),
        })
    }
}

/// How tightly the parts of an expression hold together.
fn strength(expression: &Expression) -> u8 {
    match expression {
        Expression::Or(_) => 0,
        Expression::And(_) => 1,
        Expression::Not(_) => 2,
        Expression::Compare(..)
        | Expression::Between(_)
        | Expression::In(..)
        | Expression::IsMissing(_)
        | Expression::Is(..) => 3,
        Expression::Plus(_) | Expression::Minus(_) => 4,
        _ => 5,
    }
}

/// An expression within another: in parentheses where it holds less tightly than that asks for.
struct Inner<'a>(&'a Expression, u8);

impl Display for Inner<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if strength(self.0) < self.1 { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

fn inner(parts: &[Expression], strength: u8) -> Vec<Inner<'_>> {
    parts.iter().map(|part| Inner(part, strength)).collect()
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.fmt(f),
            Self::Parameter => f.write_str("?"),
            Self::Text(text) => Text(text).fmt(f),
            Self::Number(number) => f.write_str(number),
            Self::Bool(value) => f.write_str(if *value { "TRUE" } else { "FALSE" }),
            Self::Null => f.write_str("NULL"),
            Self::Missing => f.write_str("MISSING"),
            Self::List(elements) => write!(f, "[{}]", Joined(&inner(elements, 4), ", ")),
            Self::Map(members) => {
                let print = |(name, value): &(String, _)| format!("{}: {}", Text(name), Inner(value, 4));
                let members: Vec<_> = members.iter().map(print).collect();
                write!(f, "{{{}}}", Joined(&members, ", "))
            }
            Self::Set(members) => write!(f, "<<{}>>", Joined(&inner(members, 4), ", ")),
            Self::Call(call) => write!(f, "{}({})", call.function, Joined(&inner(&call.arguments, 4), ", ")),
            Self::Plus(both) => write!(f, "{} + {}", Inner(&both[0], 4), Inner(&both[1], 5)),
            Self::Minus(both) => write!(f, "{} - {}", Inner(&both[0], 4), Inner(&both[1], 5)),
            Self::Compare(how, both) => write!(f, "{} {} {}", Inner(&both[0], 4), how.as_str(), Inner(&both[1], 4)),
            Self::Between(three) => {
                let [one, lower, upper] = three.each_ref().map(|part| Inner(part, 4));
                write!(f, "{one} BETWEEN {lower} AND {upper}")
            }
            Self::In(one, list) => write!(f, "{} IN [{}]", Inner(one, 4), Joined(&inner(list, 4), ", ")),
            Self::IsMissing(one) => write!(f, "{} IS MISSING", Inner(one, 4)),
            Self::Is(one, word) => write!(f, "{} IS {word}", Inner(one, 4)),
            Self::Not(one) => write!(f, "NOT {}", Inner(one, 2)),
            Self::And(parts) => Joined(&inner(parts, 2), " AND ").fmt(f),
            Self::Or(parts) => Joined(&inner(parts, 1), " OR ").fmt(f),
        }
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.paths {
            Some(paths) => write!(f, "SELECT {}", Joined(paths, ", "))?,
            None => f.write_str("SELECT *")?,
        }
        write!(f, " FROM {}", Name(&self.table))?;
        if let Some(index) = &self.index {
            write!(f, ".{}", Name(index))?;
        }
        filtered(f, self.filter.as_ref())?;
        for (place, (name, descends)) in self.order.iter().enumerate() {
            let before = if place == 0 { " ORDER BY" } else { "," };
            write!(f, "{before} {} {}", Name(name), if *descends { "DESC" } else { "ASC" })?;
        }
        Ok(())
    }
}

fn filtered(f: &mut Formatter<'_>, filter: Option<&Expression>) -> fmt::Result {
    filter.map_or(Ok(()), |filter| write!(f, " WHERE {filter}"))
}

impl Display for Returning {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let what = if self.is_modified { "MODIFIED" } else { "ALL" };
        write!(f, "RETURNING {what} {} *", if self.is_new { "NEW" } else { "OLD" })
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select(select) => select.fmt(f),
            Self::Exists(select) => write!(f, "EXISTS({select})"),
            Self::Insert { table, value } => write!(f, "INSERT INTO {} VALUE {}", Name(table), Inner(value, 4)),
            Self::Update { table, actions, filter, returning } => {
                write!(f, "UPDATE {}", Name(table))?;
                for action in actions {
                    match action {
                        Action::Set(path, value) => write!(f, " SET {path} = {}", Inner(value, 4))?,
                        Action::Remove(path) => write!(f, " REMOVE {path}")?,
                    }
                }
                filtered(f, filter.as_ref())?;
                returning.map_or(Ok(()), |returning| write!(f, " {returning}"))
            }
            Self::Delete { table, filter, returning } => {
                write!(f, "DELETE FROM {}", Name(table))?;
                filtered(f, filter.as_ref())?;
                returning.map_or(Ok(()), |returning| write!(f, " {returning}"))
            }
        }
    }
}
