//! `cargo xtask kafka`: the engine on Kafka against real brokers, which are started for it – the contract on one, killed
//! leaders on three – and several servers on them: unmodified clients through a load balancer, load while servers and
//! brokers are killed or stopped and shards split and merge, topics as Kafka's own consumer shows them, servers that
//! begin with a snapshot of the tables, also of a large one, limits that several servers keep together, and brokers that want TLS and logins.
use crate::{
    command,
    prove::linear,
    server::{Server, free_address, release_binary},
    suites::{self, build_java, installed},
};
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// On one broker.
const CONTRACT: &[&str] = &[
    "tests::real::the_engine_on_kafka_keeps_the_contract",
    "tests::real::a_group_made_again_on_kafka_goes_on_behind_the_places_it_had",
    "tests::real::whoever_is_behind_what_was_trimmed_hears_of_it",
    "tests::real::a_topic_that_another_node_made_smaller_is_not_waited_for",
    "tests::real::a_single_broker_is_refused_unless_allowed",
];
/// On three.
const LEADERS: &[&str] = &["tests::real::nothing_acknowledged_is_lost_and_order_is_kept_when_leaders_are_killed"];
/// Clients that find no difference between one server on its disk and several on Kafka, each request to the next of them.
const BALANCED: [&str; 6] = ["boto3", "boto2", "awscli", "node", "go", "java"];
/// Clients that read eventually consistently what they have just written: of several servers only the one that leads shows
/// it at once, so they speak to that.
const LED: [&str; 5] = ["dynamodb", "pynamodb", "node-dynamodb", "go-dynamodb", "java-dynamodb"];
/// Programs that start a server, and most of them kill it: its variables put it on Kafka.
const ALONE: [&str; 6] = ["kcl", "streams_adapter", "kpl", "fan_out", "worker", "firehose"];
const NODES: u32 = 3;
const ROUNDS: u32 = 20;
/// Of everything that goes wrong, in a run that cuts, too.
const CUTS: u32 = 20;
const ROUNDS_IN_CI: u32 = 3;
/// Items of the large table; `large.py` alone takes ten times as many.
const LARGE_ITEMS: u32 = 1_000_000;
/// Records in each of the streams that are moved.
const MOVED_RECORDS: u32 = 1000;
/// 32 bytes in base64.
const MASTER_KEY: &str = "b25seSBmb3IgdGVzdHMsIDMyIGJ5dGVzIG9mIGtleS4=";

/// Brokers that end when this is dropped.
struct Cluster {
    brokers: u32,
    control: Vec<String>,
    addresses: String,
}

impl Cluster {
    fn start(root: &Path, brokers: u32) -> Result<Self, String> {
        let mut cluster = Self { brokers, control: control(root, brokers), addresses: String::new() };
        let mut start = cluster.command(&["start", &brokers.to_string(), "--secured"]);
        let output = start.stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("python3: {error}"))?;
        if !output.status.success() {
            return Err(format!("{brokers} broker(s) of Kafka do not start"));
        }
        cluster.addresses = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        println!("\n== {brokers} broker(s) at {}", cluster.addresses);
        Ok(cluster)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.control[0]);
        command.args(&self.control[1..]).args(arguments);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Brokers that do not end are seen by whoever runs this next.
        let _ = self.command(&["stop"]).status();
    }
}

/// Everything.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    command::run(root, "cargo", &["build", "--release", "--package", "headwater"])?;
    on_one(root, &BALANCED, &LED)?;
    let cluster = Cluster::start(root, 1)?;
    ALONE.iter().try_for_each(|program| cluster.underlie(root, program))?;
    drop(cluster);
    let cluster = Cluster::start(root, 3)?;
    cluster.test(root, LEADERS)?;
    cluster.strike(root, NODES, ROUNDS)?;
    cluster.deliver(root)?;
    cluster.hold_to_rules(root)?;
    cluster.enlarge(root)?;
    cluster.secure(root, &[])?;
    drop(cluster);
    cut(root)
}

