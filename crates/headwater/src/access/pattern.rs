//! Patterns in policies: wildcards, variables, ARNs.
//!
//! Invariant: matching takes no more steps than the pattern is long times the text is long, and no recursion. What a
//! variable stands for is never read as a wildcard nor as a colon of an ARN.
use super::{PolicyFault, Request, fault, key::Key};
use std::{borrow::Cow, str::Chars};

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    /// `${…}`, with what it stands for where the key is absent.
    Variable(Key, Option<String>),
}

/// What is special in a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Syntax {
    /// `*` and `?` match any text and any character.
    pub(super) wildcards: bool,
    /// `${…}` stands for something of the request.
    pub(super) variables: bool,
    /// Case does not matter.
    pub(super) ignore_case: bool,
}

/// A text to match against.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
    ignore_case: bool,
}

impl Pattern {
    pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Self, PolicyFault> {
        let (mut tokens, mut rest) = (Vec::new(), text);
        while let Some(char) = rest.chars().next() {
            if let Some(inside) = rest.strip_prefix("${").filter(|_| syntax.variables) {
                let Some((inside, behind)) = inside.split_once('}') else {
                    return fault(format!("Policy variable in {text} is not closed."));
                };
                tokens.push(variable(inside, text)?);
                rest = behind;
                continue;
            }
            rest = &rest[char.len_utf8()..];
            match char {
                '*' if syntax.wildcards => tokens.push(Token::Many),
                '?' if syntax.wildcards => tokens.push(Token::One),
                _ if syntax.ignore_case => tokens.extend(char.to_lowercase().map(Token::Char)),
                _ => tokens.push(Token::Char(char)),
            }
        }
        Ok(Self { tokens, ignore_case: syntax.ignore_case })
    }

    /// Whether the whole of `text` is like this. Nothing is like a variable that stands for nothing in `request`.
    pub(super) fn matches(&self, text: &str, request: &Request<'_>) -> bool {
        let Some(tokens) = self.resolve(request) else { return false };
        if self.ignore_case {
            let folded: String = text.chars().flat_map(char::to_lowercase).collect();
            return matches(&tokens, &folded);
        }
        matches(&tokens, text)
    }

    /// The tokens with characters in the places of variables; `None` if one stands for nothing.
    fn resolve(&self, request: &Request<'_>) -> Option<Cow<'_, [Token]>> {
        if !self.tokens.iter().any(|token| matches!(token, Token::Variable(..))) {
            return Some(Cow::Borrowed(&self.tokens));
        }
        let mut resolved = Vec::new();
        for token in &self.tokens {
            let Token::Variable(key, default) = token else {
                resolved.push(token.clone());
                continue;
            };
            let value = key.values(request).into_iter().next().or_else(|| default.clone())?;
            let chars = value.chars();
            if self.ignore_case {
                resolved.extend(chars.flat_map(char::to_lowercase).map(Token::Char));
            } else {
                resolved.extend(chars.map(Token::Char));
            }
        }
        Some(Cow::Owned(resolved))
    }
}

/// What stands between `${` and `}`: one special character, or a key and perhaps, quoted, what to take without it.
fn variable(inside: &str, text: &str) -> Result<Token, PolicyFault> {
    match inside {
        "*" | "?" | "$" => return Ok(Token::Char(inside.chars().next().unwrap_or_default())),
        _ => {}
    }
    let (name, default) = match inside.split_once(',') {
        None => (inside, None),
        Some((name, default)) => {
            let quoted = default.trim().strip_prefix('\'').and_then(|default| default.strip_suffix('\''));
            let Some(default) = quoted else {
                return fault(format!("Default of the policy variable in {text} is not quoted."));
            };
            (name, Some(default.to_owned()))
        }
    };
    let key = Key::parse(name.trim())?;
    if key == Key::TagKeys {
        return fault(format!("Policy variable in {text} has more than one value."));
    }
    Ok(Token::Variable(key, default))
}

/// Whether `tokens` match the whole of `text`: on a mismatch only the latest star takes one more character, since what
/// an earlier one could take more, the latest can too.
fn matches(tokens: &[Token], text: &str) -> bool {
    let (mut left, mut rest) = (tokens, text.chars());
    let mut retry: Option<(&[Token], Chars<'_>)> = None;
    loop {
        let mut ahead = rest.clone();
        match (left.split_first(), ahead.next()) {
            (Some((Token::Many, behind)), _) => {
                retry = Some((behind, rest.clone()));
                left = behind;
            }
            (None, None) => return true,
            (Some((token, behind)), Some(char)) if *token == Token::One || *token == Token::Char(char) => {
                (left, rest) = (behind, ahead);
            }
            _ => {
                let Some((behind, from)) = &mut retry else { return false };
                if from.next().is_none() {
                    return false;
                }
                (left, rest) = (behind, from.clone());
            }
        }
    }
}

/// A pattern of an ARN: each of its six parts matches a part, so that a wildcard never reaches over the first five
/// colons.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ArnPattern {
    /// `None`: anything at all, even what is no ARN.
    parts: Option<Vec<Pattern>>,
}

/// Parts of an ARN; the last may contain colons.
const ARN_PARTS: usize = 6;

impl ArnPattern {
    /// `*`, or an ARN in which wildcards and, if `variables`, variables may stand.
    pub(super) fn parse(text: &str, variables: bool) -> Result<Self, PolicyFault> {
        if text == "*" {
            return Ok(Self { parts: None });
        }
        let whole = Pattern::parse(text, Syntax { wildcards: true, variables, ignore_case: false })?;
        let parts = whole.tokens.splitn(ARN_PARTS, |token| *token == Token::Char(':'));
        let parts: Vec<_> = parts.map(|tokens| Pattern { tokens: tokens.to_vec(), ignore_case: false }).collect();
        if !text.starts_with("arn:") || parts.len() < ARN_PARTS {
            return fault(format!("Resource {text} must be in ARN format or \"*\"."));
        }
        Ok(Self { parts: Some(parts) })
    }

