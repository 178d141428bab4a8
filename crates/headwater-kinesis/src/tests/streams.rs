//! Putting and getting, creating and deleting, and the sentences that go with them.
use super::*;
use shape::ShardIteratorType::{AfterSequenceNumber, AtSequenceNumber, AtTimestamp, Latest, TrimHorizon};

const INVALID: &str = "InvalidArgumentException";
const NOT_FOUND: &str = "ResourceNotFoundException";

fn at(kind: shape::ShardIteratorType, number: &str) -> shape::GetShardIteratorInput {
    shape::GetShardIteratorInput {
        shard_id: "shardId-000000000000".into(),
        shard_iterator_type: kind,
        starting_sequence_number: Some(number.into()),
        ..Default::default()
    }
}

fn since(time_ms: u64) -> shape::GetShardIteratorInput {
    shape::GetShardIteratorInput {
        shard_id: "shardId-000000000000".into(),
        shard_iterator_type: AtTimestamp,
        timestamp: Some(headwater_wire::Timestamp(i64::try_from(time_ms).unwrap())),
        ..Default::default()
    }
}

#[tokio::test]
async fn what_was_put_is_got_in_order_under_its_number_also_by_the_next_process() {
    let house = House::with_stream(1).await;
    let mut numbers = Vec::new();
    for nth in 0..20 {
        let output = house.put("key", &nth.to_string()).await.unwrap();
        assert_eq!((output.shard_id.as_str(), output.encryption_type), ("shardId-000000000000", None));
        numbers.push(output.sequence_number);
    }
    assert!(numbers.is_sorted() && numbers.iter().all(|number| number.len() == 56));
    for house in [&house, &house.reopened().await] {
        let (records, children) = house.drain(0).await;
        assert_eq!(data(&records), (0..20).map(|nth| nth.to_string()).collect::<Vec<_>>());
        assert!(records.iter().map(|record| &record.sequence_number).eq(&numbers) && children.is_none());
        assert_eq!(records[0].partition_key.as_deref(), Some("key"));
        assert_eq!(records[0].approximate_arrival_timestamp, Some(headwater_wire::Timestamp(1_600_000_000_500)));
        assert_eq!(records[0].encryption_type, None);
    }
}

#[tokio::test]
async fn the_five_iterators_begin_where_they_say() {
    let house = House::with_stream(1).await;
    let latest = house.iterator(0, Latest).await.unwrap();
    let mut numbers = Vec::new();
    for nth in 0..3 {
        numbers.push(house.put("k", &nth.to_string()).await.unwrap().sequence_number);
        house.clock.advance(10);
    }
    let start = house.shards().await[0].sequence_number_range.starting_sequence_number.clone();
    let read = async |iterator: String| data(&house.get(&iterator, None).await.unwrap().records);
    assert_eq!(read(latest).await, ["0", "1", "2"]);
    assert_eq!(read(house.iterator(0, TrimHorizon).await.unwrap()).await, ["0", "1", "2"]);
    assert!(read(house.iterator(0, Latest).await.unwrap()).await.is_empty());
    assert_eq!(read(house.iterator_of(at(AtSequenceNumber, &numbers[1])).await.unwrap()).await, ["1", "2"]);
    assert_eq!(read(house.iterator_of(at(AfterSequenceNumber, &numbers[1])).await.unwrap()).await, ["2"]);
    assert_eq!(read(house.iterator_of(at(AtSequenceNumber, &start)).await.unwrap()).await, ["0", "1", "2"]);
    assert_eq!(read(house.iterator_of(at(AfterSequenceNumber, &start)).await.unwrap()).await, ["0", "1", "2"]);
    assert_eq!(read(house.iterator_of(since(NOW_MS + 10)).await.unwrap()).await, ["1", "2"]);
    assert_eq!(read(house.iterator_of(since(0)).await.unwrap()).await, ["0", "1", "2"]);
    let late = house.iterator_of(since(NOW_MS + 30)).await.unwrap();
    assert!(read(late.clone()).await.is_empty(), "later than every record");
    house.put("k", "3").await.unwrap();
    assert_eq!(read(late).await, ["3"]);
}

#[tokio::test]
async fn a_reader_is_behind_by_the_age_of_its_last_record_until_nothing_remains() {
    let house = House::with_stream(1).await;
    for nth in 0..3 {
        house.put("k", &nth.to_string()).await.unwrap();
    }
    let first = house.iterator(0, TrimHorizon).await.unwrap();
    let page = house.get(&first, Some(1)).await.unwrap();
    assert_eq!(page.millis_behind_latest, Some(1), "in the same millisecond, and yet not at the tip");
    house.clock.advance(400);
    let page = house.get(&page.next_shard_iterator.unwrap(), Some(1)).await.unwrap();
    assert_eq!(page.millis_behind_latest, Some(400));
    let page = house.get(&page.next_shard_iterator.unwrap(), Some(1)).await.unwrap();
    assert_eq!((data(&page.records), page.millis_behind_latest), (vec!["2".into()], Some(0)));
}

