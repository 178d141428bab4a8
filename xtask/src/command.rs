//! Running other programs: shown before they run, and a failure names the program.
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Runs `program` in `folder` with its output shown.
pub(crate) fn run(folder: &Path, program: impl AsRef<Path>, arguments: &[&str]) -> Result<(), String> {
    run_with(Command::new(program.as_ref()).args(arguments).current_dir(folder))
}

/// Runs a prepared command with its output shown.
pub(crate) fn run_with(command: &mut Command) -> Result<(), String> {
    let shown = shown(command);
    println!("$ {shown}");
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
}

/// `cargo test` for the whole workspace, with `arguments`. What clippy has to say is said, and denied, as it compiles: apart
/// from it the lints would have every dependency looked at once more. Whatever asks for tests' builds asks here, or
/// builds them anew.
pub(crate) fn tests(root: &Path, arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).args(["test", "--workspace", "--quiet"]).args(arguments);
    // As `cargo clippy` has its driver called.
    cargo.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver").env("CLIPPY_ARGS", "--deny__CLIPPY_HACKERY__warnings");
    cargo
}

/// Whether `program` answers to `arguments` at all.
pub(crate) fn answers(program: impl AsRef<Path>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Installs a package of Debian's, where that can be done.
pub(crate) fn install(root: &Path, package: &str) -> Result<(), String> {
    run(root, "apt-get", &["update", "-qq"])?;
    run(root, "apt-get", &["install", "-y", "-qq", "--no-install-recommends", package])
}

/// A tool from the crates' registry in this very version, installed beside the build; unoptimized, as building it takes
/// longer than it ever runs.
pub(crate) fn tool(root: &Path, name: &str, version: &str) -> Result<PathBuf, String> {
    let folder = root.join("target/tools").join(format!("{name}-{version}"));
    let binary = folder.join("bin").join(name);
    if !binary.exists() {
        let place = folder.to_string_lossy();
        run(
            root,
            "cargo",
            &["install", "--quiet", "--locked", "--debug", "--root", &place, "--version", version, name],
        )?;
    }
    Ok(binary)
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
