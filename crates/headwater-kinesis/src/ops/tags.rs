//! What tags may be made of.
//!
//! Invariant: letters from À on, ASCII letters and digits, space, `_ . / = + - @ :`; `%` has a sentence of its own.
use crate::errors::{self, Result};

/// Checks keys and values alike. `doing` is "add tags to" or "remove tags from".
///
/// # Errors
/// The service's own.
pub(super) fn check<'a>(
    texts: impl Iterator<Item = &'a String> + Clone,
    doing: &str,
    name: &str,
    account: &str,
) -> Result<()> {
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
}
