//! What a table's stream is: a view of the table's changes, in shards that follow one another.
//!
//! Invariant: a stream's shards are one chain – each but the newest is closed, and the next begins where it ended.
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Places in a stream are numbers of decisions with the place within the decision, told in decimal with the same length
/// throughout: readers compare them as strings.
const FIRST_SEQUENCE: u128 = 100_000_000_000_000_000_000;
/// Places kept for each decision; a decision has at most 100 changes.
const PLACES: u16 = 1_000;

/// How long changes are kept, in milliseconds.
pub(crate) const RETENTION_MS: u64 = 24 * 3_600_000;

/// A stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// What its rows begin with.
    pub(crate) id: u64,
    pub(crate) created_ms: u64,
    pub(crate) view: View,
    /// Since when it takes no more changes.
    pub(crate) disabled_ms: Option<u64>,
    /// In order; the newest is open while the stream is enabled.
    pub(crate) shards: Vec<Shard>,
}

/// One link of the chain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Shard {
    /// When it was made; part of its name.
    pub(crate) created_ms: u64,
    /// The first decision that can be in it.
    pub(crate) first: u64,
    /// The first decision that can not, once it is closed.
    pub(crate) end: Option<u64>,
}

/// What a stream shows of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum View {
    KeysOnly,
    NewImage,
    OldImage,
    NewAndOldImages,
}

/// A place in a stream: a decision, and which of its changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    pub(crate) decision: u64,
    pub(crate) change: u16,
}

impl Place {
    /// The first place of a decision.
    pub(crate) const fn first(decision: u64) -> Self {
        Self { decision, change: 0 }
    }

    /// The last place of a decision.
    pub(crate) const fn last(decision: u64) -> Self {
        Self { decision, change: PLACES - 1 }
    }

    /// The place behind it.
    pub(crate) const fn next(self) -> Self {
        Self { change: self.change + 1, ..self }
    }

    /// As clients see it.
    pub(crate) fn sequence_number(self) -> String {
        (FIRST_SEQUENCE + u128::from(self.decision) * u128::from(PLACES) + u128::from(self.change)).to_string()
    }

    /// What a client gave back.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > 40 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = text.parse::<u128>().ok()?.checked_sub(FIRST_SEQUENCE)?;
        let change = u16::try_from(number % u128::from(PLACES)).ok()?;
        Some(Self { decision: u64::try_from(number / u128::from(PLACES)).ok()?, change })
    }
}

impl Stream {
    pub(crate) const fn is_enabled(&self) -> bool {
        self.disabled_ms.is_none()
    }

    /// A shard's name: when it was made, and a hash that tells it from shards of other streams. In the order of their
    /// names a stream's shards stand in their own.
    pub(crate) fn shard_id(&self, shard: &Shard) -> String {
        let which = [self.id.to_le_bytes(), shard.first.to_le_bytes()].concat();
        format!("shardId-{:020}-{:08x}", shard.created_ms, xxh3_64(&which) >> 32)
    }

    /// When it was made, as the service puts it into the stream's ARN: `2026-11-21T11:22:33.444`.
    pub(crate) fn label(&self) -> String {
        let made = i64::try_from(self.created_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        made.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_are_equally_long_and_order_as_their_places_do() {
        let places =
            [Place::first(0), Place::first(1), Place::first(1).next(), Place::last(1), Place::first(u64::MAX >> 5)];
        let told = places.map(Place::sequence_number);
        assert!(told.is_sorted() && told.iter().all(|number| number.len() == 21));
        assert_eq!(told.map(|number| Place::parse(&number).unwrap()), places);
        for bad in ["", "1", "99999999999999999999", "x00000000000000000000", &"9".repeat(41)] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn shards_are_named_by_their_time_and_what_they_are() {
        let shard = |created_ms, first| Shard { created_ms, first, end: None };
        let stream = |id| Stream { id, created_ms: 0, view: View::KeysOnly, disabled_ms: None, shards: Vec::new() };
        let name = stream(1).shard_id(&shard(1_700_000_000_123, 4));
        assert!(name.starts_with("shardId-00000001700000000123-") && name.len() == 37, "{name}");
        assert_ne!(name, stream(2).shard_id(&shard(1_700_000_000_123, 4)));
        assert!(name < stream(1).shard_id(&shard(1_700_000_000_124, 9)));
    }

    #[test]
    fn a_label_is_the_time_to_the_millisecond() {
        let created_ms = 1_432_155_070_252;
        let stream = Stream { id: 1, created_ms, view: View::KeysOnly, disabled_ms: None, shards: Vec::new() };
        assert_eq!(stream.label(), "2015-05-20T20:51:10.252");
    }
}
