//! The parser of statements: recursive descent, with bounds on nesting and on operators, so that no text can exhaust
//! the stack. Its refusals are the ends of the service's sentence.
use super::{
    syntax::{Action, Returning, Select, Span, Statement},
    token::{Token, tokens},
};

/// Brackets, parentheses, functions and `NOT`s within one another.
const MAX_NESTING: usize = 64;
/// Operators in one statement.
const MAX_OPERATORS: usize = 300;

/// Words that are no names unless they stand in double quotes.
const KEYWORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "ORDER",
    "BY",
    "ASC",
    "DESC",
    "INSERT",
    "INTO",
    "VALUE",
    "UPDATE",
    "SET",
    "REMOVE",
    "DELETE",
    "RETURNING",
    "EXISTS",
    "NOT",
    "MISSING",
    "NULL",
    "TRUE",
    "FALSE",
    "AS",
    "VALUES",
    "LIMIT",
    "GROUP",
    "HAVING",
];
/// Such words that stand between two expressions.
const OPERATORS: &[&str] = &["AND", "OR", "IN", "BETWEEN", "IS", "LIKE"];

const LEFT_OVER: &str = "Unexpected token after expression";

/// What parsing gives, or why it was refused.
pub(super) type Parsed<T> = Result<T, Fault>;

