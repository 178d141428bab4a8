//! `cargo xtask dist`: the binary that is shipped – static, small, and the same bytes for the same commit and compiler,
//! wherever it is built.
use crate::command;
use std::{
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// It may grow by a decision, not by accident.
const MAX_BYTES: u64 = 25_000_000;
/// A panic ends the process, so nothing is unwound (`xtask/dist.ld` leaves out what the standard library brings for that); of
/// 60,000 places that the loader moves each takes two bits and not 24 bytes; and of functions that are the same, as many made of
/// one generic are, one is kept.
const FLAGS: &str = "-Cforce-unwind-tables=no -Clink-arg=-fuse-ld=lld \
                     -Clink-arg=-Wl,-T,xtask/dist.ld,-z,pack-relative-relocs,--icf=all";

/// Builds it; with `twice` also of the last commit in another folder, and compares.
pub(crate) fn run(root: &Path, twice: bool) -> Result<(), String> {
    let target = format!("{ARCH}-unknown-linux-musl");
    let folder = root.join("target/dist");
    let binary = build(root, &folder, &target)?;
    let size = fs::metadata(&binary).map_err(|error| format!("{}: {error}", binary.display()))?.len();
    println!("{}: {size} bytes", binary.display());
    if size > MAX_BYTES {
        return Err(format!("{size} bytes are more than {MAX_BYTES}: find out what has grown"));
    }
    if twice { compare(root, &binary, &target) } else { Ok(()) }
}

/// Where the compiler keeps its own linker: the system's cannot fold functions.
fn linkers() -> Result<String, String> {
    let rustc = |words: &[&str]| {
        let said = Command::new("rustc").args(words).output().map_err(|error| format!("rustc: {error}"))?;
        Ok::<_, String>(String::from_utf8_lossy(&said.stdout).into_owned())
    };
    let host = rustc(&["-vV"])?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not say what it runs on")?;
    Ok(format!("{}/lib/rustlib/{host}/bin/gcc-ld", rustc(&["--print", "sysroot"])?.trim()))
}

/// Without the paths of this machine.
fn build(tree: &Path, folder: &Path, target: &str) -> Result<PathBuf, String> {
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    let home = home.map_err(|error| format!("HOME: {error}"))?;
    let (from, to) = (tree.display(), folder.display());
    let mut cargo = Command::new("cargo");
    cargo.current_dir(tree).args([
        "build",
        "--locked",
        "--profile",
        "dist",
        "--package",
        "headwater",
        "--target",
        target,
    ]);
    cargo.env("CARGO_TARGET_DIR", folder);
    cargo.env(
        "RUSTFLAGS",
        format!("--remap-path-prefix={home}=cargo --remap-path-prefix={to}=target --remap-path-prefix={from}=headwater {FLAGS}"),
    );
    cargo.env("COMPILER_PATH", linkers()?);
    cargo.env("CFLAGS", format!("-ffile-prefix-map={home}=cargo -ffile-prefix-map={to}=target"));
    command::run_with(&mut cargo)?;
    let binary = folder.join(target).join("dist/headwater");
    // Cargo's own setting leaves the names in.
    command::run(tree, "strip", &["--strip-all", &binary.to_string_lossy()])?;
    Ok(binary)
}

/// Builds the last commit where nothing is known of this folder.
fn compare(root: &Path, binary: &Path, target: &str) -> Result<(), String> {
    let again = root.join("target/dist-again");
    let tree = again.join("tree");
    if tree.exists() {
        command::run(root, "git", &["worktree", "remove", "--force", &tree.to_string_lossy()])?;
    }
    command::run(root, "git", &["worktree", "add", "--detach", &tree.to_string_lossy(), "HEAD"])?;
    let second = build(&tree, &again.join("built"), target);
    command::run(root, "git", &["worktree", "remove", "--force", &tree.to_string_lossy()])?;
    let (first, second) = (fs::read(binary), fs::read(second?));
    match (first, second) {
        (Ok(first), Ok(second)) if first == second => {
            println!("the same bytes, built twice");
            Ok(())
        }
        (Ok(_), Ok(_)) => Err("two builds differ; is everything committed?".to_owned()),
        (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
    }
}
