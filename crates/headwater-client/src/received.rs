//! What is read. Invariant: a record keeps the place it was read from, so that reading can go on right behind it.
use crate::error::{Error, Result};
use aws_sdk_kinesis::types::{EncryptionType, Record};
use bytes::Bytes;
use headwater_aggregation::deaggregate;
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::SystemTime};

/// A record that was read from a stream.
///
/// ```no_run
/// # fn read(record: headwater_client::Received) -> Result<(), headwater_client::Error> {
/// #[derive(serde::Deserialize)]
/// struct Reading {
///     temperature: f64,
/// }
/// let reading: Reading = record.json()?;
/// println!("{} at {}: {}", record.partition_key, record.sequence_number, reading.temperature);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Received {
    /// What it carries.
    pub data: Bytes,
    /// The key its producer gave.
    pub partition_key: String,
    /// The hash key its producer set over the partition key's. Known only of a record out of an aggregate.
    pub explicit_hash_key: Option<u128>,
    /// The decimal number of its Kinesis record in the shard.
    pub sequence_number: String,
    /// Its place in its Kinesis record, from 0: other than 0 only in an aggregate.
    pub sub_sequence_number: u64,
    /// The shard it was read from.
    pub shard_id: Arc<str>,
    /// When the service took it, to the millisecond; `None` if the service did not say.
    pub arrived: Option<SystemTime>,
    /// How the service keeps it: [`EncryptionType::Kms`], or [`EncryptionType::None`].
    pub encryption: EncryptionType,
}

impl Received {
    /// Its data, read as JSON.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the data is not JSON, or not of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.data).map_err(|error| {
            Error::Misuse(format!(
                "record {} of {}: not the JSON asked for: {error}",
                self.sequence_number, self.shard_id
            ))
        })
    }

    /// Appends what the service's `record` holds to `all`: one record, or with `taken_apart` those of an aggregate.
    pub(crate) fn append(record: Record, shard_id: &Arc<str>, taken_apart: bool, all: &mut Vec<Self>) {
        let arrived = record.approximate_arrival_timestamp.and_then(|date| SystemTime::try_from(date).ok());
        let whole = Self {
            data: record.data.into_inner().into(),
            partition_key: record.partition_key.unwrap_or_default(),
            explicit_hash_key: None,
            sequence_number: record.sequence_number,
            sub_sequence_number: 0,
            shard_id: Arc::clone(shard_id),
            arrived,
            encryption: record.encryption_type.unwrap_or(EncryptionType::None),
        };
        let Some(parts) = taken_apart.then(|| deaggregate(&whole.data)).flatten() else { return all.push(whole) };
        all.extend((0..).zip(parts).map(|(sub_sequence_number, part)| Self {
            data: part.data,
            partition_key: String::from_utf8_lossy(&part.partition_key).into_owned(),
            explicit_hash_key: part.explicit_hash_key,
            sub_sequence_number,
            ..whole.clone()
        }));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aws_sdk_kinesis::primitives::Blob;

    /// Two records, "a" and "bb" under the keys p and q, as the Kinesis Producer Library would aggregate them.
    pub(crate) const AGGREGATE: &[u8] =
        b"\xf3\x89\x9a\xc2\x0a\x01p\x0a\x01q\x1a\x05\x08\x00\x1a\x01a\x1a\x06\x08\x01\x1a\x02bb\
        \x7b\x7f\x43\x44\x90\x92\x85\x4d\x76\x42\x85\xed\xcf\xa2\x74\x91";

    fn record(data: &[u8]) -> Record {
        let record = Record::builder().sequence_number("49").partition_key("k").data(Blob::new(data));
        record.build().unwrap()
    }

    fn read(data: &[u8], taken_apart: bool) -> Vec<Received> {
        let mut all = Vec::new();
        Received::append(record(data), &"shardId-000000000000".into(), taken_apart, &mut all);
        all
    }

    #[test]
    fn a_plain_record_comes_as_it_is() {
        let all = read(b"{\"a\":1}", true);
        assert_eq!((all.len(), &*all[0].partition_key, all[0].sub_sequence_number), (1, "k", 0));
        assert_eq!(all[0].json::<serde_json::Value>().unwrap(), serde_json::json!({"a": 1}));
        assert!(matches!(all[0].json::<u32>(), Err(Error::Misuse(_))));
    }

    #[test]
    fn an_aggregate_comes_in_parts_unless_it_is_wanted_whole() {
        let parts = read(AGGREGATE, true);
        let parts: Vec<_> =
            parts.iter().map(|part| (&*part.partition_key, &*part.data, part.sub_sequence_number)).collect();
        assert_eq!(parts, [("p", b"a".as_slice(), 0), ("q", b"bb".as_slice(), 1)]);
        assert_eq!(read(AGGREGATE, false)[0].data, AGGREGATE);
    }
}
