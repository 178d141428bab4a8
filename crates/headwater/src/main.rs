//! The binary: reads its settings and runs what was asked for. Bare `headwater` is `headwater serve`.
#[cfg_attr(not(test), expect(dead_code, reason = "credentials and streams carry no policies yet"))]
#[expect(unused_imports, reason = "credentials and streams carry no policies yet")]
mod access;
mod cli;
mod credentials;
mod front;
mod serve;
mod settings;
mod workers;

fn main() -> std::process::ExitCode {
    cli::run()
}
