//! The project's own files as text, read once: what every check looks at. A check never touches the disk itself.
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// Path from the root (with `/`) → text. Files that are not UTF-8 are left out.
#[derive(Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// All files git tracks or would track.
    pub(crate) fn load(root: &Path) -> Result<Self, String> {
        let listing = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("git ls-files: {error}"))?;
        if !listing.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listing.stderr)));
        }
        let mut tree = Self::default();
        for path in String::from_utf8_lossy(&listing.stdout).split('\0').filter(|path| !path.is_empty()) {
            // A tracked file that was just deleted, or one that is no text, is nobody's concern here.
            if let Ok(text) = fs::read_to_string(root.join(path)) {
                tree.files.insert(path.to_owned(), text);
            }
        }
        Ok(tree)
    }

    /// A tree of the given files, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }

    /// Every file, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The Rust files written by hand.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| has_extension(path, "rs") && !path.contains("/generated/"))
    }

    /// One file's text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }
}

/// Whether `path` ends in `.extension`.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// The lines of a Rust file before its tests; none of a file in a folder of tests.
pub(crate) fn production_lines<'a>(path: &str, text: &'a str) -> impl Iterator<Item = &'a str> {
    let tests = path.contains("/tests/") || path.ends_with("/tests.rs");
    text.lines().take_while(move |line| !tests && line.trim() != "#[cfg(test)]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_ends_where_the_tests_begin() {
        let text = "//! Head.\nfn a() {}\n\n#[cfg(test)]\nmod tests {}\n";
        assert_eq!(production_lines("src/a.rs", text).count(), 3);
        assert_eq!(production_lines("src/tests/a.rs", text).count(), 0);
    }

    #[test]
    fn generated_files_are_nobodys_handwriting() {
        let tree = Tree::of(&[("a/src/generated/x.rs", ""), ("a/src/x.rs", ""), ("a/x.md", "")]);
        assert_eq!(tree.rust().map(|(path, _)| path).collect::<Vec<_>>(), ["a/src/x.rs"]);
    }
}
