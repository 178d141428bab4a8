//! The core against a service that refuses, breaks down and splits shards at will. Invariant: what is pinned here holds
//! in whatever order answers come.
use super::*;
use crate::producer::shard_map::Shard;
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use std::collections::HashSet;

const MS: Duration = Duration::from_millis(1);
const AGGREGATE: usize = 1024;

fn limits(lanes: Lanes) -> Limits {
    Limits {
        lanes,
        request_records: 4,
        request_bytes: 3000,
        requests: 3,
        linger: 20 * MS,
        patience: 500 * MS,
        retry: Retry { retries: 3, first_pause: 10 * MS, last_pause: 40 * MS },
    }
}

fn record(key: &str, size: usize) -> UserRecord {
    UserRecord { partition_key: key.to_owned().into(), data: Bytes::from(vec![0; size]), ..UserRecord::default() }
}

fn refusal(code: &str) -> Error {
    Error::Failed(Failed { operation: "PutRecords", status: Some(200), code: Some(code.into()), message: "no".into() })
}

fn throttled() -> Error {
    refusal("ProvisionedThroughputExceededException")
}

/// What a service does with a record of a request.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    Take,
    Throttle,
    Refuse,
}

#[derive(Clone, Debug)]
enum Event {
    Send { key: u8, size: usize },
    Pass { ms: u32 },
    Answer { which: usize, verdicts: Vec<Verdict> },
    Break { which: usize, passing: bool },
    List { works: bool },
    Split { which: usize },
    Flush,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let verdict = prop_oneof![6 => Just(Verdict::Take), 3 => Just(Verdict::Throttle), 1 => Just(Verdict::Refuse)];
    let event = prop_oneof![
        12 => (0..5_u8, prop_oneof![0..50_usize, 0..1500_usize]).prop_map(|(key, size)| Event::Send { key, size }),
        3 => (0..40_u32).prop_map(|ms| Event::Pass { ms }),
        6 => (any::<usize>(), vec(verdict, 4)).prop_map(|(which, verdicts)| Event::Answer { which, verdicts }),
        1 => (any::<usize>(), prop::bool::weighted(0.8)).prop_map(|(which, passing)| Event::Break { which, passing }),
        3 => prop::bool::weighted(0.8).prop_map(|works| Event::List { works }),
        1 => any::<usize>().prop_map(|which| Event::Split { which }),
        1 => Just(Event::Flush),
    ];
    vec(event, 0..120)
}

/// The core, the service, and what was seen.
struct World {
    core: Core<usize>,
    now: Duration,
    flights: Vec<Vec<Unit<usize>>>,
    listing: bool,
    shards: Vec<Shard>,
    /// The key of each record sent.
    keys: Vec<String>,
    /// What a reader finds of a key, in order.
    found: HashMap<String, Vec<usize>>,
    ends: HashMap<usize, Result<Put>>,
}

impl World {
    fn new(lanes: Lanes) -> Self {
        Self {
            core: Core::new(limits(lanes), 7),
            now: Duration::ZERO,
            flights: Vec::new(),
            listing: false,
            shards: vec![Shard { id: "shard-0".into(), hash_keys: 0..=u128::MAX, open: true }],
            keys: Vec::new(),
            found: HashMap::new(),
            ends: HashMap::new(),
        }
    }

    fn send(&mut self, key: &str, size: usize) {
        let record = record(key, size);
        let place = self.core.limits().lanes.place(&record);
        self.core.push(record, place, self.keys.len(), self.now);
        self.keys.push(key.into());
    }

    fn end(&mut self, finished: Vec<Finished<usize>>) {
        for Finished { token, result, .. } in finished {
            assert!(self.ends.insert(token, result).is_none(), "record {token} is answered twice");
        }
    }

    /// Polls, and checks the bounds; how many requests there are to make.
    fn poll(&mut self) -> usize {
        let step = self.core.poll(self.now);
        self.end(step.finished);
        self.listing |= step.list_shards;
        let new = step.requests.len();
        self.flights.extend(step.requests);
        let limits = *self.core.limits();
        assert!(self.flights.len() <= limits.requests);
        let waiting = self.core.ready.lanes.iter().map(|lane| self.core.lanes[lane].size_bytes);
        assert_eq!(self.core.ready.size_bytes, waiting.sum::<usize>());
        let mut lanes = HashSet::new();
        for units in &self.flights {
            assert!((1..=limits.request_records).contains(&units.len()));
            let bytes: usize = units.iter().map(|unit| unit.size_bytes).sum();
            assert!(bytes <= limits.request_bytes || units.len() == 1);
            for unit in units {
                assert!(unit.entries.len() == 1 || unit.size_bytes <= AGGREGATE);
                assert!(lanes.insert(unit.lane), "two records of a lane are under way");
            }
        }
        new
    }

