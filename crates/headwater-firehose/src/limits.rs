//! Rate limits of direct puts, off by default: token buckets, in memory alone.
//!
//! Invariant: what is refused takes nothing.
use headwater_wire::Bucket;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// What a delivery stream takes each second.
const RECORDS: u64 = 5000;
const CALLS: u64 = 2000;
const BYTES: u64 = 5 << 20;

/// The buckets of one delivery stream.
struct Buckets {
    records: Bucket,
    calls: Bucket,
    bytes: Bucket,
}

/// All buckets, by incarnation.
#[derive(Default)]
pub(crate) struct Limits(Mutex<HashMap<u128, Buckets>>);

impl Limits {
    /// Charges one call; false if there were too many.
    pub(crate) fn charge_call(&self, incarnation: u128, now_us: u64) -> bool {
        self.with(incarnation, now_us, |buckets| {
            let admitted = buckets.calls.has(1);
            if admitted {
                buckets.calls.take(1);
            }
            admitted
        })
    }

    /// Charges one record; false if the delivery stream's rate is exceeded.
    pub(crate) fn charge_record(&self, incarnation: u128, size_bytes: usize, now_us: u64) -> bool {
        let size_bytes = u64::try_from(size_bytes).unwrap_or(u64::MAX);
        self.with(incarnation, now_us, |buckets| {
            let admitted = buckets.records.has(1) && buckets.bytes.has(size_bytes);
            if admitted {
                buckets.records.take(1);
                buckets.bytes.take(size_bytes);
            }
            admitted
        })
    }

    /// Forgets a delivery stream that is gone.
    pub(crate) fn forget(&self, incarnation: u128) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&incarnation);
    }

    fn with<T>(&self, incarnation: u128, now_us: u64, act: impl FnOnce(&mut Buckets) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets = all.entry(incarnation).or_insert_with(|| Buckets {
            records: Bucket::full(RECORDS, now_us),
            calls: Bucket::full(CALLS, now_us),
            bytes: Bucket::full(BYTES, now_us),
        });
        [&mut buckets.records, &mut buckets.calls, &mut buckets.bytes].into_iter().for_each(|held| held.fill(now_us));
        act(buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_stream_takes_five_thousand_records_a_second_and_not_one_more() {
        let limits = Limits::default();
        assert_eq!((0..6000).filter(|_| limits.charge_record(1, 1, 0)).count(), 5000);
        assert!(!limits.charge_record(1, 1, 199) && limits.charge_record(1, 1, 200));
        assert!(limits.charge_record(2, 1, 200), "another one has its own");
    }

    #[test]
    fn calls_and_bytes_are_counted_by_themselves() {
        let limits = Limits::default();
        assert_eq!((0..3000).filter(|_| limits.charge_call(1, 0)).count(), 2000);
        assert!(limits.charge_record(1, 5 << 20, 0) && !limits.charge_record(1, 1, 0));
        limits.forget(1);
        assert!(limits.charge_record(1, 1, 0));
    }
}
