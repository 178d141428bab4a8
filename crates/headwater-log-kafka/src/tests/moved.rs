//! A folder's logs brought in, beside a model: what was there is read at its places, what is put comes behind, and what is
//! trimmed is gone, for whoever opens the prefix.
use super::*;
use crate::arrival::Moving;
use headwater_log::Entry;
use proptest::prelude::*;
use std::collections::BTreeSet;

const PARTS: u32 = 3;
const SOURCE: u32 = 7;

fn log(part: u32) -> LogId {
    LogId::new(LOG.group, part)
}

async fn begin(fake: &Fake, source: u32) -> Result<Moving<Fake>, LogError> {
    let prefix = Prefix::new("t").unwrap();
    Moving::begin(fake.clone(), prefix, Replication::on(1), &fake.topic_names(), source).await
}

/// What a log holds.
#[derive(Clone, Debug, Default)]
struct Held {
    first: u64,
    entries: Vec<Entry>,
}

impl Held {
    fn trim(&mut self, before: u64) {
        self.first = self.first.max(before);
        self.entries.retain(|entry| entry.stamp.seq.0 >= before);
    }
}

/// Places rise, with holes, from some beginning.
fn held() -> impl Strategy<Value = Held> {
    (0..50_u64, proptest::collection::vec(1..40_u64, 0..40)).prop_map(|(first, steps)| {
        let mut place = first;
        let entries = steps.into_iter().map(|step| {
            place += step;
            let stamp = Stamp { seq: Seq(place - 1), time_ms: 1000 + place / 7 };
            Entry { stamp, bytes: Bytes::from(format!("{place}").repeat(usize::try_from(step % 3).unwrap())) }
        });
        Held { first, entries: entries.collect() }
    })
}

