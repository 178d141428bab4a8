//! Splits and merges: what is stored of them, and their planning, pure arithmetic on the ranges of open shards.
//!
//! Invariant: what is stored is read by every later release: fields may be added, never changed. A round touches each shard at most once, its children cover exactly what their parents covered, and no
//! child has more than two parents; scaling repeats rounds until the open ranges are uniform.
use super::stream::{Shard, Stream};
use crate::routing::{KeyRange, uniform_start};
use serde::{Deserialize, Serialize};

/// Shards on their way to being replaced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Reshard {
    /// Writes still land on the parents until then.
    pub(crate) due_ms: u64,
    /// What happens at once, to different shards.
    pub(crate) steps: Vec<Step>,
    /// The count of equal shards the stream is to have in the end, over as many rounds as it takes.
    pub(crate) target: Option<u32>,
    /// Once sealing has begun: for each parent, the place in its log from which on its marker is to be sought. Nobody
    /// appends records to a parent any more.
    pub(crate) sealing: Option<Vec<ParentTail>>,
}

impl Reshard {
    /// The shards that end in this round.
    pub(crate) fn parents(&self) -> impl Iterator<Item = u32> {
        self.steps.iter().flat_map(|step| step.parents())
    }
}

/// How far a parent's log reached when its sealing began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ParentTail {
    pub(crate) shard: u32,
    pub(crate) tail: u64,
}

/// One shard becoming two, or two becoming one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    /// `at` is the first hash key of the upper child.
    Split { parent: u32, at: u128 },
    /// `parent` ends right before `adjacent` begins.
    Merge { parent: u32, adjacent: u32 },
}

impl Step {
    /// The shards that end.
    pub(crate) fn parents(self) -> impl Iterator<Item = u32> {
        let (first, second) = match self {
            Self::Split { parent, .. } => (parent, None),
            Self::Merge { parent, adjacent } => (parent, Some(adjacent)),
        };
        std::iter::once(first).chain(second)
    }

    /// How many shards follow them.
    pub(crate) const fn children(self) -> u32 {
        match self {
            Self::Split { .. } => 2,
            Self::Merge { .. } => 1,
        }
    }
}

/// A boundary this near to where a uniform one would lie counts as uniform: equal parts of 2¹²⁸ keys differ by rounding
/// (half of three shards is not a whole shard of two to the key), and no shard is worth cutting for that.
const SLACK: u128 = 1 << 64;

/// The next round on the way from these open ranges (shard index and range, in order of hash key) to `target` uniform
/// ones; empty once they are. First every missing boundary is cut, a shard at most once a round, then superfluous ones
/// go pair by pair.
pub(super) fn uniform_round(open: &[(u32, KeyRange)], target: u32) -> Vec<Step> {
    let wanted: Vec<u128> = (1..target).map(|at| settle(open, uniform_start(at, target))).collect();
    let splits: Vec<Step> = open.iter().filter_map(|(parent, range)| split(*parent, *range, &wanted)).collect();
    if splits.is_empty() { merges(open, &wanted) } else { splits }
}

/// The boundary nearest to `ideal` within the slack, or `ideal` itself.
fn settle(open: &[(u32, KeyRange)], ideal: u128) -> u128 {
    let behind = open.partition_point(|(_, range)| range.start <= ideal);
    let around = open.get(behind.saturating_sub(1)..).unwrap_or_default().iter().take(2);
    let near = around.map(|(_, range)| range.start).min_by_key(|start| start.abs_diff(ideal));
    near.filter(|start| start.abs_diff(ideal) <= SLACK).unwrap_or(ideal)
}

/// Cuts a shard at the middle one of the wanted boundaries inside it.
fn split(parent: u32, range: KeyRange, wanted: &[u128]) -> Option<Step> {
    let from = wanted.partition_point(|at| *at <= range.start);
    let to = wanted.partition_point(|at| *at <= range.end);
    let inside = wanted.get(from..to)?;
    inside.get(inside.len() / 2).map(|at| Step::Split { parent, at: *at })
}

/// Merges neighbours, two by two, wherever no wanted boundary lies between them.
fn merges(open: &[(u32, KeyRange)], wanted: &[u128]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = open.iter().peekable();
    while let Some((parent, _)) = rest.next() {
        let superfluous = |next: &&(u32, KeyRange)| wanted.binary_search(&next.1.start).is_err();
        if let Some((adjacent, _)) = rest.next_if(superfluous) {
            steps.push(Step::Merge { parent: *parent, adjacent: *adjacent });
        }
    }
    steps
}

