//! CreateDeliveryStream.
use serde_json::{Value, json};

use super::{bucket, delivery_stream, target};
use crate::{
    calls::fresh,
    kinds::Kind,
    sentences::{ACCOUNT, NAME_PATTERN, less, longer, matching, more, not_null, one_of},
    server::shared,
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members = [
        ("DeliveryStreamName", Kind::Text),
        ("DeliveryStreamType", Kind::Text),
        (
            "KinesisStreamSourceConfiguration",
            Kind::Structure(&[("KinesisStreamARN", Kind::Text), ("RoleARN", Kind::Text)]),
        ),
        (
            "ExtendedS3DestinationConfiguration",
            Kind::Structure(&[
                ("BucketARN", Kind::Text),
                ("BufferingHints", Kind::Structure(&[("SizeInMBs", Kind::Integer)])),
                ("ProcessingConfiguration", Kind::Structure(&[("Enabled", Kind::Boolean)])),
            ]),
        ),
    ];
    shared().refuses_other_kinds(&target("CreateDeliveryStream"), &members);
}

#[test]
fn validation() {
    let (aws, create) = (shared(), target("CreateDeliveryStream"));
    let with = |member: &str, value: Value| {
        let mut s3 = bucket();
        s3[member] = value;
        json!({"DeliveryStreamName": "x", "ExtendedS3DestinationConfiguration": s3})
    };
    let at = |member: &str| format!("extendedS3DestinationConfiguration.{member}");
    aws.violates(&create, json!({}), &[not_null("deliveryStreamName")]);
    let empty = [matching("", "deliveryStreamName", NAME_PATTERN), longer("", "deliveryStreamName", 1)];
    aws.violates(&create, json!({"DeliveryStreamName": ""}), &empty);
    aws.violates(&create, with("RoleARN", Value::Null), &[not_null(&at("roleARN"))]);
    aws.violates(&create, with("BucketARN", Value::Null), &[not_null(&at("bucketARN"))]);
    let hints = |size: i32, interval: i32| json!({"SizeInMBs": size, "IntervalInSeconds": interval});
    for (value, broken) in [
        (hints(0, 0), more(0, &at("bufferingHints.sizeInMBs"), 1)),
        (hints(129, 0), less(129, &at("bufferingHints.sizeInMBs"), 128)),
        (hints(1, -1), more(-1, &at("bufferingHints.intervalInSeconds"), 0)),
        (hints(1, 901), less(901, &at("bufferingHints.intervalInSeconds"), 900)),
    ] {
        aws.violates(&create, with("BufferingHints", value), &[broken]);
    }
    let formats = "UNCOMPRESSED, GZIP, ZIP, Snappy, HADOOP_SNAPPY";
    aws.violates(&create, with("CompressionFormat", json!("LZ4")), &[one_of("LZ4", &at("compressionFormat"), formats)]);
}

#[test]
fn function_exactly_one_destination() {
    let (aws, create) = (shared(), target("CreateDeliveryStream"));
    let sentence = "Exactly one destination configuration is supported for a Firehose";
    let name = fresh("delivery");
    let two = json!({
        "DeliveryStreamName": name,
        "S3DestinationConfiguration": bucket(),
        "ExtendedS3DestinationConfiguration": bucket(),
    });
    for input in [json!({"DeliveryStreamName": name}), two] {
        aws.refuses(&create, input, "InvalidArgumentException", sentence);
    }
}

#[test]
fn function_a_name_is_taken_once() {
    let aws = shared();
    let name = delivery_stream(&aws);
    let again = json!({"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": bucket()});
    let sentence = format!("Firehose {name} under accountId {ACCOUNT} already exists");
    aws.refuses(&target("CreateDeliveryStream"), again, "ResourceInUseException", &sentence);
}

#[test]
fn function_a_kinesis_stream_must_be_there() {
    let (aws, create) = (shared(), target("CreateDeliveryStream"));
    let stream = aws.stream(1);
    let of = |stream: &str| {
        json!({
            "DeliveryStreamName": fresh("delivery"),
            "DeliveryStreamType": "KinesisStreamAsSource",
            "KinesisStreamSourceConfiguration": {
                "KinesisStreamARN": crate::sentences::arn(stream), "RoleARN": bucket()["RoleARN"],
            },
            "S3DestinationConfiguration": bucket(),
        })
    };
    aws.refuses_as(&create, of(&fresh("absent")), &["InvalidArgumentException"]);
    aws.ok(&create, of(&stream));
}
