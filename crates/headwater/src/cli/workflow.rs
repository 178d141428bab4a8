//! `headwater workflow`: Arazzo documents, run and checked. Invariant: standard output has what was asked for and nothing
//! else; what goes on meanwhile is told on standard error.
mod report;
mod show;
mod world;

use super::{
    connection::{Connection, LOCAL},
    output::say,
};
use clap::{Args, Subcommand};
use headwater_workflow::{
    Document, Field, Library, Outcome, Problem, Settings, Workflow as Flow, fields, from_text, run,
};
use serde_json::{Map, Value};
use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
};
use world::World;

const RUN_HELP: &str = "\
Steps call operations by their ids: those of the OpenAPI 3.0 and 3.1 files the document names, and, where a file is not
there, those of Kinesis, DynamoDB, DynamoDB Streams and Firehose, which are known anyway. Requests to these are signed.
They go to --server if it is given, else to AWS_ENDPOINT_URL, else to the server the OpenAPI file names, else to
http://127.0.0.1:4566.

The outputs are written to standard output, as JSON; how the steps go, to standard error. The exit status tells whether
the workflow came to a good end.

Examples:
  headwater workflow run put-and-read.yml --input streamName=orders --input partitionKey=k --input data=aGVsbG8=
  headwater workflow run flows.yml --workflow scale --inputs inputs.yml --junit report.xml
  headwater workflow run pets.yml --server https://staging.example.com/v1 --dry-run";

const CHECK_HELP: &str = "\
An error is against the specification, or would stop a run; a warning is told only.

