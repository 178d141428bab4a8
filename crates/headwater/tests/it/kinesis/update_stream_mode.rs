//! UpdateStreamMode.
use serde_json::{Value, json};

use crate::{
    kinds::Kind,
    sentences::{arn, no_stream, not_null, one_of},
    server::shared,
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    shared().refuses_other_kinds("UpdateStreamMode", &[("StreamARN", Kind::Text), ("StreamId", Kind::Text)]);
}

#[test]
fn validation() {
    let aws = shared();
    aws.violates("UpdateStreamMode", json!({}), &[not_null("streamARN"), not_null("streamModeDetails")]);
    aws.violates(
        "UpdateStreamMode",
        json!({"StreamARN": arn("s"), "StreamModeDetails": {"StreamMode": "X"}}),
        &[one_of("X", "streamModeDetails.streamMode", "PROVISIONED, ON_DEMAND")],
    );
}

#[test]
fn function_there_and_back_with_the_same_shards() {
    let aws = shared();
    let stream = aws.stream(2);
    let set = |mode: &str| json!({"StreamARN": arn(&stream), "StreamModeDetails": {"StreamMode": mode}});
    for mode in ["ON_DEMAND", "ON_DEMAND", "PROVISIONED"] {
        aws.done("UpdateStreamMode", set(mode));
        let summary: Value = aws.summary(&stream);
        assert_eq!(
            (&summary["StreamModeDetails"]["StreamMode"], &summary["OpenShardCount"]),
            (&mode.into(), &2.into())
        );
    }
    let absent = json!({"StreamARN": arn("not-there"), "StreamModeDetails": {"StreamMode": "ON_DEMAND"}});
    aws.refuses("UpdateStreamMode", absent, "ResourceNotFoundException", &no_stream("not-there"));
}
