//! The lexer: a statement's text cut into tokens, without its comments, and where each of them stands.
use super::syntax::Span;

/// One token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// A keyword, a function or a name without quotes.
    Word(String),
    /// A name in double quotes.
    Quoted(String),
    /// A string in single quotes.
    Text(String),
    /// A number without its sign.
    Number(String),
    /// An operator or a bracket.
    Symbol(&'static str),
}

/// Those that begin like shorter ones come first.
const SYMBOLS: &[&str] = &[
    "<<", ">>", "<>", "<=", ">=", "!=", "=", "<", ">", "(", ")", "[", "]", "{", "}", ",", ".", ":", "?", "*", "+", "-",
    ";",
];

/// The tokens of a text; `None` if something in it is none.
pub(super) fn tokens(text: &str) -> Option<Vec<(Token, Span)>> {
    let (mut tokens, mut rest) = (Vec::new(), text);
    let (mut line, mut column) = (1, 1);
    loop {
        let start = rest.trim_start();
        let (token, after) = if start.is_empty() {
            return Some(tokens);
        } else if let Some(comment) = start.strip_prefix("--") {
            (None, comment.split_once('\n').map_or("", |(_, after)| after))
        } else if let Some(comment) = start.strip_prefix("/*") {
            (None, comment.split_once("*/")?.1)
        } else {
            one(start).map(|(token, after)| (Some(token), after))?
        };
        (line, column) = rest.chars().take(letters(rest, start)).fold((line, column), behind);
        if let Some(token) = token {
            tokens.push((token, Span { line, column, length: letters(start, after) }));
        }
        (line, column) = start.chars().take(letters(start, after)).fold((line, column), behind);
        rest = after;
    }
}

/// The letters of `text` before its end `after`.
fn letters(text: &str, after: &str) -> usize {
    text.get(..text.len() - after.len()).unwrap_or_default().chars().count()
}

/// The place behind a letter.
const fn behind((line, column): (usize, usize), letter: char) -> (usize, usize) {
    if letter == '\n' { (line + 1, 1) } else { (line, column + 1) }
}

/// The token that `text` begins with, and what follows it.
fn one(text: &str) -> Option<(Token, &str)> {
    let mut letters = text.chars();
    let (first, second) = (letters.next().unwrap_or_default(), letters.next().unwrap_or_default());
    if first == '\'' {
        return quoted(text, '\'').map(|(text, after)| (Token::Text(text), after));
    }
    if first == '"' {
        return quoted(text, '"').map(|(text, after)| (Token::Quoted(text), after));
    }
    if first.is_ascii_digit() || first == '.' && second.is_ascii_digit() {
        let (number, after) = text.split_at(number_len(text));
        return has_scale(number).then(|| (Token::Number(number.to_owned()), after));
    }
    if first.is_ascii_alphabetic() || first == '_' || first == '$' {
        let is_inner = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '$';
        let (word, after) = text.split_at(text.find(|letter| !is_inner(letter)).unwrap_or(text.len()));
        return Some((Token::Word(word.to_owned()), after));
    }
    SYMBOLS.iter().find_map(|symbol| Some((Token::Symbol(symbol), text.strip_prefix(symbol)?)))
}

/// Whether exponent and scale are of 32 bits.
fn has_scale(number: &str) -> bool {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let exponent = exponent.parse::<i32>().ok().map(i64::from);
    exponent.zip(i64::try_from(decimals).ok()).is_some_and(|(exponent, of)| i32::try_from(of - exponent).is_ok())
}

/// What stands between quotes, where two of them stand for one.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let (mut content, mut rest) = (String::new(), text.strip_prefix(quote).unwrap_or_default());
    loop {
        let (part, after) = rest.split_once(quote)?;
        content.push_str(part);
        match after.strip_prefix(quote) {
            Some(after) => rest = after,
            None => return Some((content, after)),
        }
        content.push(quote);
    }
}

/// Digits, a point, digits, an exponent.
fn number_len(text: &str) -> usize {
    let digits = |from: usize| text.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let mut len = digits(0);
    if text.as_bytes().get(len) == Some(&b'.') {
        len += 1 + digits(len + 1);
    }
    if matches!(text.as_bytes().get(len), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(text.as_bytes().get(len + 1), Some(b'+' | b'-')));
        let exponent = digits(len + 1 + signed);
        len += if exponent == 0 { 0 } else { 1 + signed + exponent };
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<String> {
        let print = |token| match token {
            Token::Word(text) => text,
            Token::Quoted(text) => format!("\"{text}\""),
            Token::Text(text) => format!("'{text}'"),
            Token::Number(text) => format!("#{text}"),
            Token::Symbol(text) => text.to_owned(),
        };
        tokens(text).unwrap().into_iter().map(|(token, _)| print(token)).collect()
    }

    #[test]
    fn quotes_are_doubled_and_comments_left_out() {
        assert_eq!(cut("'it''s' /* 'x' */ \"a\"\"b\" -- rest\n ok"), ["'it's'", "\"a\"b\"", "ok"]);
    }

    #[test]
    fn numbers_have_points_and_exponents() {
        assert_eq!(cut("1.5e-3 .5 7e x-1"), ["#1.5e-3", "#.5", "#7", "e", "x", "-", "#1"]);
    }

    #[test]
    fn places_are_lines_and_letters() {
        let places: Vec<_> =
            tokens("'ü' (/* ü\n */ ab\n c").unwrap().into_iter().map(|(_, at)| at.to_string()).collect();
        assert_eq!(places, ["1:1:3", "1:5:1", "2:5:2", "3:2:1"]);
    }

    #[test]
    fn what_has_no_end_is_no_token() {
        for text in ["'a", "\"a", "/* a", "a # b", "1e2147483648", "1.5e-2147483647"] {
            assert!(tokens(text).is_none(), "{text}");
        }
    }
}
