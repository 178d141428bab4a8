//! The record aggregation format of the Kinesis Producer Library: many user records in one Kinesis record.
//!
//! Invariant: bytes are taken apart only if they are exactly an aggregate – magic, a well-formed message in which every
//! index points somewhere, and the right digest; anything else is a plain record, so no byte is ever lost. Keys and
//! data are slices of the record. An aggregate: magic `F3 89 9A C2`, a protobuf message, MD5 of the message (16). The
//! message: partition keys (1, repeated string), explicit hash keys (2, repeated string), records (3, repeated), of
//! which each has the index of its partition key (1), perhaps that of an explicit hash key (2), its data (3) and tags
//! (4, repeated) of a key (1) and perhaps a value (2).
use std::collections::HashMap;

use bytes::Bytes;
use md5::{Digest, Md5};

const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const DIGEST_BYTES: usize = 16;
/// Keys, records and tags of an aggregate at most. A key can take two bytes and unfold to many times that in memory.
const PARTS: usize = 1 << 18;

/// One of the records in an aggregate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserRecord {
    /// UTF-8.
    pub partition_key: Bytes,
    /// The hash key its producer set over the partition key's.
    pub explicit_hash_key: Option<u128>,
    /// What it carries.
    pub data: Bytes,
    /// Keys and values, both UTF-8; the producer library writes none.
    pub tags: Vec<(Bytes, Option<Bytes>)>,
}

/// The user records in `data`, in order; `None` if it is a plain record. An aggregate without records is a plain record,
/// and so is one with more parts than [`PARTS`].
#[must_use]
pub fn deaggregate(data: &Bytes) -> Option<Vec<UserRecord>> {
    let (message, digest) = data.strip_prefix(&MAGIC)?.split_last_chunk::<DIGEST_BYTES>()?;
    if Md5::digest(message).as_slice() != digest {
        return None;
    }
    let (mut keys, mut hash_keys, mut records) = (Vec::new(), Vec::new(), Vec::new());
    let mut fields = Fields(data.slice_ref(message));
    let mut left = PARTS;
    while let Some((number, value)) = fields.next()? {
        left = left.checked_sub(1)?;
        match (number, value) {
            (1, Value::Bytes(key)) => keys.push(text(key)?),
            (2, Value::Bytes(key)) => hash_keys.push(hash_key(&key)?),
            // Read when both tables are whole: fields may come in any order.
            (3, Value::Bytes(record)) => records.push(record),
            (1..=3, Value::Other(_)) => return None,
            _ => {}
        }
    }
    let records: Option<Vec<_>> =
        records.into_iter().map(|record| user_record(record, &keys, &hash_keys, &mut left)).collect();
    records.filter(|records| !records.is_empty())
}

fn user_record(message: Bytes, keys: &[Bytes], hash_keys: &[u128], left: &mut usize) -> Option<UserRecord> {
    let (mut partition_key, mut explicit_hash_key, mut data, mut tags) = (None, None, None, Vec::new());
    let mut fields = Fields(message);
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Other(index)) => partition_key = Some(keys.get(usize::try_from(index).ok()?)?.clone()),
            (2, Value::Other(index)) => explicit_hash_key = Some(*hash_keys.get(usize::try_from(index).ok()?)?),
            (3, Value::Bytes(bytes)) => data = Some(bytes),
            (4, Value::Bytes(message)) => {
                *left = left.checked_sub(1)?;
                tags.push(tag(message)?);
            }
            (1..=4, _) => return None,
            _ => {}
        }
    }
    Some(UserRecord { partition_key: partition_key?, explicit_hash_key, data: data?, tags })
}

fn tag(message: Bytes) -> Option<(Bytes, Option<Bytes>)> {
    let (mut key, mut value) = (None, None);
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Value::Bytes(bytes)) => key = Some(text(bytes)?),
            (2, Value::Bytes(bytes)) => value = Some(text(bytes)?),
            (1..=2, Value::Other(_)) => return None,
            _ => {}
        }
    }
    Some((key?, value))
}

fn text(bytes: Bytes) -> Option<Bytes> {
    std::str::from_utf8(&bytes).is_ok().then_some(bytes)
}

fn hash_key(digits: &[u8]) -> Option<u128> {
    let digits = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
    digits.parse().ok()
}

/// A protobuf message, field by field.
struct Fields(Bytes);

enum Value {
    /// Strings, bytes and messages.
    Bytes(Bytes),
    /// An integer; the bits of what has a fixed width, which the format uses nowhere.
    Other(u64),
}

