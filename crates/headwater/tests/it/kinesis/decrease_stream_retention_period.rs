//! DecreaseStreamRetentionPeriod.
use serde_json::json;

use super::common_chapters;
use crate::{
    kinds::Kind,
    sentences::{arn, not_null},
    server::shared,
};

common_chapters!(
    "DecreaseStreamRetentionPeriod",
    [("StreamName", Kind::Text), ("RetentionPeriodHours", Kind::Integer), ("StreamARN", Kind::Text)],
    json!({"RetentionPeriodHours": 48})
);

#[test]
fn validation() {
    let missing = json!({"StreamName": "x"});
    shared().violates("DecreaseStreamRetentionPeriod", missing, &[not_null("retentionPeriodHours")]);
}

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("DecreaseStreamRetentionPeriod", &json!({"RetentionPeriodHours": 48}));
}

#[test]
fn function_a_day_is_the_least() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.refuses(
        "DecreaseStreamRetentionPeriod",
        json!({"StreamName": stream, "RetentionPeriodHours": 23}),
        "InvalidArgumentException",
        "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.",
    );
    let codes = ["InvalidArgumentException", "ValidationException"];
    for hours in [0, -1] {
        aws.refuses_as(
            "DecreaseStreamRetentionPeriod",
            json!({"StreamName": stream, "RetentionPeriodHours": hours}),
            &codes,
        );
    }
    assert_eq!(aws.summary(&stream)["RetentionPeriodHours"], 24);
}

#[test]
fn function_only_downwards_and_the_same_is_fine() {
    let aws = shared();
    let stream = aws.stream(1);
    let operation = "DecreaseStreamRetentionPeriod";
    let message = format!(
        "Requested retention period (25 hours) for stream {stream} can not be longer than existing retention period \
         (24 hours). Use IncreaseRetentionPeriod API."
    );
    let longer = json!({"StreamName": stream, "RetentionPeriodHours": 25});
    aws.refuses(operation, longer, "InvalidArgumentException", &message);
    aws.done("IncreaseStreamRetentionPeriod", json!({"StreamName": stream, "RetentionPeriodHours": 48}));
    aws.done(operation, json!({"StreamName": stream, "RetentionPeriodHours": 48}));
    aws.done(operation, json!({"StreamARN": arn(&stream), "RetentionPeriodHours": 24}));
    assert_eq!(aws.summary(&stream)["RetentionPeriodHours"], 24);
}
