//! Simple conditions: `$statusCode == 200 && $response.body#/count > 3`. Invariant: reading finds every fault; evaluating
//! has none, and what is not there is null.
use crate::expression::Expression;
use serde_json::Value;
use std::cmp::Ordering;

/// Deeper parentheses and longer rows of `!` are refused.
const MAX_DEPTH: usize = 64;

/// A condition that has been read.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Holds unless the value is null or false.
    Operand(Operand),
    /// Holds if both stand so to each other.
    Compare(Operand, Operator, Operand),
    /// Holds if the other does not.
    Not(Box<Self>),
    /// Holds if both do.
    And(Box<Self>, Box<Self>),
    /// Holds if one does.
    Or(Box<Self>, Box<Self>),
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// Itself.
    Literal(Value),
    /// What it names.
    Named(Expression),
}

/// How two values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// A sentence on why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|why| format!("`{text}` is no condition: {why}"))
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
        let condition = parser.either()?;
        match parser.peek() {
            None => Ok(condition),
            Some(_) => Err("it goes on behind its end".into()),
        }
    }

    /// Whether it holds.
    #[must_use]
    pub fn holds(&self, scope: &Value) -> bool {
        match self {
            Self::Operand(operand) => !matches!(operand.value(scope), Value::Null | Value::Bool(false)),
            Self::Compare(left, operator, right) => operator.holds(left.value(scope), right.value(scope)),
            Self::Not(inner) => !inner.holds(scope),
            Self::And(left, right) => left.holds(scope) && right.holds(scope),
            Self::Or(left, right) => left.holds(scope) || right.holds(scope),
        }
    }

    /// The expressions in it.
    #[must_use]
    pub fn expressions(&self) -> Vec<&Expression> {
        match self {
            Self::Operand(operand) => operand.expression().into_iter().collect(),
            Self::Compare(left, _, right) => left.expression().into_iter().chain(right.expression()).collect(),
            Self::Not(inner) => inner.expressions(),
            Self::And(left, right) | Self::Or(left, right) => {
                left.expressions().into_iter().chain(right.expressions()).collect()
            }
        }
    }
}

impl Operand {
    fn value<'a>(&'a self, scope: &'a Value) -> &'a Value {
        match self {
            Self::Literal(value) => value,
            Self::Named(expression) => expression.evaluate(scope).unwrap_or(&Value::Null),
        }
    }

    fn expression(&self) -> Option<&Expression> {
        match self {
            Self::Literal(_) => None,
            Self::Named(expression) => Some(expression),
        }
    }
}

impl Operator {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = || order(left, right);
        match self {
            Self::Equal => is_equal(left, right),
            Self::Unequal => !is_equal(left, right),
            Self::Less => order().is_some_and(Ordering::is_lt),
            Self::LessOrEqual => order().is_some_and(Ordering::is_le),
            Self::Greater => order().is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
        }
    }
}

/// Numbers by value, also when one of them is written as a text; texts whatever their case; null equals null alone.
fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), _) | (_, Value::Number(_)) => {
            left == right || order(left, right).is_some_and(Ordering::is_eq)
        }
        (Value::String(left), Value::String(right)) => left.to_lowercase() == right.to_lowercase(),
        (Value::Bool(truth), Value::String(text)) | (Value::String(text), Value::Bool(truth)) => {
            text.eq_ignore_ascii_case(if *truth { "true" } else { "false" })
        }
        _ => left == right,
    }
}

/// How numbers and texts are ordered; other values are not.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (number(left), number(right), left, right) {
        (Some(left), Some(right), ..) => left.partial_cmp(&right),
        (_, _, Value::String(left), Value::String(right)) => Some(left.to_lowercase().cmp(&right.to_lowercase())),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Operand(Operand),
    Compare(Operator),
    Not,
    And,
    Or,
    Open,
    Close,
}

/// Two-letter signs before those that begin them.
const SIGNS: [(&str, Token); 11] = [
    ("==", Token::Compare(Operator::Equal)),
    ("!=", Token::Compare(Operator::Unequal)),
    ("<=", Token::Compare(Operator::LessOrEqual)),
    (">=", Token::Compare(Operator::GreaterOrEqual)),
    ("<", Token::Compare(Operator::Less)),
    (">", Token::Compare(Operator::Greater)),
    ("&&", Token::And),
    ("||", Token::Or),
    ("!", Token::Not),
    ("(", Token::Open),
    (")", Token::Close),
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if first == '\'' || first == '"' {
            quoted(rest, first)?
        } else if let Some((sign, token)) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)) {
            (token.clone(), sign.len())
        } else {
            word(rest)?
        };
        found.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(found)
}

/// A text in quotes; a doubled quote stands for one.
fn quoted(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != quote {
            text.push(letter);
        } else if letters.next_if(|(_, next)| *next == quote).is_some() {
            text.push(quote);
        } else {
            return Ok((Token::Operand(Operand::Literal(text.into())), at + 1));
        }
    }
    Err(format!("the text {rest} has no end"))
}

