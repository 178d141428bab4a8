//! ListStreamConsumers.
use serde_json::json;

use crate::{
    calls::{list, text},
    kinds::Kind,
    sentences::{ARN_PATTERN, arn, less, matching, more, no_stream, not_null},
    server::shared,
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members = [
        ("StreamARN", Kind::Text),
        ("NextToken", Kind::Text),
        ("MaxResults", Kind::Integer),
        ("StreamCreationTimestamp", Kind::Timestamp),
    ];
    shared().refuses_other_kinds("ListStreamConsumers", &members);
}

#[test]
fn validation() {
    let aws = shared();
    aws.violates("ListStreamConsumers", json!({}), &[not_null("streamARN")]);
    aws.violates("ListStreamConsumers", json!({"StreamARN": "abc"}), &[matching("abc", "streamARN", ARN_PATTERN)]);
    for (count, broken) in [(0, more(0, "maxResults", 1)), (10_001, less(10_001, "maxResults", 10_000))] {
        aws.violates("ListStreamConsumers", json!({"StreamARN": arn("x"), "MaxResults": count}), &[broken]);
    }
}

#[test]
fn function_consumers_come_in_order_page_by_page() {
    let aws = shared();
    let absent = json!({"StreamARN": arn("absent")});
    aws.refuses("ListStreamConsumers", absent, "ResourceNotFoundException", &no_stream("absent"));
    let stream = aws.stream(1);
    for name in ["b", "c", "a"] {
        aws.ok("RegisterStreamConsumer", json!({"StreamARN": arn(&stream), "ConsumerName": name}));
    }
    let first = aws.ok("ListStreamConsumers", json!({"StreamARN": arn(&stream), "MaxResults": 2}));
    let next = json!({"StreamARN": arn(&stream), "NextToken": first["NextToken"]});
    let second = aws.ok("ListStreamConsumers", next);
    let names = |page: &serde_json::Value| -> Vec<String> {
        list(&page["Consumers"]).iter().map(|consumer| text(&consumer["ConsumerName"])).collect()
    };
    assert_eq!((names(&first), names(&second)), (vec!["a".into(), "b".into()], vec!["c".into()]));
    assert!(second.get("NextToken").is_none());
    let garbage = json!({"StreamARN": arn(&stream), "NextToken": "AAAA"});
    aws.refuses("ListStreamConsumers", garbage, "InvalidArgumentException", "Invalid NextToken.");
}
