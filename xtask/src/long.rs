//! The long suites: outside clients through what takes minutes – subscriptions that live and are taken over, shards split
//! and merged under the Kinesis Client and Producer Libraries, Terraform's life of a stream. Each runs only when named,
//! against servers that its own program in suites/long starts.
use crate::{
    command,
    server::release_binary,
    suites::{
        build_go, build_java, class_path, installed, interpreter, prepare_node, prepare_python, prepare_worker,
        worker_examples,
    },
};
use std::{path::Path, process::Command};

const TELEGRAF: &str = "github.com/influxdata/telegraf/cmd/telegraf";
const TELEGRAF_VERSION: &str = "v1.37.2";
const TELEGRAF_PLUGINS: &str = "custom,inputs.tail,outputs.kinesis,parsers.value,serializers.template";

/// What is installed for a suite, and the arguments of its program, each run a line.
type Prepare = fn(&Path) -> Result<Vec<Vec<String>>, String>;

const SUITES: [(&str, Prepare); 10] = [
    ("fan_out", fan_out),
    ("subscribers", subscribers),
    ("kpl", kpl),
    ("kcl", kcl),
    ("worker_beside_kcl", worker_beside_kcl),
    ("streams_adapter", streams_adapter),
    ("shipper", shipper),
    ("terraform", terraform),
    ("accounts", bare),
    ("recovery", bare),
];

/// The long suites, by name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SUITES.iter().map(|(name, _)| *name)
}

/// Installs what one suite needs and runs it.
pub(crate) fn run(root: &Path, name: &str) -> Result<(), String> {
    let (_, prepare) = SUITES.iter().find(|(known, _)| *known == name).ok_or_else(|| format!("no suite `{name}`"))?;
    prepare_python(root)?;
    for arguments in prepare(root)? {
        let mut program = Command::new(interpreter(root));
        program.arg(root.join("suites/long").join(format!("{name}.py"))).arg(release_binary(root));
        command::run_with(program.args(arguments))?;
    }
    Ok(())
}

/// Every SDK that can subscribe to a shard.
fn fan_out(root: &Path) -> Result<Vec<Vec<String>>, String> {
    prepare_node(root)?;
    let go = installed(root, "go").join("follow");
    build_go(root, "./follow", &go)?;
    build_java(root, "java")?;
    let rust = installed(root, "rust");
    command::run(&root.join("suites/rust"), "cargo", &["build", "--target-dir", &rust.to_string_lossy()])?;
    let suites = root.join("suites");
    let java = format!("java -cp {} headwater.Follow", class_path(root, "java"));
    Ok(vec![vec![
        format!("boto3={} {}", interpreter(root).display(), suites.join("python/follow.py").display()),
        format!("node=node {}", suites.join("node/follow.mjs").display()),
        format!("go={}", go.display()),
        format!("java={java}"),
        format!("java_tls={java}"),
        format!("rust={}", rust.join("debug/follow").display()),
    ]])
}

fn subscribers(root: &Path) -> Result<Vec<Vec<String>>, String> {
    let program = installed(root, "go").join("subscribers");
    build_go(root, "./subscribers", &program)?;
    Ok(vec![vec![program.to_string_lossy().into_owned()]])
}

fn kpl(root: &Path) -> Result<Vec<Vec<String>>, String> {
    build_java(root, "kpl")?;
    Ok(vec![vec![class_path(root, "kpl")]])
}

/// With its leases in the server itself, and in DynamoDB Local, in plain text and over TLS.
fn kcl(root: &Path) -> Result<Vec<Vec<String>>, String> {
    build_java(root, "kcl")?;
    build_java(root, "dynamodb-local")?;
    let leases = installed(root, "dynamodb-local").join("libraries/*").to_string_lossy().into_owned();
    let run = |leases: &str, transport: &str| vec![class_path(root, "kcl"), leases.to_owned(), transport.to_owned()];
    Ok(vec![run("headwater", "plain"), run(&leases, "plain"), run(&leases, "tls")])
}

fn worker_beside_kcl(root: &Path) -> Result<Vec<Vec<String>>, String> {
    build_java(root, "kcl")?;
    prepare_worker(root)?;
    let examples = worker_examples(root).map(|program| program.to_string_lossy().into_owned());
    Ok(vec![examples.into_iter().chain([class_path(root, "kcl")]).collect()])
}

fn streams_adapter(root: &Path) -> Result<Vec<Vec<String>>, String> {
    build_java(root, "streams-adapter")?;
    Ok(vec![vec![class_path(root, "streams-adapter")]])
}

/// Telegraf with the plugins it takes alone.
fn shipper(root: &Path) -> Result<Vec<Vec<String>>, String> {
    let folder = installed(root, &format!("telegraf-{TELEGRAF_VERSION}"));
    if !folder.join("telegraf").exists() {
        let mut install = Command::new("go");
        let package = format!("{TELEGRAF}@{TELEGRAF_VERSION}");
        install.env("GOBIN", &folder).args(["install", "-tags", TELEGRAF_PLUGINS, &package]);
        command::run_with(&mut install)?;
    }
    Ok(vec![vec![folder.join("telegraf").to_string_lossy().into_owned()]])
}

fn terraform(root: &Path) -> Result<Vec<Vec<String>>, String> {
    Ok(vec![vec![root.join("suites/terraform").to_string_lossy().into_owned()]])
}

fn bare(_: &Path) -> Result<Vec<Vec<String>>, String> {
    Ok(vec![Vec::new()])
}
