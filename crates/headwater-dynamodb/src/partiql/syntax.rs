//! What a statement says, before its parameters are known. Printing a tree and parsing what was printed gives the tree
//! again.
pub use crate::expression::syntax::Comparator;
use std::fmt::{self, Display, Formatter};

/// Where something stands in a statement's text: for refusals alone. It is no part of what the statement says, so all
/// places are equal.
#[derive(Clone, Copy, Eq, Debug, Default)]
pub struct Span {
    /// From 1 on.
    pub line: usize,
    /// In letters, from 1 on.
    pub column: usize,
    /// In letters.
    pub length: usize,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.line, self.column, self.length)
    }
}

/// A statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Statement {
    /// `SELECT … FROM …`.
    Select(Select),
    /// `EXISTS(SELECT … FROM …)`.
    Exists(Select),
    /// `INSERT INTO … VALUE …`.
    Insert {
        /// The table.
        table: String,
        /// The item.
        value: Expression,
    },
    /// `UPDATE … SET … REMOVE … WHERE …`.
    Update {
        /// The table.
        table: String,
        /// What is done, at least one.
        actions: Vec<Action>,
        /// To which item.
        filter: Option<Expression>,
        /// What is told of it.
        returning: Option<Returning>,
    },
    /// `DELETE FROM … WHERE …`.
    Delete {
        /// The table.
        table: String,
        /// Which item.
        filter: Option<Expression>,
        /// What is told of it.
        returning: Option<Returning>,
    },
}

/// `SELECT paths FROM "table"."index" WHERE … ORDER BY …`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Select {
    /// What is shown; `None` is everything.
    pub paths: Option<Vec<Path>>,
    /// The table.
    pub table: String,
    /// Its index.
    pub index: Option<String>,
    /// Which items.
    pub filter: Option<Expression>,
    /// By which attributes, and whether the greatest comes first.
    pub order: Vec<(String, bool)>,
}

/// One step of a path below its first name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A name.
    Name(String),
    /// The digits of a list index.
    Index(String),
}

/// A document path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The attribute.
    pub attribute: String,
    /// The steps below it.
    pub steps: Vec<Step>,
}

/// What an update does at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// `SET path = value`.
    Set(Path, Expression),
    /// `REMOVE path`.
    Remove(Path),
}

/// `RETURNING … *`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Returning {
    /// Only what was named by an action, not the whole item.
    pub is_modified: bool,
    /// The item as it became, not as it was.
    pub is_new: bool,
}

/// A function of some arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// The name, in lower case; it may be no function's.
    pub function: String,
    /// The arguments.
    pub arguments: Vec<Expression>,
    /// Where the name stands.
    pub at: Span,
    /// Where the first argument begins.
    pub first_at: Span,
}

/// A value, a path, or a condition: which of them may stand where is checked later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expression {
    /// A path.
    Path(Path),
    /// `?`.
    Parameter,
    /// `'text'`.
    Text(String),
    /// A number as written, with its sign.
    Number(String),
    /// `TRUE` or `FALSE`.
    Bool(bool),
    /// `NULL`.
    Null,
    /// `MISSING`.
    Missing,
    /// `[…]`.
    List(Vec<Expression>),
    /// `{'name': …}`.
    Map(Vec<(String, Expression)>),
    /// `<<…>>`.
    Set(Vec<Expression>),
    /// A function of some arguments.
    Call(Call),
    /// A sum.
    Plus(Box<[Expression; 2]>),
    /// A difference.
    Minus(Box<[Expression; 2]>),
    /// Two compared.
    Compare(Comparator, Box<[Expression; 2]>),
    /// Whether the first lies between the second and the third.
    Between(Box<[Expression; 3]>),
    /// Whether it is one of a list.
    In(Box<Expression>, Vec<Expression>),
    /// `IS MISSING`.
    IsMissing(Box<Expression>),
    /// `IS` a type, by its word.
    Is(Box<Expression>, &'static str),
    /// Not that.
    Not(Box<Expression>),
    /// All of two or more.
    And(Vec<Expression>),
    /// One of two or more.
    Or(Vec<Expression>),
}
