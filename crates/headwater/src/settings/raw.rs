//! Settings as they are written: by flags, by variables, in a file. Invariant: a setting has one name in all three, and
//! an unknown one is an error.
use super::{EngineKind, LogFormat, Mechanism, RateLimits};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A certificate and its key.
type Pair = (Option<PathBuf>, Option<PathBuf>);

/// Settings as written; `None` and empty where nothing is. The same names in a flag (`--account-id`), a variable
/// (`HEADWATER_ACCOUNT_ID`) and the file (`account-id`).
#[derive(Args, Deserialize, Serialize, Debug, Default, Clone)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Raw {
    /// Where to listen: ADDRESS:PORT, or a port on 127.0.0.1; may be repeated. Plain HTTP and TLS share the port
    /// [default: 127.0.0.1:4566]
    #[arg(long, env = "HEADWATER_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    pub(crate) listen: Vec<String>,
    /// Memory for the rows of DynamoDB's tables, in bytes: larger tables are read from disk [default: 268435456]
    #[arg(long, env = "HEADWATER_CACHE_BYTES", value_name = "BYTES", allow_negative_numbers = true)]
    pub(crate) cache_bytes: Option<u64>,
    /// The folder that keeps everything; with Kafka, what is made of the logs there [default: ./headwater-data]
    #[arg(long, env = "HEADWATER_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// How long to keep what nobody needs any more, so that `headwater restore --to` can go back to any moment between backups,
    /// in hours [default: 0]
    #[arg(long, env = "HEADWATER_HISTORY_HOURS", value_name = "HOURS", allow_negative_numbers = true)]
    pub(crate) history_hours: Option<u32>,
    /// Keep everything in memory; it is gone when the process ends
    #[arg(long, env = "HEADWATER_EPHEMERAL", num_args = 0..=1, default_missing_value = "true", require_equals = true, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) ephemeral: Option<bool>,
    /// The region in ARNs [default: us-east-1]
    #[arg(long, env = "HEADWATER_REGION", value_name = "NAME")]
    pub(crate) region: Option<String>,
    /// The account in ARNs: twelve digits [default: 000000000000]
    #[arg(long, env = "HEADWATER_ACCOUNT_ID", value_name = "DIGITS")]
    pub(crate) account_id: Option<String>,
    /// Give each region that callers sign for its own streams; otherwise all regions are one
    #[arg(long, env = "HEADWATER_MULTI_REGION", num_args = 0..=1, default_missing_value = "true", require_equals = true, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) multi_region: Option<bool>,
    /// Most open shards an account may have in a region [default: 20000]
    #[arg(long, env = "HEADWATER_SHARD_LIMIT", value_name = "COUNT", allow_negative_numbers = true)]
    pub(crate) shard_limit: Option<u32>,
    /// How often DynamoDB looks for items whose time to live is over, in milliseconds [default: 60000]
    #[arg(long, env = "HEADWATER_EXPIRY_SWEEP_MS", value_name = "MS", allow_negative_numbers = true)]
    pub(crate) expiry_sweep_ms: Option<u64>,
    /// How long a shard of a DynamoDB stream takes changes before another follows it, in milliseconds [default: 14400000]
    #[arg(long, env = "HEADWATER_STREAM_SHARD_MS", value_name = "MS", allow_negative_numbers = true)]
    pub(crate) stream_shard_ms: Option<u64>,
    /// On Kafka: how large the tables' log gets before a snapshot of the tables is written and the log trimmed, in bytes;
    /// it also gets as large as the last snapshot [default: 67108864]
    #[arg(long, env = "HEADWATER_TABLE_SNAPSHOT_BYTES", value_name = "BYTES", allow_negative_numbers = true)]
    pub(crate) table_snapshot_bytes: Option<u64>,
    /// How long a stream or a table stays CREATING, UPDATING or DELETING, in milliseconds [default: 0]
    #[arg(long, env = "HEADWATER_TRANSITION_MS", value_name = "MS", allow_negative_numbers = true)]
    pub(crate) transition_ms: Option<u64>,
    /// Throughput limits: `aws` for those of the service, `off` for none [default: off]
    #[arg(long, env = "HEADWATER_LIMITS", value_name = "WHICH", hide_possible_values = true)]
    pub(crate) limits: Option<RateLimits>,
    /// Fail an operation on purpose, for testing clients: OPERATION:ERROR=PROBABILITY, e.g.
    /// PutRecord:ProvisionedThroughputExceededException=0.1; may be repeated
    #[arg(long, env = "HEADWATER_FAULT", value_name = "FAULT", value_delimiter = ',')]
    pub(crate) fault: Vec<String>,
    /// Access keys that may call, as TOML: [[key]] tables with id, secret and, if you like, account, user and policy
    /// (an IAM policy as JSON; without one a key may do everything in its account). A single key may also come from HEADWATER_ACCESS_KEY_ID and HEADWATER_SECRET_ACCESS_KEY. Without any, every signature is taken
    #[arg(long, env = "HEADWATER_CREDENTIALS", value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
    /// The key that wraps all data keys of encrypted streams: 32 bytes in base64. It may also come from
    /// HEADWATER_MASTER_KEY; without either, one is made and kept in the data folder
    #[arg(long, env = "HEADWATER_MASTER_KEY_FILE", value_name = "FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
    /// Keys that streams may be encrypted under, as TOML: [[key]] tables with id and, if you like, account, region,
    /// aliases and state (enabled, disabled, pending-deletion). alias/aws/kinesis is always there
    #[arg(long, env = "HEADWATER_KMS_KEYS", value_name = "FILE")]
    pub(crate) kms_keys: Option<PathBuf>,
    /// The folder that delivered objects go to: a bucket is a folder in it [default: s3 in the data folder]
    #[arg(long, env = "HEADWATER_S3_DIR", value_name = "DIR")]
    pub(crate) s3_dir: Option<PathBuf>,
    /// An S3 endpoint that delivered objects go to instead, addressed by path: http://HOST:PORT or https://HOST
    #[arg(long, env = "HEADWATER_S3_ENDPOINT", value_name = "URL")]
    pub(crate) s3_endpoint: Option<String>,
    /// The region to sign for at the S3 endpoint [default: that of --region]
    #[arg(long, env = "HEADWATER_S3_REGION", value_name = "NAME")]
    pub(crate) s3_region: Option<String>,
    /// The access key for the S3 endpoint, as TOML: id, secret and, if it has one, session-token. It may also come from
    /// HEADWATER_S3_ACCESS_KEY_ID, HEADWATER_S3_SECRET_ACCESS_KEY and HEADWATER_S3_SESSION_TOKEN, or from AWS's own variables
    #[arg(long, env = "HEADWATER_S3_CREDENTIALS", value_name = "FILE")]
    pub(crate) s3_credentials: Option<PathBuf>,
    /// A destination that callers may have records sent to though it is private or speaks plain HTTP: HOST, HOST:PORT,
    /// or * for all; may be repeated. Link-local and metadata addresses are never sent to
    #[arg(long, env = "HEADWATER_ALLOW_DESTINATION", value_name = "HOST", value_delimiter = ',')]
    pub(crate) allow_destination: Vec<String>,
    /// Where a function runs: a server that speaks Lambda's Invoke API, or the whole URL to post to; may be repeated.
    /// All others are run by whoever serves them through this server's Runtime API; see `headwater function run`
    #[arg(long, env = "HEADWATER_FUNCTION", value_name = "NAME=URL", value_delimiter = ',')]
    pub(crate) function: Vec<String>,
    /// Where all functions run that --function does not name: a server that speaks Lambda's Invoke API
    #[arg(long, env = "HEADWATER_FUNCTIONS_ENDPOINT", value_name = "URL")]
    pub(crate) functions_endpoint: Option<String>,
    /// How long a function may take, in milliseconds [default: 300000]
    #[arg(long, env = "HEADWATER_FUNCTION_TIMEOUT_MS", value_name = "MS", allow_negative_numbers = true)]
    pub(crate) function_timeout_ms: Option<u64>,
    /// Certificate chain for TLS, as PEM; without one, a certificate is made when first asked for
    #[arg(long, env = "HEADWATER_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key for TLS, as PEM
    #[arg(long, env = "HEADWATER_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// A further host name this server goes by: in the made certificate, and for /_headwater/ pages; may be repeated
    #[arg(long, env = "HEADWATER_SERVER_NAME", value_name = "HOST", value_delimiter = ',')]
    pub(crate) server_name: Vec<String>,
    /// How far a caller's clock may be off, in seconds; only checked with credentials [default: 300]
    #[arg(long, env = "HEADWATER_CLOCK_SKEW_S", value_name = "SECONDS")]
    pub(crate) clock_skew_s: Option<u64>,
    /// Largest request body, in bytes [default: 25165824, for DynamoDB 16777216]
    #[arg(long, env = "HEADWATER_BODY_LIMIT", value_name = "BYTES")]
    pub(crate) body_limit: Option<usize>,
    /// Log lines on stderr: `text` or `json` [default: text]
    #[arg(long, env = "HEADWATER_LOG_FORMAT", value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) log_format: Option<LogFormat>,
    /// What is logged: error, warn, info, debug (a line for each request) or trace [default: info]
    #[arg(long, env = "HEADWATER_LOG", value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// Log a line for each request: its id, access key, operation, resource, status, latency and sizes; never its data
    #[arg(long, env = "HEADWATER_LOG_REQUESTS", num_args = 0..=1, default_missing_value = "true", require_equals = true, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) log_requests: Option<bool>,
    /// Log a warning for each request that takes this long or longer, with where its time went
    #[arg(long, env = "HEADWATER_SLOW_REQUEST_MS", value_name = "MS", allow_negative_numbers = true)]
    pub(crate) slow_request_ms: Option<u64>,
    /// A collector to send traces and metrics to, by OTLP over HTTP: http://HOST:4318. It may also come from
    /// OTEL_EXPORTER_OTLP_ENDPOINT; OTEL_EXPORTER_OTLP_HEADERS and OTEL_SERVICE_NAME are heeded
    #[arg(long, env = "HEADWATER_OTLP_ENDPOINT", value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,
    /// The share of traces that begin here which are sampled, from 0 to 1; what callers sample always is [default: 1]
    #[arg(long, env = "HEADWATER_OTLP_SAMPLE_RATIO", value_name = "RATIO", allow_negative_numbers = true)]
    pub(crate) otlp_sample_ratio: Option<f64>,
    /// What keeps the logs: `disk`, in the data folder, or `kafka`, which several servers may share [default: disk]
    #[arg(long, env = "HEADWATER_ENGINE", value_name = "WHICH", hide_possible_values = true)]
    pub(crate) engine: Option<EngineKind>,
    /// Brokers of the Kafka cluster to begin with, each HOST:PORT
    #[arg(long, env = "HEADWATER_BROKERS", value_name = "ADDR", value_delimiter = ',')]
    pub(crate) brokers: Vec<String>,
    /// Tells this Headwater's topics from those of others in the same Kafka: lower-case letters, digits and hyphens
    /// [default: headwater]
    #[arg(long, env = "HEADWATER_KAFKA_PREFIX", value_name = "NAME")]
    pub(crate) kafka_prefix: Option<String>,
    /// Take a Kafka cluster that keeps fewer than three copies: what it acknowledges does not survive the loss of a machine
    #[arg(long, env = "HEADWATER_ALLOW_SINGLE_REPLICA", num_args = 0..=1, default_missing_value = "true", require_equals = true, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) allow_single_replica: Option<bool>,
    /// How the other servers on the same Kafka reach this one: http://HOST:PORT [default: the first address of --listen]
    #[arg(long, env = "HEADWATER_ADVERTISE", value_name = "URL")]
    pub(crate) advertise: Option<String>,
    /// Speak TLS to the brokers
    #[arg(long, env = "HEADWATER_KAFKA_TLS", num_args = 0..=1, default_missing_value = "true", require_equals = true, hide_possible_values = true, value_name = "BOOL")]
    pub(crate) kafka_tls: Option<bool>,
    /// Authorities to trust the brokers' certificates by, as PEM [default: those of the web]
    #[arg(long, env = "HEADWATER_KAFKA_CA", value_name = "FILE")]
    pub(crate) kafka_ca: Option<PathBuf>,
    /// The certificate to show the brokers, as PEM
    #[arg(long, env = "HEADWATER_KAFKA_CERT", value_name = "FILE")]
    pub(crate) kafka_cert: Option<PathBuf>,
    /// Its private key, as PEM
    #[arg(long, env = "HEADWATER_KAFKA_KEY", value_name = "FILE")]
    pub(crate) kafka_key: Option<PathBuf>,
    /// The name to log in to Kafka with; the password comes from --kafka-password-file or HEADWATER_KAFKA_PASSWORD
    #[arg(long, env = "HEADWATER_KAFKA_USER", value_name = "NAME")]
    pub(crate) kafka_user: Option<String>,
    /// A file with the password for Kafka
    #[arg(long, env = "HEADWATER_KAFKA_PASSWORD_FILE", value_name = "FILE")]
    pub(crate) kafka_password_file: Option<PathBuf>,
    /// How the password is shown: scram-sha-512, scram-sha-256 or plain [default: scram-sha-512]
    #[arg(long, env = "HEADWATER_KAFKA_MECHANISM", value_name = "NAME", hide_possible_values = true)]
    pub(crate) kafka_mechanism: Option<Mechanism>,
}

