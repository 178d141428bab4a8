//! What must not stand in any text: one machine's paths, leftover markers, registry hosts, foreign line ends; and what
//! must: links that lead somewhere.
use crate::tree::{Tree, has_extension};

/// The text to look for, and why it must go. Spelled in parts so that this file does not find itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("to", "do!("), "a leftover marker: do it or leave it out"),
    (concat!("unimple", "mented!("), "a leftover marker: do it or leave it out"),
    (concat!("FIX", "ME"), "a leftover marker: do it or leave it out"),
    (concat!("TO", "DO"), "a leftover marker: do it or leave it out"),
    (concat!("X", "XX"), "a leftover marker: do it or leave it out"),
    (concat!("\"reso", "lved\": \"http"), "a registry's host: omit it from the lock file"),
    (concat!("index", "-url"), "a registry's host: the client's own settings name it"),
    (concat!("py", "pi.org"), "a registry's host"),
    (concat!("pythonhosted", ".org"), "a registry's host"),
    (concat!("registry.npm", "js"), "a registry's host"),
    (concat!("static.crates", ".io"), "a registry's host"),
    (concat!("repo.maven", ".apache"), "a registry's host"),
    (concat!("proxy.gol", "ang"), "a registry's host"),
];
/// Licence texts and the lock files of the clients are as their makers wrote them; models are facts of AWS's.
const AS_THEY_ARE: [&str; 2] = ["LICENSE", "models/"];

pub(crate) fn problems(tree: &Tree) -> Vec<String> {
    let ours = tree.files().filter(|(path, _)| !AS_THEY_ARE.iter().any(|start| path.starts_with(start)));
    ours.flat_map(|(path, text)| {
        let mut found = forbidden(path, text);
        if has_extension(path, "md") {
            found.extend(dead_links(tree, path, text));
        }
        found
    })
    .collect()
}

fn forbidden(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if text.contains('\r') {
        found.push(format!("{path}: carriage returns: end lines with LF alone"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let hits = FORBIDDEN.iter().filter(|(word, _)| line.contains(word));
        found.extend(hits.map(|(word, why)| format!("{path}:{number}: `{word}` is {why}")));
    }
    found
}

/// Links of a document to files that are not there.
fn dead_links(tree: &Tree, path: &str, text: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets
        .filter(|target| !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:"))
        .map(|target| (target, resolve(folder, target.split('#').next().unwrap_or_default())))
        .filter(|(_, file)| !tree.files().any(|(known, _)| known == file || known.starts_with(&format!("{file}/"))))
        .map(|(target, _)| format!("{path}: the link to `{target}` leads nowhere"))
        .collect()
}

/// `target` as seen from `folder`, as a path from the root.
pub(crate) fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_word_is_found_with_its_line() {
        let marker = FORBIDDEN[5].0;
        let found = problems(&Tree::of(&[("a.rs", &format!("//! A.\n// {marker}: later\n"))]));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.rs:2: "));
    }

    #[test]
    fn windows_line_ends_are_found() {
        assert_eq!(problems(&Tree::of(&[("a.py", "x\r\n")])).len(), 1);
    }

    #[test]
    fn a_link_must_lead_to_a_file_or_folder_of_the_tree() {
        let text = "[a](b.md) [c](../src/lib.rs#L1) [d](../src) [e](https://example.com/x) [f](#g) [h](gone.md)";
        let tree = Tree::of(&[("docs/a.md", text), ("docs/b.md", ""), ("src/lib.rs", "")]);
        assert_eq!(problems(&tree), ["docs/a.md: the link to `gone.md` leads nowhere"]);
    }
}
