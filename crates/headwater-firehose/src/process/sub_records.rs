//! Records that carry several: JSON objects one behind the other, or pieces between delimiters.
//!
//! Invariant: the parts are slices of the record, none empty; what is not of the form, or has too many, stays whole, so
//! that no byte is lost.
use bytes::Bytes;
use serde::de::IgnoredAny;

/// Parts of a record at most; one with more stays whole, as on AWS.
const PARTS: usize = 500;

/// How sub-records stand in a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum SubRecords {
    /// As objects with nothing but white space between them.
    Json,
    /// With this between them.
    Delimited(Vec<u8>),
}

impl SubRecords {
    /// The parts of `data`, in order; `None` if it stays whole.
    pub(super) fn split(&self, data: &Bytes) -> Option<Vec<Bytes>> {
        let parts = match self {
            Self::Json => objects(data)?,
            Self::Delimited(delimiter) => pieces(data, delimiter)?,
        };
        (!parts.is_empty()).then_some(parts)
    }
}

fn objects(data: &Bytes) -> Option<Vec<Bytes>> {
    let mut parts = Vec::new();
    let mut stream = serde_json::Deserializer::from_slice(data).into_iter::<IgnoredAny>();
    let mut from = 0;
    while let Some(object) = stream.next() {
        object.ok()?;
        let upto = stream.byte_offset();
        let part = data.get(from..upto)?.trim_ascii();
        if !part.starts_with(b"{") || parts.len() == PARTS {
            return None;
        }
        parts.push(data.slice_ref(part));
        from = upto;
    }
    Some(parts)
}

fn pieces(data: &Bytes, delimiter: &[u8]) -> Option<Vec<Bytes>> {
    let first = *delimiter.first()?;
    let mut parts = Vec::new();
    let (mut from, mut at) = (0, 0);
    while at <= data.len() {
        let rest = data.get(at..)?;
        let is_end = rest.is_empty() || (rest.first() == Some(&first) && rest.starts_with(delimiter));
        if !is_end {
            at += 1;
            continue;
        }
        if from < at {
            if parts.len() == PARTS {
                return None;
            }
            parts.push(data.slice(from..at));
        }
        at += delimiter.len();
        from = at;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(kind: &SubRecords, data: &str) -> Option<Vec<String>> {
        let parts = kind.split(&Bytes::copy_from_slice(data.as_bytes()))?;
        Some(parts.iter().map(|part| String::from_utf8(part.to_vec()).unwrap()).collect())
    }

    #[test]
    fn objects_stand_on_one_line_or_on_lines() {
        let expected = Some(vec!["{\"a\":1}".to_owned(), "{\"a\":{\"b\": \"}{\"}}".to_owned()]);
        assert_eq!(split(&SubRecords::Json, "{\"a\":1}{\"a\":{\"b\": \"}{\"}}"), expected);
        assert_eq!(split(&SubRecords::Json, " {\"a\":1}\r\n{\"a\":{\"b\": \"}{\"}}\n"), expected);
    }

    #[test]
    fn an_array_what_is_no_json_and_too_many_stay_whole() {
        for whole in ["[{\"a\":1},{\"a\":2}]", "{\"a\":1} x", "{\"a\":1", "", " ", "1 2"] {
            assert_eq!(split(&SubRecords::Json, whole), None, "{whole}");
        }
        assert_eq!(split(&SubRecords::Json, &"{}".repeat(501)), None);
        assert_eq!(split(&SubRecords::Json, &"{}".repeat(500)).unwrap().len(), 500);
        let comma = SubRecords::Delimited(b",".to_vec());
        assert_eq!(split(&comma, &"a,".repeat(501)), None);
        assert_eq!(split(&comma, &"a,".repeat(500)).unwrap().len(), 500);
    }

    #[test]
    fn pieces_stand_between_delimiters_of_any_length() {
        let kind = SubRecords::Delimited(b"####".to_vec());
        assert_eq!(split(&kind, "a####b#c####"), Some(vec!["a".to_owned(), "b#c".to_owned()]));
        assert_eq!(split(&kind, "a"), Some(vec!["a".to_owned()]));
        assert_eq!(split(&kind, "########"), None);
    }

    #[test]
    fn deep_nesting_is_no_overflow() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(400_000), "]".repeat(400_000));
        assert_eq!(split(&SubRecords::Json, &deep), Some(vec![deep]));
    }

    proptest! {
        #[test]
        fn noise_is_never_a_panic_and_pieces_join_again(noise in any::<Vec<u8>>(), delimiter in "[ab]{1,2}", text in "[abc]{0,20}") {
            let _ = SubRecords::Json.split(&Bytes::from(noise));
            let kind = SubRecords::Delimited(delimiter.clone().into_bytes());
            let pieces: Vec<String> = text.split(&delimiter).filter(|piece| !piece.is_empty()).map(str::to_owned).collect();
            prop_assert_eq!(split(&kind, &text).unwrap_or_default(), pieces);
        }
    }
}
