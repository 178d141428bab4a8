//! Policy documents, read from JSON.
//!
//! Invariant: what is not understood – an unknown or repeated element, an empty list, a wildcard in a principal – is
//! refused. Depth is bounded by the parser, size by [`MAX_POLICY_BYTES`].
use super::{
    PolicyFault, Principal, Request,
    condition::Condition,
    fault,
    pattern::{ArnPattern, Pattern, Syntax},
};
use document::{Document, Effect, Principals, Version};

mod document;

/// The largest policy that is read, in bytes.
pub(crate) const MAX_POLICY_BYTES: usize = 20 << 10;

/// What a policy is attached to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PolicyKind {
    /// To a credential: it speaks of its bearer.
    Identity,
    /// To a stream or consumer: its statements say of whom they speak.
    Resource,
}

/// A policy that was read wholly.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

#[derive(Clone, PartialEq, Debug)]
struct Statement {
    effect: Effect,
    /// `None` in an identity policy.
    principals: Option<Listed<Who>>,
    actions: Listed<Pattern>,
    resources: Listed<ArnPattern>,
    conditions: Vec<Condition>,
}

/// A list of what is meant, or of what is not.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Listed<T> {
    not: bool,
    items: Vec<T>,
}

/// Of whom a statement speaks.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Who {
    Everyone,
    /// The account and all its users.
    Account(String),
    /// The user, role or session with this ARN.
    Arn(String),
    /// A service of AWS's; none calls here.
    Service,
}

/// How a statement reaches a caller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Reach {
    /// Through the caller's account: the account may pass on to its users what it is allowed.
    Account,
    /// Directly.
    Caller,
}

/// What a policy says about a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Verdict {
    /// A statement denies it.
    pub(super) denied: bool,
    /// A statement allows it, in the most direct way of all that do.
    pub(super) allowed: Option<Reach>,
}

impl Policy {
    /// Reads the policy in `text`.
    ///
    /// # Errors
    /// One sentence about the first thing that is not right.
    pub(crate) fn parse(kind: PolicyKind, text: &str) -> Result<Self, PolicyFault> {
        if text.len() > MAX_POLICY_BYTES {
            return fault(format!("Policy has {} bytes, more than {MAX_POLICY_BYTES}.", text.len()));
        }
        let document = Document::parse(text)?;
        // The language of 2008 has no variables: there `${` is text.
        let variables = document.version == Some(Version::Of2012);
        let statements = document.statements.into_iter();
        let statements = statements.map(|statement| Statement::read(kind, statement, variables)).collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }

    pub(super) fn verdict(&self, request: &Request<'_>) -> Verdict {
        let mut verdict = Verdict::default();
        for statement in &self.statements {
            match (statement.effect, statement.reach(request)) {
                (_, None) => {}
                (Effect::Deny, Some(_)) => verdict.denied = true,
                (Effect::Allow, reach) => verdict.allowed = verdict.allowed.max(reach),
            }
        }
        verdict
    }
}

impl Statement {
    fn read(kind: PolicyKind, read: document::Statement, variables: bool) -> Result<Self, PolicyFault> {
        let principals = one_of("Principal", read.principal, "NotPrincipal", read.not_principal)?;
        let principals = match (kind, principals) {
            (PolicyKind::Identity, None) => None,
            (PolicyKind::Identity, Some(_)) => return fault("An identity policy has no Principal."),
            (PolicyKind::Resource, None) => return fault("A statement of a resource policy needs a Principal."),
            (PolicyKind::Resource, Some(listed)) if listed.not && read.effect == Effect::Allow => {
                return fault("NotPrincipal must not stand with the effect Allow.");
            }
            (PolicyKind::Resource, Some(Listed { not, items })) => Some(Listed { not, items: parse_principals(items)? }),
        };
        let actions = one_of("Action", read.action, "NotAction", read.not_action)?;
        let Some(actions) = actions else { return fault("A statement needs an Action or NotAction.") };
        let resources = one_of("Resource", read.resource, "NotResource", read.not_resource)?;
        let Some(resources) = resources else { return fault("A statement needs a Resource or NotResource.") };
        let mut conditions = Vec::new();
        for (operator, keys) in read.conditions {
            for (key, values) in keys.0 {
                conditions.push(Condition::parse(&operator, &key, &values.0, variables)?);
            }
        }
        Ok(Self {
            effect: read.effect,
            principals,
            actions: actions.try_map(|action| parse_action(&action))?,
            resources: resources.try_map(|resource| ArnPattern::parse(&resource, variables))?,
            conditions,
        })
    }

