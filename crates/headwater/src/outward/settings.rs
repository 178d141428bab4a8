//! The settings of what is reached outside, checked. Invariant: a secret is never shown.
use super::guard::Allowed;
use crate::functions::FunctionName;
use reqwest::Url;
use serde::Deserialize;
use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
};

/// As Lambda's largest, and what Firehose waits for a function.
const DEFAULT_FUNCTION_TIMEOUT_MS: u64 = 300_000;
/// As Lambda's largest.
const MAX_FUNCTION_TIMEOUT_MS: u64 = 900_000;

/// Where objects go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Store {
    /// A folder in the data folder; a temporary one if there is no data folder.
    Default,
    /// This folder.
    Folder(PathBuf),
    /// An S3 endpoint, with what to sign as; without a key, AWS's own places are searched for one.
    Endpoint { url: String, region: String, key: Option<S3Key> },
}

/// An access key for S3.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct S3Key {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) session_token: Option<String>,
}

impl fmt::Debug for S3Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The settings as written.
#[derive(Default)]
pub(crate) struct Written<'a> {
    pub(crate) s3_dir: Option<&'a Path>,
    pub(crate) s3_endpoint: Option<&'a str>,
    pub(crate) s3_region: Option<&'a str>,
    pub(crate) s3_credentials: Option<&'a Path>,
    pub(crate) allow_destination: &'a [String],
    pub(crate) function: &'a [String],
    pub(crate) functions_endpoint: Option<&'a str>,
    pub(crate) function_timeout_ms: Option<u64>,
    /// The server's own.
    pub(crate) region: &'a str,
}

/// The settings, checked.
#[derive(Clone, Debug)]
pub(crate) struct OutwardSettings {
    pub(crate) store: Store,
    pub(crate) allowed: Vec<Allowed>,
    /// Where functions run that the operator named.
    pub(crate) functions: HashMap<String, Url>,
    /// Where all others run.
    pub(crate) functions_endpoint: Option<Url>,
    pub(crate) function_timeout_ms: u64,
    pub(crate) region: String,
}

impl OutwardSettings {
    /// # Errors
    /// A sentence with the setting and what to do about it.
    pub(crate) fn check(written: &Written<'_>) -> Result<Self, String> {
        let function_timeout_ms = written.function_timeout_ms.unwrap_or(DEFAULT_FUNCTION_TIMEOUT_MS);
        if !(1..=MAX_FUNCTION_TIMEOUT_MS).contains(&function_timeout_ms) {
            return Err(format!("--function-timeout-ms: a function takes 1 to {MAX_FUNCTION_TIMEOUT_MS} milliseconds"));
        }
        Ok(Self {
            store: store(written)?,
            allowed: written.allow_destination.iter().map(|text| Allowed::parse(text)).collect::<Result<_, _>>()?,
            functions: written.function.iter().map(|text| function(text)).collect::<Result<_, _>>()?,
            functions_endpoint: written.functions_endpoint.map(|text| url("--functions-endpoint", text)).transpose()?,
            function_timeout_ms,
            region: written.region.to_owned(),
        })
    }

    /// Signs requests to S3 with the environment's key, unless a file named one.
    ///
    /// # Errors
    /// A sentence if only half of a key is there.
    pub(crate) fn sign_as(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), String> {
        let named = (variable("HEADWATER_S3_ACCESS_KEY_ID"), variable("HEADWATER_S3_SECRET_ACCESS_KEY"));
        let found = match named {
            (Some(id), Some(secret)) => S3Key { id, secret, session_token: variable("HEADWATER_S3_SESSION_TOKEN") },
            (None, None) => return Ok(()),
            _ => {
                return Err(
                    "HEADWATER_S3_ACCESS_KEY_ID and HEADWATER_S3_SECRET_ACCESS_KEY belong together: set both or \
                            neither"
                        .into(),
                );
            }
        };
        if let Store::Endpoint { key: key @ None, .. } = &mut self.store {
            *key = Some(found);
        }
        Ok(())
    }
}

