//! What settings choose between. Invariant: a secret is never shown.
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

/// Whether AWS's throughput limits hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RateLimits {
    /// As the service has them.
    Aws,
    /// None.
    #[default]
    Off,
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What keeps the logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EngineKind {
    /// Headwater's own, in the data folder.
    #[default]
    Disk,
    /// A Kafka cluster.
    Kafka,
}

/// How Kafka is shown a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mechanism {
    /// As it is: a secret over TLS alone.
    Plain,
    /// By SCRAM with SHA-256.
    #[value(name = "scram-sha-256")]
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// By SCRAM with SHA-512.
    #[default]
    #[value(name = "scram-sha-512")]
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

/// Where what is on this machine is kept: everything, or with Kafka what was made of the logs there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Store {
    /// In memory, until the process ends.
    Memory,
    /// In this folder, named absolutely.
    Folder(PathBuf),
}

/// Where encryption keys come from.
#[derive(Default, Clone)]
pub(crate) struct KeySettings {
    /// The master key itself, in base64.
    pub(crate) master_key: Option<String>,
    pub(crate) master_key_file: Option<PathBuf>,
    pub(crate) kms_keys: Option<PathBuf>,
}

impl fmt::Debug for KeySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { master_key: _, master_key_file, kms_keys } = self;
        let mut shown = f.debug_struct("KeySettings");
        shown.field("master_key_file", master_key_file).field("kms_keys", kms_keys).finish_non_exhaustive()
    }
}