/// Why a text is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It is no statement; the end of the service's sentence.
    Malformed(&'static str),
    /// It is one of another dialect; the service's sentence.
    Unsupported(&'static str),
}

/// Parses a statement.
pub(super) fn statement(text: &str) -> Parsed<Statement> {
    // Of what is no token the service says nothing.
    let tokens = tokens(text).ok_or(Fault::Malformed(""))?;
    let mut parser = Parser { tokens, at: 0, nesting: 0, operators: 0 };
    let statement = parser.statement()?;
    parser.take(";");
    if parser.peek().is_some() { Err(Fault::Malformed(LEFT_OVER)) } else { Ok(statement) }
}

pub(super) struct Parser {
    tokens: Vec<(Token, Span)>,
    /// What comes next.
    at: usize,
    nesting: usize,
    operators: usize,
}

impl Parser {
    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    /// Where that stands.
    pub(super) fn place(&self) -> Span {
        self.tokens.get(self.at).map(|(_, at)| *at).unwrap_or_default()
    }

    /// Whether the token after the next one is this symbol.
    pub(super) fn is_followed_by(&self, symbol: &str) -> bool {
        matches!(self.tokens.get(self.at + 1), Some((Token::Symbol(there), _)) if *there == symbol)
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let taken = self.peek().cloned();
        self.at += 1;
        taken
    }

    pub(super) fn take(&mut self, symbol: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Symbol(there)) if *there == symbol);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.take(symbol) { Ok(()) } else { self.refuse() }
    }

    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect_keyword(&mut self, keyword: &str) -> Parsed<()> {
        if self.take_keyword(keyword) { Ok(()) } else { self.refuse() }
    }

    /// Refuses what comes next.
    pub(super) fn refuse<T>(&self) -> Parsed<T> {
        Err(Fault::Malformed(match self.peek() {
            Some(Token::Word(word)) if is_one_of(OPERATORS, word) => "Unexpected operator",
            Some(Token::Word(word)) if is_keyword(word) => "Unexpected keyword",
            _ => "Unexpected term",
        }))
    }

    /// Goes a level deeper for what `inner` parses.
    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == MAX_NESTING {
            return Err(Fault::Malformed("Statement has too many nesting levels"));
        }
        self.nesting += 1;
        let parsed = inner(self);
        self.nesting -= 1;
        parsed
    }

    /// Counts an operator, which something must follow.
    pub(super) fn count_operator(&mut self) -> Parsed<()> {
        self.operators += 1;
        if self.peek().is_none() {
            return Err(Fault::Malformed("Missing right-hand side expression of infix operator"));
        }
        if self.operators > MAX_OPERATORS { Err(Fault::Malformed("Statement has too many operators")) } else { Ok(()) }
    }

    /// One or more, with commas between them.
    pub(super) fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut all = vec![one(self)?];
        while self.take(",") {
            all.push(one(self)?);
        }
        Ok(all)
    }

    pub(super) fn name(&mut self) -> Parsed<String> {
        let name = match self.peek() {
            Some(Token::Word(word)) if !is_keyword(word) => word.clone(),
            Some(Token::Quoted(name)) if name.is_empty() => {
                return Err(Fault::Unsupported("Path component cannot be an empty string"));
            }
            Some(Token::Quoted(name)) => name.clone(),
            _ => return Err(Fault::Malformed("Expected identifier for simple path")),
        };
        self.at += 1;
        Ok(name)
    }

    fn statement(&mut self) -> Parsed<Statement> {
        if self.take_keyword("SELECT") {
            self.select().map(Statement::Select)
        } else if self.take_keyword("EXISTS") {
            self.expect("(")?;
            self.expect_keyword("SELECT")?;
            let select = self.select()?;
            self.expect(")")?;
            Ok(Statement::Exists(select))
        } else if self.take_keyword("INSERT") {
            self.expect_keyword("INTO")?;
            let table = self.name()?;
            if !self.take_keyword("VALUE") {
                let is_word = matches!(self.peek(), Some(Token::Word(word)) if !is_keyword(word));
                return Err(Fault::Malformed(if is_word { LEFT_OVER } else { "Unexpected keyword" }));
            }
            Ok(Statement::Insert { table, value: self.sum()? })
        } else if self.take_keyword("UPDATE") {
            let (table, actions) = (self.table()?, self.actions()?);
            let (filter, returning) = (self.filter()?, self.returning()?);
            Ok(Statement::Update { table, actions, filter, returning })
        } else if self.take_keyword("FROM") {
            let (table, filter) = (self.table()?, self.filter()?);
            let (actions, returning) = (self.actions()?, self.returning()?);
            Ok(Statement::Update { table, actions, filter, returning })
        } else if self.take_keyword("DELETE") {
            self.expect_keyword("FROM")?;
            let table = self.table()?;
            let (filter, returning) = (self.filter()?, self.returning()?);
            Ok(Statement::Delete { table, filter, returning })
        } else {
            Err(Fault::Malformed("Expected data manipulation"))
        }
    }

    fn select(&mut self) -> Parsed<Select> {
        let paths = if self.take("*") { None } else { Some(self.list(Self::path)?) };
        self.expect_keyword("FROM")?;
        if self.peek().is_none() {
            return self.refuse();
        }
        let table = self.name()?;
        let index = if self.take(".") { Some(self.name()?) } else { None };
        if self.take(".") {
            return Err(Fault::Unsupported("A path may contain at most 2 components in the FROM clause"));
        }
        self.no_alias()?;
        let filter = self.filter()?;
        let mut order = Vec::new();
        if self.take_keyword("ORDER") {
            self.expect_keyword("BY")?;
            order = self.list(|parser| {
                let name = parser.name()?;
                let descends = parser.take_keyword("DESC");
                if !descends {
                    parser.take_keyword("ASC");
                }
                Ok((name, descends))
            })?;
        }
        Ok(Select { paths, table, index, filter, order })
    }

    /// A table without an index.
    fn table(&mut self) -> Parsed<String> {
        let table = self.name()?;
        self.no_alias()?;
        Ok(table)
    }

    fn no_alias(&self) -> Parsed<()> {
        match self.peek() {
            Some(Token::Word(word)) if is_keyword(word) && !word.eq_ignore_ascii_case("AS") => Ok(()),
            Some(Token::Word(_) | Token::Quoted(_)) => Err(Fault::Unsupported("Aliasing is not supported")),
            _ => Ok(()),
        }
    }

    fn actions(&mut self) -> Parsed<Vec<Action>> {
        let mut actions = Vec::new();
        loop {
            if self.take_keyword("SET") {
                actions.extend(self.list(|parser| {
                    let path = parser.path()?;
                    parser.expect("=")?;
                    Ok(Action::Set(path, parser.sum()?))
                })?);
            } else if self.take_keyword("REMOVE") {
                actions.extend(self.list(Self::path)?.into_iter().map(Action::Remove));
            } else if actions.is_empty() {
                return self.refuse();
            } else {
                return Ok(actions);
            }
        }
    }

    fn filter(&mut self) -> Parsed<Option<super::syntax::Expression>> {
        if self.take_keyword("WHERE") { self.expression().map(Some) } else { Ok(None) }
    }

    fn returning(&mut self) -> Parsed<Option<Returning>> {
        if !self.take_keyword("RETURNING") {
            return Ok(None);
        }
        let is_modified = self.take_keyword("MODIFIED");
        if !is_modified {
            self.expect_keyword("ALL")?;
        }
        let is_new = self.take_keyword("NEW");
        if !is_new {
            self.expect_keyword("OLD")?;
        }
        self.expect("*")?;
        Ok(Some(Returning { is_modified, is_new }))
    }
}

pub(super) fn is_keyword(word: &str) -> bool {
    is_one_of(KEYWORDS, word) || is_one_of(OPERATORS, word)
}

fn is_one_of(keywords: &[&str], word: &str) -> bool {
    keywords.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}
