//! Any text as a policy: refused as one kind at least; and decisions keep to what stands in it – where nothing is allowed
//! nobody may do anything, and what is denied stays so. The server is a program, so its module is taken in by its path.
#![no_main]
use access::{Policy, PolicyKind, Principal, Request, evaluate};
use libfuzzer_sys::fuzz_target;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::LazyLock,
};

#[allow(dead_code)]
#[path = "../../crates/headwater/src/access/mod.rs"]
mod access;

const DENIAL: &str = r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}"#;

static DENIES_ALL: LazyLock<Policy> = LazyLock::new(|| Policy::parse(PolicyKind::Resource, DENIAL).unwrap());
static TAGS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| [("team".to_owned(), "a*b".to_owned())].into());

fn check(policy: &Policy, kind: PolicyKind, allows: bool) {
    let account = "123456789012";
    for principal in [Principal::user(account, "alice"), Principal::root("210987654321")] {
        for source_ip in [None, Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)))] {
            let request = Request {
                principal: &principal,
                action: "kinesis:PutRecord",
                resource: "arn:aws:kinesis:us-east-1:123456789012:stream/s",
                region: "us-east-1",
                source_ip,
                secure_transport: source_ip.is_some(),
                now_ms: 1_767_225_600_000,
                request_tags: &TAGS,
                resource_tags: &TAGS,
            };
            let (identity, resource) = match kind {
                PolicyKind::Identity => (Some(policy), None),
                // A user without a policy of its own may do everything to its account's.
                PolicyKind::Resource => (None, Some(policy)),
            };
            let decision = evaluate(&request, identity, resource);
            let is_own = principal.account == account;
            assert!(allows || decision.is_err() || kind == PolicyKind::Resource && is_own, "nobody allows it");
            assert!(evaluate(&request, identity, Some(&DENIES_ALL)).is_err_and(|denial| denial.explicit));
            if let Err(denial) = decision {
                assert_eq!(denial.error(&request).code, "AccessDeniedException");
            }
        }
    }
}

fuzz_target!(|text: &str| {
    // A text with escapes may have the word without its letters.
    let allows = text.contains("Allow") || text.contains('\\');
    let read = [PolicyKind::Identity, PolicyKind::Resource].map(|kind| (kind, Policy::parse(kind, text)));
    assert!(read.iter().any(|(_, policy)| policy.is_err()), "it has a principal and has none");
    for (kind, policy) in read {
        if let Ok(policy) = policy {
            check(&policy, kind, allows);
        }
    }
});
