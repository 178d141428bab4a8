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