    /// As [`Pattern::matches`].
    pub(super) fn matches(&self, arn: &str, request: &Request<'_>) -> bool {
        let Some(patterns) = &self.parts else { return true };
        let mut parts = arn.splitn(ARN_PARTS, ':');
        patterns.iter().all(|pattern| parts.next().is_some_and(|part| pattern.matches(part, request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Principal, tests::put};
    use proptest::prelude::*;

    const ALL: Syntax = Syntax { wildcards: true, variables: true, ignore_case: false };

    fn ann_matches(pattern: &str, syntax: Syntax, text: &str) -> bool {
        let ann = Principal::user("222222222222", "ann");
        Pattern::parse(pattern, syntax).unwrap().matches(text, &put(&ann))
    }

    #[test]
    fn wildcards_match_any_text_and_any_character() {
        for (pattern, text, is) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaab", true),
            ("**?", "", false),
        ] {
            assert_eq!(ann_matches(pattern, ALL, text), is, "{pattern} {text}");
        }
        assert!(!ann_matches("a*", Syntax::default(), "ab"));
        assert!(ann_matches("PUT*É", Syntax { ignore_case: true, ..ALL }, "putXé"));
    }

    #[test]
    fn variables_stand_for_the_request_and_never_for_wildcards() {
        for (pattern, text, is) in [
            ("${aws:username}-*", "ann-1", true),
            ("${aws:username}-*", "bob-1", false),
            ("${ AWS:UserName , 'x'}", "ann", true),
            ("${aws:ResourceTag/t}", "", false),
            ("*${aws:ResourceTag/t}", "anything", false),
            ("${aws:ResourceTag/t, 'none'}", "none", true),
            ("${*}${?}${$}", "*?$", true),
            ("${*}", "a", false),
        ] {
            assert_eq!(ann_matches(pattern, ALL, text), is, "{pattern} {text}");
        }
        let star = Principal::user("222222222222", "*");
        let pattern = Pattern::parse("${aws:username}", ALL).unwrap();
        assert!(!pattern.matches("anything", &put(&star)));
        assert!(ann_matches("${x", Syntax { variables: false, ..ALL }, "${x"));
    }

    #[test]
    fn malformed_variables_are_refused() {
        for bad in ["${aws:username", "${}", "${aws:username, x}", "${aws:Nothing}", "${aws:TagKeys}"] {
            assert!(Pattern::parse(bad, ALL).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_arn_matches_part_by_part() {
        let colon = Principal::user("222222222222", "a:b");
        let stream = "arn:aws:kinesis:us-east-1:111111111111:stream/orders";
        for (pattern, arn, is) in [
            ("*", stream, true),
            ("*", "*", true),
            ("arn:aws:kinesis:*:*:stream/ord*", stream, true),
            ("arn:aws:kinesis:*:*:*", "*", false),
            ("arn:*:*:*:*:*", stream, true),
            ("arn:aws:kinesis:*:stream/orders:", stream, false),
            ("arn:aws:kinesis:*:*:stream/*", "arn:aws:kinesis:us-east-1:1:x:stream/orders", false),
            ("arn:aws:kinesis:*:*:*/consumer/*", "arn:aws:kinesis:r:1:stream/s/consumer/c:1", true),
            ("arn:aws:kinesis:*:*:${aws:username}", "arn:aws:kinesis:r:1:a:b", true),
        ] {
            let matched = ArnPattern::parse(pattern, true).unwrap().matches(arn, &put(&colon));
            assert_eq!(matched, is, "{pattern} {arn}");
        }
        for bad in ["", "stream/orders", "arn:aws:kinesis:*", "**"] {
            let told = ArnPattern::parse(bad, true).unwrap_err().0;
            assert_eq!(told, format!("Resource {bad} must be in ARN format or \"*\"."));
        }
    }

    #[test]
    fn many_stars_do_not_explode() {
        assert!(!ann_matches(&"*a".repeat(5000), ALL, &"a".repeat(4999)));
    }

    /// The definition, by recursion.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', behind)), rest) => naive(behind, text) || rest.is_some_and(|(_, rest)| naive(pattern, rest)),
            (Some((of, behind)), Some((char, rest))) => (*of == '?' || of == char) && naive(behind, rest),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_is_as_defined(pattern in "[ab*?é]{0,10}", text in "[abé]{0,12}") {
            let [of, chars] = [&pattern, &text].map(|text| text.chars().collect::<Vec<_>>());
            prop_assert_eq!(ann_matches(&pattern, ALL, &text), naive(&of, &chars));
        }

        #[test]
        fn no_pattern_makes_it_panic(pattern in ".*", text in ".*") {
            if let Ok(pattern) = Pattern::parse(&pattern, ALL) {
                pattern.matches(&text, &put(&Principal::root("222222222222")));
            }
            let _ = ArnPattern::parse(&pattern, true);
        }
    }
}
