//! ListDeliveryStreams.
use serde_json::{Value, json};

use super::{bucket, target};
use crate::{
    kinds::Kind,
    sentences::{less, more, one_of},
    server::{Server, shared},
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    let members = [
        ("Limit", Kind::Integer),
        ("DeliveryStreamType", Kind::Text),
        ("ExclusiveStartDeliveryStreamName", Kind::Text),
    ];
    shared().refuses_other_kinds(&target("ListDeliveryStreams"), &members);
}

#[test]
fn validation() {
    let types = "DirectPut, KinesisStreamAsSource, MSKAsSource, DatabaseAsSource";
    for (input, broken) in [
        (json!({"Limit": 0}), more(0, "limit", 1)),
        (json!({"Limit": 10_001}), less(10_001, "limit", 10_000)),
        (json!({"DeliveryStreamType": "x"}), one_of("x", "deliveryStreamType", types)),
    ] {
        shared().violates(&target("ListDeliveryStreams"), input, &[broken]);
    }
}

#[test]
fn function_ten_names_a_page_in_order() {
    let aws = Server::start(&[]);
    for at in (0..12).rev() {
        let input = json!({"DeliveryStreamName": format!("d{at:02}"), "S3DestinationConfiguration": bucket()});
        aws.ok(&target("CreateDeliveryStream"), input);
    }
    let page = |input: Value| {
        let page = aws.ok(&target("ListDeliveryStreams"), input);
        let names = page["DeliveryStreamNames"].as_array().expect("a list").clone();
        (names.len(), names.first().cloned(), page["HasMoreDeliveryStreams"] == true)
    };
    assert_eq!(page(json!({})), (10, Some(json!("d00")), true));
    assert_eq!(page(json!({"ExclusiveStartDeliveryStreamName": "d09"})), (2, Some(json!("d10")), false));
    assert_eq!(page(json!({"DeliveryStreamType": "KinesisStreamAsSource"})), (0, None, false));
}
