//! What tags may be made of.
//!
//! Invariant: letters from À on, ASCII letters and digits, space, `_ . / = + - @ :`; `%` has a sentence of its own. Keys
//! that begin with `aws:` are AWS's.
use crate::errors::{self, Result};
use std::collections::BTreeMap;

const RESERVED: &str = "aws:";

/// Checks tags to be set.
///
/// # Errors
/// The service's own.
pub(super) fn check_set(tags: &BTreeMap<String, String>, name: &str, account: &str) -> Result<()> {
    let texts = tags.iter().flat_map(|(key, value)| [key, value]);
    check(texts, "add tags to", name, account)?;
    check_reserved(tags.keys())
}

/// Checks the keys of tags to be taken away.
///
/// # Errors
/// The service's own.
pub(super) fn check_removed(keys: &[String], name: &str, account: &str) -> Result<()> {
    check(keys.iter(), "remove tags from", name, account)?;
    check_reserved(keys.iter())
}

fn check_reserved<'a>(mut keys: impl Iterator<Item = &'a String>) -> Result<()> {
    let is_reserved = |key: &String| key.get(..RESERVED.len()).is_some_and(|key| key.eq_ignore_ascii_case(RESERVED));
    if keys.any(is_reserved) { Err(errors::tag_reserved()) } else { Ok(()) }
}

fn check<'a>(texts: impl Iterator<Item = &'a String> + Clone, doing: &str, name: &str, account: &str) -> Result<()> {
    if !texts.clone().flat_map(|text| text.chars()).all(|char| is_allowed(char) || char == '%') {
        return Err(errors::tag_characters());
    }
    if texts.into_iter().any(|text| text.contains('%')) {
        return Err(errors::tag_percent(doing, name, account));
    }
    Ok(())
}

fn is_allowed(char: char) -> bool {
    let is_letter = matches!(char, '\u{c0}'..='\u{1fff}' | '\u{2c00}'..='\u{d7ff}' | '\u{10000}'..);
    is_letter || char.is_ascii_alphanumeric() || matches!(char, ' ' | '_' | '.' | '/' | '=' | '+' | '-' | '@' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_tabs_newlines_commas_and_percents_are_refused() {
        let refusal = |text: &str| check([text.to_owned()].iter(), "add tags to", "s", "1").err();
        for text in ["a;b", "a\tb", "a\nb", "a,b"] {
            assert_eq!(refusal(text), Some(errors::tag_characters()), "{text:?}");
        }
        assert_eq!(refusal("a%b"), Some(errors::tag_percent("add tags to", "s", "1")));
        assert_eq!(refusal("Größe a_b.c/d=e+f-g@h:i 9"), None);
    }

    #[test]
    fn keys_of_aws_are_refused_however_they_are_written() {
        for key in ["aws:", "aws:x", "AWS:x"] {
            assert_eq!(check_removed(&[key.into()], "s", "1"), Err(errors::tag_reserved()));
            let tags = [(key.to_owned(), "v".to_owned())].into();
            assert_eq!(check_set(&tags, "s", "1"), Err(errors::tag_reserved()));
        }
        assert_eq!(check_removed(&["aws".into(), "my:aws:x".into(), "é".into()], "s", "1"), Ok(()));
        assert_eq!(check_set(&[("k".to_owned(), "aws:v".to_owned())].into(), "s", "1"), Ok(()));
    }
}
