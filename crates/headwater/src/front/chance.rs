//! Chance for what must only be distinct: request ids and injected faults. One seed, one atomic step a request; never
//! used where somebody gains by guessing.
use std::sync::atomic::{AtomicU64, Ordering};

/// The odd step of the `SplitMix64` sequence.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
/// Numbers set aside for one request, so that draws of different requests never meet.
const DRAWS: u64 = 32;

/// The source for all requests of a process.
#[derive(Debug)]
pub(crate) struct Chance {
    state: AtomicU64,
}

impl Chance {
    /// The same seed gives the same numbers.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// The numbers of one request.
    pub(crate) fn draw(&self) -> Draw {
        Draw { state: self.state.fetch_add(STEP.wrapping_mul(DRAWS), Ordering::Relaxed) }
    }
}

/// A short run of numbers.
#[derive(Debug)]
pub(crate) struct Draw {
    state: u64,
}

impl Draw {
    /// The next number, evenly spread over all.
    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Yes in `probability` of all cases.
    #[expect(clippy::cast_precision_loss, reason = "the upper 53 bits are exact in an f64")]
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        ((self.number() >> 11) as f64) < probability * (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_draw_different_numbers_and_a_seed_repeats_them() {
        let run = |seed| {
            let chance = Chance::new(seed);
            let draws = (0..1000).map(|_| chance.draw());
            draws.flat_map(|mut draw| [draw.number(), draw.number()]).collect::<Vec<_>>()
        };
        let numbers = run(7);
        assert_eq!(numbers, run(7));
        assert_eq!(numbers.iter().collect::<std::collections::HashSet<_>>().len(), 2000);
    }

    #[test]
    fn a_probability_is_met() {
        let chance = Chance::new(1);
        let hits = |probability| (0..10_000).filter(|_| chance.draw().happens(probability)).count();
        assert_eq!((hits(0.0), hits(1.0)), (0, 10_000));
        assert!((2300..2700).contains(&hits(0.25)));
    }
}
