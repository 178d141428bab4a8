//! `cargo xtask book`: the documents as a site, in target/book/html. What the contents name outside docs/ – the walk through
//! the house, the changes – becomes a page too; links to anything else lead into the repository.
use crate::{
    check::pages::{SUMMARY, listed},
    check::text::resolve,
    command,
    tree::{Tree, has_extension},
};
use std::{fs, path::Path};

const MDBOOK: &str = "0.5.4";
const SETTINGS: &str = "docs/book.toml";
/// Where files are shown that are no pages.
const REPOSITORY: &str = "https://github.com/headwater-rs/headwater/blob/main/";

/// Writes the site.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::load(root)?;
    let folder = root.join("target/book");
    let text = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(text)?;
    }
    let pages = listed(tree.text(SUMMARY).unwrap_or_default());
    for (path, content) in tree.files() {
        let Some(place) = place(path, &pages) else { continue };
        let is_page = has_extension(path, "md");
        let file = if path == SETTINGS { folder.join("book.toml") } else { folder.join("src").join(place) };
        fs::create_dir_all(file.parent().unwrap_or(&folder)).map_err(text)?;
        // Pictures may be no text, so that the tree's reading of them would not do.
        let written = if is_page { fs::write(&file, linked(path, content, &pages)) } else { fs::write(&file, content) };
        written.map_err(text)?;
    }
    for picture in fs::read_dir(root.join("docs/images")).map_err(text)?.flatten() {
        fs::create_dir_all(folder.join("src/images")).map_err(text)?;
        fs::copy(picture.path(), folder.join("src/images").join(picture.file_name())).map_err(text)?;
    }
    let mdbook = command::tool(root, "mdbook", MDBOOK)?;
    command::run(&folder, mdbook, &["build", "--dest-dir", "html"])?;
    println!("target/book/html/index.html");
    Ok(())
}

/// Where a file of the repository is in the book, if it is in it.
fn place<'a>(path: &'a str, pages: &[String]) -> Option<&'a str> {
    path.strip_prefix("docs/").or_else(|| pages.iter().any(|page| page == path).then_some(path))
}

/// A page's text with its links as they are in the book.
fn linked(path: &str, text: &str, pages: &[String]) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let up = place(path, pages).map_or(0, |place| place.matches('/').count());
    let mut parts = text.split("](");
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        changed.push_str("](");
        let Some((target, rest)) = part.split_once(')') else {
            changed.push_str(part);
            continue;
        };
        if target.contains("://") || target.starts_with('#') || target.starts_with("mailto:") {
            changed.push_str(target);
        } else {
            let (file, anchor) = target.find('#').map_or((target, ""), |at| target.split_at(at));
            let file = resolve(folder, file);
            match place(&file, pages) {
                Some(place) => changed.push_str(&("../".repeat(up) + place)),
                None => changed.push_str(&format!("{REPOSITORY}{file}")),
            }
            changed.push_str(anchor);
        }
        changed.push(')');
        changed.push_str(rest);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages_of_the_book_or_into_the_repository() {
        let pages = ["ARCHITECTURE.md".to_owned(), "docs/a.md".to_owned()];
        let text = "[a](../a.md#x) [b](../../ARCHITECTURE.md) [c](../../LICENSE) [d](https://example.com) [e](#f)";
        assert_eq!(
            linked("docs/decisions/1.md", text, &pages),
            format!("[a](../a.md#x) [b](../ARCHITECTURE.md) [c]({REPOSITORY}LICENSE) [d](https://example.com) [e](#f)")
        );
        assert_eq!(linked("ARCHITECTURE.md", "[a](docs/a.md)", &pages), "[a](a.md)");
    }
}
