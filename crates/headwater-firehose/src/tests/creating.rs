//! Creating, describing, changing and listing.
use super::*;

const ROLE: &str = "arn:aws:iam::123456789012:role/r";

fn endpoint() -> Value {
    json!({"EndpointConfiguration": {"Url": "https://example.com/x", "AccessKey": "hush"}, "S3Configuration": bucket()})
}

#[tokio::test]
async fn every_default_is_shown_in_both_forms() {
    let house = House::with_stream().await;
    let older = json!({
        "RoleARN": ROLE,
        "BucketARN": "arn:aws:s3:::b",
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": false},
    });
    for house in [&house, &house.reopened().await] {
        assert_eq!(
            house.described().await,
            json!({
                "DeliveryStreamName": "d",
                "DeliveryStreamARN": "arn:aws:firehose:us-east-1:123456789012:deliverystream/d",
                "DeliveryStreamStatus": "ACTIVE",
                "DeliveryStreamEncryptionConfiguration": {"Status": "DISABLED"},
                "DeliveryStreamType": "DirectPut",
                "VersionId": "1",
                "CreateTimestamp": 1_600_000_000.5,
                "Destinations": [{
                    "DestinationId": "destinationId-000000000001",
                    "S3DestinationDescription": older,
                    "ExtendedS3DestinationDescription": plus(older.clone(), json!({"S3BackupMode": "Disabled"})),
                }],
                "HasMoreDestinations": false,
            })
        );
    }
}

#[tokio::test]
async fn an_endpoints_key_is_kept_and_never_shown() {
    let house = House::new(FirehoseSettings::default()).await;
    house.ok("CreateDeliveryStream", with("HttpEndpointDestinationConfiguration", endpoint())).await;
    let shown = house.reopened().await.described().await;
    let shown = &shown["Destinations"][0]["HttpEndpointDestinationDescription"];
    assert_eq!(shown["EndpointConfiguration"], json!({"Url": "https://example.com/x"}));
    assert_eq!(shown["S3BackupMode"], "FailedDataOnly");
    assert_eq!(shown["RetryOptions"], json!({"DurationInSeconds": 300}));
    let catalog = house.firehose.catalog.read();
    assert!(!format!("{:?}", *catalog).contains("hush"));
    let kept = String::from_utf8(headwater_log::machine::Machine::snapshot(&*catalog)).unwrap();
    assert!(kept.contains("hush"));
}

#[tokio::test]
async fn there_is_exactly_one_destination_of_a_kind_that_is_offered() {
    let house = House::new(FirehoseSettings::default()).await;
    let one =
        ("InvalidArgumentException", "Exactly one destination configuration is supported for a Firehose".to_owned());
    assert_eq!(house.refused("CreateDeliveryStream", named()).await, one);
    let two =
        plus(with("ExtendedS3DestinationConfiguration", bucket()), json!({"S3DestinationConfiguration": bucket()}));
    assert_eq!(house.refused("CreateDeliveryStream", two).await, one);
    let splunk = json!({"HECEndpoint": "https://x", "HECEndpointType": "Raw", "S3Configuration": bucket()});
    let (code, message) = house.refused("CreateDeliveryStream", with("SplunkDestinationConfiguration", splunk)).await;
    assert_eq!(code, "InvalidArgumentException");
    assert!(message.starts_with("SplunkDestinationConfiguration is not supported"), "{message}");
}

#[tokio::test]
async fn what_does_not_fit_together_is_refused() {
    let house = House::new(FirehoseSettings::default()).await;
    for more in [
        json!({"BufferingHints": {"SizeInMBs": 1}}),
        json!({"S3BackupMode": "Enabled"}),
        json!({"EncryptionConfiguration": {
            "NoEncryptionConfig": "NoEncryption",
            "KMSEncryptionConfig": {"AWSKMSKeyARN": format!("{KEYS}/on")},
        }}),
    ] {
        let input = with("ExtendedS3DestinationConfiguration", plus(bucket(), more.clone()));
        assert_eq!(house.refused("CreateDeliveryStream", input).await.0, "InvalidArgumentException", "{more}");
    }
}

