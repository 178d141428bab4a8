//! The binary: reads its settings and runs what was asked for. Bare `headwater` is `headwater serve`.
mod access;
mod backup;
mod cli;
mod credentials;
mod front;
mod functions;
mod gate;
mod key_files;
mod kinesis_source;
mod logging;
mod outward;
mod serve;
mod settings;

fn main() -> std::process::ExitCode {
    cli::run()
}
