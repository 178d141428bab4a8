//! What a prefix and the prefix of errors must keep to, when a destination is made or changed.
//!
//! Invariant: a pair that passed gives every record a place, whether it can be delivered or not.
use super::{Part, Prefix};

/// The sentence about a rule that is broken, as the service begins it (it says "Ths").
pub(super) fn broken(constraint: &str) -> String {
    format!("Ths supplied prefix(es) do not satisfy the following constraint: {constraint}")
}

/// Checks both prefixes against each other and against where partition keys come from: the keys that a query gives
/// (all of them must be used), and whether there is a function that may give others.
///
/// # Errors
/// A sentence on the first rule that is broken.
pub(crate) fn check(
    prefix: Option<&str>,
    error_prefix: Option<&str>,
    is_partitioned: bool,
    query_keys: &[String],
    has_function: bool,
) -> Result<(), String> {
    let prefix = Prefix::parse(prefix)?;
    let has_error_prefix = error_prefix.is_some_and(|text| !text.is_empty());
    let error_prefix = Prefix::parse(error_prefix)?;
    let has_keys = |prefix: &Prefix| prefix.query_keys().chain(prefix.lambda_keys()).next().is_some();
    let rule = |holds: bool, constraint: &str| if holds { Ok(()) } else { Err(broken(constraint)) };

    rule(
        !prefix.0.contains(&Part::ErrorOutputType),
        "Prefix cannot contain the expression !{firehose:error-output-type}",
    )?;
    if has_keys(&prefix) && !is_partitioned {
        // Known word for word, and not begun as the others are.
        return Err(
            "Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled."
                .to_owned(),
        );
    }
    rule(
        has_error_prefix || !prefix.has_expressions(),
        "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions",
    )?;
    rule(
        !has_keys(&error_prefix),
        "ErrorOutputPrefix cannot contain the namespaces partitionKeyFromQuery and partitionKeyFromLambda",
    )?;
    rule(
        !error_prefix.has_expressions() || error_prefix.0.contains(&Part::ErrorOutputType),
        "ErrorOutputPrefix must contain the expression !{firehose:error-output-type} when it contains expressions",
    )?;
    if is_partitioned { check_keys(&prefix, has_error_prefix, query_keys, has_function) } else { Ok(()) }
}

/// Whether the prefix uses just the keys that there are.
fn check_keys(
    prefix: &Prefix,
    has_error_prefix: bool,
    query_keys: &[String],
    has_function: bool,
) -> Result<(), String> {
    if !has_error_prefix {
        return Err(broken("ErrorOutputPrefix cannot be null or empty when Dynamic Partitioning is enabled"));
    }
    if query_keys.is_empty() && !has_function {
        return Err("Dynamic Partitioning requires partitioning keys from a MetadataExtraction or a Lambda processor"
            .to_owned());
    }
    if let Some(unused) = query_keys.iter().find(|key| !prefix.query_keys().any(|used| used == *key)) {
        return Err(broken(&format!("Prefix must contain the expression !{{partitionKeyFromQuery:{unused}}}")));
    }
    if let Some(unknown) = prefix.query_keys().find(|used| !query_keys.iter().any(|key| key == used)) {
        return Err(broken(&format!("Prefix contains the key {unknown}, which MetadataExtractionQuery does not give")));
    }
    match prefix.lambda_keys().next() {
        Some(key) if !has_function => Err(broken(&format!("Prefix contains the key {key}, but no Lambda processor"))),
        None if query_keys.is_empty() => Err(broken(
            "Prefix must contain partitionKeyFromQuery or partitionKeyFromLambda when Dynamic Partitioning is enabled",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERRORS: Option<&str> = Some("e/!{firehose:error-output-type}/");
    const BY_QUERY: Option<&str> = Some("!{partitionKeyFromQuery:a}/!{timestamp:yyyy}/");
    const BY_FUNCTION: Option<&str> = Some("!{partitionKeyFromLambda:b}/");

    #[test]
    fn the_prefix_of_errors_must_be_there_and_tell_them_apart_once_there_are_expressions() {
        let check = |prefix, error_prefix| check(prefix, error_prefix, false, &[], false);
        assert_eq!(check(None, None), Ok(()));
        assert_eq!(check(Some("p/"), None), Ok(()));
        assert_eq!(check(Some("p/"), Some("e/")), Ok(()));
        assert_eq!(check(Some("!{timestamp:yyyy}/"), ERRORS), Ok(()));
        assert_eq!(check(Some("!{timestamp:yyyy}/"), Some("e/")), Ok(()));
        assert_eq!(
            check(Some("!{timestamp:yyyy}/"), Some("")).unwrap_err(),
            "Ths supplied prefix(es) do not satisfy the following constraint: ErrorOutputPrefix cannot be null or empty \
             when Prefix contains expressions"
        );
        assert!(check(None, Some("e/!{timestamp:yyyy}/")).is_err());
        assert!(check(ERRORS, ERRORS).is_err());
        assert!(check(None, Some("!{timestamp:j}")).is_err());
    }

    #[test]
    fn keys_are_for_partitioned_destinations_and_not_for_errors() {
        let query_keys = ["a".to_owned()];
        for prefix in [BY_QUERY, BY_FUNCTION] {
            assert_eq!(
                check(prefix, ERRORS, false, &query_keys, true).unwrap_err(),
                "Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled."
            );
        }
        let errors = Some("!{firehose:error-output-type}/!{partitionKeyFromQuery:a}/");
        assert!(check(BY_QUERY, errors, true, &query_keys, false).is_err());
        assert_eq!(check(BY_QUERY, ERRORS, true, &query_keys, false), Ok(()));
    }

    #[test]
    fn a_partitioned_destination_uses_all_keys_that_there_are_and_no_others() {
        let check = |prefix, error_prefix, query_keys: &[&str], has_function| {
            let query_keys: Vec<String> = query_keys.iter().map(|&key| key.to_owned()).collect();
            check(prefix, error_prefix, true, &query_keys, has_function)
        };
        assert_eq!(check(BY_FUNCTION, ERRORS, &[], true), Ok(()));
        assert_eq!(check(BY_QUERY, Some("e/"), &["a"], true), Ok(()));
        assert!(check(BY_QUERY, None, &["a"], true).is_err(), "no place for errors");
        assert!(check(Some("p/"), ERRORS, &[], false).is_err(), "no keys");
        assert!(check(Some("p/"), ERRORS, &[], true).is_err(), "no key used");
        assert!(check(BY_QUERY, ERRORS, &["a", "unused"], true).is_err(), "not all used");
        assert!(check(BY_QUERY, ERRORS, &[], true).is_err(), "not given by the query");
        assert!(check(BY_FUNCTION, ERRORS, &[], false).is_err(), "no function");
    }
}
