//! `cargo xtask prove`: what docs/reliability.md says, shown on the release binary – kills, power cuts, disks that fail, fill
//! up and slow down, flipped bits, jumping clocks, floods, histories. Each proof is a program in suites/prove, with a server and a
//! folder of its own; disks that misbehave are suites/prove/disk, a file system in user space.
use crate::{
    command,
    server::release_binary,
    suites::{build_go, installed},
};
use clap::builder::PossibleValuesParser;
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

const PROOFS: [&str; 10] =
    ["kill", "forgetful", "faults", "flips", "slow", "full", "clock", "floods", "size", HISTORIES];
/// The one that has a search look for an order of what clients saw.
const HISTORIES: &str = "histories";
/// Those on a disk that misbehaves, which takes rights to mount one.
const MOUNTED: [&str; 4] = ["forgetful", "faults", "slow", "full"];
const DISK: &str = "headwater-prove-disk";

/// The names `cargo xtask prove` takes.
pub(crate) fn names() -> PossibleValuesParser {
    PROOFS.into()
}

/// Builds the server and runs the chosen proofs, or all.
pub(crate) fn build_and_run(root: &Path, chosen: &[String], is_short: bool) -> Result<(), String> {
    command::run(root, "cargo", &["build", "--release", "--package", "headwater"])?;
    run(root, chosen, is_short)
}

/// All proofs in their short form, with the release binary as it is; where nothing can be mounted, those that need not.
pub(crate) fn short(root: &Path) -> Result<(), String> {
    let mounts = File::options().read(true).write(true).open("/dev/fuse").is_ok();
    if !mounts {
        println!("\n== not run, as /dev/fuse cannot be opened: {}", MOUNTED.join(", "));
    }
    let chosen = PROOFS.into_iter().filter(|name| mounts || !MOUNTED.contains(name)).map(str::to_owned);
    run(root, &chosen.collect::<Vec<_>>(), true)
}

fn run(root: &Path, chosen: &[String], is_short: bool) -> Result<(), String> {
    let disk = disk(root)?;
    let wanted = |name: &&str| chosen.is_empty() || chosen.iter().any(|choice| choice == name);
    let mut failed = Vec::new();
    for name in PROOFS.into_iter().filter(wanted) {
        println!("\n== {name}");
        let mut program = Command::new("python3");
        program.arg(root.join("suites/prove").join(format!("{name}.py"))).arg(release_binary(root)).arg(&disk);
        if name == HISTORIES {
            program.arg(linear(root)?);
        }
        failed.extend(command::run_with(program.args(is_short.then_some("--short"))).err());
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// Builds the search for an order of what clients saw, and says where it is.
pub(crate) fn linear(root: &Path) -> Result<PathBuf, String> {
    let binary = installed(root, "go").join("linear");
    build_go(root, "./linear", &binary)?;
    Ok(binary)
}

/// Tests the file system, builds it, and says where it is.
fn disk(root: &Path) -> Result<PathBuf, String> {
    let (folder, target) = (root.join("suites/prove/disk"), root.join("target/prove"));
    for chore in [&["test", "--release", "--quiet"][..], &["build", "--release", "--quiet"]] {
        let mut cargo = Command::new("cargo");
        command::run_with(cargo.current_dir(&folder).args(chore).arg("--target-dir").arg(&target))?;
    }
    Ok(target.join("release").join(DISK))
}
