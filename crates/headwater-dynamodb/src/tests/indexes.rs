//! Indexes are added to tables that hold items, and taken away.
use super::*;
use serde_json::json;

/// An UpdateTable that adds an index by `year`, which not every item has.
fn add(name: &str) -> String {
    let create = json!({"IndexName": name, "KeySchema": [{"AttributeName": "year", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"}});
    let definitions = json!([{"AttributeName": "year", "AttributeType": "S"}]);
    let updates = json!([{"Create": create}]);
    json!({"TableName": "music", "AttributeDefinitions": definitions, "GlobalSecondaryIndexUpdates": updates})
        .to_string()
}

fn remove(name: &str) -> String {
    let updates = json!([{"Delete": {"IndexName": name}}]);
    json!({"TableName": "music", "GlobalSecondaryIndexUpdates": updates}).to_string()
}

fn year(year: &str) -> Option<Vec<(&'static str, Value)>> {
    Some(vec![("year", Value::S(year.into()))])
}

/// Status, whether it is being filled, and how many items are in it.
async fn index(house: &House) -> (String, serde_json::Value, serde_json::Value) {
    let index = house.described().await["GlobalSecondaryIndexes"][0].clone();
    (index["IndexStatus"].as_str().unwrap().to_owned(), index["Backfilling"].clone(), index["ItemCount"].clone())
}

#[tokio::test]
async fn an_index_of_a_live_table_holds_the_items_that_were_there() {
    let house = House::with_table().await;
    for at in 0..1100 {
        house.put("a", &at.to_string(), if at % 2 == 0 { year("1999") } else { Some(vec![]) }).await;
    }
    let told = house.call("UpdateTable", &add("by-year")).await.unwrap();
    assert_eq!(told["TableDescription"]["GlobalSecondaryIndexes"][0]["IndexStatus"], "CREATING");
    assert_eq!(index(&house).await, ("ACTIVE".into(), json!(null), json!(550)));
    let query = json!({"TableName": "music", "IndexName": "by-year", "Select": "COUNT",
        "KeyConditionExpression": "#y = :y", "ExpressionAttributeNames": {"#y": "year"},
        "ExpressionAttributeValues": {":y": {"S": "1999"}}});
    assert_eq!(house.call("Query", &query.to_string()).await.unwrap()["Count"], json!(550));
    house.put("a", "1", year("2000")).await;
    house.put("a", "0", None).await;
    house.put("a", "2", None).await;
    assert_eq!(index(&house).await.2, json!(549));
    let house = house.reopened().await;
    assert_eq!(index(&house).await.2, json!(549));
}

#[tokio::test]
async fn writes_during_the_filling_are_counted_once() {
    let settings = DynamoDbSettings { transition_ms: 1, ..DynamoDbSettings::default() };
    let house = House::new(settings).await;
    let duties = tokio::spawn(crate::run_duties(Arc::clone(&house.dynamodb)));
    house.call("CreateTable", MUSIC).await.unwrap();
    super::duties::pass(&house, 1, |house| house.table().check_at_rest().is_ok()).await;
    for song in ["kept", "moved", "gone"] {
        house.put("a", song, year("1999")).await;
    }
    house.call("UpdateTable", &add("by-year")).await.unwrap();
    assert_eq!(index(&house).await, ("CREATING".into(), json!(false), json!(0)), "it waits for the table");
    house.put("a", "moved", year("2000")).await;
    house.put("a", "gone", None).await;
    house.put("a", "new", year("2001")).await;
    let is_filled = |house: &House| house.table().indexes[0].phase == crate::table::IndexPhase::Active;
    super::duties::pass(&house, 1, is_filled).await;
    assert_eq!(index(&house).await, ("ACTIVE".into(), json!(null), json!(3)));
    duties.abort();
}

#[tokio::test]
async fn a_filling_that_a_crash_cut_short_goes_on() {
    let house = House::with_table().await;
    for song in 0..1100 {
        house.put("a", &song.to_string(), year("1999")).await;
    }
    // Asked for where changes take their time, and nobody does the duties: the index stands empty.
    let slow = DynamoDbSettings { transition_ms: 1, ..DynamoDbSettings::default() };
    let house = House { settings: slow, ..house }.reopened().await;
    house.call("UpdateTable", &add("by-year")).await.unwrap();
    let mut items = 0;
    while items < 1100 {
        let duties = tokio::spawn(crate::run_duties(Arc::clone(&house.dynamodb)));
        let count = |house: &House| house.dynamodb.database.count(house.table().id, 1).items;
        super::duties::pass(&house, 1, |house| count(house) > items).await;
        duties.abort();
        items = count(&house);
    }
    let house = house.reopened().await;
    assert_eq!(index(&house).await.2, json!(1100));
}

#[tokio::test]
async fn an_index_goes_with_its_rows_and_its_name_is_free() {
    let house = House::with_table().await;
    house.put("a", "b", year("1999")).await;
    house.call("UpdateTable", &add("by-year")).await.unwrap();
    let twice = house.call("UpdateTable", &add("by-year")).await;
    refused(twice, "ValidationException", "Attempting to create an index which already exists");
    house.call("UpdateTable", &remove("by-year")).await.unwrap();
    assert_eq!(house.described().await.get("GlobalSecondaryIndexes"), None);
    let prefix = crate::database::index_prefix(house.table().id, 1);
    let rows = crate::database::collect(
        &*house.kv,
        crate::database::INDEXES,
        std::ops::Bound::Included(&prefix),
        std::ops::Bound::Unbounded,
        10,
    );
    assert_eq!(rows.unwrap(), vec![]);
    let unknown = house.call("UpdateTable", &remove("by-year")).await;
    refused(unknown, "ResourceNotFoundException", "Requested resource not found");
    house.call("UpdateTable", &add("by-year")).await.unwrap();
    assert_eq!(index(&house).await, ("ACTIVE".into(), json!(null), json!(1)));
}

#[tokio::test]
async fn one_index_is_added_or_removed_at_a_time() {
    let house = House::with_table().await;
    let two = json!({"TableName": "music", "GlobalSecondaryIndexUpdates": [
        {"Delete": {"IndexName": "one"}}, {"Delete": {"IndexName": "two"}}]});
    let sentence = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table";
    refused(house.call("UpdateTable", &two.to_string()).await, "LimitExceededException", sentence);
}
