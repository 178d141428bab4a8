//! Condition keys: what of a request a policy may ask about, in conditions and in variables.
//!
//! Invariant: a key that no request here could ever be asked about is refused when the policy is read, not taken for
//! absent; taken for absent are those which AWS too leaves out of a call made with an access key from outside a VPC.
use super::{PolicyFault, Request, fault};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Key {
    CurrentTime,
    EpochTime,
    PrincipalAccount,
    PrincipalArn,
    PrincipalType,
    RequestedRegion,
    ResourceAccount,
    SecureTransport,
    SourceIp,
    TagKeys,
    Username,
    /// The value of a tag the request brings.
    RequestTag(String),
    /// The value of a tag the resource has.
    ResourceTag(String),
    /// Never there, as in a like call to AWS.
    Absent,
}

/// In lower case: names of keys are not case-sensitive.
static KEYS: [(&str, Key); 18] = [
    ("aws:currenttime", Key::CurrentTime),
    ("aws:epochtime", Key::EpochTime),
    ("aws:principalaccount", Key::PrincipalAccount),
    ("aws:principalarn", Key::PrincipalArn),
    ("aws:principaltype", Key::PrincipalType),
    ("aws:requestedregion", Key::RequestedRegion),
    ("aws:resourceaccount", Key::ResourceAccount),
    ("aws:securetransport", Key::SecureTransport),
    ("aws:sourceip", Key::SourceIp),
    ("aws:tagkeys", Key::TagKeys),
    ("aws:username", Key::Username),
    ("aws:multifactorauthage", Key::Absent),
    ("aws:multifactorauthpresent", Key::Absent),
    ("aws:sourceaccount", Key::Absent),
    ("aws:sourcearn", Key::Absent),
    ("aws:sourcevpc", Key::Absent),
    ("aws:sourcevpce", Key::Absent),
    ("aws:vpcsourceip", Key::Absent),
];

impl Key {
    pub(super) fn parse(name: &str) -> Result<Self, PolicyFault> {
        let folded = name.to_ascii_lowercase();
        if let Some((_, key)) = KEYS.iter().find(|(known, _)| *known == folded) {
            return Ok(key.clone());
        }
        match folded.split_once('/').zip(name.split_once('/')) {
            Some((("aws:requesttag", _), (_, tag))) if !tag.is_empty() => Ok(Self::RequestTag(tag.into())),
            Some((("aws:resourcetag", _), (_, tag))) if !tag.is_empty() => Ok(Self::ResourceTag(tag.into())),
            _ => fault(format!("Condition key {name} is not supported.")),
        }
    }

    /// Its values in `request`; none if it is not there. Only [`Self::TagKeys`] may have more than one.
    pub(super) fn values(&self, request: &Request<'_>) -> Vec<String> {
        let one = |value: &str| vec![value.to_owned()];
        match self {
            Self::CurrentTime => {
                let time = i64::try_from(request.now_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
                time.map(|time| time.to_string()).into_iter().collect()
            }
            Self::EpochTime => vec![(request.now_ms / 1000).to_string()],
            Self::PrincipalAccount => one(&request.principal.account),
            Self::PrincipalArn => one(&request.principal.arn),
            Self::PrincipalType => one(if request.principal.user.is_some() { "User" } else { "Account" }),
            Self::RequestedRegion => one(request.region),
            Self::ResourceAccount => one(request.resource_account()),
            Self::SecureTransport => vec![request.secure_transport.to_string()],
            Self::SourceIp => request.source_ip.iter().map(|ip| ip.to_canonical().to_string()).collect(),
            Self::TagKeys => request.request_tags.keys().cloned().collect(),
            Self::Username => request.principal.user.iter().cloned().collect(),
            Self::RequestTag(tag) => tagged(request.request_tags, tag),
            Self::ResourceTag(tag) => tagged(request.resource_tags, tag),
            Self::Absent => vec![],
        }
    }
}

/// Tags in names of keys are not case-sensitive either.
fn tagged(tags: &BTreeMap<String, String>, name: &str) -> Vec<String> {
    let exact = tags.get(name);
    exact
        .or_else(|| tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
        .into_iter()
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Principal, tests::put};

    #[test]
    fn keys_have_the_requests_values() {
        let ann = Principal::user("222222222222", "ann");
        let tags = BTreeMap::from([("Team".to_owned(), "red".to_owned()), ("Env".to_owned(), "dev".to_owned())]);
        let request = Request { request_tags: &tags, resource_tags: &tags, ..put(&ann) };
        for (key, values) in [
            ("aws:CurrentTime", &["2024-05-01T12:00:00Z"][..]),
            ("aws:EpochTime", &["1714564800"]),
            ("aws:PrincipalAccount", &["222222222222"]),
            ("AWS:principalARN", &["arn:aws:iam::222222222222:user/ann"]),
            ("aws:PrincipalType", &["User"]),
            ("aws:RequestedRegion", &["us-east-1"]),
            ("aws:ResourceAccount", &["111111111111"]),
            ("aws:SecureTransport", &["true"]),
            ("aws:SourceIp", &["10.1.2.3"]),
            ("aws:TagKeys", &["Env", "Team"]),
            ("aws:username", &["ann"]),
            ("aws:RequestTag/Team", &["red"]),
            ("aws:ResourceTag/team", &["red"]),
            ("aws:ResourceTag/Other", &[]),
            ("aws:SourceVpce", &[]),
        ] {
            assert_eq!(Key::parse(key).unwrap().values(&request), values, "{key}");
        }
        let root = Principal::root("222222222222");
        assert_eq!(Key::Username.values(&put(&root)), [""; 0]);
        assert_eq!(Key::PrincipalType.values(&put(&root)), ["Account"]);
    }

    #[test]
    fn keys_that_cannot_be_answered_are_refused() {
        for key in ["aws:PrincipalOrgID", "kinesis:x", "aws:ResourceTag/", "aws:ResourceTag", "s3:prefix", ""] {
            assert_eq!(Key::parse(key).unwrap_err().0, format!("Condition key {key} is not supported."));
        }
    }
}
