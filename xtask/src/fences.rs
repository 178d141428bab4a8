//! The fenced blocks of documents: what is run of them, and what is only shown. Invariant: commands are run, or say what they
//! need that is not here (`needs-…`); there is no third kind.

/// One block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// The line of its first line, from 1.
    pub(crate) line: usize,
    /// What stands behind the fence: the language first.
    info: &'a str,
    pub(crate) text: String,
}

/// What becomes of a block.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Use {
    /// Run by the shell of its page.
    Shell,
    /// Run by Python.
    Python,
    /// Not run: it needs something else.
    Needs,
    /// Nothing that could be run.
    Shown,
}

/// Languages that are run unless they say what they need.
const RUN: [(&str, Use); 2] = [("sh", Use::Shell), ("python", Use::Python)];
/// Other names of theirs: a block has one name, so that none is missed.
const OTHER_NAMES: [&str; 6] = ["bash", "shell", "console", "zsh", "py", "python3"];
/// The page starts its servers itself, so none is started for it.
const SERVER: &str = "server";
const NEEDS: &str = "needs-";

impl Block<'_> {
    fn words(&self) -> impl Iterator<Item = &str> {
        self.info.split(',').map(str::trim)
    }

    /// Whether the page starts its servers itself.
    pub(crate) fn starts_server(&self) -> bool {
        self.words().any(|word| word == SERVER)
    }

    /// What becomes of it.
    ///
    /// # Errors
    /// What is to be written instead.
    pub(crate) fn purpose(&self) -> Result<Use, String> {
        let language = self.words().next().unwrap_or_default();
        if language.is_empty() {
            return Err("name the language of the block: `sh` and `python` are run, `text` is shown".into());
        }
        if OTHER_NAMES.contains(&language) {
            return Err(format!("`{language}`: write `sh` or `python`, which are run"));
        }
        let Some((_, run)) = RUN.iter().find(|(name, _)| *name == language) else {
            let is_transcript = language == "text" && self.text.lines().any(|line| line.starts_with("$ "));
            return if is_transcript {
                Err("commands go into a block of `sh`, which is run".into())
            } else {
                Ok(Use::Shown)
            };
        };
        let mut purpose = *run;
        for word in self.words().skip(1) {
            match word.strip_prefix(NEEDS) {
                Some(what) if !what.is_empty() => purpose = Use::Needs,
                _ if word == SERVER => {}
                _ => {
                    return Err(format!("`{word}`: a block of commands may say `{SERVER}` or `{NEEDS}…`, and no more"));
                }
            }
        }
        Ok(purpose)
    }
}

/// The fenced blocks of a document.
pub(crate) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(info)) => open = Some(Block { line: number + 1, info: info.trim(), text: String::new() }),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    found.extend(open);
    found
}

/// Whether the commands of this file are run.
pub(crate) fn is_page(path: &str) -> bool {
    path == "README.md" || (path.starts_with("docs/") && crate::tree::has_extension(path, "md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose(text: &str) -> Result<Use, String> {
        blocks(text)[0].purpose()
    }

    #[test]
    fn a_block_is_told_by_its_language_and_knows_its_line() {
        let text = "# A\n\n```sh\nls\n\ncd /\n```\n\n```python,needs-lambda\nx\n```\n";
        let found = blocks(text);
        assert_eq!((found[0].line, found[0].text.as_str()), (4, "ls\n\ncd /\n"));
        assert_eq!(found.iter().map(Block::purpose).collect::<Vec<_>>(), [Ok(Use::Shell), Ok(Use::Needs)]);
        assert_eq!(purpose("```json\n{}\n```"), Ok(Use::Shown));
    }

    #[test]
    fn a_page_may_start_its_own_servers() {
        let found = blocks("```sh,server\nheadwater &\n```\n```sh\nls\n```");
        assert_eq!(found.iter().map(Block::starts_server).collect::<Vec<_>>(), [true, false]);
        assert_eq!(found[0].purpose(), Ok(Use::Shell));
    }

    #[test]
    fn commands_cannot_hide() {
        for hidden in
            ["```\nls\n```", "```bash\nls\n```", "```text\n$ ls\n```", "```sh,ignore\nls\n```", "```sh,needs-\nls\n```"]
        {
            assert!(purpose(hidden).is_err(), "{hidden}");
        }
    }
}