/// Load while servers are cut off from brokers and from each other, too, which takes rights over the network.
fn cut(root: &Path) -> Result<(), String> {
    if !command::answers("unshare", &["--net", "ip", "rule"]) {
        println!("\n== no servers are cut off: that takes root, and `ip`");
        return Ok(());
    }
    let mut program = under_load(root)?;
    program.args(["--cuts", "3", "--control", &control(root, 3).join(" ")]);
    command::run_with(program.args(["--nodes", &NODES.to_string(), "--each", &CUTS.to_string()]))
}

/// Load while things go wrong, and the search for an order of what its clients saw.
fn under_load(root: &Path) -> Result<Command, String> {
    let mut program = script(root, "nodes.py");
    program.arg(linear(root)?);
    Ok(program)
}

/// A program of the suite, which gets the release binary.
fn script(root: &Path, name: &str) -> Command {
    let mut program = Command::new("python3");
    program.arg(root.join("suites/kafka").join(name)).arg(release_binary(root));
    program
}

/// What starts so many brokers, and kills them.
fn control(root: &Path, brokers: u32) -> Vec<String> {
    let driver = root.join("suites/kafka/brokers.py");
    let libraries = installed(root, "kafka").join("libraries");
    let words = ["python3".into(), driver, "--libraries".into(), libraries, "--folder".into(), folder(root, brokers)];
    words.map(|word| word.to_string_lossy().into_owned()).to_vec()
}

/// What so many brokers keep.
fn folder(root: &Path, brokers: u32) -> PathBuf {
    installed(root, "kafka").join(format!("brokers-{brokers}"))
}

/// How fast servers put on three brokers, beside the client alone.
pub(crate) fn throughput(root: &Path) -> Result<(), String> {
    let release = ["build", "--release", "--package"];
    command::run(root, "cargo", &[&release[..], &["headwater"]].concat())?;
    command::run(root, "cargo", &[&release[..], &["headwater-log-kafka", "--example", "raw"]].concat())?;
    build_java(root, "kafka")?;
    let cluster = Cluster::start(root, 3)?;
    let mut program = script(root, "throughput.py");
    program.arg(release_binary(root).with_file_name("examples").join("raw"));
    command::run_with(program.args(["--brokers", &cluster.addresses]))
}

/// What CI has time for; the release build is there.
pub(crate) fn short(root: &Path) -> Result<(), String> {
    on_one(root, &BALANCED[..1], &[])
}

fn on_one(root: &Path, balanced: &[&str], led: &[&str]) -> Result<(), String> {
    build_java(root, "kafka")?;
    let cluster = Cluster::start(root, 1)?;
    cluster.test(root, CONTRACT)?;
    cluster.strike(root, NODES - 1, ROUNDS_IN_CI)?;
    cluster.trim(root)?;
    cluster.take_in(root)?;
    cluster.limit(root)?;
    cluster.secure(root, &["--short"])?;
    cluster.serve(root, NODES - 1, balanced, led)
}

impl Cluster {
    /// Runs tests of the engine on these brokers.
    fn test(&self, root: &Path, tests: &[&str]) -> Result<(), String> {
        // With the whole workspace: by itself the crate would be built anew with other features.
        let mut program = command::tests(root, &["--lib", "--"]);
        program.args(["--ignored", "--exact", "--nocapture", "--test-threads", "1"]).args(tests);
        program.env("HEADWATER_KAFKA", &self.addresses);
        command::run_with(program.env("HEADWATER_KAFKA_CONTROL", self.control.join(" ")))
    }

    /// Load on several servers while things go wrong.
    fn strike(&self, root: &Path, nodes: u32, rounds: u32) -> Result<(), String> {
        let mut program = under_load(root)?;
        program.args(["--brokers", &self.addresses, "--control", &self.control.join(" ")]);
        command::run_with(program.args(["--nodes", &nodes.to_string(), "--rounds", &rounds.to_string()]))
    }

    /// A million records while shards split and merge, read by Kafka's own consumer.
    fn hold_to_rules(&self, root: &Path) -> Result<(), String> {
        let libraries = installed(root, "kafka").join("libraries");
        let mut program = script(root, "rules.py");
        program.args(["--brokers", &self.addresses, "--libraries"]).arg(libraries);
        command::run_with(&mut program)
    }

