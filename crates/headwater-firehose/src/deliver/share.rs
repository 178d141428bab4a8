//! Which delivery streams a process delivers, of several that share the catalog; pure.
//!
//! Invariant: processes that know of the same ones agree, and each stream is somebody's. Those who do not agree yet deliver
//! twice, as delivery may: progress only rises.
use crate::mixer::{self, Mixer};

/// This process and the others that are there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// The numbers of all that are there.
    all: Vec<u64>,
    /// That of this one.
    own: u64,
    /// Whether this one leads.
    leads: bool,
}

impl Share {
    /// That of a process that is alone.
    #[must_use]
    pub fn whole() -> Self {
        Self { all: vec![0], own: 0, leads: true }
    }

    /// That of process `own`, where these are there; one that is not among them delivers nothing.
    #[must_use]
    pub fn among(all: Vec<u64>, own: u64, leads: bool) -> Self {
        Self { all, own, leads }
    }

    /// Whether this process delivers the stream of this incarnation. A function may be attached to one process alone: streams
    /// that call one are those of the process that leads.
    pub(super) fn has(&self, incarnation: u128, calls_function: bool) -> bool {
        if calls_function {
            return self.leads && self.all.contains(&self.own);
        }
        // The highest number drawn for it: who comes takes a fair part from each, and who goes leaves its own alone.
        self.all.iter().max_by_key(|number| (draw(incarnation, **number), **number)) == Some(&self.own)
    }
}

/// A number that depends on both alone, and on each bit of them.
fn draw(incarnation: u128, number: u64) -> u64 {
    let [high, low] = mixer::halves(incarnation);
    [high, low, number].into_iter().fold(0, |state, word| Mixer(state ^ word).next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Who delivers it.
    fn owners(all: &[u64], incarnation: u128) -> Vec<u64> {
        let has = |own: &u64| Share::among(all.to_vec(), *own, false).has(incarnation, false);
        all.iter().copied().filter(has).collect()
    }

    proptest! {
        #[test]
        fn each_stream_is_delivered_by_one(numbers in proptest::collection::hash_set(0_u64.., 1..9), incarnation: u128) {
            let all: Vec<u64> = numbers.into_iter().collect();
            let owner = owners(&all, incarnation);
            prop_assert_eq!(owner.len(), 1);
            let left: Vec<u64> = all.iter().copied().filter(|number| owner[0] != *number).collect();
            let gone = *all.iter().find(|number| owner[0] != **number).unwrap_or(&owner[0]);
            let rest: Vec<u64> = all.iter().copied().filter(|number| gone != *number).collect();
            prop_assert!(left.is_empty() || owners(&left, incarnation).len() == 1);
            prop_assert!(gone == owner[0] || owners(&rest, incarnation) == owner, "it moves only when its own goes");
        }
    }

    #[test]
    fn streams_are_spread_and_those_with_functions_are_the_leaders() {
        let (all, mut counts) = (vec![7, 8, 9], [0; 3]);
        for incarnation in 0..3000_u128 {
            let owner = owners(&all, incarnation << 64)[0];
            counts[usize::try_from(owner - 7).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert!(Share::among(all.clone(), 8, true).has(5, true) && !Share::among(all.clone(), 8, false).has(5, true));
        assert!(!Share::among(all, 4, true).has(5, true), "who is cut off delivers nothing");
        assert!(Share::whole().has(5, true) && Share::whole().has(5, false));
    }
}
