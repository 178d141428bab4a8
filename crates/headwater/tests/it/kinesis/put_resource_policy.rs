//! PutResourcePolicy, GetResourcePolicy and DeleteResourcePolicy; what they do to callers stands under access.
use serde_json::json;

use crate::{
    kinds::Kind,
    sentences::{arn, not_null},
    server::shared,
};

#[test]
fn serialization_every_kind_of_fault_has_its_sentence() {
    for operation in ["PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy"] {
        shared().refuses_other_kinds(operation, &[("ResourceARN", Kind::Text)]);
    }
}

#[test]
fn validation() {
    let aws = shared();
    aws.violates("PutResourcePolicy", json!({}), &[not_null("resourceARN"), not_null("policy")]);
    let stream = aws.stream(1);
    let message = aws.refuses_as(
        "PutResourcePolicy",
        json!({"ResourceARN": arn(&stream), "Policy": "{\"Statement\": []"}),
        &["InvalidArgumentException"],
    );
    assert!(message.starts_with("Resource policy is not valid: "), "{message}");
}

#[test]
fn function_a_policy_is_given_back_letter_by_letter() {
    let aws = shared();
    let stream = aws.stream(1);
    let get = || aws.ok("GetResourcePolicy", json!({"ResourceARN": arn(&stream)}));
    assert_eq!(get(), json!({"Policy": "{}"}));
    let policy = format!(
        r#"{{ "Statement": {{"Effect": "Allow", "Principal": "*", "Action": "kinesis:GetRecords", "Resource": "{}"}} }}"#,
        arn(&stream)
    );
    aws.done("PutResourcePolicy", json!({"ResourceARN": arn(&stream), "Policy": policy}));
    assert_eq!(get(), json!({"Policy": policy}));
    aws.done("DeleteResourcePolicy", json!({"ResourceARN": arn(&stream)}));
    assert_eq!(get(), json!({"Policy": "{}"}));
}
