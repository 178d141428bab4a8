//! A record that is to be written. Invariant: whatever no stream would take was refused when it was made.
use crate::{Error, Result};
use bytes::Bytes;
use headwater_aggregation::UserRecord;
use serde::Serialize;

/// Characters of a partition key at most.
const KEY_CHARS: usize = 256;
/// Data and partition key at most. A stream may take less: what it takes by default is 1 MiB.
const RECORD_BYTES: usize = 10 << 20;

/// A record that is to be written: data, the key that says where it belongs, and perhaps more about its place.
///
/// The data is bytes, anything `serde` can write as JSON, or what an encoder of the caller's makes:
///
/// ```
/// # use headwater_client::{Record, Result};
/// # fn main() -> Result<()> {
/// let bytes = Record::bytes("sensor-1", vec![1, 2, 3])?;
/// let json = Record::json("sensor-1", &("temperature", 21))?;
/// assert_eq!(json.data(), br#"["temperature",21]"#);
/// let hex = Record::encoded("sensor-1", &255, |number| Ok::<_, std::fmt::Error>(format!("{number:x}")))?;
/// assert_eq!(hex.data(), b"ff");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub(crate) user: UserRecord,
    pub(crate) after: Option<String>,
}

impl Record {
    /// A record of bytes.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the key is empty or of more than 256 characters, or if data and key are more than 10 MiB.
    ///
    /// ```
    /// # use headwater_client::{Error, Record};
    /// assert!(Record::bytes("key", "text").is_ok());
    /// assert!(matches!(Record::bytes("", "text"), Err(Error::Misuse(_))));
    /// ```
    pub fn bytes(partition_key: impl Into<String>, data: impl Into<Bytes>) -> Result<Self> {
        let (partition_key, data) = (partition_key.into(), data.into());
        let chars = partition_key.chars().count();
        if !(1..=KEY_CHARS).contains(&chars) {
            return Err(Error::Misuse(format!(
                "a partition key has 1 to {KEY_CHARS} characters, and this one {chars}"
            )));
        }
        let size = data.len() + partition_key.len();
        if size > RECORD_BYTES {
            let sentence = format!("a record's data and key have {RECORD_BYTES} bytes at most, and these {size}");
            return Err(Error::Misuse(sentence));
        }
        let user = UserRecord { partition_key: partition_key.into(), data, ..UserRecord::default() };
        Ok(Self { user, after: None })
    }

    /// A record of a value's JSON.
    ///
    /// # Errors
    /// [`Error::Misuse`] as for [`Self::bytes`], and if JSON cannot say the value (keys of a map that are no strings).
    ///
    /// ```
    /// # use headwater_client::{Record, Result};
    /// # fn main() -> Result<()> {
    /// #[derive(serde::Serialize)]
    /// struct Reading {
    ///     temperature: i32,
    /// }
    /// let record = Record::json("sensor-1", &Reading { temperature: 21 })?;
    /// assert_eq!(record.data(), br#"{"temperature":21}"#);
    /// # Ok(())
    /// # }
    /// ```
    pub fn json<T: Serialize + ?Sized>(partition_key: impl Into<String>, value: &T) -> Result<Self> {
        Self::encoded(partition_key, value, |value| serde_json::to_vec(value))
    }

    /// A record of what `encoder` makes of a value.
    ///
    /// # Errors
    /// [`Error::Misuse`] as for [`Self::bytes`], and with the encoder's sentence if that fails.
    ///
    /// ```
    /// # use headwater_client::{Record, Result};
    /// # fn main() -> Result<()> {
    /// let number = 123_456_789_123_456_789_u64;
    /// let encoder = |number: &u64| Ok::<_, std::fmt::Error>(format!(r#"{{"a":{number}}}"#));
    /// let record = Record::encoded("key", &number, encoder)?;
    /// assert_eq!(record.data(), br#"{"a":123456789123456789}"#);
    /// # Ok(())
    /// # }
    /// ```
    pub fn encoded<T, D, E>(
        partition_key: impl Into<String>,
        value: &T,
        encoder: impl FnOnce(&T) -> Result<D, E>,
    ) -> Result<Self>
    where
        T: ?Sized,
        D: Into<Bytes>,
        E: std::fmt::Display,
    {
        let data = encoder(value).map_err(|error| Error::Misuse(format!("the data cannot be encoded: {error}")))?;
        Self::bytes(partition_key, data)
    }

