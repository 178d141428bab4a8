//! Settings in two stages: as written (flag, then `HEADWATER_*` variable, then file), and checked. Everything beyond
//! this file stands on checked settings alone, so a mistake is told at start and nowhere else.
mod choices;
mod shown;

pub(crate) use choices::{KeySettings, LogFormat, RateLimits, Store};

use crate::{
    credentials::Credentials,
    front::fault::Fault,
    outward::{OutwardSettings, TelemetrySettings, Written, WrittenTelemetry},
};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};
use tracing::level_filters::LevelFilter;

const DEFAULT_PORT: u16 = 4566;
const DEFAULT_DATA: &str = "headwater-data";
pub(crate) const DEFAULT_REGION: &str = "us-east-1";
const DEFAULT_ACCOUNT: &str = "000000000000";
const DEFAULT_CLOCK_SKEW_S: u64 = 300;
const DEFAULT_EXPIRY_SWEEP_MS: u64 = 60_000;
/// As the service's.
const DEFAULT_STREAM_SHARD_MS: u64 = 4 * 3_600_000;
pub(crate) const DEFAULT_CACHE_BYTES: u64 = 256 << 20;
/// A region may be any name of this many bytes; the models allow no longer ones in an ARN.
const MAX_REGION_BYTES: usize = 32;

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
    /// The folder that keeps everything [default: ./headwater-data]
    #[arg(long, env = "HEADWATER_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
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
}

/// Checked settings.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) store: Store,
    pub(crate) region: Arc<str>,
    pub(crate) account: Arc<str>,
    pub(crate) multi_region: bool,
    /// `None`: the service's own.
    pub(crate) shard_limit: Option<u32>,
    pub(crate) transition_ms: u64,
    pub(crate) expiry_sweep_ms: u64,
    pub(crate) stream_shard_ms: u64,
    pub(crate) cache_bytes: u64,
    pub(crate) limits: RateLimits,
    pub(crate) faults: Vec<Fault>,
    pub(crate) credentials: Credentials,
    pub(crate) keys: KeySettings,
    pub(crate) outward: OutwardSettings,
    /// Certificate and key, as PEM files.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) server_names: Vec<String>,
    pub(crate) clock_skew_s: u64,
    pub(crate) body_limit_bytes: Option<usize>,
    pub(crate) log_format: LogFormat,
    pub(crate) log: LevelFilter,
    pub(crate) log_requests: bool,
    pub(crate) slow_request_ms: Option<u64>,
    /// Where traces and metrics are sent, if anywhere.
    pub(crate) telemetry: Option<TelemetrySettings>,
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
        let tls = if self.tls_cert.is_some() || self.tls_key.is_some() {
            (self.tls_cert, self.tls_key)
        } else {
            (file.tls_cert, file.tls_key)
        };
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
        }
    }

    /// Where telemetry goes, by what is written and by OpenTelemetry's variables.
    ///
    /// # Errors
    /// A sentence with the setting and what to do about it.
    pub(crate) fn telemetry(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<TelemetrySettings>, String> {
        let written = WrittenTelemetry { endpoint: self.otlp_endpoint.clone(), ratio: self.otlp_sample_ratio };
        TelemetrySettings::check(written, variable)
    }

    /// Checks everything that can be checked without opening anything but the credentials.
    ///
    /// # Errors
    /// A sentence with the setting and what to do about it.
    pub(crate) fn check(self, environment: Option<(String, String)>) -> Result<Settings, String> {
        let data = data_folder(self.data.as_deref())?;
        let store = match (self.ephemeral.unwrap_or_default(), &self.data) {
            (false, _) => Store::Folder(data),
            (true, None) => Store::Memory,
            (true, Some(_)) => return Err("--ephemeral keeps nothing: leave out --data, or --ephemeral".into()),
        };
        let account: Arc<str> = self.account_id.as_deref().unwrap_or(DEFAULT_ACCOUNT).into();
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("--account-id: an account is twelve digits, not '{account}'"));
        }
        let region: Arc<str> = self.region.as_deref().unwrap_or(DEFAULT_REGION).into();
        if !is_region(&region) {
            return Err(format!("--region: a region is written like us-east-1, not '{region}'"));
        }
        let outward = self.outward(&region)?;
        let credentials = Credentials::load(self.credentials.as_deref(), environment, &account)?;
        let settings = Settings {
            listen: addresses(&self.listen)?,
            store,
            region,
            account,
            multi_region: self.multi_region.unwrap_or_default(),
            shard_limit: self.shard_limit,
            transition_ms: self.transition_ms.unwrap_or_default(),
            expiry_sweep_ms: at_least_one(
                "--expiry-sweep-ms",
                self.expiry_sweep_ms.unwrap_or(DEFAULT_EXPIRY_SWEEP_MS),
            )?,
            stream_shard_ms: at_least_one(
                "--stream-shard-ms",
                self.stream_shard_ms.unwrap_or(DEFAULT_STREAM_SHARD_MS),
            )?,
            cache_bytes: self.cache_bytes.unwrap_or(DEFAULT_CACHE_BYTES),
            limits: self.limits.unwrap_or_default(),
            faults: self.fault.iter().map(|text| Fault::parse(text)).collect::<Result<_, _>>()?,
            credentials,
            keys: KeySettings { master_key: None, master_key_file: self.master_key_file, kms_keys: self.kms_keys },
            outward,
            tls: match (self.tls_cert, self.tls_key) {
                (Some(certificate), Some(key)) => Some((certificate, key)),
                (None, None) => None,
                _ => return Err("--tls-cert and --tls-key belong together: give both or neither".into()),
            },
            server_names: self.server_name,
            clock_skew_s: self.clock_skew_s.unwrap_or(DEFAULT_CLOCK_SKEW_S),
            body_limit_bytes: self.body_limit,
            log_format: self.log_format.unwrap_or_default(),
            log: level(self.log.as_deref().unwrap_or("info"))?,
            log_requests: self.log_requests.unwrap_or_default(),
            slow_request_ms: self.slow_request_ms,
            telemetry: None,
        };
        settings.check_exposure()?;
        Ok(settings)
    }

    fn outward(&self, region: &str) -> Result<OutwardSettings, String> {
        OutwardSettings::check(&Written {
            s3_dir: self.s3_dir.as_deref(),
            s3_endpoint: self.s3_endpoint.as_deref(),
            s3_region: self.s3_region.as_deref(),
            s3_credentials: self.s3_credentials.as_deref(),
            allow_destination: &self.allow_destination,
            function: &self.function,
            functions_endpoint: self.functions_endpoint.as_deref(),
            function_timeout_ms: self.function_timeout_ms,
            region,
        })
    }
}