#[tokio::test]
async fn iterators_are_refused_in_the_services_words() {
    let house = House::with_stream(2).await;
    let number = house.put("a", "x").await.unwrap();
    let (own, other) = if number.shard_id.ends_with('0') { (0, 1) } else { (1, 0) };
    let ask = |shard: u32, number: &str| shape::GetShardIteratorInput {
        shard_id: format!("shardId-{shard:012}"),
        ..at(AtSequenceNumber, number)
    };
    house.iterator_of(ask(own, &number.sequence_number)).await.unwrap();
    refused(
        house.iterator_of(ask(other, &number.sequence_number)).await,
        INVALID,
        &format!(
            "Invalid StartingSequenceNumber. It encodes shardId-{own:012}, while it was used in a call to a shard with \
             shardId-{other:012}"
        ),
    );
    refused(
        house.iterator_of(ask(0, "0")).await,
        INVALID,
        "StartingSequenceNumber 0 used in GetShardIterator on shard shardId-000000000000 in stream s under account \
         000000000000 is invalid because it did not come from this stream.",
    );
    refused(
        house.iterator_of(ask(0, "1234567890123456789012345678901234567890123456789012345678901234")).await,
        INVALID,
        "StartingSequenceNumber 1234567890123456789012345678901234567890123456789012345678901234 used in \
         GetShardIterator on shard shardId-000000000000 in stream s under account 000000000000 is invalid.",
    );
    for (kind, number, clause) in
        [(Latest, Some("1"), "LATEST and also a"), (AtSequenceNumber, None, "AT_SEQUENCE_NUMBER and no")]
    {
        let input = shape::GetShardIteratorInput { starting_sequence_number: number.map(Into::into), ..at(kind, "") };
        refused(
            house.iterator_of(input).await,
            INVALID,
            &format!(
                "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
                 TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {clause} StartingSequenceNumber."
            ),
        );
    }
    let (shown, future) = (NOW_MS, NOW_MS + 1);
    refused(
        house.iterator_of(since(future)).await,
        INVALID,
        &format!(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: \
             {future}, currentTimestampInMillis: {shown}"
        ),
    );
    let untimed = shape::GetShardIteratorInput { timestamp: None, ..since(0) };
    refused(
        house.iterator_of(untimed).await,
        INVALID,
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp \
         parameter.",
    );
}

#[tokio::test]
async fn shards_are_named_leniently_and_missing_ones_are_told_apart() {
    let house = House::with_stream(1).await;
    let ask = |shard: &str, stream: &str| shape::GetShardIteratorInput {
        stream_name: Some(stream.into()),
        shard_id: shard.into(),
        shard_iterator_type: TrimHorizon,
        ..Default::default()
    };
    for shard in ["shard-0", "anything-0", "-00000", "shardId-000000000000"] {
        house.iterator_of(ask(shard, "s")).await.unwrap();
    }
    for shard in ["shardId-2147483648", "shardId", "shardId-2.14E4", "shardId--1"] {
        let text = format!("Could not find shard {shard} in stream nix under account 000000000000.");
        refused(house.iterator_of(ask(shard, "nix")).await, NOT_FOUND, &text);
    }
    for (shard, stream) in [("x-5", "s"), ("x-00002147483647", "s"), ("x-5", "nix")] {
        let number: u32 = shard[2..].parse().unwrap();
        let text = format!("Shard shardId-{number:012} in stream {stream} under account 000000000000 does not exist");
        refused(house.iterator_of(ask(shard, stream)).await, NOT_FOUND, &text);
    }
}

#[tokio::test]
async fn an_iterator_outlives_neither_its_time_nor_its_stream() {
    let house = House::with_stream(1).await;
    let iterator = house.iterator(0, TrimHorizon).await.unwrap();
    refused(house.get("AAAAAAAAAAE=", None).await, INVALID, "Invalid ShardIterator.");
    house.clock.advance(300_000);
    house.get(&iterator, None).await.unwrap();
    house.clock.advance(1);
    assert_eq!(house.get(&iterator, None).await.unwrap_err().code, "ExpiredIteratorException");
    let iterator = house.iterator(0, TrimHorizon).await.unwrap();
    house.delete().await.unwrap();
    let gone = "Shard shardId-000000000000 in stream s under account 000000000000 does not exist";
    refused(house.get(&iterator, None).await, NOT_FOUND, gone);
    house.create("s", Some(1)).await.unwrap();
    refused(house.get(&iterator, None).await, NOT_FOUND, gone);
}

