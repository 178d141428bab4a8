//! IncreaseStreamRetentionPeriod.
use serde_json::json;

use super::common_chapters;
use crate::{
    kinds::Kind,
    sentences::{arn, not_null},
    server::shared,
};

common_chapters!(
    "IncreaseStreamRetentionPeriod",
    [("StreamName", Kind::Text), ("RetentionPeriodHours", Kind::Integer), ("StreamARN", Kind::Text)],
    json!({"RetentionPeriodHours": 48})
);

#[test]
fn validation() {
    let missing = json!({"StreamName": "x"});
    shared().violates("IncreaseStreamRetentionPeriod", missing, &[not_null("retentionPeriodHours")]);
}

#[test]
fn function_a_stream_that_is_not_there() {
    shared().misses_the_stream("IncreaseStreamRetentionPeriod", &json!({"RetentionPeriodHours": 48}));
}

#[test]
fn function_a_day_is_the_least() {
    let aws = shared();
    let stream = aws.stream(1);
    aws.refuses(
        "IncreaseStreamRetentionPeriod",
        json!({"StreamName": stream, "RetentionPeriodHours": 23}),
        "InvalidArgumentException",
        "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.",
    );
    let codes = ["InvalidArgumentException", "ValidationException"];
    for hours in [0, -1] {
        aws.refuses_as(
            "IncreaseStreamRetentionPeriod",
            json!({"StreamName": stream, "RetentionPeriodHours": hours}),
            &codes,
        );
    }
    assert_eq!(aws.summary(&stream)["RetentionPeriodHours"], 24);
}

#[test]
fn function_a_year_is_the_most() {
    let aws = shared();
    let stream = aws.stream(1);
    let codes = ["InvalidArgumentException", "ValidationException"];
    let hours = |hours: u32| json!({"StreamName": stream, "RetentionPeriodHours": hours});
    aws.refuses_as("IncreaseStreamRetentionPeriod", hours(8761), &codes);
    aws.done("IncreaseStreamRetentionPeriod", hours(8760));
    assert_eq!(aws.summary(&stream)["RetentionPeriodHours"], 8760);
}

#[test]
fn function_only_upwards_and_the_same_is_fine() {
    let aws = shared();
    let stream = aws.stream(1);
    let operation = "IncreaseStreamRetentionPeriod";
    aws.done(operation, json!({"StreamName": stream, "RetentionPeriodHours": 24}));
    aws.done(operation, json!({"StreamARN": arn(&stream), "RetentionPeriodHours": 25}));
    aws.done(operation, json!({"StreamName": stream, "RetentionPeriodHours": 25}));
    let message = format!(
        "Requested retention period (24 hours) for stream {stream} can not be shorter than existing retention period \
         (25 hours). Use DecreaseRetentionPeriod API."
    );
    let shorter = json!({"StreamName": stream, "RetentionPeriodHours": 24});
    aws.refuses(operation, shorter, "InvalidArgumentException", &message);
    let description = aws.ok("DescribeStream", json!({"StreamName": stream}));
    assert_eq!(description["StreamDescription"]["RetentionPeriodHours"], 25);
}
