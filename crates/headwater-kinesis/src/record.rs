//! What stands in a shard's log: records, and the one marker that seals it.
//!
//! Invariant: the first byte tells the kinds apart, so a reader can pass over kinds it need not know; a record decodes
//! into slices of the entry, without copying its data. A record (bytes): kind 1 (1), flags (1), length of the partition
//! key (2, little endian), the explicit hash key if flagged (16, little endian), the partition key, the data. An
//! encrypted one: kind 3 (1), a whole record as ciphertext.
use bytes::Bytes;

const RECORD: u8 = 1;
const SEAL: u8 = 2;
const ENCRYPTED: u8 = 3;
const HAS_KEY: u8 = 1;
const HAS_HASH_KEY: u8 = 2;
const HEAD_BYTES: usize = 4;

/// A record as it stands in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    /// Absent only where the stream distributes records by itself.
    pub(crate) partition_key: Option<Bytes>,
    /// The hash key its producer set over the partition key's.
    pub(crate) explicit_hash_key: Option<u128>,
    pub(crate) data: Bytes,
}

/// An entry of a shard's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ShardEntry {
    Record(Record),
    /// A record that a data key of the stream opens.
    Encrypted(Bytes),
    /// Nothing behind the first of these belongs to the shard.
    Seal,
}

/// A record's entry. A partition key has at most 256 characters, so its length fits.
pub(crate) fn encode(partition_key: Option<&str>, explicit_hash_key: Option<u128>, data: &[u8]) -> Bytes {
    let key = partition_key.unwrap_or_default().as_bytes();
    let key_length = u16::try_from(key.len()).unwrap_or(u16::MAX);
    let key = &key[..usize::from(key_length)];
    let mut bytes = Vec::with_capacity(HEAD_BYTES + 16 + key.len() + data.len());
    let flag = |is: bool, bit: u8| if is { bit } else { 0 };
    bytes.push(RECORD);
    bytes.push(flag(partition_key.is_some(), HAS_KEY) | flag(explicit_hash_key.is_some(), HAS_HASH_KEY));
    bytes.extend_from_slice(&key_length.to_le_bytes());
    if let Some(hash_key) = explicit_hash_key {
        bytes.extend_from_slice(&hash_key.to_le_bytes());
    }
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(data);
    Bytes::from(bytes)
}

/// The entry of an encrypted record; `sealed` is the ciphertext of what [`encode`] gave.
pub(crate) fn encode_encrypted(sealed: &[u8]) -> Bytes {
    Bytes::from([&[ENCRYPTED], sealed].concat())
}

/// The marker's entry.
pub(crate) fn encode_seal() -> Bytes {
    Bytes::from_static(&[SEAL])
}

/// Whether `entry` is the marker, without decoding anything else.
pub(crate) fn is_seal(entry: &[u8]) -> bool {
    entry.first() == Some(&SEAL)
}

/// What `entry` says; `None` if it is of no kind known here or too short for its kind.
pub(crate) fn decode(entry: &Bytes) -> Option<ShardEntry> {
    match *entry.first()? {
        SEAL => Some(ShardEntry::Seal),
        ENCRYPTED => Some(ShardEntry::Encrypted(entry.slice(1..))),
        RECORD => {
            let (head, rest) = entry.split_first_chunk::<HEAD_BYTES>()?;
            let [_, flags, low, high] = *head;
            let mut at = HEAD_BYTES;
            let mut explicit_hash_key = None;
            if flags & HAS_HASH_KEY != 0 {
                explicit_hash_key = Some(u128::from_le_bytes(*rest.first_chunk::<16>()?));
                at += 16;
            }
            let data_at = at + usize::from(u16::from_le_bytes([low, high]));
            if data_at > entry.len() {
                return None;
            }
            let partition_key = (flags & HAS_KEY != 0).then(|| entry.slice(at..data_at));
            Some(ShardEntry::Record(Record { partition_key, explicit_hash_key, data: entry.slice(data_at..) }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_seal_is_a_seal_and_noise_is_nothing() {
        assert_eq!(decode(&encode_seal()), Some(ShardEntry::Seal));
        assert!(is_seal(&encode_seal()) && !is_seal(&encode(Some("k"), None, b"")));
        for noise in [&b""[..], &[0], &[RECORD], &[RECORD, HAS_KEY, 9, 0, 1], &[RECORD, HAS_HASH_KEY, 0, 0, 1]] {
            assert_eq!(decode(&Bytes::copy_from_slice(noise)), None, "{noise:?}");
        }
    }

    #[test]
    fn data_is_a_slice_of_the_entry() {
        let entry = encode(Some("key"), None, b"data");
        let Some(ShardEntry::Record(record)) = decode(&entry) else { panic!("no record") };
        assert_eq!(record.data.as_ptr(), entry[entry.len() - 4..].as_ptr());
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(key in proptest::option::of(".{0,256}"), hash in any::<Option<u128>>(),
                                       data in any::<Vec<u8>>()) {
            let entry = encode(key.as_deref(), hash, &data);
            let partition_key = key.map(|key| Bytes::from(key.into_bytes()));
            let record = Record { partition_key, explicit_hash_key: hash, data: Bytes::from(data) };
            prop_assert_eq!(decode(&entry), Some(ShardEntry::Record(record)));
        }
    }
}
