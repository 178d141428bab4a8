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
mod migrate;
mod nodes;
mod outward;
mod serve;
mod settings;

// Gives back what is freed, which musl's does not do cheaply and glibc's not soon.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
