//! The access keys that may call. Invariant: with at least one key configured, no request is taken on trust.
use crate::access::{Policy, PolicyKind, Principal};
use serde::Deserialize;
use std::{collections::HashMap, fmt, path::Path, sync::Arc};

/// Access keys by their id.
#[derive(Default, Clone)]
pub(crate) struct Credentials {
    keys: HashMap<String, Key>,
}

/// What belongs to one access key id.
#[derive(Clone)]
pub(crate) struct Key {
    /// The secret access key.
    pub(crate) secret: String,
    /// Whose key it is: twelve digits.
    pub(crate) account: Arc<str>,
    /// Whose key it is, more closely: a user, or the account itself.
    pub(crate) principal: Arc<Principal>,
    /// What it may do; everything in its own account if nothing is said.
    pub(crate) policy: Option<Arc<Policy>>,
}

/// A credentials file: `[[key]]` tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    secret: String,
    account: Option<String>,
    /// The user's name; one with a policy and no name goes by the id of its key.
    user: Option<String>,
    /// An IAM policy, as JSON.
    policy: Option<String>,
}

impl Credentials {
    /// The keys of `file` and the one of the environment (id, secret); a key without an account is of `account`.
    ///
    /// # Errors
    /// A sentence with the file and what is wrong in it. Secrets are never part of it.
    pub(crate) fn load(
        file: Option<&Path>,
        environment: Option<(String, String)>,
        account: &Arc<str>,
    ) -> Result<Self, String> {
        let mut entries: Vec<Entry> = environment
            .into_iter()
            .map(|(id, secret)| Entry { id, secret, account: None, user: None, policy: None })
            .collect();
        let name = file.map_or_else(|| "HEADWATER_ACCESS_KEY_ID".into(), |path| path.display().to_string());
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
            // Only the message: the excerpt the parser would show may hold a secret.
            let read: File = toml::from_str(&text).map_err(|error| format!("{name}: {}", error.message()))?;
            if read.key.is_empty() {
                return Err(format!("{name}: no [[key]] in it"));
            }
            entries.extend(read.key);
        }
        let mut keys = HashMap::new();
        for Entry { id, secret, account: own, user, policy } in entries {
            let twelve = |account: &str| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            if id.is_empty() || secret.is_empty() || id.contains(['/', ',', ' ']) {
                return Err(format!("{name}: key '{id}' needs an id without blanks and slashes, and a secret"));
            }
            if own.as_deref().is_some_and(|own| !twelve(own)) {
                return Err(format!("{name}: the account of key '{id}' is not twelve digits"));
            }
            let policy = policy.map(|text| Policy::parse(PolicyKind::Identity, &text)).transpose();
            let policy = policy.map_err(|fault| format!("{name}: the policy of key '{id}': {fault}"))?.map(Arc::new);
            let user = user.or_else(|| policy.is_some().then(|| id.clone()));
            let account = own.map_or_else(|| Arc::clone(account), Arc::from);
            let principal = user.map_or_else(|| Principal::root(&account), |user| Principal::user(&account, &user));
            let key = Key { secret, account, principal: Arc::new(principal), policy };
            if keys.insert(id.clone(), key).is_some() {
                return Err(format!("{name}: key '{id}' stands there twice"));
            }
        }
        Ok(Self { keys })
    }

    /// Whether there is no key at all, so that any signature is taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key of an access key id.
    pub(crate) fn key(&self, id: &str) -> Option<&Key> {
        self.keys.get(id)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn load(text: &str) -> Result<Credentials, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Credentials::load(Some(file.path()), Some(("ENV".into(), "e".into())), &"000000000000".into())
    }

    #[test]
    fn keys_come_from_the_file_and_the_environment() {
        let keys =
            load("[[key]]\nid = 'A'\nsecret = 's'\n[[key]]\nid = 'B'\nsecret = 't'\naccount = '123456789012'").unwrap();
        let of = |id| keys.key(id).map(|key| (key.secret.as_str(), &*key.account));
        assert_eq!(of("A"), Some(("s", "000000000000")));
        assert_eq!(of("B"), Some(("t", "123456789012")));
        assert_eq!(of("ENV"), Some(("e", "000000000000")));
        assert_eq!(of("C"), None);
    }

    #[test]
    fn mistakes_are_told_without_the_secret() {
        for (text, part) in [
            ("", "no [[key]]"),
            ("[[key]]\nid = 'A'\nsecret = 'hush'\nacount = '1'", "acount"),
            ("[[key]]\nid = 'A'\nsecret = 'hush'\npolicy = '{}'", "the policy of key 'A'"),
            ("[[key]]\nid = 'A/B'\nsecret = 'hush'", "slashes"),
            ("[[key]]\nid = 'A'\nsecret = 'hush'\naccount = '1'", "twelve digits"),
            ("[[key]]\nid = 'ENV'\nsecret = 'hush'", "twice"),
            ("[[key]]\nid = 'A'\nsecret = 'hush", "string"),
        ] {
            let error = load(text).unwrap_err();
            assert!(error.contains(part) && !error.contains("hush"), "{error}");
        }
        let keys = load("[[key]]\nid = 'A'\nsecret = 'hush'").unwrap();
        assert!(!format!("{keys:?}").contains("hush"));
    }
}
