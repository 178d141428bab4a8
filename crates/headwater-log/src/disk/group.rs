//! The bytes around blocks: groups in the journal and footers of runs. Pure, like `frame`.
//!
//! A *group* is what one sync makes durable. Its head and its table (at its end) stand under one checksum, so that a
//! damaged block can be told from the others: the table says whose it was and which places it held.
use super::frame::{Fields, SECTOR, fill, put_log, u32_of};
use crate::LogId;

/// Bytes of a group before its first block.
pub(super) const GROUP_HEAD: usize = 68;
/// Bytes of one row of a group's table.
pub(super) const ROW: usize = 32;
const GROUP_MAGIC: [u8; 4] = *b"HWg1";
/// Bytes of one row of a run's footer.
pub(super) const RUN_ROW: usize = 44;
/// Bytes of what stands at the very end of a run.
pub(super) const RUN_TAIL: usize = 44;
const RUN_MAGIC: [u8; 4] = *b"HWr1";

/// What a group says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct GroupHead {
    /// The segment it was written to: a recycled file holds groups of its former lives.
    pub(super) segment: u32,
    /// The segment of the group before.
    pub(super) previous_segment: u32,
    /// Bytes from the head to the end of the table.
    pub(super) len: u32,
    /// Rows in the table.
    pub(super) rows: u32,
    /// Files numbered so far: numbers from here on were never used.
    pub(super) next_file: u32,
    /// Its number, rising along the journal.
    pub(super) commit: u64,
    /// The number of the group before; a difference to what was found says that groups are missing.
    pub(super) previous: u64,
    pub(super) first_seq: u64,
    /// First place behind the group.
    pub(super) next_seq: u64,
    pub(super) time_ms: u64,
}

/// One row of a group's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Row {
    /// A block of `len` bytes (head included), the next one of the group.
    Block { log: LogId, len: u32, first_seq: u64 },
    /// The log was trimmed up to here.
    Trim { log: LogId, before: u64 },
}

impl GroupHead {
    /// Reserves room for the head at the beginning of an empty buffer.
    pub(super) fn begin(out: &mut Vec<u8>) {
        out.resize(GROUP_HEAD, 0);
    }

    /// Adds the table, fills in the head, pads to whole sectors.
    pub(super) fn finish(mut self, out: &mut Vec<u8>, rows: &[Row], salt: u32) -> Self {
        let table = out.len();
        for row in rows {
            let (log, len, value) = match *row {
                Row::Block { log, len, first_seq } => (log, len, first_seq),
                Row::Trim { log, before } => (log, 0, before),
            };
            put_log(out, log);
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(&value.to_le_bytes());
        }
        (self.len, self.rows) = (u32_of(out.len()), u32_of(rows.len()));
        fill(out, 4, &self.encode());
        let crc = checksum(salt, out, table);
        fill(out, 0, &crc.to_le_bytes());
        out.resize(out.len().next_multiple_of(SECTOR), 0);
        self
    }

    /// What the bytes claim, before any checksum was looked at.
    pub(super) fn claim(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes.get(4..)?);
        if fields.take::<4>()? != GROUP_MAGIC {
            return None;
        }
        let head = Self {
            segment: fields.u32()?,
            previous_segment: fields.u32()?,
            len: fields.u32()?,
            rows: fields.u32()?,
            next_file: fields.u32()?,
            commit: fields.u64()?,
            previous: fields.u64()?,
            first_seq: fields.u64()?,
            next_seq: fields.u64()?,
            time_ms: fields.u64()?,
        };
        (head.len as usize >= GROUP_HEAD.saturating_add((head.rows as usize).saturating_mul(ROW))).then_some(head)
    }

    /// The table of the group whose bytes (all `len` of them) these are, if the checksum of head and table holds.
    pub(super) fn table(&self, salt: u32, bytes: &[u8]) -> Option<Vec<Row>> {
        let bytes = bytes.get(..self.len as usize)?;
        let table = bytes.len() - self.rows as usize * ROW;
        if checksum(salt, bytes, table) != Fields(bytes).u32()? {
            return None;
        }
        let (rows, _) = bytes.get(table..)?.as_chunks::<ROW>();
        rows.iter().map(|row| Row::decode(row)).collect()
    }

    /// Bytes it takes on disk.
    pub(super) fn padded_len(&self) -> u64 {
        u64::from(self.len).next_multiple_of(SECTOR as u64)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = GROUP_MAGIC.to_vec();
        for field in [self.segment, self.previous_segment, self.len, self.rows, self.next_file] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.commit, self.previous, self.first_seq, self.next_seq, self.time_ms] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out
    }
}

