//! Prefixes of object keys: expressions that are parsed once and evaluated for each object.
//!
//! Invariant: what was parsed can be evaluated under all circumstances, and text outside of expressions stays as it is.
mod pattern;
mod rules;

use crate::record::PartitionKeys;
use headwater_wire::uuid_text;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use pattern::{Pattern, local};
pub(crate) use rules::check;
use std::fmt::Write;

const RANDOM_STRING_LEN: usize = 11;
const ALPHANUMERICS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The form of a key's end, `0` for a digit of any kind.
const TIME_AND_UUID: &[u8; 56] = b"0000-00-00-00-00-00-00000000-0000-0000-0000-000000000000";

/// A parsed prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Prefix(Vec<Part>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(String),
    Timestamp(Pattern),
    RandomString,
    ErrorOutputType,
    QueryKey(String),
    FunctionKey(String),
}

/// What a prefix is evaluated under.
pub(crate) struct Circumstances<'a> {
    /// Arrival of the oldest record of the object, in milliseconds since the Unix epoch.
    pub(crate) time_ms: u64,
    /// Where the clock hangs.
    pub(crate) zone: &'a TimeZone,
    /// What went wrong, for an object of errors.
    pub(crate) error_type: Option<&'a str>,
    /// What the object's records have in common.
    pub(crate) keys: &'a PartitionKeys,
    /// 128 new random bits at each call.
    pub(crate) random: &'a mut dyn FnMut() -> u128,
}

impl Prefix {
    /// Reads a prefix; none is the same as an empty one.
    ///
    /// # Errors
    /// A sentence on what is no expression.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.unwrap_or_default();
        while let Some((before, after)) = rest.split_once("!{") {
            let expression = after.split_once('}').and_then(|(inside, after)| Some((inside.split_once(':')?, after)));
            let Some(((namespace, value), after)) = expression else {
                return Err(rules::broken("The sequence !{ can only appear in !{namespace:value} expressions"));
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::parse(namespace, value)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Reads the prefix of objects of errors: its own if there is one, else the one of all objects.
    ///
    /// # Errors
    /// As [`Prefix::parse`].
    pub(crate) fn of_errors(prefix: Option<&str>, error_prefix: Option<&str>) -> Result<Self, String> {
        Self::parse(error_prefix.filter(|text| !text.is_empty()).or(prefix))
    }

    fn has_expressions(&self) -> bool {
        self.0.iter().any(|part| !matches!(part, Part::Text(_)))
    }

    /// What everything under it begins with, whatever its expressions come to.
    fn leading(&self) -> &str {
        if let Some(Part::Text(text)) = self.0.first() { text } else { "" }
    }

    /// Names of the keys that a query must give.
    pub(crate) fn query_keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| if let Part::QueryKey(name) = part { Some(name.as_str()) } else { None })
    }

    /// Names of the keys that a function must give.
    pub(crate) fn lambda_keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| if let Part::FunctionKey(name) = part { Some(name.as_str()) } else { None })
    }

    /// The first key of the prefix that has no value, or an empty one: a record that lacks it has no place.
    #[must_use]
    pub(crate) fn missing<'a>(&'a self, keys: &PartitionKeys) -> Option<&'a str> {
        let lacks = |value: Option<&String>| value.is_none_or(String::is_empty);
        let by_query = self.query_keys().find(|name| lacks(keys.from_query.get(*name)));
        by_query.or_else(|| self.lambda_keys().find(|name| lacks(keys.from_lambda.get(*name))))
    }

    /// What keys begin with. Without expressions, the type of the errors (if it is about them) and year, month, day and
    /// hour follow the text, and no slash comes between. A key that is missing is empty.
    #[must_use]
    pub(crate) fn evaluate(&self, at: Circumstances<'_>) -> String {
        let Circumstances { time_ms, zone, error_type, keys, random } = at;
        let time = local(time_ms, zone);
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Timestamp(pattern) => pattern.write(&time, &mut out),
                Part::RandomString => push_random(random(), &mut out),
                Part::ErrorOutputType => out.push_str(error_type.unwrap_or_default()),
                Part::QueryKey(name) => out.push_str(keys.from_query.get(name).map_or("", String::as_str)),
                Part::FunctionKey(name) => out.push_str(keys.from_lambda.get(name).map_or("", String::as_str)),
            }
        }
        if !self.has_expressions() {
            if let Some(error_type) = error_type {
                out.push_str(error_type);
                out.push('/');
            }
            // Writing into a string cannot fail.
            let _ = write!(out, "{}", time.strftime("%Y/%m/%d/%H/"));
        }
        out
    }
}

