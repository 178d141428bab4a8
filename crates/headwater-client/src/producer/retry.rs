//! When to try again. Pure: chance comes in as a number.
use std::time::Duration;

/// How often, and after which pauses, what failed for a passing reason is tried again: throughput exceeded, a failure
/// inside the service, no answer.
///
/// The pause is of full jitter: anything from nothing up to a bound that doubles with each attempt. The SDK's client
/// retries whole requests by its own configuration, within one attempt of these.
///
/// ```
/// use headwater_client::Retry;
/// use std::time::Duration;
/// let retry = Retry { retries: 3, ..Retry::default() };
/// assert_eq!(retry.longest_pause(0), Duration::from_millis(50));
/// assert_eq!(retry.longest_pause(1), Duration::from_millis(100));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retry {
    /// How often at most, after the first attempt.
    pub retries: u32,
    /// The first pause's bound.
    pub first_pause: Duration,
    /// What no pause's bound exceeds.
    pub last_pause: Duration,
}

impl Retry {
    /// One attempt, and what failed has failed.
    pub const NEVER: Self = Self { retries: 0, first_pause: Duration::ZERO, last_pause: Duration::ZERO };

    /// The bound of the pause before the retry of this number, from 0.
    #[must_use]
    pub fn longest_pause(&self, retry: u32) -> Duration {
        self.first_pause.saturating_mul(1_u32.checked_shl(retry).unwrap_or(u32::MAX)).min(self.last_pause)
    }

    /// The pause before the retry of this number, from 0.
    pub(crate) fn pause(&self, retry: u32, chance: &mut Chance) -> Duration {
        self.longest_pause(retry).mul_f64(chance.next())
    }
}

impl Default for Retry {
    /// Ten retries: a bound of 50 ms before the first, of 5 s at most.
    fn default() -> Self {
        Self { retries: 10, first_pause: Duration::from_millis(50), last_pause: Duration::from_secs(5) }
    }
}

/// Numbers for jitter: evenly spread, of no other use.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 up to, not including, 1.
    fn next(&mut self) -> f64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        // 53 bits are what such a number holds exactly.
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_last_and_spread_below_it() {
        let retry = Retry::default();
        assert_eq!(retry.longest_pause(2), Duration::from_millis(200));
        assert_eq!(retry.longest_pause(7), retry.last_pause);
        assert_eq!(retry.longest_pause(u32::MAX), retry.last_pause);
        let mut chance = Chance::new(1);
        let pauses: Vec<_> = (0..1000).map(|_| retry.pause(0, &mut chance)).collect();
        assert!(pauses.iter().all(|pause| *pause < retry.first_pause));
        let sum: Duration = pauses.iter().sum();
        assert!((20..30).contains(&(sum / 1000).as_millis()), "{sum:?}");
    }
}