#[tokio::test]
async fn bad_records_are_refused_in_the_services_words() {
    let house = House::with_stream(1).await;
    let put = async |input: shape::PutRecordInput| {
        let input = shape::PutRecordInput { stream_name: Some("s".into()), ..input };
        ops::put_record::run(Arc::clone(&house.kinesis), caller(), input).await
    };
    let good = || shape::PutRecordInput { partition_key: Some("k".into()), ..Default::default() };
    put(good()).await.expect("empty data is legal");
    refused(
        put(shape::PutRecordInput {
            explicit_hash_key: Some("340282366920938463463374607431768211456".into()),
            ..good()
        })
        .await,
        INVALID,
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was \
         340282366920938463463374607431768211456",
    );
    refused(
        put(shape::PutRecordInput { sequence_number_for_ordering: Some("5".repeat(60)), ..good() }).await,
        INVALID,
        &format!(
            "ExclusiveMinimumSequenceNumber {} used in PutRecord on stream s under account 000000000000 is invalid.",
            "5".repeat(60)
        ),
    );
    refused(
        put(shape::PutRecordInput { partition_key: None, ..good() }).await,
        "ValidationException",
        "1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: Member must not be null",
    );
    put(shape::PutRecordInput { data: Bytes::from(vec![0; 1 << 20]), ..good() }).await.expect("the key does not count");
    refused(
        put(shape::PutRecordInput { data: Bytes::from(vec![0; (1 << 20) + 1]), ..good() }).await,
        "ValidationException",
        "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=1048577 cap=1048577]' at 'data' failed to \
         satisfy constraint: Member must have length less than or equal to 1048576",
    );
    refused(
        put(shape::PutRecordInput { dry_run: Some(true), ..good() }).await,
        "DryRunOperationException",
        "Request would have succeeded, but DryRun flag is set.",
    );
    let elsewhere = shape::PutRecordInput { stream_name: Some("nix".into()), ..good() };
    let outcome = ops::put_record::run(Arc::clone(&house.kinesis), caller(), elsewhere).await;
    refused(outcome, NOT_FOUND, "Stream nix under account 000000000000 not found.");
    assert_eq!(house.drain(0).await.0.len(), 2, "what was refused left no trace");
}

#[tokio::test]
async fn a_batch_answers_in_its_order_and_keys_keep_theirs() {
    let house = House::with_stream(4).await;
    let record = |nth: usize| shape::PutRecordsRequestEntry {
        data: Bytes::from(nth.to_string()),
        partition_key: Some((nth % 7).to_string()),
        explicit_hash_key: None,
    };
    let input = shape::PutRecordsInput {
        stream_name: Some("s".into()),
        records: (0..100).map(record).collect(),
        ..Default::default()
    };
    let output = ops::put_records::run(Arc::clone(&house.kinesis), caller(), input.clone()).await.unwrap();
    assert_eq!((output.failed_record_count, output.records.len(), output.encryption_type), (Some(0), 100, None));
    let mut found = 0;
    for shard in 0..4 {
        let (records, _) = house.drain(shard).await;
        found += records.len();
        let places: Vec<usize> = data(&records).iter().map(|data| data.parse().unwrap()).collect();
        assert!(places.is_sorted());
        for (place, record) in places.iter().zip(&records) {
            let told = &output.records[*place];
            assert_eq!(told.sequence_number.as_ref(), Some(&record.sequence_number));
            assert_eq!(told.shard_id, Some(format!("shardId-{shard:012}")));
        }
    }
    assert_eq!(found, 100);
    let large = shape::PutRecordsRequestEntry { data: Bytes::from(vec![0; 1_000_000]), ..record(0) };
    let input = shape::PutRecordsInput { records: vec![large; 11], ..input };
    let outcome = ops::put_records::run(Arc::clone(&house.kinesis), caller(), input).await;
    refused(outcome, INVALID, "Records size exceeds 10 MB limit");
}

