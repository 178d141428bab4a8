//! DeleteItem.
use serde_json::json;

use super::refuses;
use crate::server::shared;

#[test]
fn only_the_old_item_can_be_returned() {
    let aws = shared();
    let (table, _) = aws.streaming_table("KEYS_ONLY");
    for wanted in ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"] {
        let input = json!({"TableName": table, "Key": {"k": {"S": "a"}}, "ReturnValues": wanted});
        refuses(&aws, "DeleteItem", input, "ReturnValues can only be ALL_OLD or NONE");
    }
}
