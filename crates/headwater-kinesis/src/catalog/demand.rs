//! On-demand streams: when they split and merge, from what was written to each shard. Pure.
//!
//! Invariant: a plan touches each open shard at most once and leads between the fewest and the most shards it may.
use super::{
    reshard::Step,
    stream::{Mode, Stream},
};
use crate::routing::KeyRange;

/// Shards an on-demand stream has at least: what it starts with.
pub(crate) const LEAST_SHARDS: u32 = 4;
/// Shards an on-demand stream may grow to.
const MOST_SHARDS: u32 = 10_000;
/// A shard written to with more than half of what it takes is split: a stream takes double what it has seen.
const SPLIT_PERMILLE: u32 = 500;
/// Neighbours which together were never written to with more than this are merged.
const MERGE_PERMILLE: u32 = 250;

/// How an open shard was written to, in thousandths of what it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Load {
    pub(crate) shard: u32,
    pub(crate) range: KeyRange,
    /// In the last whole window.
    pub(crate) latest: u32,
    /// The most in any window of the last day; `None` until a day was observed.
    pub(crate) peak: Option<u32>,
}

/// What is to be done at once to a stream of these shards, in order of hash key, which is to take `warm_mibps` without
/// having to grow.
pub(crate) fn plan(loads: &[Load], warm_mibps: Option<u32>) -> Vec<Step> {
    let open = u32::try_from(loads.len()).unwrap_or(u32::MAX);
    let splits = splits(loads, open, warm_mibps.unwrap_or_default().min(MOST_SHARDS));
    if splits.is_empty() { merges(loads, open, warm_mibps.unwrap_or_default().max(LEAST_SHARDS)) } else { splits }
}

/// Splits the busy shards, the busiest first, and then the widest as long as there are fewer than `wanted`.
fn splits(loads: &[Load], open: u32, wanted: u32) -> Vec<Step> {
    let mut order: Vec<&Load> = loads.iter().filter(|load| load.range.end - load.range.start > 1).collect();
    order.sort_by_key(|load| std::cmp::Reverse((load.latest.max(SPLIT_PERMILLE), load.range.end - load.range.start)));
    let mut steps = Vec::new();
    for (shards, load) in (open..MOST_SHARDS).zip(order) {
        if load.latest <= SPLIT_PERMILLE && shards >= wanted {
            break;
        }
        let KeyRange { start, end } = load.range;
        steps.push(Step::Split { parent: load.shard, at: start + (end - start) / 2 + 1 });
    }
    steps
}

/// Merges idle neighbours two by two, down to `least` shards.
fn merges(loads: &[Load], open: u32, least: u32) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = loads.iter().peekable();
    let mut superfluous = open.saturating_sub(least);
    while let Some(load) = rest.next() {
        let idle = |next: &&Load| {
            load.peak.zip(next.peak).is_some_and(|(one, other)| one.saturating_add(other) <= MERGE_PERMILLE)
        };
        if superfluous == 0 {
            break;
        }
        if let Some(adjacent) = rest.next_if(idle) {
            steps.push(Step::Merge { parent: load.shard, adjacent: adjacent.shard });
            superfluous -= 1;
        }
    }
    steps
}

/// Whether the stream can still do what was planned: it rests, and the shards are as they were.
pub(super) fn fits(stream: &Stream, steps: &[Step]) -> bool {
    let open = |index: u32| stream.shard(index).filter(|shard| shard.ending.is_none());
    let fits = |step: &Step| match *step {
        Step::Split { parent, at } => open(parent).is_some_and(|shard| shard.range.start < at && at <= shard.range.end),
        Step::Merge { parent, adjacent } => open(parent)
            .zip(open(adjacent))
            .is_some_and(|(lower, upper)| lower.range.end.checked_add(1) == Some(upper.range.start)),
    };
    stream.mode == Mode::OnDemand && stream.is_active() && !steps.is_empty() && steps.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::uniform_ranges;
    use proptest::prelude::*;

    fn loads(of: &[(u32, Option<u32>)]) -> Vec<Load> {
        let ranges = uniform_ranges(u32::try_from(of.len()).unwrap());
        let load = |((shard, (latest, peak)), range): ((u32, &(u32, Option<u32>)), KeyRange)| Load {
            shard,
            range,
            latest: *latest,
            peak: *peak,
        };
        (0..).zip(of).zip(ranges).map(load).collect()
    }

    #[test]
    fn a_busy_shard_is_split_in_the_middle() {
        let loads = loads(&[(0, None), (501, None), (500, None), (0, None)]);
        let KeyRange { start, end } = loads[1].range;
        let at = start + (end - start) / 2 + 1;
        assert_eq!(plan(&loads, None), [Step::Split { parent: 1, at }]);
    }

    #[test]
    fn a_stream_grows_to_what_it_is_to_take_at_once() {
        let one = loads(&[(0, None)]);
        assert_eq!(plan(&one, None), []);
        assert_eq!(plan(&one, Some(9)), [Step::Split { parent: 0, at: 1 << 127 }]);
        assert_eq!(plan(&loads(&[(0, None); 6]), Some(9)).len(), 3);
    }

    #[test]
    fn idle_neighbours_are_merged_after_a_day_and_never_below_four() {
        assert_eq!(plan(&loads(&[(0, None); 8]), None), []);
        let idle = loads(&[(0, Some(125)); 6]);
        let merge = |parent| Step::Merge { parent, adjacent: parent + 1 };
        assert_eq!(plan(&idle, None), [merge(0), merge(2)]);
        assert_eq!(plan(&idle, Some(5)), [merge(0)]);
        assert_eq!(plan(&loads(&[(0, Some(0)); 4]), None), []);
        let busy = loads(&[(0, Some(200)), (0, Some(51)), (0, Some(0)), (0, Some(0)), (0, Some(0))]);
        assert_eq!(plan(&busy, None), [merge(1)]);
    }

    proptest! {
        #[test]
        fn a_plan_touches_each_shard_at_most_once(of in proptest::collection::vec(
            (0..2000_u32, proptest::option::of(0..400_u32)), 1..40), warm in proptest::option::of(0..100_u32)) {
            let loads = loads(&of);
            let mut touched: Vec<u32> = plan(&loads, warm).into_iter().flat_map(Step::parents).collect();
            let all = touched.len();
            touched.sort_unstable();
            touched.dedup();
            prop_assert_eq!(touched.len(), all);
        }
    }
}
