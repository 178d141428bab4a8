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
