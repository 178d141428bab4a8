//! The parser of expressions. `OR` holds least, then `AND`, `NOT`, comparisons, sums.
use super::{
    parser::{Fault, Parsed, Parser, is_keyword},
    syntax::{Call, Comparator, Expression, Path, Step},
    token::Token,
};

/// The words of types, and the service's letters for them.
pub(super) const TYPES: [(&str, &str); 9] = [
    ("NULL", "NULL"),
    ("BOOLEAN", "BOOL"),
    ("BOOL", "BOOL"),
    ("BLOB", "B"),
    ("STRING", "S"),
    ("NUMERIC", "N"),
    ("STRUCT", "M"),
    ("TUPLE", "M"),
    ("LIST", "L"),
];

impl Parser {
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.chain("OR", |parser| parser.chain("AND", Self::negation, Expression::And), Expression::Or)
    }

    /// Expressions with `keyword` between them; a single one stays what it is.
    fn chain(
        &mut self,
        keyword: &str,
        mut one: impl FnMut(&mut Self) -> Parsed<Expression>,
        join: fn(Vec<Expression>) -> Expression,
    ) -> Parsed<Expression> {
        let first = one(self)?;
        let mut parts = vec![first];
        while self.take_keyword(keyword) {
            self.count_operator()?;
            parts.push(one(self)?);
        }
        Ok(if parts.len() > 1 { join(parts) } else { parts.swap_remove(0) })
    }

    fn negation(&mut self) -> Parsed<Expression> {
        if !self.take_keyword("NOT") {
            return self.comparison();
        }
        self.nested(Self::negation).map(|inner| Expression::Not(Box::new(inner)))
    }

    /// A sum, and what it is compared with, if anything follows.
    fn comparison(&mut self) -> Parsed<Expression> {
        let left = self.sum()?;
        if let Some(comparator) = self.comparator() {
            self.count_operator()?;
            return Ok(Expression::Compare(comparator, Box::new([left, self.sum()?])));
        }
        if self.take_keyword("IS") {
            let is_negated = self.take_keyword("NOT");
            let condition = if self.take_keyword("MISSING") {
                Expression::IsMissing(Box::new(left))
            } else if let Some((word, _)) = TYPES.iter().find(|(word, _)| self.take_keyword(word)) {
                Expression::Is(Box::new(left), word)
            } else {
                return Err(Fault::Malformed("Expected type name"));
            };
            return Ok(negated(condition, is_negated));
        }
        let is_negated = self.take_keyword("NOT");
        let condition = if self.take_keyword("BETWEEN") {
            let lower = self.sum()?;
            self.expect_keyword("AND")?;
            Expression::Between(Box::new([left, lower, self.sum()?]))
        } else if self.take_keyword("IN") {
            let close = if self.take("[") { "]" } else { ")" };
            if close == ")" {
                self.expect("(")?;
            }
            let list = self.nested(|parser| parser.list(Self::sum))?;
            self.expect(close)?;
            Expression::In(Box::new(left), list)
        } else if is_negated {
            return self.refuse();
        } else {
            return Ok(left);
        };
        Ok(negated(condition, is_negated))
    }

    fn comparator(&mut self) -> Option<Comparator> {
        let Some(Token::Symbol(symbol)) = self.peek() else { return None };
        let comparator = Comparator::parse(if *symbol == "!=" { "<>" } else { symbol })?;
        self.next();
        Some(comparator)
    }

    /// A term, or several with `+` or `-` between them.
    pub(super) fn sum(&mut self) -> Parsed<Expression> {
        let mut sum = self.term()?;
        loop {
            let join = match (self.take("+"), self.peek()) {
                (true, _) => Expression::Plus,
                (false, Some(Token::Symbol("-"))) => {
                    self.next();
                    Expression::Minus
                }
                (false, _) => return Ok(sum),
            };
            self.count_operator()?;
            sum = join(Box::new([sum, self.term()?]));
        }
    }

    fn term(&mut self) -> Parsed<Expression> {
        if self.take("(") {
            let inner = self.nested(Self::expression)?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.take("?") {
            return Ok(Expression::Parameter);
        }
        if self.take("-") {
            return match self.next() {
                Some(Token::Number(number)) => Ok(Expression::Number(format!("-{number}"))),
                _ => Err(Fault::Malformed("Unexpected term")),
            };
        }
        if self.take("[") {
            return self.bracketed("]", Self::sum).map(Expression::List);
        }
        if self.take("<<") {
            return self.bracketed(">>", Self::sum).map(Expression::Set);
        }
        if self.take("{") {
            return self.bracketed("}", Self::member).map(Expression::Map);
        }
        for (keyword, value) in [
            ("TRUE", Expression::Bool(true)),
            ("FALSE", Expression::Bool(false)),
            ("NULL", Expression::Null),
            ("MISSING", Expression::Missing),
        ] {
            if self.take_keyword(keyword) {
                return Ok(value);
            }
        }
        match self.peek().cloned() {
            Some(Token::Text(text)) => {
                self.next();
                Ok(Expression::Text(text))
            }
            Some(Token::Number(number)) => {
                self.next();
                Ok(Expression::Number(number))
            }
            Some(Token::Word(word)) if self.is_followed_by("(") && is_function(&word) => {
                let at = self.place();
                self.next();
                self.next();
                let first_at = self.place();
                let arguments = self.bracketed(")", Self::sum)?;
                Ok(Expression::Call(Call { function: word.to_ascii_lowercase(), arguments, at, first_at }))
            }
            Some(Token::Quoted(_)) => self.path().map(Expression::Path),
            Some(Token::Word(word)) if !is_keyword(&word) => self.path().map(Expression::Path),
            _ => self.refuse(),
        }
    }

    /// None, or some with commas between them, up to the closing bracket.
    fn bracketed<T>(&mut self, close: &str, one: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        if self.take(close) {
            return Ok(Vec::new());
        }
        let all = self.nested(|parser| parser.list(one))?;
        self.expect(close)?;
        Ok(all)
    }

    fn member(&mut self) -> Parsed<(String, Expression)> {
        let Some(Token::Text(name)) = self.next() else { return Err(Fault::Malformed("Unexpected term")) };
        self.expect(":")?;
        Ok((name, self.sum()?))
    }

    pub(super) fn path(&mut self) -> Parsed<Path> {
        let (attribute, mut steps) = (self.name()?, Vec::new());
        loop {
            if self.take(".") {
                steps.push(Step::Name(self.name()?));
            } else if self.take("[") {
                steps.push(match self.next() {
                    Some(Token::Number(digits)) if is_index(&digits) => Step::Index(digits),
                    Some(Token::Text(name)) if !name.is_empty() => Step::Name(name),
                    _ => return Err(Fault::Malformed("Unexpected path component")),
                });
                self.expect("]")?;
            } else {
                return Ok(Path { attribute, steps });
            }
        }
    }
}

fn negated(condition: Expression, is_negated: bool) -> Expression {
    if is_negated { Expression::Not(Box::new(condition)) } else { condition }
}

/// `EXISTS` begins a statement; elsewhere it is a function's name, though no function's.
fn is_function(word: &str) -> bool {
    !is_keyword(word) || word.eq_ignore_ascii_case("EXISTS")
}

/// List indexes are of 31 bits.
fn is_index(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<i32>().is_ok()
}
