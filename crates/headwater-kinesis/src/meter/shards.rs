//! What went in and out of each shard of a stream since the process began. Invariant: counts only rise, and at most
//! [`MAX_SHARDS`] shards of a stream have some.
use super::count;
use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Shards of a stream that are counted; what is resharded again and again has more in the end.
const MAX_SHARDS: usize = 20_000;

/// The counts of a stream's shards, by their number.
#[derive(Default)]
pub(super) struct Shards(RwLock<HashMap<u32, Arc<Counts>>>);

#[derive(Default)]
struct Counts {
    incoming_records: AtomicU64,
    incoming_bytes: AtomicU64,
    outgoing_records: AtomicU64,
    outgoing_bytes: AtomicU64,
}

/// What was counted of one shard.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShardReading {
    /// E.g. `shardId-000000000000`.
    pub shard: String,
    /// Records that became durable.
    pub incoming_records: u64,
    /// Their data and partition keys.
    pub incoming_bytes: u64,
    /// Records delivered to whoever reads.
    pub outgoing_records: u64,
    /// Their data.
    pub outgoing_bytes: u64,
    /// How far behind the tip the slowest of its readers was, as last told, in milliseconds; nothing if nobody has read
    /// for five minutes.
    pub behind_ms: Option<u64>,
}

impl Shards {
    /// Records became durable.
    pub(super) fn took(&self, shard: u32, records: usize, bytes: usize) {
        self.with(shard, |counts| {
            counts.incoming_records.fetch_add(count(records), Relaxed);
            counts.incoming_bytes.fetch_add(count(bytes), Relaxed);
        });
    }

    /// Records were delivered.
    pub(super) fn handed(&self, shard: u32, records: usize, bytes: usize) {
        self.with(shard, |counts| {
            counts.outgoing_records.fetch_add(count(records), Relaxed);
            counts.outgoing_bytes.fetch_add(count(bytes), Relaxed);
        });
    }

    fn with(&self, shard: u32, act: impl FnOnce(&Counts)) {
        if let Some(counts) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&shard) {
            return act(counts);
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MAX_SHARDS || all.contains_key(&shard) {
            act(all.entry(shard).or_default());
        }
    }

    /// What was counted, by the shard's number, which has its name still to be given.
    pub(super) fn readings(&self) -> Vec<(u32, ShardReading)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut readings: Vec<_> = all
            .iter()
            .map(|(shard, counts)| {
                let reading = ShardReading {
                    incoming_records: counts.incoming_records.load(Relaxed),
                    incoming_bytes: counts.incoming_bytes.load(Relaxed),
                    outgoing_records: counts.outgoing_records.load(Relaxed),
                    outgoing_bytes: counts.outgoing_bytes.load(Relaxed),
                    ..ShardReading::default()
                };
                (*shard, reading)
            })
            .collect();
        readings.sort_unstable_by_key(|(shard, _)| *shard);
        readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shard_is_counted_by_itself_and_not_without_bounds() {
        let shards = Shards::default();
        shards.took(7, 2, 30);
        shards.took(7, 1, 5);
        shards.handed(3, 4, 9);
        let told = shards.readings();
        assert_eq!(told.iter().map(|(shard, _)| *shard).collect::<Vec<_>>(), [3, 7]);
        assert_eq!((told[1].1.incoming_records, told[1].1.incoming_bytes, told[0].1.outgoing_bytes), (3, 35, 9));
        (0..30_000).for_each(|shard| shards.took(shard, 1, 1));
        assert_eq!(shards.readings().len(), MAX_SHARDS);
        shards.took(7, 1, 1);
        assert_eq!(shards.readings()[7].1.incoming_records, 5, "those that are counted go on to be");
    }
}
