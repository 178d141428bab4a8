//! What is published may change only as its version says: compared by cargo-semver-checks with an earlier commit.
use crate::command;
use std::{path::Path, process::Command};

const CARGO_SEMVER_CHECKS: &str = "0.51.0";
/// Crates that others build on.
const PUBLISHED: &[&str] = &["headwater-aggregation", "headwater-client"];

/// Compares with `baseline`, or with the newest release; says so where there was none yet.
pub(crate) fn run(root: &Path, baseline: Option<&str>) -> Result<(), String> {
    let Some(baseline) = baseline.map(str::to_owned).or_else(|| newest_release(root)) else {
        println!("nothing is released yet (no tag v*): name a commit with --baseline to compare with it");
        return Ok(());
    };
    let binary = command::tool(root, "cargo-semver-checks", CARGO_SEMVER_CHECKS)?;
    let packages = PUBLISHED.iter().flat_map(|package| ["--package", package]);
    let arguments = ["semver-checks", "--baseline-rev", &baseline].into_iter().chain(packages).collect::<Vec<_>>();
    command::run(root, binary, &arguments)
}

/// The newest tag of a release before what is checked out.
fn newest_release(root: &Path) -> Option<String> {
    let mut git = Command::new("git");
    let told = git.current_dir(root).args(["describe", "--tags", "--abbrev=0", "--match", "v*"]).output().ok()?;
    let tag = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    (told.status.success() && !tag.is_empty()).then_some(tag)
}
