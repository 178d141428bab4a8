//! `cargo xtask peers`: every server of the same API that installs, and ours, measured in one run. Invariant: what is measured is
//! the release build.
use crate::{
    command,
    server::release_binary,
    suites::{build_java, installed},
};
use std::{path::Path, process::Command};

/// Builds, installs what is not there yet, measures, and writes the pictures of docs/performance.md.
pub(crate) fn run(root: &Path, only: &[String], seconds: u32, repeat: u32) -> Result<(), String> {
    let release = ["build", "--release", "--package", "headwater"];
    command::run(root, "cargo", &release)?;
    command::run(root, "cargo", &[&release[..], &["--example", "floor"]].concat())?;
    build_java(root, "dynamodb-local")?;
    let headwater = release_binary(root);
    let mut program = Command::new("python3");
    program
        .arg(root.join("suites/peers/peers.py"))
        .arg(&headwater)
        .arg(headwater.with_file_name("examples").join("floor"));
    program.arg("--folder").arg(installed(root, "peers"));
    program.arg("--libraries").arg(installed(root, "dynamodb-local").join("libraries"));
    program.args(["--seconds", &seconds.to_string(), "--repeat", &repeat.to_string()]);
    if only.is_empty() {
        program.arg("--figures").arg(root.join("docs/images"));
    } else {
        program.arg("--only").args(only);
    }
    command::run_with(&mut program)
}
