//! AddTagsToStream.
use serde_json::{Map, Value, json};

use super::common_chapters;
use crate::{
    calls::list,
    kinds::Kind,
    sentences::{arn, longer, not_null, shorter},
    server::{Server, shared},
};

common_chapters!(
    "AddTagsToStream",
    [("StreamName", Kind::Text), ("Tags", Kind::Map(&Kind::Text)), ("StreamARN", Kind::Text)],
    json!({"Tags": {"a": "b"}})
);

#[test]
fn validation() {
    let aws = shared();
    let with = |tags: Value| json!({"StreamName": "x", "Tags": tags});
    aws.violates("AddTagsToStream", json!({"StreamName": "x"}), &[not_null("tags")]);
    aws.violates("AddTagsToStream", json!({"StreamName": "x", "Tags": null}), &[not_null("tags")]);
    aws.violates("AddTagsToStream", with(json!({})), &[longer("{}", "tags", 1)]);
    let keys = |value: &str| {
        format!(
            "Value '{value}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: \
             [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"
        )
    };
    let values = |value: &str| {
        format!(
            "Value '{value}' at 'tags' failed to satisfy constraint: Map value must satisfy constraint: \
             [Member must have length less than or equal to 256, Member must have length greater than or equal to 0]"
        )
    };
    aws.violates("AddTagsToStream", with(json!({"": "a"})), &[keys("{=a}")]);
    let long = "a".repeat(129);
    aws.violates("AddTagsToStream", with(json!({&long: "b"})), &[keys(&format!("{{{long}=b}}"))]);
    let long = "b".repeat(257);
    aws.violates("AddTagsToStream", with(json!({"a": long})), &[values(&format!("{{a={long}}}"))]);
}

#[test]
fn validation_of_two_members_at_once() {
    let long = "a".repeat(129);
    let input = json!({"StreamName": long, "Tags": {}});
    shared().violates("AddTagsToStream", input, &[shorter(&long, "streamName", 128), longer("{}", "tags", 1)]);
}

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("AddTagsToStream", &json!({"Tags": {"a": "b"}}));
}

#[test]
fn function_letters_that_tags_may_not_have() {
    let aws = shared();
    let stream = aws.stream(1);
    for bad in ["ab;cd", "ab\tcd", "ab\ncd", "ab,cd", "ab%cd"] {
        for tags in [json!({bad: "v"}), json!({"k": bad})] {
            aws.refuses_as(
                "AddTagsToStream",
                json!({"StreamName": stream, "Tags": tags}),
                &["InvalidArgumentException"],
            );
        }
    }
    assert_eq!(tags(&aws, &stream), Vec::<Value>::new(), "a refused call leaves nothing");
}

#[test]
fn function_letters_that_tags_may_have() {
    let aws = shared();
    let stream = aws.stream(1);
    let good = "üÜÇ 09_. /=+-@";
    aws.done("AddTagsToStream", json!({"StreamName": stream, "Tags": {good: good}}));
    assert_eq!(tags(&aws, &stream), [json!({"Key": good, "Value": good})]);
}

#[test]
fn function_adds_replaces_and_takes_an_arn() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.done("AddTagsToStream", json!({"StreamName": stream, "Tags": {"b": "1", "a": ""}}));
    aws.done("AddTagsToStream", json!({"StreamARN": arn(&stream), "Tags": {"b": "2"}}));
    assert_eq!(tags(&aws, &stream), [json!({"Key": "a", "Value": ""}), json!({"Key": "b", "Value": "2"})]);
}

#[test]
fn function_fifty_tags_and_no_more() {
    let aws = shared();
    let stream = aws.stream(1);
    let many = |from: usize, to: usize| -> Value {
        Value::Object((from..to).map(|n| (format!("k{n:03}"), json!("v"))).collect::<Map<_, _>>())
    };
    let input = json!({"StreamName": stream, "Tags": many(0, 51)});
    let codes = ["InvalidArgumentException", "LimitExceededException", "ValidationException"];
    aws.refuses_as("AddTagsToStream", input, &codes);
    aws.done("AddTagsToStream", json!({"StreamName": stream, "Tags": many(0, 50)}));
    aws.done("AddTagsToStream", json!({"StreamName": stream, "Tags": many(40, 50)}));
    let message = aws.refuses_as("AddTagsToStream", json!({"StreamName": stream, "Tags": many(50, 51)}), &codes);
    assert!(message.contains(&stream), "it names the stream: {message}");
    let page = aws.ok("ListTagsForStream", json!({"StreamName": stream, "Limit": 50}));
    assert_eq!((list(&page["Tags"]).len(), &page["HasMoreTags"]), (50, &json!(false)));
}

#[test]
fn function_unknown_members_are_ignored() {
    let aws = shared();
    let stream = aws.stream(1);
    let input = json!({"StreamName": stream, "Tags": {"a": "b"}, "Unknown": [{"deep": 1}], "StreamId": null});
    aws.done("AddTagsToStream", input);
    assert_eq!(tags(&aws, &stream).len(), 1);
}

fn tags(aws: &Server, stream: &str) -> Vec<Value> {
    list(&aws.ok("ListTagsForStream", json!({"StreamName": stream}))["Tags"])
}
