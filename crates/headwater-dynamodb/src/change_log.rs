//! One change of an item as a stream keeps it: when, why, and what the item was and is.
use bytes::{Buf, BufMut, Bytes};

/// A change, read back; the images are stored items.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) time_ms: u64,
    /// The item's time had come.
    pub(crate) is_expiry: bool,
    pub(crate) old: Option<Bytes>,
    pub(crate) new: Option<Bytes>,
}

const HAS_NEW: u8 = 1;
const HAS_OLD: u8 = 2;
const EXPIRED: u8 = 4;

impl Record {
    /// Time (8 bytes), flags (1), then new and old image behind their lengths (4 each), those that are there.
    pub(crate) fn encode(&self) -> Bytes {
        let length = |image: &Option<Bytes>| image.as_ref().map_or(0, |image| image.len() + 4);
        let mut out = Vec::with_capacity(9 + length(&self.new) + length(&self.old));
        out.put_u64_le(self.time_ms);
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        out.put_u8(
            flag(self.new.is_some(), HAS_NEW) | flag(self.old.is_some(), HAS_OLD) | flag(self.is_expiry, EXPIRED),
        );
        for image in self.new.iter().chain(&self.old) {
            out.put_u32_le(u32::try_from(image.len()).unwrap_or(u32::MAX));
            out.put_slice(image);
        }
        out.into()
    }

    /// `None` if the bytes are not a change.
    pub(crate) fn decode(mut bytes: Bytes) -> Option<Self> {
        let time_ms = bytes.try_get_u64_le().ok()?;
        let flags = bytes.try_get_u8().ok()?;
        let mut image = |flag: u8| {
            if flags & flag == 0 {
                return Some(None);
            }
            let length = bytes.try_get_u32_le().ok()? as usize;
            (length <= bytes.len()).then(|| Some(bytes.split_to(length)))
        };
        let new = image(HAS_NEW)?;
        let old = image(HAS_OLD)?;
        Some(Self { time_ms, is_expiry: flags & EXPIRED != 0, old, new })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_back() {
        for (old, new) in [(None, Some("n")), (Some("old"), None), (Some(""), Some("new"))] {
            let bytes = |image: Option<&'static str>| image.map(|image| Bytes::from_static(image.as_bytes()));
            let record = Record { time_ms: 7, is_expiry: old.is_some(), old: bytes(old), new: bytes(new) };
            let encoded = record.encode();
            assert_eq!(Record::decode(encoded.clone()), Some(record));
            assert_eq!(Record::decode(encoded.slice(..encoded.len() - 1)), None);
        }
    }
}
