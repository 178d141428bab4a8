//! `cargo xtask docs`: runs the commands that README and docs/ show, page by page, against the release binary. A page is one
//! shell (`set -eu`) in a folder of its own, so that a block finds what those before it made.
use crate::{
    command,
    fences::{Block, Use, blocks, is_page},
    server::{Server, free_address, release_binary},
    suites::{installed, interpreter, prepare_python},
    tree::Tree,
};
use std::{
    env,
    fmt::Write,
    fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Seconds a page may take.
const TIMEOUT: &str = "180";
/// The ports that documents name; each page gets free ones in their place.
const PORTS: [u16; 4] = [4566, 4567, 8000, 8080];
/// What stands in a page's output before a block's.
const MARK: &str = "== ";
/// Lines that are shown of a page that failed.
const SHOWN_LINES: usize = 25;
const END: &str = "END-OF-PYTHON";

/// Runs the named pages, or all.
pub(crate) fn run(root: &Path, chosen: &[String]) -> Result<(), String> {
    prepare_python(root)?;
    let tree = Tree::load(root)?;
    let mut failed = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| is_page(path)) {
        if chosen.is_empty() || chosen.iter().any(|choice| choice == path) {
            failed.extend(page(root, path, text).err());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// Runs one page.
fn page(root: &Path, path: &str, text: &str) -> Result<(), String> {
    let blocks = blocks(text);
    let mut runnable = Vec::new();
    for block in &blocks {
        let purpose = block.purpose().map_err(|why| format!("{path}:{}: {why}", block.line))?;
        if matches!(purpose, Use::Shell | Use::Python) {
            runnable.push((block, purpose));
        }
    }
    if runnable.is_empty() {
        return Ok(());
    }
    let name = format!("docs-{}", path.trim_end_matches(".md").replace('/', "-"));
    let is_own = blocks.iter().any(Block::starts_server);
    let server = if is_own { None } else { Some(Server::start(root, &name, &[])?) };
    let folder = installed(root, &name).join("page");
    let broken = |error: std::io::Error| format!("{}: {error}", folder.display());
    if is_own {
        fs::remove_dir_all(&folder)
            .or_else(|error| if folder.exists() { Err(error) } else { Ok(()) })
            .map_err(broken)?;
    }
    fs::create_dir_all(&folder).map_err(broken)?;
    link(&root.join("docs"), &folder.join("docs")).map_err(broken)?;

    let mut ports = PORTS.map(|port| (port, free_address().map_or(port, |address| address.port())));
    if let Some(server) = &server {
        ports[0].1 = server.address().port();
    }
    let log = folder.join("page.log");
    fs::write(folder.join("page.sh"), script(path, &runnable, &ports)).map_err(broken)?;
    let output = File::create(&log).map_err(broken)?;
    let mut shell = Command::new("timeout");
    shell.args(["--kill-after", "5", TIMEOUT, "bash", "page.sh"]).current_dir(&folder).stdin(Stdio::null());
    shell.stdout(output.try_clone().map_err(broken)?).stderr(output);
    let status = surroundings(&mut shell, root, &folder, ports[0].1, is_own).status().map_err(broken)?;
    let said = String::from_utf8_lossy(&fs::read(&log).map_err(broken)?).into_owned();
    if status.success() {
        println!("ok {path}: {} blocks", runnable.len());
        return Ok(());
    }
    let place = said.lines().rev().find_map(|line| line.strip_prefix(MARK)).unwrap_or(path);
    let from = said.lines().count().saturating_sub(SHOWN_LINES);
    let last: Vec<&str> = said.lines().skip(from).collect();
    Err(format!("{place}: this block failed ({status})\n  {}", last.join("\n  ")))
}

/// The commands of a page as one script.
fn script(path: &str, runnable: &[(&Block<'_>, Use)], ports: &[(u16, u16)]) -> String {
    // What a page leaves running ends with it.
    let mut script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n".to_owned();
    for (block, purpose) in runnable {
        let text = with_ports(&block.text, ports);
        // Writing to a text cannot fail.
        let _ = match purpose {
            Use::Python => writeln!(script, "echo '{MARK}{path}:{}'\npython3 - <<'{END}'\n{text}{END}", block.line),
            _ => writeln!(script, "echo '{MARK}{path}:{}'\n{}", block.line, with_refusals(&text)),
        };
    }
    script
}

/// The commands, with those that must fail – `! command` on one line – ending the page when they do not: `set -e` lets them be.
fn with_refusals(text: &str) -> String {
    let line = |line: &str| if line.starts_with("! ") { format!("{line} || exit 1\n") } else { format!("{line}\n") };
    text.lines().map(line).collect()
}

/// The text with other ports, where a number is one of those.
fn with_ports(text: &str, ports: &[(u16, u16)]) -> String {
    let mut changed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, digits) = rest.split_at(start);
        let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
        let (number, after) = digits.split_at(end);
        let port = ports.iter().find(|(port, _)| number == port.to_string());
        changed.push_str(before);
        changed.push_str(&port.map_or(number.to_owned(), |(_, other)| other.to_string()));
        rest = after;
    }
    changed + rest
}

/// What the commands find: the server's binary, the clients, and no settings but the page's.
fn surroundings<'a>(shell: &'a mut Command, root: &Path, folder: &Path, port: u16, is_own: bool) -> &'a mut Command {
    let ours = |name: &str| name.starts_with("AWS_") || name.starts_with("HEADWATER_");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
        shell.env_remove(name);
    }
    let folders = [release_binary(root), interpreter(root)].map(|program| program.parent().map(Path::to_path_buf));
    let known = env::var_os("PATH").unwrap_or_default();
    let path = folders.into_iter().flatten().chain(env::split_paths(&known)).map(|place| root.join(place));
    shell.env("PATH", env::join_paths(path).unwrap_or(known)).env("HOME", folder);
    shell.env("HEADWATER_LISTEN", format!("127.0.0.1:{port}")).env("AWS_EC2_METADATA_DISABLED", "true");
    if !is_own {
        shell.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")).env("AWS_DEFAULT_REGION", "us-east-1");
        shell.env("AWS_ACCESS_KEY_ID", "any").env("AWS_SECRET_ACCESS_KEY", "any");
    }
    shell
}

