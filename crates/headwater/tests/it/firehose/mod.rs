//! Data Firehose, one file per operation: what it cannot read, what it does not take, what it does.
mod create_delivery_stream;
mod delete_delivery_stream;
mod describe_delivery_stream;
mod list_delivery_streams;
mod put_record;
mod put_record_batch;
mod start_delivery_stream_encryption;
mod tag_delivery_stream;
mod update_destination;

use serde_json::{Value, json};

use crate::{
    calls::fresh,
    sentences::{ACCOUNT, NAME_PATTERN, longer, matching, not_null, shorter},
    server::Server,
};

/// The target of an operation.
fn target(operation: &str) -> String {
    format!("Firehose_20150804.{operation}")
}

/// A bucket nothing else is said of.
fn bucket() -> Value {
    json!({"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::it"})
}

/// "Firehose … not found."
fn not_found(name: &str) -> String {
    format!("Firehose {name} under account {ACCOUNT} not found.")
}

/// An active delivery stream of its own for a test.
fn delivery_stream(aws: &Server) -> String {
    let name = fresh("delivery");
    let input = json!({"DeliveryStreamName": name, "ExtendedS3DestinationConfiguration": bucket()});
    let arn = aws.ok(&target("CreateDeliveryStream"), input)["DeliveryStreamARN"].clone();
    assert_eq!(arn, format!("arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/{name}"));
    name
}

/// The constraints on the name, and a delivery stream that is not there, for an operation whose other members are
/// `rest`.
#[track_caller]
fn wants_a_name(aws: &Server, operation: &str, rest: &Value) {
    let operation = target(operation);
    let with = |name: &str| {
        let mut input = rest.clone();
        input["DeliveryStreamName"] = json!(name);
        input
    };
    let long = "a".repeat(65);
    aws.violates(&operation, rest.clone(), &[not_null("deliveryStreamName")]);
    let empty = [matching("", "deliveryStreamName", NAME_PATTERN), longer("", "deliveryStreamName", 1)];
    aws.violates(&operation, with(""), &empty);
    aws.violates(&operation, with("a;b"), &[matching("a;b", "deliveryStreamName", NAME_PATTERN)]);
    aws.violates(&operation, with(&long), &[shorter(&long, "deliveryStreamName", 64)]);
    let name = fresh("absent");
    aws.refuses(&operation, with(&name), "ResourceNotFoundException", &not_found(&name));
}
