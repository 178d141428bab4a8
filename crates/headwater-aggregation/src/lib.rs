//! The record aggregation format of the Kinesis Producer Library: many user records in one Kinesis record.
//!
//! Invariant: bytes are taken apart only if they are exactly an aggregate – magic, a well-formed message in which every
//! index points somewhere, and the right digest; anything else is a plain record, so no byte is ever lost. Keys and
//! data are slices of the record. An aggregate: magic `F3 89 9A C2`, a protobuf message, MD5 of the message (16). The
//! message: partition keys (1, repeated string), explicit hash keys (2, repeated string), records (3, repeated), of
//! which each has the index of its partition key (1), perhaps that of an explicit hash key (2), its data (3) and tags
//! (4, repeated) of a key (1) and perhaps a value (2).
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

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

impl UserRecord {
    /// Where the record belongs among the shards' ranges of hash keys.
    #[must_use]
    pub fn hash_key(&self) -> u128 {
        self.explicit_hash_key.unwrap_or_else(|| hash_key_of(&self.partition_key))
    }
}

/// The hash key of a partition key: MD5 as a number of 128 bits.
#[must_use]
pub fn hash_key_of(partition_key: &[u8]) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key).into())
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
    let mut aggregate = Aggregate::default();
    records.iter().for_each(|record| aggregate.push(record));
    aggregate.finish()
}

/// An aggregate that grows record by record and knows how big it is.
#[derive(Default, Debug)]
pub struct Aggregate {
    keys: Table,
    hash_keys: Table,
    /// The records' fields, encoded.
    records: Vec<u8>,
    count: usize,
}

impl Aggregate {
    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes [`Self::finish`] gives.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        MAGIC.len() + self.keys.size_bytes + self.hash_keys.size_bytes + self.records.len() + DIGEST_BYTES
    }

    /// By how many bytes `record` would make it bigger.
    #[must_use]
    pub fn growth_bytes(&self, record: &UserRecord) -> usize {
        let (key, key_growth) = self.keys.place(&record.partition_key);
        let hash_key = record.explicit_hash_key.map(|key| self.hash_keys.place(&hash_key_text(key)));
        let tags = record.tags.iter().map(|tag| field_bytes(tag_bytes(tag)));
        let message = 1
            + varint_bytes(key)
            + hash_key.map_or(0, |(place, _)| 1 + varint_bytes(place))
            + field_bytes(record.data.len())
            + tags.sum::<usize>();
        key_growth + hash_key.map_or(0, |(_, growth)| growth) + field_bytes(message)
    }

    /// Adds `record` behind the others. One of more than 2^18 keys, records and tags in all is not taken apart any more.
    pub fn push(&mut self, record: &UserRecord) {
        let mut head = Vec::with_capacity(16);
        put_integer(&mut head, 1, self.keys.index(&record.partition_key));
        if let Some(hash_key) = record.explicit_hash_key {
            put_integer(&mut head, 2, self.hash_keys.index(&hash_key_text(hash_key)));
        }
        let tags = record.tags.iter().map(|tag| field_bytes(tag_bytes(tag)));
        let length = head.len() + field_bytes(record.data.len()) + tags.sum::<usize>();
        put_varint(&mut self.records, 3 << 3 | 2);
        put_varint(&mut self.records, length as u64);
        self.records.extend_from_slice(&head);
        put_bytes(&mut self.records, 3, &record.data);
        for tag in &record.tags {
            put_varint(&mut self.records, 4 << 3 | 2);
            put_varint(&mut self.records, tag_bytes(tag) as u64);
            put_bytes(&mut self.records, 1, &tag.0);
            if let Some(value) = &tag.1 {
                put_bytes(&mut self.records, 2, value);
            }
        }
        self.count += 1;
    }

    /// The data of the record that carries them all.
    #[must_use]
    pub fn finish(self) -> Bytes {
        let mut data = Vec::with_capacity(self.size_bytes());
        data.extend_from_slice(&MAGIC);
        self.keys.entries.iter().for_each(|key| put_bytes(&mut data, 1, key));
        self.hash_keys.entries.iter().for_each(|key| put_bytes(&mut data, 2, key));
        data.extend_from_slice(&self.records);
        let digest = Md5::digest(data.get(MAGIC.len()..).unwrap_or_default());
        data.extend_from_slice(&digest);
        Bytes::from(data)
    }
}

/// Strings in the order they first occur.
#[derive(Default, Debug)]
struct Table {
    entries: Vec<Bytes>,
    places: HashMap<Bytes, u64>,
    /// What the entries take as fields.
    size_bytes: usize,
}

impl Table {
    /// The place `entry` has or would get, and by how many bytes the table would grow.
    fn place(&self, entry: &Bytes) -> (u64, usize) {
        let known = self.places.get(entry).map(|place| (*place, 0));
        known.unwrap_or_else(|| (self.places.len() as u64, field_bytes(entry.len())))
    }

    fn index(&mut self, entry: &Bytes) -> u64 {
        let (place, growth) = self.place(entry);
        if growth > 0 {
            self.places.insert(entry.clone(), place);
            self.entries.push(entry.clone());
            self.size_bytes += growth;
        }
        place
    }
}

fn hash_key_text(key: u128) -> Bytes {
    Bytes::from(key.to_string())
}

/// What bytes of this length take as a field of a number below 16.
fn field_bytes(length: usize) -> usize {
    1 + varint_bytes(length as u64) + length
}

fn tag_bytes((key, value): &(Bytes, Option<Bytes>)) -> usize {
    field_bytes(key.len()) + value.as_ref().map_or(0, |value| field_bytes(value.len()))
}

fn varint_bytes(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
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
    fn a_partition_key_hashes_as_the_service_hashes_it() {
        let record = record("key-a", None, "");
        assert_eq!(record.hash_key(), 0xeabf43b1d263e7594d24748dddc4ffd8);
        assert_eq!(UserRecord { explicit_hash_key: Some(7), ..record }.hash_key(), 7);
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
        fn an_aggregate_is_as_big_as_it_says_while_it_grows(records in user_records()) {
            let mut aggregate = Aggregate::default();
            for (count, record) in records.iter().enumerate() {
                prop_assert_eq!(aggregate.len(), count);
                let expected = aggregate.size_bytes() + aggregate.growth_bytes(record);
                aggregate.push(record);
                prop_assert_eq!(aggregate.size_bytes(), expected);
            }
            prop_assert_eq!(aggregate.size_bytes(), aggregate.finish().len());
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
