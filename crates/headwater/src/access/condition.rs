//! Conditions of a statement: an operator, a key, and the values to compare the request's with.
//!
//! Invariant: operators and values are checked when the policy is read; answering cannot fail. A key that is not there
//! fails a condition, unless the operator is negated or says `IfExists`; nothing equals a variable without a value, so a
//! negated operator holds there too.
use super::{
    PolicyFault, Request, fault,
    key::Key,
    pattern::{ArnPattern, Pattern, Syntax},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::net::IpAddr;

/// How a key's values count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Quantifier {
    /// The key has one value.
    One,
    /// `ForAnyValue:` – at least one must do.
    Any,
    /// `ForAllValues:` – each must do; none does.
    All,
}

/// What is compared, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Text(Syntax),
    Arn,
    Number(Relation),
    Date(Relation),
    Flag,
    Ip,
    /// Whether the key is absent.
    Null,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// A value of the policy.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Operand {
    Text(Pattern),
    Arn(ArnPattern),
    Number(Relation, f64),
    /// In milliseconds since the epoch.
    Date(Relation, i64),
    Flag(bool),
    /// The network's address and the bits of it that count.
    Ip(IpAddr, u32),
}

/// One key under one operator.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Condition {
    /// `Null`: whether the key must be absent.
    Absent(Key, bool),
    Compare {
        key: Key,
        quantifier: Quantifier,
        negated: bool,
        if_exists: bool,
        operands: Vec<Operand>,
    },
}

impl Condition {
    /// The condition that `operator` holds between the request's `key` and one of `values`.
    pub(super) fn parse(operator: &str, key: &str, values: &[String], variables: bool) -> Result<Self, PolicyFault> {
        let Some((quantifier, negated, kind, if_exists)) = parse_operator(operator, variables) else {
            return fault(format!("Condition operator {operator} is not supported."));
        };
        let (name, key) = (key, Key::parse(key)?);
        if values.is_empty() {
            return fault(format!("Condition {operator} of {name} has no value."));
        }
        if kind == Kind::Null {
            let [value] = values else { return fault(format!("Condition Null of {name} must have one value.")) };
            let Some(absent) = parse_flag(value) else { return bad_value(operator, value) };
            return Ok(Self::Absent(key, absent));
        }
        if key == Key::TagKeys && quantifier == Quantifier::One {
            return fault(format!("Condition key {name} needs ForAnyValue: or ForAllValues: before {operator}."));
        }
        if kind == Kind::Ip && !matches!(key, Key::SourceIp | Key::Absent) {
            return fault(format!("Condition operator {operator} needs the key aws:SourceIp."));
        }
        let operands =
            values.iter().map(|value| operand(operator, kind, value, variables)).collect::<Result<_, _>>()?;
        Ok(Self::Compare { key, quantifier, negated, if_exists, operands })
    }

    /// Whether it holds for `request`.
    pub(super) fn holds(&self, request: &Request<'_>) -> bool {
        match self {
            Self::Absent(key, absent) => key.values(request).is_empty() == *absent,
            Self::Compare { key, quantifier, negated, if_exists, operands } => {
                let values = key.values(request);
                if values.is_empty() {
                    return *if_exists
                        || match quantifier {
                            Quantifier::One => *negated,
                            Quantifier::Any => false,
                            Quantifier::All => true,
                        };
                }
                let met = |value| operands.iter().any(|operand| operand.matches(value, request)) != *negated;
                match quantifier {
                    Quantifier::One | Quantifier::Any => values.iter().any(|value| met(value)),
                    Quantifier::All => values.iter().all(|value| met(value)),
                }
            }
        }
    }
}

