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
use document::{Document, Effect, Listed, RawPrincipal, RawStatement};

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
        let statements = document.statements.into_iter();
        let statements = statements.map(|raw| Statement::read(kind, raw, document.variables));
        Ok(Self { statements: statements.collect::<Result<_, _>>()? })
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
    fn read(kind: PolicyKind, raw: RawStatement, variables: bool) -> Result<Self, PolicyFault> {
        let RawStatement { effect, principals, actions, resources, conditions } = raw;
        match (kind, &principals) {
            (PolicyKind::Identity, Some(_)) => return fault("An identity policy has no Principal."),
            (PolicyKind::Resource, None) => return fault("A statement of a resource policy needs a Principal."),
            (_, Some(listed)) if listed.not && effect == Effect::Allow => {
                return fault("NotPrincipal must not stand with the effect Allow.");
            }
            _ => {}
        }
        let conditions = conditions.iter();
        Ok(Self {
            effect,
            principals: principals.map(|principals| principals.try_map(parse_principal)).transpose()?,
            actions: actions.try_map(|action| parse_action(&action))?,
            resources: resources.try_map(|resource| ArnPattern::parse(&resource, variables))?,
            conditions: conditions
                .map(|(operator, key, values)| Condition::parse(operator, key, values, variables))
                .collect::<Result<_, _>>()?,
        })
    }

    /// How the statement reaches the request's caller; `None` if it does not speak of the request.
    fn reach(&self, request: &Request<'_>) -> Option<Reach> {
        let reach = self.principals.as_ref().map_or(Some(Reach::Caller), |who| reach(who, request.principal))?;
        let action = self.actions.speaks_of(|action| action.matches(request.action, request));
        let resource = self.resources.speaks_of(|resource| resource.matches(request.resource, request));
        let spoken_of = action && resource && self.conditions.iter().all(|condition| condition.holds(request));
        spoken_of.then_some(reach)
    }
}

