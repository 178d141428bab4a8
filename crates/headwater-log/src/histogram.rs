//! How often values of which size were seen: counts between fixed bounds.
//!
//! Invariant: noting a value is two relaxed additions – no lock, no allocation –, and counts only rise.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of values by size.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is larger than all.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a histogram shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Distribution {
    /// The largest value each count but the last is of; ascending.
    pub bounds: &'static [u64],
    /// Values above the bound before and up to this one; the last: values above all bounds.
    pub counts: Vec<u64>,
    /// All values together.
    pub sum: u64,
}

impl Histogram {
    /// Counts between `bounds`, which must be ascending.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn note(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
    }

    /// What was counted so far.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        let counts = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        Distribution { bounds: self.bounds, counts, sum: self.sum.load(Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_up_to_its_bound_and_beyond_the_last_in_the_rest() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1000] {
            histogram.note(value);
        }
        let Distribution { counts, sum, .. } = histogram.distribution();
        assert_eq!((counts, sum), (vec![2, 2, 2], 1062));
    }
}