/// Over the head behind the checksum, and the table.
fn checksum(salt: u32, group: &[u8], table: usize) -> u32 {
    let head = crc32c::crc32c_append(salt, group.get(4..GROUP_HEAD).unwrap_or_default());
    crc32c::crc32c_append(head, group.get(table..).unwrap_or_default())
}

impl Row {
    fn decode(row: &[u8]) -> Option<Self> {
        let mut fields = Fields(row);
        let (log, len, value) = (fields.log()?, fields.u32()?, fields.u64()?);
        Some(if len == 0 { Self::Trim { log, before: value } } else { Self::Block { log, len, first_seq: value } })
    }
}

/// A block of a run, as its footer lists it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RunRow {
    pub(super) log: LogId,
    pub(super) offset: u32,
    pub(super) len: u32,
    pub(super) count: u32,
    pub(super) span: u32,
    pub(super) first_seq: u64,
}

/// The end of a run: all that opening it needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RunFooter {
    /// The run's own number.
    pub(super) run: u32,
    /// The segments whose entries it holds: where both are found, the run counts.
    pub(super) sources: Vec<u32>,
    /// Places before this are in older files, places of `next_seq` on in newer ones.
    pub(super) first_seq: u64,
    pub(super) next_seq: u64,
    /// Arrival of the newest entry.
    pub(super) time_ms: u64,
    pub(super) rows: Vec<RunRow>,
}

impl RunFooter {
    pub(super) fn encode(&self, salt: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.sources.len() * 4 + self.rows.len() * RUN_ROW + RUN_TAIL);
        self.sources.iter().for_each(|source| out.extend_from_slice(&source.to_le_bytes()));
        for row in &self.rows {
            put_log(&mut out, row.log);
            for field in [row.offset, row.len, row.count, row.span] {
                out.extend_from_slice(&field.to_le_bytes());
            }
            out.extend_from_slice(&row.first_seq.to_le_bytes());
        }
        for field in [self.run, u32_of(self.sources.len()), u32_of(self.rows.len())] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.first_seq, self.next_seq, self.time_ms] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&RUN_MAGIC);
        let crc = crc32c::crc32c_append(salt, &out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// The whole footer's length, by the last `RUN_TAIL` bytes of the file.
    pub(super) fn len(tail: &[u8]) -> Option<usize> {
        let mut fields = Fields(tail);
        let (_run, sources, rows) = (fields.u32()?, fields.u32()? as usize, fields.u32()? as usize);
        sources.checked_mul(4)?.checked_add(rows.checked_mul(RUN_ROW)?)?.checked_add(RUN_TAIL)
    }

    /// The footer these bytes are, if the checksum holds.
    pub(super) fn decode(salt: u32, bytes: &[u8]) -> Option<Self> {
        let (covered, crc) = bytes.split_last_chunk::<4>()?;
        if crc32c::crc32c_append(salt, covered) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (lists, mut tail) = bytes.split_last_chunk::<RUN_TAIL>().map(|(lists, tail)| (lists, Fields(tail)))?;
        let (run, sources, _rows) = (tail.u32()?, tail.u32()? as usize, tail.u32()?);
        let (first_seq, next_seq, time_ms) = (tail.u64()?, tail.u64()?, tail.u64()?);
        let (sources, rows) = lists.split_at_checked(sources.checked_mul(4)?)?;
        let sources = sources.as_chunks::<4>().0.iter().map(|source| u32::from_le_bytes(*source)).collect();
        let rows: Option<Vec<RunRow>> = rows.as_chunks::<RUN_ROW>().0.iter().map(|row| RunRow::decode(row)).collect();
        (tail.take::<4>()? == RUN_MAGIC).then_some(Self { run, sources, first_seq, next_seq, time_ms, rows: rows? })
    }
}

