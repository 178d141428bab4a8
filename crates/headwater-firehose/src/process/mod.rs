//! The steps a record goes through on its way, but for the call of a function, which somebody else makes.
//!
//! Invariant: a record given is passed on, as one or as many, or failed, or dropped because it is a control message; ids
//! stay unique. The order is the service's: taken apart, unpacked, split, through the function, keys, delimiter.
mod compressed;
mod jq;
mod parameters;
mod query;
mod sub_records;

use crate::record::{Failed, Origin, Record};
use bytes::{Bytes, BytesMut};
use compressed::Unpacking;
use headwater_wire::firehose::Processor;
use query::Query;
use std::sync::Arc;
use sub_records::SubRecords;

/// What is done to records, as a stream's processors say.
#[derive(Default)]
pub(crate) struct Steps {
    unpacking: Option<Unpacking>,
    sub_records: Option<SubRecords>,
    function: Option<FunctionStep>,
    query: Option<Query>,
    delimiter: Option<Bytes>,
}

/// How a function is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FunctionStep {
    /// Which one.
    pub(crate) arn: Arc<str>,
    /// How often a call that failed is made again.
    pub(crate) retries: u32,
    /// Bytes of data that make a call.
    pub(crate) batch_bytes: usize,
    /// How long the first record of a call waits for others.
    pub(crate) batch_ms: u64,
}

/// Why a record failed in a step.
struct Cause {
    output_type: &'static str,
    code: &'static str,
    message: String,
}

impl Steps {
    /// The steps `processors` ask for; `is_partitioned` says whether their destination's partitioning is dynamic.
    ///
    /// # Errors
    /// The sentence of an `InvalidArgumentException`.
    pub(crate) fn of(processors: &[Processor], is_partitioned: bool) -> Result<Self, String> {
        parameters::steps(processors, is_partitioned)
    }

    /// The function in the middle, if there is one.
    #[must_use]
    pub(crate) fn function(&self) -> Option<&FunctionStep> {
        self.function.as_ref()
    }

    /// The partition keys that the query names, each once.
    #[must_use]
    pub(crate) fn query_keys(&self) -> &[String] {
        self.query.as_ref().map_or(&[], Query::keys)
    }

    /// Does what is done before the function. What fails keeps the data it came with.
    pub(crate) fn before(&self, record: Record, out: &mut Vec<Record>, failed: &mut Vec<Failed>, now_ms: u64) {
        let Some((origin, parts)) =
            record.origin.as_ref().and_then(|origin| Some((origin, headwater_aggregation::deaggregate(&record.data)?)))
        else {
            return self.unpack(record, out, failed, now_ms);
        };
        for (at, part) in parts.into_iter().enumerate() {
            let origin = Origin {
                subsequence_number: at as u64,
                partition_key: String::from_utf8_lossy(&part.partition_key).into_owned(),
                ..Origin::clone(origin)
            };
            let part = Record { data: part.data, origin: Some(Arc::new(origin)), ..part_of(&record, at) };
            self.unpack(part, out, failed, now_ms);
        }
    }

    fn unpack(&self, record: Record, out: &mut Vec<Record>, failed: &mut Vec<Failed>, now_ms: u64) {
        let Some(unpacking) = &self.unpacking else { return self.split(record, out) };
        match unpacking.unpack(&record.data) {
            Ok(Some(data)) => self.split(Record { data, ..record }, out),
            Ok(None) => {}
            Err(cause) => failed.push(failure(record, cause, now_ms)),
        }
    }

    fn split(&self, record: Record, out: &mut Vec<Record>) {
        let parts = self.sub_records.as_ref().and_then(|kind| kind.split(&record.data));
        let Some(parts) = parts else { return out.push(record) };
        out.extend(parts.into_iter().enumerate().map(|(at, data)| Record { data, ..part_of(&record, at) }));
    }

    /// Whether anything is done behind the function.
    #[must_use]
    pub(crate) fn has_after(&self) -> bool {
        self.query.is_some() || self.delimiter.is_some()
    }

    /// Does what is done behind the function, or behind [`Steps::before`] where there is none.
    pub(crate) fn after(&self, mut record: Record, out: &mut Vec<Record>, failed: &mut Vec<Failed>, now_ms: u64) {
        if let Some(query) = &self.query {
            match query.run(&record.data) {
                Ok(keys) => record.keys.from_query = keys,
                Err(cause) => return failed.push(failure(record, cause, now_ms)),
            }
        }
        if let Some(delimiter) = &self.delimiter {
            let mut data = BytesMut::with_capacity(record.data.len() + delimiter.len());
            data.extend_from_slice(&record.data);
            data.extend_from_slice(delimiter);
            record.data = data.freeze();
        }
        out.push(record);
    }
}

/// What the part at `at` of `record` has of it.
fn part_of(record: &Record, at: usize) -> Record {
    Record { id: format!("{}.{at}", record.id).into(), ..record.clone() }
}

