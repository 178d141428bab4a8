//! Rate limits, off by default: token buckets that are exact to the unit, in memory alone.
//!
//! Invariant: a bucket holds at most one second's worth and fills evenly; what is refused takes nothing.
use headwater_wire::Bucket;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What a shard takes and gives each second.
pub(crate) const WRITE_BYTES: u64 = 1 << 20;
pub(crate) const WRITE_RECORDS: u64 = 1000;
const READ_BYTES: u64 = 2 << 20;
const READ_CALLS: u64 = 5;
/// The buckets of one shard.
#[derive(Clone, Copy, Debug)]
struct ShardBuckets {
    write_bytes: Bucket,
    write_records: Bucket,
    read_bytes: Bucket,
    read_calls: Bucket,
}

/// A shard of a stream's incarnation.
pub(crate) type ShardKey = (u128, u32);

/// All buckets.
#[derive(Default)]
pub(crate) struct Limits {
    shards: Mutex<HashMap<ShardKey, ShardBuckets>>,
    calls: Mutex<HashMap<(&'static str, String), Bucket>>,
}

fn lock<K: Eq + Hash, V>(map: &Mutex<HashMap<K, V>>) -> MutexGuard<'_, HashMap<K, V>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Limits {
    /// Charges one record of `size_bytes`, key included; false if the shard's rate is exceeded.
    pub(crate) fn charge_write(&self, shard: ShardKey, size_bytes: usize, now_us: u64) -> bool {
        let size_bytes = u64::try_from(size_bytes).unwrap_or(u64::MAX);
        self.with_shard(shard, now_us, |buckets| {
            let ShardBuckets { write_bytes, write_records, .. } = buckets;
            let admitted = write_bytes.has(size_bytes) && write_records.has(1);
            if admitted {
                write_bytes.take(size_bytes);
                write_records.take(1);
            }
            admitted
        })
    }

    /// Charges one read call; false if the shard's rate of calls or of bytes is exceeded.
    pub(crate) fn charge_read(&self, shard: ShardKey, now_us: u64) -> bool {
        self.with_shard(shard, now_us, |buckets| {
            let admitted = buckets.read_calls.has(1) && !buckets.read_bytes.owes();
            if admitted {
                buckets.read_calls.take(1);
            }
            admitted
        })
    }

    /// Charges what a read delivered: known only afterwards, it may leave a debt that refuses the next reads.
    pub(crate) fn charge_delivery(&self, shard: ShardKey, size_bytes: usize, now_us: u64) {
        let size_bytes = u64::try_from(size_bytes).unwrap_or(u64::MAX);
        self.with_shard(shard, now_us, |buckets| {
            if size_bytes > READ_BYTES {
                // Ten mebibytes refuse reads for the five seconds they are worth, whatever was saved up before.
                buckets.read_bytes.drain();
            }
            buckets.read_bytes.take(size_bytes);
        });
    }

    /// Charges a call of an operation that may be called `per_second` times per `holder` (an account, stream or shard).
    pub(crate) fn charge_call(&self, operation: &'static str, holder: String, per_second: u64, now_us: u64) -> bool {
        let mut calls = lock(&self.calls);
        let bucket = calls.entry((operation, holder)).or_insert_with(|| Bucket::full(per_second, now_us));
        bucket.fill(now_us);
        let admitted = bucket.has(1);
        if admitted {
            bucket.take(1);
        }
        admitted
    }

    /// Forgets the shards of a stream that is gone.
    pub(crate) fn forget(&self, incarnation: u128) {
        lock(&self.shards).retain(|(held, _), _| *held != incarnation);
    }

    fn with_shard<T>(&self, shard: ShardKey, now_us: u64, act: impl FnOnce(&mut ShardBuckets) -> T) -> T {
        let mut shards = lock(&self.shards);
        let buckets = shards.entry(shard).or_insert_with(|| ShardBuckets {
            write_bytes: Bucket::full(WRITE_BYTES, now_us),
            write_records: Bucket::full(WRITE_RECORDS, now_us),
            read_bytes: Bucket::full(READ_BYTES, now_us),
            read_calls: Bucket::full(READ_CALLS, now_us),
        });
        let all =
            [&mut buckets.write_bytes, &mut buckets.write_records, &mut buckets.read_bytes, &mut buckets.read_calls];
        all.into_iter().for_each(|bucket| bucket.fill(now_us));
        act(buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardKey = (1, 0);

    #[test]
    fn a_shard_takes_a_thousand_records_a_second_and_not_one_more() {
        let limits = Limits::default();
        let admitted = (0..1500).filter(|_| limits.charge_write(SHARD, 1, 0)).count();
        assert_eq!(admitted, 1000);
        assert!(!limits.charge_write(SHARD, 1, 999), "0.999 ms later");
        assert!(limits.charge_write(SHARD, 1, 1000) && !limits.charge_write(SHARD, 1, 1000), "1 ms later: one");
        assert!(limits.charge_write((1, 1), 1, 1000), "another shard has its own");
    }

    #[test]
    fn a_shard_takes_one_mebibyte_a_second_and_refusals_cost_nothing() {
        let limits = Limits::default();
        assert!(limits.charge_write(SHARD, (1 << 20) - 10, 0));
        assert!(!limits.charge_write(SHARD, 11, 0));
        assert!(limits.charge_write(SHARD, 10, 0));
    }

    #[test]
    fn a_record_larger_than_a_second_passes_once_the_bucket_is_full_and_leaves_a_debt() {
        let limits = Limits::default();
        assert!(limits.charge_write(SHARD, 10 << 20, 0));
        assert!(!limits.charge_write(SHARD, 1, 8_999_999));
        assert!(limits.charge_write(SHARD, 1, 9_000_002));
    }

    #[test]
    fn reading_ten_mebibytes_refuses_reads_for_the_seconds_they_cost() {
        let limits = Limits::default();
        assert!(limits.charge_read(SHARD, 0));
        limits.charge_delivery(SHARD, 10 << 20, 0);
        assert!(!limits.charge_read(SHARD, 4_999_999) && limits.charge_read(SHARD, 5_000_000));
        let calls = (0..9).filter(|_| limits.charge_read((1, 1), 0)).count();
        assert_eq!(calls, 5);
    }

    #[test]
    fn calls_are_counted_per_operation_and_holder() {
        let limits = Limits::default();
        assert!(limits.charge_call("DescribeLimits", "1".into(), 1, 0));
        assert!(!limits.charge_call("DescribeLimits", "1".into(), 1, 999_999));
        assert!(limits.charge_call("DescribeLimits", "2".into(), 1, 999_999));
        assert!(limits.charge_call("DescribeLimits", "1".into(), 1, 1_000_000));
    }
}
