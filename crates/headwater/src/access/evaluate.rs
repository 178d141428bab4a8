//! The decision: a caller's own policy and the resource's, together.
//!
//! Invariant: an explicit deny wins over everything, also over a caller without a policy; across accounts both sides
//! must allow; what nobody allows is denied.
use super::{
    Request,
    policy::{Policy, PolicyKind, Reach, Verdict},
};
use headwater_wire::ServiceError;

/// Why a request is denied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Denial {
    /// A statement says so; otherwise none allows it.
    pub(crate) explicit: bool,
    /// Whose policy denies it, or lacks the permission.
    pub(crate) by: PolicyKind,
}

/// Decides on `request`. `identity` is the caller's policy; a caller without one is not restricted by its own account.
/// `resource` is the resource's policy, if it has one.
///
/// # Errors
/// The denial.
pub(crate) fn evaluate(
    request: &Request<'_>,
    identity: Option<&Policy>,
    resource: Option<&Policy>,
) -> Result<(), Denial> {
    let unrestricted = Verdict { denied: false, allowed: Some(Reach::Caller) };
    let own = identity.map_or(unrestricted, |policy| policy.verdict(request));
    let theirs = resource.map_or_else(Verdict::default, |policy| policy.verdict(request));
    for (verdict, by) in [(own, PolicyKind::Identity), (theirs, PolicyKind::Resource)] {
        if verdict.denied {
            return Err(Denial { explicit: true, by });
        }
    }
    let allowed = if request.resource_account() == request.principal.account {
        // What a resource allows the whole account, the account must pass on to its user by the user's own policy.
        own.allowed.is_some() || theirs.allowed == Some(Reach::Caller)
    } else {
        own.allowed.is_some() && theirs.allowed.is_some()
    };
    let by = if own.allowed.is_some() { PolicyKind::Resource } else { PolicyKind::Identity };
    if allowed { Ok(()) } else { Err(Denial { explicit: false, by }) }
}

