//! The bytes of a request to store: record batches of Kafka's format 2, and what stands around them; pure. See Kafka's
//! protocol guide, "Record Batch" and "Produce API".
//!
//! Values are copied once, right into the request.
use crate::names::Partition;
use ::krafka::__private::util::{crc32c, varint};
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::BTreeMap;

/// The versions of the request that are written this way.
pub(super) const VERSIONS: (i16, i16) = (3, 8);
/// All replicas in step must have it.
const ACKS_ALL: i16 = -1;
const FORMAT: i8 = 2;
/// There is none: of a transaction, of a leader's epoch, of a key.
const NONE: i8 = -1;
/// What a batch holds beside its records.
const BATCH_HEAD_BYTES: usize = 61;
/// What a record holds beside its value, at most.
const RECORD_HEAD_BYTES: usize = 21;

/// By what a broker tells what it has stored already: of each partition and producer, batches bear epochs that do not fall,
/// and within an epoch sequence numbers without a gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) producer: i64,
    pub(super) epoch: i16,
    /// Of the batch's first record.
    pub(super) sequence: i32,
}

/// What is to be stored behind one another in a partition, or not at all.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) to: Partition,
    pub(super) values: Vec<Bytes>,
    pub(super) mark: Mark,
    /// Milliseconds since the Unix epoch; brokers put their own in its place.
    pub(super) time_ms: i64,
}

impl Batch {
    /// What it takes in a request, at most.
    pub(super) fn size_bytes(&self) -> usize {
        BATCH_HEAD_BYTES + self.values.iter().map(|value| value.len() + RECORD_HEAD_BYTES).sum::<usize>()
    }

    fn put(&self, into: &mut BytesMut) {
        into.put_i64(0); // the offset is the broker's to give
        let length = Gap::leave(into);
        into.put_i32(NONE.into());
        into.put_i8(FORMAT);
        let checksum = Gap::leave(into);
        into.put_i16(0); // neither compressed nor of a transaction
        into.put_i32(number(self.values.len()) - 1);
        into.put_i64(self.time_ms);
        into.put_i64(self.time_ms);
        into.put_i64(self.mark.producer);
        into.put_i16(self.mark.epoch);
        into.put_i32(self.mark.sequence);
        into.put_i32(number(self.values.len()));
        for (index, value) in (0..).zip(&self.values) {
            put_record(into, index, value);
        }
        let sum = crc32c(checksum.behind(into));
        checksum.fill(into, sum);
        length.fill_with_length(into);
    }
}

fn put_record(into: &mut BytesMut, index: i32, value: &[u8]) {
    let len = number(value.len());
    // Attributes, time and headers are a zero each; there is no key.
    let rest = varint::signed_varint_size(index) + varint::signed_varint_size(len) + 4;
    varint::encode_signed_varint(len + number(rest), into);
    into.put_i8(0);
    into.put_i8(0);
    varint::encode_signed_varint(index, into);
    varint::encode_signed_varint(NONE.into(), into);
    varint::encode_signed_varint(len, into);
    into.put_slice(value);
    into.put_i8(0);
}

/// The request that asks to store these, of each partition one at most.
pub(super) fn put_request(into: &mut BytesMut, batches: &[&Batch], timeout_ms: i32) {
    let mut topics: BTreeMap<&str, Vec<&Batch>> = BTreeMap::new();
    for batch in batches {
        topics.entry(&batch.to.topic).or_default().push(batch);
    }
    let names: usize = topics.keys().map(|name| name.len() + 6).sum();
    into.reserve(12 + names + batches.iter().map(|batch| batch.size_bytes() + 8).sum::<usize>());
    into.put_i16(NONE.into());
    into.put_i16(ACKS_ALL);
    into.put_i32(timeout_ms);
    into.put_i32(number(topics.len()));
    for (name, batches) in topics {
        into.put_u16(u16::try_from(name.len()).unwrap_or(u16::MAX));
        into.put_slice(name.as_bytes());
        into.put_i32(number(batches.len()));
        for batch in batches {
            into.put_i32(batch.to.index);
            let length = Gap::leave(into);
            batch.put(into);
            length.fill_with_length(into);
        }
    }
}

