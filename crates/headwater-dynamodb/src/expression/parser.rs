//! The parser: recursive descent over borrowed tokens, with an explicit bound on nesting, so that no text can exhaust
//! the stack. Its refusals are sentences without the name of the parameter.
use super::{
    Parameter,
    syntax::{Call, Comparator, Condition, NewValue, Operand, Path, Projection, Section, Step, Update},
    token::{Kind, Token},
};

/// The longest expression, in bytes.
const MAX_EXPRESSION_BYTES: usize = 4096;
/// Operators and functions in one expression.
const MAX_OPERATORS: usize = 300;
/// Parentheses, `NOT`s and functions within one another.
const MAX_NESTING: usize = 150;

const REDUNDANT: &str = "The expression has redundant parentheses;";

/// What parsing gives, or why it was refused.
type Parsed<T> = Result<T, String>;

/// Parses a condition, a filter or a key condition.
pub(super) fn condition(parameter: Parameter, text: &str) -> Parsed<Condition<'_>> {
    let mut parser = Parser::new(parameter, text)?;
    let term = parser.disjunction()?;
    let condition = parser.condition(term)?;
    parser.finish(condition)
}

/// Parses an update.
pub(super) fn update(text: &str) -> Parsed<Update<'_>> {
    let mut parser = Parser::new(Parameter::Update, text)?;
    let mut sections = Vec::new();
    while sections.is_empty() || parser.token.kind != Kind::End {
        sections.push(parser.section()?);
    }
    parser.finish(Update(sections))
}

/// Parses a projection.
pub(super) fn projection(text: &str) -> Parsed<Projection<'_>> {
    let mut parser = Parser::new(Parameter::Projection, text)?;
    let paths = parser.list(Parser::path)?;
    parser.finish(Projection(paths))
}

struct Parser<'a> {
    text: &'a str,
    /// What comes next.
    token: Token<'a>,
    /// Where the token before it begins.
    previous: usize,
    keywords: &'static [&'static str],
    nesting: usize,
    operators: usize,
}

/// What stands where a condition may: an operand too, until it is seen what follows; and whether it was in parentheses.
struct Term<'a> {
    what: What<'a>,
    enclosed: bool,
}

