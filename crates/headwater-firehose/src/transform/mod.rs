//! What a function is told and what a call to it costs: the request, how many records one call may carry, and a call given up.
//!
//! Invariant: every record given is in exactly one batch or failed, in the order given; a request never passes the limit
//! of a call.
mod reply;

pub(crate) use reply::reply;

use crate::{
    outside::Failure,
    process::FunctionStep,
    record::{Failed, Record},
};
use std::sync::Arc;

/// Bytes of a request at most.
pub(crate) const REQUEST_BYTES: usize = 6 << 20;
/// What `!{firehose:error-output-type}` stands for.
const OUTPUT_TYPE: &str = "processing-failed";
/// What a record takes in a request beside its data and its texts: names, signs, and numbers at their longest.
const RECORD_BYTES: usize = 320;
/// A byte of a text takes six at most, as `\u001f`.
const ESCAPED_BYTES: usize = 6;

/// What a function is told of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Invocation {
    /// New with every call.
    pub(crate) id: String,
    /// The delivery stream.
    pub(crate) delivery_stream_arn: String,
    /// The stream it reads, if it reads one.
    pub(crate) source_stream_arn: Option<String>,
    /// E.g. `us-east-1`.
    pub(crate) region: String,
}

/// The payload of a call.
#[must_use]
pub(crate) fn request(invocation: &Invocation, records: &[Record]) -> Vec<u8> {
    let mut body = Vec::with_capacity(envelope_bytes(invocation) + records.iter().map(record_bytes).sum::<usize>());
    body.extend_from_slice(b"{\"invocationId\":");
    put_text(&mut body, &invocation.id);
    body.extend_from_slice(b",\"deliveryStreamArn\":");
    put_text(&mut body, &invocation.delivery_stream_arn);
    if let Some(arn) = &invocation.source_stream_arn {
        body.extend_from_slice(b",\"sourceKinesisStreamArn\":");
        put_text(&mut body, arn);
    }
    body.extend_from_slice(b",\"region\":");
    put_text(&mut body, &invocation.region);
    body.extend_from_slice(b",\"records\":[");
    for (at, record) in records.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        put_record(&mut body, record);
    }
    body.extend_from_slice(b"]}");
    body
}

fn put_record(body: &mut Vec<u8>, record: &Record) {
    let time = record.time_ms.to_string();
    body.extend_from_slice(b"{\"recordId\":");
    put_text(body, &record.id);
    body.extend_from_slice(b",\"approximateArrivalTimestamp\":");
    body.extend_from_slice(time.as_bytes());
    body.extend_from_slice(b",\"data\":\"");
    base64_simd::STANDARD.encode_append(&record.data, body);
    body.push(b'"');
    if let Some(origin) = &record.origin {
        body.extend_from_slice(b",\"kinesisRecordMetadata\":{\"sequenceNumber\":");
        put_text(body, &origin.sequence_number);
        body.extend_from_slice(b",\"subsequenceNumber\":");
        body.extend_from_slice(origin.subsequence_number.to_string().as_bytes());
        body.extend_from_slice(b",\"partitionKey\":");
        put_text(body, &origin.partition_key);
        body.extend_from_slice(b",\"shardId\":");
        put_text(body, &origin.shard_id);
        body.extend_from_slice(b",\"approximateArrivalTimestamp\":");
        body.extend_from_slice(time.as_bytes());
        body.push(b'}');
    }
    body.push(b'}');
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    // A text has a JSON form, and memory takes what is written to it.
    let _ = serde_json::to_writer(body, text);
}

/// What `record` takes in a request at most.
fn record_bytes(record: &Record) -> usize {
    let texts = record.origin.as_ref().map_or(0, |origin| {
        origin.sequence_number.len() + origin.partition_key.len() * ESCAPED_BYTES + origin.shard_id.len()
    });
    RECORD_BYTES + record.id.len() * ESCAPED_BYTES + record.data.len().div_ceil(3) * 4 + texts
}

fn envelope_bytes(invocation: &Invocation) -> usize {
    let source = invocation.source_stream_arn.as_ref().map_or(0, String::len);
    let texts = invocation.id.len() + invocation.delivery_stream_arn.len() + source + invocation.region.len();
    ENVELOPE_BYTES + texts
}

/// What a request takes beside its records: names, an id, two ARNs and a region.
const ENVELOPE_BYTES: usize = 4 << 10;

