//! The verbs over a cluster in memory, with its faults; and, where there is one, over a real cluster.
mod fake;
mod moved;
mod real;

use crate::{Prefix, checks::Replication, core::Core, tail, topics::Topics};
use bytes::Bytes;
use fake::{Fake, Fault};
use headwater_log::{
    Batch, Bounds, Commit, Engine, Limits, LogError, LogGroup, LogId, Seq, Stamp,
    clock::{Clock, ManualClock, SystemClock},
    conformance::{self, ALL, Subject},
    engine::{Reading, Trimming},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// An engine over the cluster in memory.
struct Node(Arc<Core<Fake>>);

impl Engine for Node {
    fn append(&self, log: LogId, entries: Vec<Bytes>) -> Commit {
        self.0.append(log, entries)
    }
    fn read(&self, log: LogId, from: Seq, limits: Limits) -> Reading<'_> {
        Box::pin(self.0.read(log, from, limits))
    }
    fn trim(&self, log: LogId, before: Seq) -> Trimming<'_> {
        Box::pin(self.0.trim(log, before))
    }
    fn watch(&self, log: LogId) -> watch::Receiver<Bounds> {
        self.0.watch(log)
    }
    fn bounds(&self, log: LogId) -> Bounds {
        self.0.bounds(log)
    }
}

const LOG: LogId = LogId::new(LogGroup(5), 0);

async fn node(fake: &Fake) -> Node {
    let topics = Topics::new(Prefix::new("t").unwrap(), Replication::on(1));
    let core = Core::open(fake.clone(), topics, SystemClock::new()).await.unwrap();
    tokio::spawn(tail::follow(Arc::downgrade(&core)));
    Node(core)
}

fn cluster() -> Fake {
    Fake::new(SystemClock::new())
}

async fn put(node: &Node, log: LogId, entry: &'static str) -> Result<Stamp, LogError> {
    Ok(node.append(log, vec![Bytes::from_static(entry.as_bytes())]).await?[0])
}

async fn texts(node: &Node, log: LogId) -> Vec<String> {
    let entries = conformance::drain(node, log, node.bounds(log).first, ALL).await;
    entries.into_iter().map(|entry| String::from_utf8(entry.bytes.into()).unwrap()).collect()
}

#[tokio::test]
async fn the_engine_over_a_cluster_in_memory_keeps_the_contract() {
    let clock = ManualClock::at(1000);
    let fake = Fake::new(Arc::new(clock.clone()));
    let engine = Arc::new(node(&fake).await);
    conformance::all(&Subject { engine, pass_time: Box::new(move || clock.advance(2)), salt: 0 }).await;
}

#[tokio::test]
async fn a_new_node_knows_the_bounds_of_all_logs() {
    let fake = cluster();
    let one = node(&fake).await;
    let other = LogId::new(LOG.group, 3);
    let stamp = put(&one, other, "a").await.unwrap();
    put(&one, other, "b").await.unwrap();
    one.trim(other, stamp.seq.next()).await.unwrap();
    let two = node(&fake).await;
    assert_eq!(two.bounds(other), Bounds { first: Seq(1), tail: Seq(2) });
    assert_eq!(two.bounds(LOG), Bounds::default());
    assert_eq!(texts(&two, other).await, ["b"]);
}

#[tokio::test]
async fn an_unknown_outcome_is_said_to_be_unknown_and_what_is_behind_keeps_its_order() {
    let fake = cluster();
    let node = node(&fake).await;
    put(&node, LOG, "first").await.unwrap();
    for (fault, written) in [(Fault::AnswerLost, true), (Fault::Lost, false)] {
        fake.stall(true);
        fake.fail([fault]);
        let unknown = node.append(LOG, vec![Bytes::from_static(b"unknown")]);
        tokio::task::yield_now().await;
        let behind: Vec<_> = (0..5u8).map(|number| node.append(LOG, vec![vec![b'0' + number].into()])).collect();
        fake.stall(false);
        assert!(matches!(unknown.await, Err(LogError::Io(why)) if why.contains("unknown")));
        for commit in behind {
            commit.await.unwrap();
        }
        let mut expected = vec!["first"];
        if written {
            expected.push("unknown");
        }
        expected.extend(["0", "1", "2", "3", "4"]);
        assert_eq!(texts(&node, LOG).await, expected, "{fault:?}");
        node.trim(LOG, Seq(u64::MAX)).await.unwrap();
        put(&node, LOG, "first").await.unwrap();
    }
}

#[tokio::test]
async fn what_the_brokers_refuse_is_said_not_to_be_written() {
    let fake = cluster();
    let node = node(&fake).await;
    put(&node, LOG, "a").await.unwrap();
    fake.fail([Fault::Refused]);
    let refused = put(&node, LOG, "b").await;
    assert!(matches!(refused, Err(LogError::Unavailable(why)) if why.contains("nothing was written")));
    put(&node, LOG, "c").await.unwrap();
    assert_eq!(texts(&node, LOG).await, ["a", "c"]);
}

