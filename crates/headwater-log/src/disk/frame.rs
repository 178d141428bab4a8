//! The bytes of blocks: pure encoding and decoding, nothing else.
//!
//! A *block* is a run of entries of one log under one checksum; it is what the index points at and what is read whole.
//! Invariant: whatever bytes come in, decoding answers with the entries that were encoded or with nothing.
//! Every number is little endian; every checksum is CRC32C begun with the folder's salt, so that a record that imitates
//! our frames does not pass for one.
use crate::{
    Entry, LogGroup, LogId, Seq, Stamp,
    rules::{Rule, is_left_out},
};
use bytes::Bytes;

/// Groups begin at multiples of this, and two groups never share such a sector: a crash may garble a sector that is
/// being written.
pub(super) const SECTOR: usize = 4096;
/// Bytes of a block before its body.
pub(super) const BLOCK_HEAD: usize = 64;
/// A block is closed once its body has reached this; a single larger entry has a block of its own.
pub(super) const BLOCK_BODY: usize = 128 << 10;
/// First bytes of a block behind its checksum.
pub(super) const BLOCK_MAGIC: [u8; 4] = *b"HWb1";

/// What a block says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BlockHead {
    pub(super) log: LogId,
    pub(super) count: u32,
    /// Bytes behind the head.
    pub(super) body_len: u32,
    /// Last place less the first.
    pub(super) span: u32,
    pub(super) first_seq: u64,
    pub(super) first_time_ms: u64,
    /// The group's number in the journal; the run's in a run.
    pub(super) commit: u64,
}

impl BlockHead {
    /// Bytes of the whole block.
    pub(super) fn len(&self) -> usize {
        BLOCK_HEAD + self.body_len as usize
    }

    /// The first place behind the block.
    pub(super) fn next_seq(&self) -> u64 {
        self.first_seq.saturating_add(u64::from(self.span)).saturating_add(1)
    }

    /// The block at the beginning of `bytes`, if there is one whose checksum holds.
    pub(super) fn check(salt: u32, bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let crc = fields.u32()?;
        let head = Self::parse(fields)?;
        let covered = bytes.get(4..head.len())?;
        (crc32c::crc32c_append(salt, covered) == crc || is_left_out(Rule::ChecksumsAreChecked)).then_some(head)
    }

    /// What the bytes claim, before any checksum was looked at.
    pub(super) fn claim(bytes: &[u8]) -> Option<Self> {
        Self::parse(Fields(bytes.get(4..)?))
    }

    fn parse(mut fields: Fields<'_>) -> Option<Self> {
        if fields.take::<4>()? != BLOCK_MAGIC {
            return None;
        }
        let head = Self {
            log: fields.log()?,
            count: fields.u32()?,
            body_len: fields.u32()?,
            span: fields.u32()?,
            first_seq: fields.u64()?,
            first_time_ms: fields.u64()?,
            commit: fields.u64()?,
        };
        (head.count > 0).then_some(head)
    }

    fn encode(&self) -> [u8; BLOCK_HEAD - 4] {
        let mut out = Vec::with_capacity(BLOCK_HEAD);
        out.extend_from_slice(&BLOCK_MAGIC);
        put_log(&mut out, self.log);
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.body_len.to_le_bytes());
        out.extend_from_slice(&self.span.to_le_bytes());
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        out.extend_from_slice(&self.first_time_ms.to_le_bytes());
        out.extend_from_slice(&self.commit.to_le_bytes());
        out.first_chunk().copied().unwrap_or([0; BLOCK_HEAD - 4])
    }
}

/// A block under construction at the end of a buffer.
pub(super) struct BlockWriter {
    start: usize,
    head: BlockHead,
    last: Stamp,
}

impl BlockWriter {
    /// Begins a block of `log` at the end of `out`; `first` is the stamp of the entry that is pushed first.
    pub(super) fn begin(out: &mut Vec<u8>, log: LogId, first: Stamp, commit: u64) -> Self {
        let start = out.len();
        out.resize(start + BLOCK_HEAD, 0);
        let (first_seq, first_time_ms) = (first.seq.0, first.time_ms);
        let head = BlockHead { log, count: 0, body_len: 0, span: 0, first_seq, first_time_ms, commit };
        Self { start, head, last: first }
    }

    /// Where it begins in the buffer.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// True once the block should be closed before an entry of `len` bytes at `seq` comes.
    pub(super) fn is_full(&self, out: &[u8], len: usize, seq: u64) -> bool {
        let body = out.len() - self.start - BLOCK_HEAD;
        body + len > BLOCK_BODY || seq - self.head.first_seq > u64::from(u32::MAX)
    }

