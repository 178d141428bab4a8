//! The command line: what can be asked for, and where each setting comes from. Invariant: an error is one sentence on
//! standard error and a failing exit status.
mod backup;
mod bench;
mod connection;
mod copy;
mod firehose;
mod function;
mod health;
mod identity;
mod inspect;
mod manual;
mod migrate;
mod output;
mod put;
mod relay;
mod restore;
mod status;
mod stream;
mod table;
mod tail;
mod workflow;

use crate::{
    serve,
    settings::{Raw, Settings},
};
use backup::Backup;
use bench::Bench;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use copy::Copy;
use firehose::Firehose;
use function::Run;
use health::Health;
use inspect::{Dump, Folder};
use manual::{Completions, Man};
use migrate::Migrate;
use put::Put;
use restore::Restore;
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};
use stream::Stream;
use table::Table;
use tail::{Get, Tail};
use workflow::Workflow;

/// The AWS streaming stack as one binary: Kinesis Data Streams, DynamoDB and Data Firehose on a durable log.
///
/// Point any AWS SDK at it. What it acknowledges is on disk. Without a command it serves.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

const AFTER_HELP: &str = "\
Every setting is also a variable (--account-id: HEADWATER_ACCOUNT_ID) and a key of the file (account-id = \"…\").
A flag goes before a variable, a variable before the file.

Example:
  headwater --data ./streams --listen 4567
  aws --endpoint-url http://127.0.0.1:4567 kinesis list-streams";

/// Threads of a command that calls a server.
const COMMAND_THREADS: usize = 2;

#[derive(Subcommand)]
enum Command {
    /// Serves requests until it is told to stop (SIGTERM, SIGINT)
    #[command(after_help = AFTER_HELP)]
    Serve(Box<Serve>),
    /// Checks every byte of a data folder and says what is in it; changes nothing
    Fsck(Folder),
    /// Takes a backup of a running server, or of a data folder no server uses; what earlier ones have is not copied again
    #[command(after_help = backup::HELP)]
    Backup(Box<Backup>),
    /// Makes a data folder of a backup, or lists the backups there are
    #[command(after_help = restore::HELP)]
    Restore(Restore),
    /// Moves everything from a data folder to a Kafka cluster, or back
    #[command(subcommand, after_help = migrate::HELP)]
    Migrate(Migrate),
    /// Tells by its exit status whether a server takes requests
    #[command(after_help = health::HELP)]
    Health(Health),
    /// Makes, shows, reshards, tags and deletes streams
    Stream(Stream),
    /// Puts lines, or whole files, into a stream
    #[command(after_help = put::HELP)]
    Put(Put),
    /// Shows the records that are in a stream
    Get(Get),
    /// Shows the records that come into a stream
    Tail(Tail),
    /// Copies a stream's records into another stream, here or elsewhere
    Copy(Box<Copy>),
    /// Makes tables, reads and writes their items, takes them in and out
    Table(Box<Table>),
    /// Makes, shows and deletes delivery streams, and puts records to them
    Firehose(Firehose),
    /// Looks at the journal
    #[command(subcommand)]
    Log(Log),
    /// Runs functions for a server
    #[command(subcommand)]
    Function(Function),
    /// Runs and checks workflows: Arazzo documents
    #[command(subcommand)]
    Workflow(Workflow),
    /// Puts load on a server, and tells its rate and its latencies
    Bench(Bench),
    /// Writes the completions of a shell to standard output
    #[command(after_help = manual::COMPLETIONS_HELP)]
    Completions(Completions),
    /// Writes the manual pages of all commands into a folder
    Man(Man),
    /// Does in a folder what `cargo xtask instructions` counts the instructions of
    #[command(hide = true)]
    Instructions { folder: PathBuf },
}

#[derive(Subcommand)]
enum Function {
    /// Runs a function's handler and starts it again when it crashes, until it is told to stop (SIGTERM, SIGINT)
    #[command(after_help = function::AFTER_HELP)]
    Run(Run),
}

#[derive(Subcommand)]
enum Log {
    /// Shows what is written, an entry a line: log, place, arrival, size, bytes
    Dump(Dump),
}

#[derive(Args)]
struct Serve {
    /// A TOML file with settings
    #[arg(long, env = "HEADWATER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the settings that are in force, as a file that --config takes, and end
    #[arg(long)]
    print_config: bool,
    #[command(flatten)]
    settings: Raw,
}

