//! `cargo xtask suites`: outside clients, unmodified, against the release binary. A client program gets two endpoints –
//! one without rate limits, one with AWS's – and prints `ok <scenario>` or `FAILED <scenario>: <why>`; here we see to it
//! that none of the common scenarios is left out.
use crate::{
    command, long,
    server::{Server, release_binary},
};
use clap::builder::PossibleValuesParser;
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What every client of Kinesis must show, one name a line.
const SCENARIOS: &str = "suites/scenarios.txt";

/// A client: how it is installed and how it is run.
struct Suite {
    name: &'static str,
    /// The file of the scenarios it must show; without one, those it has are its own.
    scenarios: Option<&'static str>,
    /// It starts servers of its own: others would take part in what these do where they share their logs.
    is_alone: bool,
    prepare: fn(&Path) -> Result<(), String>,
    program: fn(&Path) -> Command,
}

/// A client of Kinesis.
const fn kinesis(name: &'static str, prepare: fn(&Path) -> Result<(), String>, program: fn(&Path) -> Command) -> Suite {
    Suite { name, scenarios: Some(SCENARIOS), is_alone: false, prepare, program }
}

/// A client of another service.
const fn other(name: &'static str, prepare: fn(&Path) -> Result<(), String>, program: fn(&Path) -> Command) -> Suite {
    Suite { name, scenarios: None, is_alone: false, prepare, program }
}

/// A program that starts its servers itself.
const fn alone(name: &'static str, prepare: fn(&Path) -> Result<(), String>, program: fn(&Path) -> Command) -> Suite {
    Suite { name, scenarios: None, is_alone: true, prepare, program }
}

static SUITES: [Suite; 14] = [
    kinesis("boto3", prepare_python, |root| python(root, "boto3_suite.py")),
    kinesis("awscli", prepare_python, |root| python(root, "awscli_suite.py")),
    kinesis("boto2", prepare_python, |root| python(root, "boto2_suite.py")),
    kinesis("node", prepare_node, |root| node(root, "node")),
    kinesis("go", |root| prepare_go(root, "."), |root| Command::new(go_binary(root, "."))),
    kinesis("java", |root| build_java(root, "java"), |root| java(root, "java")),
    other("dynamodb", prepare_python, |root| python(root, "dynamodb_suite.py")),
    other("pynamodb", prepare_python, |root| python(root, "pynamodb_suite.py")),
    other("node-dynamodb", |root| install_node(root, "node-dynamodb"), |root| node(root, "node-dynamodb")),
    other("go-dynamodb", |root| prepare_go(root, "dynamodb"), |root| Command::new(go_binary(root, "dynamodb"))),
    alone("firehose", prepare_python, firehose),
    alone("worker", prepare_worker, worker),
    alone(CONSOLE, prepare_console, console),
    other("java-dynamodb", |root| build_java(root, "java-dynamodb"), |root| java(root, "java-dynamodb")),
];
pub(crate) const CONSOLE: &str = "console";
const DURABILITY: &str = "durability";
/// Expiry is soon enough for a program to wait for it.
const SETTINGS: [&str; 2] = ["--expiry-sweep-ms", "200"];
/// The same with AWS's limits.
const LIMITED: [&str; 4] = ["--expiry-sweep-ms", "200", "--limits", "aws"];

/// The names `cargo xtask suites` takes.
pub(crate) fn names() -> PossibleValuesParser {
    clients().chain([DURABILITY]).chain(long::names()).collect::<Vec<_>>().into()
}

/// The clients, by name.
pub(crate) fn clients() -> impl Iterator<Item = &'static str> {
    SUITES.iter().map(|suite| suite.name)
}

/// Runs the chosen suites, or all but the long ones.
pub(crate) fn run(root: &Path, chosen: &[String], rounds: u32, endpoint: Option<&str>) -> Result<(), String> {
    if endpoint.is_none() {
        command::run(root, "cargo", &["build", "--release", "--package", "headwater"])?;
    }
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|choice| choice == name);
    let mut failed = Vec::new();
    for suite in SUITES.iter().filter(|suite| wanted(suite.name)) {
        println!("\n== {}", suite.name);
        failed.extend(client(root, suite.name, endpoint).err());
    }
    if wanted(DURABILITY) && endpoint.is_none() {
        println!("\n== {DURABILITY}");
        failed.extend(durability(root, rounds).err());
    }
    for name in long::names().filter(|name| endpoint.is_none() && chosen.iter().any(|choice| choice == name)) {
        println!("\n== {name}");
        failed.extend(long::run(root, name).err());
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// Installs one client and runs it, against `endpoint` or servers of its own.
pub(crate) fn client(root: &Path, name: &str, endpoint: Option<&str>) -> Result<(), String> {
    let suite = prepared(root, name)?;
    if suite.is_alone {
        return converse(root, suite, &[]);
    }
    if let Some(endpoint) = endpoint {
        return converse(root, suite, &[endpoint, endpoint]);
    }
    let open = Server::start(root, &format!("{name}-open"), &SETTINGS)?;
    client_at(root, name, &open.endpoint())
}

/// Installs one client and runs it against `endpoint` and, where it wants AWS's limits, a server of its own.
pub(crate) fn client_at(root: &Path, name: &str, endpoint: &str) -> Result<(), String> {
    let suite = prepared(root, name)?;
    let limited = Server::start(root, &format!("{name}-limited"), &LIMITED)?;
    converse(root, suite, &[endpoint, &limited.endpoint()])
}

fn prepared(root: &Path, name: &str) -> Result<&'static Suite, String> {
    let suite = SUITES.iter().find(|suite| suite.name == name).ok_or_else(|| format!("no suite `{name}`"))?;
    (suite.prepare)(root)?;
    Ok(suite)
}

