//! `headwater migrate`: everything from a data folder to a Kafka cluster, or back. Invariant: what it moved from is as it was.
use super::output::{progress, say};
use crate::{
    key_files,
    migrate::{Moved, Watch, to_disk, to_kafka},
    settings::{EngineKind, KafkaSettings, Mechanism, Raw, data_folder},
};
use clap::{Args, Subcommand};
use headwater_log::clock::SystemClock;
use indicatif::ProgressBar;
use std::path::PathBuf;

pub(super) const HELP: &str = "\
Stop the servers first. What is moved keeps its sequence numbers, so consumers go on from their checkpoints; the source stays as
it was, and serves again if need be. If it is interrupted, run the same command again: it goes on where it was.

Examples:
  headwater migrate to-kafka --data ./headwater-data --brokers kafka-1:9092,kafka-2:9092,kafka-3:9092
  headwater migrate to-disk --data ./headwater-data --brokers kafka-1:9092 --master-key-file master.key";

#[derive(Subcommand)]
pub(super) enum Migrate {
    /// Moves a data folder to a Kafka cluster, under a prefix that is new there
    #[command(after_help = HELP)]
    ToKafka(ToKafka),
    /// Moves what is kept on a Kafka cluster to a data folder, which must be empty, or not there
    #[command(after_help = HELP)]
    ToDisk(ToDisk),
}

#[derive(Args)]
pub(super) struct ToKafka {
    /// The data folder to move [default: ./headwater-data]
    #[arg(long, env = "HEADWATER_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Args)]
pub(super) struct ToDisk {
    /// The data folder to make [default: ./headwater-data]
    #[arg(long, env = "HEADWATER_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// The master key that the servers on Kafka had, or HEADWATER_MASTER_KEY; it is kept in the data folder from then on
    #[arg(long, env = "HEADWATER_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    #[command(flatten)]
    cluster: Cluster,
}

/// The settings by which a server reaches a cluster.
#[derive(Args)]
struct Cluster {
    /// A TOML file with settings, as a server takes it; those of Kafka are heeded
    #[arg(long, env = "HEADWATER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Brokers of the Kafka cluster to begin with, each HOST:PORT
    #[arg(long, env = "HEADWATER_BROKERS", value_name = "ADDR", value_delimiter = ',')]
    brokers: Vec<String>,
    /// The prefix of this Headwater's topics [default: headwater]
    #[arg(long, env = "HEADWATER_KAFKA_PREFIX", value_name = "NAME")]
    kafka_prefix: Option<String>,
    /// Take a Kafka cluster that keeps fewer than three copies
    #[arg(long, env = "HEADWATER_ALLOW_SINGLE_REPLICA", num_args = 0..=1, default_missing_value = "true", require_equals = true, hide_possible_values = true, value_name = "BOOL")]
    allow_single_replica: Option<bool>,
    /// Speak TLS to the brokers
    #[arg(long, env = "HEADWATER_KAFKA_TLS", num_args = 0..=1, default_missing_value = "true", require_equals = true, hide_possible_values = true, value_name = "BOOL")]
    kafka_tls: Option<bool>,
    /// Authorities to trust the brokers' certificates by, as PEM [default: those of the web]
    #[arg(long, env = "HEADWATER_KAFKA_CA", value_name = "FILE")]
    kafka_ca: Option<PathBuf>,
    /// The certificate to show the brokers, as PEM
    #[arg(long, env = "HEADWATER_KAFKA_CERT", value_name = "FILE")]
    kafka_cert: Option<PathBuf>,
    /// Its private key, as PEM
    #[arg(long, env = "HEADWATER_KAFKA_KEY", value_name = "FILE")]
    kafka_key: Option<PathBuf>,
    /// The name to log in to Kafka with; the password comes from --kafka-password-file or HEADWATER_KAFKA_PASSWORD
    #[arg(long, env = "HEADWATER_KAFKA_USER", value_name = "NAME")]
    kafka_user: Option<String>,
    /// A file with the password for Kafka
    #[arg(long, env = "HEADWATER_KAFKA_PASSWORD_FILE", value_name = "FILE")]
    kafka_password_file: Option<PathBuf>,
    /// How the password is shown: scram-sha-512, scram-sha-256 or plain [default: scram-sha-512]
    #[arg(long, env = "HEADWATER_KAFKA_MECHANISM", value_name = "NAME", hide_possible_values = true)]
    kafka_mechanism: Option<Mechanism>,
}

impl Migrate {
    /// Does what is asked.
    ///
    /// # Errors
    /// A sentence on what went wrong.
    pub(super) async fn run(self) -> Result<(), String> {
        let clock = SystemClock::new();
        match self {
            Self::ToKafka(ToKafka { data, cluster }) => {
                let bar = Bar(progress(Some(0), "bytes"));
                let (data, written) = (data_folder(data.as_deref())?, cluster.written()?);
                let kafka = written.engine()?;
                let moved = to_kafka(&data, &kafka, clock, &bar).await.map_err(|why| written.advised(why))?;
                bar.done(&moved)?;
                say(&format!(
                    "now: headwater serve --engine kafka --kafka-prefix {} --master-key-file FILE …\n\
                     FILE is the same on every server: {}, or what --master-key-file named before",
                    kafka.prefix,
                    key_files::kept_in(&data).display()
                ))
            }
            Self::ToDisk(ToDisk { data, master_key_file, cluster }) => {
                let bar = Bar(progress(None, "bytes"));
                let (data, written) = (data_folder(data.as_deref())?, cluster.written()?);
                let variable = super::variable("HEADWATER_MASTER_KEY");
                let master_key = key_files::given(master_key_file.as_deref(), variable)?;
                let moved = to_disk(&data, &written.engine()?, &master_key, clock, &bar).await;
                let moved = moved.map_err(|why| written.advised(why))?;
                bar.done(&moved)?;
                say(&format!("now: headwater serve --data {}", data.display()))
            }
        }
    }
}

impl Cluster {
    fn written(self) -> Result<KafkaSettings, String> {
        let file = self.config.as_deref().map(Raw::of_file).transpose()?.unwrap_or_default();
        let written = Raw {
            brokers: self.brokers,
            kafka_prefix: self.kafka_prefix,
            allow_single_replica: self.allow_single_replica,
            kafka_tls: self.kafka_tls,
            kafka_ca: self.kafka_ca,
            kafka_cert: self.kafka_cert,
            kafka_key: self.kafka_key,
            kafka_user: self.kafka_user,
            kafka_password_file: self.kafka_password_file,
            kafka_mechanism: self.kafka_mechanism,
            ..Raw::default()
        };
        let mut kafka = Raw { engine: Some(EngineKind::Kafka), ..written.or(file) }.cluster()?;
        kafka.log_in_with(super::variable("HEADWATER_KAFKA_PASSWORD"));
        Ok(kafka)
    }
}

/// What people see meanwhile.
struct Bar(ProgressBar);

impl Watch for Bar {
    fn expect(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    fn seen(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn stage(&self, what: &'static str) {
        self.0.set_message(what);
    }
}

impl Bar {
    fn done(&self, moved: &Moved) -> Result<(), String> {
        self.0.finish_and_clear();
        let Moved { logs, entries, bytes, goes_on } = moved;
        let there = if *goes_on { "; the rest was there from before" } else { "" };
        say(&format!("moved: {entries} entries of {logs} logs, {bytes} bytes, and the tables{there}"))
    }
}