impl RunRow {
    fn decode(row: &[u8]) -> Option<Self> {
        let mut fields = Fields(row);
        Some(Self {
            log: fields.log()?,
            offset: fields.u32()?,
            len: fields.u32()?,
            count: fields.u32()?,
            span: fields.u32()?,
            first_seq: fields.u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogGroup;
    use proptest::prelude::*;

    fn log() -> impl Strategy<Value = LogId> {
        (any::<u128>(), any::<u32>()).prop_map(|(group, part)| LogId::new(LogGroup(group), part))
    }

    fn row() -> impl Strategy<Value = Row> {
        prop_oneof![
            (log(), 1u32.., any::<u64>()).prop_map(|(log, len, first_seq)| Row::Block { log, len, first_seq }),
            (log(), any::<u64>()).prop_map(|(log, before)| Row::Trim { log, before }),
        ]
    }

    fn run_row() -> impl Strategy<Value = RunRow> {
        (log(), any::<[u32; 4]>(), any::<u64>()).prop_map(|(log, [offset, len, count, span], first_seq)| RunRow {
            log,
            offset,
            len,
            count,
            span,
            first_seq,
        })
    }

    fn group(rows: &[Row], body: &[u8]) -> (GroupHead, Vec<u8>) {
        let mut out = Vec::new();
        GroupHead::begin(&mut out);
        out.extend_from_slice(body);
        let head = GroupHead { segment: 3, commit: 12, previous: 11, ..GroupHead::default() };
        (head.finish(&mut out, rows, 5), out)
    }

    proptest! {
        #[test]
        fn a_group_gives_back_head_and_table(rows in prop::collection::vec(row(), 0..9), body: Vec<u8>) {
            let (head, bytes) = group(&rows, &body);
            prop_assert_eq!(bytes.len() as u64, head.padded_len());
            prop_assert_eq!(GroupHead::claim(&bytes), Some(head));
            prop_assert_eq!(head.table(5, &bytes), Some(rows));
            prop_assert_eq!(head.table(6, &bytes), None);
        }

        #[test]
        fn a_flipped_bit_in_head_or_table_is_noticed(
            rows in prop::collection::vec(row(), 0..9), at: prop::sample::Index, bit in 0..8,
        ) {
            let (head, mut bytes) = group(&rows, b"");
            bytes[at.index(head.len as usize)] ^= 1u8 << bit;
            prop_assert_eq!(GroupHead::claim(&bytes).and_then(|head| head.table(5, &bytes)), None);
        }

        #[test]
        fn a_footer_gives_back_what_it_lists(
            rows in prop::collection::vec(run_row(), 0..9), sources: Vec<u32>, at: prop::sample::Index, bit in 0..8,
        ) {
            let footer = RunFooter { run: 4, sources, first_seq: 8, next_seq: 99, time_ms: 7, rows };
            let mut bytes = footer.encode(5);
            prop_assert_eq!(RunFooter::len(&bytes[bytes.len() - RUN_TAIL..]), Some(bytes.len()));
            prop_assert_eq!(RunFooter::decode(5, &bytes), Some(footer));
            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            prop_assert_eq!(RunFooter::decode(5, &bytes), None);
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>) {
            let _ = GroupHead::claim(&bytes);
            let _ = RunFooter::len(&bytes);
            let _ = RunFooter::decode(5, &bytes);
        }
    }
}
