//! PutRecord.
use serde_json::json;

use super::{delivery_stream, target, wants_a_name};
use crate::{kinds::Kind, sentences::not_null, server::shared};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members = [("DeliveryStreamName", Kind::Text), ("Record", Kind::Structure(&[("Data", Kind::Blob)]))];
    shared().refuses_other_kinds(&target("PutRecord"), &members);
}

#[test]
fn validation() {
    let aws = shared();
    wants_a_name(&aws, "PutRecord", &json!({"Record": {"Data": ""}}));
    aws.violates(&target("PutRecord"), json!({"DeliveryStreamName": "x"}), &[not_null("record")]);
    aws.violates(&target("PutRecord"), json!({"DeliveryStreamName": "x", "Record": {}}), &[not_null("record.data")]);
}

#[test]
fn function_an_id_and_no_encryption() {
    let aws = shared();
    let name = delivery_stream(&aws);
    let put = aws.ok(&target("PutRecord"), json!({"DeliveryStreamName": name, "Record": {"Data": "YQ=="}}));
    assert_eq!(put["Encrypted"], false);
    assert!(put["RecordId"].as_str().is_some_and(|id| id.len() > 200), "{put}");
}