/// An operator's parts: how values count, whether it is negated, what it compares, whether the key may be absent.
fn parse_operator(operator: &str, variables: bool) -> Option<(Quantifier, bool, Kind, bool)> {
    let (quantifier, rest) = match operator.split_once(':') {
        None => (Quantifier::One, operator),
        Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
        Some(("ForAllValues", rest)) => (Quantifier::All, rest),
        Some(_) => return None,
    };
    let (base, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |base| (base, true));
    let text = |wildcards, ignore_case| Kind::Text(Syntax { wildcards, variables, ignore_case });
    let (negated, kind) = match base {
        "StringEquals" => (false, text(false, false)),
        "StringNotEquals" => (true, text(false, false)),
        "StringEqualsIgnoreCase" => (false, text(false, true)),
        "StringNotEqualsIgnoreCase" => (true, text(false, true)),
        "StringLike" => (false, text(true, false)),
        "StringNotLike" => (true, text(true, false)),
        // AWS takes wildcards in both.
        "ArnEquals" | "ArnLike" => (false, Kind::Arn),
        "ArnNotEquals" | "ArnNotLike" => (true, Kind::Arn),
        "Bool" => (false, Kind::Flag),
        "IpAddress" => (false, Kind::Ip),
        "NotIpAddress" => (true, Kind::Ip),
        "Null" if rest == operator && !if_exists => (false, Kind::Null),
        _ => {
            let numeric = base.strip_prefix("Numeric").map(|relation| (relation, Kind::Number as fn(Relation) -> Kind));
            let (relation, kind) = numeric.or_else(|| Some((base.strip_prefix("Date")?, Kind::Date as _)))?;
            let (negated, relation) = match relation {
                "Equals" => (false, Relation::Equal),
                "NotEquals" => (true, Relation::Equal),
                "LessThan" => (false, Relation::Less),
                "LessThanEquals" => (false, Relation::LessOrEqual),
                "GreaterThan" => (false, Relation::Greater),
                "GreaterThanEquals" => (false, Relation::GreaterOrEqual),
                _ => return None,
            };
            (negated, kind(relation))
        }
    };
    Some((quantifier, negated, kind, if_exists))
}

fn operand(operator: &str, kind: Kind, value: &str, variables: bool) -> Result<Operand, PolicyFault> {
    let parsed = match kind {
        Kind::Text(syntax) => return Pattern::parse(value, syntax).map(Operand::Text),
        Kind::Arn => return ArnPattern::parse(value, variables).map(Operand::Arn),
        Kind::Number(relation) => parse_number(value).map(|number| Operand::Number(relation, number)),
        Kind::Date(relation) => parse_date(value).map(|date| Operand::Date(relation, date)),
        Kind::Flag => parse_flag(value).map(Operand::Flag),
        Kind::Ip => parse_block(value).map(|(network, bits)| Operand::Ip(network, bits)),
        Kind::Null => None,
    };
    parsed.map_or_else(|| bad_value(operator, value), Ok)
}

fn bad_value<T>(operator: &str, value: &str) -> Result<T, PolicyFault> {
    fault(format!("Value {value} is not valid for the condition operator {operator}."))
}

impl Operand {
    /// Whether the request's `value` is like this.
    fn matches(&self, value: &str, request: &Request<'_>) -> bool {
        match self {
            Self::Text(pattern) => pattern.matches(value, request),
            Self::Arn(pattern) => pattern.matches(value, request),
            Self::Number(relation, to) => parse_number(value).is_some_and(|value| relation.holds(&value, to)),
            Self::Date(relation, to) => parse_date(value).is_some_and(|value| relation.holds(&value, to)),
            Self::Flag(is) => parse_flag(value) == Some(*is),
            Self::Ip(network, bits) => value.parse().is_ok_and(|ip| within(ip, *network, *bits)),
        }
    }
}

fn parse_number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn parse_flag(text: &str) -> Option<bool> {
    text.to_ascii_lowercase().parse().ok()
}

/// ISO 8601, perhaps without the time of day, or seconds since the epoch.
fn parse_date(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return seconds.checked_mul(1000);
    }
    let day = |text: &str| text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    text.parse::<Timestamp>().ok().or_else(|| day(text)).map(Timestamp::as_millisecond)
}

/// An address, or a network as `address/bits`.
fn parse_block(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(width), |bits| bits.parse().ok())?;
    (bits <= width).then_some((address, bits))
}