/// Runs what the command line asks for.
pub(crate) fn run() -> ExitCode {
    let arguments = Arguments::from_arg_matches(&whole().get_matches()).unwrap_or_else(|error| error.exit());
    let outcome = match arguments.command {
        None => arguments.serve.run(),
        Some(Command::Serve(serve)) => serve.run(),
        Some(Command::Fsck(folder)) => folder.check(),
        Some(Command::Log(Log::Dump(dump))) => dump.show(),
        Some(Command::Backup(backup)) => block_on(backup.run()),
        Some(Command::Restore(restore)) => block_on(restore.run()),
        Some(Command::Migrate(migrate)) => block_on(migrate.run()),
        Some(Command::Health(health)) => block_on(health.run()),
        Some(Command::Stream(stream)) => block_on(stream.run()),
        Some(Command::Put(put)) => block_on(put.run()),
        Some(Command::Get(get)) => block_on(get.run()),
        Some(Command::Tail(tail)) => block_on(tail.run()),
        Some(Command::Copy(copy)) => block_on(copy.run()),
        Some(Command::Table(table)) => block_on(table.run()),
        Some(Command::Firehose(firehose)) => block_on(firehose.run()),
        Some(Command::Function(Function::Run(run))) => run.run(),
        Some(Command::Workflow(workflow)) => block_on(workflow.run()),
        Some(Command::Bench(bench)) => block_on(bench.run()),
        Some(Command::Completions(completions)) => completions.run(whole()),
        Some(Command::Man(man)) => man.run(whole()),
        Some(Command::Instructions { folder }) => serve::count(&folder),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // Nowhere is left to tell it if this fails.
            let _ = writeln!(io::stderr(), "headwater: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// All commands.
fn whole() -> clap::Command {
    // The help says once that every setting is a variable too; saying it at each would double its length.
    let command = Arguments::command().mut_args(|setting| setting.hide_env(true));
    command.mut_subcommands(|command| command.mut_args(|setting| setting.hide_env(true)))
}

/// Runs a command. What it spawns goes on while it waits for standard input.
fn block_on(task: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(COMMAND_THREADS).enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(task)
}

impl Serve {
    fn run(self) -> Result<(), String> {
        let file = self.config.as_deref().map(Raw::of_file).transpose()?.unwrap_or_default();
        let written = self.settings.or(file);
        let settings = settings(written.clone())?;
        if !self.print_config {
            return serve::run(settings);
        }
        let text = settings.shown(written, |name| variable(name).is_some())?;
        io::stdout().write_all(text.as_bytes()).map_err(|error| format!("--print-config: {error}"))
    }
}

/// The settings that are written so, and what variables alone may say, checked.
fn settings(written: Raw) -> Result<Settings, String> {
    let telemetry = written.telemetry(variable)?;
    let mut settings = written.check(credential()?)?;
    settings.telemetry = telemetry;
    settings.keys.master_key = variable("HEADWATER_MASTER_KEY");
    if let Some(kafka) = &mut settings.kafka {
        if settings.keys.master_key.is_none() && settings.keys.master_key_file.is_none() {
            return Err(
                "--engine kafka: servers that share their logs need the same master key. Make one with `head -c 32 \
                        /dev/urandom | base64`, and give it to each with --master-key-file FILE or HEADWATER_MASTER_KEY"
                    .into(),
            );
        }
        kafka.log_in_with(variable("HEADWATER_KAFKA_PASSWORD"));
    }
    settings.outward.sign_as(variable)?;
    Ok(settings)
}

/// A secret of the environment, unless it is empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The access key of the environment. It is no flag: other users can see those.
fn credential() -> Result<Option<(String, String)>, String> {
    match (variable("HEADWATER_ACCESS_KEY_ID"), variable("HEADWATER_SECRET_ACCESS_KEY")) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => Ok(Some((id, secret))),
        _ => Err("HEADWATER_ACCESS_KEY_ID and HEADWATER_SECRET_ACCESS_KEY belong together: set both or neither".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(line: &str) -> Serve {
        let arguments = Arguments::try_parse_from(line.split(' ')).map_err(|error| error.to_string()).unwrap();
        match arguments.command {
            Some(Command::Serve(serve)) => *serve,
            _ => arguments.serve,
        }
    }

    #[test]
    fn the_command_line_is_sound_and_bare_means_serve() {
        Arguments::command().debug_assert();
        for line in ["headwater --region eu-west-1 --multi-region", "headwater serve --region eu-west-1 --multi-region"]
        {
            let settings = settings(serve(line).settings).unwrap();
            assert!(&*settings.region == "eu-west-1" && settings.multi_region);
        }
        let line = "headwater --listen 1 --listen 2,3 --multi-region=false";
        let settings = settings(serve(line).settings).unwrap();
        assert_eq!(settings.listen.iter().map(std::net::SocketAddr::port).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(!settings.multi_region);
    }
}
