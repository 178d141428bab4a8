//! `cargo xtask fuzz`: every fuzz target for some seconds, from what it found before and its seeds in `fuzz/seeds`.
use crate::command;
use std::{fs, path::Path, process::Command};

const CARGO_FUZZ: &str = "0.13.2";

pub(crate) fn run(root: &Path, chosen: &[String], seconds: u32) -> Result<(), String> {
    let targets = targets(root)?;
    if let Some(unknown) = chosen.iter().find(|name| !targets.contains(name)) {
        return Err(format!("no fuzz target `{unknown}`; there are {}", targets.join(", ")));
    }
    let binary = command::tool(root, "cargo-fuzz", CARGO_FUZZ)?;
    let fuzz = root.join("fuzz");
    let seconds = format!("-max_total_time={seconds}");
    for target in targets.iter().filter(|name| chosen.is_empty() || chosen.contains(name)) {
        let (corpus, seeds) = (format!("corpus/{target}"), format!("seeds/{target}"));
        for folder in [&corpus, &seeds] {
            fs::create_dir_all(fuzz.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
        }
        let mut program = Command::new(&binary);
        // Services that stand from one input to the next look like a leak, and looking for those takes most of the time.
        program.args(["run", target, &corpus, &seeds, "--", &seconds, "-detect_leaks=0"]).current_dir(&fuzz);
        command::run_with(program.env("RUSTUP_TOOLCHAIN", "nightly"))?;
    }
    Ok(())
}

/// The targets are the files in `fuzz/fuzz_targets`.
fn targets(root: &Path) -> Result<Vec<String>, String> {
    let listing =
        fs::read_dir(root.join("fuzz/fuzz_targets")).map_err(|error| format!("fuzz/fuzz_targets: {error}"))?;
    let mut names: Vec<String> = listing
        .filter_map(|entry| entry.ok()?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}