/// When children begin: the seconds their sequence numbers encode, and the time they take records from.
#[derive(Clone, Copy)]
pub(super) struct Birth {
    pub(super) created_secs: u64,
    pub(super) opened_ms: u64,
}

/// The children of a round, numbered on from the stream's next index.
pub(super) fn children(stream: &Stream, steps: &[Step], birth: Birth) -> Vec<Shard> {
    let range_of = |index| stream.shard(index).map(|shard| shard.range);
    let born = steps.iter().flat_map(|step| match *step {
        Step::Split { parent, at } => range_of(parent).map_or_else(Vec::new, |range| {
            let lower = KeyRange { start: range.start, end: at - 1 };
            let upper = KeyRange { start: at, end: range.end };
            vec![(vec![parent], lower), (vec![parent], upper)]
        }),
        Step::Merge { parent, adjacent } => match (range_of(parent), range_of(adjacent)) {
            (Some(lower), Some(upper)) => {
                vec![(vec![parent, adjacent], KeyRange { start: lower.start, end: upper.end })]
            }
            _ => Vec::new(),
        },
    });
    (stream.next_index..)
        .zip(born)
        .map(|(index, (parents, range))| Shard {
            index,
            range,
            created_secs: birth.created_secs,
            opened_ms: birth.opened_ms,
            parents,
            ending: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::uniform_ranges;
    use proptest::prelude::*;

    /// Plays rounds on ranges alone until none is left.
    fn settle_at(mut open: Vec<(u32, KeyRange)>, target: u32) -> (Vec<(u32, KeyRange)>, usize) {
        let mut next = 1_000_000;
        for round in 0.. {
            let steps = uniform_round(&open, target);
            if steps.is_empty() {
                return (open, round);
            }
            for step in steps {
                let at = |index| open.iter().position(|(held, _)| *held == index).expect("an open shard, used once");
                match step {
                    Step::Split { parent, at: cut } => {
                        let at = at(parent);
                        let range = open[at].1;
                        assert!(range.start < cut && cut <= range.end);
                        open[at] = (next, KeyRange { start: range.start, end: cut - 1 });
                        open.insert(at + 1, (next + 1, KeyRange { start: cut, end: range.end }));
                    }
                    Step::Merge { parent, adjacent } => {
                        let at = at(parent);
                        assert_eq!(open[at + 1].0, adjacent);
                        let upper = open.remove(at + 1).1;
                        assert_eq!(open[at].1.end + 1, upper.start);
                        open[at] = (next, KeyRange { start: open[at].1.start, end: upper.end });
                    }
                }
                next += 2;
            }
        }
        unreachable!()
    }

    fn uniform(count: u32) -> Vec<(u32, KeyRange)> {
        (0..).zip(uniform_ranges(count)).collect()
    }

    #[test]
    fn doubling_and_halving_take_one_round() {
        for count in [1, 2, 3, 5, 7, 50, 333] {
            assert_eq!(settle_at(uniform(count), 2 * count).1, 1, "doubling {count}");
            assert_eq!(settle_at(uniform(2 * count), count).1, 1, "halving {}", 2 * count);
        }
    }

    #[test]
    fn nothing_is_done_where_nothing_is_to_be_done() {
        assert_eq!(uniform_round(&uniform(7), 7), []);
        assert_eq!(uniform_round(&uniform(1), 1), []);
    }

    proptest! {
        #[test]
        fn scaling_ends_in_uniform_ranges(mut cuts in proptest::collection::btree_set(1..u128::MAX, 0..40),
                                          close in any::<bool>(), target in 1..60_u32) {
            if close {
                // Boundaries that crowd around a uniform one: only the nearest may stay.
                cuts.extend([uniform_start(1, target.max(2)) - 1, uniform_start(1, target.max(2)) + 2]);
            }
            let starts: Vec<u128> = std::iter::once(0).chain(cuts).collect();
            let ends = starts.iter().skip(1).map(|start| start - 1).chain([u128::MAX]);
            let open = starts.iter().zip(ends).map(|(start, end)| KeyRange { start: *start, end });
            let (settled, rounds) = settle_at((0..).zip(open).collect(), target);
            prop_assert_eq!(settled.len(), usize::try_from(target).unwrap());
            prop_assert!(rounds <= 14, "{} rounds", rounds);
            for ((_, range), ideal) in settled.iter().zip(uniform_ranges(target)) {
                prop_assert!(range.start.abs_diff(ideal.start) <= SLACK && range.end.abs_diff(ideal.end) <= SLACK);
            }
        }
    }
}
