//! DescribeStreamConsumer.
use serde_json::json;

use crate::{
    kinds::Kind,
    sentences::{ACCOUNT, CONSUMER_ARN_PATTERN, arn, matching},
    server::shared,
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members = [("StreamARN", Kind::Text), ("ConsumerName", Kind::Text), ("ConsumerARN", Kind::Text)];
    shared().refuses_other_kinds("DescribeStreamConsumer", &members);
}

#[test]
fn validation() {
    let broken = [matching("abc", "consumerARN", CONSUMER_ARN_PATTERN)];
    shared().violates("DescribeStreamConsumer", json!({"ConsumerARN": "abc"}), &broken);
    shared().refuses_as("DescribeStreamConsumer", json!({}), &["InvalidArgumentException"]);
}

#[test]
fn function_a_consumer_is_found_by_either_name_and_only_by_its_own() {
    let aws = shared();
    let stream = aws.stream(1);
    let by_name = json!({"StreamARN": arn(&stream), "ConsumerName": "c"});
    let mut expected = aws.ok("RegisterStreamConsumer", by_name.clone())["Consumer"].clone();
    let consumer_arn = expected["ConsumerARN"].clone();
    expected["StreamARN"] = json!(arn(&stream));
    for input in [by_name, json!({"ConsumerARN": consumer_arn})] {
        assert_eq!(aws.ok("DescribeStreamConsumer", input)["ConsumerDescription"], expected);
    }
    let other = json!({"ConsumerARN": format!("{}/consumer/c:1", arn(&stream))});
    let gone = format!("Consumer c, account {ACCOUNT} not found.");
    aws.refuses("DescribeStreamConsumer", other, "ResourceNotFoundException", &gone);
    let torn = json!({"ConsumerARN": consumer_arn, "ConsumerName": "d"});
    aws.refuses_as("DescribeStreamConsumer", torn, &["InvalidArgumentException"]);
}
