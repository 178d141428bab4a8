//! Rates: a token bucket that is exact to the unit.
//!
//! Invariant: a bucket holds at most one second's worth and fills evenly.

/// Tokens are counted in millionths, so that filling by the microsecond loses nothing.
const SCALE: i64 = 1_000_000;

/// One rate, with a second's worth of burst.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    per_second: i64,
    /// In millionths; below zero after a read that could not be known in advance.
    held: i64,
    filled_us: u64,
}

impl Bucket {
    /// A full bucket of a rate that allows `per_second` units.
    #[must_use]
    pub fn full(per_second: u64, now_us: u64) -> Self {
        let per_second = i64::try_from(per_second).unwrap_or(i64::MAX / SCALE);
        Self { per_second, held: per_second * SCALE, filled_us: now_us }
    }

    /// Adds what has come in up to `now_us`, in microseconds of a clock that never goes back.
    pub fn fill(&mut self, now_us: u64) {
        let passed = i64::try_from(now_us.saturating_sub(self.filled_us)).unwrap_or(i64::MAX);
        let added = passed.saturating_mul(self.per_second);
        self.held = self.held.saturating_add(added).min(self.per_second * SCALE);
        self.filled_us = self.filled_us.max(now_us);
    }

    /// Whether it holds so many. More than a whole second's worth passes when the bucket is full: a large record is a
    /// burst, not impossible.
    #[must_use]
    pub fn has(&self, count: u64) -> bool {
        self.held >= scaled(count).min(self.per_second * SCALE)
    }

    /// Whether more was taken than there was.
    #[must_use]
    pub const fn owes(&self) -> bool {
        self.held < 0
    }

    /// Takes all that is left.
    pub fn drain(&mut self) {
        self.held = self.held.min(0);
    }

    /// Takes so many, even if there are not as many.
    pub fn take(&mut self, count: u64) {
        self.held = self.held.saturating_sub(scaled(count));
    }
}

fn scaled(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(SCALE)
}