    /// Adds the next entry.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, stamp: Stamp, bytes: &[u8]) {
        put_varint(out, stamp.seq.0.saturating_sub(self.last.seq.0));
        put_varint(out, stamp.time_ms.saturating_sub(self.last.time_ms));
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
        self.head.count += 1;
        self.last = stamp;
    }

    /// Fills in the head and the checksum.
    pub(super) fn finish(mut self, out: &mut [u8], salt: u32) -> BlockHead {
        let body = out.len() - self.start - BLOCK_HEAD;
        self.head.body_len = u32_of(body);
        self.head.span = u32_of_u64(self.last.seq.0 - self.head.first_seq);
        if let Some(block) = out.get_mut(self.start..) {
            fill(block, 4, &self.head.encode());
            let crc = crc32c::crc32c_append(salt, block.get(4..).unwrap_or_default());
            fill(block, 0, &crc.to_le_bytes());
        }
        self.head
    }
}

/// The entries of a block that has been checked, as slices of it. `block` begins with the head.
pub(super) struct Entries {
    block: Bytes,
    at: usize,
    left: u32,
    last: Stamp,
}

impl Entries {
    pub(super) fn of(head: &BlockHead, block: Bytes) -> Self {
        let last = Stamp { seq: Seq(head.first_seq), time_ms: head.first_time_ms };
        Self { block, at: BLOCK_HEAD, left: head.count, last }
    }

    fn step(&mut self) -> Option<Entry> {
        let mut fields = Fields(self.block.get(self.at..)?);
        let before = fields.0.len();
        let seq = Seq(self.last.seq.0.checked_add(fields.varint()?)?);
        let time_ms = self.last.time_ms.checked_add(fields.varint()?)?;
        let len = usize::try_from(fields.varint()?).ok()?;
        let start = self.at + before - fields.0.len();
        let end = start.checked_add(len).filter(|end| *end <= self.block.len())?;
        (self.at, self.last) = (end, Stamp { seq, time_ms });
        Some(Entry { stamp: self.last, bytes: self.block.slice(start..end) })
    }
}

impl Iterator for Entries {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        self.left = self.left.checked_sub(1)?;
        self.step()
    }
}

/// Reads fixed-width fields off the front of a slice; `None` once it is too short.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn log(&mut self) -> Option<LogId> {
        let group = LogGroup(u128::from_le_bytes(self.take()?));
        Some(LogId { group, part: self.u32()? })
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

pub(super) fn put_log(out: &mut Vec<u8>, log: LogId) {
    out.extend_from_slice(&log.group.0.to_le_bytes());
    out.extend_from_slice(&log.part.to_le_bytes());
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Overwrites `bytes` from `at` on.
pub(super) fn fill(bytes: &mut [u8], at: usize, with: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + with.len()) {
        place.copy_from_slice(with);
    }
}

/// Sizes inside one file stay below 4 GiB: the writer cuts them so.
pub(super) fn u32_of(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

pub(super) fn u32_of_u64(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOG: LogId = LogId::new(LogGroup(7), 3);

    fn encode(entries: &[(u64, u64, Vec<u8>)]) -> (Vec<Entry>, Vec<u8>) {
        let (mut seq, mut time_ms) = (0, 0);
        let stamped = entries.iter().map(|(seq_step, time_step, bytes)| {
            (seq, time_ms) = (seq + seq_step, time_ms + time_step);
            Entry { stamp: Stamp { seq: Seq(seq), time_ms }, bytes: Bytes::from(bytes.clone()) }
        });
        let stamped: Vec<Entry> = stamped.collect();
        let mut out = Vec::new();
        let mut block = BlockWriter::begin(&mut out, LOG, stamped[0].stamp, 9);
        stamped.iter().for_each(|entry| block.push(&mut out, entry.stamp, &entry.bytes));
        block.finish(&mut out, 5);
        (stamped, out)
    }

    fn entries() -> impl Strategy<Value = Vec<(u64, u64, Vec<u8>)>> {
        prop::collection::vec((1..1u64 << 20, 0..1u64 << 50, prop::collection::vec(any::<u8>(), 0..300)), 1..20)
    }

    proptest! {
        #[test]
        fn a_block_gives_back_its_entries(entries in entries()) {
            let (stamped, block) = encode(&entries);
            let head = BlockHead::check(5, &block).unwrap();
            prop_assert_eq!((head.log, head.commit, head.len()), (LOG, 9, block.len()));
            prop_assert_eq!(head.next_seq(), stamped.last().unwrap().stamp.seq.0 + 1);
            prop_assert_eq!(Entries::of(&head, Bytes::from(block)).collect::<Vec<_>>(), stamped);
        }

        #[test]
        fn a_flipped_bit_or_another_salt_is_noticed(entries in entries(), at: prop::sample::Index, bit in 0..8) {
            let (_, mut block) = encode(&entries);
            prop_assert_eq!(BlockHead::check(6, &block), None);
            let at = at.index(block.len());
            block[at] ^= 1u8 << bit;
            prop_assert_eq!(BlockHead::check(5, &block), None);
        }

        #[test]
        fn garbage_never_panics(head: [u8; 32], bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let block = [&head[..], &bytes].concat();
            let _ = BlockHead::check(5, &block);
            if let Some(head) = BlockHead::parse(Fields(&[&BLOCK_MAGIC[..], &block].concat())) {
                assert!(Entries::of(&head, Bytes::from(block)).count() <= head.count as usize);
            }
        }
    }
}
