//! TagDeliveryStream, UntagDeliveryStream and ListTagsForDeliveryStream.
use serde_json::json;

use super::{delivery_stream, target, wants_a_name};
use crate::{kinds::Kind, server::shared};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let tag = Kind::List(&Kind::Structure(&[("Key", Kind::Text), ("Value", Kind::Text)]));
    shared().refuses_other_kinds(&target("TagDeliveryStream"), &[("Tags", tag)]);
    shared().refuses_other_kinds(&target("UntagDeliveryStream"), &[("TagKeys", Kind::List(&Kind::Text))]);
}

#[test]
fn validation() {
    let aws = shared();
    wants_a_name(&aws, "TagDeliveryStream", &json!({"Tags": [{"Key": "k"}]}));
    wants_a_name(&aws, "UntagDeliveryStream", &json!({"TagKeys": ["k"]}));
    wants_a_name(&aws, "ListTagsForDeliveryStream", &json!({}));
}

#[test]
fn function_tags_are_set_listed_in_order_and_taken_away() {
    let aws = shared();
    let name = delivery_stream(&aws);
    let tags = json!([{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]);
    aws.ok(&target("TagDeliveryStream"), json!({"DeliveryStreamName": name, "Tags": tags}));
    let list = || aws.ok(&target("ListTagsForDeliveryStream"), json!({"DeliveryStreamName": name, "Limit": 1}));
    assert_eq!(list(), json!({"Tags": [{"Key": "a", "Value": "1"}], "HasMoreTags": true}));
    aws.ok(&target("UntagDeliveryStream"), json!({"DeliveryStreamName": name, "TagKeys": ["a"]}));
    assert_eq!(list(), json!({"Tags": [{"Key": "b", "Value": "2"}], "HasMoreTags": false}));
}