impl Raw {
    /// The settings of a file.
    ///
    /// # Errors
    /// A sentence with the file, the line and the key that cannot be used.
    pub(crate) fn of_file(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// These settings, and where they say nothing, those of `file`.
    pub(crate) fn or(self, file: Self) -> Self {
        let either = |first: Vec<String>, second: Vec<String>| if first.is_empty() { second } else { first };
        // A certificate and its key belong together: half a pair is never completed from elsewhere.
        let pair = |first: Pair, second: Pair| if first.0.is_some() || first.1.is_some() { first } else { second };
        let tls = pair((self.tls_cert, self.tls_key), (file.tls_cert, file.tls_key));
        let identity = pair((self.kafka_cert, self.kafka_key), (file.kafka_cert, file.kafka_key));
        Self {
            listen: either(self.listen, file.listen),
            data: self.data.or(file.data),
            ephemeral: self.ephemeral.or(file.ephemeral),
            region: self.region.or(file.region),
            account_id: self.account_id.or(file.account_id),
            multi_region: self.multi_region.or(file.multi_region),
            shard_limit: self.shard_limit.or(file.shard_limit),
            transition_ms: self.transition_ms.or(file.transition_ms),
            expiry_sweep_ms: self.expiry_sweep_ms.or(file.expiry_sweep_ms),
            stream_shard_ms: self.stream_shard_ms.or(file.stream_shard_ms),
            table_snapshot_bytes: self.table_snapshot_bytes.or(file.table_snapshot_bytes),
            history_hours: self.history_hours.or(file.history_hours),
            cache_bytes: self.cache_bytes.or(file.cache_bytes),
            limits: self.limits.or(file.limits),
            fault: either(self.fault, file.fault),
            credentials: self.credentials.or(file.credentials),
            master_key_file: self.master_key_file.or(file.master_key_file),
            kms_keys: self.kms_keys.or(file.kms_keys),
            s3_dir: self.s3_dir.or(file.s3_dir),
            s3_endpoint: self.s3_endpoint.or(file.s3_endpoint),
            s3_region: self.s3_region.or(file.s3_region),
            s3_credentials: self.s3_credentials.or(file.s3_credentials),
            allow_destination: either(self.allow_destination, file.allow_destination),
            function: either(self.function, file.function),
            functions_endpoint: self.functions_endpoint.or(file.functions_endpoint),
            function_timeout_ms: self.function_timeout_ms.or(file.function_timeout_ms),
            tls_cert: tls.0,
            tls_key: tls.1,
            server_name: either(self.server_name, file.server_name),
            clock_skew_s: self.clock_skew_s.or(file.clock_skew_s),
            body_limit: self.body_limit.or(file.body_limit),
            log_format: self.log_format.or(file.log_format),
            log: self.log.or(file.log),
            log_requests: self.log_requests.or(file.log_requests),
            slow_request_ms: self.slow_request_ms.or(file.slow_request_ms),
            otlp_endpoint: self.otlp_endpoint.or(file.otlp_endpoint),
            otlp_sample_ratio: self.otlp_sample_ratio.or(file.otlp_sample_ratio),
            engine: self.engine.or(file.engine),
            brokers: either(self.brokers, file.brokers),
            kafka_prefix: self.kafka_prefix.or(file.kafka_prefix),
            allow_single_replica: self.allow_single_replica.or(file.allow_single_replica),
            advertise: self.advertise.or(file.advertise),
            kafka_tls: self.kafka_tls.or(file.kafka_tls),
            kafka_ca: self.kafka_ca.or(file.kafka_ca),
            kafka_cert: identity.0,
            kafka_key: identity.1,
            kafka_user: self.kafka_user.or(file.kafka_user),
            kafka_password_file: self.kafka_password_file.or(file.kafka_password_file),
            kafka_mechanism: self.kafka_mechanism.or(file.kafka_mechanism),
        }
    }
}
