//! What a producer counts. Invariant: counters only rise, and cost a few instructions a record.
use std::time::Duration;

/// Classes of latency: of each, the longest is twice that of the one before, from 1 microsecond.
const CLASSES: usize = 32;

/// A producer's counters since it was built, and its load now.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Records that were written.
    pub records: u64,
    /// Their data and keys.
    pub bytes: u64,
    /// Records that were not, for good.
    pub failures: u64,
    /// Times a record was tried again.
    pub retries: u64,
    /// PutRecords and PutRecord requests that were answered.
    pub requests: u64,
    /// Those of them that failed as a whole.
    pub failed_requests: u64,
    /// Records that were sent and are not answered yet: waiting, under way or to be tried again.
    pub pending: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// Records written by the time from `send` to the answer.
    latencies: [u64; CLASSES],
}

impl Metrics {
    pub(super) fn written(&mut self, bytes: usize, latency: Duration) {
        self.records += 1;
        self.bytes += bytes as u64;
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let class = (64 - micros.leading_zeros() as usize).min(CLASSES - 1);
        if let Some(count) = self.latencies.get_mut(class) {
            *count += 1;
        }
    }

    /// The time in which the given part of the records written (0.5 for half of them) was answered, rounded up to a power
    /// of two of microseconds; nothing if none was written.
    ///
    /// ```no_run
    /// # fn show(producer: &headwater_client::Producer) {
    /// let metrics = producer.metrics();
    /// println!("half within {:?}, 99 % within {:?}", metrics.latency(0.5), metrics.latency(0.99));
    /// # }
    /// ```
    #[must_use]
    pub fn latency(&self, part: f64) -> Option<Duration> {
        let wanted = part * self.records as f64;
        let mut count = 0;
        let class = self.latencies.iter().position(|records| {
            count += records;
            count > 0 && count as f64 >= wanted
        })?;
        Some(Duration::from_micros(1 << class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_told_by_the_part_of_records_within() {
        let mut metrics = Metrics::default();
        assert_eq!(metrics.latency(0.5), None);
        for micros in [1000, 1000, 1000, 9000] {
            metrics.written(1, Duration::from_micros(micros));
        }
        assert_eq!(metrics.latency(0.75), Some(Duration::from_micros(1024)));
        assert_eq!(metrics.latency(0.76), Some(Duration::from_micros(16384)));
        metrics.written(1, Duration::MAX);
        assert!(metrics.latency(1.0) > Some(Duration::from_secs(1000)));
    }
}