impl Fields {
    /// The next field's number and value, `Some(None)` at the end; `None` if what stands there is no field.
    fn next(&mut self) -> Option<Option<(u64, Value)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Other(self.varint()?),
            1 => Value::Other(u64::from_le_bytes(self.take(8)?.as_ref().try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Other(u32::from_le_bytes(self.take(4)?.as_ref().try_into().ok()?).into()),
            _ => return None,
        };
        // Numbers are of 29 bits, from 1.
        let number = tag >> 3;
        (1..1 << 29).contains(&number).then_some(Some((number, value)))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (at, byte) in self.0.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * at);
            if shifted >> (7 * at) != bits {
                return None;
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                let _ = self.0.split_to(at + 1);
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }
}

/// One record's data that carries all of `records`. Keys that occur more than once are written once.
#[must_use]
pub fn aggregate(records: &[UserRecord]) -> Bytes {
    let (mut keys, mut hash_keys) = (Table::default(), Table::default());
    let mut messages = Vec::new();
    for record in records {
        let mut message = Vec::with_capacity(record.data.len() + 16);
        put_integer(&mut message, 1, keys.index(&record.partition_key));
        if let Some(hash_key) = record.explicit_hash_key {
            put_integer(&mut message, 2, hash_keys.index(&Bytes::from(hash_key.to_string())));
        }
        put_bytes(&mut message, 3, &record.data);
        for (key, value) in &record.tags {
            let mut tag = Vec::new();
            put_bytes(&mut tag, 1, key);
            if let Some(value) = value {
                put_bytes(&mut tag, 2, value);
            }
            put_bytes(&mut message, 4, &tag);
        }
        put_bytes(&mut messages, 3, &message);
    }
    let mut data = MAGIC.to_vec();
    keys.entries.iter().for_each(|key| put_bytes(&mut data, 1, key));
    hash_keys.entries.iter().for_each(|key| put_bytes(&mut data, 2, key));
    data.extend_from_slice(&messages);
    let digest = Md5::digest(data.get(MAGIC.len()..).unwrap_or_default());
    data.extend_from_slice(&digest);
    Bytes::from(data)
}

/// Strings in the order they first occur.
#[derive(Default)]
struct Table {
    entries: Vec<Bytes>,
    places: HashMap<Bytes, u64>,
}

impl Table {
    fn index(&mut self, entry: &Bytes) -> u64 {
        let next = self.places.len() as u64;
        *self.places.entry(entry.clone()).or_insert_with(|| {
            self.entries.push(entry.clone());
            next
        })
    }
}

fn put_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    message.push((value & 0x7f) as u8);
}

fn put_integer(message: &mut Vec<u8>, number: u64, value: u64) {
    put_varint(message, number << 3);
    put_varint(message, value);
}

