//! Who may do what, joined: the credentials and their policies, the policies of streams, and the requests of services.
//!
//! Invariant: without credentials everybody may do everything, as nobody can be told apart; with them, nothing is done
//! that the policies do not allow. A resource's policy that cannot be read allows nothing and denies everything.
use crate::{
    access::{Policy, PolicyKind, Principal, Request, evaluate},
    credentials::Credentials,
};
use headwater_wire::{Access, Ask, Caller, ErrorKind, ServiceError};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

/// Policies of resources kept parsed at once. They are few; when they are not, parsing starts anew.
const MAX_PARSED: usize = 1024;

/// The decider.
pub(crate) struct Gate {
    credentials: Credentials,
    /// Policies of resources by their text; `None` for one that cannot be read.
    parsed: RwLock<HashMap<String, Option<Arc<Policy>>>>,
}

impl Gate {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self { credentials, parsed: RwLock::default() }
    }

    fn parse(&self, document: &str) -> Option<Arc<Policy>> {
        if let Some(policy) = self.parsed.read().unwrap_or_else(PoisonError::into_inner).get(document) {
            return policy.clone();
        }
        let policy = Policy::parse(PolicyKind::Resource, document).ok().map(Arc::new);
        let mut parsed = self.parsed.write().unwrap_or_else(PoisonError::into_inner);
        if parsed.len() >= MAX_PARSED {
            parsed.clear();
        }
        parsed.insert(document.to_owned(), policy.clone());
        policy
    }
}

impl Gate {
    /// Whether `caller` may do `action` to nothing in particular.
    ///
    /// # Errors
    /// The refusal, in the service's words.
    pub(crate) fn permit(&self, caller: &Caller, action: &str, now_ms: u64) -> Result<(), ServiceError> {
        self.permit_on(caller, action, "*", now_ms)
    }

    /// Whether `caller` may do `action` to the resource of this ARN.
    ///
    /// # Errors
    /// The refusal, in the service's words.
    pub(crate) fn permit_on(
        &self,
        caller: &Caller,
        action: &str,
        resource: &str,
        now_ms: u64,
    ) -> Result<(), ServiceError> {
        let none = BTreeMap::new();
        self.judge(caller, action, &Matter { resource, policy: None, tags: (&none, &none), now_ms })
    }

    fn judge(&self, caller: &Caller, action: &str, matter: &Matter<'_>) -> Result<(), ServiceError> {
        let Matter { resource, policy, tags: (request_tags, resource_tags), now_ms } = *matter;
        let key = self.credentials.key(&caller.access_key);
        let root = || Arc::new(Principal::root(&caller.account));
        let principal = key.map_or_else(root, |key| Arc::clone(&key.principal));
        let request = Request {
            principal: &principal,
            action,
            resource,
            region: &caller.region,
            source_ip: caller.origin.address,
            secure_transport: caller.origin.is_secure,
            now_ms,
            request_tags,
            resource_tags,
        };
        let theirs = match policy {
            None => None,
            Some(document) => Some(self.parse(document).ok_or_else(|| {
                tracing::error!(resource, "the resource's policy cannot be read; nothing is allowed");
                ServiceError::bare("AccessDeniedException", ErrorKind::Sender)
            })?),
        };
        let own = key.and_then(|key| key.policy.as_deref());
        evaluate(&request, own, theirs.as_deref()).map_err(|denial| denial.error(&request))
    }
}

/// What something is done to, and when.
struct Matter<'a> {
    resource: &'a str,
    policy: Option<&'a str>,
    /// Those of the request and those of the resource.
    tags: (&'a BTreeMap<String, String>, &'a BTreeMap<String, String>),
    now_ms: u64,
}

impl Access for Gate {
    fn is_open(&self) -> bool {
        self.credentials.is_empty()
    }

    fn check_policy(&self, document: &str) -> Result<(), String> {
        Policy::parse(PolicyKind::Resource, document).map(drop).map_err(|fault| fault.to_string())
    }

    fn decide(&self, ask: &Ask<'_>) -> Result<(), ServiceError> {
        let Ask { caller, service, operation, resource, policy, request_tags, resource_tags, now_ms } = *ask;
        let matter = Matter { resource, policy, tags: (request_tags, resource_tags), now_ms };
        self.judge(caller, &format!("{}:{operation}", service.scope()), &matter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_wire::Service;
    use std::io::Write;

    const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";

    fn gate(text: &str) -> Gate {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Gate::new(Credentials::load(Some(file.path()), None, &"000000000000".into()).unwrap())
    }

    fn told(gate: &Gate, key: &str, account: &str, policy: Option<&str>) -> Result<(), String> {
        let tags = BTreeMap::new();
        gate.decide(&Ask {
            caller: &Caller::root(account, "us-east-1", key),
            service: Service::Kinesis,
            operation: "PutRecord",
            resource: STREAM,
            policy,
            request_tags: &tags,
            resource_tags: &tags,
            now_ms: 0,
        })
        .map_err(|refusal| refusal.message.unwrap_or_default())
    }

    #[test]
    fn a_key_without_a_policy_may_do_everything_in_its_account_and_nothing_elsewhere() {
        let gate = gate("[[key]]\nid = 'A'\nsecret = 's'\n[[key]]\nid = 'B'\nsecret = 's'\naccount = '111111111111'");
        assert!(!gate.is_open());
        assert_eq!(told(&gate, "A", "000000000000", None), Ok(()));
        let denied = told(&gate, "B", "111111111111", None).unwrap_err();
        assert_eq!(
            denied,
            format!(
                "User: arn:aws:iam::111111111111:root is not authorized to perform: kinesis:PutRecord on resource: \
                 {STREAM} because no resource-based policy allows the kinesis:PutRecord action"
            )
        );
        let policy = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "111111111111"},
            "Action": "kinesis:Put*", "Resource": "*"}}"#;
        assert_eq!(told(&gate, "B", "111111111111", Some(policy)), Ok(()));
        let denied = policy.replace("Allow", "Deny");
        assert!(told(&gate, "B", "111111111111", Some(&denied)).unwrap_err().contains("explicit deny"));
        assert!(told(&gate, "A", "000000000000", Some("damaged")).is_err());
    }

    #[test]
    fn a_policy_holds_its_bearer_to_it() {
        let gate = gate(
            r#"[[key]]
            id = "A"
            secret = "s"
            user = "ann"
            policy = '{"Statement": {"Effect": "Allow", "Action": "kinesis:Get*", "Resource": "*"}}'"#,
        );
        let denied = told(&gate, "A", "000000000000", None).unwrap_err();
        assert!(denied.starts_with("User: arn:aws:iam::000000000000:user/ann is not authorized"), "{denied}");
    }
}
