//! Settings in two stages: as written (flag, then `HEADWATER_*` variable, then file), and checked. Everything beyond
//! this file stands on checked settings alone, so a mistake is told at start and nowhere else.
mod choices;
mod kafka;
mod raw;
mod shown;

pub(crate) use choices::{EngineKind, KeySettings, LogFormat, Mechanism, RateLimits, Store};
pub(crate) use kafka::KafkaSettings;
pub(crate) use raw::Raw;

use crate::{
    credentials::Credentials,
    front::fault::Fault,
    outward::{OutwardSettings, TelemetrySettings, Written, WrittenTelemetry},
};
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
const DEFAULT_TABLE_SNAPSHOT_BYTES: u64 = 64 << 20;
pub(crate) const DEFAULT_CACHE_BYTES: u64 = 256 << 20;
/// A region may be any name of this many bytes; the models allow no longer ones in an ARN.
const MAX_REGION_BYTES: usize = 32;

/// Checked settings.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) store: Store,
    /// Where the logs are, if not in `store`.
    pub(crate) kafka: Option<KafkaSettings>,
    pub(crate) region: Arc<str>,
    pub(crate) account: Arc<str>,
    pub(crate) multi_region: bool,
    /// `None`: the service's own.
    pub(crate) shard_limit: Option<u32>,
    pub(crate) transition_ms: u64,
    pub(crate) expiry_sweep_ms: u64,
    pub(crate) stream_shard_ms: u64,
    pub(crate) table_snapshot_bytes: u64,
    pub(crate) cache_bytes: u64,
    /// How long what nobody needs any more is kept.
    pub(crate) history_hours: u32,
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
        let listen = addresses(&self.listen)?;
        let settings = Settings {
            kafka: KafkaSettings::check(&self, &listen)?,
            listen,
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
            table_snapshot_bytes: at_least_one(
                "--table-snapshot-bytes",
                self.table_snapshot_bytes.unwrap_or(DEFAULT_TABLE_SNAPSHOT_BYTES),
            )?,
            cache_bytes: self.cache_bytes.unwrap_or(DEFAULT_CACHE_BYTES),
            history_hours: self.history_hours.unwrap_or_default(),
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
        settings.check_history()?;
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
    fn check_history(&self) -> Result<(), String> {
        match (&self.kafka, &self.store, self.history_hours) {
            (None, Store::Folder(_), _) | (_, _, 0) => Ok(()),
            _ => Err("--history-hours is kept for backups, and those are of a data folder with its journal".into()),
        }
    }

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
            (Raw { ephemeral: Some(true), history_hours: Some(1), ..Raw::default() }, "--history-hours "),
            (Raw { log: Some("[[".into()), ..Raw::default() }, "--log: "),
        ] {
            let error = refusal(raw);
            assert!(error.starts_with(start), "{error}");
        }
    }
}
