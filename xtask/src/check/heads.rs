//! Every Rust file says in its first line what it is.
use crate::tree::Tree;

pub(crate) fn problems(tree: &Tree) -> Vec<String> {
    let headless = tree.rust().filter(|(_, text)| !text.starts_with("//! "));
    headless.map(|(path, _)| format!("{path}:1: begin with a `//! ` line that says what the file is")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_named() {
        let tree = Tree::of(&[("a.rs", "//! A.\n"), ("b.rs", "// B.\n"), ("c.rs", "")]);
        let found = problems(&tree);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("b.rs:1: ") && found[1].starts_with("c.rs:1: "));
    }
}
