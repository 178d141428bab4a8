//! Which groups have been deleted, and where the places of their next lives begin; and where those of all others do, once a
//! data folder was moved in. A topic of its own, folded.
//!
//! Invariant: an ending is written before its topic is deleted, so whoever finds a topic gone finds its ending.
use crate::{
    client::{Answer, Client},
    names::{Life, Partition},
};
use bytes::Bytes;
use headwater_log::{Limits, LogGroup};
use std::collections::HashMap;

const PAGE: Limits = Limits { entries: 10_000, bytes: 1 << 20 };
/// A group, the number of its next life and that life's base, big-endian.
const RECORD_BYTES: usize = 16 + 4 + 8;
/// Before the place at which every group begins that has not been deleted, big-endian.
const FLOOR: u8 = 1;

/// The endings read so far.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    lives: HashMap<LogGroup, Life>,
    floor: u64,
    read_to: i64,
}

impl Endings {
    /// The life `group` is in, or would be born to.
    pub(crate) fn life(&self, group: LogGroup) -> Life {
        self.lives.get(&group).copied().unwrap_or(Life { number: 0, base: self.floor })
    }

    /// Behind every place of a group that has been deleted.
    pub(crate) fn furthest(&self) -> u64 {
        self.lives.values().map(|life| life.base).max().unwrap_or(0).max(self.floor)
    }

    /// Reads what has been written meanwhile: up to the end that the leader answers for, as a fetch of one that is new may for a
    /// moment end before what was acknowledged.
    pub(crate) async fn read_on<C: Client>(&mut self, client: &C, from: &Partition) -> Answer<()> {
        let tail = client.ends(std::slice::from_ref(from)).await?.first().map_or(0, |(_, ends)| ends.tail);
        while self.read_to < tail {
            for record in client.fetch(from, self.read_to, PAGE).await?.records {
                self.fold(&record.value);
                self.read_to = record.place.offset + 1;
            }
        }
        Ok(())
    }

    /// The furthest life counts: two nodes may write the same ending.
    fn fold(&mut self, record: &[u8]) {
        if let [FLOOR, floor @ ..] = record
            && let Ok(floor) = floor.try_into()
        {
            self.floor = self.floor.max(u64::from_be_bytes(floor));
            return;
        }
        let Some((group, life)) = decode(record) else {
            tracing::error!(?record, "an ending cannot be understood; was it written by a newer Headwater?");
            return;
        };
        let held = self.lives.entry(group).or_default();
        if life.number > held.number || (life.number == held.number && life.base > held.base) {
            *held = life;
        }
    }
}

/// The ending that lets `next` be the life of `group`.
pub(crate) fn encode(group: LogGroup, next: Life) -> Bytes {
    let mut record = Vec::with_capacity(RECORD_BYTES);
    record.extend(group.0.to_be_bytes());
    record.extend(next.number.to_be_bytes());
    record.extend(next.base.to_be_bytes());
    record.into()
}

/// The record that lets every group begin at `floor`.
pub(crate) fn encode_floor(floor: u64) -> Bytes {
    [&[FLOOR], &floor.to_be_bytes()[..]].concat().into()
}

fn decode(record: &[u8]) -> Option<(LogGroup, Life)> {
    let (group, rest) = record.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    let base = rest.try_into().ok()?;
    let life = Life { number: u32::from_be_bytes(*number), base: u64::from_be_bytes(base) };
    Some((LogGroup(u128::from_be_bytes(*group)), life))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_furthest_life_counts() {
        let group = LogGroup(7);
        let mut endings = Endings::default();
        assert_eq!(endings.life(group), Life::default());
        for (number, base) in [(1, 50), (1, 60), (1, 55), (2, 90), (1, 99)] {
            endings.fold(&encode(group, Life { number, base }));
        }
        endings.fold(b"nonsense");
        assert_eq!(endings.life(group), Life { number: 2, base: 90 });
        assert_eq!(endings.life(LogGroup(8)), Life::default());
    }

    #[test]
    fn what_was_not_deleted_begins_at_the_floor() {
        let mut endings = Endings::default();
        endings.fold(&encode(LogGroup(7), Life { number: 1, base: 700 }));
        for floor in [400, 500, 450] {
            endings.fold(&encode_floor(floor));
        }
        assert_eq!(endings.life(LogGroup(7)), Life { number: 1, base: 700 });
        assert_eq!(endings.life(LogGroup(8)), Life { number: 0, base: 500 });
        assert_eq!(endings.furthest(), 700);
    }

    proptest! {
        #[test]
        fn endings_come_back(group: u128, number: u32, base: u64) {
            let life = Life { number, base };
            prop_assert_eq!(decode(&encode(LogGroup(group), life)), Some((LogGroup(group), life)));
        }
    }
}