    /// How the statement reaches the request's caller; `None` if it does not speak of the request.
    fn reach(&self, request: &Request<'_>) -> Option<Reach> {
        let reach = self.principals.as_ref().map_or(Some(Reach::Caller), |who| reach(who, request.principal))?;
        let action = self.actions.speaks_of(|action| action.matches(request.action, request))?;
        let resource = self.resources.speaks_of(|resource| resource.matches(request.resource, request))?;
        let spoken_of = action && resource && self.conditions.iter().all(|condition| condition.holds(request));
        spoken_of.then_some(reach)
    }
}

impl<T> Listed<T> {
    fn try_map<U>(self, parse: impl Fn(T) -> Result<U, PolicyFault>) -> Result<Listed<U>, PolicyFault> {
        Ok(Listed { not: self.not, items: self.items.into_iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Whether one item matches, or none of those excluded; `None` if a variable has no value.
    fn speaks_of(&self, matches: impl Fn(&T) -> Option<bool>) -> Option<bool> {
        let mut any = false;
        for item in &self.items {
            any |= matches(item)?;
        }
        Some(any != self.not)
    }
}

/// The one of two elements that is there; of lists, one with something in it.
fn one_of<T: document::List>(
    name: &str,
    plain: Option<T>,
    not_name: &str,
    not: Option<T>,
) -> Result<Option<Listed<T::Item>>, PolicyFault> {
    let (name, not, list) = match (plain, not) {
        (None, None) => return Ok(None),
        (Some(list), None) => (name, false, list),
        (None, Some(list)) => (not_name, true, list),
        (Some(_), Some(_)) => return fault(format!("{name} and {not_name} must not stand in one statement.")),
    };
    let items = list.items();
    if items.is_empty() { fault(format!("{name} is empty.")) } else { Ok(Some(Listed { not, items })) }
}

fn parse_action(action: &str) -> Result<Pattern, PolicyFault> {
    let service = action.split_once(':').filter(|(service, name)| !service.is_empty() && !name.is_empty());
    if action != "*" && service.is_none() {
        return fault(format!("Action {action} must be prefixed by a service, e.g. kinesis:PutRecord."));
    }
    Pattern::parse(action, Syntax { wildcards: true, variables: false, ignore_case: true })
}

fn parse_principals(read: Vec<Principals>) -> Result<Vec<Who>, PolicyFault> {
    read.into_iter()
        .map(|principal| match principal {
            Principals::Everyone => Ok(Who::Everyone),
            Principals::Aws(name) => parse_principal(&name),
            Principals::Service(name) if name.ends_with(".amazonaws.com") => Ok(Who::Service),
            Principals::Service(name) => fault(format!("Invalid principal in policy: Service {name}.")),
        })
        .collect()
}

/// `*`, an account's twelve digits, or the ARN of an account, user, role or session.
fn parse_principal(name: &str) -> Result<Who, PolicyFault> {
    let account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if name == "*" {
        return Ok(Who::Everyone);
    }
    if account(name) {
        return Ok(Who::Account(name.into()));
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    if let ["arn", partition, service, "", id, who] = parts[..]
        && partition.starts_with("aws")
        && account(id)
        && !who.contains(['*', '?'])
    {
        let kinds: &[&str] = match service {
            "iam" => &["user/", "role/"],
            "sts" => &["assumed-role/", "federated-user/"],
            _ => &[],
        };
        if service == "iam" && who == "root" {
            return Ok(Who::Account(id.into()));
        }
        if kinds.iter().any(|kind| who.strip_prefix(kind).is_some_and(|name| !name.is_empty())) {
            return Ok(Who::Arn(name.into()));
        }
    }
    fault(format!("Invalid principal in policy: AWS {name}."))
}

fn reach(principals: &Listed<Who>, caller: &Principal) -> Option<Reach> {
    let listed = |who: &Who| match who {
        Who::Everyone => Some(Reach::Caller),
        Who::Account(account) if *account == caller.account => Some(Reach::Account),
        Who::Arn(arn) if *arn == caller.arn => Some(Reach::Caller),
        Who::Account(_) | Who::Arn(_) | Who::Service => None,
    };
    let nearest = principals.items.iter().filter_map(listed).max();
    if !principals.not {
        return nearest;
    }
    // A user is left out only by name: leaving out its account leaves out the root alone.
    let left_out = nearest == Some(Reach::Caller) || nearest.is_some() && caller.user.is_none();
    (!left_out).then_some(Reach::Caller)
}
