//! DeleteDeliveryStream.
use serde_json::json;

use super::{delivery_stream, not_found, target, wants_a_name};
use crate::{kinds::Kind, server::shared};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members = [("DeliveryStreamName", Kind::Text), ("AllowForceDelete", Kind::Boolean)];
    shared().refuses_other_kinds(&target("DeleteDeliveryStream"), &members);
}

#[test]
fn validation() {
    wants_a_name(&shared(), "DeleteDeliveryStream", &json!({}));
}

#[test]
fn function_what_was_deleted_is_gone_and_its_name_free() {
    let aws = shared();
    let name = delivery_stream(&aws);
    let named = json!({"DeliveryStreamName": name});
    assert_eq!(aws.ok(&target("DeleteDeliveryStream"), named.clone()), json!({}));
    aws.refuses(&target("DescribeDeliveryStream"), named, "ResourceNotFoundException", &not_found(&name));
    let again = json!({"DeliveryStreamName": name, "S3DestinationConfiguration": super::bucket()});
    aws.ok(&target("CreateDeliveryStream"), again);
}
