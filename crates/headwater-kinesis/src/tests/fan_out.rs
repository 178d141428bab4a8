//! Enhanced fan-out: consumers and what is pushed to them – from every place, through reshards, to slow readers, for as
//! long as it lasts and no longer.
use super::*;
use crate::ops::Subscription;
use headwater_wire::{Event, Events, Timestamp};
use std::{collections::BTreeSet, future::poll_fn, time::Duration};

const SHARD: &str = "shardId-000000000000";
const HALF: u128 = 1 << 127;
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";

type Heard = Option<Result<Arc<Event<shape::SubscribeToShardEvent>>, ServiceError>>;

impl House {
    async fn register(&self, name: &str) -> Result<shape::Consumer, ServiceError> {
        let input = shape::RegisterStreamConsumerInput {
            stream_arn: STREAM.into(),
            consumer_name: name.into(),
            ..Default::default()
        };
        Ok(ops::register_stream_consumer::run(Arc::clone(&self.kinesis), caller(), input).await?.consumer)
    }

    async fn deregister(&self, name: &str) -> Result<(), ServiceError> {
        let input = shape::DeregisterStreamConsumerInput {
            stream_arn: Some(STREAM.into()),
            consumer_name: Some(name.into()),
            ..Default::default()
        };
        ops::deregister_stream_consumer::run(Arc::clone(&self.kinesis), caller(), input).await
    }

    async fn describe(&self, arn: &str) -> Result<shape::ConsumerDescription, ServiceError> {
        let input = shape::DescribeStreamConsumerInput { consumer_arn: Some(arn.into()), ..Default::default() };
        let output = ops::describe_stream_consumer::run(Arc::clone(&self.kinesis), caller(), input).await?;
        Ok(output.consumer_description)
    }

    async fn subscribe_at(
        &self,
        consumer: &shape::Consumer,
        shard: &str,
        starting_position: shape::StartingPosition,
    ) -> Result<Subscription, ServiceError> {
        let input = shape::SubscribeToShardInput {
            consumer_arn: consumer.consumer_arn.clone(),
            shard_id: shard.into(),
            starting_position,
            ..Default::default()
        };
        ops::subscribe_to_shard::run(Arc::clone(&self.kinesis), caller(), input).await
    }

    async fn subscribe(
        &self,
        consumer: &shape::Consumer,
        kind: shape::ShardIteratorType,
    ) -> Result<Subscription, ServiceError> {
        let position = shape::StartingPosition { r#type: kind, ..Default::default() };
        self.subscribe_at(consumer, SHARD, position).await
    }
}

fn heard(subscription: &mut Subscription) -> impl Future<Output = Heard> {
    poll_fn(|context| subscription.poll_next(context))
}

async fn event(subscription: &mut Subscription) -> shape::SubscribeToShardEvent {
    let heard = tokio::time::timeout(Duration::from_secs(10), heard(subscription)).await.expect("an event in time");
    heard.expect("the stream goes on").expect("an event").said().clone()
}

/// Lets every task do what it can do without anything happening.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_consumer_is_told_apart_by_name_and_second_and_goes_with_its_stream() {
    let house = House::with_stream(1).await;
    let consumer = house.register("c").await.unwrap();
    assert_eq!(consumer.consumer_arn, format!("{STREAM}/consumer/c:{}", NOW_MS / 1000));
    assert_eq!(consumer.consumer_status, shape::ConsumerStatus::Active);
    assert_eq!(house.register("c").await.unwrap_err().code, "ResourceInUseException");
    let told = house.describe(&consumer.consumer_arn).await.unwrap();
    assert_eq!((told.consumer_name.as_str(), told.stream_arn.as_str()), ("c", STREAM));
    assert_eq!(house.status().await.unwrap().consumer_count, Some(1));
    house.deregister("c").await.unwrap();
    house.clock.advance(1000);
    let later = house.register("c").await.unwrap();
    refused(
        house.describe(&consumer.consumer_arn).await,
        "ResourceNotFoundException",
        "Consumer c, account 000000000000 not found.",
    );
    let standing = format!(
        "DeleteStream can't delete {STREAM} because there are consumers associated with this data stream. To delete s \
         anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the consumers that are \
         associated with it."
    );
    refused(house.delete().await, "ResourceInUseException", &standing);
    let reborn = house.reopened().await;
    assert_eq!(reborn.describe(&later.consumer_arn).await.unwrap().consumer_name, "c");
}

