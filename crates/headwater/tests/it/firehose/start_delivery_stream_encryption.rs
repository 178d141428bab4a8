//! StartDeliveryStreamEncryption and StopDeliveryStreamEncryption.
use serde_json::json;

use super::{delivery_stream, target, wants_a_name};
use crate::server::shared;

#[test]
fn validation() {
    for operation in ["StartDeliveryStreamEncryption", "StopDeliveryStreamEncryption"] {
        wants_a_name(&shared(), operation, &json!({}));
    }
}

#[test]
fn function_what_is_put_is_encrypted_until_it_is_stopped() {
    let aws = shared();
    let name = delivery_stream(&aws);
    let named = json!({"DeliveryStreamName": name});
    let put = json!({"DeliveryStreamName": name, "Record": {"Data": "YQ=="}});
    for (operation, is_encrypted) in [("StartDeliveryStreamEncryption", true), ("StopDeliveryStreamEncryption", false)]
    {
        assert_eq!(aws.ok(&target(operation), named.clone()), json!({}));
        assert_eq!(aws.ok(&target("PutRecord"), put.clone())["Encrypted"], is_encrypted);
    }
}

#[test]
fn function_a_key_that_is_not_there_is_told_with_the_key_services_word() {
    let aws = shared();
    let name = delivery_stream(&aws);
    let key = "arn:aws:kms:us-east-1:000000000000:key/gone";
    let wanted = json!({"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key});
    let input = json!({"DeliveryStreamName": name, "DeliveryStreamEncryptionConfigurationInput": wanted});
    let (code, body) = aws.error(&target("StartDeliveryStreamEncryption"), &input);
    assert_eq!((code.as_str(), &body["code"]), ("InvalidKMSResourceException", &json!("KMSNotFoundException")));
}