/// The records of each call: as many as reach `function`'s buffer, or a call may carry. A record that no call can carry
/// fails.
#[must_use]
pub(crate) fn batches(
    records: Vec<Record>,
    function: &FunctionStep,
    now_ms: u64,
    failed: &mut Vec<Failed>,
) -> Vec<Vec<Record>> {
    let mut batches = Vec::new();
    let mut batch: Vec<Record> = Vec::new();
    let (mut data_bytes, mut sent_bytes) = (0, ENVELOPE_BYTES);
    for record in records {
        let bytes = record_bytes(&record);
        if ENVELOPE_BYTES + bytes > REQUEST_BYTES {
            let message = format!(
                "The record is too large to be sent to the Lambda function: a request has {REQUEST_BYTES} bytes at most."
            );
            failed.push(failure(record, "Lambda.RequestTooLarge", &message, &function.arn, 0, now_ms));
            continue;
        }
        if !batch.is_empty()
            && (data_bytes + record.data.len() > function.batch_bytes || sent_bytes + bytes > REQUEST_BYTES)
        {
            batches.push(std::mem::take(&mut batch));
            (data_bytes, sent_bytes) = (0, ENVELOPE_BYTES);
        }
        data_bytes += record.data.len();
        sent_bytes += bytes;
        batch.push(record);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// What becomes of the records of a call that was given up after `attempts`.
#[must_use]
pub(crate) fn failure_of_call(
    sent: Vec<Record>,
    why: &Failure,
    arn: &Arc<str>,
    attempts: u32,
    now_ms: u64,
) -> Vec<Failed> {
    sent.into_iter().map(|record| failure(record, &why.code, &why.message, arn, attempts, now_ms)).collect()
}

fn failure(record: Record, code: &str, message: &str, arn: &Arc<str>, attempts: u32, now_ms: u64) -> Failed {
    Failed {
        record,
        output_type: OUTPUT_TYPE,
        code: code.to_owned(),
        message: message.to_owned(),
        attempts,
        ended_ms: now_ms,
        function_arn: Some(arn.clone()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::{Origin, PartitionKeys};
    use bytes::Bytes;
    use proptest::{collection::vec, prelude::*};
    use serde_json::{Value, json};

    pub(crate) fn record(id: &str, data: &[u8]) -> Record {
        let data = Bytes::copy_from_slice(data);
        Record { id: id.into(), time_ms: 1_495_072_949_453, data, origin: None, keys: PartitionKeys::default() }
    }

    fn function(batch_bytes: usize) -> FunctionStep {
        FunctionStep { arn: "arn:f".into(), retries: 3, batch_bytes, batch_ms: 60_000 }
    }

    fn invocation() -> Invocation {
        Invocation {
            id: "invocationIdExample".into(),
            delivery_stream_arn: "arn:aws:firehose:us-east-1:123456789012:deliverystream/d".into(),
            source_stream_arn: None,
            region: "us-east-1".into(),
        }
    }

    fn told(invocation: &Invocation, records: &[Record]) -> Value {
        serde_json::from_slice(&request(invocation, records)).unwrap()
    }

    #[test]
    fn a_function_is_told_of_records_put_directly() {
        let expected = json!({
            "invocationId": "invocationIdExample",
            "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/d",
            "region": "us-east-1",
            "records": [
                {"recordId": "a\"b", "approximateArrivalTimestamp": 1_495_072_949_453_u64, "data": "SGVsbG8="},
                {"recordId": "c", "approximateArrivalTimestamp": 1_495_072_949_453_u64, "data": ""},
            ],
        });
        assert_eq!(told(&invocation(), &[record("a\"b", b"Hello"), record("c", b"")]), expected);
    }

    #[test]
    fn a_function_is_told_where_a_record_of_a_stream_comes_from() {
        let invocation = Invocation { source_stream_arn: Some("arn:s".into()), ..invocation() };
        let origin = Origin {
            sequence_number: "49546".into(),
            subsequence_number: 2,
            partition_key: "k\n".into(),
            shard_id: "shardId-000000000000".into(),
        };
        let sent = told(&invocation, &[Record { origin: Some(origin.into()), ..record("a", b"x") }]);
        assert_eq!(sent["sourceKinesisStreamArn"], "arn:s");
        let expected = json!({
            "sequenceNumber": "49546", "subsequenceNumber": 2, "partitionKey": "k\n",
            "shardId": "shardId-000000000000", "approximateArrivalTimestamp": 1_495_072_949_453_u64,
        });
        assert_eq!(sent["records"][0]["kinesisRecordMetadata"], expected);
    }

    #[test]
    fn a_buffer_that_would_be_passed_begins_a_call() {
        let records =
            vec![record("a", &[0; 600]), record("b", &[0; 400]), record("c", &[0; 1]), record("d", &[0; 2000])];
        let batches = batches(records, &function(1000), 0, &mut vec![]);
        let ids: Vec<Vec<&str>> =
            batches.iter().map(|batch| batch.iter().map(|record| &*record.id).collect()).collect();
        assert_eq!(ids, [vec!["a", "b"], vec!["c"], vec!["d"]]);
    }

    #[test]
    fn a_record_no_call_can_carry_fails_with_its_data() {
        let mut failed = vec![];
        let large = record("a", &vec![1; 5 << 20]);
        assert!(batches(vec![large.clone()], &function(1 << 20), 7, &mut failed).is_empty());
        assert_eq!((&failed[0].record, failed[0].attempts, failed[0].ended_ms), (&large, 0, 7));
    }

    #[test]
    fn a_call_given_up_fails_all_it_carried() {
        let why = Failure { code: "Lambda.FunctionTimedOut".into(), message: "m".into(), is_permanent: false };
        let failed = failure_of_call(vec![record("a", b"1"), record("b", b"2")], &why, &"arn:f".into(), 4, 9);
        assert_eq!(failed.len(), 2);
        assert_eq!(
            (&*failed[1].code, failed[1].attempts, failed[1].output_type),
            ("Lambda.FunctionTimedOut", 4, "processing-failed")
        );
        assert_eq!(failed[1].record, record("b", b"2"));
    }

    proptest! {
        #[test]
        fn batches_keep_every_record_in_order_and_fit_a_call(sizes in vec(0..3_000_000_usize, 0..9), keys in ".{0,40}", mb in 1..4_usize) {
            let records: Vec<Record> = sizes.iter().enumerate().map(|(at, size)| Record {
                origin: (at % 2 == 0).then(|| Origin {
                    sequence_number: "1".repeat(56), subsequence_number: u64::MAX, partition_key: keys.clone(), shard_id: "s".into(),
                }.into()),
                ..record(&at.to_string(), &vec![0; *size])
            }).collect();
            let batches = batches(records.clone(), &function(mb << 20), 0, &mut vec![]);
            for batch in &batches {
                prop_assert!(request(&invocation(), batch).len() <= REQUEST_BYTES);
            }
            prop_assert_eq!(batches.concat(), records);
        }
    }
}
