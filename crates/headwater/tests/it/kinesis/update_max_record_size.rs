//! UpdateMaxRecordSize.
use serde_json::json;

use crate::{
    calls::base64,
    kinds::Kind,
    sentences::{arn, less, more, not_null},
    server::shared,
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    shared().refuses_other_kinds(
        "UpdateMaxRecordSize",
        &[("StreamARN", Kind::Text), ("MaxRecordSizeInKiB", Kind::Integer)],
    );
}

#[test]
fn validation() {
    let aws = shared();
    aws.violates("UpdateMaxRecordSize", json!({"StreamARN": arn("s")}), &[not_null("maxRecordSizeInKiB")]);
    for (value, constraint) in
        [(1023, more(1023, "maxRecordSizeInKiB", 1024)), (10241, less(10241, "maxRecordSizeInKiB", 10240))]
    {
        let input = json!({"StreamARN": arn("s"), "MaxRecordSizeInKiB": value});
        aws.violates("UpdateMaxRecordSize", input, &[constraint]);
    }
}

#[test]
fn function_the_largest_record_goes_in_and_comes_out() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.done("UpdateMaxRecordSize", json!({"StreamARN": arn(&stream), "MaxRecordSizeInKiB": 10240}));
    assert_eq!(aws.summary(&stream)["MaxRecordSizeInKiB"], 10240);
    let data = base64(&vec![b'x'; (10 << 20) - 1]);
    aws.ok("PutRecord", json!({"StreamName": stream, "PartitionKey": "k", "Data": data}));
    let iterator = aws.iterator(&stream, "shardId-000000000000", "TRIM_HORIZON");
    assert!(aws.page(&iterator)["Records"][0]["Data"] == data.as_str(), "as it was put");
}
