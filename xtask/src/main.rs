//! Project chores: what is generated, what is checked, what must pass. Chores touch the machine freely; nothing that
//! ships depends on this crate.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)] // the bans guard what ships

mod audit;
mod book;
mod check;
mod ci;
mod command;
mod dist;
mod docs;
mod fences;
mod fuzz;
mod generate;
mod instructions;
mod kafka;
mod long;
mod operations;
mod peers;
mod prove;
mod semver;
mod server;
mod suites;
mod tree;

use clap::{Parser, Subcommand};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Project chores.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Writes everything that is generated: the wire crate's code and docs/operations.md.
    Gen,
    /// Reduces an unpacked botocore's service descriptions to the facts in models/.
    Reduce {
        /// The folder with botocore's descriptions, gunzipped.
        botocore: PathBuf,
    },
    /// Checks the house rules; a screenful, each line with what to do.
    Check,
    /// Everything that must pass; installs what the outside clients need.
    Ci,
    /// Runs outside clients, unmodified, against the release binary.
    Suites {
        /// Which ones; all but the long ones if none is named.
        #[arg(value_parser = suites::names())]
        suites: Vec<String>,
        /// Rounds of load, kill -9 and restart for the durability suite.
        #[arg(long, default_value_t = 200)]
        rounds: u32,
        /// Use a server that already runs there, instead of starting one.
        #[arg(long)]
        endpoint: Option<String>,
    },
    /// Shows what docs/reliability.md says, on the release binary: kills, power cuts, failing disks, floods. Linux, with FUSE.
    Prove {
        /// Which proofs; all of them if none is named.
        #[arg(value_parser = prove::names())]
        proofs: Vec<String>,
        /// A few rounds of each, without a look at times.
        #[arg(long)]
        short: bool,
    },
    /// Runs the commands that README and docs/ show, against the release binary.
    Docs {
        /// Which pages; all of them if none is named.
        pages: Vec<String>,
    },
    /// Makes a site of the documents, in target/book/html; installs mdBook.
    Book,
    /// Builds the static binary that is shipped, in target/dist; needs Rust's target for musl, and musl-gcc.
    Dist {
        /// Builds the last commit in another folder as well, and compares.
        #[arg(long)]
        twice: bool,
    },
    /// Runs the engine on Kafka against real brokers, which it starts; installs Kafka.
    Kafka {
        /// Only measures how fast servers put, beside the client alone.
        #[arg(long)]
        throughput: bool,
    },
    /// Measures every server of the same API that installs, and this one, in one run; installs them. Quiet machines only.
    Peers {
        /// Which ones, by their names in docs/performance.md; all of them if none is named.
        only: Vec<String>,
        /// How long each case lasts.
        #[arg(long, default_value_t = 3)]
        seconds: u32,
        /// How often each case is measured; the median counts.
        #[arg(long, default_value_t = 3)]
        repeat: u32,
    },
    /// Counts the instructions of requests, beside those of benches/instructions.toml; needs valgrind.
    Instructions {
        /// Writes down what is counted.
        #[arg(long)]
        accept: bool,
    },
    /// Writes the data folder of this version that later ones have to read, into crates/headwater/tests/fixtures; at a release.
    Fixture,
    /// Licences, bans, sources and advisories of all dependencies; the last need the network.
    Audit,
    /// Compares what is published with the newest release: whether the version says what has changed.
    Semver {
        /// The commit to compare with, instead of the newest tag v*.
        #[arg(long)]
        baseline: Option<String>,
    },
    /// Runs the fuzz targets on the nightly toolchain; installs cargo-fuzz.
    Fuzz {
        /// Which ones; all of them if none is named.
        targets: Vec<String>,
        /// Seconds for each target.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
}

fn main() -> ExitCode {
    let root = root();
    let outcome = match Arguments::parse().chore {
        Chore::Gen => generate::run(&root, false).and_then(|()| operations::write(&root)),
        Chore::Reduce { botocore } => generate::reduce(&root, &botocore),
        Chore::Check => check::run(&root),
        Chore::Ci => ci::run(&root),
        Chore::Suites { suites, rounds, endpoint } => suites::run(&root, &suites, rounds, endpoint.as_deref()),
        Chore::Prove { proofs, short } => prove::build_and_run(&root, &proofs, short),
        Chore::Docs { pages } => docs::build_and_run(&root, &pages),
        Chore::Book => book::run(&root),
        Chore::Dist { twice } => dist::run(&root, twice),
        Chore::Kafka { throughput: true } => kafka::throughput(&root),
        Chore::Kafka { throughput: false } => kafka::run(&root),
        Chore::Peers { only, seconds, repeat } => peers::run(&root, &only, seconds, repeat),
        Chore::Instructions { accept } => instructions::build_and_run(&root, accept),
        Chore::Fixture => command::run_with(&mut command::tests(
            &root,
            &["--test", "it", "--", "--ignored", "releases::this_release_writes_its_own"],
        )),
        Chore::Audit => audit::run(&root),
        Chore::Semver { baseline } => semver::run(&root, baseline.as_deref()),
        Chore::Fuzz { targets, seconds } => fuzz::run(&root, &targets, seconds),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The repository: the folder above this crate's.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}
