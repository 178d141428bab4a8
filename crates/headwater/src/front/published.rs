//! The metrics that clients publish: of each the last value, and how many there were and their sum.
//!
//! Invariant: never more than [`MAX_KEPT`] metrics; one too many is turned away and counted, and none that is held is
//! lost for it.
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Mutex, PoisonError},
};

/// Metrics held at once.
const MAX_KEPT: usize = 10_000;

/// A metric's name in full.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Metric {
    pub(crate) account: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: BTreeMap<String, String>,
}

/// What was seen of a metric.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Seen {
    pub(crate) count: f64,
    pub(crate) sum: f64,
    pub(crate) last: f64,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Published(Mutex<Held>);

#[derive(Default)]
struct Held {
    metrics: BTreeMap<Metric, Seen>,
    turned_away: u64,
}

impl Published {
    /// Adds what was seen.
    pub(crate) fn take(&self, all: Vec<(Metric, Seen)>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Held { metrics, turned_away } = &mut *held;
        for (metric, Seen { count, sum, last }) in all {
            let is_full = metrics.len() >= MAX_KEPT;
            match metrics.entry(metric) {
                Entry::Occupied(mut kept) => {
                    let kept = kept.get_mut();
                    *kept = Seen { count: kept.count + count, sum: kept.sum + sum, last };
                }
                Entry::Vacant(_) if is_full => *turned_away += 1,
                Entry::Vacant(free) => drop(free.insert(Seen { count, sum, last })),
            }
        }
    }

    /// All of them, for people and programs to look at.
    pub(crate) fn shown(&self) -> Value {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let metric = |(metric, seen): (&Metric, &Seen)| {
            let Metric { account, namespace, name, dimensions } = metric;
            let Seen { count, sum, last } = seen;
            json!({"account": account, "namespace": namespace, "name": name, "dimensions": dimensions, "count": count,
                "sum": sum, "last": last})
        };
        let metrics: Vec<Value> = held.metrics.iter().map(metric).collect();
        json!({"metrics": metrics, "turned_away": held.turned_away})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(nth: usize) -> Metric {
        let name = nth.to_string();
        Metric { account: "1".into(), namespace: "N".into(), name, dimensions: BTreeMap::new() }
    }

    #[test]
    fn values_add_up_and_room_is_bounded() {
        let published = Published::default();
        let seen = Seen { count: 1.0, sum: 2.0, last: 2.0 };
        published.take((0..=MAX_KEPT).map(|nth| (metric(nth), seen)).collect());
        published.take(vec![(metric(0), Seen { count: 2.0, sum: 6.0, last: 3.0 })]);
        let held = published.0.lock().unwrap();
        assert_eq!((held.metrics.len(), held.turned_away), (MAX_KEPT, 1));
        assert_eq!(held.metrics[&metric(0)], Seen { count: 3.0, sum: 8.0, last: 3.0 });
    }
}
