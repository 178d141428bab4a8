//! Records gathered until there is enough of them for an object, or they have waited long enough.
//!
//! Invariant: a record is in one buffer of its goal until that is cut; a buffer is cut before it would pass its size, and
//! none is empty. Pure: time comes in.
use crate::record::{PartitionKeys, Record};
use std::collections::BTreeMap;

/// What a buffer gathers: where its records go.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Goal {
    /// The destination; records of a partitioned one go by their keys.
    Good(PartitionKeys),
    /// The backup of what came from the source.
    Raw,
    /// The goal of errors, by its output type.
    Failed(&'static str),
}

/// When a buffer is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Hints {
    pub(crate) bytes: usize,
    pub(crate) interval_ms: u64,
}

/// What a record takes besides its data.
const RECORD_BYTES: usize = 256;

/// Records of one goal. `H` is what holds their source's progress back.
#[derive(Debug)]
pub(crate) struct Buffer<H> {
    pub(crate) records: Vec<Record>,
    pub(crate) held: Vec<H>,
    /// Of data.
    pub(crate) bytes: usize,
    opened_ms: u64,
}

impl<H> Buffer<H> {
    /// What it takes of memory, about.
    pub(crate) fn weight(&self) -> usize {
        self.bytes + self.records.len() * RECORD_BYTES
    }
}

/// The buffers of a delivery stream.
#[derive(Debug)]
pub(crate) struct Buffers<H> {
    open: BTreeMap<Goal, Buffer<H>>,
    good: Hints,
    raw: Hints,
    weight: usize,
}

impl<H: Clone + PartialEq> Buffers<H> {
    /// Empty ones. Errors are gathered as the good are.
    pub(crate) const fn new(good: Hints, raw: Hints) -> Self {
        Self { open: BTreeMap::new(), good, raw, weight: 0 }
    }

    /// Puts a record into the buffer of its goal; returns the buffer that had to make room for it.
    pub(crate) fn put(&mut self, goal: &Goal, record: Record, held: &[H], now_ms: u64) -> Option<Buffer<H>> {
        let limit = self.hints(goal).bytes;
        let has_room = |buffer: &Buffer<H>| buffer.bytes + record.data.len() <= limit;
        let cut = if self.open.get(goal).is_none_or(has_room) { None } else { self.cut(goal) };
        if !self.open.contains_key(goal) {
            let empty = Buffer { records: Vec::new(), held: Vec::new(), bytes: 0, opened_ms: now_ms };
            self.open.insert(goal.clone(), empty);
        }
        if let Some(buffer) = self.open.get_mut(goal) {
            self.weight += record.data.len() + RECORD_BYTES;
            buffer.bytes += record.data.len();
            buffer.records.push(record);
            // What comes together is put together, so it stands at the end if it stands there.
            if !buffer.held.ends_with(held) {
                buffer.held.extend_from_slice(held);
            }
        }
        cut
    }

    /// Takes out a buffer.
    pub(crate) fn cut(&mut self, goal: &Goal) -> Option<Buffer<H>> {
        let buffer = self.open.remove(goal)?;
        self.weight -= buffer.weight();
        Some(buffer)
    }

    /// The goal of a buffer that is full, or has waited for long enough.
    pub(crate) fn due(&self, now_ms: u64) -> Option<Goal> {
        let mut open = self.open.iter();
        let is_due = |(goal, buffer): &(&Goal, &Buffer<H>)| {
            let hints = self.hints(goal);
            buffer.bytes >= hints.bytes || now_ms >= buffer.opened_ms + hints.interval_ms
        };
        open.find(is_due).map(|(goal, _)| goal.clone())
    }

    /// When the next buffer has waited for long enough.
    pub(crate) fn next_due_ms(&self) -> Option<u64> {
        self.open.iter().map(|(goal, buffer)| buffer.opened_ms + self.hints(goal).interval_ms).min()
    }

    /// The goal of the heaviest buffer.
    pub(crate) fn heaviest(&self) -> Option<Goal> {
        self.open.iter().max_by_key(|(_, buffer)| buffer.weight()).map(|(goal, _)| goal.clone())
    }

    /// What all of them take of memory, about.
    pub(crate) const fn weight(&self) -> usize {
        self.weight
    }

    /// Whether `keys` have a buffer.
    pub(crate) fn has_partition(&self, goal: &Goal) -> bool {
        self.open.contains_key(goal)
    }

    /// How many partitions have a buffer.
    pub(crate) fn partitions(&self) -> usize {
        self.open.keys().filter(|goal| matches!(goal, Goal::Good(_))).count()
    }

    const fn hints(&self, goal: &Goal) -> Hints {
        match goal {
            Goal::Good(_) | Goal::Failed(_) => self.good,
            Goal::Raw => self.raw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    const HINTS: Hints = Hints { bytes: 10, interval_ms: 100 };
    const GOOD: Goal = Goal::Good(PartitionKeys { from_query: BTreeMap::new(), from_lambda: BTreeMap::new() });

    fn record(data: &'static str) -> Record {
        let keys = PartitionKeys::default();
        Record { id: data.into(), time_ms: 7, data: Bytes::from_static(data.as_bytes()), origin: None, keys }
    }

    fn text(buffer: &Buffer<u8>) -> String {
        buffer.records.iter().map(|record| String::from_utf8_lossy(&record.data)).collect()
    }

    #[test]
    fn a_buffer_is_cut_before_it_would_pass_its_size() {
        let mut buffers = Buffers::new(HINTS, HINTS);
        assert!(buffers.put(&GOOD, record("123456"), &[1], 0).is_none());
        assert!(buffers.put(&GOOD, record("789"), &[1], 0).is_none());
        assert_eq!(buffers.due(0), None);
        let cut = buffers.put(&GOOD, record("abc"), &[2], 5).unwrap();
        assert_eq!((text(&cut).as_str(), cut.held, cut.bytes), ("123456789", vec![1], 9));
        assert_eq!((buffers.due(104), buffers.due(105), buffers.next_due_ms()), (None, Some(GOOD), Some(105)));
        assert!(buffers.put(&GOOD, record("defghij"), &[2], 6).is_none());
        assert_eq!(buffers.due(6), Some(GOOD), "full to the byte");
    }

    #[test]
    fn a_record_larger_than_the_buffer_is_alone_in_it() {
        let mut buffers = Buffers::new(HINTS, HINTS);
        buffers.put(&GOOD, record("1"), &[1], 0);
        assert_eq!(text(&buffers.put(&GOOD, record("2222222222222"), &[1], 0).unwrap()), "1");
        assert_eq!(text(&buffers.put(&GOOD, record("3"), &[1], 0).unwrap()), "2222222222222");
    }

    #[test]
    fn weight_is_what_is_in_them() {
        let mut buffers = Buffers::new(HINTS, HINTS);
        buffers.put(&GOOD, record("12345"), &[1], 0);
        buffers.put(&Goal::Raw, record("1"), &[1], 0);
        assert_eq!(buffers.heaviest(), Some(GOOD));
        assert!(buffers.weight() > 6);
        buffers.cut(&GOOD);
        buffers.cut(&Goal::Raw);
        assert_eq!((buffers.weight(), buffers.next_due_ms(), buffers.heaviest()), (0, None, None));
    }
}