    fn answer(&mut self, which: usize, verdicts: &[Verdict]) {
        if self.flights.is_empty() {
            return;
        }
        let units = self.flights.remove(which % self.flights.len());
        let verdicts = verdicts.iter().copied().chain(std::iter::repeat(Verdict::Take));
        let results = units.iter().zip(verdicts).map(|(unit, verdict)| match verdict {
            Verdict::Throttle => Err(throttled()),
            Verdict::Refuse => Err(refusal("KMSDisabledException")),
            Verdict::Take => {
                let place = if unit.entries.len() == 1 { unit.entries[0].place } else { unit.lane };
                let shard = self.shards.iter().find(|shard| shard.open && shard.hash_keys.contains(&place)).unwrap();
                for entry in unit.entries.iter().filter(|entry| shard.hash_keys.contains(&entry.place)) {
                    self.found.entry(self.keys[entry.token].clone()).or_default().push(entry.token);
                }
                Ok(Put::new(shard.id.to_string(), "1".into(), None))
            }
        });
        let results = results.collect();
        let finished = self.core.answered(units, Ok(results), self.now);
        self.end(finished);
    }

    fn list(&mut self, works: bool) {
        if std::mem::take(&mut self.listing) {
            let shards = if works { Ok(self.shards.clone()) } else { Err(refusal("LimitExceededException")) };
            let finished = self.core.listed(shards, self.now);
            self.end(finished);
        }
    }

    fn split(&mut self, which: usize) {
        let open: Vec<_> = (0..self.shards.len()).filter(|at| self.shards[*at].open).collect();
        let parent = open[which % open.len()];
        self.shards[parent].open = false;
        let range = self.shards[parent].hash_keys.clone();
        let middle = range.start() + (range.end() - range.start()) / 2;
        for hash_keys in [*range.start()..=middle, middle + 1..=*range.end()] {
            let id = format!("shard-{}", self.shards.len()).into();
            self.shards.push(Shard { id, hash_keys, open: true });
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Send { key, size } => self.send(&format!("key-{key}"), size),
            Event::Pass { ms } => self.now += ms * MS,
            Event::Answer { which, verdicts } => self.answer(which, &verdicts),
            Event::Break { .. } if self.flights.is_empty() => {}
            Event::Break { which, passing } => {
                let units = self.flights.remove(which % self.flights.len());
                let code = if passing { "ServiceUnavailable" } else { "ResourceNotFoundException" };
                let finished = self.core.answered(units, Err(refusal(code)), self.now);
                self.end(finished);
            }
            Event::List { works } => self.list(works),
            Event::Split { which } => self.split(which),
            Event::Flush => _ = self.core.flush(),
        }
        self.poll();
    }

    /// Lets everything work until all is answered.
    fn settle(&mut self) {
        let epoch = self.core.flush();
        for _ in 0..2000 {
            self.poll();
            self.list(true);
            self.answer(0, &[]);
            if self.core.over() >= epoch {
                return;
            }
            self.now += MS;
        }
        panic!("records stay unanswered: {:?}", self.core.metrics());
    }

    /// Every record is answered, readers find what was said to be written, once, and in order.
    fn check(&self, ordered: bool) {
        assert_eq!(self.ends.len(), self.keys.len());
        let written = self.ends.values().filter(|end| end.is_ok()).count();
        assert_eq!(self.found.values().map(Vec::len).sum::<usize>(), written);
        for (key, tokens) in &self.found {
            assert!(tokens.iter().all(|token| self.ends[token].is_ok() && self.keys[*token] == *key));
            let distinct: HashSet<_> = tokens.iter().collect();
            assert_eq!(distinct.len(), tokens.len());
            assert!(!ordered || tokens.is_sorted(), "{key}: {tokens:?}");
        }
        let metrics = self.core.metrics();
        assert_eq!((metrics.pending, metrics.in_flight), (0, 0));
        assert_eq!((metrics.records, metrics.failures), (written as u64, (self.keys.len() - written) as u64));
    }
}

fn live(lanes: Lanes, events: Vec<Event>) {
    let mut world = World::new(lanes);
    events.into_iter().for_each(|event| world.happen(event));
    world.settle();
    world.check(lanes != Lanes::Record);
}

proptest! {
    #[test]
    fn by_key_every_record_is_answered_once_and_keys_keep_their_order(events in events()) {
        live(Lanes::Key, events);
    }

    #[test]
    fn by_shard_every_record_is_answered_once_and_keys_keep_their_order(events in events()) {
        live(Lanes::Shard(AGGREGATE), events);
    }

    #[test]
    fn without_order_every_record_is_answered_once(events in events()) {
        live(Lanes::Record, events);
    }
}