    /// Sets the place among the shards' ranges of hash keys, over what the partition key says.
    ///
    /// ```
    /// # use headwater_client::{Record, Result};
    /// # fn main() -> Result<()> {
    /// let record = Record::bytes("key", "data")?.with_hash_key(1 << 127);
    /// assert_eq!(record.explicit_hash_key(), Some(1 << 127));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_hash_key(mut self, hash_key: u128) -> Self {
        self.user.explicit_hash_key = Some(hash_key);
        self
    }

    /// The same for a hash key in decimal digits, as the service writes it.
    ///
    /// # Errors
    /// [`Error::Misuse`] if that is no number from 0 to 2^128 - 1.
    ///
    /// ```
    /// # use headwater_client::{Error, Record, Result};
    /// # fn main() -> Result<()> {
    /// let record = Record::bytes("key", "data")?.with_hash_key_text("340282366920938463463374607431768211455")?;
    /// assert_eq!(record.explicit_hash_key(), Some(u128::MAX));
    /// assert!(matches!(record.with_hash_key_text("-1"), Err(Error::Misuse(_))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_hash_key_text(self, hash_key: &str) -> Result<Self> {
        let digits = Some(hash_key).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|text| text.parse().ok());
        let sentence =
            || Error::Misuse(format!("a hash key is a number from 0 to 2^128 - 1, and this is {hash_key:?}"));
        Ok(self.with_hash_key(number.ok_or_else(sentence)?))
    }

    /// Asks for a sequence number above that of an earlier record of the same partition key. Only
    /// [`Producer::put`](crate::Producer::put) can ask for this.
    ///
    /// # Errors
    /// [`Error::Misuse`] if that is no number.
    ///
    /// ```
    /// # use headwater_client::{Record, Result};
    /// # fn main() -> Result<()> {
    /// let earlier = "49544985256907370027570885864065577703022652638596431874";
    /// let record = Record::bytes("key", "data")?.after(earlier)?;
    /// assert_eq!(record.sequence_number_for_ordering(), Some(earlier));
    /// # Ok(())
    /// # }
    /// ```
    pub fn after(mut self, sequence_number: impl Into<String>) -> Result<Self> {
        let number = sequence_number.into();
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::Misuse(format!("a sequence number is a decimal number, and this is {number:?}")));
        }
        self.after = Some(number);
        Ok(self)
    }

    /// The data as it is sent.
    pub fn data(&self) -> &[u8] {
        &self.user.data
    }

    /// The partition key.
    pub fn partition_key(&self) -> &str {
        key_text(&self.user)
    }

    /// The hash key that was set over the partition key's.
    pub fn explicit_hash_key(&self) -> Option<u128> {
        self.user.explicit_hash_key
    }

    /// The sequence number that this record's is to be above.
    pub fn sequence_number_for_ordering(&self) -> Option<&str> {
        self.after.as_deref()
    }
}

/// The partition key of a record that was made from text.
pub(crate) fn key_text(record: &UserRecord) -> &str {
    std::str::from_utf8(&record.partition_key).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misuse(result: Result<Record>) -> bool {
        matches!(result, Err(Error::Misuse(_)))
    }

    #[test]
    fn a_key_has_1_to_256_characters_whatever_they_take() {
        assert!(misuse(Record::bytes("", "")));
        assert!(Record::bytes("ü".repeat(256), "").is_ok());
        assert!(misuse(Record::bytes("a".repeat(257), "")));
    }

    #[test]
    fn data_and_key_have_10_mebibytes_at_most() {
        assert!(Record::bytes("key", vec![0; RECORD_BYTES - 3]).is_ok());
        assert!(misuse(Record::bytes("key", vec![0; RECORD_BYTES - 2])));
    }

    #[test]
    fn a_hash_key_is_a_number_of_128_bits() {
        let record = Record::bytes("key", "").unwrap();
        for bad in ["", "+1", "-1", "0x1", " 1", "340282366920938463463374607431768211456"] {
            assert!(misuse(record.clone().with_hash_key_text(bad)), "{bad}");
        }
        assert_eq!(record.with_hash_key_text("7").unwrap().explicit_hash_key(), Some(7));
    }

    #[test]
    fn data_that_cannot_be_encoded_is_misuse() {
        let unsayable = std::collections::HashMap::from([((1, 2), 3)]);
        assert!(misuse(Record::json("key", &unsayable)));
        assert!(misuse(Record::bytes("key", "").unwrap().after("1x")));
    }
}