fn store(written: &Written<'_>) -> Result<Store, String> {
    let Written { s3_dir, s3_endpoint, s3_region, s3_credentials, region, .. } = *written;
    if s3_endpoint.is_none() && (s3_region.is_some() || s3_credentials.is_some()) {
        return Err("--s3-region and --s3-credentials are for an S3 endpoint: give --s3-endpoint too".into());
    }
    match (s3_dir, s3_endpoint) {
        (None, None) => Ok(Store::Default),
        (Some(_), Some(_)) => Err("--s3-dir and --s3-endpoint: objects go to one of the two".into()),
        (Some(folder), None) => {
            let absolute = std::path::absolute(folder);
            absolute.map(Store::Folder).map_err(|error| format!("--s3-dir {}: {error}", folder.display()))
        }
        (None, Some(endpoint)) => Ok(Store::Endpoint {
            url: url("--s3-endpoint", endpoint)?.as_str().trim_end_matches('/').to_owned(),
            region: s3_region.unwrap_or(region).to_owned(),
            key: s3_credentials.map(key).transpose()?,
        }),
    }
}

fn key(file: &Path) -> Result<S3Key, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("--s3-credentials {name}: {error}"))?;
    // Only the message: the excerpt the parser would show may hold the secret.
    toml::from_str(&text).map_err(|error| format!("--s3-credentials {name}: {}", error.message()))
}

fn url(setting: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|url| url.query().is_none() && url.fragment().is_none());
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    url.ok_or_else(|| format!("{setting}: write http://HOST:PORT or https://HOST, not '{text}'"))
}

fn function(text: &str) -> Result<(String, Url), String> {
    let (name, at) = text.split_once('=').ok_or_else(|| format!("--function: write NAME=URL, not '{text}'"))?;
    let name = FunctionName::parse(name).filter(|name| name.qualifier.is_none());
    let name = name.ok_or_else(|| format!("--function {text}: a function's name is letters, digits, - and _"))?;
    Ok((name.name, url("--function", at)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(written: &Written<'_>) -> String {
        OutwardSettings::check(written).unwrap_err()
    }

    #[test]
    fn objects_go_to_one_place() {
        let checked = |written: &Written<'_>| OutwardSettings::check(written).unwrap().store;
        assert_eq!(checked(&Written::default()), Store::Default);
        let endpoint =
            Written { s3_endpoint: Some("http://localhost:9000/"), region: "eu-west-1", ..Written::default() };
        let Store::Endpoint { url, region, key } = checked(&endpoint) else { panic!("no endpoint") };
        assert_eq!((&*url, &*region, key), ("http://localhost:9000", "eu-west-1", None));
        assert!(refusal(&Written { s3_dir: Some(Path::new("x")), ..endpoint }).starts_with("--s3-dir and"));
        assert!(refusal(&Written { s3_region: Some("x"), ..Written::default() }).contains("--s3-endpoint too"));
        let wrong = Written { s3_endpoint: Some("localhost:9000"), ..Written::default() };
        assert!(refusal(&wrong).starts_with("--s3-endpoint: "));
    }

    #[test]
    fn a_key_comes_from_the_file_or_else_the_environment_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s3.toml");
        let write = |text: &str| {
            std::io::Write::write_all(
                &mut tempfile::NamedTempFile::new_in(&folder).unwrap().persist(&file).unwrap(),
                text.as_bytes(),
            )
            .unwrap();
        };
        write("id = 'A'\nsecret = 'hush'");
        let written =
            Written { s3_endpoint: Some("https://s3.test"), s3_credentials: Some(&file), ..Written::default() };
        let id = |mut settings: OutwardSettings| {
            settings.sign_as(|name| name.contains("S3_").then(|| "ENV".into())).unwrap();
            assert!(!format!("{settings:?}").contains("hush"));
            let Store::Endpoint { key, .. } = settings.store else { panic!("no endpoint") };
            key.map(|key| key.id)
        };
        assert_eq!(id(OutwardSettings::check(&written).unwrap()).as_deref(), Some("A"));
        let without = Written { s3_credentials: None, ..written };
        assert_eq!(id(OutwardSettings::check(&without).unwrap()).as_deref(), Some("ENV"));
        write("id = 'A'\nsecret = 'hush");
        assert!(!refusal(&Written { s3_credentials: Some(&file), ..without }).contains("hush"));
    }

    #[test]
    fn mistakes_are_told_by_their_setting() {
        let strings = |text: &str| vec![text.to_owned()];
        for text in ["a", "a b=http://x", "a=x", "a:1=http://x"] {
            assert!(
                refusal(&Written { function: &strings(text), ..Written::default() }).starts_with("--function"),
                "{text}"
            );
        }
        let wrong = Written { allow_destination: &strings("a b"), ..Written::default() };
        assert!(refusal(&wrong).starts_with("--allow-destination: "));
        let wrong = Written { function_timeout_ms: Some(0), ..Written::default() };
        assert!(refusal(&wrong).starts_with("--function-timeout-ms: "));
    }
}
