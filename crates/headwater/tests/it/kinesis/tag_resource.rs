//! TagResource, UntagResource and ListTagsForResource.
use serde_json::json;

use crate::{
    kinds::Kind,
    sentences::{arn, no_stream, not_null},
    server::shared,
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    for operation in ["TagResource", "UntagResource", "ListTagsForResource"] {
        shared().refuses_other_kinds(operation, &[("ResourceARN", Kind::Text)]);
    }
}

#[test]
fn validation() {
    let aws = shared();
    aws.violates("TagResource", json!({}), &[not_null("tags"), not_null("resourceARN")]);
    aws.violates("UntagResource", json!({}), &[not_null("tagKeys"), not_null("resourceARN")]);
    aws.violates("ListTagsForResource", json!({}), &[not_null("resourceARN")]);
    let absent = json!({"ResourceARN": arn("not-there")});
    aws.refuses("ListTagsForResource", absent, "ResourceNotFoundException", &no_stream("not-there"));
}

#[test]
fn function_one_store_with_the_tags_by_name() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.done("AddTagsToStream", json!({"StreamName": stream, "Tags": {"a": "1"}}));
    aws.done("TagResource", json!({"ResourceARN": arn(&stream), "Tags": {"b": "2", "c": "3"}}));
    aws.done("UntagResource", json!({"ResourceARN": arn(&stream), "TagKeys": ["c", "d"]}));
    let tags = json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]);
    assert_eq!(aws.ok("ListTagsForResource", json!({"ResourceARN": arn(&stream)})), json!({"Tags": tags}));
    assert_eq!(aws.ok("ListTagsForStream", json!({"StreamName": stream}))["Tags"], tags);
}
