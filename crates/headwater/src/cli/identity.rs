//! As whom the command line calls services. Invariant: what is signed is what is sent, and a secret is never shown.
use crate::settings::DEFAULT_REGION;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use clap::Args;
use headwater_wire::sigv4::{Headers, Request, Scope, SigningKey, authorization};
use reqwest::Url;

/// What a server that asks for no key takes.
const ANYBODY: &str = "headwater";
const OF_AWS: &str = ".amazonaws.com";
/// Variables by which a region is named.
const LOCATED_BY: [&str; 3] = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"];
/// Variables by which somebody is named.
const NAMED_BY: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/// A region and an access key, found as AWS's tools find them: variables, profiles, roles. For a server on this machine
/// neither is needed.
#[derive(Args, Clone)]
pub(super) struct Identity {
    /// The region [default: AWS's variables, the profile; us-east-1 where an endpoint is named]
    #[arg(long, value_name = "NAME", global = true)]
    region: Option<String>,
    /// The profile of AWS's configuration files to take the key and the region from
    #[arg(long, value_name = "NAME", global = true)]
    profile: Option<String>,
}

/// What is to be signed.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a Url,
    pub(super) headers: &'a [(String, String)],
    pub(super) body: &'a [u8],
}

/// Signs for a region.
#[derive(Clone)]
pub(super) struct Signer {
    config: SdkConfig,
    credentials: SharedCredentialsProvider,
    region: String,
}

impl Identity {
    /// The same but for what is given.
    pub(super) fn with(self, region: &Option<String>, profile: &Option<String>) -> Self {
        Self { region: region.clone().or(self.region), profile: profile.clone().or(self.profile) }
    }

    /// Finds the region, and where a key is to be had for calls of `endpoint`; `None`: AWS's own.
    ///
    /// # Errors
    /// A sentence if there is none.
    pub(super) async fn signer(&self, endpoint: Option<&str>) -> Result<Signer, String> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        let https = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        loader = loader.http_client(https);
        if let Some(name) = &self.profile {
            loader = loader.profile_name(name);
        }
        if let Some(name) = &self.region {
            loader = loader.region(Region::new(name.clone()));
        }
        let has = |names: &[&str]| self.profile.is_some() || names.iter().any(|name| super::variable(name).is_some());
        let is_ours = endpoint.is_some_and(|url| !url.contains(OF_AWS));
        // Who names nobody to a server of their own means nobody: no machine need be asked for its role and its region.
        if is_ours && !has(&NAMED_BY) {
            loader = loader.credentials_provider(Credentials::new(ANYBODY, ANYBODY, None, None, ANYBODY));
        }
        if is_ours && self.region.is_none() && !has(&LOCATED_BY) {
            loader = loader.region(Region::new(DEFAULT_REGION));
        }
        let config = loader.load().await;
        let region = config.region().map(ToString::to_string).ok_or(
            "which region? Write --region NAME or set AWS_REGION; for a server on this machine, write \
             --endpoint http://127.0.0.1:4566",
        )?;
        let credentials = config.credentials_provider().ok_or("no access key can be found")?;
        Ok(Signer { config, credentials, region })
    }
}

impl Signer {
    /// The region signed for.
    pub(super) fn region(&self) -> &str {
        &self.region
    }

    /// Where AWS has a service in the region.
    pub(super) fn address(&self, service: &str) -> String {
        let china = if self.region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://{service}.{}.amazonaws.com{china}", self.region)
    }

    /// What an SDK's client is made of, to call as this signer does.
    pub(super) fn sdk(&self, endpoint: Option<&str>) -> SdkConfig {
        let builder = self.config.clone().into_builder().region(Region::new(self.region.clone()));
        match endpoint {
            Some(url) => builder.endpoint_url(url).build(),
            None => builder.build(),
        }
    }

    /// The headers that sign a request to a service at a moment: to be sent besides its own.
    ///
    /// # Errors
    /// A sentence if there is no key.
    pub(super) async fn sign(
        &self,
        service: &str,
        now_ms: u64,
        unsigned: &Unsigned<'_>,
    ) -> Result<Vec<(String, String)>, String> {
        let key = self.credentials.provide_credentials().await.map_err(|error| {
            format!("no access key: {error}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write --profile NAME")
        })?;
        Ok(signature(&key, &self.region, service, now_ms, unsigned))
    }
}

fn signature(
    key: &Credentials,
    region: &str,
    service: &str,
    now_ms: u64,
    unsigned: &Unsigned<'_>,
) -> Vec<(String, String)> {
    let now = i64::try_from(now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    let moment = now.unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string();
    let Unsigned { method, url, headers, body } = *unsigned;
    let mut added = vec![("x-amz-date".to_owned(), moment.clone())];
    added.extend(key.session_token().map(|token| ("x-amz-security-token".to_owned(), token.to_owned())));
    let host = [("host".to_owned(), host(url))];
    let headers = Lowered(headers.iter().chain(&added).chain(&host).map(lowered).collect());
    let mut names: Vec<&str> = headers.0.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let scope = Scope::new(key.access_key_id(), &moment, region, service);
    let (path, query) = (url.path(), url.query().unwrap_or_default());
    let request = Request { method, path, query, headers: &headers, body };
    let derived = SigningKey::derive(key.secret_access_key(), &scope);
    let signed = authorization(&scope, &derived, &request, &names.join(";"));
    added.push(("authorization".into(), signed));
    added
}

/// The header of that name for a URL.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn lowered((name, value): &(String, String)) -> (String, String) {
    (name.to_ascii_lowercase(), value.clone())
}

/// Headers by their names in small letters.
struct Lowered(Vec<(String, String)>);

impl Headers for Lowered {
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(held, _)| *held == name).map(|(_, value)| value.as_bytes())
    }
}
