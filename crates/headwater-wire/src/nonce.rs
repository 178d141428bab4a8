//! Nonces for AES-GCM: 96 bits that must never be used twice under one key.
//!
//! Invariant: one counter never repeats a nonce (64 bits of counting: half a million years at a million a second).
//! Two counters of one key – a restart, or another node – would have to draw the same 32-bit prefix and 64-bit starts
//! closer than what is counted: with 2¹⁶ counters and 2⁴⁸ nonces in all that is less likely than 2⁻³², the bound NIST
//! SP 800-38D asks of randomly chosen nonces.
use std::sync::atomic::{AtomicU64, Ordering};

/// A nonce's length.
pub const NONCE_BYTES: usize = 12;

/// Hands out nonces.
#[derive(Debug)]
pub struct Nonces {
    prefix: [u8; 4],
    count: AtomicU64,
}

impl Nonces {
    /// `chance` sets where counting begins; it must be drawn anew for each counter.
    #[must_use]
    pub const fn new(chance: u128) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = chance.to_le_bytes();
        Self { prefix: [a, b, c, d], count: AtomicU64::new(u64::from_le_bytes([e, f, g, h, i, j, k, l])) }
    }

    /// One that was not handed out before.
    pub fn next(&self) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        let (prefix, count) = nonce.split_at_mut(self.prefix.len());
        prefix.copy_from_slice(&self.prefix);
        count.copy_from_slice(&self.count.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        nonce
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn nonces_do_not_repeat_even_where_the_count_wraps() {
        let nonces = Nonces::new(u128::MAX);
        assert_eq!((0..100).map(|_| nonces.next()).collect::<BTreeSet<_>>().len(), 100);
    }

    #[test]
    fn all_96_bits_of_the_start_are_chance() {
        let starts: BTreeSet<_> = (0..96).map(|bit| Nonces::new(1 << bit).next()).collect();
        assert_eq!(starts.len(), 96);
    }
}
