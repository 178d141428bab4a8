//! RegisterStreamConsumer.
use serde_json::json;

use crate::{
    calls::{members, text},
    kinds::Kind,
    sentences::{ACCOUNT, ARN_PATTERN, NAME_PATTERN, arn, longer, matching, no_stream, not_null, shorter},
    server::shared,
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members = [("StreamARN", Kind::Text), ("ConsumerName", Kind::Text), ("Tags", Kind::Map(&Kind::Text))];
    shared().refuses_other_kinds("RegisterStreamConsumer", &members);
}

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(129);
    for (name, broken) in [
        (json!(null), vec![not_null("consumerName")]),
        (json!(""), vec![matching("", "consumerName", NAME_PATTERN), longer("", "consumerName", 1)]),
        (json!("a;b"), vec![matching("a;b", "consumerName", NAME_PATTERN)]),
        (json!(long), vec![shorter(&long, "consumerName", 128)]),
    ] {
        aws.violates("RegisterStreamConsumer", json!({"StreamARN": arn("x"), "ConsumerName": name}), &broken);
    }
    let input = json!({"StreamARN": "abc", "ConsumerName": "c"});
    aws.violates("RegisterStreamConsumer", input, &[matching("abc", "streamARN", ARN_PATTERN)]);
}

#[test]
fn function_a_consumer_is_registered_once() {
    let aws = shared();
    let absent = json!({"StreamARN": arn("absent"), "ConsumerName": "c"});
    aws.refuses("RegisterStreamConsumer", absent, "ResourceNotFoundException", &no_stream("absent"));
    let stream = aws.stream(1);
    let input = json!({"StreamARN": arn(&stream), "ConsumerName": "c", "Tags": {"a": "b"}});
    let consumer = aws.ok("RegisterStreamConsumer", input.clone())["Consumer"].clone();
    let names = ["ConsumerARN", "ConsumerCreationTimestamp", "ConsumerName", "ConsumerStatus"];
    assert_eq!(members(&consumer), names);
    let created = consumer["ConsumerCreationTimestamp"].as_f64().expect("a time");
    assert_eq!(text(&consumer["ConsumerARN"]), format!("{}/consumer/c:{created}", arn(&stream)));
    assert_eq!(aws.summary(&stream)["ConsumerCount"], 1);
    let taken = format!("Consumer c under stream {stream}, account {ACCOUNT} already exists.");
    aws.refuses("RegisterStreamConsumer", input, "ResourceInUseException", &taken);
}