#[tokio::test]
async fn what_waits_is_bounded() {
    let fake = cluster();
    let node = node(&fake).await;
    put(&node, LOG, "a").await.unwrap();
    fake.stall(true);
    let large = Bytes::from(vec![0; 10 << 20]);
    let mut waiting = Vec::new();
    let refused = loop {
        match tokio::time::timeout(Duration::ZERO, node.append(LOG, vec![large.clone()])).await {
            Ok(outcome) => break outcome,
            Err(_) => waiting.push(()),
        }
    };
    assert_eq!(refused, Err(LogError::Full));
    assert!((20..30).contains(&waiting.len()), "{} appends of 10 MiB wait", waiting.len());
    fake.stall(false);
    while node.bounds(LOG).tail.0 <= waiting.len() as u64 {
        tokio::task::yield_now().await;
    }
    put(&node, LOG, "there is room again").await.unwrap();
}

#[tokio::test]
async fn an_entry_beyond_the_largest_size_is_refused() {
    let node = node(&cluster()).await;
    let refused = node.append(LOG, vec![Bytes::from(vec![0; (11 << 20) + 1])]).await;
    assert!(matches!(refused, Err(LogError::Io(why)) if why.contains("was not written")));
    assert_eq!(node.bounds(LOG), Bounds::default());
}

#[tokio::test]
async fn watchers_hear_of_what_other_nodes_do() {
    let fake = cluster();
    let (one, two) = (node(&fake).await, node(&fake).await);
    let mut watch = two.watch(LOG);
    assert_eq!(*watch.borrow_and_update(), Bounds::default());
    let stamp = put(&one, LOG, "a").await.unwrap();
    watch.wait_for(|bounds| bounds.tail > stamp.seq).await.unwrap();
    one.trim(LOG, Seq(u64::MAX)).await.unwrap();
    watch.wait_for(|bounds| bounds.first > stamp.seq).await.unwrap();
}

#[tokio::test]
async fn what_nobody_watches_is_not_followed() {
    let node = node(&cluster()).await;
    let watches: Vec<_> = (0..3).map(|part| node.watch(LogId::new(LOG.group, part))).collect();
    assert_eq!(node.0.watched_logs().len(), 3);
    drop(watches);
    assert_eq!(node.0.watched_logs().len(), 0);
}

#[tokio::test]
async fn a_group_made_again_goes_on_behind_the_places_it_had() {
    let fake = cluster();
    let node_one = node(&fake).await;
    let other = LogId::new(LOG.group, 1);
    for entry in ["a", "b", "c"] {
        put(&node_one, LOG, entry).await.unwrap();
    }
    put(&node_one, other, "x").await.unwrap();
    let mut last = put(&node_one, LOG, "d").await.unwrap().seq;
    for life in 1..4 {
        node_one.0.delete_group(LOG.group).await.unwrap();
        assert_eq!(fake.topic_names(), ["hw.t.endings"]);
        assert_eq!(node_one.read(LOG, Seq::ZERO, ALL).await.unwrap().entries, []);
        assert_eq!(node_one.bounds(LOG), Bounds { first: last.next(), tail: last.next() });
        for log in [LOG, other] {
            let again = put(&node_one, log, "again").await.unwrap();
            assert!(again.seq > last, "life {life}: a place was used twice");
            assert_eq!(texts(&node_one, log).await, ["again"]);
            assert!(matches!(node_one.read(log, Seq::ZERO, ALL).await, Err(LogError::Trimmed(first)) if first > last));
        }
        last = put(&node_one, LOG, "end").await.unwrap().seq;
        assert_eq!(texts(&node(&fake).await, LOG).await, ["again", "end"], "a new node reads this life alone");
    }
    node_one.0.delete_group(LogGroup(99)).await.unwrap();
}

#[tokio::test]
async fn a_node_that_missed_the_deletion_uses_no_place_twice() {
    let fake = cluster();
    let (one, two) = (node(&fake).await, node(&fake).await);
    put(&two, LOG, "a").await.unwrap();
    let last = put(&two, LOG, "b").await.unwrap().seq;
    one.0.delete_group(LOG.group).await.unwrap();
    // What it knows is out of date: the first append finds nothing there, the next one looks anew.
    assert!(matches!(put(&two, LOG, "c").await, Err(LogError::Unavailable(_))));
    assert!(put(&two, LOG, "d").await.unwrap().seq > last);
    assert_eq!(fake.topic_names().len(), 2);
}

#[tokio::test]
async fn a_node_that_reads_from_a_new_leader_uses_no_place_twice() {
    let fake = cluster();
    let (one, two) = (node(&fake).await, node(&fake).await);
    put(&two, LOG, "a").await.unwrap();
    let last = put(&two, LOG, "b").await.unwrap().seq;
    one.0.delete_group(LOG.group).await.unwrap();
    two.0.topics.forget(LOG.group);
    fake.lag(3);
    assert!(put(&two, LOG, "c").await.unwrap().seq > last);
}

#[tokio::test]
async fn a_topic_that_outlived_its_ending_goes_at_the_next_start() {
    let fake = cluster();
    let one = node(&fake).await;
    put(&one, LOG, "a").await.unwrap();
    one.0.delete_group(LOG.group).await.unwrap();
    let left = Prefix::new("t").unwrap().topic(LOG.group, 0);
    let topic = crate::client::NewTopic { name: &left, partitions: 1, replicas: 1, settings: &[] };
    crate::client::Client::create_topic(&fake, &topic).await.unwrap();
    node(&fake).await;
    assert_eq!(fake.topic_names(), ["hw.t.endings"]);
}
