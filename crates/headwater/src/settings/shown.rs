//! The settings that are in force, as a file that `--config` takes. Invariant: the file makes the settings it was made of,
//! and no secret is in it: secrets are in files that it names, or in variables that it names.
use super::{EngineKind, Raw, Settings, Store};
use crate::outward::{self, TelemetrySettings};
use headwater_kinesis::KinesisSettings;

/// Variables that hold what is secret, or half of it.
const SECRET: [&str; 6] = [
    "HEADWATER_ACCESS_KEY_ID",
    "HEADWATER_SECRET_ACCESS_KEY",
    "HEADWATER_MASTER_KEY",
    "HEADWATER_KAFKA_PASSWORD",
    "HEADWATER_S3_SECRET_ACCESS_KEY",
    "OTEL_EXPORTER_OTLP_HEADERS",
];

impl Settings {
    /// The file, for settings that were `written` so; `is_set` knows the variables of the environment.
    ///
    /// # Errors
    /// A sentence if a path is no Unicode.
    pub(crate) fn shown(&self, written: Raw, is_set: impl Fn(&str) -> bool) -> Result<String, String> {
        let toml = toml::to_string(&self.in_force(written)).map_err(|error| format!("--print-config: {error}"))?;
        let secrets = SECRET.iter().filter(|name| is_set(name));
        Ok(secrets.map(|name| format!("# {name}: set, and not shown\n")).chain([toml]).collect())
    }

    /// What was `written`, with a value wherever there is a default.
    fn in_force(&self, written: Raw) -> Raw {
        let data = match &self.store {
            Store::Folder(data) => Some(data.clone()),
            Store::Memory => None,
        };
        let (s3_dir, s3_region) = match &self.outward.store {
            outward::Store::Default => (data.as_deref().map(|data| data.join(outward::DEFAULT_FOLDER)), None),
            outward::Store::Folder(folder) => (Some(folder.clone()), None),
            outward::Store::Endpoint { region, .. } => (None, Some(region.clone())),
        };
        let telemetry = self.telemetry.as_ref().map(TelemetrySettings::in_force).unwrap_or_default();
        Raw {
            listen: self.listen.iter().map(ToString::to_string).collect(),
            ephemeral: Some(data.is_none()),
            data,
            region: Some(self.region.to_string()),
            account_id: Some(self.account.to_string()),
            multi_region: Some(self.multi_region),
            shard_limit: Some(self.shard_limit.unwrap_or(KinesisSettings::default().shard_limit)),
            transition_ms: Some(self.transition_ms),
            expiry_sweep_ms: Some(self.expiry_sweep_ms),
            stream_shard_ms: Some(self.stream_shard_ms),
            table_snapshot_bytes: Some(self.table_snapshot_bytes),
            cache_bytes: Some(self.cache_bytes),
            history_hours: Some(self.history_hours),
            limits: Some(self.limits),
            s3_dir,
            s3_region,
            function_timeout_ms: Some(self.outward.function_timeout_ms),
            clock_skew_s: Some(self.clock_skew_s),
            log_format: Some(self.log_format),
            log: Some(self.log.to_string()),
            log_requests: Some(self.log_requests),
            engine: Some(if self.kafka.is_some() { EngineKind::Kafka } else { EngineKind::Disk }),
            kafka_prefix: self.kafka.as_ref().map(|kafka| kafka.prefix.to_string()),
            advertise: self.kafka.as_ref().map(|kafka| kafka.advertise.clone()),
            otlp_endpoint: telemetry.endpoint.or(written.otlp_endpoint),
            otlp_sample_ratio: telemetry.ratio.or(written.otlp_sample_ratio),
            ..written
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(written: Raw) -> String {
        let settings = written.clone().check(None).unwrap();
        settings.shown(written, |name| name == "HEADWATER_MASTER_KEY").unwrap()
    }

    #[test]
    fn what_is_shown_makes_the_same_settings() {
        let everything = Raw {
            listen: vec!["8000".into(), "[::1]:80".into()],
            limits: Some(super::super::RateLimits::Aws),
            fault: vec!["PutRecord:InternalFailure=0.5".into()],
            s3_endpoint: Some("https://s3.test".into()),
            allow_destination: vec!["*".into()],
            function: vec!["shout=http://127.0.0.1:9001".into()],
            tls_cert: Some("a.pem".into()),
            tls_key: Some("b.pem".into()),
            body_limit: Some(1 << 20),
            ..Raw::default()
        };
        for written in [everything, Raw::default(), Raw { ephemeral: Some(true), ..Raw::default() }] {
            let first = shown(written);
            let again = shown(toml::from_str(&first).unwrap());
            assert_eq!(first, again);
        }
    }

    #[test]
    fn defaults_are_shown_and_secrets_are_only_named() {
        let text = shown(Raw::default());
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["listen"][0].as_str(), Some("127.0.0.1:4566"));
        assert_eq!((table["shard-limit"].as_integer(), table["log"].as_str()), (Some(20_000), Some("info")));
        assert!(table["s3-dir"].as_str().unwrap().starts_with(table["data"].as_str().unwrap()));
        assert!(text.starts_with("# HEADWATER_MASTER_KEY: set, and not shown\n"), "{text}");
    }
}
