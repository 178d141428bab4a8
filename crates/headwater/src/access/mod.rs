//! Who may do what: IAM policies of credentials and of resources, read and decided upon.
//!
//! Invariant: nothing in a policy is passed over – what is not understood is refused when the policy is read, so that
//! every statement that was taken is also obeyed. Pure: what a request is comes in as a [`Request`].
//!
//! The map: `policy` reads documents, `pattern` matches wildcards and ARNs, `key` knows what conditions may ask about,
//! `condition` answers them, `evaluate` decides and builds the refusal.
mod condition;
mod evaluate;
mod key;
mod pattern;
mod policy;

pub(crate) use evaluate::evaluate;
pub(crate) use policy::{Policy, PolicyKind};
use std::{collections::BTreeMap, fmt, net::IpAddr};

/// Why a text is no policy: one sentence for whoever wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PolicyFault(String);

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for PolicyFault {}

fn fault<T>(sentence: impl Into<String>) -> Result<T, PolicyFault> {
    Err(PolicyFault(sentence.into()))
}

/// Who asks: a user of an account, or the account itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Principal {
    /// Twelve digits.
    pub(crate) account: String,
    /// `None`: the account's root, which no identity policy restricts.
    pub(crate) user: Option<String>,
    /// Its ARN, as policies and refusals name it.
    pub(crate) arn: String,
}

impl Principal {
    /// A user of `account`.
    pub(crate) fn user(account: &str, name: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        Self { account: account.into(), user: Some(name.into()), arn }
    }

    /// `account` itself.
    pub(crate) fn root(account: &str) -> Self {
        Self { account: account.into(), user: None, arn: format!("arn:aws:iam::{account}:root") }
    }
}

/// What is asked, and everything a condition may ask about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// Who asks.
    pub(crate) principal: &'a Principal,
    /// E.g. `kinesis:PutRecord`.
    pub(crate) action: &'a str,
    /// The ARN of what it is done to; `*` where an operation is done to nothing in particular.
    pub(crate) resource: &'a str,
    /// The region asked.
    pub(crate) region: &'a str,
    /// Where the request comes from.
    pub(crate) source_ip: Option<IpAddr>,
    /// Whether it came over TLS.
    pub(crate) secure_transport: bool,
    /// Milliseconds since the epoch.
    pub(crate) now_ms: u64,
    /// The tags the request brings.
    pub(crate) request_tags: &'a BTreeMap<String, String>,
    /// The tags the resource has.
    pub(crate) resource_tags: &'a BTreeMap<String, String>,
}

impl Request<'_> {
    /// Whose resource it is; the caller's own where the operation is done to nothing in particular.
    fn resource_account(&self) -> &str {
        self.resource.split(':').nth(4).filter(|account| !account.is_empty()).unwrap_or(&self.principal.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const STREAM: &str = "arn:aws:kinesis:us-east-1:111111111111:stream/orders";
    pub(super) static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

    /// A `PutRecord` of `principal` to account 111111111111's stream, over TLS at 2024-05-01T12:00:00Z.
    pub(super) fn put(principal: &Principal) -> Request<'_> {
        Request {
            principal,
            action: "kinesis:PutRecord",
            resource: STREAM,
            region: "us-east-1",
            source_ip: Some(IpAddr::from([10, 1, 2, 3])),
            secure_transport: true,
            now_ms: 1_714_564_800_000,
            request_tags: &NO_TAGS,
            resource_tags: &NO_TAGS,
        }
    }

    #[test]
    fn a_resource_is_of_the_account_in_its_arn_or_the_callers_own() {
        let ann = Principal::user("222222222222", "ann");
        assert_eq!(put(&ann).resource_account(), "111111111111");
        assert_eq!(Request { resource: "*", ..put(&ann) }.resource_account(), "222222222222");
    }
}