    /// A suite whose servers are on these brokers.
    fn underlie(&self, root: &Path, suite: &str) -> Result<(), String> {
        println!("\n== {suite}, on a server on Kafka");
        let mut program = Command::new("cargo");
        program.current_dir(root).args(["xtask", "suites", suite]);
        program.env("HEADWATER_ENGINE", "kafka").env("HEADWATER_BROKERS", &self.addresses);
        program.env("HEADWATER_KAFKA_PREFIX", suite).env("HEADWATER_MASTER_KEY", MASTER_KEY);
        command::run_with(program.env("HEADWATER_ALLOW_SINGLE_REPLICA", "true"))
    }

    /// Servers that come after, or were behind, what was trimmed.
    fn trim(&self, root: &Path) -> Result<(), String> {
        command::run_with(script(root, "snapshots.py").args(["--brokers", &self.addresses]))
    }

    /// A table so large that a server which comes later has something to read.
    fn enlarge(&self, root: &Path) -> Result<(), String> {
        let items = LARGE_ITEMS.to_string();
        command::run_with(script(root, "large.py").args(["--brokers", &self.addresses, "--items", &items]))
    }

    /// A data folder that is moved there and back.
    fn take_in(&self, root: &Path) -> Result<(), String> {
        let records = MOVED_RECORDS.to_string();
        command::run_with(script(root, "migrate.py").args(["--brokers", &self.addresses, "--records", &records]))
    }

    /// Servers that keep to limits together.
    fn limit(&self, root: &Path) -> Result<(), String> {
        command::run_with(script(root, "limits.py").args(["--brokers", &self.addresses, "--seconds", "1"]))
    }

    /// Delivery streams that are divided among servers which are killed.
    fn deliver(&self, root: &Path) -> Result<(), String> {
        command::run_with(script(root, "deliveries.py").args(["--brokers", &self.addresses]))
    }

    /// Servers that log in over TLS, and such as do not fit the brokers.
    fn secure(&self, root: &Path, words: &[&str]) -> Result<(), String> {
        let mut program = script(root, "secured.py");
        program.arg("--folder").arg(folder(root, self.brokers));
        command::run_with(program.args(words))
    }

    /// Clients against several servers.
    fn serve(&self, root: &Path, nodes: u32, balanced: &[&str], led: &[&str]) -> Result<(), String> {
        let key = installed(root, "kafka").join("master.key");
        fs::write(&key, MASTER_KEY).map_err(|error| format!("{}: {error}", key.display()))?;
        let key = key.to_string_lossy();
        let mut words = vec!["--engine", "kafka", "--brokers", &self.addresses, "--master-key-file", &key];
        words.extend(["--expiry-sweep-ms", "200", "--kafka-prefix", "clients", "--allow-single-replica"]);
        let start = |node| Server::start(root, &format!("kafka-node-{node}"), &words);
        let servers = (1..=nodes).map(start).collect::<Result<Vec<_>, _>>()?;
        let balancer = Balancer::start(root, &servers)?;
        let everywhere = format!("http://{}", balancer.address);
        // The first that is there leads.
        let leader = servers.first().map(Server::endpoint).unwrap_or_default();
        let balanced = balanced.iter().map(|client| (client, &everywhere));
        let mut failed = Vec::new();
        for (client, endpoint) in balanced.chain(led.iter().map(|client| (client, &leader))) {
            println!("\n== {client}, on {nodes} servers on Kafka");
            failed.extend(suites::client_at(root, client, endpoint).err());
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
    }
}

/// Sends each request to the next of several servers, until it is dropped.
struct Balancer {
    child: Child,
    address: SocketAddr,
}

impl Balancer {
    fn start(root: &Path, servers: &[Server]) -> Result<Self, String> {
        let address = free_address()?;
        let mut command = Command::new("python3");
        command.arg(root.join("suites/kafka/balance.py")).args(["--listen", &address.port().to_string()]);
        let child = command.args(servers.iter().map(Server::endpoint)).spawn();
        let balancer = Self { child: child.map_err(|error| format!("python3: {error}"))?, address };
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return Ok(balancer);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("the load balancer takes no connections".to_owned())
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
