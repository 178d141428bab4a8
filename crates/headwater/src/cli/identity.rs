//! As whom the command line calls services. Invariant: what is signed is what is sent, and a secret is never shown.
use crate::settings::DEFAULT_REGION;
use clap::Args;
use headwater_wire::sigv4::{Headers, Request, Scope, SigningKey, authorization};

/// An access key and a region. Without a key of the environment's it is one that a server without credentials takes.
#[derive(Args, Clone)]
pub(super) struct Identity {
    /// The region to sign for
    #[arg(long, env = "AWS_REGION", value_name = "NAME", default_value = DEFAULT_REGION)]
    pub(super) region: String,
    #[arg(long, env = "AWS_ACCESS_KEY_ID", hide = true, default_value = "headwater")]
    access_key_id: String,
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide = true, default_value = "headwater")]
    secret_access_key: String,
    #[arg(long, env = "AWS_SESSION_TOKEN", hide = true)]
    session_token: Option<String>,
}

/// What is to be signed. The path and the query are as on the wire, the query without its question mark.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a [(String, String)],
    pub(super) body: &'a [u8],
}

impl Identity {
    /// The headers that sign it for a service at a moment: to be sent besides its own.
    pub(super) fn sign(&self, service: &str, now_ms: u64, unsigned: &Unsigned<'_>) -> Vec<(String, String)> {
        let now = i64::try_from(now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let moment = now.unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut added = vec![("x-amz-date".to_owned(), moment.clone())];
        added.extend(self.session_token.clone().map(|token| ("x-amz-security-token".to_owned(), token)));
        let host = [("host".to_owned(), unsigned.host.to_owned())];
        let headers = Lowered(unsigned.headers.iter().chain(&added).chain(&host).map(lowered).collect());
        let mut names: Vec<&str> = headers.0.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let Unsigned { method, path, query, body, .. } = *unsigned;
        let scope = Scope::new(&self.access_key_id, &moment, &self.region, service);
        let request = Request { method, path, query, headers: &headers, body };
        let key = SigningKey::derive(&self.secret_access_key, &scope);
        let signed = authorization(&scope, &key, &request, &names.join(";"));
        added.push(("authorization".into(), signed));
        added
    }
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
