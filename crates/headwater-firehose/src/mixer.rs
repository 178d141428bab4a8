//! Numbers that look like chance and are not: the mixing steps of SplitMix64. Invariant: a step is a bijection of what it
//! begins with.

/// Where it stands.
pub(crate) struct Mixer(pub(crate) u64);

impl Mixer {
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A long number as two, the higher first.
pub(crate) fn halves(number: u128) -> [u64; 2] {
    [64, 0].map(|shift| u64::try_from((number >> shift) & u128::from(u64::MAX)).unwrap_or(0))
}
