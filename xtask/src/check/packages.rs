//! The number of locked packages has a ceiling: a dependency is a decision, not an accident.
use crate::tree::Tree;

/// Raise it only together with the dependency that needs it, and say why in the commit.
const MAX_LOCKED_PACKAGES: usize = 444;

pub(crate) fn problems(tree: &Tree) -> Vec<String> {
    let locked = tree.text("Cargo.lock").unwrap_or_default().lines().filter(|line| *line == "[[package]]").count();
    if locked <= MAX_LOCKED_PACKAGES {
        return Vec::new();
    }
    vec![format!(
        "Cargo.lock: {locked} packages, {MAX_LOCKED_PACKAGES} allowed: `cargo tree -i` tells who asks for the new ones"
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_package_too_many_is_seen() {
        let lock = |count| "[[package]]\nname = \"x\"\n".repeat(count);
        assert!(problems(&Tree::of(&[("Cargo.lock", &lock(MAX_LOCKED_PACKAGES))])).is_empty());
        assert_eq!(problems(&Tree::of(&[("Cargo.lock", &lock(MAX_LOCKED_PACKAGES + 1))])).len(), 1);
    }
}
