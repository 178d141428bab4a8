//! No Rust file has more than [`MAX_LINES`] production lines, and no function escapes clippy's limit – but for the
//! exceptions in `xtask/ratchet.toml`, each of which states today's size exactly, so that it can only shrink.
use crate::tree::{Tree, production_lines};
use serde::Deserialize;
use std::collections::BTreeMap;

const MAX_LINES: usize = 400;
const RATCHET: &str = "xtask/ratchet.toml";
/// Spelled in two parts so that this file does not count itself.
const ESCAPE: &str = concat!("clippy::", "too_many_lines");

/// The exceptions: path → what it has today.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Ratchet {
    /// Production lines of files that are too long.
    #[serde(default)]
    lines: BTreeMap<String, usize>,
    /// Functions allowed to be too long, counted by file.
    #[serde(default)]
    long_functions: BTreeMap<String, usize>,
}

pub(crate) fn problems(tree: &Tree) -> Vec<String> {
    let ratchet: Ratchet = match toml::from_str(tree.text(RATCHET).unwrap_or_default()) {
        Ok(ratchet) => ratchet,
        Err(error) => return vec![format!("{RATCHET}: {error}")],
    };
    let lines: BTreeMap<&str, usize> =
        tree.rust().map(|(path, text)| (path, production_lines(path, text).count())).collect();
    let escapes: BTreeMap<&str, usize> = tree.rust().map(|(path, text)| (path, text.matches(ESCAPE).count())).collect();
    let mut found = against(&ratchet.lines, &lines, MAX_LINES, "production lines", "cut it along its ideas");
    found.extend(against(&ratchet.long_functions, &escapes, 0, "functions past clippy's limit", "cut them"));
    found
}

/// Whatever is above `limit` must be excepted with its exact size; whatever is excepted must be above `limit`.
fn against(
    exceptions: &BTreeMap<String, usize>,
    sizes: &BTreeMap<&str, usize>,
    limit: usize,
    unit: &str,
    remedy: &str,
) -> Vec<String> {
    let too_big = sizes.iter().filter_map(|(path, &size)| match exceptions.get(*path) {
        None if size > limit => Some(format!("{path}: {size} {unit}, {limit} allowed: {remedy}")),
        Some(&excepted) if size > excepted => {
            Some(format!("{path}: {size} {unit}, its exception allows {excepted}: {remedy}; exceptions only shrink"))
        }
        Some(&excepted) if size > limit && size < excepted => {
            Some(format!("{RATCHET}: {path} has shrunk to {size} {unit}: write {size} instead of {excepted}"))
        }
        _ => None,
    });
    let needless = exceptions
        .keys()
        .filter(|path| sizes.get(path.as_str()).is_none_or(|&size| size <= limit))
        .map(|path| format!("{RATCHET}: {path} needs no exception for {unit} any more: remove its line"));
    too_big.chain(needless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(ratchet: &str, lines: usize) -> Vec<String> {
        let text = format!("{}#[cfg(test)]\n{}", "x\n".repeat(lines), "t\n".repeat(900));
        problems(&Tree::of(&[(RATCHET, ratchet), ("a.rs", &text)]))
    }

    #[test]
    fn tests_do_not_count_and_400_lines_are_enough() {
        assert!(with("", 400).is_empty());
        assert!(with("", 401)[0].starts_with("a.rs: 401 production lines"));
    }

    #[test]
    fn an_exception_states_the_exact_size() {
        let ratchet = "[lines]\n\"a.rs\" = 450\n";
        assert!(with(ratchet, 450).is_empty());
        assert!(with(ratchet, 451)[0].contains("exceptions only shrink"));
        assert!(with(ratchet, 449)[0].contains("write 449 instead of 450"));
        assert!(with(ratchet, 400)[0].contains("needs no exception"));
    }

    #[test]
    fn an_exception_for_a_file_that_is_gone_is_needless() {
        let tree = Tree::of(&[(RATCHET, "[lines]\n\"gone.rs\" = 500\n")]);
        assert!(problems(&tree)[0].contains("gone.rs needs no exception"));
    }

    #[test]
    fn a_function_cannot_escape_the_limit_unseen() {
        let text = format!("//! A.\n#[expect({ESCAPE})]\nfn long() {{}}\n");
        assert!(problems(&Tree::of(&[("a.rs", &text)]))[0].contains("1 functions past"));
        let ratchet = "[long_functions]\n\"a.rs\" = 1\n";
        assert!(problems(&Tree::of(&[("a.rs", &text), (RATCHET, ratchet)])).is_empty());
    }
}
