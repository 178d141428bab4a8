//! Query.
use serde_json::json;

use super::refuses;
use crate::server::shared;

#[test]
fn a_selection_and_a_list_of_attributes_exclude_each_other() {
    let aws = shared();
    let (table, _) = aws.streaming_table("KEYS_ONLY");
    let choices = [("COUNT", "only the Count"), ("ALL_ATTRIBUTES", "ALL_ATTRIBUTES")];
    for (select, told) in choices {
        let input = json!({"TableName": table, "Select": select, "AttributesToGet": ["v"]});
        refuses(&aws, "Query", input, &format!("Cannot specify the AttributesToGet when choosing to get {told}"));
    }
}

#[test]
fn only_an_index_has_projected_attributes() {
    let aws = shared();
    let (table, _) = aws.streaming_table("KEYS_ONLY");
    let input = json!({"TableName": table, "Select": "ALL_PROJECTED_ATTRIBUTES"});
    refuses(&aws, "Query", input, "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName");
}
