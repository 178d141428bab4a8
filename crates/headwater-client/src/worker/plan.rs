//! Which leases a worker takes. Invariant: it takes a lease that belongs to another only if that other has not renewed it
//! for the fail-over time by this worker's own clock, or – one at a time – if that other has at least two more than itself.
//! No clocks are compared between machines.
use super::lease::Lease;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};
use tokio::time::Instant;

/// Since when each lease was seen as it is.
#[derive(Debug, Default)]
pub(crate) struct Observed(HashMap<String, (Option<String>, u64, Instant)>);

impl Observed {
    /// Takes in the leases as they were read, all of them, at `now`.
    pub(crate) fn see(&mut self, leases: &[Lease], now: Instant) {
        let mut before = std::mem::take(&mut self.0);
        for lease in leases {
            let seen = match before.remove(&lease.shard_id) {
                Some(seen) if seen.0 == lease.owner && seen.1 == lease.counter => seen,
                _ => (lease.owner.clone(), lease.counter, now),
            };
            self.0.insert(lease.shard_id.clone(), seen);
        }
    }

    /// Whether its owner, if it has one, has shown no sign of life for so long.
    fn is_expired(&self, lease: &Lease, fail_over: Duration, now: Instant) -> bool {
        self.0.get(&lease.shard_id).is_some_and(|(_, _, since)| now.duration_since(*since) >= fail_over)
    }
}

/// The worker that plans.
#[derive(Debug)]
pub(crate) struct Me<'a> {
    pub(crate) name: &'a str,
    /// The shards whose leases it holds.
    pub(crate) holds: &'a BTreeSet<String>,
    /// The shards it must not take now.
    pub(crate) avoids: &'a BTreeSet<String>,
    /// How long a lease is good without renewal.
    pub(crate) fail_over: Duration,
    /// The most leases it may hold.
    pub(crate) most: usize,
}