/// Load, kill -9, restart, read everything back: `rounds` times on one folder, for each service.
pub(crate) fn durability(root: &Path, rounds: u32) -> Result<(), String> {
    for driver in ["kill9.py", "dynamo.py", "firehose.py"] {
        let mut program = Command::new("python3");
        program.arg(root.join("suites/durability").join(driver)).arg(release_binary(root));
        command::run_with(program.args(["--rounds", &rounds.to_string()]))?;
    }
    Ok(())
}

fn converse(root: &Path, suite: &Suite, endpoints: &[&str]) -> Result<(), String> {
    let mut program = (suite.program)(root);
    program.args(endpoints).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = program.output().map_err(|error| format!("{}: {error}", suite.name))?;
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    let wanted = match suite.scenarios {
        Some(file) => fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?,
        None => String::new(),
    };
    verdict(suite.name, &wanted, &said, output.status.success())
}

/// All wanted scenarios were said to be ok, at least one was, and nothing failed.
fn verdict(name: &str, wanted: &str, said: &str, success: bool) -> Result<(), String> {
    let passed: BTreeSet<&str> = said.lines().filter_map(|line| line.strip_prefix("ok ")).map(str::trim).collect();
    let failed: Vec<&str> = said.lines().filter(|line| line.starts_with("FAILED ")).collect();
    let wanted = wanted.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let silent: Vec<&str> = wanted.filter(|scenario| !passed.contains(scenario)).collect();
    if success && failed.is_empty() && silent.is_empty() && !passed.is_empty() {
        println!("{name}: {} scenarios", passed.len());
        return Ok(());
    }
    Err(format!("{name}: {} failed; not passed: {}", failed.len(), silent.join(", ")))
}

/// Where the clients are installed: beside the build, so that the tree stays clean.
pub(crate) fn installed(root: &Path, name: &str) -> PathBuf {
    root.join("target/suites").join(name)
}

/// Runs `install` unless it succeeded before in `folder` with the same pins.
fn once(root: &Path, folder: &Path, pins: &str, install: impl Fn() -> Result<(), String>) -> Result<(), String> {
    let text = |error: std::io::Error| format!("{}: {error}", folder.display());
    let (pins, stamp) = (fs::read(root.join(pins)).map_err(text)?, folder.join("pins"));
    if fs::read(&stamp).is_ok_and(|stamped| stamped == pins) {
        return Ok(());
    }
    install()?;
    fs::write(&stamp, pins).map_err(text)
}

pub(crate) fn prepare_python(root: &Path) -> Result<(), String> {
    const PINS: &str = "suites/python/requirements.txt";
    let folder = installed(root, "python");
    // boto 2 runs on Python up to 3.11.
    let python = if command::answers("python3.11", &["--version"]) { "python3.11" } else { "python3" };
    once(root, &folder, PINS, || {
        command::run(root, python, &["-m", "venv", &folder.to_string_lossy()])?;
        command::run(root, folder.join("bin/pip"), &["install", "--quiet", "--requirement", PINS])
    })
}

/// The interpreter that has the clients.
pub(crate) fn interpreter(root: &Path) -> PathBuf {
    installed(root, "python").join("bin/python")
}

fn python(root: &Path, program: &str) -> Command {
    let mut command = Command::new(interpreter(root));
    command.arg(root.join("suites/python").join(program));
    command
}

/// A program that starts servers of its own.
fn firehose(root: &Path) -> Command {
    let mut command = Command::new(interpreter(root));
    command.arg(root.join("suites/firehose/suite.py")).arg(release_binary(root));
    command
}

/// The client library's examples, which the tests build anyway.
pub(crate) fn prepare_worker(root: &Path) -> Result<(), String> {
    prepare_python(root)?;
    command::run_with(&mut command::tests(root, &["--no-run"]))
}