enum What<'a> {
    Operand(Operand<'a>),
    Condition(Condition<'a>),
}

impl<'a> Parser<'a> {
    fn new(parameter: Parameter, text: &'a str) -> Parsed<Self> {
        if text.is_empty() {
            return Err("The expression can not be empty;".to_owned());
        }
        if text.len() > MAX_EXPRESSION_BYTES {
            // Conditions and filters are told how long they are, the others are not.
            let told = matches!(parameter, Parameter::Condition | Parameter::Filter);
            let size = if told { format!(" expression size: {}", text.len()) } else { String::new() };
            return Err(format!("Expression size has exceeded the maximum allowed size;{size}"));
        }
        let keywords: &[_] = match parameter {
            Parameter::Condition | Parameter::Filter | Parameter::KeyCondition => {
                &["AND", "OR", "NOT", "BETWEEN", "IN"]
            }
            Parameter::Update => &["SET", "REMOVE", "ADD", "DELETE"],
            Parameter::Projection => &[],
        };
        Ok(Self { text, token: Token::after(text, 0), previous: 0, keywords, nesting: 0, operators: 0 })
    }

    fn finish<T>(&self, tree: T) -> Parsed<T> {
        if self.token.kind != Kind::End {
            return self.refuse();
        }
        if self.operators > MAX_OPERATORS {
            return Err(format!("The expression contains too many operators; operator count: {}", self.operators));
        }
        Ok(tree)
    }

    /// Refuses the next token: names it, and shows it with a neighbour on each side.
    fn refuse<T>(&self) -> Parsed<T> {
        let token = if self.token.kind == Kind::End { "<EOF>" } else { self.token.text };
        let until = Token::after(self.text, self.token.end()).end();
        let near = self.text.get(self.previous..until).unwrap_or_default();
        Err(format!("Syntax error; token: \"{token}\", near: \"{near}\""))
    }

    fn advance(&mut self) -> Token<'a> {
        let taken = self.token;
        self.previous = taken.start;
        self.token = Token::after(self.text, taken.end());
        taken
    }

    fn at(&self, symbol: &str) -> bool {
        self.token.kind == Kind::Symbol && self.token.text == symbol
    }

    fn take(&mut self, symbol: &str) -> bool {
        let there = self.at(symbol);
        if there {
            self.advance();
        }
        there
    }

    fn expect(&mut self, symbol: &str) -> Parsed<()> {
        if self.take(symbol) { Ok(()) } else { self.refuse() }
    }

    fn at_keyword(&self, keyword: &str) -> bool {
        self.token.kind == Kind::Word && self.token.text.eq_ignore_ascii_case(keyword)
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let there = self.at_keyword(keyword);
        if there {
            self.advance();
        }
        there
    }

    /// Takes a token of that kind, unless it is a keyword.
    fn take_kind(&mut self, kind: Kind) -> Option<&'a str> {
        let keyword = kind == Kind::Word && self.keywords.iter().any(|keyword| self.at_keyword(keyword));
        (self.token.kind == kind && !keyword).then(|| self.advance().text)
    }

    /// Goes a level deeper for what `inner` parses.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == MAX_NESTING {
            return Err(format!(
                "The expression has too many nesting levels; nesting levels: {}, limit: {MAX_NESTING}",
                self.nesting + 1
            ));
        }
        self.nesting += 1;
        let parsed = inner(self)?;
        self.nesting -= 1;
        Ok(parsed)
    }

    /// One or more, with commas between them.
    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut all = Vec::new();
        while all.is_empty() || self.take(",") {
            all.push(one(self)?);
        }
        Ok(all)
    }

    // ---- paths and operands ----

    fn name(&mut self) -> Parsed<Step<'a>> {
        if let Some(alias) = self.take_kind(Kind::Alias) {
            return Ok(Step::Alias(alias));
        }
        self.take_kind(Kind::Word).map(Step::Name).map_or_else(|| self.refuse(), Ok)
    }

    fn path(&mut self) -> Parsed<Path<'a>> {
        let first = self.name()?;
        self.path_after(first)
    }

    fn path_after(&mut self, first: Step<'a>) -> Parsed<Path<'a>> {
        let mut steps = Vec::new();
        steps.push(first); // with room for more
        loop {
            if self.take(".") {
                steps.push(self.name()?);
            } else if self.take("[") {
                let Some(digits) = self.take_kind(Kind::Integer) else { return self.refuse() };
                steps.push(Step::Index(digits));
                self.expect("]")?;
            } else {
                return Ok(Path(steps));
            }
        }
    }

    /// An operand that does not begin with a parenthesis.
    fn bare_operand(&mut self) -> Parsed<Operand<'a>> {
        if let Some(value) = self.take_kind(Kind::Value) {
            return Ok(Operand::Value(value));
        }
        match self.name()? {
            Step::Name(function) if self.at("(") => self.call(function).map(Operand::Call),
            first => self.path_after(first).map(Operand::Path),
        }
    }

    fn call(&mut self, function: &'a str) -> Parsed<Call<'a>> {
        self.operators += 1;
        self.advance();
        let arguments = self.nested(|parser| parser.list(Self::operand))?;
        self.expect(")")?;
        Ok(Call { function, arguments })
    }

    fn operand(&mut self) -> Parsed<Operand<'a>> {
        self.operand_or_enclosed().map(|(operand, _)| operand)
    }

    /// An operand, and whether it stands in parentheses.
    fn operand_or_enclosed(&mut self) -> Parsed<(Operand<'a>, bool)> {
        if !self.take("(") {
            return Ok((self.bare_operand()?, false));
        }
        let (operand, enclosed) = self.nested(Self::operand_or_enclosed)?;
        self.expect(")")?;
        if enclosed { Err(REDUNDANT.to_owned()) } else { Ok((operand, true)) }
    }

    // ---- conditions ----

    fn disjunction(&mut self) -> Parsed<Term<'a>> {
        self.chain("OR", Self::conjunction, Condition::Or)
    }

    fn conjunction(&mut self) -> Parsed<Term<'a>> {
        self.chain("AND", Self::negation, Condition::And)
    }

    /// Terms with `keyword` between them; a single one stays what it is.
    fn chain(
        &mut self,
        keyword: &str,
        mut one: impl FnMut(&mut Self) -> Parsed<Term<'a>>,
        join: fn(Vec<Condition<'a>>) -> Condition<'a>,
    ) -> Parsed<Term<'a>> {
        let first = one(self)?;
        if !self.at_keyword(keyword) {
            return Ok(first);
        }
        let mut parts = Vec::new();
        parts.push(self.condition(first)?); // with room for more
        while self.take_keyword(keyword) {
            self.operators += 1;
            let next = one(self)?;
            parts.push(self.condition(next)?);
        }
        Ok(Term { what: What::Condition(join(parts)), enclosed: false })
    }

    fn negation(&mut self) -> Parsed<Term<'a>> {
        if !self.take_keyword("NOT") {
            return self.primary();
        }
        self.operators += 1;
        let inner = self.nested(Self::negation)?;
        let negated = Condition::Not(Box::new(self.condition(inner)?));
        Ok(Term { what: What::Condition(negated), enclosed: false })
    }

    fn primary(&mut self) -> Parsed<Term<'a>> {
        if !self.take("(") {
            let operand = self.bare_operand()?;
            return self.comparison(operand, false);
        }
        let inner = self.nested(Self::disjunction)?;
        self.expect(")")?;
        if inner.enclosed {
            return Err(REDUNDANT.to_owned());
        }
        match inner.what {
            What::Operand(operand) => self.comparison(operand, true),
            condition @ What::Condition(_) => Ok(Term { what: condition, enclosed: true }),
        }
    }

    /// What follows an operand, if anything does.
    fn comparison(&mut self, left: Operand<'a>, enclosed: bool) -> Parsed<Term<'a>> {
        let comparator = (self.token.kind == Kind::Symbol).then(|| Comparator::parse(self.token.text)).flatten();
        let condition = if let Some(comparator) = comparator {
            self.advance();
            Condition::Compare(comparator, left, self.operand()?)
        } else if self.take_keyword("BETWEEN") {
            let lower = self.operand()?;
            if !self.take_keyword("AND") {
                return self.refuse();
            }
            Condition::Between(Box::new([left, lower, self.operand()?]))
        } else if self.take_keyword("IN") {
            self.expect("(")?;
            let list = self.list(Self::operand)?;
            self.expect(")")?;
            Condition::In(left, list)
        } else {
            return Ok(Term { what: What::Operand(left), enclosed });
        };
        self.operators += 1;
        Ok(Term { what: What::Condition(condition), enclosed: false })
    }

    /// The term as a condition: only a function can be both that and an operand.
    fn condition(&self, term: Term<'a>) -> Parsed<Condition<'a>> {
        match term.what {
            What::Condition(condition) => Ok(condition),
            What::Operand(Operand::Call(call)) => Ok(Condition::Call(call)),
            What::Operand(_) => self.refuse(),
        }
    }

    // ---- updates ----

    fn section(&mut self) -> Parsed<Section<'a>> {
        if self.take_keyword("SET") {
            self.list(Self::assignment).map(Section::Set)
        } else if self.take_keyword("REMOVE") {
            self.list(Self::path).map(Section::Remove)
        } else if self.take_keyword("ADD") {
            self.list(Self::path_and_value).map(Section::Add)
        } else if self.take_keyword("DELETE") {
            self.list(Self::path_and_value).map(Section::Delete)
        } else {
            self.refuse()
        }
    }

    fn path_and_value(&mut self) -> Parsed<(Path<'a>, &'a str)> {
        let path = self.path()?;
        self.take_kind(Kind::Value).map_or_else(|| self.refuse(), |value| Ok((path, value)))
    }

    fn assignment(&mut self) -> Parsed<(Path<'a>, NewValue<'a>)> {
        let path = self.path()?;
        self.expect("=")?;
        Ok((path, self.new_value()?))
    }

    /// An operand, or two with `+` or `-` between them; parentheses around both are fine, if they end the value.
    fn new_value(&mut self) -> Parsed<NewValue<'a>> {
        let first = if self.take("(") {
            let (inner, enclosed) = self.nested(|parser| {
                let (operand, enclosed) = parser.operand_or_enclosed()?;
                Ok((parser.arithmetic(operand)?, enclosed))
            })?;
            self.expect(")")?;
            match inner {
                NewValue::Operand(_) if enclosed => return Err(REDUNDANT.to_owned()),
                NewValue::Operand(operand) => operand,
                arithmetic => return Ok(arithmetic),
            }
        } else {
            self.bare_operand()?
        };
        self.arithmetic(first)
    }

    fn arithmetic(&mut self, left: Operand<'a>) -> Parsed<NewValue<'a>> {
        let (plus, minus) = (self.at("+"), self.at("-"));
        if !plus && !minus {
            return Ok(NewValue::Operand(left));
        }
        self.operators += 1;
        self.advance();
        let right = self.operand()?;
        Ok(if plus { NewValue::Plus(left, right) } else { NewValue::Minus(left, right) })
    }
}
