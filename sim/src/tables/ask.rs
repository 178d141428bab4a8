//! What is asked of DynamoDB, and what its answers say.
use super::{Saw, View};
use crate::ask;
use headwater_dynamodb::DynamoDb;
use headwater_wire::{AttributeValue, Dialect, ErrorKind, ErrorMembers, Row, ServiceError};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

const TABLE: &str = "table";

static ROWS: LazyLock<Vec<Row<DynamoDb>>> = LazyLock::new(headwater_dynamodb::operations);

/// What an operation answers.
async fn ask(dynamodb: &Arc<DynamoDb>, operation: &str, input: Value) -> Result<Value, ServiceError> {
    ask::ask(&ROWS, dynamodb, Dialect::Json10, operation, input).await
}

pub(super) async fn make(dynamodb: &Arc<DynamoDb>) -> Result<(), ErrorKind> {
    let input = json!({
        "TableName": TABLE,
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "N"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    });
    ask(dynamodb, "CreateTable", input).await.map(drop).map_err(|error| error.kind)
}

fn key_of(key: u64) -> Value {
    json!({"k": {"N": key.to_string()}})
}

fn values(id: u64) -> Value {
    json!({":id": {"N": id.to_string()}, ":odd": {"BOOL": id % 2 == 1}})
}

/// The number that an item holds; 0 if there is none.
fn id_of(item: &Value) -> u64 {
    item["v"]["N"].as_str().and_then(|id| id.parse().ok()).unwrap_or(0)
}

/// Writes a number; bound, only where no odd one is.
pub(super) async fn write(dynamodb: &Arc<DynamoDb>, id: u64, key: u64, is_bound: bool, since: BTreeSet<u64>) -> Saw {
    let mut input = json!({
        "TableName": TABLE,
        "Key": key_of(key),
        "UpdateExpression": "SET v = :id, odd = :odd",
        "ExpressionAttributeValues": values(id),
        "ReturnValues": "ALL_OLD",
    });
    if is_bound {
        input["ConditionExpression"] = json!("NOT odd = :true");
        input["ExpressionAttributeValues"][":true"] = json!({"BOOL": true});
        input["ReturnValuesOnConditionCheckFailure"] = json!("ALL_OLD");
    }
    match ask(dynamodb, "UpdateItem", input).await {
        Ok(output) => Saw::Written { id, outcome: Ok(Some(id_of(&output["Attributes"]))) },
        Err(error) if error.code == "ConditionalCheckFailedException" => match error.members.as_deref() {
            Some(ErrorMembers::Item(item)) => match item.get("v") {
                Some(AttributeValue::N(held)) => {
                    Saw::Seen { key, held: held.parse().unwrap_or(u64::MAX), since, refused: Some(id) }
                }
                _ => Saw::Nothing,
            },
            _ => Saw::Nothing,
        },
        Err(error) => Saw::Written { id, outcome: Err(error.kind) },
    }
}

pub(super) async fn transact(dynamodb: &Arc<DynamoDb>, id: u64, keys: &[u64]) -> Result<Option<u64>, ErrorKind> {
    let update = |key: &u64| {
        json!({"Update": {
            "TableName": TABLE,
            "Key": key_of(*key),
            "UpdateExpression": "SET v = :id, odd = :odd",
            "ExpressionAttributeValues": values(id),
        }})
    };
    let items: Vec<Value> = keys.iter().map(update).collect();
    let input = json!({"TransactItems": items, "ClientRequestToken": format!("token-{id}")});
    ask(dynamodb, "TransactWriteItems", input).await.map(|_| None).map_err(|error| error.kind)
}

pub(super) async fn get(dynamodb: &Arc<DynamoDb>, key: u64, is_strong: bool) -> Result<u64, ServiceError> {
    let input = json!({"TableName": TABLE, "Key": key_of(key), "ConsistentRead": is_strong});
    Ok(id_of(&ask(dynamodb, "GetItem", input).await?["Item"]))
}

/// All items, and all of the stream.
pub(super) async fn look_at(dynamodb: &Arc<DynamoDb>) -> Result<View, ServiceError> {
    let mut view = View::default();
    let number = |item: &Value| item["k"]["N"].as_str().and_then(|key| key.parse().ok()).unwrap_or(u64::MAX);
    let scanned = ask(dynamodb, "Scan", json!({"TableName": TABLE, "ConsistentRead": true})).await?;
    for item in scanned["Items"].as_array().into_iter().flatten() {
        view.items.insert(number(item), id_of(item));
    }
    let table = ask(dynamodb, "DescribeTable", json!({"TableName": TABLE})).await?;
    let arn = table["Table"]["LatestStreamArn"].clone();
    let stream = ask(dynamodb, "DescribeStream", json!({"StreamArn": arn})).await?;
    for shard in stream["StreamDescription"]["Shards"].as_array().into_iter().flatten() {
        let input = json!({"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"});
        let mut iterator = ask(dynamodb, "GetShardIterator", input).await?["ShardIterator"].take();
        while !iterator.is_null() {
            let mut page = ask(dynamodb, "GetRecords", json!({"ShardIterator": iterator, "Limit": 10})).await?;
            let records = page["Records"].as_array().cloned().unwrap_or_default();
            if records.is_empty() {
                break;
            }
            for record in records {
                let change = &record["dynamodb"];
                let number_of = change["SequenceNumber"].as_str().unwrap_or_default().to_owned();
                view.changes.push((
                    number_of,
                    number(&change["Keys"]),
                    id_of(&change["OldImage"]),
                    id_of(&change["NewImage"]),
                ));
            }
            iterator = page["NextShardIterator"].take();
        }
    }
    Ok(view)
}