#[tokio::test]
async fn what_a_read_did_not_find_yet_is_not_passed_over_at_the_tip() {
    let (house, late) = failing::house().await;
    let shard = house.put("k", "a").await.unwrap().shard_id;
    let consumer = house.register("c").await.unwrap();
    // The first read, and the one once somebody listens.
    late.late.store(2, Ordering::Relaxed);
    let position = shape::StartingPosition { r#type: shape::ShardIteratorType::TrimHorizon, ..Default::default() };
    let mut subscription = house.subscribe_at(&consumer, &shard, position).await.unwrap();
    assert_eq!(event(&mut subscription).await.records, []);
    settle().await;
    assert_eq!(late.late.load(Ordering::Relaxed), 0);
    house.put("k", "b").await.unwrap();
    let mut got = Vec::new();
    while got.len() < 2 {
        got.extend(data(&event(&mut subscription).await.records));
    }
    assert_eq!(got, ["a", "b"]);
}

#[tokio::test]
async fn a_stream_has_twenty_consumers_listed_page_by_page() {
    let house = House::with_stream(1).await;
    for nth in 0..20 {
        house.register(&format!("c{nth:02}")).await.unwrap();
    }
    assert_eq!(house.register("more").await.unwrap_err().code, "LimitExceededException");
    let (mut next_token, mut names) = (None, Vec::new());
    loop {
        let stream_arn = STREAM.into();
        let input =
            shape::ListStreamConsumersInput { stream_arn, next_token, max_results: Some(7), ..Default::default() };
        let page = ops::list_stream_consumers::run(Arc::clone(&house.kinesis), caller(), input).await.unwrap();
        names.extend(page.consumers.unwrap().into_iter().map(|consumer| consumer.consumer_name));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(names, (0..20).map(|nth| format!("c{nth:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_consumer_being_created_cannot_subscribe_yet() {
    let house = House::new(KinesisSettings { transition_ms: 500, ..KinesisSettings::default() }).await;
    house.create("s", Some(1)).await.unwrap();
    house.clock.advance(500);
    let address = crate::target::address(&caller(), "s");
    crate::duties::settle(&house.kinesis, &address).await.unwrap();
    let consumer = house.register("c").await.unwrap();
    assert_eq!(consumer.consumer_status, shape::ConsumerStatus::Creating);
    let early = house.subscribe(&consumer, shape::ShardIteratorType::Latest).await.unwrap_err();
    assert_eq!(early.code, "ResourceInUseException");
    house.clock.advance(500);
    crate::duties::settle(&house.kinesis, &address).await.unwrap();
    let mut open = house.subscribe(&consumer, shape::ShardIteratorType::Latest).await.unwrap();
    assert_eq!(event(&mut open).await.records, []);
    house.deregister("c").await.unwrap();
    let status = house.describe(&consumer.consumer_arn).await.unwrap().consumer_status;
    assert_eq!(status, shape::ConsumerStatus::Deleting);
    let gone = heard(&mut open).await.unwrap().unwrap_err();
    assert_eq!(gone.code, "ResourceNotFoundException");
    assert!(heard(&mut open).await.is_none());
    house.clock.advance(500);
    crate::duties::settle(&house.kinesis, &address).await.unwrap();
    assert_eq!(house.describe(&consumer.consumer_arn).await.unwrap_err().code, "ResourceNotFoundException");
}

#[tokio::test]
async fn each_position_begins_where_it_says() {
    use shape::ShardIteratorType::{AfterSequenceNumber, AtSequenceNumber, AtTimestamp, Latest, TrimHorizon};
    let house = House::with_stream(1).await;
    let mut numbers = Vec::new();
    for data in ["0", "1", "2"] {
        numbers.push(house.put("k", data).await.unwrap().sequence_number);
        house.clock.advance(10);
    }
    let one = Some(numbers[1].clone());
    let then = i64::try_from(NOW_MS).unwrap() + 20;
    for (name, kind, sequence_number, timestamp, expected) in [
        ("a", TrimHorizon, None, None, "012"),
        ("b", Latest, None, None, ""),
        ("c", AtSequenceNumber, one.clone(), None, "12"),
        ("d", AfterSequenceNumber, one, None, "2"),
        ("e", AtTimestamp, None, Some(Timestamp::from_millis(then)), "2"),
    ] {
        let consumer = house.register(name).await.unwrap();
        let position = shape::StartingPosition { r#type: kind, sequence_number, timestamp };
        let mut open = house.subscribe_at(&consumer, SHARD, position).await.unwrap();
        let first = event(&mut open).await;
        assert_eq!(data(&first.records).concat().trim_end_matches("next"), expected, "{kind:?}");
        assert_eq!(first.records.is_empty(), kind == Latest);
        assert_eq!((first.millis_behind_latest, first.child_shards), (0, None));
        let last = first.records.last().map(|record| record.sequence_number.clone());
        assert!(last.is_none() || last == first.continuation_sequence_number);
        house.put("k", "next").await.unwrap();
        let pushed = event(&mut open).await;
        assert_eq!(data(&pushed.records), ["next"]);
        // Whoever goes on behind the first event's continuation gets the same.
        let position = shape::StartingPosition {
            r#type: AfterSequenceNumber,
            sequence_number: first.continuation_sequence_number,
            timestamp: None,
        };
        let again = house.register(&format!("{name}-again")).await.unwrap();
        let mut again = house.subscribe_at(&again, SHARD, position).await.unwrap();
        assert_eq!(data(&event(&mut again).await.records), ["next"], "{kind:?}");
        for record in pushed.records {
            numbers.push(record.sequence_number);
        }
    }
}

#[tokio::test]
async fn the_shards_last_event_names_the_children_and_nothing_follows_it() {
    let house = House::with_stream(2).await;
    let consumer = house.register("c").await.unwrap();
    let mut lower = house.subscribe(&consumer, shape::ShardIteratorType::Latest).await.unwrap();
    event(&mut lower).await;
    settle().await;
    house.split(SHARD, HALF / 2).await.unwrap();
    let last = event(&mut lower).await;
    let children = last.child_shards.unwrap();
    assert_eq!(last.continuation_sequence_number, None);
    assert_eq!(
        children.iter().map(|child| child.shard_id.as_str()).collect::<Vec<_>>(),
        ["shardId-000000000002", "shardId-000000000003"]
    );
    assert!(heard(&mut lower).await.is_none());
    let position = || shape::StartingPosition { r#type: shape::ShardIteratorType::TrimHorizon, ..Default::default() };
    let mut parents = Vec::new();
    for shard in ["shardId-000000000001", "shardId-000000000003"] {
        let mut open = house.subscribe_at(&consumer, shard, position()).await.unwrap();
        event(&mut open).await;
        parents.push(open);
    }
    house.merge("shardId-000000000003", "shardId-000000000001").await.unwrap();
    for mut parent in parents {
        let child = event(&mut parent).await.child_shards.unwrap().remove(0);
        assert_eq!(child.parent_shards, ["shardId-000000000003", "shardId-000000000001"]);
    }
    house.clock.advance(5_000);
    let mut drained = house.subscribe(&consumer, shape::ShardIteratorType::TrimHorizon).await.unwrap();
    assert!(event(&mut drained).await.child_shards.is_some(), "a closed shard says so at once");
}

#[tokio::test]
async fn a_later_call_takes_over_and_an_early_one_is_refused() {
    let house = House::with_stream(1).await;
    let consumer = house.register("c").await.unwrap();
    let mut first = house.subscribe(&consumer, shape::ShardIteratorType::Latest).await.unwrap();
    event(&mut first).await;
    let held =
        format!("Another active subscription exists for this consumer: 000000000000:s:{}:{SHARD}:c", NOW_MS / 1000);
    house.clock.advance(4_999);
    refused(house.subscribe(&consumer, shape::ShardIteratorType::Latest).await, "ResourceInUseException", &held);
    house.clock.advance(1);
    let mut second = house.subscribe(&consumer, shape::ShardIteratorType::Latest).await.unwrap();
    event(&mut second).await;
    let refusal = loop {
        // A heartbeat may have been due in the same moment.
        if let Err(refusal) = heard(&mut first).await.unwrap() {
            break refusal;
        }
    };
    assert_eq!((refusal.code, refusal.message), ("ResourceInUseException", Some(held)));
    assert!(heard(&mut first).await.is_none());
    house.put("k", "1").await.unwrap();
    assert_eq!(data(&event(&mut second).await.records), ["1"]);
}

#[tokio::test]
async fn an_idle_subscriber_hears_a_heartbeat_and_after_five_minutes_the_end() {
    let house = House::with_stream(1).await;
    let consumer = house.register("c").await.unwrap();
    let mut open = house.subscribe(&consumer, shape::ShardIteratorType::Latest).await.unwrap();
    let mut before = event(&mut open).await.continuation_sequence_number.unwrap();
    for beat in 1..=59 {
        settle().await;
        house.clock.advance(5_000);
        let told = event(&mut open).await;
        assert_eq!((told.records.len(), told.millis_behind_latest), (0, 0), "beat {beat}");
        let place = told.continuation_sequence_number.unwrap();
        assert!(place >= before, "{place} {before}");
        before = place;
    }
    settle().await;
    house.clock.advance(5_000);
    assert!(heard(&mut open).await.is_none());
    let again = house.subscribe(&consumer, shape::ShardIteratorType::Latest).await;
    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test]
async fn one_reader_serves_all_subscribers_of_a_shard_with_the_same_events() {
    let house = House::with_stream(1).await;
    let mut open = Vec::new();
    for nth in 0..10 {
        let consumer = house.register(&format!("c{nth}")).await.unwrap();
        let mut subscription = house.subscribe(&consumer, shape::ShardIteratorType::Latest).await.unwrap();
        event(&mut subscription).await;
        open.push(subscription);
    }
    settle().await;
    house.put("k", "1").await.unwrap();
    let mut places = BTreeSet::new();
    for subscription in &mut open {
        let event = heard(subscription).await.unwrap().unwrap();
        assert_eq!(data(&event.said().records), ["1"]);
        places.insert(Arc::as_ptr(&event) as usize);
    }
    assert_eq!(places.len(), 1);
    assert_eq!(house.kinesis.fan_out.readers(), 1);
    drop(open);
    settle().await;
    assert_eq!(house.kinesis.fan_out.readers(), 0, "without listeners nothing is read");
}

#[tokio::test]
async fn a_slow_reader_holds_two_events_and_misses_nothing() {
    let house = House::with_stream(1).await;
    let (slow, quick) = (house.register("slow").await.unwrap(), house.register("quick").await.unwrap());
    let mut slow = house.subscribe(&slow, shape::ShardIteratorType::Latest).await.unwrap();
    let mut quick = house.subscribe(&quick, shape::ShardIteratorType::Latest).await.unwrap();
    event(&mut slow).await;
    event(&mut quick).await;
    settle().await;
    let mut put = Vec::new();
    for nth in 0..50 {
        house.put("k", &nth.to_string()).await.unwrap();
        put.push(nth.to_string());
        assert_eq!(data(&event(&mut quick).await.records), [nth.to_string()], "nobody waits for the slow one");
    }
    let (mut got, mut events) = (Vec::new(), 0);
    while got.len() < put.len() {
        got.extend(data(&event(&mut slow).await.records));
        events += 1;
    }
    assert_eq!(got, put);
    assert!(events <= 5, "what it had not asked for was read at once, later: {events} events");
}

#[tokio::test]
async fn subscribers_miss_nothing_while_shards_are_split_and_merged_under_load() {
    let house = House::with_stream(1).await;
    let kinesis = Arc::clone(&house.kinesis);
    let producer = tokio::spawn(async move {
        for nth in 0..300 {
            put(&kinesis, &(nth % 7).to_string(), &nth.to_string()).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let consumer = house.register("c").await.unwrap();
    let mut todo = vec![SHARD.to_owned()];
    let (mut got, mut done) = (Vec::new(), BTreeSet::new());
    let scaling = async {
        for target in [2, 4, 3, 2, 1] {
            house.scale(target).await.unwrap();
            settle().await;
        }
        producer.await.unwrap();
        house.scale(2).await.unwrap();
    };
    scaling.await;
    while let Some(shard) = todo.pop() {
        if !done.insert(shard.clone()) {
            continue;
        }
        let position = shape::StartingPosition { r#type: shape::ShardIteratorType::TrimHorizon, ..Default::default() };
        let mut open = house.subscribe_at(&consumer, &shard, position).await.unwrap();
        loop {
            let told = event(&mut open).await;
            got.extend(data(&told.records));
            match told.child_shards {
                Some(children) => {
                    todo.extend(children.into_iter().map(|child| child.shard_id));
                    break;
                }
                None if told.records.is_empty() => break,
                None => {}
            }
        }
    }
    let mut sorted: Vec<u32> = got.iter().map(|text| text.parse().unwrap()).collect();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_deleted_stream_ends_its_subscriptions_with_an_error() {
    let house = House::with_stream(1).await;
    let consumer = house.register("c").await.unwrap();
    let mut open = house.subscribe(&consumer, shape::ShardIteratorType::Latest).await.unwrap();
    event(&mut open).await;
    let input = shape::DeleteStreamInput {
        stream_name: Some("s".into()),
        enforce_consumer_deletion: Some(true),
        ..Default::default()
    };
    ops::delete_stream::run(Arc::clone(&house.kinesis), caller(), input).await.unwrap();
    let refusal = heard(&mut open).await.unwrap().unwrap_err();
    assert_eq!(refusal.code, "ResourceNotFoundException");
}

#[tokio::test]
async fn under_rate_limits_a_consumer_subscribes_five_times_a_second() {
    let house = House::new(KinesisSettings { rate_limits: true, ..KinesisSettings::default() }).await;
    house.create("s", Some(1)).await.unwrap();
    let consumer = house.register("c").await.unwrap();
    let mut codes = Vec::new();
    for _ in 0..6 {
        let outcome = house.subscribe(&consumer, shape::ShardIteratorType::Latest).await;
        codes.push(outcome.map_or_else(|refusal| refusal.code, |_| "subscribed"));
    }
    assert_eq!(codes[0], "subscribed");
    assert_eq!(codes[1..5], ["ResourceInUseException"; 4]);
    assert_eq!(codes[5], "LimitExceededException");
}

#[tokio::test]
async fn encrypted_records_are_pushed_as_they_were_put() {
    let house = House::with_stream(1).await;
    let input = shape::StartStreamEncryptionInput {
        stream_name: Some("s".into()),
        encryption_type: shape::EncryptionType::Kms,
        key_id: "alias/aws/kinesis".into(),
        ..Default::default()
    };
    ops::start_stream_encryption::run(Arc::clone(&house.kinesis), caller(), input).await.unwrap();
    house.put("k", "read").await.unwrap();
    let consumer = house.register("c").await.unwrap();
    let mut open = house.subscribe(&consumer, shape::ShardIteratorType::TrimHorizon).await.unwrap();
    let read = event(&mut open).await.records;
    settle().await;
    house.put("k", "pushed").await.unwrap();
    let pushed = event(&mut open).await.records;
    assert_eq!((data(&read), data(&pushed)), (vec!["read".to_owned()], vec!["pushed".to_owned()]));
    assert!(read.iter().chain(&pushed).all(|record| record.encryption_type == Some(shape::EncryptionType::Kms)));
}