/// The same for readers and workers of the client library.
fn worker(root: &Path) -> Command {
    let mut command = Command::new(interpreter(root));
    command.arg(root.join("suites/worker/worker.py")).arg(release_binary(root)).args(worker_examples(root));
    command
}

pub(crate) fn worker_examples(root: &Path) -> [PathBuf; 3] {
    ["consume", "follow", "worker"].map(|example| root.join("target/debug/examples").join(example))
}

pub(crate) fn prepare_node(root: &Path) -> Result<(), String> {
    install_node(root, "node")
}

fn install_node(root: &Path, folder: &str) -> Result<(), String> {
    install_packages(root, &format!("suites/{folder}"))
}

/// Installs what the lock file in `folder` names.
fn install_packages(root: &Path, folder: &str) -> Result<(), String> {
    let pins = format!("{folder}/package-lock.json");
    let folder = root.join(folder);
    once(root, &folder.join("node_modules"), &pins, || {
        command::run(&folder, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"])
    })
}

/// Checks the types of the web console and runs its tests.
pub(crate) fn console_tests(root: &Path) -> Result<(), String> {
    install_packages(root, "console")?;
    let folder = root.join("console");
    command::run(&folder, "npm", &["run", "--silent", "check"])?;
    command::run(&folder, "npm", &["run", "--silent", "test"])
}

/// What drives the browser, and the browser itself: the system's, as those that npm fetches come from elsewhere.
fn prepare_console(root: &Path) -> Result<(), String> {
    install_node(root, "console")?;
    if env::var_os("CHROMIUM").is_some() || Path::new("/usr/bin/chromium").exists() {
        return Ok(());
    }
    command::install(root, "chromium")
        .map_err(|why| format!("{why}\nthe console is seen in Chromium: install it, or say in CHROMIUM where it is"))
}

/// The console in a browser, against servers that the program starts.
fn console(root: &Path) -> Command {
    let mut command = node(root, "console");
    command.arg(release_binary(root));
    command
}

/// The same, but how long things took is only told: a machine that does other things besides says little of it.
pub(crate) fn console_untimed(root: &Path) -> Result<(), String> {
    prepare_console(root)?;
    command::run_with(console(root).env("TIMES", "told"))
}

fn node(root: &Path, folder: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(root.join("suites").join(folder).join("suite.mjs"));
    command
}

fn go_binary(root: &Path, program: &str) -> PathBuf {
    installed(root, "go").join(program).join("suite")
}

fn prepare_go(root: &Path, program: &str) -> Result<(), String> {
    build_go(root, &format!("./{program}"), &go_binary(root, program))
}

/// Builds one of the Go programs.
pub(crate) fn build_go(root: &Path, program: &str, binary: &Path) -> Result<(), String> {
    command::run(&root.join("suites/go"), "go", &["build", "-o", &binary.to_string_lossy(), program])
}

/// Builds the Java programs of one folder.
pub(crate) fn build_java(root: &Path, folder: &str) -> Result<(), String> {
    let build = format!("-DbuildDirectory={}", installed(root, folder).display());
    command::run(&root.join("suites").join(folder), "mvn", &["--quiet", "--batch-mode", &build, "package"])
}

/// Where Java finds the classes of one folder and all they need.
pub(crate) fn class_path(root: &Path, folder: &str) -> String {
    let libraries = installed(root, folder);
    let own = if folder == "java" { "suite.jar".to_owned() } else { format!("{folder}.jar") };
    format!("{}:{}", libraries.join(own).display(), libraries.join("libraries/*").display())
}

fn java(root: &Path, folder: &str) -> Command {
    let mut command = Command::new("java");
    command.arg("-cp").arg(class_path(root, folder)).arg("headwater.Suite");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str = "# common\nput_one\nsplit\n";

    #[test]
    fn a_suite_passes_when_it_says_every_scenario() {
        assert_eq!(verdict("x", WANTED, "ok put_one\nok split\nok more\n", true), Ok(()));
    }

    #[test]
    fn silence_about_a_scenario_is_a_failure() {
        let why = verdict("x", WANTED, "ok put_one\n", true).unwrap_err();
        assert_eq!(why, "x: 0 failed; not passed: split");
    }

    #[test]
    fn a_suite_that_shows_nothing_fails() {
        assert!(verdict("x", "", "", true).is_err());
    }

    #[test]
    fn a_failed_line_or_a_bad_exit_is_a_failure() {
        assert!(verdict("x", WANTED, "ok put_one\nok split\nFAILED more: why\n", true).is_err());
        assert!(verdict("x", WANTED, "ok put_one\nok split\n", false).is_err());
    }
}