impl<T> Listed<T> {
    fn try_map<U>(self, parse: impl Fn(T) -> Result<U, PolicyFault>) -> Result<Listed<U>, PolicyFault> {
        Ok(Listed { not: self.not, items: self.items.into_iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Whether one item matches, or none of those excluded.
    fn speaks_of(&self, matches: impl Fn(&T) -> bool) -> bool {
        self.items.iter().any(matches) != self.not
    }
}

fn parse_action(action: &str) -> Result<Pattern, PolicyFault> {
    let service = action.split_once(':').filter(|(service, name)| !service.is_empty() && !name.is_empty());
    if action != "*" && service.is_none() {
        return fault(format!("Action {action} must be prefixed by a service, e.g. kinesis:PutRecord."));
    }
    Pattern::parse(action, Syntax { wildcards: true, variables: false, ignore_case: true })
}

/// Everyone, an account's twelve digits, or the ARN of an account, user, role or session.
fn parse_principal(raw: RawPrincipal) -> Result<Who, PolicyFault> {
    let account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = match raw {
        RawPrincipal::Everyone => return Ok(Who::Everyone),
        RawPrincipal::Service(name) if name.ends_with(".amazonaws.com") => return Ok(Who::Service),
        RawPrincipal::Service(name) => return fault(format!("Invalid principal in policy: Service {name}.")),
        RawPrincipal::Aws(name) => name,
    };
    if name == "*" {
        return Ok(Who::Everyone);
    }
    if account(&name) {
        return Ok(Who::Account(name));
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
            return Ok(Who::Arn(name));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::tests::{NO_TAGS, put};
    use proptest::prelude::*;

    /// A policy of one statement, `{elements}` beside what every statement needs.
    fn one(kind: PolicyKind, elements: &str) -> Result<Policy, PolicyFault> {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {{{elements}}}}}"#);
        Policy::parse(kind, &text)
    }

    fn allows(elements: &str, request: &Request<'_>) -> bool {
        let policy = one(PolicyKind::Identity, &format!(r#""Effect": "Allow", {elements}"#)).unwrap();
        policy.verdict(request).allowed.is_some()
    }

    fn ann() -> Principal {
        Principal::user("222222222222", "ann")
    }

    #[test]
    fn statements_speak_of_actions_and_resources() {
        let ann = ann();
        for (elements, is) in [
            (r#""Action": "kinesis:PutRecord", "Resource": "*""#, true),
            (r#""Action": "KINESIS:put*", "Resource": ["arn:aws:kinesis:*:*:stream/orders"]"#, true),
            (r#""Action": ["kinesis:Get*", "kinesis:PutRecor?"], "Resource": "*""#, true),
            (r#""Action": "*", "Resource": "arn:aws:kinesis:us-east-1:111111111111:stream/other""#, false),
            (r#""Action": "dynamodb:*", "Resource": "*""#, false),
            (r#""NotAction": "kinesis:Get*", "Resource": "*""#, true),
            (r#""NotAction": ["a:b", "kinesis:Put*"], "Resource": "*""#, false),
            (r#""Action": "*", "NotResource": "arn:aws:kinesis:*:*:stream/orders""#, false),
            (r#""Action": "*", "NotResource": "arn:aws:kinesis:*:*:stream/other""#, true),
            (r#""Action": "*", "Resource": "arn:aws:kinesis:*:*:stream/${aws:username}""#, false),
            (r#""Action": "*", "NotResource": "arn:aws:kinesis:*:*:stream/${aws:ResourceTag/x}""#, true),
            (r#""Action": "*", "Resource": ["arn:aws:kinesis:*:*:stream/${aws:ResourceTag/x}", "*"]"#, true),
        ] {
            assert_eq!(allows(elements, &put(&ann)), is, "{elements}");
        }
    }

    #[test]
    fn all_conditions_must_hold() {
        let (ann, secure) = (ann(), r#""Bool": {"aws:SecureTransport": true}"#);
        let with = |conditions: &str| format!(r#""Action": "*", "Resource": "*", "Condition": {{{conditions}}}"#);
        assert!(allows(&with(secure), &put(&ann)));
        assert!(!allows(&with(secure), &Request { secure_transport: false, ..put(&ann) }));
        let both = with(&format!(r#"{secure}, "StringEquals": {{"aws:username": ["ann", "bob"]}}"#));
        assert!(allows(&both, &put(&ann)));
        assert!(!allows(&both, &put(&Principal::user("222222222222", "eve"))));
        assert!(allows(&with(r#""NumericLessThan": {"aws:EpochTime": 1.8e9}"#), &put(&ann)));
    }

    #[test]
    fn the_language_of_2008_has_no_variables() {
        let text = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:kinesis:*:*:${x"}}"#;
        let policy = Policy::parse(PolicyKind::Identity, text).unwrap();
        let ann = ann();
        let request = Request { resource: "arn:aws:kinesis:r:1:${x", request_tags: &NO_TAGS, ..put(&ann) };
        assert!(policy.verdict(&request).allowed.is_some());
    }

    #[test]
    fn principals_reach_a_caller_directly_or_through_its_account() {
        let (ann, bob, root) = (ann(), Principal::user("222222222222", "bob"), Principal::root("222222222222"));
        let [direct, account] = [Some(Reach::Caller), Some(Reach::Account)];
        let arn = "arn:aws:iam::222222222222";
        for (principal, expected) in [
            (r#""Principal": "*""#.to_owned(), [direct, direct, direct]),
            (r#""Principal": {"AWS": "*"}"#.to_owned(), [direct, direct, direct]),
            (r#""Principal": {"AWS": "222222222222"}"#.to_owned(), [account, account, account]),
            (format!(r#""Principal": {{"AWS": ["333333333333", "{arn}:root"]}}"#), [account, account, account]),
            (format!(r#""Principal": {{"AWS": ["{arn}:user/ann", "{arn}:root"]}}"#), [direct, account, account]),
            (r#""Principal": {"AWS": "333333333333"}"#.to_owned(), [None, None, None]),
            (r#""Principal": {"Service": "lambda.amazonaws.com"}"#.to_owned(), [None, None, None]),
            (r#""NotPrincipal": {"AWS": "*"}"#.to_owned(), [None, None, None]),
            (format!(r#""NotPrincipal": {{"AWS": ["{arn}:user/ann", "{arn}:root"]}}"#), [None, direct, None]),
            (r#""NotPrincipal": {"AWS": "333333333333"}"#.to_owned(), [direct, direct, direct]),
        ] {
            let policy =
                one(PolicyKind::Resource, &format!(r#""Effect": "Deny", "Action": "*", "Resource": "*", {principal}"#));
            let policy = policy.unwrap();
            let reached = [&ann, &bob, &root].map(|caller| policy.statements[0].reach(&put(caller)));
            assert_eq!(reached, expected, "{principal}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        use PolicyKind::{Identity, Resource};
        let who = r#""Effect": "Allow", "Action": "*", "Resource": "*", "Principal""#;
        for (kind, elements, told) in [
            (Identity, r#""Effect": "Allow", "Resource": "*""#, "needs an Action"),
            (Identity, r#""Effect": "Allow", "Action": "*""#, "needs a Resource"),
            (Identity, r#""Action": "*", "Resource": "*""#, "needs an Effect"),
            (Identity, r#""Effect": "allow", "Action": "*", "Resource": "*""#, "Effect allow is not"),
            (Identity, r#""Effect": "Allow", "Action": [], "Resource": "*""#, "Action is empty"),
            (Identity, r#""Effect": "Allow", "Action": 1, "Resource": "*""#, "Action is not a string"),
            (Identity, r#""Effect": "Allow", "Action": null, "Resource": "*""#, "null"),
            (Identity, r#""Effect": "Allow", "Action": "PutRecord", "Resource": "*""#, "prefixed by a service"),
            (Identity, r#""Effect": "Allow", "Action": "*", "NotAction": "a:b", "Resource": "*""#, "in one statement"),
            (Identity, r#""Effect": "Allow", "Action": "*", "Resource": "orders""#, "ARN format"),
            (
                Identity,
                r#""Effect": "Allow", "Action": "*", "Resource": "*", "Resource": "*""#,
                "Resource stands there twice",
            ),
            (Identity, r#""Effect": "Allow", "Action": "*", "Resource": "*", "Sidd": "x""#, "unknown element Sidd"),
            (
                Identity,
                r#""Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": 1}"#,
                "Bool is not an object",
            ),
            (
                Identity,
                r#""Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a": {}}}"#,
                "plain value",
            ),
            (Identity, &format!(r#"{who}: "*""#), "has no Principal"),
            (Resource, r#""Effect": "Allow", "Action": "*", "Resource": "*""#, "needs a Principal"),
            (Resource, &format!(r#"{who}: "222222222222""#), "Principal is not an object"),
            (Resource, &format!(r#"{who}: {{}}"#), "Principal is empty"),
            (Resource, &format!(r#"{who}: {{"Federated": "x"}}"#), "unknown element Federated"),
            (Resource, &format!(r#"{who}: {{"AWS": "arn:aws:iam::222222222222:user/*"}}"#), "Invalid principal"),
            (Resource, &format!(r#"{who}: {{"AWS": "ann"}}"#), "Invalid principal in policy: AWS ann."),
            (Resource, &format!(r#"{who}: {{"Service": "lambda"}}"#), "Invalid principal in policy: Service lambda."),
            (Resource, &who.replace("Principal", "NotPrincipal\": \"*"), "must not stand with the effect Allow"),
        ] {
            let told_it = one(kind, elements).unwrap_err().0;
            assert!(told_it.contains(told), "{elements}: {told_it}");
        }
    }

    #[test]
    fn documents_are_refused_as_a_whole() {
        let statement = r#"{"Sid": "a", "Effect": "Allow", "Action": "*", "Resource": "*"}"#;
        for (text, told) in [
            ("", "Syntax error in policy: EOF"),
            ("[]", "Policy is not an object"),
            (r#"{"Statement": []}"#, "needs a Statement"),
            (r#"{"Version": "2012-10-17"}"#, "needs a Statement"),
            (&format!(r#"{{"Version": "2020-01-01", "Statement": {statement}}}"#), "Version 2020-01-01 is not"),
            (&format!(r#"{{"Statement": [{statement}, {statement}]}}"#), "Sid a stands there twice"),
            (&format!(r#"{{"Statements": {statement}}}"#), "unknown element Statements"),
            (&format!("{}{}", "[".repeat(5000), "]".repeat(5000)), "recursion limit"),
            (&" ".repeat(MAX_POLICY_BYTES + 1), "Policy has 20481 bytes, more than 20480."),
        ] {
            let told_it = Policy::parse(PolicyKind::Identity, text).unwrap_err().0;
            assert!(told_it.contains(told), "{told_it}");
        }
        assert!(Policy::parse(PolicyKind::Identity, &format!(r#"{{"Id": "x", "Statement": [{statement}]}}"#)).is_ok());
    }

    proptest! {
        #[test]
        fn noise_is_never_a_panic(noise in r#"(\{|\}|\[|\]|,|:|"(Statement|Effect|Allow|Action|\*|Condition|Bool)"|1|null){0,40}"#) {
            let _ = Policy::parse(PolicyKind::Resource, &noise);
            let _ = one(PolicyKind::Resource, &noise);
        }
    }
}
