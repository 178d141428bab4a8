//! Which shard a record belongs to: MD5 of the partition key, or the explicit hash key, looked up in disjoint ranges.
//!
//! Invariant: the ranges of a stream's open shards cover 0..=2¹²⁸−1 without gap or overlap, so every key has one.
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// An inclusive range of hash keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct KeyRange {
    pub(crate) start: u128,
    pub(crate) end: u128,
}

/// The hash key of a partition key.
pub(crate) fn hash_key(partition_key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

/// The number an `ExplicitHashKey` stands for; `None` outside 0..=2¹²⁸−1.
pub(crate) fn explicit_hash_key(text: &str) -> Option<u128> {
    text.parse().ok()
}

/// `count` ranges of equal width; the last takes up what is left over.
pub(crate) fn uniform_ranges(count: u32) -> impl ExactSizeIterator<Item = KeyRange> {
    (0..count).map(move |at| KeyRange {
        start: uniform_start(at, count),
        end: if at + 1 == count { u128::MAX } else { uniform_start(at + 1, count) - 1 },
    })
}

/// Where range `at` of `count` equal ones starts.
pub(crate) fn uniform_start(at: u32, count: u32) -> u128 {
    if at == 0 {
        return 0;
    }
    // ⌊2¹²⁸ / count⌋, without room for 2¹²⁸ itself; of two ranges or more, it fits.
    let count = u128::from(count);
    let width = u128::MAX / count + u128::from(u128::MAX % count == count - 1);
    width * u128::from(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_shards_have_the_services_boundaries() {
        let ranges: Vec<_> = uniform_ranges(3).collect();
        assert_eq!(ranges[0].end, 113_427_455_640_312_821_154_458_202_477_256_070_484);
        assert_eq!(ranges[1].start, 113_427_455_640_312_821_154_458_202_477_256_070_485);
        assert_eq!(ranges[1].end, 226_854_911_280_625_642_308_916_404_954_512_140_969);
        assert_eq!(ranges[2].start, 226_854_911_280_625_642_308_916_404_954_512_140_970);
        assert_eq!(ranges[2].end, u128::MAX);
    }

    #[test]
    fn a_partition_key_hashes_by_md5() {
        assert_eq!(hash_key("a"), 0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661);
        assert_eq!(explicit_hash_key("340282366920938463463374607431768211455"), Some(u128::MAX));
        assert_eq!(explicit_hash_key("340282366920938463463374607431768211456"), None);
    }

    proptest! {
        #[test]
        fn uniform_ranges_cover_everything_once(count in 1..100_000_u32) {
            let mut next = Some(0);
            for range in uniform_ranges(count) {
                prop_assert_eq!(Some(range.start), next);
                prop_assert!(range.start <= range.end);
                next = range.end.checked_add(1);
            }
            prop_assert_eq!(next, None);
        }
    }
}
