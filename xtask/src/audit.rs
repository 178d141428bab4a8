//! Dependencies held to `deny.toml`, by cargo-deny. Advisories are asked for by `cargo xtask audit` alone: their database
//! is fetched from the network, and changes without us.
use crate::command;
use std::path::Path;

const CARGO_DENY: &str = "0.20.2";

/// Licences, bans and sources: what the tree itself decides. Part of `ci`.
pub(crate) fn dependencies(root: &Path) -> Result<(), String> {
    deny(root, &["licenses", "bans", "sources"])
}

/// All of it.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    dependencies(root)?;
    deny(root, &["advisories"])
}

fn deny(root: &Path, what: &[&str]) -> Result<(), String> {
    let binary = command::tool(root, "cargo-deny", CARGO_DENY)?;
    command::run(root, binary, &[&["check"], what].concat())
}