impl Part {
    fn parse(namespace: &str, value: &str) -> Result<Self, String> {
        match (namespace, value) {
            (_, "") => Err(rules::broken(&format!("Namespace {namespace} has no value"))),
            ("timestamp", _) => Pattern::parse(value).map(Self::Timestamp).map_err(|reason| rules::broken(&reason)),
            ("firehose", "random-string") => Ok(Self::RandomString),
            ("firehose", "error-output-type") => Ok(Self::ErrorOutputType),
            ("firehose", _) => Err(rules::broken(&format!("Namespace firehose has no value {value}"))),
            ("partitionKeyFromQuery", _) => Ok(Self::QueryKey(value.to_owned())),
            ("partitionKeyFromLambda", _) => Ok(Self::FunctionKey(value.to_owned())),
            _ => Err(rules::broken(&format!("Namespace {namespace} is not supported"))),
        }
    }
}

fn push_random(mut bits: u128, out: &mut String) {
    for _ in 0..RANDOM_STRING_LEN {
        let character = usize::try_from(bits % 62).ok().and_then(|at| ALPHANUMERICS.get(at)).copied();
        out.push(char::from(character.unwrap_or(b'0')));
        bits /= 62;
    }
}

/// The time zone of an IANA name; UTC if there is none, or an empty one.
///
/// # Errors
/// A sentence, if there is no such zone or it goes by an abbreviation.
pub(crate) fn zone(name: Option<&str>) -> Result<TimeZone, String> {
    let name = match name {
        None | Some("" | "UTC") => return Ok(TimeZone::UTC),
        Some(name) => name,
    };
    if name.len() == 3 {
        return Err(format!(
            "Time zone {name} is not supported: the supported IANA time zone formats are non-3-letter identifiers"
        ));
    }
    let zone = TimeZoneDatabase::bundled().get(name).ok();
    // The database takes names in any case, the service only as they are.
    let zone = zone.filter(|zone| zone.iana_name() == Some(name) && !zone.is_unknown());
    zone.ok_or_else(|| format!("Time zone {name} is not supported"))
}

/// An object's key: `<prefix><stream>-<version>-<yyyy-MM-dd-HH-mm-ss>-<uuid><extension>`, the time in the same zone as
/// that of the prefix.
#[must_use]
pub(crate) fn object_key(
    evaluated_prefix: &str,
    stream: &str,
    version: u64,
    time_ms: u64,
    zone: &TimeZone,
    uuid: u128,
    extension: &str,
) -> String {
    let time = local(time_ms, zone);
    let time = time.strftime("%Y-%m-%d-%H-%M-%S");
    format!("{evaluated_prefix}{stream}-{version}-{time}-{}{extension}", uuid_text(uuid))
}