#[tokio::test]
async fn a_source_must_be_there_and_fit_the_type() {
    let house = House::new(FirehoseSettings::default()).await;
    let base = with("ExtendedS3DestinationConfiguration", bucket());
    let stream = |arn: &str| json!({"KinesisStreamARN": arn, "RoleARN": ROLE});
    for more in [
        json!({"DeliveryStreamType": "KinesisStreamAsSource"}),
        json!({"KinesisStreamSourceConfiguration": stream(STREAM)}),
        json!({"DeliveryStreamType": "KinesisStreamAsSource", "KinesisStreamSourceConfiguration": stream(&STREAM.replace("/s", "/t"))}),
        json!({"DeliveryStreamType": "MSKAsSource"}),
    ] {
        let refusal = house.refused("CreateDeliveryStream", plus(base.clone(), more.clone())).await;
        assert_eq!(refusal.0, "InvalidArgumentException", "{more}");
    }
    let of_stream =
        json!({"DeliveryStreamType": "KinesisStreamAsSource", "KinesisStreamSourceConfiguration": stream(STREAM)});
    house.ok("CreateDeliveryStream", plus(base, of_stream)).await;
    let shown = house.described().await["Source"]["KinesisStreamSourceDescription"].clone();
    assert_eq!(shown, plus(stream(STREAM), json!({"DeliveryStartTimestamp": 1_600_000_000.5})));
    let put = with("Record", json!({"Data": "YQ=="}));
    let refusal = "This operation is not permitted on KinesisStreamAsSource delivery stream type.".to_owned();
    assert_eq!(house.refused("PutRecord", put).await, ("InvalidArgumentException", refusal));
    assert_eq!(house.refused("StartDeliveryStreamEncryption", named()).await.0, "InvalidArgumentException");
}

#[tokio::test]
async fn names_are_unique_and_their_number_is_limited() {
    let house = House::new(FirehoseSettings { stream_limit: 1, ..FirehoseSettings::default() }).await;
    let input = with("S3DestinationConfiguration", bucket());
    house.ok("CreateDeliveryStream", input.clone()).await;
    let exists = "Firehose d under accountId 123456789012 already exists".to_owned();
    assert_eq!(house.refused("CreateDeliveryStream", input.clone()).await, ("ResourceInUseException", exists));
    let second = plus(input, json!({"DeliveryStreamName": "e"}));
    assert_eq!(house.refused("CreateDeliveryStream", second).await.0, "LimitExceededException");
    let missing = "Firehose x under account 123456789012 not found.".to_owned();
    let refusal = house.refused("DescribeDeliveryStream", json!({"DeliveryStreamName": "x"})).await;
    assert_eq!(refusal, ("ResourceNotFoundException", missing));
}

fn update(version: &str, more: Value) -> Value {
    let base = json!({"CurrentDeliveryStreamVersionId": version, "DestinationId": "destinationId-000000000001"});
    plus(plus(named(), base), more)
}

#[tokio::test]
async fn a_change_is_merged_and_makes_a_new_version() {
    let house = House::with_stream().await;
    let prefix = json!({"ExtendedS3DestinationUpdate": {"Prefix": "p/"}});
    house.clock.advance(1000);
    house.ok("UpdateDestination", update("1", prefix.clone())).await;
    let shown = house.reopened().await.described().await;
    assert_eq!((&shown["VersionId"], &shown["LastUpdateTimestamp"]), (&json!("2"), &json!(1_600_000_001.5)));
    let s3 = &shown["Destinations"][0]["ExtendedS3DestinationDescription"];
    assert_eq!((&s3["Prefix"], &s3["BucketARN"]), (&json!("p/"), &json!("arn:aws:s3:::b")));
    assert_eq!(
        house.refused("UpdateDestination", update("1", prefix.clone())).await.0,
        "ConcurrentModificationException"
    );
    let elsewhere = plus(update("2", prefix), json!({"DestinationId": "destinationId-2"}));
    assert_eq!(house.refused("UpdateDestination", elsewhere).await.0, "InvalidArgumentException");
}

