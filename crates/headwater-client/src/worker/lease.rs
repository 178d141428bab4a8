//! A lease: who processes a shard, and how far. Invariant: every change counts the counter up, so that a lease which was
//! read is worth something only until anybody changes it.
use crate::{consumer::Start, received::Received};
use std::{cmp::Ordering, collections::BTreeSet, fmt};

/// The right of a worker to process a shard, and how far it was processed.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Lease {
    /// The shard. KCL's `leaseKey`.
    pub shard_id: String,
    /// The worker that has it; `None` if it is free. KCL's `leaseOwner`.
    pub owner: Option<String>,
    /// Counts every change, the renewals above all. KCL's `leaseCounter`.
    pub counter: u64,
    /// How far the shard was processed.
    pub checkpoint: Checkpoint,
    /// The shards it was made from. KCL's `parentShardId`.
    pub parents: BTreeSet<String>,
    /// How often it changed hands since the last checkpoint. KCL's `ownerSwitchesSinceCheckpoint`.
    pub owner_switches: u64,
}

impl Lease {
    /// A free lease of a shard.
    pub fn new(shard_id: impl Into<String>, parents: impl IntoIterator<Item = String>, checkpoint: Checkpoint) -> Self {
        Self {
            shard_id: shard_id.into(),
            owner: None,
            counter: 0,
            checkpoint,
            parents: parents.into_iter().collect(),
            owner_switches: 0,
        }
    }

    /// Whether the shard was processed to its end.
    pub fn is_finished(&self) -> bool {
        self.checkpoint == Checkpoint::ShardEnd
    }

    /// As `owner` has it.
    pub(crate) fn claimed(&self, owner: &str) -> Self {
        let owner_switches = self.owner_switches + u64::from(self.owner.as_deref() != Some(owner));
        Self { owner: Some(owner.into()), owner_switches, ..self.renewed() }
    }

    pub(crate) fn renewed(&self) -> Self {
        Self { counter: self.counter + 1, ..self.clone() }
    }

    pub(crate) fn released(&self) -> Self {
        Self { owner: None, ..self.renewed() }
    }

    pub(crate) fn checkpointed(&self, checkpoint: Checkpoint) -> Self {
        Self { checkpoint, owner_switches: 0, ..self.renewed() }
    }

    /// As nobody needs it any more.
    pub(crate) fn finished(&self) -> Self {
        Self { owner: None, ..self.checkpointed(Checkpoint::ShardEnd) }
    }
}

/// How far a shard was processed. KCL's `checkpoint` and `checkpointSubSequenceNumber`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Checkpoint {
    /// Not at all: to begin with the oldest record.
    TrimHorizon,
    /// Not at all: to begin behind the newest record.
    Latest,
    /// Not at all: to begin at the time the worker is told to start at.
    AtTimestamp,
    /// Up to this record, and with it.
    Record {
        /// The sequence number of its Kinesis record.
        sequence_number: String,
        /// Its place in that; 0 unless it is out of an aggregate.
        sub_sequence_number: u64,
    },
    /// To the end.
    ShardEnd,
}

impl Checkpoint {
    /// Up to this record, and with it.
    pub(crate) fn of(record: &Received) -> Self {
        Self::Record {
            sequence_number: record.sequence_number.clone(),
            sub_sequence_number: record.sub_sequence_number,
        }
    }

    /// Where a worker that is told to start at `start` begins with a shard that nobody has begun with.
    pub(crate) fn initial(start: &Start) -> Self {
        match start {
            Start::Latest => Self::Latest,
            Start::AtTimestamp(_) => Self::AtTimestamp,
            Start::TrimHorizon | Start::AtSequenceNumber(_) | Start::AfterSequenceNumber(_) => Self::TrimHorizon,
        }
    }

    /// Where to read on. At a record's own place rather than behind it: the rest of its aggregate may be needed still.
    pub(crate) fn start(&self, start: &Start) -> Start {
        match (self, start) {
            (Self::Record { sequence_number, .. }, _) => Start::AtSequenceNumber(sequence_number.clone()),
            (Self::Latest, _) => Start::Latest,
            (Self::AtTimestamp, Start::AtTimestamp(time)) => Start::AtTimestamp(*time),
            (Self::TrimHorizon | Self::AtTimestamp | Self::ShardEnd, _) => Start::TrimHorizon,
        }
    }

    /// Whether this record was processed.
    pub(crate) fn covers(&self, record: &Received) -> bool {
        match self {
            Self::Record { .. } => self.compare(&Self::of(record)).is_ge(),
            Self::ShardEnd => true,
            Self::TrimHorizon | Self::Latest | Self::AtTimestamp => false,
        }
    }

    /// Which of two places in a shard is further on.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        fn place(checkpoint: &Checkpoint) -> (u8, (usize, &str), u64) {
            match checkpoint {
                Checkpoint::TrimHorizon | Checkpoint::Latest | Checkpoint::AtTimestamp => (0, (0, ""), 0),
                Checkpoint::Record { sequence_number, sub_sequence_number } => {
                    // Decimals too long for an integer: the longer one is the greater, of equal ones the later in text.
                    let digits = sequence_number.trim_start_matches('0');
                    (1, (digits.len(), digits), *sub_sequence_number)
                }
                Checkpoint::ShardEnd => (2, (0, ""), 0),
            }
        }
        place(self).cmp(&place(other))
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrimHorizon => f.write_str("TRIM_HORIZON"),
            Self::Latest => f.write_str("LATEST"),
            Self::AtTimestamp => f.write_str("AT_TIMESTAMP"),
            Self::Record { sequence_number, .. } => f.write_str(sequence_number),
            Self::ShardEnd => f.write_str("SHARD_END"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: &str, sub_sequence_number: u64) -> Checkpoint {
        Checkpoint::Record { sequence_number: number.into(), sub_sequence_number }
    }

    #[test]
    fn places_compare_as_numbers_and_not_as_text() {
        assert!(at("9", 0).compare(&at("10", 0)).is_lt());
        assert!(at("10", 1).compare(&at("10", 0)).is_gt());
        assert!(at("007", 0).compare(&at("7", 0)).is_eq());
        assert!(Checkpoint::ShardEnd.compare(&at("10", 0)).is_gt());
        assert!(Checkpoint::TrimHorizon.compare(&at("0", 0)).is_lt());
    }

    #[test]
    fn only_another_hand_counts_as_a_switch_and_a_checkpoint_forgets_them() {
        let lease = Lease::new("s", [], Checkpoint::TrimHorizon).claimed("a");
        assert_eq!((lease.owner_switches, lease.counter), (1, 1));
        assert_eq!((lease.claimed("a").owner_switches, lease.claimed("b").owner_switches), (1, 2));
        assert_eq!(lease.claimed("b").checkpointed(at("1", 0)).owner_switches, 0);
        assert_eq!(lease.finished().owner, None);
    }
}
