//! The lexer: an expression's text cut into tokens that borrow from it. It never fails; what no rule knows becomes a
//! token of its own, for the parser to refuse.

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Letters, digits and underscores, beginning with a letter: a name, a function or a keyword.
    Word,
    /// `#name`.
    Alias,
    /// `:value`.
    Value,
    /// A number without a sign and without leading zeros.
    Integer,
    /// One of `= <> < <= > >= ( ) [ ] , . + -`.
    Symbol,
    /// A character that no rule knows.
    Unknown,
    /// The end of the text.
    End,
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// As written, with its `#` or `:`; nothing at the end.
    pub(super) text: &'a str,
    /// Where it begins, in bytes.
    pub(super) start: usize,
}

impl<'a> Token<'a> {
    /// The first token of `text` at or after byte `from`, which lies between characters.
    pub(super) fn after(text: &'a str, from: usize) -> Self {
        let rest = text.as_bytes().get(from..).unwrap_or_default();
        let start = from + run(rest, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        let rest = text.get(start..).unwrap_or_default();
        let (kind, length) = cut(rest);
        Self { kind, text: rest.get(..length).unwrap_or(rest), start }
    }

    /// Where it ends, in bytes.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The kind of the token that `text` begins with, and its length in bytes.
fn cut(text: &str) -> (Kind, usize) {
    let bytes = text.as_bytes();
    let Some(&first) = bytes.first() else { return (Kind::End, 0) };
    let second = bytes.get(1);
    match first {
        b'a'..=b'z' | b'A'..=b'Z' => (Kind::Word, run(bytes, is_word)),
        b'#' | b':' => {
            let length = 1 + run(bytes.get(1..).unwrap_or_default(), is_word);
            let kind = if first == b'#' { Kind::Alias } else { Kind::Value };
            if length == 1 { (Kind::Unknown, 1) } else { (kind, length) }
        }
        b'0' => (Kind::Integer, 1),
        b'1'..=b'9' => (Kind::Integer, run(bytes, |byte| byte.is_ascii_digit())),
        b'<' if matches!(second, Some(b'>' | b'=')) => (Kind::Symbol, 2),
        b'>' if second == Some(&b'=') => (Kind::Symbol, 2),
        b'=' | b'<' | b'>' | b'(' | b')' | b'[' | b']' | b',' | b'.' | b'+' | b'-' => (Kind::Symbol, 1),
        _ => (Kind::Unknown, text.chars().next().map_or(0, char::len_utf8)),
    }
}

/// Whether `byte` may follow the first one of a name.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How many bytes at the beginning satisfy `rule`.
fn run(bytes: &[u8], rule: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !rule(*byte)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<(Kind, &str)> {
        let mut all = Vec::new();
        let mut token = Token::after(text, 0);
        while token.kind != Kind::End {
            all.push((token.kind, token.text));
            token = Token::after(text, token.end());
        }
        all
    }

    #[test]
    fn a_name_begins_with_a_letter_and_a_number_has_no_leading_zero() {
        assert_eq!(
            tokens("a_1 _a 012"),
            [(Kind::Word, "a_1"), (Kind::Unknown, "_"), (Kind::Word, "a"), (Kind::Integer, "0"), (Kind::Integer, "12"),]
        );
    }

    #[test]
    fn symbols_are_read_greedily_and_strange_letters_alone() {
        assert_eq!(
            tokens("#a<>:b<=ü#"),
            [
                (Kind::Alias, "#a"),
                (Kind::Symbol, "<>"),
                (Kind::Value, ":b"),
                (Kind::Symbol, "<="),
                (Kind::Unknown, "ü"),
                (Kind::Unknown, "#"),
            ]
        );
    }
}
