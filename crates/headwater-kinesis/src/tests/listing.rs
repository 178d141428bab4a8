//! Lists and descriptions: pages, tokens, filters.
use super::*;
use shape::ShardFilterType::{AfterShardId, AtLatest, AtTimestamp, AtTrimHorizon, FromTimestamp, FromTrimHorizon};

async fn list(house: &House, input: shape::ListShardsInput) -> Result<(Vec<u32>, Option<String>), ServiceError> {
    let output = ops::list_shards::run(Arc::clone(&house.kinesis), caller(), input).await?;
    let index = |shard: shape::Shard| shard.shard_id["shardId-".len()..].parse().unwrap();
    Ok((output.shards.unwrap().into_iter().map(index).collect(), output.next_token))
}

fn of_stream() -> shape::ListShardsInput {
    shape::ListShardsInput { stream_name: Some("s".into()), ..Default::default() }
}

#[tokio::test]
async fn shards_are_listed_by_pages_with_the_token_alone() {
    let house = House::with_stream(5).await;
    let (first, token) = list(&house, shape::ListShardsInput { max_results: Some(2), ..of_stream() }).await.unwrap();
    assert_eq!(first, [0, 1]);
    let next = |token, max_results| shape::ListShardsInput { next_token: token, max_results, ..Default::default() };
    let (second, last) = list(&house, next(token.clone(), Some(2))).await.unwrap();
    assert_eq!(second, [2, 3]);
    assert_eq!(list(&house, next(last, None)).await.unwrap(), (vec![4], None));
    let both = shape::ListShardsInput { next_token: token.clone(), ..of_stream() };
    let invalid = "InvalidArgumentException";
    refused(list(&house, both).await, invalid, "NextToken and StreamName cannot be provided together.");
    refused(list(&house, next(None, None)).await, invalid, "Either NextToken or StreamName should be provided.");
    refused(list(&house, next(Some("nonsense".into()), None)).await, invalid, "Invalid NextToken.");
    house.clock.advance(300_001);
    assert_eq!(list(&house, next(token, None)).await.unwrap_err().code, "ExpiredNextTokenException");
}

#[tokio::test]
async fn filters_tell_shards_by_when_they_were_open() {
    let house = House::with_stream(2).await;
    house.clock.advance(1000);
    house.merge("shardId-000000000000", "shardId-000000000001").await.unwrap();
    house.clock.advance(1000);
    let ask = async |kind, shard_id: Option<&str>, time_ms: Option<u64>| {
        let timestamp = time_ms.map(|time_ms| headwater_wire::Timestamp(i64::try_from(time_ms).unwrap()));
        let filter = shape::ShardFilter { r#type: kind, shard_id: shard_id.map(Into::into), timestamp };
        let input = shape::ListShardsInput { shard_filter: Some(filter), ..of_stream() };
        list(&house, input).await.map(|(shards, _)| shards)
    };
    assert_eq!(ask(AtLatest, None, None).await.unwrap(), [2]);
    assert_eq!(ask(AtTrimHorizon, None, None).await.unwrap(), [0, 1]);
    assert_eq!(ask(FromTrimHorizon, None, None).await.unwrap(), [0, 1, 2]);
    assert_eq!(ask(AfterShardId, Some("shardId-000000000000"), None).await.unwrap(), [1, 2]);
    assert_eq!(ask(AtTimestamp, None, Some(NOW_MS + 999)).await.unwrap(), [0, 1]);
    assert_eq!(ask(AtTimestamp, None, Some(NOW_MS + 1001)).await.unwrap(), [2], "no gap between parents and child");
    assert_eq!(ask(AtTimestamp, None, Some(0)).await.unwrap(), [0, 1], "moved up to the trim horizon");
    assert_eq!(ask(FromTimestamp, None, Some(NOW_MS + 1001)).await.unwrap(), [2]);
    assert_eq!(ask(FromTimestamp, None, Some(0)).await.unwrap(), [0, 1, 2]);
    for (kind, shard, time_ms) in [(AfterShardId, None, None), (AtTimestamp, None, None), (AtLatest, Some("a-0"), None)]
    {
        assert_eq!(ask(kind, shard, time_ms).await.unwrap_err().code, "InvalidArgumentException");
    }
    let created = |secs: i64| Some(headwater_wire::Timestamp(secs * 1000));
    let same = shape::ListShardsInput { stream_creation_timestamp: created(1_600_000_000), ..of_stream() };
    assert_eq!(list(&house, same).await.unwrap().0.len(), 3);
    let other = shape::ListShardsInput { stream_creation_timestamp: created(1_600_000_001), ..of_stream() };
    assert_eq!(list(&house, other).await.unwrap_err().code, "ResourceNotFoundException");
    house.clock.advance(24 * 3_600_000);
    assert_eq!(list(&house, of_stream()).await.unwrap().0, [2], "expired shards are not listed");
}

#[tokio::test]
async fn a_description_names_the_stream_by_arn_and_name() {
    let house = House::with_stream(101).await;
    let summary = house.status().await.unwrap();
    assert_eq!(summary.stream_arn, "arn:aws:kinesis:us-east-1:000000000000:stream/s");
    let ask = |input| ops::describe_stream::run(Arc::clone(&house.kinesis), caller(), input);
    for input in [
        shape::DescribeStreamInput { stream_name: Some("s".into()), ..Default::default() },
        shape::DescribeStreamInput { stream_arn: Some(summary.stream_arn), ..Default::default() },
    ] {
        let first = ask(input.clone()).await.unwrap().stream_description;
        assert_eq!((first.stream_name.as_str(), first.shards.len(), first.has_more_shards), ("s", 100, true));
        assert_eq!(first.stream_creation_timestamp.millis(), 1_600_000_000_000);
        let after = Some(first.shards[99].shard_id.clone());
        let rest = ask(shape::DescribeStreamInput { exclusive_start_shard_id: after, ..input }).await.unwrap();
        let rest = rest.stream_description;
        assert_eq!((rest.shards[0].shard_id.as_str(), rest.has_more_shards), ("shardId-000000000100", false));
        assert_eq!(rest.shards[0].hash_key_range.ending_hash_key, u128::MAX.to_string());
        assert_eq!(rest.shards[0].sequence_number_range.ending_sequence_number, None);
    }
    let nobody = ask(shape::DescribeStreamInput::default()).await;
    let text =
        "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null";
    refused(nobody, "ValidationException", text);
}

#[tokio::test]
async fn streams_are_listed_in_order_by_pages() {
    let house = House::new(KinesisSettings::default()).await;
    for name in ["c", "a", "e", "b", "d"] {
        house.create(name, Some(1)).await.unwrap();
    }
    let list = |input| ops::list_streams::run(Arc::clone(&house.kinesis), caller(), input);
    let first = list(shape::ListStreamsInput { limit: Some(2), ..Default::default() }).await.unwrap();
    assert_eq!((first.stream_names, first.has_more_streams), (vec!["a".to_owned(), "b".into()], true));
    assert_eq!(first.stream_summaries.unwrap()[1].stream_arn, "arn:aws:kinesis:us-east-1:000000000000:stream/b");
    let next = list(shape::ListStreamsInput { next_token: first.next_token, ..Default::default() }).await.unwrap();
    assert_eq!((next.stream_names, next.next_token), (vec!["c".to_owned(), "d".into(), "e".into()], None));
    let after = Some("bb".to_owned());
    let rest =
        list(shape::ListStreamsInput { exclusive_start_stream_name: after, ..Default::default() }).await.unwrap();
    assert_eq!(rest.stream_names[0], "c", "the name to start behind need not exist");
}
