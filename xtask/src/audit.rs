//! `cargo xtask audit`: cargo-deny over all dependencies, by `deny.toml`. Not part of `ci`: installing cargo-deny from
//! source takes minutes, and the advisory database is fetched from the network.
use crate::command;
use std::path::Path;

pub(crate) fn run(root: &Path) -> Result<(), String> {
    if !command::answers("cargo", &["deny", "--version"]) {
        command::run(root, "cargo", &["install", "--locked", "cargo-deny"])?;
    }
    command::run(root, "cargo", &["deny", "check"])
}
