//! Provisioned throughput under AWS's limits, as a client meets it.
use super::{DynamoDbSettings, House, refused};
use serde_json::json;

const ONE_UNIT: &str = r#"{"TableName":"small","KeySchema":[{"AttributeName":"k","KeyType":"HASH"}],
    "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],
    "ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}"#;
const PUT: &str = r#"{"TableName":"small","Item":{"k":{"S":"a"}}}"#;
const GET: &str = r#"{"TableName":"small","Key":{"k":{"S":"a"}},"ConsistentRead":true}"#;
const TOO_MUCH: &str = "The level of configured provisioned throughput for the table was exceeded. Consider increasing \
                        your provisioning level with the UpdateTable API.";

#[tokio::test]
async fn a_table_takes_what_is_provisioned_each_second_and_no_more() {
    let house = House::new(DynamoDbSettings { rate_limits: true, ..DynamoDbSettings::default() }).await;
    house.call("CreateTable", ONE_UNIT).await.unwrap();
    for _ in 0..3 {
        house.call("PutItem", PUT).await.unwrap();
        let again = house.call("PutItem", PUT).await;
        refused(again, "ProvisionedThroughputExceededException", TOO_MUCH);
        let batch = json!({"RequestItems": {"small": [{"PutRequest": {"Item": {"k": {"S": "b"}}}}]}});
        assert!(house.call("BatchWriteItem", &batch.to_string()).await.is_err());
        house.call("GetItem", GET).await.unwrap();
        refused(house.call("GetItem", GET).await, "ProvisionedThroughputExceededException", TOO_MUCH);
        house.clock.advance(1_000);
    }
}

#[tokio::test]
async fn without_aws_limits_throughput_is_told_and_not_enforced() {
    let house = House::new(DynamoDbSettings::default()).await;
    house.call("CreateTable", ONE_UNIT).await.unwrap();
    for _ in 0..10 {
        house.call("PutItem", PUT).await.unwrap();
    }
}

#[tokio::test]
async fn statements_are_metered_as_the_operations_they_stand_for() {
    let house = House::new(DynamoDbSettings { rate_limits: true, ..DynamoDbSettings::default() }).await;
    house.call("CreateTable", ONE_UNIT).await.unwrap();
    let cancelled = "Transaction cancelled, please refer cancellation reasons for specific reasons \
                     [ProvisionedThroughputExceeded]";
    for text in ["INSERT INTO small VALUE {'k': 'a'}", "SELECT * FROM small WHERE k = 'a'"] {
        let one = json!({"Statement": text, "ConsistentRead": true});
        house.call("ExecuteStatement", &one.to_string()).await.unwrap();
        let again = house.call("ExecuteStatement", &one.to_string()).await;
        refused(again, "ProvisionedThroughputExceededException", TOO_MUCH);
        let batch = json!({"Statements": [one]});
        let told = house.call("BatchExecuteStatement", &batch.to_string()).await.unwrap();
        let error = json!({"Code": "ProvisionedThroughputExceeded", "Message": TOO_MUCH});
        assert_eq!(told["Responses"], json!([{"Error": error}]));
        let transaction = json!({"TransactStatements": [{"Statement": text}]});
        let told = house.call("ExecuteTransaction", &transaction.to_string()).await;
        refused(told, "TransactionCanceledException", cancelled);
    }
    let write = json!({"TransactItems": [{"Put": {"TableName": "small", "Item": {"k": {"S": "a"}}}}]});
    refused(house.call("TransactWriteItems", &write.to_string()).await, "TransactionCanceledException", cancelled);
    let read = json!({"TransactItems": [{"Get": {"TableName": "small", "Key": {"k": {"S": "a"}}}}]});
    refused(house.call("TransactGetItems", &read.to_string()).await, "TransactionCanceledException", cancelled);
}

#[tokio::test]
async fn a_batch_hands_back_what_nothing_is_left_for() {
    let house = House::new(DynamoDbSettings { rate_limits: true, ..DynamoDbSettings::default() }).await;
    house.call("CreateTable", ONE_UNIT).await.unwrap();
    house.call("PutItem", PUT).await.unwrap();
    house.clock.advance(3_000);
    let puts: Vec<_> = (0..5).map(|at| json!({"PutRequest": {"Item": {"k": {"S": at.to_string()}}}})).collect();
    let batch = json!({"RequestItems": {"small": puts}, "ReturnConsumedCapacity": "TOTAL"}).to_string();
    let told = house.call("BatchWriteItem", &batch).await.unwrap();
    assert_eq!(told["UnprocessedItems"], json!({"small": puts[3..]}));
    assert_eq!(told["ConsumedCapacity"][0]["CapacityUnits"], json!(3));
    refused(house.call("BatchWriteItem", &batch).await, "ProvisionedThroughputExceededException", TOO_MUCH);
    let keys: Vec<_> = (0..5).map(|at| json!({"k": {"S": at.to_string()}})).collect();
    let batch = json!({"RequestItems": {"small": {"Keys": keys, "ConsistentRead": true}}}).to_string();
    let told = house.call("BatchGetItem", &batch).await.unwrap();
    assert_eq!(told["Responses"]["small"], json!([keys[0]]));
    assert_eq!(told["UnprocessedKeys"]["small"]["Keys"], json!(keys[1..]));
    refused(house.call("BatchGetItem", &batch).await, "ProvisionedThroughputExceededException", TOO_MUCH);
}