#[cfg(unix)]
fn link(there: &PathBuf, here: &PathBuf) -> std::io::Result<()> {
    std::os::unix::fs::symlink(there, here)
}

#[cfg(not(unix))]
fn link(_: &PathBuf, _: &PathBuf) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Builds the server and runs the pages.
pub(crate) fn build_and_run(root: &Path, chosen: &[String]) -> Result<(), String> {
    command::run(root, "cargo", &["build", "--release", "--package", "headwater"])?;
    run(root, chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_numbers_and_no_parts_of_numbers() {
        let ports = [(4566, 31_000), (8000, 32_000)];
        assert_eq!(with_ports("x:4566/ 14566 45660 --listen 8000", &ports), "x:31000/ 14566 45660 --listen 32000");
        assert_eq!(with_ports("", &ports), "");
    }

    #[test]
    fn a_command_that_must_fail_ends_the_page_when_it_does_not() {
        assert_eq!(with_refusals("! true\nls\n"), "! true || exit 1\nls\n");
    }

    #[test]
    fn a_script_marks_each_block_and_stops_at_the_first_failure() {
        let found = blocks("```sh\ntrue\n```\n```python\nprint(1)\n```\n");
        let runnable: Vec<_> = found.iter().map(|block| (block, block.purpose().unwrap())).collect();
        let script = script("docs/a.md", &runnable, &[]);
        assert!(script.starts_with("set -eu\n"));
        assert!(script.contains("echo '== docs/a.md:2'\ntrue\n"), "{script}");
        assert!(script.contains("python3 - <<'END-OF-PYTHON'\nprint(1)\nEND-OF-PYTHON\n"), "{script}");
    }
}