/// The data folder, named absolutely; the default one if none is named.
///
/// # Errors
/// A sentence if the working folder is gone.
pub(crate) fn data_folder(named: Option<&Path>) -> Result<PathBuf, String> {
    let folder = named.unwrap_or(Path::new(DEFAULT_DATA));
    std::path::absolute(folder).map_err(|error| format!("--data {}: {error}", folder.display()))
}

impl Settings {
    fn check_exposure(&self) -> Result<(), String> {
        match self.listen.iter().find(|address| !address.ip().is_loopback()) {
            Some(address) if self.credentials.is_empty() => Err(format!(
                "--listen {address} would let everybody on the network in, as no credential is configured. Name access \
                 keys with --credentials FILE (or HEADWATER_ACCESS_KEY_ID and HEADWATER_SECRET_ACCESS_KEY), or listen \
                 on 127.0.0.1 alone"
            )),
            _ => Ok(()),
        }
    }
}

fn at_least_one(setting: &str, ms: u64) -> Result<u64, String> {
    if ms == 0 { Err(format!("{setting}: a time is at least one millisecond")) } else { Ok(ms) }
}

/// Whether `name` can stand in an ARN as a region.
pub(crate) fn is_region(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.len() <= MAX_REGION_BYTES && name.bytes().all(fits)
}

fn level(text: &str) -> Result<LevelFilter, String> {
    text.parse().map_err(|_| format!("--log: a level is error, warn, info, debug or trace, not '{text}'"))
}

