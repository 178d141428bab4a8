//! Which shard a hash key belongs to. Invariant: open shards cover every hash key exactly once.
use std::{collections::HashMap, ops::RangeInclusive, sync::Arc};

/// A shard as ListShards tells it.
#[derive(Clone, Debug)]
pub(super) struct Shard {
    pub(super) id: Arc<str>,
    pub(super) hash_keys: RangeInclusive<u128>,
    pub(super) open: bool,
}

/// The shards of a stream.
#[derive(Clone, Debug)]
pub(super) struct ShardMap {
    /// By where they start.
    open: Vec<Shard>,
    ranges: HashMap<Arc<str>, RangeInclusive<u128>>,
}

impl ShardMap {
    /// `None` if the open ones leave a gap or overlap, as they may for a moment while shards are split or merged.
    pub(super) fn new(shards: Vec<Shard>) -> Option<Self> {
        let ranges = shards.iter().map(|shard| (Arc::clone(&shard.id), shard.hash_keys.clone())).collect();
        let mut open: Vec<_> = shards.into_iter().filter(|shard| shard.open).collect();
        open.sort_by_key(|shard| *shard.hash_keys.start());
        let mut next = Some(0);
        for shard in &open {
            if next != Some(*shard.hash_keys.start()) || shard.hash_keys.is_empty() {
                return None;
            }
            next = shard.hash_keys.end().checked_add(1);
        }
        next.is_none().then_some(Self { open, ranges })
    }

    /// The open shard that `hash_key` belongs to.
    pub(super) fn shard(&self, hash_key: u128) -> Option<&Shard> {
        let after = self.open.partition_point(|shard| *shard.hash_keys.start() <= hash_key);
        self.open.get(after.checked_sub(1)?)
    }

    /// Whether `hash_key` belongs to the shard of this id, which may be closed by now.
    pub(super) fn has(&self, id: &str, hash_key: u128) -> bool {
        self.ranges.get(id).is_some_and(|range| range.contains(&hash_key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, hash_keys: RangeInclusive<u128>, open: bool) -> Shard {
        Shard { id: id.into(), hash_keys, open }
    }

    #[test]
    fn every_hash_key_belongs_to_one_open_shard() {
        let half = 1 << 127;
        let map = ShardMap::new(vec![
            shard("old", 0..=u128::MAX, false),
            shard("high", half..=u128::MAX, true),
            shard("low", 0..=half - 1, true),
        ]);
        let map = map.unwrap();
        let id = |hash_key| &*map.shard(hash_key).unwrap().id;
        assert_eq!([id(0), id(half - 1), id(half), id(u128::MAX)], ["low", "low", "high", "high"]);
        assert!(map.has("old", 7) && map.has("low", 7) && !map.has("high", 7) && !map.has("unknown", 7));
    }

    #[test]
    fn a_gap_or_an_overlap_makes_no_map() {
        for ranges in [vec![], vec![0..=5], vec![1..=u128::MAX], vec![0..=5, 7..=u128::MAX], vec![0..=5, 5..=u128::MAX]]
        {
            let shards = ranges.iter().map(|range| shard("a", range.clone(), true)).collect();
            assert!(ShardMap::new(shards).is_none(), "{ranges:?}");
        }
        let doubled = vec![shard("a", 0..=u128::MAX, true), shard("b", 0..=u128::MAX, true)];
        assert!(ShardMap::new(doubled).is_none());
    }
}
