//! The tests that SECURITY.md names are there: whoever renames one renames it there too.
use crate::tree::Tree;
use std::collections::BTreeSet;

const PAGE: &str = "SECURITY.md";
/// Names of tests are sentences; shorter ones may be anything.
const LEAST_WORDS: usize = 4;

pub(crate) fn problems(tree: &Tree) -> Vec<String> {
    let functions: BTreeSet<&str> = tree.rust().flat_map(|(_, text)| functions(text)).collect();
    let named = tree.text(PAGE).unwrap_or_default().split('`').skip(1).step_by(2).filter_map(test);
    let gone = named.filter(|name| !functions.contains(name));
    gone.map(|name| format!("{PAGE}: there is no test `{name}`")).collect()
}

/// The test that a piece of code names, with or without the file it stands in.
fn test(code: &str) -> Option<&str> {
    let name = code.rsplit([':', ' ']).next()?;
    let is_name = name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (is_name && name.split('_').count() >= LEAST_WORDS).then_some(name)
}

fn functions(text: &str) -> impl Iterator<Item = &str> {
    let rests = text.lines().filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
    rests.filter_map(|rest| rest.split(['(', '<']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_named_and_gone_is_found() {
        let page = "| `front::heads_have_an_end`, `a/b.rs: it_is_gone_by_now` | `short_name` | `cargo xtask prove` |";
        let test = "mod tests {\n    async fn heads_have_an_end() {}\n}\n";
        let found = problems(&Tree::of(&[(PAGE, page), ("a/b.rs", test)]));
        assert_eq!(found, ["SECURITY.md: there is no test `it_is_gone_by_now`"]);
    }
}