#[tokio::test]
async fn an_on_demand_stream_may_spread_records_by_itself() {
    let house = House::new(KinesisSettings::default()).await;
    let input = shape::CreateStreamInput {
        stream_name: "s".into(),
        record_distribution_strategy: Some(shape::RecordDistributionStrategy::Auto),
        max_record_size_in_kib: Some(2048),
        ..Default::default()
    };
    ops::create_stream::run(Arc::clone(&house.kinesis), caller(), input).await.unwrap();
    for _ in 0..40 {
        let input = shape::PutRecordInput { stream_name: Some("s".into()), ..Default::default() };
        ops::put_record::run(Arc::clone(&house.kinesis), caller(), input).await.unwrap();
    }
    house.put("large", &"x".repeat(2_000_000)).await.unwrap();
    for shard in 0..4 {
        assert!((9..=12).contains(&house.drain(shard).await.0.len()));
    }
    assert_eq!(house.drain(0).await.0[0].partition_key, None);
    let summary = house.status().await.unwrap();
    assert_eq!(summary.record_distribution_strategy, Some(shape::RecordDistributionStrategy::Auto));
    assert_eq!((summary.max_record_size_in_kib, summary.open_shard_count), (Some(2048), 4));
    let on_demand = "Request is invalid. Stream s under account 000000000000 is in On-Demand mode.";
    refused(house.split("shardId-0", 5).await, "ValidationException", on_demand);
}

#[tokio::test]
async fn creating_keeps_to_names_modes_and_limits() {
    let house = House::new(KinesisSettings { shard_limit: 50, ..KinesisSettings::default() }).await;
    house.create("a", Some(3)).await.unwrap();
    let in_use = "Stream a under account 000000000000 already exists.";
    refused(house.create("a", Some(3)).await, "ResourceInUseException", in_use);
    refused(
        house.create("b", Some(1000)).await,
        "LimitExceededException",
        "This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count for \
         the account: 3. Limit: 50. Number of additional shards that would have resulted from this request: 1000. Refer \
         to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for \
         current limits and how to request higher limits.",
    );
    let create = async |input: shape::CreateStreamInput| {
        let input = shape::CreateStreamInput { stream_name: "c".into(), ..input };
        ops::create_stream::run(Arc::clone(&house.kinesis), caller(), input).await.unwrap_err().code
    };
    let mode = |stream_mode| Some(shape::StreamModeDetails { stream_mode });
    for input in [
        shape::CreateStreamInput { stream_mode_details: mode(shape::StreamMode::Provisioned), ..Default::default() },
        shape::CreateStreamInput {
            stream_mode_details: mode(shape::StreamMode::OnDemand),
            shard_count: Some(1),
            ..Default::default()
        },
        shape::CreateStreamInput { warm_throughput_mibps: Some(1), ..Default::default() },
    ] {
        assert_eq!(create(input).await, "ValidationException");
    }
    let mut other = caller();
    other.region = "eu-west-1".into();
    let input = shape::CreateStreamInput { stream_name: "a".into(), ..Default::default() };
    ops::create_stream::run(Arc::clone(&house.kinesis), other.clone(), input).await.expect("another name space");
    let limits = |caller| ops::describe_limits::run(Arc::clone(&house.kinesis), caller, Default::default());
    let (here, there) = (limits(caller()).await.unwrap(), limits(other).await.unwrap());
    assert_eq!((here.open_shard_count, here.shard_limit, here.on_demand_stream_count), (3, 50, 0));
    assert_eq!((there.open_shard_count, there.on_demand_stream_count), (0, 1));
}

#[tokio::test]
async fn tags_are_set_listed_by_pages_and_taken_away() {
    let house = House::with_stream(1).await;
    let tag = async |keys: &[&str]| {
        let tags = keys.iter().map(|key| ((*key).to_owned(), "v".to_owned())).collect();
        let input = shape::AddTagsToStreamInput { stream_name: Some("s".into()), tags, ..Default::default() };
        ops::add_tags_to_stream::run(Arc::clone(&house.kinesis), caller(), input).await
    };
    let list = async |after: Option<&str>, limit: Option<i32>| {
        let input = shape::ListTagsForStreamInput {
            stream_name: Some("s".into()),
            exclusive_start_tag_key: after.map(Into::into),
            limit,
            ..Default::default()
        };
        let output = ops::list_tags_for_stream::run(Arc::clone(&house.kinesis), caller(), input).await.unwrap();
        (output.tags.into_iter().map(|tag| tag.key).collect::<Vec<_>>(), output.has_more_tags)
    };
    tag(&["b", "a", "c"]).await.unwrap();
    assert_eq!(list(None, Some(2)).await, (vec!["a".into(), "b".into()], true));
    assert_eq!(list(Some("b"), Some(2)).await, (vec!["c".into()], false));
    let keys: Vec<String> = (0..48).map(|nth| format!("k{nth}")).collect();
    let outcome = tag(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(outcome.unwrap_err().code, INVALID, "51 tags");
    let input = shape::RemoveTagsFromStreamInput {
        stream_name: Some("s".into()),
        tag_keys: vec!["a".into(), "not there".into()],
        ..Default::default()
    };
    ops::remove_tags_from_stream::run(Arc::clone(&house.kinesis), caller(), input).await.unwrap();
    assert_eq!(list(None, None).await.0, ["b", "c"]);
}
