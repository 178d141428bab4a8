//! Where telemetry goes. Invariant: headers may hold a secret, and are never shown.
use reqwest::{
    Url,
    header::{HeaderName, HeaderValue},
};
use std::fmt;

const DEFAULT_SERVICE: &str = "headwater";
const DEFAULT_METRICS_EVERY_MS: u64 = 60_000;

/// As written in flags and the file.
#[derive(Clone, Default, Debug)]
pub(crate) struct Written {
    pub(crate) endpoint: Option<String>,
    pub(crate) ratio: Option<f64>,
}

/// Where telemetry goes, checked.
#[derive(Clone)]
pub(crate) struct TelemetrySettings {
    endpoint: Url,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) service: String,
    pub(super) metrics_every_ms: u64,
    /// The share of traces beginning here that are sampled, from 0 to 1.
    pub(super) ratio: f64,
}

impl fmt::Debug for TelemetrySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetrySettings").field("endpoint", &self.endpoint.as_str()).finish_non_exhaustive()
    }
}

impl TelemetrySettings {
    /// What was written, and where it says nothing, OpenTelemetry's own variables; nothing if no endpoint is named.
    ///
    /// # Errors
    /// A sentence with the setting and what to do about it.
    pub(crate) fn check(written: Written, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let Written { endpoint, ratio } = written;
        let ratio = ratio.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&ratio) {
            return Err(format!("--otlp-sample-ratio: a share is from 0 to 1, not {ratio}"));
        }
        let by_variable = || Some(("OTEL_EXPORTER_OTLP_ENDPOINT", variable("OTEL_EXPORTER_OTLP_ENDPOINT")?));
        let is_disabled = variable("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let named = endpoint.map(|endpoint| ("--otlp-endpoint", endpoint)).or_else(by_variable);
        let Some((setting, text)) = named.filter(|_| !is_disabled) else { return Ok(None) };
        let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.filter(|url| url.query().is_none() && url.fragment().is_none());
        let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
        let endpoint = url.ok_or_else(|| format!("{setting}: write http://HOST:4318 or https://HOST, not '{text}'"))?;
        let every = variable("OTEL_METRIC_EXPORT_INTERVAL").map(|text| text.parse().ok().filter(|ms| *ms > 0));
        let every = every.map(|ms| ms.ok_or("OTEL_METRIC_EXPORT_INTERVAL: milliseconds, at least one")).transpose()?;
        Ok(Some(Self {
            endpoint,
            headers: headers(&variable("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default())?,
            service: variable("OTEL_SERVICE_NAME").unwrap_or_else(|| DEFAULT_SERVICE.into()),
            metrics_every_ms: every.unwrap_or(DEFAULT_METRICS_EVERY_MS),
            ratio,
        }))
    }

    /// What would have to be written to the same end.
    pub(crate) fn in_force(&self) -> Written {
        Written { endpoint: Some(self.endpoint.to_string()), ratio: Some(self.ratio) }
    }

    /// Where a signal – `traces`, `metrics` – goes.
    pub(super) fn url(&self, signal: &str) -> Url {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{}/v1/{signal}", self.endpoint.path().trim_end_matches('/')));
        url
    }
}

/// `name=value,name=value`, values being percent-encoded.
fn headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = form_urlencoded::parse(value.trim().replace('+', "%2B").as_bytes()).next()?.0.into_owned();
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, value))
    };
    let all: Option<Vec<_>> = pairs.map(header).collect();
    all.ok_or_else(|| "OTEL_EXPORTER_OTLP_HEADERS: write name=value, with commas between".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<TelemetrySettings>, String> {
        let variable = |name: &str| Some(variables.iter().find(|(held, _)| *held == name)?.1.to_owned());
        TelemetrySettings::check(Written { endpoint: endpoint.map(str::to_owned), ratio: None }, variable)
    }

    #[test]
    fn an_endpoint_is_named_by_the_setting_or_else_by_the_common_variable() {
        assert!(check(None, &[("OTEL_SERVICE_NAME", "x")]).unwrap().is_none());
        let common = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:4318/x/");
        let url = |settings: TelemetrySettings| settings.url("traces").to_string();
        assert_eq!(url(check(Some("http://a:4318"), &[common]).unwrap().unwrap()), "http://a:4318/v1/traces");
        assert_eq!(url(check(None, &[common]).unwrap().unwrap()), "http://b:4318/x/v1/traces");
        assert!(check(None, &[common, ("OTEL_SDK_DISABLED", "true")]).unwrap().is_none());
        assert!(check(Some("a:4318"), &[]).unwrap_err().starts_with("--otlp-endpoint: "));
        assert!(check(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "a")]).unwrap_err().starts_with("OTEL_"));
        let wrong = Written { endpoint: None, ratio: Some(1.5) };
        assert!(TelemetrySettings::check(wrong, |_| None).unwrap_err().starts_with("--otlp-sample-ratio: "));
    }

    #[test]
    fn headers_are_sent_as_they_were_meant_and_never_shown() {
        let variables = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20a%3D+b, x-tenant = t")];
        let settings = check(Some("http://a:4318"), &variables).unwrap().unwrap();
        let shown: Vec<_> = settings.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(shown, [("authorization", &b"Basic a=+b"[..]), ("x-tenant", b"t")]);
        assert!(!format!("{settings:?} {:?}", settings.headers).contains("Basic"));
        assert!(
            check(Some("http://a:4318"), &[("OTEL_EXPORTER_OTLP_HEADERS", "secret")])
                .is_err_and(|error| !error.contains("secret"))
        );
    }
}
