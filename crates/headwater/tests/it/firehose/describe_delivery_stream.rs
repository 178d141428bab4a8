//! DescribeDeliveryStream.
use serde_json::json;

use super::{bucket, delivery_stream, target, wants_a_name};
use crate::{
    kinds::Kind,
    sentences::{less, more},
    server::shared,
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members =
        [("DeliveryStreamName", Kind::Text), ("Limit", Kind::Integer), ("ExclusiveStartDestinationId", Kind::Text)];
    shared().refuses_other_kinds(&target("DescribeDeliveryStream"), &members);
}

#[test]
fn validation() {
    let aws = shared();
    wants_a_name(&aws, "DescribeDeliveryStream", &json!({}));
    for (limit, broken) in [(0, more(0, "limit", 1)), (10_001, less(10_001, "limit", 10_000))] {
        let input = json!({"DeliveryStreamName": "x", "Limit": limit});
        aws.violates(&target("DescribeDeliveryStream"), input, &[broken]);
    }
}

#[test]
fn function_both_forms_of_a_destination_in_s3_are_shown() {
    let aws = shared();
    let name = delivery_stream(&aws);
    let described = aws.ok(&target("DescribeDeliveryStream"), json!({"DeliveryStreamName": name}));
    let shown = &described["DeliveryStreamDescription"];
    assert_eq!(shown["DeliveryStreamStatus"], "ACTIVE");
    assert_eq!((&shown["VersionId"], &shown["HasMoreDestinations"]), (&json!("1"), &json!(false)));
    assert!(shown["CreateTimestamp"].is_number());
    let destination = &shown["Destinations"][0];
    assert_eq!(destination["DestinationId"], "destinationId-000000000001");
    for form in ["S3DestinationDescription", "ExtendedS3DestinationDescription"] {
        assert_eq!(destination[form]["BucketARN"], bucket()["BucketARN"]);
        assert_eq!(destination[form]["BufferingHints"], json!({"SizeInMBs": 5, "IntervalInSeconds": 300}));
    }
}
