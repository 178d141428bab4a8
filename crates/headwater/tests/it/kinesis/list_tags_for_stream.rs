//! ListTagsForStream.
use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    kinds::Kind,
    sentences::{arn, less, longer, more, shorter},
    server::shared,
};

common_chapters!(
    "ListTagsForStream",
    [
        ("StreamName", Kind::Text),
        ("Limit", Kind::Integer),
        ("ExclusiveStartTagKey", Kind::Text),
        ("StreamARN", Kind::Text)
    ],
    json!({})
);

#[test]
fn validation() {
    let aws = shared();
    let long = "a".repeat(129);
    for (member, value, constraint) in [
        ("Limit", json!(0), more(0, "limit", 1)),
        ("Limit", json!(51), less(51, "limit", 50)),
        ("ExclusiveStartTagKey", json!(""), longer("", "exclusiveStartTagKey", 1)),
        ("ExclusiveStartTagKey", json!(long), shorter(&long, "exclusiveStartTagKey", 128)),
    ] {
        aws.violates("ListTagsForStream", json!({"StreamName": "x", member: value}), &[constraint]);
    }
}

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("ListTagsForStream", &json!({}));
}

#[test]
fn function_none() {
    let aws = shared();
    let stream = aws.stream(1);
    assert_eq!(aws.ok("ListTagsForStream", json!({"StreamName": stream})), json!({"Tags": [], "HasMoreTags": false}));
}

#[test]
fn function_pages_in_the_order_of_the_keys() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.done("AddTagsToStream", json!({"StreamName": stream, "Tags": {"b": "2", "c": "3", "a": "1", "d": "4"}}));
    let page = |input: Value| {
        let page = aws.ok("ListTagsForStream", input);
        let keys: Vec<String> =
            page["Tags"].as_array().expect("a list").iter().map(|tag| tag["Key"].to_string()).collect();
        (keys.join(""), page["HasMoreTags"] == true)
    };
    assert_eq!(page(json!({"StreamName": stream})), (r#""a""b""c""d""#.into(), false));
    assert_eq!(page(json!({"StreamName": stream, "Limit": 2})), (r#""a""b""#.into(), true));
    assert_eq!(
        page(json!({"StreamARN": arn(&stream), "Limit": 2, "ExclusiveStartTagKey": "b"})),
        (r#""c""d""#.into(), false)
    );
    assert_eq!(page(json!({"StreamName": stream, "ExclusiveStartTagKey": "bb"})), (r#""c""d""#.into(), false));
    assert_eq!(page(json!({"StreamName": stream, "ExclusiveStartTagKey": "z"})), (String::new(), false));
}
