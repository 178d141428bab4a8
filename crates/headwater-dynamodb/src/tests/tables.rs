//! Tables come to be, are described, listed, changed and deleted.
use super::*;
use serde_json::json;

const VALIDATION: &str = "ValidationException";

#[tokio::test]
async fn a_new_table_can_be_used_at_once_and_says_all_of_itself() {
    let house = House::with_table().await;
    let table = house.described().await;
    assert_eq!(table["TableStatus"], "ACTIVE");
    assert_eq!(table["TableArn"], "arn:aws:dynamodb:us-east-1:000000000000:table/music");
    assert_eq!(table["CreationDateTime"], json!(1_795_260_153.444));
    assert_eq!(table["TableId"].as_str().unwrap().len(), 36);
    assert_eq!(table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST");
    let units = json!({"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0});
    assert_eq!(table["ProvisionedThroughput"], units);
    let warm = json!({"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000, "Status": "ACTIVE"});
    assert_eq!(table["WarmThroughput"], warm);
    assert_eq!(table["KeySchema"][1], json!({"AttributeName": "song", "KeyType": "RANGE"}));
    assert_eq!((&table["ItemCount"], &table["DeletionProtectionEnabled"]), (&json!(0), &json!(false)));
    assert_eq!(table.get("StreamSpecification"), None);
    house.put("a", "b", Some(vec![])).await;
    assert_eq!(
        (&house.described().await["ItemCount"], &house.described().await["TableSizeBytes"]),
        (&json!(1), &json!(12))
    );
}

#[tokio::test]
async fn a_table_is_found_by_name_and_by_arn_and_there_is_one_of_a_name() {
    let house = House::with_table().await;
    refused(house.call("CreateTable", MUSIC).await, "ResourceInUseException", "Table already exists: music");
    let arn = r#"{"TableName":"arn:aws:dynamodb:us-east-1:000000000000:table/music"}"#;
    assert_eq!(house.call("DescribeTable", arn).await.unwrap()["Table"]["TableName"], "music");
    let unknown = "Requested resource not found: Table: else not found";
    for operation in ["DescribeTable", "DeleteTable", "DescribeTimeToLive"] {
        refused(house.call(operation, r#"{"TableName":"else"}"#).await, "ResourceNotFoundException", unknown);
    }
    let backups = house.call("DescribeContinuousBackups", r#"{"TableName":"else"}"#).await;
    refused(backups, "TableNotFoundException", "Table not found: else");
}

#[tokio::test]
async fn what_is_wrong_with_a_new_table_is_told_in_the_services_words() {
    let house = House::new(DynamoDbSettings::default()).await;
    let index = |name: &str| {
        json!({"IndexName": name, "KeySchema": [{"AttributeName": "song", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"}})
    };
    let local = |hash: &str, range: &str| {
        json!([{"IndexName": "loc", "Projection": {"ProjectionType": "ALL"}, "KeySchema": [
            {"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]}])
    };
    let units = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 1});
    let many: Vec<_> = (0..21).map(|at| index(&format!("index{at}"))).collect();
    let mut partial = index("abc");
    partial["Projection"] = json!({"ProjectionType": "ALL", "NonKeyAttributes": ["x"]});
    let mut silent = index("abc");
    silent["Projection"] = json!({});
    let mut provisioned = index("abc");
    provisioned["ProvisionedThroughput"] = units.clone();
    let lone = json!([{"AttributeName": "artist", "AttributeType": "S"}]);
    let three = json!([{"AttributeName": "artist", "AttributeType": "S"}, {"AttributeName": "song", "AttributeType": "S"},
        {"AttributeName": "year", "AttributeType": "N"}]);
    let cases = [
        (
            json!({"ProvisionedThroughput": units}),
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            json!({"BillingMode": "PROVISIONED"}),
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        ),
        (
            json!({"AttributeDefinitions": lone}),
            "Some index key attributes are not defined in AttributeDefinitions. Keys: [artist, song], AttributeDefinitions: [artist]",
        ),
        (
            json!({"AttributeDefinitions": three}),
            "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
        ),
        (
            json!({"AttributeDefinitions": three, "GlobalSecondaryIndexes": [index("abc")]}),
            "Some AttributeDefinitions are not used. AttributeDefinitions: [artist, song, year], keys used: [artist, song]",
        ),
        (json!({"GlobalSecondaryIndexes": []}), "List of GlobalSecondaryIndexes is empty"),
        (json!({"GlobalSecondaryIndexes": [index("abc"), index("abc")]}), "Duplicate index name: abc"),
        (json!({"GlobalSecondaryIndexes": many}), "GlobalSecondaryIndex count exceeds the per-table limit of 20"),
        (json!({"GlobalSecondaryIndexes": [partial]}), "ProjectionType is ALL, but NonKeyAttributes is specified"),
        (json!({"GlobalSecondaryIndexes": [silent]}), "Unknown ProjectionType: null"),
        (
            json!({"GlobalSecondaryIndexes": [provisioned]}),
            "ProvisionedThroughput should not be specified for index: abc when BillingMode is PAY_PER_REQUEST",
        ),
        (
            json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units, "GlobalSecondaryIndexes": [index("abc")]}),
            "ProvisionedThroughput is not specified for index: abc",
        ),
        (
            json!({"LocalSecondaryIndexes": local("song", "artist")}),
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: loc. index hash key: song, table hash key: artist",
        ),
        (
            json!({"KeySchema": [{"AttributeName": "artist", "KeyType": "HASH"}], "LocalSecondaryIndexes": local("artist", "song")}),
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
        ),
        (json!({"VectorIndexes": []}), "VectorIndexes is not supported"),
    ];
    for (members, sentence) in cases {
        let whole = format!("One or more parameter values were invalid: {sentence}");
        refused(house.call("CreateTable", &music(&members)).await, VALIDATION, &whole);
    }
}

#[tokio::test]
async fn a_table_needs_a_key() {
    let house = House::new(DynamoDbSettings::default()).await;
    let missing = "2 validation errors detected: Value null at 'attributeDefinitions' failed to satisfy constraint: \
                   Member must not be null; Value null at 'keySchema' failed to satisfy constraint: Member must not be \
                   null";
    refused(house.call("CreateTable", r#"{"TableName":"music"}"#).await, VALIDATION, missing);
}

#[tokio::test]
async fn names_are_listed_in_order_page_by_page() {
    let house = House::new(DynamoDbSettings::default()).await;
    for name in ["bbb", "aaa", "ccc"] {
        house.call("CreateTable", &music(&json!({"TableName": name}))).await.unwrap();
    }
    let page = house.call("ListTables", r#"{"Limit":2}"#).await.unwrap();
    assert_eq!(page, json!({"TableNames": ["aaa", "bbb"], "LastEvaluatedTableName": "bbb"}));
    let page = house.call("ListTables", r#"{"Limit":2,"ExclusiveStartTableName":"bba"}"#).await.unwrap();
    assert_eq!(page, json!({"TableNames": ["bbb", "ccc"]}));
}

#[tokio::test]
async fn a_protected_table_is_not_deleted_and_a_deleted_name_is_free() {
    let house = House::new(DynamoDbSettings::default()).await;
    house.call("CreateTable", &music(&json!({"DeletionProtectionEnabled": true}))).await.unwrap();
    let protected = "Resource cannot be deleted as it is currently protected against deletion. Disable deletion \
                     protection first.";
    refused(house.call("DeleteTable", r#"{"TableName":"music"}"#).await, VALIDATION, protected);
    let update = r#"{"TableName":"music","DeletionProtectionEnabled":false}"#;
    house.call("UpdateTable", update).await.unwrap();
    let deleted = house.call("DeleteTable", r#"{"TableName":"music"}"#).await.unwrap();
    assert_eq!(deleted["TableDescription"]["TableStatus"], "DELETING");
    let house = house.reopened().await;
    assert_eq!(house.call("ListTables", "{}").await.unwrap(), json!({"TableNames": []}));
    house.call("CreateTable", MUSIC).await.unwrap();
    let house = house.reopened().await;
    assert_eq!(house.call("ListTables", "{}").await.unwrap(), json!({"TableNames": ["music"]}));
}

#[tokio::test]
async fn throughput_changes_and_equal_throughput_is_refused() {
    let house = House::with_table().await;
    let update = |members: serde_json::Value| {
        let mut whole = members;
        whole["TableName"] = "music".into();
        whole.to_string()
    };
    let units = |read: i64| json!({"ReadCapacityUnits": read, "WriteCapacityUnits": 2});
    let nothing = "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, \
                   GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, \
                   ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, \
                   WarmThroughput or TableClass is required";
    refused(house.call("UpdateTable", &update(json!({}))).await, VALIDATION, nothing);
    let whole = update(json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": units(5)}));
    house.call("UpdateTable", &whole).await.unwrap();
    house.call("UpdateTable", &update(json!({"ProvisionedThroughput": units(3)}))).await.unwrap();
    let told = house.described().await["ProvisionedThroughput"].clone();
    assert_eq!((&told["ReadCapacityUnits"], &told["NumberOfDecreasesToday"]), (&json!(3), &json!(1)));
    assert_eq!(told["LastDecreaseDateTime"], json!(1_795_260_153.444));
    let outcome = house.call("UpdateTable", &update(json!({"ProvisionedThroughput": units(3)}))).await;
    let sentence = outcome.unwrap_err().message.unwrap();
    assert!(sentence.starts_with("The provisioned throughput for the table will not change."), "{sentence}");
}

#[tokio::test]
async fn a_stream_is_switched_on_once_and_off_once() {
    let house = House::with_table().await;
    let switch = |on: bool| {
        let view = if on { r#","StreamViewType":"NEW_IMAGE""# } else { "" };
        format!(r#"{{"TableName":"music","StreamSpecification":{{"StreamEnabled":{on}{view}}}}}"#)
    };
    let absent = "Table has no stream to disable: TableName: music";
    refused(house.call("UpdateTable", &switch(false)).await, VALIDATION, absent);
    let on = house.call("UpdateTable", &switch(true)).await.unwrap()["TableDescription"].clone();
    assert_eq!(on["StreamSpecification"], json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}));
    assert_eq!(on["LatestStreamLabel"], "2026-11-21T11:22:33.444");
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/music/stream/2026-11-21T11:22:33.444";
    assert_eq!(on["LatestStreamArn"], arn);
    let enabled = "Table already has an enabled stream: TableName: music";
    refused(house.call("UpdateTable", &switch(true)).await, VALIDATION, enabled);
    house.put("a", "b", Some(vec![])).await;
    house.call("UpdateTable", &switch(false)).await.unwrap();
    let off = house.described().await;
    assert_eq!((off.get("StreamSpecification"), &off["LatestStreamArn"]), (None, &json!(arn)));
    let shard = house.table().streams[0].shards[0].clone();
    assert_eq!(shard.end, Some(shard.first + 2), "itself and the put");
}

#[tokio::test]
async fn tags_are_set_listed_and_taken_away() {
    let house = House::with_table().await;
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/music";
    let body = |members: serde_json::Value, arn: &str| {
        let mut whole = members;
        whole["ResourceArn"] = arn.into();
        whole.to_string()
    };
    let tags = json!({"Tags": [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]});
    house.call("TagResource", &body(tags, arn)).await.unwrap();
    house.call("UntagResource", &body(json!({"TagKeys": ["b", "c"]}), arn)).await.unwrap();
    let listed = house.call("ListTagsOfResource", &body(json!({}), arn)).await.unwrap();
    assert_eq!(listed, json!({"Tags": [{"Key": "a", "Value": "1"}]}));
    let none = house.call("TagResource", &body(json!({"Tags": []}), arn)).await;
    refused(none, VALIDATION, "Atleast one Tag needs to be provided as Input.");
    let odd = house.call("ListTagsOfResource", &body(json!({}), "music")).await;
    refused(odd, VALIDATION, "One or more parameter values were invalid: ARNs must start with 'arn:': music");
    let other = house.call("ListTagsOfResource", &body(json!({}), &format!("{arn}s"))).await;
    let unknown = format!("Requested resource not found: ResourcArn: {arn}s not found");
    refused(other, "ResourceNotFoundException", &unknown);
}

#[tokio::test]
async fn so_many_tables_are_on_their_way_at_once_and_no_more() {
    let house = House::new(DynamoDbSettings { transition_ms: 1_000, ..DynamoDbSettings::default() }).await;
    let index = json!([{"IndexName": "abc", "KeySchema": [{"AttributeName": "song", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"}}]);
    let indexed = |at: usize| music(&json!({"TableName": format!("indexed{at}"), "GlobalSecondaryIndexes": index}));
    let plain = |at: usize| music(&json!({"TableName": format!("plain{at}")}));
    for at in 0..250 {
        house.call("CreateTable", &indexed(at)).await.unwrap();
    }
    let sentence = "Subscriber limit exceeded: You have exceeded the maximum number of indexed tables that can be \
                    created simultaneously";
    refused(house.call("CreateTable", &indexed(250)).await, "LimitExceededException", sentence);
    for at in 0..250 {
        house.call("CreateTable", &plain(at)).await.unwrap();
    }
    let sentence = "Subscriber limit exceeded: Only 500 tables can be created, updated, or deleted simultaneously";
    refused(house.call("CreateTable", &plain(250)).await, "LimitExceededException", sentence);
    let again = house.call("DeleteTable", r#"{"TableName":"plain0"}"#).await;
    let sentence = "Attempt to change a resource which is still in use: Table is being created: plain0";
    refused(again, "ResourceInUseException", sentence);
}
