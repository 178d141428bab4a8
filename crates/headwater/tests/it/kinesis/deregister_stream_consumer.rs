//! DeregisterStreamConsumer.
use serde_json::json;

use crate::{
    calls::list,
    kinds::Kind,
    sentences::{ACCOUNT, CONSUMER_ARN_PATTERN, arn, matching},
    server::shared,
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members = [("StreamARN", Kind::Text), ("ConsumerName", Kind::Text), ("ConsumerARN", Kind::Text)];
    shared().refuses_other_kinds("DeregisterStreamConsumer", &members);
}

#[test]
fn validation() {
    let aws = shared();
    let broken = [matching("abc", "consumerARN", CONSUMER_ARN_PATTERN)];
    aws.violates("DeregisterStreamConsumer", json!({"ConsumerARN": "abc"}), &broken);
    for input in [json!({}), json!({"ConsumerName": "c"}), json!({"StreamARN": arn("x")})] {
        aws.refuses_as("DeregisterStreamConsumer", input, &["InvalidArgumentException"]);
    }
}

#[test]
fn function_a_consumer_goes_by_either_name() {
    let aws = shared();
    let stream = aws.stream(1);
    for by_arn in [true, false] {
        let by_name = json!({"StreamARN": arn(&stream), "ConsumerName": "c"});
        let consumer = aws.ok("RegisterStreamConsumer", by_name.clone())["Consumer"].clone();
        let input = if by_arn { json!({"ConsumerARN": consumer["ConsumerARN"]}) } else { by_name };
        aws.done("DeregisterStreamConsumer", input.clone());
        let gone = format!("Consumer c, account {ACCOUNT} not found.");
        aws.refuses("DeregisterStreamConsumer", input, "ResourceNotFoundException", &gone);
    }
    let listed = aws.ok("ListStreamConsumers", json!({"StreamARN": arn(&stream)}));
    assert!(list(&listed["Consumers"]).is_empty());
}