/// The leases `me` should try to take at `now`.
pub(crate) fn plan<'a>(observed: &Observed, leases: &'a [Lease], me: &Me<'_>, now: Instant) -> Vec<&'a Lease> {
    let unfinished: BTreeSet<&str> =
        leases.iter().filter(|lease| !lease.is_finished()).map(|lease| &*lease.shard_id).collect();
    // A parent without a lease was processed so long ago that it is forgotten, or is none of ours.
    let may_run = |lease: &&Lease| !lease.parents.iter().any(|parent| unfinished.contains(&**parent));
    let runnable: Vec<&Lease> = leases.iter().filter(|lease| !lease.is_finished()).filter(may_run).collect();

    let mut loads = BTreeMap::from([(me.name, 0)]);
    let mut free = Vec::new();
    for lease in &runnable {
        match lease.owner.as_deref() {
            Some(_) if me.holds.contains(&lease.shard_id) => *loads.entry(me.name).or_default() += 1,
            Some(owner) if !observed.is_expired(lease, me.fail_over, now) => *loads.entry(owner).or_default() += 1,
            _ => free.push(*lease),
        }
    }
    let may_take = |lease: &&Lease| !me.avoids.contains(&lease.shard_id) && !me.holds.contains(&lease.shard_id);
    let mine = loads.get(me.name).copied().unwrap_or(0);
    let share = runnable.len().div_ceil(loads.len()).min(me.most);
    let room = share.saturating_sub(mine);
    // Workers that see the same should not reach for the same.
    let order = |lease: &&Lease| {
        let mut hasher = DefaultHasher::new();
        (me.name, &lease.shard_id).hash(&mut hasher);
        hasher.finish()
    };
    free.sort_by_key(order);
    let taken: Vec<&Lease> = free.iter().copied().filter(may_take).take(room).collect();
    if !free.is_empty() || mine >= me.most {
        return taken;
    }
    let Some((most_loaded, load)) = loads.into_iter().max_by_key(|(_, load)| *load) else { return taken };
    if load < mine + 2 {
        return taken;
    }
    let theirs = |lease: &&Lease| lease.owner.as_deref() == Some(most_loaded);
    runnable.iter().copied().filter(theirs).filter(may_take).min_by_key(order).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::{Checkpoint, store::Table};
    use proptest::prelude::*;

    const FAIL_OVER: Duration = Duration::from_secs(10);
    /// As the real ones: a worker looks and renews three times within the fail-over time.
    const TICK: Duration = Duration::from_millis(3333);

    /// A worker as the real one: what it believes to hold, and until when without a renewal.
    #[derive(Default)]
    struct Sim {
        name: String,
        observed: Observed,
        held: BTreeMap<String, (Lease, Instant)>,
        next: Option<Instant>,
    }

    impl Sim {
        fn believes(&self, shard: &str, now: Instant) -> bool {
            self.held.get(shard).is_some_and(|(_, until)| now < *until)
        }

        fn tick(&mut self, table: &mut Table, now: Instant) {
            self.held.retain(|_, (_, until)| now < *until);
            self.held.retain(|_, (lease, until)| {
                let renewed = lease.renewed();
                let kept = table.replace(lease, &renewed).is_ok();
                (*lease, *until) = (renewed, now + FAIL_OVER);
                kept
            });
            let leases = table.all();
            self.observed.see(&leases, now);
            let holds = self.held.keys().cloned().collect();
            let avoids = BTreeSet::new();
            let me = Me { name: &self.name, holds: &holds, avoids: &avoids, fail_over: FAIL_OVER, most: usize::MAX };
            for lease in plan(&self.observed, &leases, &me, now) {
                let claimed = lease.claimed(&self.name);
                if table.replace(lease, &claimed).is_ok() {
                    self.held.insert(lease.shard_id.clone(), (claimed, now + FAIL_OVER));
                }
            }
        }
    }

    /// Since when each worker has believed in a lease that is another's.
    type Mistaken = BTreeMap<(String, usize), Instant>;

    /// Lets the workers that are awake tick, each when it is due, to `end`; gives an error if one was mistaken too long.
    fn run(
        workers: &mut [Sim],
        asleep: &BTreeSet<usize>,
        table: &mut Table,
        mistaken: &mut Mistaken,
        span: (Instant, Instant),
    ) -> Result<(), TestCaseError> {
        let (mut now, end) = span;
        while now < end {
            for at in 0..workers.len() {
                let worker = &mut workers[at];
                if asleep.contains(&at) || worker.next.is_some_and(|next| now < next) {
                    continue;
                }
                worker.next = Some(now + TICK);
                let before: BTreeSet<String> = worker.held.keys().cloned().collect();
                worker.tick(table, now);
                let taken: Vec<&String> = workers[at].held.keys().filter(|shard| !before.contains(*shard)).collect();
                let believed = |shard: &&&String| {
                    workers.iter().enumerate().any(|(other, worker)| other != at && worker.believes(shard, now))
                };
                let stolen = taken.iter().filter(believed).count();
                prop_assert!(stolen <= 1, "{} shards were taken from who believes in them", stolen);
            }
            for lease in table.all() {
                for (at, worker) in workers.iter().enumerate() {
                    let believed = (lease.shard_id.clone(), at);
                    if lease.owner.as_deref() == Some(&*worker.name) || !worker.believes(&lease.shard_id, now) {
                        mistaken.remove(&believed);
                        continue;
                    }
                    let since = *mistaken.entry(believed).or_insert(now);
                    prop_assert!(now - since <= FAIL_OVER, "{} believes in {}", worker.name, lease.shard_id);
                }
            }
            now += Duration::from_millis(250);
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_shard_finds_one_owner_and_the_workers_share_evenly(
            shards in 1usize..12,
            count in 1usize..5,
            // Who falls asleep or wakes up, and how long until the next does. Who sleeps does not even know it.
            naps in prop::collection::vec((0usize..5, 1u64..30), 0..12),
        ) {
            let mut table = Table::default();
            for shard in 0..shards {
                let lease = Lease::new(format!("shard{shard}"), [], Checkpoint::TrimHorizon);
                prop_assert!(table.create(&lease));
            }
            let mut workers: Vec<Sim> =
                (0..count).map(|at| Sim { name: format!("worker{at}"), ..Sim::default() }).collect();
            let (mut now, mut asleep, mut mistaken) = (Instant::now(), BTreeSet::new(), Mistaken::new());
            for (who, seconds) in naps {
                if !asleep.remove(&(who % count)) {
                    asleep.insert(who % count);
                }
                let end = now + Duration::from_secs(seconds);
                run(&mut workers, &asleep, &mut table, &mut mistaken, (now, end))?;
                now = end;
            }
            if asleep.len() == count {
                asleep.clear();
            }
            let end = now + FAIL_OVER * 3 + TICK * u32::try_from(shards * 2).unwrap();
            run(&mut workers, &asleep, &mut table, &mut mistaken, (now, end))?;
            let mut loads = Vec::new();
            for (at, worker) in workers.iter().enumerate() {
                let load = (0..shards).filter(|shard| worker.believes(&format!("shard{shard}"), end)).count();
                if asleep.contains(&at) {
                    prop_assert_eq!(load, 0);
                } else {
                    loads.push(load);
                }
            }
            prop_assert_eq!(loads.iter().sum::<usize>(), shards);
            prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{:?}", loads);
        }
    }

    fn take(leases: &[Lease], most: usize, avoids: &[&str]) -> Vec<String> {
        let now = Instant::now();
        let mut observed = Observed::default();
        observed.see(leases, now);
        let avoids = avoids.iter().map(|&shard| shard.to_owned()).collect();
        let me = Me { name: "me", holds: &BTreeSet::new(), avoids: &avoids, fail_over: FAIL_OVER, most };
        plan(&observed, leases, &me, now).iter().map(|lease| lease.shard_id.clone()).collect()
    }

    #[test]
    fn a_child_is_not_taken_before_both_parents_are_finished() {
        let parent = |id: &str| Lease::new(id, [], Checkpoint::TrimHorizon);
        let child = Lease::new("c", ["a".into(), "b".into(), "forgotten".into()], Checkpoint::TrimHorizon);
        let mut leases = [parent("a").finished(), parent("b"), child];
        assert_eq!(take(&leases, 9, &[]), ["b"]);
        leases[1] = leases[1].finished();
        assert_eq!(take(&leases, 9, &[]), ["c"]);
    }

    #[test]
    fn no_more_than_allowed_are_taken_and_none_that_is_avoided() {
        let leases = ["a", "b", "c"].map(|id| Lease::new(id, [], Checkpoint::TrimHorizon));
        assert_eq!(take(&leases, 2, &[]).len(), 2);
        assert_eq!(take(&leases, 9, &["a", "b"]), ["c"]);
    }

    #[test]
    fn one_is_stolen_from_who_has_two_more() {
        let leases = ["a", "b", "c"].map(|id| Lease::new(id, [], Checkpoint::TrimHorizon).claimed("other"));
        assert_eq!(take(&leases, 9, &[]).len(), 1);
        assert!(take(&leases[..1], 9, &[]).is_empty());
        assert!(take(&leases, 0, &[]).is_empty());
    }
}
