//! ListStreams.
use serde_json::{Value, json};

use crate::{
    calls::{list, text},
    kinds::Kind,
    sentences::{NAME_PATTERN, arn, less, longer, matching, more, shorter},
    server::{Server, shared},
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members = [("Limit", Kind::Integer), ("ExclusiveStartStreamName", Kind::Text), ("NextToken", Kind::Text)];
    shared().refuses_other_kinds("ListStreams", &members);
}

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(129);
    let start = "exclusiveStartStreamName";
    for (member, value, constraint) in [
        ("Limit", json!(0), more(0, "limit", 1)),
        ("Limit", json!(10_001), less(10_001, "limit", 10_000)),
        ("ExclusiveStartStreamName", json!("a;b"), matching("a;b", start, NAME_PATTERN)),
        ("ExclusiveStartStreamName", json!(long), shorter(&long, start, 128)),
        ("NextToken", json!(""), longer("", "nextToken", 1)),
    ] {
        aws.violates("ListStreams", json!({member: value}), &[constraint]);
    }
}

fn page(aws: &Server, input: Value) -> (String, bool) {
    let page = aws.ok("ListStreams", input);
    let names: Vec<String> = list(&page["StreamNames"]).iter().map(text).collect();
    (names.join(" "), page["HasMoreStreams"] == true)
}

#[test]
fn function_pages_in_the_order_of_the_names() {
    let aws = Server::start(&[]);
    assert_eq!(page(&aws, json!({})), (String::new(), false));
    for stream in ["b", "d", "a", "C", "c.1"] {
        aws.done("CreateStream", json!({"StreamName": stream, "ShardCount": 1}));
        aws.settles(stream);
    }
    assert_eq!(page(&aws, json!({})), ("C a b c.1 d".into(), false));
    assert_eq!(page(&aws, json!({"Limit": 2})), ("C a".into(), true));
    assert_eq!(page(&aws, json!({"Limit": 5})), ("C a b c.1 d".into(), false), "the last page says so");
    assert_eq!(page(&aws, json!({"Limit": 2, "ExclusiveStartStreamName": "a"})), ("b c.1".into(), true));
    assert_eq!(page(&aws, json!({"ExclusiveStartStreamName": "aa"})), ("b c.1 d".into(), false), "it need not exist");
    assert_eq!(page(&aws, json!({"ExclusiveStartStreamName": "z"})), (String::new(), false));
    let first = aws.ok("ListStreams", json!({"Limit": 3}));
    let token = text(&first["NextToken"]);
    assert_eq!(page(&aws, json!({"NextToken": token})), ("c.1 d".into(), false));
}

#[test]
fn function_a_summary_for_each() {
    let aws = Server::start(&[]);
    let stream = aws.stream(1);
    let answer = aws.ok("ListStreams", json!({}));
    assert!(answer.get("NextToken").is_none(), "nothing follows: {answer}");
    let mut summaries = list(&answer["StreamSummaries"]);
    assert!(summaries.iter_mut().all(|summary| summary["StreamCreationTimestamp"].take().is_number()), "{answer}");
    let expected = json!({
        "StreamName": stream,
        "StreamARN": arn(&stream),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "StreamCreationTimestamp": null,
    });
    assert_eq!(summaries, [expected]);
}

#[test]
fn function_a_hundred_a_page_unless_told_and_no_foreign_token() {
    let aws = Server::start(&["--shard-limit", "200"]);
    for n in 0..101 {
        aws.done("CreateStream", json!({"StreamName": format!("s{n:03}"), "ShardCount": 1}));
    }
    let first = aws.ok("ListStreams", json!({}));
    assert_eq!((list(&first["StreamNames"]).len(), &first["HasMoreStreams"]), (100, &json!(true)));
    let rest = json!({"ExclusiveStartStreamName": "s099"});
    assert_eq!(page(&aws, rest), ("s100".into(), false));
    let codes = ["InvalidArgumentException", "ExpiredNextTokenException", "ValidationException"];
    aws.refuses_as("ListStreams", json!({"NextToken": "nothing of the sort"}), &codes);
}