/// An expression, a number, a truth value, null.
fn word(rest: &str) -> Result<(Token, usize), String> {
    let mut brackets = 0_usize;
    let end = rest.char_indices().find(|(_, letter)| {
        match letter {
            '[' => brackets += 1,
            ']' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        brackets == 0 && (letter.is_whitespace() || "=!<>&|()".contains(*letter))
    });
    let end = end.map_or(rest.len(), |(at, _)| at);
    let text = rest.get(..end).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| format!("`{}` is no operator", rest.chars().next().unwrap_or_default()))?;
    let operand = match text {
        "true" => Operand::Literal(true.into()),
        "false" => Operand::Literal(false.into()),
        "null" => Operand::Literal(Value::Null),
        _ if text.starts_with('$') => match Expression::parse(text)? {
            Some(expression) => Operand::Named(expression),
            None => return Err(format!("`{text}` is no expression")),
        },
        _ => match serde_json::from_str::<serde_json::Number>(text) {
            Ok(number) => Operand::Literal(Value::Number(number)),
            Err(_) => {
                return Err(format!("`{text}` is neither an expression nor a literal; a text stands in single quotes"));
            }
        },
    };
    Ok((Token::Operand(operand), end))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn skip(&mut self, token: &Token) -> bool {
        let is_there = self.peek() == Some(token);
        self.at += usize::from(is_there);
        is_there
    }

    fn either(&mut self) -> Result<Condition, String> {
        let mut condition = self.both()?;
        while self.skip(&Token::Or) {
            condition = Condition::Or(Box::new(condition), Box::new(self.both()?));
        }
        Ok(condition)
    }

    fn both(&mut self) -> Result<Condition, String> {
        let mut condition = self.one()?;
        while self.skip(&Token::And) {
            condition = Condition::And(Box::new(condition), Box::new(self.one()?));
        }
        Ok(condition)
    }

    fn one(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} deep"));
        }
        let condition = if self.skip(&Token::Not) {
            Condition::Not(Box::new(self.one()?))
        } else if self.skip(&Token::Open) {
            let inner = self.either()?;
            if !self.skip(&Token::Close) {
                return Err("a parenthesis is not closed".into());
            }
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let left = self.operand()?;
        let Some(Token::Compare(operator)) = self.peek() else { return Ok(Condition::Operand(left)) };
        let operator = *operator;
        self.at += 1;
        Ok(Condition::Compare(left, operator, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, String> {
        match self.peek().cloned() {
            Some(Token::Operand(operand)) => {
                self.at += 1;
                Ok(operand)
            }
            _ => Err("a value is missing: an expression, a number, 'a text', true, false or null".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn holds(text: &str) -> bool {
        let scope = json!({
            "statusCode": 200,
            "inputs": {"threshold": 3, "name": "Rex"},
            "response": {"header": {"x-rate": "10"}, "body": {"count": 5, "ok": true, "no": false, "null": null, "list": [{"id": 1}], "text": "it's"}},
        });
        Condition::parse(text).unwrap().holds(&scope)
    }

    #[test]
    fn conditions_that_hold() {
        for text in [
            "$statusCode == 200",
            "$statusCode==200",
            "$statusCode >= 200 && $statusCode < 300",
            "$response.body#/count > $inputs.threshold",
            "$response.body.count > 3",
            "$inputs.name == 'rex'",
            "$inputs.name == \"REX\"",
            "$response.body#/text == 'it''s'",
            "$response.header.X-Rate > 9",
            "$response.body#/absent == null",
            "$response.body#/count != null",
            "$response.body#/ok",
            "!$response.body#/no",
            "!($statusCode == 404 || $statusCode == 500)",
            "$response.body.list[0].id == 1",
            "false || true && true",
            "$response.body#/ok == 'TRUE'",
            "null == null",
            "'a' < 'B'",
            "$statusCode == '200'",
        ] {
            assert!(holds(text), "{text}");
        }
    }

    #[test]
    fn conditions_that_do_not() {
        for text in [
            "$statusCode != 200",
            "$response.body#/null",
            "$response.body#/absent",
            "$response.body#/absent == 0",
            "null == 'null'",
            "$response.body#/absent < 1",
            "$response.body#/list > 1",
            "true && false",
            "$inputs.name == 'tom'",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in [
            "",
            "$statusCode ==",
            "== 200",
            "$statusCode = 200",
            "$statusCode == 200 200",
            "($statusCode == 200",
            "$statusCode == 200)",
            "$statusCode & true",
            "'open",
            "$response.boddy == 1",
            "$nothing.x == 1",
            "available == $inputs.name",
        ] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
        assert!(Condition::parse(&"!".repeat(100)).is_err() && Condition::parse(&"(".repeat(100)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[$a-z. =!<>&|()'\"0-9\\[\\]#/é]{0,40}") {
            let _ = Condition::parse(&text);
        }
    }
}
