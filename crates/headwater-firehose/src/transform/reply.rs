//! What a function answered, read record by record.
//!
//! Invariant: every record sent is kept, dropped or failed, exactly once and in the order sent; a record that failed has
//! the data it was sent with. An answer is final: only a call that failed is made again.
use super::failure;
use crate::record::{Failed, Record};
use serde::Deserialize;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Bytes of a reply at most.
pub(crate) const REPLY_BYTES: usize = 6 << 20;

/// What became of the records of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Answer {
    /// Those that go on, with what the function made of them.
    pub(crate) ok: Vec<Record>,
    /// How many the function wants no more of.
    pub(crate) dropped: usize,
    /// Those it failed.
    pub(crate) failed: Vec<Failed>,
}

#[derive(Deserialize, Default)]
struct Reply<'a> {
    #[serde(borrow)]
    records: Option<Vec<Entry<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow)]
    record_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    result: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    partition_keys: Option<BTreeMap<String, serde_json::Value>>,
}

/// Why a record failed: the service's word and its sentence.
type Cause = (&'static str, &'static str);

const TOO_LARGE: Cause =
    ("Lambda.FunctionError", "The Lambda function was successfully invoked but it returned an error result.");
const NO_JSON: Cause = (
    "Lambda.JsonProcessingException",
    "There was an error parsing returned records from the Lambda function. Ensure that the returned records follow the \
     status model required by Amazon Data Firehose.",
);
const MISSING: Cause = (
    "Lambda.MissingRecordId",
    "One or more record Ids were not returned. Ensure that the Lambda function returns all received record Ids.",
);
const DUPLICATED: Cause = (
    "Lambda.DuplicatedRecordId",
    "Multiple records were returned with the same record Id. Ensure that the Lambda function returns a unique record Id \
     for each record.",
);
const PROCESSING_FAILED: Cause = ("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record");
const NO_FORMAT: Cause = (
    "Lambda.FunctionError",
    "Check your function and make sure the output is in required format. In addition to that, make sure the processed \
     records contain valid result status of Dropped, Ok, or ProcessingFailed",
);
const NO_DATA: Cause = (
    "Lambda.InvalidReturnFormat",
    "The data field cannot be null when the SourceType is DirectPut or KinesisStreamAsSource and processing result is \
     Ok. The value field cannot be null when the SourceType is MSKAsSource and processing result is Ok.",
);
const NO_KEYS: Cause =
    ("DynamicPartitioning.MetadataExtractionFailed", "partitionKeys values must not be null or empty");

/// Reads the answer of the function `arn`, called for the `attempts`th time, to a call that carried `sent`. Answers about
/// records that were not sent are passed over.
#[must_use]
pub(crate) fn reply(body: &[u8], sent: Vec<Record>, arn: &Arc<str>, now_ms: u64, attempts: u32) -> Answer {
    let mut answer = Answer::default();
    let fail = |record, (code, message): Cause| failure(record, code, message, arn, attempts, now_ms);
    let entries = match entries(body) {
        Ok(entries) => entries,
        Err(cause) => {
            answer.failed = sent.into_iter().map(|record| fail(record, cause)).collect();
            return answer;
        }
    };
    let mut places: HashMap<&str, (usize, bool)> = HashMap::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        if let Some(id) = &entry.record_id {
            places.entry(id).and_modify(|(_, is_again)| *is_again = true).or_insert((at, false));
        }
    }
    for record in sent {
        let verdict = match places.get(&*record.id) {
            None => Err(MISSING),
            Some((_, true)) => Err(DUPLICATED),
            Some((at, false)) => entries.get(*at).ok_or(MISSING).and_then(|entry| transformed(&record, entry)),
        };
        match verdict {
            Ok(Some(transformed)) => answer.ok.push(transformed),
            Ok(None) => answer.dropped += 1,
            Err(cause) => answer.failed.push(fail(record, cause)),
        }
    }
    answer
}

/// What the function says of records; nothing if it says something else.
fn entries(body: &[u8]) -> Result<Vec<Entry<'_>>, Cause> {
    if body.len() > REPLY_BYTES {
        return Err(TOO_LARGE);
    }
    let reply: Option<Reply<'_>> = serde_json::from_slice(body).map_err(|_| NO_JSON)?;
    Ok(reply.unwrap_or_default().records.unwrap_or_default())
}

