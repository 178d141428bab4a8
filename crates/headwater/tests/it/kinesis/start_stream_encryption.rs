//! StartStreamEncryption and StopStreamEncryption.
use serde_json::{Value, json};

use super::common_chapters;
use crate::{
    kinds::Kind,
    sentences::{not_null, one_of},
    server::shared,
};

common_chapters!(
    "StartStreamEncryption",
    [("StreamName", Kind::Text), ("EncryptionType", Kind::Text), ("KeyId", Kind::Text), ("StreamARN", Kind::Text)],
    json!({"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"})
);

#[test]
fn validation() {
    for operation in ["StartStreamEncryption", "StopStreamEncryption"] {
        let aws = shared();
        let nothing = json!({"StreamName": "s"});
        aws.violates(operation, nothing, &[not_null("encryptionType"), not_null("keyId")]);
        let other = json!({"StreamName": "s", "EncryptionType": "X", "KeyId": "k"});
        aws.violates(operation, other, &[one_of("X", "encryptionType", "NONE, KMS")]);
        aws.misses_the_stream(operation, &json!({"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}));
    }
}

#[test]
fn function_replies_say_kms_while_it_is_on_and_nothing_else() {
    let aws = shared();
    let stream = aws.stream(1);
    let with = |key: &str| json!({"StreamName": stream, "EncryptionType": "KMS", "KeyId": key});
    assert_eq!(aws.put(&stream, "k", "plain").get("EncryptionType"), None);
    aws.done("StartStreamEncryption", with("alias/aws/kinesis"));
    let summary = aws.summary(&stream);
    assert_eq!((&summary["EncryptionType"], &summary["KeyId"]), (&json!("KMS"), &json!("alias/aws/kinesis")));
    assert_eq!(aws.put(&stream, "k", "secret")["EncryptionType"], "KMS");
    let entry = json!({"PartitionKey": "k", "Data": "ZA=="});
    assert_eq!(aws.ok("PutRecords", json!({"StreamName": stream, "Records": [entry]}))["EncryptionType"], "KMS");
    aws.done("StopStreamEncryption", with("alias/aws/kinesis"));
    assert_eq!(aws.summary(&stream)["EncryptionType"], "NONE");
    let records = aws.drain(aws.iterator(&stream, "shardId-000000000000", "TRIM_HORIZON"));
    let types: Vec<Option<&Value>> = records.iter().map(|record| record.get("EncryptionType")).collect();
    assert_eq!(types, [None, Some(&json!("KMS")), Some(&json!("KMS"))]);
}

#[test]
fn function_a_key_that_is_not_there() {
    let aws = shared();
    let stream = aws.stream(1);
    let input = json!({"StreamName": stream, "EncryptionType": "KMS", "KeyId": "alias/none"});
    let message = "Alias arn:aws:kms:us-east-1:000000000000:alias/none is not found.";
    aws.refuses("StartStreamEncryption", input, "KMSNotFoundException", message);
}
