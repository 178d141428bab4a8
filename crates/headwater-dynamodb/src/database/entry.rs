//! The entries of the lane's log: who decides, what was decided, and what is only read up to.
//!
//! Invariant: decisions are numbered without gaps. One counts only under the newest `Owner` before it and if it bears the
//! number after the last that counts – so what was decided upon a decision that never reached the log does not count.
use super::change::{self, Change};
use bytes::{Buf, BufMut, Bytes};

const OWNER: u8 = 1;
const DECISION: u8 = 2;
const BARRIER: u8 = 3;

/// One entry.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    /// From here on decisions are made under this epoch.
    Owner { epoch: u64 },
    /// A decision: its epoch, its number and its changes' bytes.
    Decision { epoch: u64, number: u64, changes: Bytes },
    /// Nothing: who has read it has read everything before it.
    Barrier,
}

/// 1, the epoch (8 bytes, little endian).
pub(crate) fn owner(epoch: u64) -> Bytes {
    let mut bytes = Vec::with_capacity(9);
    bytes.put_u8(OWNER);
    bytes.put_u64_le(epoch);
    bytes.into()
}

/// 2, epoch and number (8 bytes each, little endian), the changes.
pub(crate) fn decision(epoch: u64, number: u64, changes: &[Change]) -> Bytes {
    let mut bytes = Vec::with_capacity(17 + change::room(changes));
    bytes.put_u8(DECISION);
    bytes.put_u64_le(epoch);
    bytes.put_u64_le(number);
    change::encode(changes, &mut bytes);
    bytes.into()
}

/// 3.
pub(crate) const fn barrier() -> Bytes {
    Bytes::from_static(&[BARRIER])
}

/// The entry, if it is one.
pub(crate) fn parse(mut bytes: Bytes) -> Option<Entry> {
    match bytes.try_get_u8().ok()? {
        OWNER => Some(Entry::Owner { epoch: bytes.try_get_u64_le().ok()? }),
        DECISION => {
            let epoch = bytes.try_get_u64_le().ok()?;
            let number = bytes.try_get_u64_le().ok()?;
            Some(Entry::Decision { epoch, number, changes: bytes })
        }
        BARRIER => Some(Entry::Barrier),
        _ => None,
    }
}
