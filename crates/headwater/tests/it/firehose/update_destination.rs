//! UpdateDestination.
use serde_json::{Value, json};

use super::{delivery_stream, target, wants_a_name};
use crate::{
    sentences::{matching, not_null},
    server::{Server, shared},
};

const DESTINATION: &str = "destinationId-000000000001";

fn update(name: &str, version: &str) -> Value {
    json!({
        "DeliveryStreamName": name,
        "CurrentDeliveryStreamVersionId": version,
        "DestinationId": DESTINATION,
        "ExtendedS3DestinationUpdate": {"Prefix": "p/"},
    })
}

fn described(aws: &Server, name: &str) -> Value {
    let described = aws.ok(&target("DescribeDeliveryStream"), json!({"DeliveryStreamName": name}));
    described["DeliveryStreamDescription"].clone()
}

#[test]
fn validation() {
    let aws = shared();
    let mut rest = update("x", "1");
    rest.as_object_mut().expect("an object").remove("DeliveryStreamName");
    wants_a_name(&aws, "UpdateDestination", &rest);
    let missing = [not_null("currentDeliveryStreamVersionId"), not_null("destinationId")];
    aws.violates(&target("UpdateDestination"), json!({"DeliveryStreamName": "x"}), &missing);
    let broken = matching("v1", "currentDeliveryStreamVersionId", "[0-9]+");
    aws.violates(&target("UpdateDestination"), update("x", "v1"), &[broken]);
}

#[test]
fn function_what_is_not_said_stays_and_the_version_rises() {
    let aws = shared();
    let name = delivery_stream(&aws);
    aws.ok(&target("UpdateDestination"), update(&name, "1"));
    let shown = described(&aws, &name);
    assert_eq!(shown["VersionId"], "2");
    let s3 = &shown["Destinations"][0]["ExtendedS3DestinationDescription"];
    assert_eq!((&s3["Prefix"], &s3["CompressionFormat"]), (&json!("p/"), &json!("UNCOMPRESSED")));
    aws.refuses_as(&target("UpdateDestination"), update(&name, "1"), &["ConcurrentModificationException"]);
}
