//! `headwater completions` and `headwater man`: what shells and `man` want to know. Invariant: both are made from the very
//! description that reads the command line.
use clap::{Args, Command};
use clap_complete::Shell;
use std::{fs, io, path::PathBuf};

pub(super) const COMPLETIONS_HELP: &str = "\
Examples:
  headwater completions bash > ~/.local/share/bash-completion/completions/headwater
  headwater completions zsh > ~/.zfunc/_headwater
  headwater completions fish > ~/.config/fish/completions/headwater.fish";

/// Whose completions.
#[derive(Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// Where to.
#[derive(Args)]
pub(super) struct Man {
    /// The folder, made if it is not there
    folder: PathBuf,
}

impl Completions {
    pub(super) fn run(self, command: Command) -> Result<(), String> {
        // Commands that are hidden would be completed.
        let shown = command.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
        let mut shown = Command::new("headwater")
            .version(env!("CARGO_PKG_VERSION"))
            .args(command.get_arguments().cloned())
            .subcommands(shown);
        clap_complete::generate(self.shell, &mut shown, "headwater", &mut io::stdout());
        Ok(())
    }
}

impl Man {
    pub(super) fn run(self, command: Command) -> Result<(), String> {
        let failed = |error: io::Error| format!("{}: {error}", self.folder.display());
        fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(command, &self.folder).map_err(failed)
    }
}