/// Four bytes that what stands behind them is needed for.
struct Gap(usize);

impl Gap {
    const BYTES: usize = 4;

    fn leave(into: &mut BytesMut) -> Self {
        let at = into.len();
        into.put_i32(0);
        Self(at)
    }

    fn behind<'a>(&self, of: &'a BytesMut) -> &'a [u8] {
        of.get(self.0 + Self::BYTES..).unwrap_or_default()
    }

    fn fill(&self, of: &mut BytesMut, with: u32) {
        if let Some(gap) = of.get_mut(self.0..self.0 + Self::BYTES) {
            gap.copy_from_slice(&with.to_be_bytes());
        }
    }

    fn fill_with_length(&self, of: &mut BytesMut) {
        let length = u32::try_from(self.behind(of).len()).unwrap_or(u32::MAX);
        self.fill(of, length);
    }
}

/// Requests are far smaller than what four bytes can count.
fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::krafka::__private::protocol::RecordBatch;
    use bytes::Buf;
    use proptest::prelude::*;

    /// Of each partition, its topic, index and records.
    fn read_request(mut request: Bytes) -> Vec<(String, i32, Bytes)> {
        assert_eq!((request.get_i16(), request.get_i16(), request.get_i32()), (-1, -1, 3_000));
        let mut read = Vec::new();
        for _ in 0..request.get_i32() {
            let len = request.get_u16().into();
            let topic = String::from_utf8(request.split_to(len).into()).unwrap();
            for _ in 0..request.get_i32() {
                let (index, len) = (request.get_i32(), request.get_i32());
                read.push((topic.clone(), index, request.split_to(usize::try_from(len).unwrap())));
            }
        }
        assert!(request.is_empty(), "there is nothing behind the last one");
        read
    }

    fn batches() -> impl Strategy<Value = Vec<Batch>> {
        let values = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from), 1..150);
        let one = (("[a-c]", 0..4_i32), values, any::<(i64, i16, i32, i64)>());
        prop::collection::vec(one, 0..6).prop_map(|all| {
            let mut by_partition = BTreeMap::new();
            for ((topic, index), values, (producer, epoch, sequence, time_ms)) in all {
                let to = Partition { topic: topic.as_str().into(), index };
                let mark = Mark { producer, epoch, sequence };
                by_partition.insert((topic, index), Batch { to, values, mark, time_ms });
            }
            by_partition.into_values().collect()
        })
    }

    proptest! {
        #[test]
        fn requests_are_read_as_they_were_meant(batches in batches()) {
            let mut request = BytesMut::new();
            put_request(&mut request, &batches.iter().collect::<Vec<_>>(), 3_000);
            let found = read_request(request.freeze());
            prop_assert_eq!(found.len(), batches.len());
            for ((topic, index, mut records), meant) in found.into_iter().zip(batches) {
                prop_assert!(records.len() <= meant.size_bytes());
                prop_assert_eq!((topic.as_str(), index), (&*meant.to.topic, meant.to.index));
                let batch = RecordBatch::decode(&mut records).unwrap(); // looks at the checksum, too
                let mark = Mark { producer: batch.producer_id, epoch: batch.producer_epoch, sequence: batch.base_sequence };
                prop_assert_eq!((mark, batch.base_timestamp, batch.max_timestamp), (meant.mark, meant.time_ms, meant.time_ms));
                prop_assert_eq!(batch.last_offset_delta, number(meant.values.len()) - 1);
                for (index, record) in batch.records.iter().enumerate() {
                    prop_assert_eq!((record.offset_delta, record.timestamp_delta), (number(index), 0));
                    prop_assert_eq!((record.key.as_ref(), record.headers.len()), (None, 0));
                }
                let values: Vec<Bytes> = batch.records.into_iter().filter_map(|record| record.value).collect();
                prop_assert_eq!(values, meant.values);
                prop_assert!(records.is_empty(), "there is nothing behind the batch");
            }
        }
    }
}