fn put_bytes(message: &mut Vec<u8>, number: u64, value: &[u8]) {
    put_varint(message, number << 3 | 2);
    put_varint(message, value.len() as u64);
    message.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, option, prelude::*};

    fn record(key: &str, hash_key: Option<u128>, data: &str) -> UserRecord {
        let [partition_key, data] = [key, data].map(|text| Bytes::copy_from_slice(text.as_bytes()));
        UserRecord { partition_key, explicit_hash_key: hash_key, data, tags: vec![] }
    }

    /// `message` as an aggregate, whatever it is.
    fn sealed(message: &[u8]) -> Bytes {
        Bytes::from([&MAGIC, message, Md5::digest(message).as_slice()].concat())
    }

    /// `sealed`, then taken apart.
    fn taken_apart(message: &[u8]) -> Option<Vec<UserRecord>> {
        deaggregate(&sealed(message))
    }

    /// What the aggregator of AWS's Python module wrote for the records the test names.
    const AWS: &str = "f3899ac20a056b65792d610a056b65792d62122733343032383233363639323039333834363334363333373436303734333137\
        36383231313435351201371a0708001a036f6e651a06080110001a001a08080010011a0200ffea5e744a967db0e274045b27592bd449";

    #[test]
    fn an_aggregate_of_awss_is_taken_apart_and_written_alike() {
        let bytes: Vec<u8> =
            (0..AWS.len()).step_by(2).map(|at| u8::from_str_radix(&AWS[at..at + 2], 16).unwrap()).collect();
        let mut records =
            [record("key-a", None, "one"), record("key-b", Some(u128::MAX), ""), record("key-a", Some(7), "")];
        records[2].data = Bytes::from_static(b"\x00\xff");
        assert_eq!(deaggregate(&Bytes::from(bytes.clone())).as_deref(), Some(&records[..]));
        assert_eq!(aggregate(&records), bytes);
    }

    #[test]
    fn data_and_keys_are_slices_of_the_record() {
        let data = aggregate(&[record("key", None, "data")]);
        let inside = |part: &Bytes| data.as_ptr_range().contains(&part.as_ptr());
        let records = deaggregate(&data).unwrap();
        assert!(inside(&records[0].data) && inside(&records[0].partition_key));
    }

    #[test]
    fn any_changed_bit_makes_a_plain_record() {
        let data = aggregate(&[record("key", Some(1), "data")]);
        for bit in 0..data.len() * 8 {
            let mut bent = data.to_vec();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(deaggregate(&Bytes::from(bent)), None, "bit {bit}");
        }
        assert_eq!(deaggregate(&data.slice(..data.len() - 1)), None);
    }

    #[test]
    fn an_aggregate_of_more_parts_than_are_kept_is_a_plain_record() {
        let empty = b"\x1a\x04\x08\x00\x1a\x00";
        let of = |records: usize| taken_apart(&[b"\x0a\x00".as_slice(), &empty.repeat(records)].concat());
        assert_eq!(of(PARTS - 1).map(|records| records.len()), Some(PARTS - 1));
        assert_eq!(of(PARTS), None);
        let many_tags = UserRecord { tags: vec![(Bytes::new(), None); PARTS], ..record("key", None, "") };
        assert_eq!(deaggregate(&aggregate(&[many_tags])), None);
    }

    #[test]
    fn fields_may_come_in_any_order_and_unknown_ones_are_passed_over() {
        let message = b"\x1a\x10\x1a\x01d\x28\x05\x31ZZZZZZZZ\x08\x00\x0a\x01k";
        assert_eq!(taken_apart(message), Some(vec![record("k", None, "d")]));
    }

    #[test]
    fn what_is_not_exactly_an_aggregate_is_a_plain_record() {
        for (message, why) in [
            (&b""[..], "empty"),
            (b"\x0a\x01k", "no record"),
            (b"\x0a\x01k\x1a\x05\x08\x01\x1a\x01d", "no such key"),
            (b"\x0a\x01k\x1a\x07\x08\x00\x10\x00\x1a\x01d", "no such hash key"),
            (b"\x0a\x01k\x1a\x03\x1a\x01d", "no key index"),
            (b"\x0a\x01k\x1a\x02\x08\x00", "no data"),
            (b"\x0a\x01\xff\x1a\x05\x08\x00\x1a\x01d", "key is not UTF-8"),
            (b"\x0a\x01k\x12\x02+1\x1a\x05\x08\x00\x1a\x01d", "hash key is no number"),
            (b"\x0a\x01k\x1a\x09\x08\x00\x1a\x01d", "record is cut"),
            (b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01d\x0b", "group"),
            (b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01d\x00\x00", "field number 0"),
            (b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01d\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "integer over 64 bits"),
            (b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01d\x08\x00", "key of another type"),
            (b"\x0a\x01k\x1a\x09\x08\x00\x1a\x01d\x22\x02\x12\x00", "tag without key"),
        ] {
            assert_eq!(taken_apart(message), None, "{why}");
        }
        assert!(taken_apart(b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01d").is_some());
    }

    fn user_records() -> impl Strategy<Value = Vec<UserRecord>> {
        let tag = (".{0,5}", option::of(".{0,5}")).prop_map(|(key, value)| (key.into(), value.map(Bytes::from)));
        let record = ("[abc]{0,2}|.{0,256}", any::<Option<u128>>(), any::<Vec<u8>>(), vec(tag, 0..3));
        let record = record.prop_map(|(partition_key, explicit_hash_key, data, tags)| UserRecord {
            partition_key: partition_key.into(),
            explicit_hash_key,
            data: data.into(),
            tags,
        });
        vec(record, 1..20)
    }

    proptest! {
        #[test]
        fn what_was_aggregated_is_taken_apart(records in user_records()) {
            prop_assert_eq!(deaggregate(&aggregate(&records)), Some(records));
        }

        #[test]
        fn noise_is_never_a_panic(noise in any::<Vec<u8>>(), records in user_records(), at in any::<usize>(), byte: u8) {
            let _ = deaggregate(&sealed(&noise));
            let data = aggregate(&records);
            let mut message = data[4..data.len() - 16].to_vec();
            let at = at % message.len();
            message[at] = byte;
            taken_apart(&message);
        }
    }
}