/// Brings a folder in; each life ends after so many puts, the last one when all is done.
async fn bring(fake: &Fake, logs: &[Held], next: u64, lives: &[usize]) {
    for most in lives.iter().copied().chain([usize::MAX]) {
        let moving = begin(fake, SOURCE).await.unwrap();
        moving.make(LOG.group, PARTS).await.unwrap();
        let mut puts = 0;
        for (part, held) in (0..).zip(logs) {
            let from = moving.reached(log(part), Seq(held.first)).await.unwrap();
            let left: Vec<Entry> = held.entries.iter().filter(|entry| entry.stamp.seq >= from).cloned().collect();
            for some in left.chunks(5) {
                if puts < most {
                    moving.put(log(part), some).await.unwrap();
                }
                puts += 1;
            }
        }
        if puts <= most {
            moving.go_on_at(Seq(next)).await.unwrap();
            return moving.end().await.unwrap();
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(u32),
    Trim(u32, u64),
    Read(u32, u64, usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..PARTS).prop_map(Step::Put),
        (0..PARTS, 0..1700_u64).prop_map(|(part, before)| Step::Trim(part, before)),
        (0..PARTS, 0..1700_u64, 1..9_usize).prop_map(|(part, from, most)| Step::Read(part, from, most)),
        Just(Step::Reopen),
    ]
}

async fn walk(mut logs: Vec<Held>, lives: Vec<usize>, steps: Vec<Step>) {
    let fake = cluster();
    let next = 1610;
    bring(&fake, &logs, next, &lives).await;
    // A log that held nothing has no place before the floor that anybody could want.
    let mut nodes = [node(&fake).await, node(&fake).await];
    for step in steps {
        match step {
            Step::Put(part) => {
                let stamp = nodes[0].append(log(part), vec![Bytes::from_static(b"new")]).await.unwrap()[0];
                let held = &mut logs[part as usize];
                assert!(stamp.seq.0 >= next && held.entries.last().is_none_or(|last| last.stamp.seq < stamp.seq));
                held.entries.push(Entry { stamp, bytes: Bytes::from_static(b"new") });
            }
            Step::Trim(part, before) => {
                let tail = nodes[1].0.bounds_now(log(part)).await.unwrap().tail.0;
                nodes[1].trim(log(part), Seq(before)).await.unwrap();
                logs[part as usize].trim(before.min(tail));
            }
            Step::Read(part, from, most) => {
                let held = &logs[part as usize];
                let limits = Limits { entries: most, bytes: usize::MAX };
                match nodes[0].read(log(part), Seq(from), limits).await {
                    Err(LogError::Trimmed(first)) => {
                        // What nobody can tell from a trim: a hole between what was trimmed and the first entry.
                        let lost = held.entries.iter().any(|entry| (from..first.0).contains(&entry.stamp.seq.0));
                        assert!(from < first.0 && !lost, "{part} from {from}: {first}");
                    }
                    Ok(batch) => {
                        let wanted: Vec<Entry> =
                            held.entries.iter().filter(|entry| entry.stamp.seq.0 >= from).cloned().collect();
                        assert!(from >= held.first || held.first >= next, "{part} from {from} before {}", held.first);
                        assert!(wanted.starts_with(&batch.entries), "{part} from {from}: {batch:?}");
                        let next = batch.next;
                        assert_eq!(batch.entries.is_empty(), wanted.is_empty(), "{part} from {from}");
                        assert!(wanted.iter().skip(batch.entries.len()).all(|entry| entry.stamp.seq >= next));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Reopen => nodes[0] = node(&fake).await,
        }
    }
    for (part, held) in (0..).zip(&logs) {
        for node in [&nodes[0], &nodes[1], &node(&fake).await] {
            node.0.bounds_now(log(part)).await.unwrap();
            let all = match node.read(log(part), Seq(held.first), ALL).await {
                Err(LogError::Trimmed(first)) => conformance::drain(node, log(part), first, ALL).await,
                _ => conformance::drain(node, log(part), Seq(held.first), ALL).await,
            };
            assert_eq!(all, held.entries, "{part}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn what_was_moved_in_is_a_log_like_any_other(
        logs in proptest::collection::vec(held(), PARTS as usize),
        lives in proptest::collection::vec(0..12_usize, 0..3),
        steps in proptest::collection::vec(step(), 0..40),
    ) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(walk(logs, lives, steps));
    }
}

fn entries(places: std::ops::Range<u64>) -> Vec<Entry> {
    let entry = |place| Entry { stamp: Stamp { seq: Seq(place), time_ms: 5 }, bytes: Bytes::from_static(b"old") };
    places.map(entry).collect()
}

#[tokio::test]
async fn a_prefix_takes_one_folder_and_only_if_it_is_new() {
    let fake = cluster();
    begin(&fake, SOURCE).await.unwrap();
    assert!(begin(&fake, SOURCE).await.is_ok(), "the same goes on");
    let error = begin(&fake, 8).await.err().unwrap().to_string();
    assert!(error.contains("another data folder"), "{error}");
    let used = cluster();
    node(&used).await;
    let error = begin(&used, SOURCE).await.err().unwrap().to_string();
    assert!(error.contains("in use") && error.contains("--kafka-prefix"), "{error}");
}

#[tokio::test]
async fn what_was_trimmed_between_two_tries_leaves_no_hole() {
    let fake = cluster();
    let moving = begin(&fake, SOURCE).await.unwrap();
    moving.make(LOG.group, 1).await.unwrap();
    assert_eq!(moving.reached(LOG, Seq(0)).await.unwrap(), Seq(0));
    moving.put(LOG, &entries(0..9)).await.unwrap();
    assert_eq!(moving.reached(LOG, Seq(3)).await.unwrap(), Seq(9));
    assert_eq!(moving.reached(LOG, Seq(20)).await.unwrap(), Seq(20));
    moving.put(LOG, &entries(22..24)).await.unwrap();
    moving.go_on_at(Seq(30)).await.unwrap();
    moving.end().await.unwrap();
    let node = node(&fake).await;
    assert_eq!(node.bounds(LOG), Bounds { first: Seq(20), tail: Seq(30) });
    assert_eq!(conformance::drain(&node, LOG, Seq(20), ALL).await, entries(22..24));
}

#[tokio::test]
async fn a_stretch_that_is_trimmed_goes_at_the_next_start_and_a_deleted_group_takes_its_own_along() {
    let fake = cluster();
    let moving = begin(&fake, SOURCE).await.unwrap();
    let other = LogId::new(LogGroup(9), 0);
    for log in [LOG, other] {
        moving.make(log.group, 1).await.unwrap();
        moving.reached(log, Seq(0)).await.unwrap();
        moving.put(log, &entries(0..9)).await.unwrap();
    }
    moving.go_on_at(Seq(30)).await.unwrap();
    moving.end().await.unwrap();
    let (one, two) = (node(&fake).await, node(&fake).await);
    let names = || fake.topic_names().into_iter().filter(|name| name.contains("moved")).collect::<BTreeSet<_>>().len();
    one.trim(LOG, Seq(30)).await.unwrap();
    assert_eq!(names(), 2);
    let three = node(&fake).await;
    assert_eq!(names(), 1, "nothing is left of it");
    for node in [&one, &two, &three] {
        assert!(
            matches!(node.read(LOG, Seq(4), ALL).await, Ok(Batch { entries, next: Seq(30) }) if entries.is_empty())
                || matches!(node.read(LOG, Seq(4), ALL).await, Err(LogError::Trimmed(Seq(30))))
        );
    }
    assert!(put(&one, LOG, "behind").await.unwrap().seq >= Seq(30));
    one.0.delete_group(other.group).await.unwrap();
    assert_eq!(names(), 0);
    assert!(put(&two, other, "lost").await.is_err(), "it looks anew afterwards");
    assert!(put(&two, other, "again").await.unwrap().seq >= Seq(30));
    assert_eq!(
        put(&one, LogId::new(LogGroup(10), 0), "new").await.unwrap().seq,
        Seq(30),
        "all begin behind the folder's places"
    );
}
