//! RemoveTagsFromStream.
use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    calls::list,
    kinds::Kind,
    sentences::{arn, longer, not_null},
    server::shared,
};

common_chapters!(
    "RemoveTagsFromStream",
    [("StreamName", Kind::Text), ("TagKeys", Kind::List(&Kind::Text)), ("StreamARN", Kind::Text)],
    json!({"TagKeys": ["a"]})
);

#[test]
fn validation() {
    let aws = shared();
    let with = |keys: Value| json!({"StreamName": "x", "TagKeys": keys});
    let lengths = |value: &str| {
        format!(
            "Value '{value}' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: \
             [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"
        )
    };
    aws.violates("RemoveTagsFromStream", json!({"StreamName": "x"}), &[not_null("tagKeys")]);
    aws.violates("RemoveTagsFromStream", with(json!([])), &[longer("[]", "tagKeys", 1)]);
    aws.violates("RemoveTagsFromStream", with(json!([""])), &[lengths("[]")]);
    aws.violates("RemoveTagsFromStream", with(json!(["ab", ""])), &[lengths("[ab, ]")]);
    let long = "a".repeat(129);
    aws.violates("RemoveTagsFromStream", with(json!([long])), &[lengths(&format!("[{long}]"))]);
    let many: Vec<String> = (0..51).map(|n| n.to_string()).collect();
    let text = format!("[{}]", many.join(", "));
    aws.violates("RemoveTagsFromStream", with(json!(many)), &[crate::sentences::shorter(&text, "tagKeys", 50)]);
}

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("RemoveTagsFromStream", &json!({"TagKeys": ["a"]}));
}

#[test]
fn function_letters_that_tags_may_not_have() {
    let aws = shared();
    let stream = aws.stream(1);
    for bad in ["ab;cd", "ab\tcd", "ab\ncd", "ab,cd", "ab%cd"] {
        let input = json!({"StreamName": stream, "TagKeys": [bad]});
        aws.refuses_as("RemoveTagsFromStream", input, &["InvalidArgumentException"]);
    }
}

#[test]
fn function_removes_what_is_there_and_ignores_the_rest() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.done("AddTagsToStream", json!({"StreamName": stream, "Tags": {"a": "1", "b": "2", "c": "3"}}));
    aws.done("RemoveTagsFromStream", json!({"StreamName": stream, "TagKeys": ["a", "absent", "a"]}));
    aws.done("RemoveTagsFromStream", json!({"StreamARN": arn(&stream), "TagKeys": ["b"]}));
    let tags = list(&aws.ok("ListTagsForStream", json!({"StreamName": stream}))["Tags"]);
    assert_eq!(tags, [json!({"Key": "c", "Value": "3"})]);
}