Example:
  headwater workflow check flows/*.yml";

/// What is done with documents.
#[derive(Subcommand)]
pub(super) enum Workflow {
    /// Runs a workflow of an Arazzo 1.0 or 1.1 document and prints its outputs
    #[command(after_help = RUN_HELP)]
    Run(Box<Run>),
    /// Checks Arazzo documents and says what is wrong with them, by line
    #[command(after_help = CHECK_HELP)]
    Check(Check),
}

/// Which workflow, and how.
#[derive(Args)]
pub(super) struct Run {
    /// The Arazzo document, YAML or JSON
    file: PathBuf,
    /// Which workflow of it; needed if it has several
    #[arg(long, value_name = "ID")]
    workflow: Option<String>,
    /// An input; may be repeated. Without one that is needed it is asked for, on a terminal
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<String>,
    /// A file with inputs, YAML or JSON; --input goes before it
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// The server to send requests to, whatever the descriptions say; of one source description by its name. May be repeated
    #[arg(long, value_name = "[SOURCE=]URL")]
    server: Vec<String>,
    /// Print the requests and send none; what an answer would have held is shown as the expression that names it
    #[arg(long)]
    dry_run: bool,
    /// Print a report instead of the outputs alone: the outputs, and each step
    #[arg(long)]
    json: bool,
    /// Write a report for CI systems, in the format of JUnit
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Stop after so many steps, repeated ones included
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    max_steps: usize,
    /// Wait so long before a step is done again, unless the document says how long
    #[arg(long, value_name = "MS", default_value_t = 200)]
    pause_ms: u64,
    /// Wait so long for an answer, unless the document says how long
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    timeout_ms: u64,
    #[command(flatten)]
    connection: Connection,
}

/// Which documents.
#[derive(Args)]
pub(super) struct Check {
    /// The Arazzo documents, YAML or JSON
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Workflow {
    /// Does what is asked.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        match self {
            Self::Run(run) => run.run().await,
            Self::Check(check) => check.run().await,
        }
    }
}

impl Check {
    async fn run(self) -> Result<(), String> {
        let mut errors = 0;
        for file in &self.files {
            let mut world = World::new(None);
            let library = Library::load(&file.to_string_lossy(), &text(file)?, &mut world).await;
            errors += library.problems().iter().filter(|problem| problem.is_error()).count();
            let lines: Vec<String> = library.problems().iter().map(|problem| line(file, problem)).collect();
            lines.iter().try_for_each(|line| say(line))?;
            if !library.problems().iter().any(Problem::is_error) {
                say(&format!("{}: no errors", file.display()))?;
            }
        }
        match errors {
            0 => Ok(()),
            1 => Err("1 error".into()),
            many => Err(format!("{many} errors")),
        }
    }
}

impl Run {
    async fn run(self) -> Result<(), String> {
        let endpoint = self.connection.endpoint.clone().filter(|url| !url.is_empty());
        let servers = self.servers()?;
        let called = endpoint.as_deref().or(servers.first().map(|(_, url)| url.as_str())).unwrap_or(LOCAL);
        let signer = self.connection.identity.signer(Some(called)).await?;
        let region = signer.region().to_owned();
        let mut world = World::new(Some((signer, self.timeout_ms)));
        let library = Library::load(&self.file.to_string_lossy(), &text(&self.file)?, &mut world).await;
        let wrong: Vec<String> = library
            .problems()
            .iter()
            .filter(|problem| problem.is_error())
            .map(|problem| line(&self.file, problem))
            .collect();
        let Some(document) = library.document().filter(|_| wrong.is_empty()) else {
            return Err(format!("the document cannot be run:\n{}", wrong.join("\n")));
        };
        let workflow = self.choose(document)?;
        let inputs = self.gather(document, workflow)?;
        let settings = Settings {
            servers,
            endpoint,
            default_endpoint: LOCAL.into(),
            region,
            max_steps: self.max_steps,
            pause_ms: self.pause_ms,
            is_dry: self.dry_run,
            ..Settings::default()
        };
        world.begin(self.dry_run);
        let report = run(&library, &workflow.id, inputs, &settings, &mut world).await;
        if let Some(file) = &self.junit {
            write(file, &report::junit(&report, world.times()))?;
        }
        let shown = match (self.dry_run, self.json) {
            (true, false) => report::requests(world.requests()),
            (true, true) => pretty(&report::requests_json(world.requests()))?,
            (false, true) => pretty(&report::json(&report, world.times()))?,
            (false, false) => pretty(&report.outputs)?,
        };
        say(&shown)?;
        match report.outcome {
            Outcome::Succeeded => Ok(()),
            Outcome::Failed(why) => {
                let warnings: String =
                    library.problems().iter().map(|problem| format!("\n{}", line(&self.file, problem))).collect();
                Err(format!("{} failed: {why}{warnings}", report.workflow))
            }
        }
    }

    fn choose<'a>(&self, document: &'a Document) -> Result<&'a Flow, String> {
        let found = match (&self.workflow, document.workflows.as_slice()) {
            (None, [one]) => Some(one),
            (None, _) => None,
            (Some(id), all) => all.iter().find(|workflow| workflow.id == *id),
        };
        found.ok_or_else(|| {
            let ids = document.workflows.iter().map(|workflow| format!("\n  {}  {}", workflow.id, workflow.summary));
            format!("--workflow ID tells which workflow to run; the document has{}", ids.collect::<String>())
        })
    }

    /// The servers named for source descriptions, or for all.
    fn servers(&self) -> Result<Vec<(Option<String>, String)>, String> {
        self.server.iter().map(|text| server(text)).collect()
    }

    /// The inputs: of the file, of the command line, of whoever sits at the terminal.
    fn gather(&self, document: &Document, workflow: &Flow) -> Result<Map<String, Value>, String> {
        let known =
            workflow.inputs.as_ref().map(|schema| fields(schema, &document.input_components)).unwrap_or_default();
        let mut inputs = self.inputs.as_deref().map(values).transpose()?.unwrap_or_default();
        for given in &self.input {
            let (name, value) = given.split_once('=').ok_or_else(|| format!("--input {given}: write NAME=VALUE"))?;
            let field = known.iter().find(|field| field.name == name);
            let value = from_text(field, value).map_err(|why| format!("--input {name}: {why}"))?;
            inputs.insert(name.to_owned(), value);
        }
        let strange = inputs.keys().find(|name| !known.is_empty() && !known.iter().any(|field| field.name == **name));
        if let Some(name) = strange {
            let names: Vec<&str> = known.iter().map(|field| field.name.as_str()).collect();
            return Err(format!("the workflow has no input `{name}`; it has {}", names.join(", ")));
        }
        let missing = known.iter().filter(|field| field.is_required && field.default.is_none());
        let missing: Vec<&Field> = missing.filter(|field| !inputs.contains_key(&field.name)).collect();
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            let lines = missing.iter().map(|field| format!("\n  --input {}={}", field.name, hint(field)));
            let lines: String = lines.collect();
            return if lines.is_empty() { Ok(inputs) } else { Err(format!("inputs are missing:{lines}")) };
        }
        for field in missing {
            inputs.insert(field.name.clone(), ask(field)?);
        }
        Ok(inputs)
    }
}

/// What an input should be, for people.
fn hint(field: &Field) -> String {
    let kind = field.kind.as_deref().unwrap_or("value").to_uppercase();
    if field.description.is_empty() { kind } else { format!("{kind}   {}", field.description) }
}

fn ask(field: &Field) -> Result<Value, String> {
    loop {
        let mut line = String::new();
        let asked = write!(io::stderr(), "{} ({}): ", field.name, hint(field)).and_then(|()| io::stderr().flush());
        let read = asked.and_then(|()| io::stdin().lock().read_line(&mut line));
        if read.map_err(|error| error.to_string())? == 0 {
            return Err(format!("the input {} is missing", field.name));
        }
        match from_text(Some(field), line.trim_end_matches(['\r', '\n'])) {
            Ok(value) => return Ok(value),
            // They see it and are asked again.
            Err(why) => drop(writeln!(io::stderr(), "  {why}")),
        }
    }
}

/// `URL`, or `SOURCE=URL`.
fn server(text: &str) -> Result<(Option<String>, String), String> {
    let is_name = |name: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
    let (source, url) = match text.split_once('=').filter(|(name, _)| is_name(name)) {
        Some((name, url)) => (Some(name.to_owned()), url),
        None => (None, text),
    };
    if url.starts_with("http://") || url.starts_with("https://") {
        Ok((source, url.to_owned()))
    } else {
        Err(format!("--server: write http://HOST:PORT or https://HOST, not '{url}'"))
    }
}

/// The inputs of a file.
fn values(file: &Path) -> Result<Map<String, Value>, String> {
    let name = file.display();
    let read = headwater_workflow::values(&text(file)?).map_err(|problem| format!("--inputs {name}:{problem}"))?;
    match read {
        Value::Object(inputs) => Ok(inputs),
        _ => Err(format!("--inputs {name}: inputs are members of a map")),
    }
}

fn text(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

#[expect(clippy::disallowed_methods, reason = "a report where its reader wants it: no data that must last")]
fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|error| format!("--junit {}: {error}", file.display()))
}

fn line(file: &Path, problem: &Problem) -> String {
    format!("{}:{problem}", file.display())
}

fn pretty(value: &Value) -> Result<String, String> {
    serde_json::to_string_pretty(value).map_err(|error| error.to_string())
}
