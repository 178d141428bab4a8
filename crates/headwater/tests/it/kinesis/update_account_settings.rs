//! UpdateAccountSettings, DescribeAccountSettings and UpdateStreamWarmThroughput.
use serde_json::json;

use crate::{
    sentences::{more, not_null, one_of},
    server::{Server, shared},
};

#[test]
fn validation() {
    let aws = shared();
    aws.violates("UpdateAccountSettings", json!({}), &[not_null("minimumThroughputBillingCommitment")]);
    aws.violates(
        "UpdateAccountSettings",
        json!({"MinimumThroughputBillingCommitment": {"Status": "X"}}),
        &[one_of("X", "minimumThroughputBillingCommitment.status", "ENABLED, DISABLED")],
    );
    aws.violates("UpdateStreamWarmThroughput", json!({"StreamName": "s"}), &[not_null("warmThroughputMiBps")]);
    aws.violates(
        "UpdateStreamWarmThroughput",
        json!({"StreamName": "s", "WarmThroughputMiBps": -1}),
        &[more(-1, "warmThroughputMiBps", 0)],
    );
}

#[test]
fn function_a_commitment_lets_streams_be_warm() {
    let aws = Server::start(&[]);
    let held = || aws.ok("DescribeAccountSettings", json!({}))["MinimumThroughputBillingCommitment"].clone();
    assert_eq!(held(), json!({"Status": "DISABLED"}));
    let warm = json!({"StreamName": "s", "WarmThroughputMiBps": 6});
    aws.done("CreateStream", json!({"StreamName": "s"}));
    let off = "WarmThroughputMiBps requires MinimumThroughputBillingCommitment to be enabled for the account.";
    aws.refuses("UpdateStreamWarmThroughput", warm.clone(), "ValidationException", off);
    let told = aws.ok("UpdateAccountSettings", json!({"MinimumThroughputBillingCommitment": {"Status": "ENABLED"}}));
    assert_eq!(told["MinimumThroughputBillingCommitment"], held());
    assert_eq!(held()["Status"], "ENABLED");
    let told = aws.ok("UpdateStreamWarmThroughput", warm);
    assert_eq!(told["WarmThroughput"], json!({"TargetMiBps": 6, "CurrentMiBps": 6}));
    crate::calls::until("the stream has grown", || aws.summary("s")["OpenShardCount"] == 6);
}
