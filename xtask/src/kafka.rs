//! `cargo xtask kafka`: the engine on Kafka against real brokers, which are started for it – the contract on one, killed
//! leaders on three.
use crate::{
    command,
    suites::{build_java, installed},
};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The brokers a run needs, and the tests it runs.
const RUNS: [(u32, &[&str]); 2] = [
    (
        1,
        &[
            "tests::real::the_engine_on_kafka_keeps_the_contract",
            "tests::real::a_group_made_again_on_kafka_goes_on_behind_the_places_it_had",
            "tests::real::a_single_broker_is_refused_unless_allowed",
        ],
    ),
    (3, &["tests::real::nothing_acknowledged_is_lost_and_order_is_kept_when_leaders_are_killed"]),
];

/// Brokers that end when this is dropped.
struct Cluster {
    control: Vec<String>,
    addresses: String,
}

impl Cluster {
    fn start(root: &Path, brokers: u32) -> Result<Self, String> {
        let driver = root.join("suites/kafka/brokers.py");
        let folder: PathBuf = installed(root, "kafka").join(format!("brokers-{brokers}"));
        let libraries = installed(root, "kafka").join("libraries");
        let words = ["python3".into(), driver, "--libraries".into(), libraries, "--folder".into(), folder];
        let control = words.map(|word| word.to_string_lossy().into_owned()).to_vec();
        let mut cluster = Self { control, addresses: String::new() };
        let output = cluster.command(&["start", &brokers.to_string()]).stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("python3: {error}"))?;
        if !output.status.success() {
            return Err(format!("{brokers} broker(s) of Kafka do not start"));
        }
        cluster.addresses = String::from_utf8_lossy(&output.stdout).trim().to_owned();
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

/// Starts what each run needs, and runs it.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    build_java(root, "kafka")?;
    RUNS.iter().try_for_each(|(brokers, tests)| {
        let cluster = Cluster::start(root, *brokers)?;
        println!("\n== {brokers} broker(s) at {}", cluster.addresses);
        let mut program = Command::new("cargo");
        program.current_dir(root).args(["test", "--package", "headwater-log-kafka", "--lib", "--"]);
        program.args(["--ignored", "--exact", "--nocapture", "--test-threads", "1"]).args(*tests);
        program.env("HEADWATER_KAFKA", &cluster.addresses);
        command::run_with(program.env("HEADWATER_KAFKA_CONTROL", cluster.control.join(" ")))
    })
}