#[test]
fn a_request_goes_when_it_is_full_or_its_oldest_record_has_lingered() {
    let mut world = World::new(Lanes::Key);
    ["a", "b", "c"].iter().for_each(|key| world.send(key, 1));
    assert_eq!(world.poll(), 0);
    assert_eq!(world.core.poll(world.now).wake, Some(20 * MS));
    world.now = 20 * MS;
    assert_eq!(world.poll(), 1);
    ["d", "e", "f", "g"].iter().for_each(|key| world.send(key, 1));
    assert_eq!(world.poll(), 1);
    world.send("h", 3000);
    assert_eq!(world.poll(), 1);
}

#[test]
fn a_flush_does_not_wait_for_company_and_ends_with_what_was_before_it() {
    let mut world = World::new(Lanes::Key);
    world.send("a", 1);
    let epoch = world.core.flush();
    assert_eq!(world.poll(), 1);
    assert!(world.core.over() < epoch);
    world.answer(0, &[]);
    assert!(world.core.over() >= epoch);
    world.send("b", 1);
    assert_eq!(world.poll(), 0);
}

#[test]
fn later_records_of_a_key_wait_for_the_retry_of_one_that_failed_and_others_do_not() {
    let mut world = World::new(Lanes::Key);
    ["a", "a", "b"].iter().for_each(|key| world.send(key, 1));
    world.now = 20 * MS;
    assert_eq!(world.poll(), 1);
    assert_eq!(world.flights[0].len(), 2);
    world.answer(0, &[Verdict::Throttle, Verdict::Take]);
    assert_eq!((world.poll(), world.ends.len()), (0, 1));
    world.settle();
    assert_eq!(world.found["a"], [0, 1]);
    assert_eq!(world.core.metrics().retries, 1);
}

#[test]
fn a_record_that_fails_too_often_or_too_long_ends_with_why() {
    let mut world = World::new(Lanes::Key);
    world.send("a", 1);
    for _ in 0..4 {
        world.now += 100 * MS;
        assert_eq!(world.poll(), 1);
        world.answer(0, &[Verdict::Throttle]);
    }
    assert_eq!(world.ends[&0], Err(throttled()));
    world.send("a", 1);
    world.now += 501 * MS;
    assert_eq!(world.poll(), 0);
    assert!(matches!(&world.ends[&1], Err(Error::Failed(Failed { code: None, .. }))));
}

#[test]
fn aggregates_are_per_shard_and_wait_for_the_map() {
    let mut world = World::new(Lanes::Shard(AGGREGATE));
    world.split(0);
    (0..40).for_each(|key| world.send(&format!("key-{key}"), 10));
    assert_eq!((world.poll(), world.listing), (0, true));
    world.list(true);
    world.now = 20 * MS;
    assert_eq!(world.poll(), 1);
    let units = &world.flights[0];
    assert_eq!(units.len(), 2);
    for unit in units {
        let shard = world.shards.iter().find(|shard| Some(&shard.id) == unit.shard.as_ref()).unwrap();
        assert!(unit.entries.iter().all(|entry| shard.hash_keys.contains(&entry.place)));
        assert_eq!(unit.lane, *shard.hash_keys.start());
        assert_eq!(unit.aggregate.as_ref().unwrap().len(), unit.entries.len());
    }
    world.settle();
    let subs: HashSet<_> = world.ends.values().map(|end| end.as_ref().unwrap().sub_sequence_number()).collect();
    assert!(subs.contains(&Some(0)) && !subs.contains(&None));
}

#[test]
fn what_an_aggregate_takes_to_the_wrong_shard_is_sent_again_to_the_right_one() {
    let mut world = World::new(Lanes::Shard(AGGREGATE));
    (0..20).for_each(|key| world.send(&format!("key-{key}"), 10));
    world.poll();
    world.list(true);
    world.now = 20 * MS;
    assert_eq!(world.poll(), 1);
    world.split(0);
    world.answer(0, &[]);
    let low = world.found.len();
    assert!(0 < low && low < 20);
    assert!(world.ends.is_empty());
    assert_eq!((world.poll(), world.listing), (0, true));
    world.settle();
    world.check(true);
    assert_eq!(world.core.metrics().retries, 20 - low as u64);
}

#[test]
fn without_the_right_to_list_shards_aggregated_records_end_with_that() {
    let mut world = World::new(Lanes::Shard(AGGREGATE));
    world.send("a", 1);
    world.poll();
    let finished = world.core.listed(Err(refusal("AccessDeniedException")), world.now);
    world.end(finished);
    assert_eq!(world.ends[&0], Err(refusal("AccessDeniedException")));
}