/// Whether `key` is one that the delivery stream called `stream` gives objects under `prefix`: it begins as all of them do,
/// and its last piece is of the form that [`object_key`] makes – so that no other's has the same.
#[must_use]
pub(crate) fn is_key_of(key: &str, prefix: &Prefix, stream: &str) -> bool {
    let name = key.strip_prefix(prefix.leading()).map(|rest| rest.rsplit_once('/').map_or(rest, |(_, name)| name));
    let rest = name.and_then(|name| name.strip_prefix(stream)?.strip_prefix('-'));
    let rest = rest.and_then(|rest| {
        let (version, rest) = rest.split_once('-')?;
        (!version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())).then_some(rest)
    });
    let Some((name, extension)) = rest.and_then(|rest| rest.split_at_checked(TIME_AND_UUID.len())) else {
        return false;
    };
    let fits = |(form, byte): (u8, u8)| if form == b'-' { byte == b'-' } else { byte.is_ascii_hexdigit() };
    TIME_AND_UUID.iter().copied().zip(name.bytes()).all(fits) && (extension.is_empty() || extension.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2018-08-27 10:30:00 UTC.
    const TIME_MS: u64 = 1_535_365_800_000;

    fn evaluated(text: Option<&str>, error_type: Option<&str>, zone: &TimeZone) -> String {
        let keys = PartitionKeys {
            from_query: [("customer".to_owned(), "c1".to_owned())].into(),
            from_lambda: [("region".to_owned(), "eu/west".to_owned())].into(),
        };
        let mut last = 0;
        let mut random = || {
            last += 1;
            last
        };
        let at = Circumstances { time_ms: TIME_MS, zone, error_type, keys: &keys, random: &mut random };
        Prefix::parse(text).unwrap().evaluate(at)
    }

    fn plain(text: &str) -> String {
        evaluated(Some(text), None, &TimeZone::UTC)
    }

    #[test]
    fn without_expressions_the_hour_follows_and_no_slash_is_put_between() {
        assert_eq!(evaluated(None, None, &TimeZone::UTC), "2018/08/27/10/");
        assert_eq!(plain(""), "2018/08/27/10/");
        assert_eq!(plain("legacy"), "legacy2018/08/27/10/");
        assert_eq!(plain("legacy/"), "legacy/2018/08/27/10/");
    }

    #[test]
    fn with_any_expression_nothing_follows() {
        assert_eq!(plain("a/!{timestamp:yyyy}/"), "a/2018/");
        assert_eq!(plain("!{timestamp:'year='yyyy'/month='MM}!{timestamp:/dd}"), "year=2018/month=08/27");
        assert_eq!(plain("!{partitionKeyFromQuery:customer}/x"), "c1/x");
        assert_eq!(plain("!{partitionKeyFromLambda:region}/!{partitionKeyFromQuery:other}|"), "eu/west/|");
    }

    #[test]
    fn each_random_string_is_new_and_eleven_characters() {
        let text = plain("!{firehose:random-string}/!{firehose:random-string}");
        let (first, second) = text.split_once('/').unwrap();
        assert_ne!(first, second);
        for random in [first, second] {
            assert!(random.len() == 11 && random.bytes().all(|b| b.is_ascii_alphanumeric()), "{random}");
        }
    }

    #[test]
    fn errors_go_by_their_type_with_expressions_and_without() {
        let of_errors = |prefix, error_prefix| {
            let prefix = Prefix::of_errors(prefix, error_prefix).unwrap();
            let keys = PartitionKeys::default();
            prefix.evaluate(Circumstances {
                time_ms: TIME_MS,
                zone: &TimeZone::UTC,
                error_type: Some("processing-failed"),
                keys: &keys,
                random: &mut || 0,
            })
        };
        assert_eq!(of_errors(None, Some("e/!{firehose:error-output-type}/")), "e/processing-failed/");
        assert_eq!(of_errors(Some("p/"), Some("e/")), "e/processing-failed/2018/08/27/10/");
        assert_eq!(of_errors(Some("p/"), Some("")), "p/processing-failed/2018/08/27/10/");
        assert_eq!(of_errors(None, None), "processing-failed/2018/08/27/10/");
    }

    #[test]
    fn the_clock_of_prefix_and_suffix_hangs_in_the_custom_zone() {
        let tokyo = zone(Some("Asia/Tokyo")).unwrap();
        assert_eq!(evaluated(None, None, &tokyo), "2018/08/27/19/");
        let uuid = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
        assert_eq!(
            object_key("p/", "stream", 2, TIME_MS, &tokyo, uuid, ".gz"),
            "p/stream-2-2018-08-27-19-30-00-01234567-89ab-4def-8123-456789abcdef.gz"
        );
    }

    #[test]
    fn zones_go_by_their_full_names() {
        for name in [None, Some(""), Some("UTC"), Some("America/New_York"), Some("Asia/Kolkata"), Some("Etc/UTC")] {
            assert!(zone(name).is_ok(), "{name:?}");
        }
        for name in ["EST", "asia/tokyo", "Mars/Olympus", "Etc/Unknown"] {
            assert!(zone(Some(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "a/!{timestamp:yyyy",
            "!{}",
            "!{timestamp}",
            "!{timestamp:}",
            "!{timestamp:j}",
            "!{date:yyyy}",
            "!{firehose:uuid}",
            "!{partitionKeyFromQuery:}",
        ] {
            assert!(Prefix::parse(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_without_a_value_is_missing() {
        let prefix = Prefix::parse(Some("!{partitionKeyFromQuery:a}/!{partitionKeyFromLambda:b}/")).unwrap();
        assert_eq!((prefix.query_keys().next(), prefix.lambda_keys().next()), (Some("a"), Some("b")));
        let mut keys = PartitionKeys::default();
        keys.from_lambda.insert("b".to_owned(), "1".to_owned());
        keys.from_query.insert("a".to_owned(), String::new());
        assert_eq!(prefix.missing(&keys), Some("a"));
        keys.from_query.insert("a".to_owned(), "2".to_owned());
        assert_eq!(prefix.missing(&keys), None);
        keys.from_lambda.clear();
        assert_eq!(prefix.missing(&keys), Some("b"));
    }

    /// Texts that are likely to be almost an expression.
    fn texts() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("!{".to_owned()),
            Just("}".to_owned()),
            Just("timestamp:".to_owned()),
            Just("firehose:".to_owned()),
            Just("random-string".to_owned()),
            Just("partitionKeyFromQuery:".to_owned()),
            Just("'".to_owned()),
            "!\\{timestamp:[GuyDMLdQqYwWEecFahKkHmsSAnNVzOXxZ'/\\[\\]-]{1,8}\\}",
            "[a-zA-Z]{1,20}",
            "\\PC{0,5}",
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn a_delivery_streams_keys_are_told_from_those_of_others_and_from_other_places() {
        let prefix = |text: &str| Prefix::of_errors(None, Some(text)).unwrap();
        let key = |under: &str, stream: &str, extension: &str| {
            let keys = PartitionKeys::default();
            let zone = TimeZone::UTC;
            let error_type = Some("processing-failed");
            let at = Circumstances { time_ms: TIME_MS, zone: &zone, error_type, keys: &keys, random: &mut || 7 };
            object_key(&prefix(under).evaluate(at), stream, 12, TIME_MS, &zone, u128::MAX / 3, extension)
        };
        for (under, stream) in [("", "a"), ("errors/", "a"), ("e-!{firehose:error-output-type}/", "a-1.b_")] {
            for extension in ["", ".gz", ".snappy"] {
                assert!(is_key_of(&key(under, stream, extension), &prefix(under), stream), "{under} {stream}");
            }
        }
        let of_ab = key("errors/", "ab", "");
        for other in ["a", "b", "ab-12", "ab-12-2018", ""] {
            assert!(!is_key_of(&of_ab, &prefix("errors/"), other), "{other}");
        }
        let inside = of_ab.strip_prefix("errors/").unwrap();
        for outside in [
            inside.to_owned(),
            format!("other/{inside}"),
            format!("{of_ab}/x"),
            format!("{of_ab}x"),
            "errors/ab-12-".to_owned(),
            "errors/../ab".to_owned(),
            String::new(),
        ] {
            assert!(!is_key_of(&outside, &prefix("errors/"), "ab"), "{outside}");
        }
        // A stream may be called as another's objects are.
        let name = of_ab.rsplit_once('/').unwrap().1;
        assert!(!is_key_of(&key("errors/", name, ""), &prefix("errors/"), "ab"));
    }

    proptest! {
        #[test]
        fn no_text_and_no_time_is_too_much(text in texts(), time_ms in any::<u64>(), random in any::<u128>()) {
            if let Ok(prefix) = Prefix::parse(Some(&text)) {
                let keys = PartitionKeys::default();
                let zone = zone(Some("America/St_Johns")).unwrap();
                let at = Circumstances { time_ms, zone: &zone, error_type: None, keys: &keys, random: &mut || random };
                let key = prefix.evaluate(at);
                prop_assert!(object_key(&key, "s", 1, time_ms, &zone, random, "").starts_with(&key));
            }
        }

        #[test]
        fn text_outside_of_expressions_stays_as_it_is(before in "[^!{}]{0,20}", after in "[^!{}]{0,20}") {
            let text = format!("{before}!{{timestamp:'-'}}{after}");
            prop_assert_eq!(plain(&text), format!("{before}-{after}"));
        }
    }
}