#[tokio::test]
async fn another_kind_of_destination_must_be_complete() {
    let house = House::with_stream().await;
    let partial = json!({"HttpEndpointDestinationUpdate": {"EndpointConfiguration": {"Url": "https://x"}}});
    assert_eq!(house.refused("UpdateDestination", update("1", partial)).await.0, "InvalidArgumentException");
    let whole = json!({"HttpEndpointDestinationUpdate": {
        "EndpointConfiguration": {"Url": "https://x"}, "S3Update": bucket(),
    }});
    house.ok("UpdateDestination", update("1", whole)).await;
    let shown = house.described().await["Destinations"][0].clone();
    assert_eq!(shown.get("ExtendedS3DestinationDescription"), None);
    assert_eq!(shown["HttpEndpointDestinationDescription"]["BufferingHints"]["SizeInMBs"], 5);
}

#[tokio::test]
async fn backup_and_partitioning_are_for_good() {
    let house = House::with_stream().await;
    let partitioned = json!({"ExtendedS3DestinationUpdate": {"DynamicPartitioningConfiguration": {"Enabled": true}}});
    assert_eq!(house.refused("UpdateDestination", update("1", partitioned)).await.0, "InvalidArgumentException");
    let backed_up = json!({"ExtendedS3DestinationUpdate": {"S3BackupMode": "Enabled", "S3BackupUpdate": bucket()}});
    house.ok("UpdateDestination", update("1", backed_up)).await;
    let stopped = json!({"ExtendedS3DestinationUpdate": {"S3BackupMode": "Disabled"}});
    assert_eq!(house.refused("UpdateDestination", update("2", stopped)).await.0, "InvalidArgumentException");
}

#[tokio::test]
async fn names_and_tags_are_listed_in_pages() {
    let house = House::new(FirehoseSettings::default()).await;
    for name in ["a", "b", "c"] {
        let input = json!({"DeliveryStreamName": name, "S3DestinationConfiguration": bucket()});
        house.ok("CreateDeliveryStream", input).await;
    }
    let page = json!({"DeliveryStreamNames": ["b"], "HasMoreDeliveryStreams": true});
    let input = json!({"Limit": 1, "ExclusiveStartDeliveryStreamName": "a"});
    assert_eq!(house.ok("ListDeliveryStreams", input).await, page);
    let of_stream = json!({"DeliveryStreamType": "KinesisStreamAsSource"});
    assert_eq!(house.ok("ListDeliveryStreams", of_stream).await["DeliveryStreamNames"], json!([]));
    let on_a = |more: Value| plus(json!({"DeliveryStreamName": "a"}), more);
    let tags = json!({"Tags": [{"Key": "x", "Value": "1"}, {"Key": "y"}]});
    house.ok("TagDeliveryStream", on_a(tags)).await;
    let page = json!({"Tags": [{"Key": "y", "Value": ""}], "HasMoreTags": false});
    assert_eq!(house.ok("ListTagsForDeliveryStream", on_a(json!({"ExclusiveStartTagKey": "x"}))).await, page);
    house.ok("UntagDeliveryStream", on_a(json!({"TagKeys": ["x", "z"]}))).await;
    assert_eq!(house.ok("ListTagsForDeliveryStream", on_a(json!({}))).await, page);
    let reserved = on_a(json!({"Tags": [{"Key": "AWS:x"}]}));
    assert_eq!(house.refused("TagDeliveryStream", reserved).await.0, "InvalidArgumentException");
    let many: Vec<Value> = (0..50).map(|at| json!({"Key": format!("k{at}")})).collect();
    let refusal = house.refused("TagDeliveryStream", on_a(json!({"Tags": many}))).await;
    assert_eq!(refusal.0, "LimitExceededException");
}
