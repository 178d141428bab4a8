//! What is said of a table besides its keys and its throughput: encryption, stream, tags.
use super::{Class, Scope, Sse};
use crate::{
    errors::{self, Result},
    stream::View,
};
use headwater_wire::dynamodb as shape;
use std::collections::BTreeMap;

/// Tags of one resource.
const MOST_TAGS: usize = 50;
/// The key where none is named.
const DEFAULT_KEY: &str = "alias/aws/dynamodb";

/// Encryption with a key of the caller's account; `None` is encryption with the service's own, of which nothing is told.
pub(super) fn sse(given: &shape::SSESpecification, scope: &Scope) -> Result<Option<Sse>> {
    if given.enabled != Some(true) {
        return match (given.sse_type, &given.kms_master_key_id) {
            (Some(_), _) => Err(errors::encryption_needless("SSEType")),
            (None, Some(_)) => Err(errors::encryption_needless("KMSMasterKeyId")),
            (None, None) => Ok(None),
        };
    }
    match (given.sse_type, &given.kms_master_key_id) {
        (Some(shape::SSEType::Aes256), _) => return Err(errors::encryption_kind()),
        (None, Some(_)) => return Err(errors::encryption_kind_missing()),
        _ => {}
    }
    let key = given.kms_master_key_id.as_deref().unwrap_or(DEFAULT_KEY);
    let Scope { account, region } = scope;
    let of = format!("arn:{}:kms:{region}:{account}", scope.partition());
    let key_arn = match key {
        _ if key.starts_with("arn:") => key.to_owned(),
        _ if key.starts_with("alias/") => format!("{of}:{key}"),
        _ => format!("{of}:key/{key}"),
    };
    Ok(Some(Sse { key_arn }))
}

/// The view of a stream that is to be; `None` if there is to be none.
pub(super) fn view(given: &shape::StreamSpecification, is_new_table: bool) -> Result<Option<View>> {
    match (given.stream_enabled, given.stream_view_type) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(errors::stream_view_needless(is_new_table)),
        (true, None) => Err(errors::stream_view_missing(is_new_table)),
        (true, Some(view)) => Ok(Some(match view {
            shape::StreamViewType::NewImage => View::NewImage,
            shape::StreamViewType::OldImage => View::OldImage,
            shape::StreamViewType::NewAndOldImages => View::NewAndOldImages,
            shape::StreamViewType::KeysOnly => View::KeysOnly,
        })),
    }
}

pub(super) fn class(given: shape::TableClass, changed_ms: Option<u64>) -> Class {
    Class { word: given.as_str().to_owned(), changed_ms }
}

/// The tags a resource has once `given` are put on it.
pub(crate) fn tags(mut held: BTreeMap<String, String>, given: &[shape::Tag]) -> Result<BTreeMap<String, String>> {
    for (at, shape::Tag { key, value }) in given.iter().enumerate() {
        if key.starts_with("aws:") {
            return Err(errors::tag_reserved(key));
        }
        if given.iter().take(at).any(|earlier| earlier.key == *key) {
            return Err(errors::tag_twice(key));
        }
        held.insert(key.clone(), value.clone());
    }
    if held.len() > MOST_TAGS { Err(errors::too_many_tags()) } else { Ok(held) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_told_by_its_arn() {
        let scope = Scope { account: "000000000000".into(), region: "eu-west-1".into() };
        let arn = |key: Option<&str>| {
            let given = shape::SSESpecification {
                enabled: Some(true),
                sse_type: Some(shape::SSEType::Kms),
                kms_master_key_id: key.map(str::to_owned),
            };
            sse(&given, &scope).unwrap().unwrap().key_arn
        };
        assert_eq!(arn(None), "arn:aws:kms:eu-west-1:000000000000:alias/aws/dynamodb");
        assert_eq!(arn(Some("k-1")), "arn:aws:kms:eu-west-1:000000000000:key/k-1");
        assert_eq!(arn(Some("arn:aws:kms:x")), "arn:aws:kms:x");
    }

    #[test]
    fn tags_are_at_most_fifty_and_none_is_told_twice() {
        let tag = |key: &str| shape::Tag { key: key.into(), value: "v".into() };
        let fifty: Vec<_> = (0..50).map(|at| tag(&at.to_string())).collect();
        let held = tags(BTreeMap::new(), &fifty).unwrap();
        assert!(tags(held.clone(), &[tag("7")]).is_ok());
        assert_eq!(tags(held, &[tag("50")]), Err(errors::too_many_tags()));
        assert_eq!(tags(BTreeMap::new(), &[tag("a"), tag("a")]), Err(errors::tag_twice("a")));
    }
}