fn addresses(listen: &[String]) -> Result<Vec<SocketAddr>, String> {
    if listen.is_empty() {
        return Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT))]);
    }
    listen.iter().map(|text| address(text)).collect()
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::from((ip, DEFAULT_PORT)));
    }
    text.parse().map_err(|_| format!("--listen: write ADDRESS:PORT, like 127.0.0.1:{DEFAULT_PORT}, not '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Raw, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("headwater.toml");
        std::fs::File::create_new(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .unwrap();
        Raw::of_file(&path)
    }

    fn refusal(raw: Raw) -> String {
        raw.check(None).unwrap_err()
    }

    #[test]
    fn nothing_written_gives_the_defaults() {
        let settings = Raw::default().check(None).unwrap();
        assert_eq!(settings.listen, ["127.0.0.1:4566".parse().unwrap()]);
        let Store::Folder(folder) = settings.store else { panic!("not on disk") };
        assert!(folder.is_absolute() && folder.ends_with(DEFAULT_DATA));
        assert_eq!((&*settings.region, &*settings.account), ("us-east-1", "000000000000"));
        assert_eq!((settings.limits, settings.transition_ms, settings.clock_skew_s), (RateLimits::Off, 0, 300));
    }

    #[test]
    fn what_is_given_goes_before_the_file() {
        let file = file("region = 'eu-west-1'\nlimits = 'aws'\nlisten = ['127.0.0.1:8000', '4567']\nephemeral = true")
            .unwrap();
        let given = Raw { region: Some("us-west-2".into()), ephemeral: Some(false), ..Raw::default() };
        let settings = given.or(file).check(None).unwrap();
        assert_eq!((&*settings.region, settings.limits), ("us-west-2", RateLimits::Aws));
        assert_eq!(settings.listen, ["127.0.0.1:8000".parse().unwrap(), "127.0.0.1:4567".parse().unwrap()]);
        assert_ne!(settings.store, Store::Memory);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name_and_line() {
        let error = file("region = 'eu-west-1'\nshard-limits = 3").unwrap_err();
        assert!(
            error.contains("line 2") && error.contains("`shard-limits`") && error.contains("`shard-limit`"),
            "{error}"
        );
    }

    #[test]
    fn without_credentials_only_loopback_may_be_bound() {
        let open = Raw { listen: vec!["0.0.0.0:4566".into()], ..Raw::default() };
        assert!(refusal(open.clone()).contains("--credentials FILE"));
        assert!(open.check(Some(("AKID".into(), "secret".into()))).is_ok());
        let both = Raw { listen: vec!["[::1]:1".into(), "[::]:1".into()], ..Raw::default() };
        assert!(refusal(both).starts_with("--listen [::]:1 "));
    }

    #[test]
    fn addresses_may_be_short() {
        for (text, expected) in [
            ("8000", "127.0.0.1:8000"),
            (":8000", "127.0.0.1:8000"),
            ("localhost:8000", "127.0.0.1:8000"),
            ("::1", "[::1]:4566"),
            ("[::1]:80", "[::1]:80"),
            ("10.0.0.1", "10.0.0.1:4566"),
        ] {
            assert_eq!(address(text), Ok(expected.parse().unwrap()), "{text}");
        }
        assert!(address("example.com:80").is_err());
    }

    #[test]
    fn each_mistake_is_told_by_its_setting() {
        for (raw, start) in [
            (Raw { account_id: Some("12".into()), ..Raw::default() }, "--account-id: "),
            (Raw { region: Some("Mars!".into()), ..Raw::default() }, "--region: "),
            (Raw { fault: vec!["PutRecord=1".into()], ..Raw::default() }, "--fault "),
            (Raw { tls_cert: Some("a".into()), ..Raw::default() }, "--tls-cert and --tls-key"),
            (Raw { ephemeral: Some(true), data: Some("a".into()), ..Raw::default() }, "--ephemeral "),
            (Raw { credentials: Some("/nowhere/at/all".into()), ..Raw::default() }, "/nowhere/at/all: "),
            (Raw { stream_shard_ms: Some(0), ..Raw::default() }, "--stream-shard-ms: "),
            (Raw { log: Some("[[".into()), ..Raw::default() }, "--log: "),
        ] {
            let error = refusal(raw);
            assert!(error.starts_with(start), "{error}");
        }
    }
}