fn within(ip: IpAddr, network: IpAddr, bits: u32) -> bool {
    let same = |difference: u128, width: u32| difference.checked_shr(width - bits).unwrap_or(0) == 0;
    match (ip.to_canonical(), network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => same((ip.to_bits() ^ network.to_bits()).into(), 32),
        (IpAddr::V6(ip), IpAddr::V6(network)) => same(ip.to_bits() ^ network.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Principal, tests::put};
    use std::collections::BTreeMap;

    fn parse(operator: &str, key: &str, values: &[&str]) -> Result<Condition, PolicyFault> {
        let values: Vec<String> = values.iter().map(|&value| value.into()).collect();
        Condition::parse(operator, key, &values, true)
    }

    /// Whether it holds for Ann's put, which brings the tags Team = red and Env = dev.
    fn holds(operator: &str, key: &str, values: &[&str]) -> bool {
        let ann = Principal::user("222222222222", "ann");
        let tags = BTreeMap::from([("Team".to_owned(), "red".to_owned()), ("Env".to_owned(), "dev".to_owned())]);
        parse(operator, key, values).unwrap().holds(&Request { request_tags: &tags, ..put(&ann) })
    }

    #[test]
    fn operators_compare_as_their_names_say() {
        for (operator, key, value, is) in [
            ("StringEquals", "aws:username", "ann", true),
            ("StringEquals", "aws:username", "a*", false),
            ("StringEquals", "aws:RequestTag/Team", "Red", false),
            ("StringNotEquals", "aws:username", "ann", false),
            ("StringEqualsIgnoreCase", "aws:RequestTag/Team", "RED", true),
            ("StringNotEqualsIgnoreCase", "aws:RequestTag/Team", "RED", false),
            ("StringLike", "aws:username", "a?n*", true),
            ("StringNotLike", "aws:username", "b*", true),
            ("StringLike", "aws:PrincipalArn", "*user/${aws:username}", true),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::222222222222:user/*", true),
            ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::*:user/ann", true),
            ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::333333333333:*", true),
            ("NumericEquals", "aws:EpochTime", "1714564800.0", true),
            ("NumericNotEquals", "aws:EpochTime", "1714564800", false),
            ("NumericLessThan", "aws:EpochTime", "1714564800", false),
            ("NumericLessThanEquals", "aws:EpochTime", "1714564800", true),
            ("NumericGreaterThan", "aws:EpochTime", "0", true),
            ("NumericGreaterThanEquals", "aws:EpochTime", "1.8e9", false),
            ("DateEquals", "aws:CurrentTime", "2024-05-01T14:00:00+02:00", true),
            ("DateNotEquals", "aws:CurrentTime", "2024-05-01", true),
            ("DateLessThan", "aws:CurrentTime", "2024-05-01T12:00:00.001Z", true),
            ("DateLessThanEquals", "aws:EpochTime", "2024-05-01T12:00:00Z", true),
            ("DateGreaterThan", "aws:CurrentTime", "2024-05-01", true),
            ("DateGreaterThanEquals", "aws:CurrentTime", "1714564801", false),
            ("Bool", "aws:SecureTransport", "true", true),
            ("Bool", "aws:SecureTransport", "False", false),
            ("IpAddress", "aws:SourceIp", "10.0.0.0/8", true),
            ("IpAddress", "aws:SourceIp", "10.1.2.4/31", false),
            ("IpAddress", "aws:SourceIp", "10.1.2.3", true),
            ("IpAddress", "aws:SourceIp", "0.0.0.0/0", true),
            ("IpAddress", "aws:SourceIp", "::/0", false),
            ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", false),
            ("Null", "aws:username", "false", true),
            ("Null", "aws:ResourceTag/x", "true", true),
        ] {
            assert_eq!(holds(operator, key, &[value]), is, "{operator} {key} {value}");
        }
    }

    #[test]
    fn one_of_several_values_suffices_and_a_negated_operator_wants_none() {
        assert!(holds("StringEquals", "aws:username", &["bob", "ann"]));
        assert!(!holds("StringNotEquals", "aws:username", &["bob", "ann"]));
    }

    #[test]
    fn an_absent_key_fails_unless_negated_or_if_exists() {
        for (operator, is) in [
            ("StringEquals", false),
            ("StringNotEquals", true),
            ("StringEqualsIfExists", true),
            ("ForAnyValue:StringNotEquals", false),
            ("ForAnyValue:StringEqualsIfExists", true),
            ("ForAllValues:StringEquals", true),
            ("NumericLessThan", false),
        ] {
            assert_eq!(holds(operator, "aws:ResourceTag/x", &["1"]), is, "{operator}");
        }
    }

    #[test]
    fn set_operators_look_at_every_value() {
        for (operator, values, is) in [
            ("ForAllValues:StringEquals", &["Team", "Env", "More"][..], true),
            ("ForAllValues:StringEquals", &["Team"], false),
            ("ForAllValues:StringNotEquals", &["More"], true),
            ("ForAllValues:StringNotEquals", &["Env"], false),
            ("ForAnyValue:StringLike", &["T*"], true),
            ("ForAnyValue:StringEquals", &["More"], false),
            ("ForAnyValue:StringNotEquals", &["Team"], true),
        ] {
            assert_eq!(holds(operator, "aws:TagKeys", values), is, "{operator} {values:?}");
        }
    }

    #[test]
    fn nothing_equals_a_variable_without_a_value() {
        assert!(!holds("StringEquals", "aws:username", &["${aws:ResourceTag/x}"]));
        assert!(!holds("StringLike", "aws:username", &["*${aws:ResourceTag/x}"]));
        assert!(holds("StringNotEquals", "aws:username", &["${aws:ResourceTag/x}"]));
        assert!(!holds("StringNotEquals", "aws:username", &["${aws:ResourceTag/x}", "ann"]));
        assert!(holds("StringEquals", "aws:username", &["${aws:ResourceTag/x}", "ann"]));
    }

    #[test]
    fn a_mapped_address_is_an_ipv4_address() {
        let mapped: IpAddr = "::ffff:10.1.2.3".parse().unwrap();
        assert!(within(mapped, "10.0.0.0".parse().unwrap(), 8));
        assert!(within("2001:db8::1".parse().unwrap(), "2001:db8::".parse().unwrap(), 32));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (operator, key, values, told) in [
            ("BinaryEquals", "aws:username", &["YQ=="][..], "operator BinaryEquals is not supported"),
            ("NullIfExists", "aws:username", &["true"], "operator NullIfExists is not supported"),
            ("ForAnyValue:Null", "aws:username", &["true"], "ForAnyValue:Null is not supported"),
            ("ForSome:StringEquals", "aws:username", &["a"], "ForSome:StringEquals is not supported"),
            ("DateLike", "aws:CurrentTime", &["2024"], "DateLike is not supported"),
            ("StringEquals", "aws:PrincipalOrgID", &["o-1"], "key aws:PrincipalOrgID is not supported"),
            ("StringEquals", "aws:username", &[], "no value"),
            ("Null", "aws:username", &["true", "false"], "one value"),
            ("Null", "aws:username", &["yes"], "Value yes is not valid"),
            ("NumericEquals", "aws:EpochTime", &["NaN"], "Value NaN is not valid"),
            ("DateEquals", "aws:CurrentTime", &["yesterday"], "Value yesterday is not valid"),
            ("Bool", "aws:SecureTransport", &["1"], "Value 1 is not valid"),
            ("IpAddress", "aws:SourceIp", &["10.0.0.0/33"], "Value 10.0.0.0/33 is not valid"),
            ("IpAddress", "aws:username", &["10.0.0.0/8"], "needs the key aws:SourceIp"),
            ("ArnLike", "aws:PrincipalArn", &["ann"], "must be in ARN format"),
            ("StringEquals", "aws:TagKeys", &["Team"], "needs ForAnyValue: or ForAllValues:"),
            ("StringEquals", "aws:username", &["${aws:username"], "not closed"),
        ] {
            let fault = parse(operator, key, values).unwrap_err().0;
            assert!(fault.contains(told), "{fault}");
        }
    }
}