impl Denial {
    /// The refusal of `request`, in the service's words.
    pub(crate) fn error(self, request: &Request<'_>) -> ServiceError {
        let Request { principal, action, resource, .. } = request;
        let kind = match self.by {
            PolicyKind::Identity => "identity-based",
            PolicyKind::Resource => "resource-based",
        };
        let article = if self.by == PolicyKind::Identity { "an" } else { "a" };
        let reason = if self.explicit {
            format!("with an explicit deny in {article} {kind} policy")
        } else {
            format!("because no {kind} policy allows the {action} action")
        };
        let user = &principal.arn;
        let message = format!("User: {user} is not authorized to perform: {action} on resource: {resource} {reason}");
        ServiceError::new("AccessDeniedException", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{
        Principal,
        tests::{STREAM, put},
    };

    /// A policy of one statement about everything, to or from `who` if it is a resource's.
    fn policy(effect: &str, who: Option<&str>) -> Policy {
        let kind = if who.is_some() { PolicyKind::Resource } else { PolicyKind::Identity };
        let principal = who.map(|who| format!(r#", "Principal": {{"AWS": "{who}"}}"#)).unwrap_or_default();
        let statement = format!(r#""Effect": "{effect}", "Action": "kinesis:*", "Resource": "*"{principal}"#);
        Policy::parse(kind, &format!(r#"{{"Version": "2012-10-17", "Statement": {{{statement}}}}}"#)).unwrap()
    }

    fn unrelated() -> Policy {
        let text = r#"{"Statement": {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}}"#;
        Policy::parse(PolicyKind::Identity, text).unwrap()
    }

    #[test]
    fn the_decision_follows_both_policies() {
        let own = Principal::user("111111111111", "ann");
        let foreign = Principal::user("222222222222", "ann");
        let [allow, deny, unrelated] = [policy("Allow", None), policy("Deny", None), unrelated()];
        let to = |who: &str| policy("Allow", Some(who));
        let [to_user, to_account, to_foreigner, to_foreign] =
            [to(&own.arn), to("111111111111"), to(&foreign.arn), to("222222222222")];
        let [from_user, from_all] = [policy("Deny", Some(&own.arn)), policy("Deny", Some("*"))];
        let implicit = |by| Err(Denial { explicit: false, by });
        let explicit = |by| Err(Denial { explicit: true, by });
        use PolicyKind::{Identity, Resource};
        for (what, caller, identity, resource, expected) in [
            ("unrestricted", &own, None, None, Ok(())),
            ("allowed by its own", &own, Some(&allow), None, Ok(())),
            ("allowed by nobody", &own, Some(&unrelated), None, implicit(Identity)),
            ("allowed by the resource", &own, Some(&unrelated), Some(&to_user), Ok(())),
            ("its account alone is allowed", &own, Some(&unrelated), Some(&to_account), implicit(Identity)),
            ("the resource speaks of others", &own, Some(&unrelated), Some(&to_foreign), implicit(Identity)),
            ("denied by its own", &own, Some(&deny), Some(&to_user), explicit(Identity)),
            ("denied by the resource", &own, Some(&allow), Some(&from_user), explicit(Resource)),
            ("unrestricted, denied by the resource", &own, None, Some(&from_all), explicit(Resource)),
            ("foreign, no resource policy", &foreign, Some(&allow), None, implicit(Resource)),
            ("foreign, unrestricted, no resource policy", &foreign, None, None, implicit(Resource)),
            ("foreign, allowed by both", &foreign, Some(&allow), Some(&to_foreigner), Ok(())),
            ("foreign, its account allowed", &foreign, Some(&allow), Some(&to_foreign), Ok(())),
            ("foreign, unrestricted, allowed", &foreign, None, Some(&to_foreign), Ok(())),
            ("foreign, not allowed by its own", &foreign, Some(&unrelated), Some(&to_foreigner), implicit(Identity)),
            ("foreign, denied by its own", &foreign, Some(&deny), Some(&to_foreigner), explicit(Identity)),
            ("foreign, denied by the resource", &foreign, Some(&allow), Some(&from_all), explicit(Resource)),
        ] {
            assert_eq!(evaluate(&put(caller), identity, resource), expected, "{what}");
        }
    }

    #[test]
    fn a_deny_wins_over_an_allow_beside_it() {
        let text = r#"{"Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "kinesis:PutRecord", "Resource": "arn:aws:kinesis:*:*:stream/orders"}
        ]}"#;
        let policy = Policy::parse(PolicyKind::Identity, text).unwrap();
        let ann = Principal::user("111111111111", "ann");
        let denied = evaluate(&put(&ann), Some(&policy), None);
        assert_eq!(denied, Err(Denial { explicit: true, by: PolicyKind::Identity }));
        assert_eq!(evaluate(&Request { action: "kinesis:GetRecords", ..put(&ann) }, Some(&policy), None), Ok(()));
    }

    #[test]
    fn a_variable_without_a_value_denies_what_must_equal_it_and_no_resource_is_like_it() {
        let ann = Principal::user("111111111111", "ann");
        let denied = |element: &str| {
            let text = format!(
                r#"{{"Version": "2012-10-17", "Statement": [
                    {{"Effect": "Allow", "Action": "*", "Resource": "*"}},
                    {{"Effect": "Deny", "Action": "*", {element}}}
                ]}}"#
            );
            let policy = Policy::parse(PolicyKind::Identity, &text).unwrap();
            evaluate(&put(&ann), Some(&policy), None).is_err()
        };
        let variable = "${aws:ResourceTag/none}";
        assert!(denied(&format!(
            r#""Resource": "*", "Condition": {{"StringNotEquals": {{"aws:username": "{variable}"}}}}"#
        )));
        assert!(!denied(&format!(
            r#""Resource": "*", "Condition": {{"StringEquals": {{"aws:username": "{variable}"}}}}"#
        )));
        assert!(!denied(&format!(r#""Resource": "arn:aws:kinesis:*:*:*{variable}""#)));
        assert!(denied(&format!(r#""NotResource": "arn:aws:kinesis:*:*:*{variable}""#)));
    }

    #[test]
    fn a_refusal_is_the_services_sentence() {
        let ann = Principal::user("222222222222", "ann");
        let head = format!(
            "User: arn:aws:iam::222222222222:user/ann is not authorized to perform: kinesis:PutRecord on resource: {STREAM}"
        );
        for (explicit, by, reason) in [
            (true, PolicyKind::Identity, "with an explicit deny in an identity-based policy"),
            (true, PolicyKind::Resource, "with an explicit deny in a resource-based policy"),
            (false, PolicyKind::Identity, "because no identity-based policy allows the kinesis:PutRecord action"),
            (false, PolicyKind::Resource, "because no resource-based policy allows the kinesis:PutRecord action"),
        ] {
            let error = Denial { explicit, by }.error(&put(&ann));
            assert_eq!((error.code, error.message), ("AccessDeniedException", Some(format!("{head} {reason}"))));
        }
    }
}