/// `record` as `entry` wants it; `None` if it is to be dropped.
fn transformed(record: &Record, entry: &Entry<'_>) -> Result<Option<Record>, Cause> {
    match entry.result.as_deref() {
        Some("Ok") => {}
        Some("Dropped") => return Ok(None),
        Some("ProcessingFailed") => return Err(PROCESSING_FAILED),
        _ => return Err(NO_FORMAT),
    }
    let data = entry.data.as_ref().ok_or(NO_DATA)?;
    let data = base64_simd::STANDARD.decode_to_vec(data.as_bytes()).map_err(|_| NO_FORMAT)?;
    let mut record = Record { data: data.into(), ..record.clone() };
    for (key, value) in entry.metadata.iter().flat_map(|metadata| &metadata.partition_keys).flatten() {
        let value = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::Bool(truth) => truth.to_string(),
            _ => return Err(NO_KEYS),
        };
        if value.is_empty() {
            return Err(NO_KEYS);
        }
        record.keys.from_lambda.insert(key.clone(), value);
    }
    Ok(Some(record))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::record, *};
    use proptest::{collection::vec, option, prelude::*, sample::select};
    use serde_json::{Value, json};

    fn answer(body: &Value, sent: &[Record]) -> Answer {
        reply(body.to_string().as_bytes(), sent.to_vec(), &"arn:f".into(), 9, 1)
    }

    /// The error codes of an answer to one record, `a`, that carries `1`.
    fn codes(body: &Value) -> Vec<String> {
        let answer = answer(body, &[record("a", b"1")]);
        for failed in &answer.failed {
            assert_eq!(failed.record, record("a", b"1"));
            assert_eq!(failed.function_arn.as_deref(), Some("arn:f"));
        }
        answer.failed.into_iter().map(|failed| failed.code).collect()
    }

    #[test]
    fn records_come_back_in_the_order_sent_whatever_the_order_answered() {
        let sent = ["a", "b", "c", "d"].map(|id| record(id, b"1"));
        let body = json!({"records": [
            {"recordId": "d", "result": "Ok", "data": "Mg=="},
            {"recordId": "b", "result": "Dropped"},
            {"recordId": "c", "result": "ProcessingFailed", "data": "Mw=="},
            {"recordId": "a", "result": "Ok", "data": ""},
        ]});
        let answer = answer(&body, &sent);
        assert_eq!(answer.ok, [record("a", b""), record("d", b"2")]);
        assert_eq!(answer.dropped, 1);
        assert_eq!((&answer.failed[0].record, &*answer.failed[0].code), (&sent[2], "Lambda.ProcessingFailedStatus"));
    }

    #[test]
    fn an_id_must_come_back_exactly_once() {
        let ok = |id: &str| json!({"recordId": id, "result": "Ok", "data": ""});
        assert_eq!(codes(&json!({"records": []})), ["Lambda.MissingRecordId"]);
        assert_eq!(codes(&json!({})), ["Lambda.MissingRecordId"]);
        assert_eq!(codes(&json!(null)), ["Lambda.MissingRecordId"]);
        assert_eq!(codes(&json!({"records": [ok("b")]})), ["Lambda.MissingRecordId"]);
        assert_eq!(codes(&json!({"records": [ok("a"), ok("a")]})), ["Lambda.DuplicatedRecordId"]);
        assert!(codes(&json!({"records": [ok("b"), ok("b"), ok("a")]})).is_empty());
    }

    #[test]
    fn a_result_must_be_one_of_three_words_and_data_base64() {
        let with = |result: Value, data: Value| json!({"records": [{"recordId": "a", "result": result, "data": data}]});
        assert_eq!(codes(&with(json!("OK"), json!(""))), ["Lambda.FunctionError"]);
        assert_eq!(codes(&with(json!(null), json!(""))), ["Lambda.FunctionError"]);
        assert_eq!(codes(&with(json!("Ok"), json!("%%"))), ["Lambda.FunctionError"]);
        assert_eq!(codes(&with(json!("Ok"), json!(null))), ["Lambda.InvalidReturnFormat"]);
        assert_eq!(codes(&with(json!("Ok"), json!(1))), ["Lambda.JsonProcessingException"]);
    }

    #[test]
    fn what_is_no_json_or_too_large_fails_all() {
        let sent = vec![record("a", b"1"), record("b", b"2")];
        let codes = |body: &[u8]| -> Vec<String> {
            let answer = reply(body, sent.clone(), &"arn:f".into(), 9, 1);
            answer.failed.into_iter().map(|failed| failed.code).collect()
        };
        assert_eq!(codes(b"oops"), ["Lambda.JsonProcessingException"; 2]);
        assert_eq!(codes(&vec![b' '; REPLY_BYTES + 1]), ["Lambda.FunctionError"; 2]);
    }

    #[test]
    fn partition_keys_of_a_function_are_taken_as_texts() {
        let keyed = |keys: Value| json!({"records": [{"recordId": "a", "result": "Ok", "data": "", "metadata": {"partitionKeys": keys}}]});
        let answer = answer(&keyed(json!({"year": "2026", "n": 5})), &[record("a", b"1")]);
        let keys = BTreeMap::from([("year".to_owned(), "2026".to_owned()), ("n".to_owned(), "5".to_owned())]);
        assert_eq!(answer.ok[0].keys.from_lambda, keys);
        assert_eq!(codes(&keyed(json!({"year": ""}))), ["DynamicPartitioning.MetadataExtractionFailed"]);
        assert_eq!(codes(&keyed(json!({"year": null}))), ["DynamicPartitioning.MetadataExtractionFailed"]);
    }

    fn entry() -> impl Strategy<Value = Value> {
        let id = option::of(select(vec!["a", "b", "c", "d"]));
        let result = select(vec!["Ok", "Dropped", "ProcessingFailed", "ok"]);
        let data = option::of(select(vec!["", "Mg==", "M", "%"]));
        (id, result, data).prop_map(|(id, result, data)| json!({"recordId": id, "result": result, "data": data}))
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_comes_back(entries in vec(entry(), 0..8), cut in any::<prop::sample::Index>(), noise in any::<Vec<u8>>()) {
            let sent = ["a", "b", "c"].map(|id| record(id, b"1"));
            let body = json!({"records": entries}).to_string().into_bytes();
            for body in [&body[..], &body[..cut.index(body.len())], &noise] {
                let answer = reply(body, sent.to_vec(), &"arn:f".into(), 9, 1);
                prop_assert_eq!(answer.ok.len() + answer.dropped + answer.failed.len(), sent.len());
            }
        }
    }
}
