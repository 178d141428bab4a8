//! Splitting, merging and scaling: nothing is lost, nothing stands behind a seal, keys keep their order, children come
//! after their parents – under load, and when the process dies between any two steps.
use super::*;
use crate::{
    catalog::{Action, Command, Marker, ParentTail, Phase},
    duties, seal,
    target::address,
};
use headwater_log::{LogGroup, LogId, Seq, clock::SystemClock};
use std::collections::BTreeMap;

const HALF: u128 = 1 << 127;

#[tokio::test]
async fn a_split_shard_is_read_to_its_end_and_names_its_children() {
    let house = House::with_stream(1).await;
    house.put("k", "before").await.unwrap();
    house.split("shardId-000000000000", HALF).await.unwrap();
    let after = house.put("k", "after").await.unwrap();
    let (records, children) = house.drain(0).await;
    let children = children.unwrap();
    assert_eq!(data(&records), ["before"]);
    let told: Vec<_> = children.iter().map(|child| (child.shard_id.as_str(), child.parent_shards.len())).collect();
    assert_eq!(told, [("shardId-000000000001", 1), ("shardId-000000000002", 1)]);
    let shards = house.shards().await;
    let ending = shards[0].sequence_number_range.ending_sequence_number.clone().unwrap();
    assert!(records[0].sequence_number < ending && ending < after.sequence_number);
    assert!(shards[1..].iter().all(|shard| {
        shard.parent_shard_id.as_deref() == Some("shardId-000000000000")
            && shard.adjacent_parent_shard_id.is_none()
            && ending < shard.sequence_number_range.starting_sequence_number
    }));
    let latest = house.iterator(0, shape::ShardIteratorType::Latest).await.unwrap();
    let page = house.get(&latest, None).await.unwrap();
    assert!(page.records.is_empty() && page.next_shard_iterator.is_none() && page.child_shards.is_some());
    let end = shape::GetShardIteratorInput {
        shard_id: "shardId-000000000000".into(),
        shard_iterator_type: shape::ShardIteratorType::AfterSequenceNumber,
        starting_sequence_number: Some(ending),
        ..Default::default()
    };
    let page = house.get(&house.iterator_of(end).await.unwrap(), None).await.unwrap();
    assert!(page.next_shard_iterator.is_none(), "the ending number is a place like any other");
}

#[tokio::test]
async fn a_merged_child_names_both_parents_wherever_it_is_named() {
    let house = House::with_stream(2).await;
    house.merge("shardId-000000000000", "shardId-000000000001").await.unwrap();
    for parent in [0, 1] {
        let children = house.drain(parent).await.1.unwrap();
        assert_eq!(children[0].parent_shards, ["shardId-000000000000", "shardId-000000000001"]);
    }
    let shards = house.shards().await;
    assert_eq!(shards[2].parent_shard_id.as_deref(), Some("shardId-000000000000"));
    assert_eq!(shards[2].adjacent_parent_shard_id.as_deref(), Some("shardId-000000000001"));
    for (first, second) in [("shardId-000000000001", "shardId-000000000000"), ("a-0", "a-2")] {
        let code = house.merge(first, second).await.unwrap_err().code;
        assert_eq!(code, "InvalidArgumentException", "adjacency is ordered");
    }
    let unknown = "Could not find shard shardId-000000000009 in stream s under account 000000000000.";
    refused(house.split("shardId-9", HALF).await, "ResourceNotFoundException", unknown);
}

#[tokio::test]
async fn while_updating_writes_land_on_the_old_shards() {
    let house = House::new(KinesisSettings { transition_ms: 500, ..KinesisSettings::default() }).await;
    house.create("s", Some(1)).await.unwrap();
    house.clock.advance(500);
    duties::settle(&house.kinesis, &address(&caller(), "s")).await.unwrap();
    house.split("shardId-000000000000", HALF).await.unwrap();
    assert_eq!(house.status().await.unwrap().stream_status, shape::StreamStatus::Updating);
    assert_eq!(house.put("k", "1").await.unwrap().shard_id, "shardId-000000000000");
    let busy = "Stream s under account 000000000000 not ACTIVE, instead in state UPDATING";
    refused(house.split("shardId-000000000000", HALF).await, "ResourceInUseException", busy);
    house.clock.advance(500);
    duties::settle(&house.kinesis, &address(&caller(), "s")).await.unwrap();
    assert_eq!(house.status().await.unwrap().open_shard_count, 2);
    assert_ne!(house.put("k", "2").await.unwrap().shard_id, "shardId-000000000000");
}

