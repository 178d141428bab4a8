//! How far a delivery stream has come: which stretches of its source's logs are still on their way, and from which place
//! on each log must be read again if everything stops now.
//!
//! Invariant: the place reported for a log never passes the beginning of a stretch that is not settled, so what was read
//! and is not written yet is read again by whoever comes next.
use headwater_log::{
    LogId, Seq,
    rules::{Rule, is_left_out},
};
use std::collections::BTreeMap;

/// What one read took from a log: the places from `from` up to `next`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stretch {
    pub(crate) log: LogId,
    pub(crate) from: Seq,
    pub(crate) next: Seq,
}

/// The stretches on their way.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    lanes: BTreeMap<LogId, Lane>,
}

#[derive(Debug)]
struct Lane {
    /// By where they begin; stretches of a log do not overlap.
    underway: BTreeMap<Seq, Seq>,
    read_to: Seq,
    reported: Seq,
}

impl Lane {
    fn settled_to(&self) -> Seq {
        if is_left_out(Rule::ProgressComesAfterWriting) {
            return self.read_to;
        }
        self.underway.first_key_value().map_or(self.read_to, |(from, _)| *from)
    }
}

impl Ledger {
    /// Puts down that a stretch was read.
    pub(crate) fn take(&mut self, stretch: &Stretch) {
        let Stretch { log, from, next } = *stretch;
        let begun = || Lane { underway: BTreeMap::new(), read_to: from, reported: from };
        let lane = self.lanes.entry(log).or_insert_with(begun);
        lane.underway.insert(from, next);
        lane.read_to = lane.read_to.max(next);
    }

    /// Puts down that nothing of a stretch is on its way any more.
    pub(crate) fn settle(&mut self, stretch: &Stretch) {
        if let Some(lane) = self.lanes.get_mut(&stretch.log) {
            lane.underway.remove(&stretch.from);
            if is_left_out(Rule::ProgressLeavesNoGaps) {
                lane.underway.retain(|from, _| *from > stretch.from);
            }
        }
    }

    /// The places that have moved since they were last asked for: each log is read on from there.
    pub(crate) fn moved(&mut self) -> Vec<(LogId, Seq)> {
        let moved = self.lanes.iter_mut().filter_map(|(log, lane)| {
            let settled = lane.settled_to();
            (settled > lane.reported).then(|| {
                lane.reported = settled;
                (*log, settled)
            })
        });
        moved.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_log::LogGroup;
    use proptest::{collection::vec, prelude::*};

    const LOG: LogId = LogId::new(LogGroup(5), 0);

    fn stretch(from: u64, next: u64) -> Stretch {
        Stretch { log: LOG, from: Seq(from), next: Seq(next) }
    }

    #[test]
    fn progress_waits_for_the_first_stretch_on_its_way() {
        let mut ledger = Ledger::default();
        for (from, next) in [(0, 10), (10, 30), (30, 31)] {
            ledger.take(&stretch(from, next));
        }
        ledger.settle(&stretch(10, 30));
        assert_eq!(ledger.moved(), []);
        ledger.settle(&stretch(0, 10));
        assert_eq!(ledger.moved(), [(LOG, Seq(30))]);
        assert_eq!(ledger.moved(), [], "told once");
        ledger.settle(&stretch(30, 31));
        assert_eq!(ledger.moved(), [(LOG, Seq(31))]);
    }

    proptest! {
        #[test]
        fn no_order_of_settling_ever_passes_an_unsettled_stretch(lengths in vec(1..9_u64, 1..20), order in vec(any::<prop::sample::Index>(), 20)) {
            let mut ledger = Ledger::default();
            let mut open = Vec::new();
            let mut at = 0;
            for length in lengths {
                open.push(stretch(at, at + length));
                at += length;
            }
            open.iter().for_each(|stretch| ledger.take(stretch));
            let mut told = Seq::ZERO;
            for index in order {
                if open.is_empty() {
                    break;
                }
                let settled = open.swap_remove(index.index(open.len()));
                ledger.settle(&settled);
                if let Some((_, place)) = ledger.moved().first() {
                    told = *place;
                }
                let first = open.iter().map(|stretch| stretch.from).min().unwrap_or(Seq(at));
                prop_assert_eq!(told, first);
            }
        }
    }
}
