//! `cargo xtask check`: the house rules, each a small function from the tree to its problems. Every problem says where
//! it is and what to do.
mod heads;
mod named_tests;
mod packages;
pub(crate) mod pages;
mod rooms;
mod sizes;
pub(crate) mod text;

use crate::{generate, operations, tree::Tree};
use std::path::Path;

/// What one check is called and does.
type Check = (&'static str, fn(&Tree) -> Vec<String>);

const CHECKS: [Check; 8] = [
    ("heads", heads::problems),
    ("sizes", sizes::problems),
    ("rooms", rooms::problems),
    ("text", text::problems),
    ("pages", pages::problems),
    ("packages", packages::problems),
    ("named tests", named_tests::problems),
    ("operations", operations::problems),
];
/// Problems of one check that are shown: all of them would not fit a screen.
const SHOWN: usize = 8;

pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::load(root)?;
    let mut total = 0;
    for (name, problems) in CHECKS {
        total += report(name, &problems(&tree));
    }
    total += report("generated", &generate::run(root, true).err().into_iter().collect::<Vec<_>>());
    if total == 0 { Ok(()) } else { Err(format!("{total} problems")) }
}

/// Shows what a check found; returns how much that is.
fn report(name: &str, problems: &[String]) -> usize {
    println!(
        "{name:<12}{}",
        if problems.is_empty() { "ok".to_owned() } else { format!("{} problems", problems.len()) }
    );
    for problem in problems.iter().take(SHOWN) {
        println!("  {problem}");
    }
    if problems.len() > SHOWN {
        println!("  … and {} more", problems.len() - SHOWN);
    }
    problems.len()
}