#[tokio::test]
async fn scaling_to_any_count_leaves_so_many_shards() {
    let house = House::with_stream(3).await;
    for (before, target) in [(3, 5), (5, 10), (10, 7), (7, 4), (4, 2), (2, 1), (1, 2)] {
        let output = house.scale(target).await.unwrap();
        assert_eq!((output.current_shard_count, output.target_shard_count), (Some(before), Some(target)));
        assert_eq!(house.status().await.unwrap().open_shard_count, target);
    }
    let text = "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 2, \
                Target shard count: 5";
    refused(house.scale(5).await, "LimitExceededException", text);
}

/// Puts until told to stop; every put is acknowledged, and a put of a key waits for the one before it.
async fn produce(kinesis: Arc<Kinesis>, key: u32, stop: Arc<std::sync::atomic::AtomicBool>) -> Vec<String> {
    let mut numbers = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let output = put(&kinesis, &key.to_string(), &format!("{key}:{}", numbers.len())).await.unwrap();
        numbers.push(output.sequence_number);
        tokio::task::yield_now().await;
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_nothing_is_lost_or_behind_a_seal_and_keys_keep_their_order() {
    let clock = SystemClock::new();
    let engine: Arc<dyn Engine> = MemoryEngine::new(clock.clone());
    let kinesis = open(&engine, clock, KinesisSettings::default()).await;
    let still = ManualClock::at(NOW_MS);
    let house = House { engine, clock: still, kinesis, settings: KinesisSettings::default() };
    house.create("s", Some(2)).await.unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let producers: Vec<_> =
        (0..16).map(|key| tokio::spawn(produce(Arc::clone(&house.kinesis), key, Arc::clone(&stop)))).collect();
    for target in [4, 3, 6, 5, 3, 2, 1, 2] {
        house.scale(target).await.unwrap();
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut put_numbers = Vec::new();
    for producer in producers {
        put_numbers.push(producer.await.unwrap());
    }
    // Parents before children, each to its end: what a consumer sees.
    let (mut got, mut order) = (BTreeMap::<u32, Vec<(usize, String)>>::new(), Vec::new());
    for shard in house.shards().await {
        let index: u32 = shard.shard_id["shardId-".len()..].parse().unwrap();
        let closed = shard.sequence_number_range.ending_sequence_number;
        let (records, children) = house.drain(index).await;
        assert_eq!(children.is_some(), closed.is_some());
        for record in records {
            let text = String::from_utf8(record.data.to_vec()).unwrap();
            let (key, nth) = text.split_once(':').unwrap();
            assert!(closed.as_ref().is_none_or(|end| record.sequence_number < *end));
            assert!(shard.sequence_number_range.starting_sequence_number < record.sequence_number);
            got.entry(key.parse().unwrap()).or_default().push((nth.parse().unwrap(), record.sequence_number));
        }
        order.push(index);
    }
    assert!(order.is_sorted() && order.len() > 20, "{order:?}");
    for (key, numbers) in (0..).zip(put_numbers) {
        let expected: Vec<(usize, String)> = numbers.into_iter().enumerate().collect();
        assert_eq!(got.remove(&key).unwrap_or_default(), expected, "key {key}");
    }
    assert!(got.is_empty(), "nothing but what was acknowledged");
}

/// Takes the first `steps` steps of a pending merge by hand and leaves the rest undone, as a crash would.
async fn interrupted_merge(house: &House, steps: usize) {
    let address = address(&caller(), "s");
    let incarnation = house.kinesis.catalog.read().stream("000000000000", "us-east-1", "s").unwrap().incarnation;
    let submit = async |action| {
        let command = Command::Stream { address: address.clone(), action };
        house.kinesis.catalog.submit(command, house.clock.now_ms()).await.unwrap();
    };
    let logs = [0, 1].map(|shard| LogId::new(LogGroup(incarnation), shard));
    let tails = logs.map(|log| house.engine.bounds(log).tail);
    if steps >= 1 {
        submit(Action::Merge { shard: 0, adjacent: 1, transition_ms: 0 }).await;
    }
    if steps >= 2 {
        let parents = logs.iter().zip(tails).map(|(log, tail)| ParentTail { shard: log.part, tail: tail.0 }).collect();
        submit(Action::BeginSealing { incarnation, parents }).await;
    }
    if steps >= 3 {
        house.engine.append(logs[0], vec![crate::record::encode_seal()]).await.unwrap();
    }
    if steps >= 4 {
        seal::place_markers(&*house.engine, &[(logs[0], tails[0]), (logs[1], tails[1])]).await.unwrap();
    }
    if steps >= 5 {
        let stamps = seal::place_markers(&*house.engine, &[(logs[0], tails[0]), (logs[1], tails[1])]).await.unwrap();
        let markers = logs.iter().zip(stamps);
        let marker = |(log, stamp): (&LogId, headwater_log::Stamp)| Marker {
            shard: log.part,
            seq: stamp.seq.0,
            time_ms: stamp.time_ms,
        };
        submit(Action::FinishSealing { incarnation, markers: markers.map(marker).collect() }).await;
    }
}

#[tokio::test]
async fn a_reshard_is_rolled_forward_from_wherever_it_stopped() {
    for steps in 0..=5 {
        let house = House::with_stream(2).await;
        for nth in 0..10 {
            house.put(&nth.to_string(), &nth.to_string()).await.unwrap();
        }
        interrupted_merge(&house, steps).await;
        let reborn = house.reopened().await;
        duties::settle(&reborn.kinesis, &address(&caller(), "s")).await.unwrap();
        let status = reborn.status().await.unwrap();
        assert_eq!(status.stream_status, shape::StreamStatus::Active, "after step {steps}");
        assert_eq!(status.open_shard_count, if steps == 0 { 2 } else { 1 });
        let (lower, upper) = (reborn.drain(0).await, reborn.drain(1).await);
        assert_eq!(lower.0.len() + upper.0.len(), 10);
        assert_eq!((lower.1.is_some(), upper.1.is_some()), (steps > 0, steps > 0));
        let incarnation = reborn.kinesis.catalog.read().stream("000000000000", "us-east-1", "s").unwrap().incarnation;
        for part in [0, 1] {
            let limits = headwater_log::Limits { entries: 100, bytes: 1 << 20 };
            let batch = reborn.engine.read(LogId::new(LogGroup(incarnation), part), Seq::ZERO, limits).await.unwrap();
            let seals = batch.entries.iter().filter(|entry| crate::record::is_seal(&entry.bytes)).count();
            assert_eq!(seals, usize::from(steps > 0), "one marker, whoever wrote it");
        }
    }
}

#[tokio::test]
async fn a_marker_stays_however_old_as_long_as_its_shard() {
    let house = House::with_stream(2).await;
    house.put("k", "x").await.unwrap();
    interrupted_merge(&house, 4).await;
    house.clock.advance(25 * 3_600_000);
    duties::retain(&house.kinesis).await.unwrap();
    let incarnation = house.kinesis.catalog.read().stream("000000000000", "us-east-1", "s").unwrap().incarnation;
    let logs = [0, 1].map(|shard| LogId::new(LogGroup(incarnation), shard));
    let tails = logs.map(|log| house.engine.bounds(log).tail);
    duties::settle(&house.kinesis, &address(&caller(), "s")).await.unwrap();
    assert_eq!(logs.map(|log| house.engine.bounds(log).tail), tails, "no other marker is written");
    duties::retain(&house.kinesis).await.unwrap();
    for log in logs {
        assert!(seal::find_marker(&*house.engine, log, Seq::ZERO, None).await.unwrap().is_some());
    }
    house.clock.advance(25 * 3_600_000);
    duties::retain(&house.kinesis).await.unwrap();
    assert_eq!(logs.map(|log| house.engine.bounds(log).first), tails, "with the shards all of it goes");
}

#[tokio::test]
async fn a_put_to_a_shard_being_sealed_waits_and_lands_on_the_child() {
    let house = House::with_stream(2).await;
    interrupted_merge(&house, 2).await;
    let kinesis = Arc::clone(&house.kinesis);
    let waiting = tokio::spawn(async move { put(&kinesis, "k", "late").await });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    let sealing = matches!(
        house.kinesis.catalog.read().stream("000000000000", "us-east-1", "s").unwrap().phase,
        Phase::Updating(ref reshard) if reshard.sealing.is_some()
    );
    assert!(sealing);
    duties::settle(&house.kinesis, &address(&caller(), "s")).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().shard_id, "shardId-000000000002");
}