fn failure(record: Record, cause: Cause, now_ms: u64) -> Failed {
    Failed {
        record,
        output_type: cause.output_type,
        code: cause.code.to_owned(),
        message: cause.message,
        attempts: 1,
        ended_ms: now_ms,
        function_arn: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{parameters::tests::processor, *};
    use crate::transform::tests::record;
    use headwater_aggregation::{UserRecord, aggregate};
    use proptest::{collection::vec, prelude::*};
    use std::collections::{BTreeMap, HashSet};

    const QUERY: &str = "MetadataExtractionQuery";
    const ENGINE: (&str, &str) = ("JsonParsingEngine", "JQ-1.6");

    fn steps(processors: &[Processor]) -> Steps {
        Steps::of(processors, true).unwrap()
    }

    /// What comes of `record`, all steps done.
    fn done(steps: &Steps, record: Record) -> (Vec<Record>, Vec<Failed>) {
        let (mut middle, mut out, mut failed) = (vec![], vec![], vec![]);
        steps.before(record, &mut middle, &mut failed, 7);
        middle.into_iter().for_each(|record| steps.after(record, &mut out, &mut failed, 7));
        (out, failed)
    }

    fn of_stream(data: Bytes) -> Record {
        let origin = Origin {
            sequence_number: "49".into(),
            subsequence_number: 0,
            partition_key: "outer".into(),
            shard_id: "shardId-000000000000".into(),
        };
        Record { data, origin: Some(origin.into()), ..record("r", b"") }
    }

    fn user(key: &'static str, data: &'static str) -> UserRecord {
        let [partition_key, data] = [key, data].map(|text| Bytes::from_static(text.as_bytes()));
        UserRecord { partition_key, data, ..UserRecord::default() }
    }

    #[test]
    fn no_steps_pass_on_the_very_record() {
        let record = of_stream(Bytes::from_static(b"data"));
        assert_eq!(done(&Steps::default(), record.clone()), (vec![record], vec![]));
    }

    #[test]
    fn an_aggregate_of_a_stream_is_taken_apart() {
        let data = aggregate(&[user("k1", "one"), user("k2", "two")]);
        let (out, _) = done(&Steps::default(), of_stream(data.clone()));
        let seen: Vec<_> = out
            .iter()
            .map(|record| {
                let origin = record.origin.as_ref().unwrap();
                (&*record.id, &record.data[..], origin.subsequence_number, &*origin.partition_key)
            })
            .collect();
        assert_eq!(seen, [("r.0", &b"one"[..], 0, "k1"), ("r.1", b"two", 1, "k2")]);
        let direct = Record { origin: None, ..of_stream(data) };
        assert_eq!(done(&Steps::default(), direct.clone()).0, [direct]);
    }

    #[test]
    fn a_damaged_aggregate_is_a_plain_record() {
        let mut data = aggregate(&[user("k", "one")]).to_vec();
        *data.last_mut().unwrap() ^= 1;
        let record = of_stream(data.into());
        assert_eq!(done(&Steps::default(), record.clone()).0, [record]);
    }

    #[test]
    fn sub_records_get_keys_of_their_own_and_a_delimiter() {
        let steps = steps(&[
            processor("AppendDelimiterToRecord", &[]),
            processor("MetadataExtraction", &[(QUERY, "{n: .n}"), ENGINE]),
            processor("RecordDeAggregation", &[("SubRecordType", "JSON")]),
        ]);
        let (out, failed) = done(&steps, record("r", br#"{"n":1}{"n":null}{"n":"b"}"#));
        let keys = |value: &str| BTreeMap::from([("n".to_owned(), value.to_owned())]);
        assert_eq!((&out[0].data[..], &out[0].keys.from_query), (&b"{\"n\":1}\n"[..], &keys("1")));
        assert_eq!((&out[1].data[..], &out[1].keys.from_query), (&b"{\"n\":\"b\"}\n"[..], &keys("b")));
        assert_eq!((&*failed[0].record.id, &failed[0].record.data[..]), ("r.1", &br#"{"n":null}"#[..]));
        assert_eq!(failed[0].output_type, "metadata-extraction-failed");
        assert_eq!(steps.query_keys(), ["n"]);
    }

    #[test]
    fn what_cannot_be_unpacked_fails_with_the_data_it_came_with() {
        let steps = Steps::of(&[processor("Decompression", &[("CompressionFormat", "GZIP")])], false).unwrap();
        let (out, failed) = done(&steps, record("r", b"plain"));
        assert!(out.is_empty());
        assert_eq!(
            (&failed[0].record, failed[0].output_type, failed[0].ended_ms),
            (&record("r", b"plain"), "decompression-failed", 7)
        );
    }

    proptest! {
        #[test]
        fn ids_stay_unique_and_no_byte_is_lost(lines in vec("[ab]{1,3}", 1..9), is_aggregate: bool) {
            let text = lines.join("|");
            let steps = steps(&[
                processor("RecordDeAggregation", &[("SubRecordType", "DELIMITED"), ("Delimiter", "fA==")]),
                processor("MetadataExtraction", &[(QUERY, "{n: 1}"), ENGINE]),
            ]);
            let data = if is_aggregate {
                aggregate(&[user("k", "x|y"), UserRecord { data: text.clone().into(), ..user("k", "") }])
            } else {
                text.clone().into()
            };
            let mut out = vec![];
            steps.before(of_stream(data), &mut out, &mut vec![], 0);
            let ids: HashSet<_> = out.iter().map(|record| record.id.clone()).collect();
            prop_assert_eq!(ids.len(), out.len());
            let mut expected: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
            if is_aggregate {
                expected.splice(..0, [&b"x"[..], b"y"]);
            }
            let seen: Vec<&[u8]> = out.iter().map(|record| &record.data[..]).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
