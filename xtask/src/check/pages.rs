//! The documents: every block of commands is one that is run or says why not, and every page is in the book.
use super::text::resolve;
use crate::{
    fences::{blocks, is_page},
    tree::{Tree, has_extension},
};

/// The table of contents.
pub(crate) const SUMMARY: &str = "docs/SUMMARY.md";

pub(crate) fn problems(tree: &Tree) -> Vec<String> {
    let listed: Vec<String> = listed(tree.text(SUMMARY).unwrap_or_default());
    let pages = tree.files().filter(|(path, _)| is_page(path));
    let unlisted = tree.files().filter(|(path, _)| path.starts_with("docs/") && has_extension(path, "md"));
    let unlisted = unlisted.filter(|(path, _)| *path != SUMMARY && !listed.iter().any(|page| page == path));
    pages
        .flat_map(|(path, text)| {
            let wrong = blocks(text).into_iter().filter_map(|block| Some((block.line, block.purpose().err()?)));
            wrong.map(|(line, why)| format!("{path}:{line}: {why}")).collect::<Vec<_>>()
        })
        .chain(unlisted.map(|(path, _)| format!("{path}: no line of {SUMMARY} leads here")))
        .collect()
}

/// The pages a table of contents names, as paths from the root.
pub(crate) fn listed(summary: &str) -> Vec<String> {
    let targets = summary.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.map(|target| resolve("docs", target)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_outside_the_contents_and_a_block_without_a_language_are_found() {
        let tree = Tree::of(&[
            (SUMMARY, "- [A](a.md)\n- [B](../B.md)\n"),
            ("docs/a.md", "```\nls\n```\n"),
            ("docs/c.md", ""),
            ("B.md", "```\nls\n```\n"),
        ]);
        let found = problems(&tree);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("docs/a.md:2: ") && found[1].starts_with("docs/c.md: "));
    }
}
