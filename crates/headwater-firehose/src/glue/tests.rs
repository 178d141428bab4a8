//! The catalog through its operations, and what conversion finds in it.
use super::*;
use headwater_log::{clock::ManualClock, memory::MemoryEngine};
use headwater_wire::{Answer, Dialect, Everybody};
use serde_json::{Value, json};

async fn open(engine: Arc<dyn Engine>) -> Arc<Glue> {
    let parts = GlueParts { engine, clock: Arc::new(ManualClock::at(1_500)), access: Arc::new(Everybody) };
    Glue::open(parts).await.unwrap()
}

async fn glue() -> Arc<Glue> {
    open(MemoryEngine::new(Arc::new(ManualClock::at(1)))).await
}

/// Calls an operation as `a` in `r`: its output, or code and sentence of the refusal.
async fn call(glue: &Arc<Glue>, operation: &str, input: Value) -> std::result::Result<Value, (String, String)> {
    let row = operations().into_iter().find(|row| row.name == operation).unwrap();
    let body = bytes::Bytes::from(input.to_string());
    let caller = Caller::root("000000000000", "r", "k");
    match (row.call)(Arc::clone(glue), caller, Dialect::Json11, &body).await {
        Ok(Answer::Whole(output)) => Ok(serde_json::from_slice(&output).unwrap()),
        Ok(Answer::Events(_)) => panic!("a whole answer"),
        Err(error) => Err((error.code.to_owned(), error.message.unwrap_or_default())),
    }
}

fn table(name: &str, columns: &Value) -> Value {
    let input = json!({"Name": name, "StorageDescriptor": {"Columns": columns}, "TableType": "EXTERNAL_TABLE"});
    json!({"DatabaseName": "D", "TableInput": input})
}

fn not_found(message: &str) -> (String, String) {
    ("EntityNotFoundException".into(), message.into())
}

#[tokio::test]
async fn a_table_is_shown_as_it_was_given_and_lasts() {
    let engine: Arc<dyn Engine> = MemoryEngine::new(Arc::new(ManualClock::at(1)));
    let glue = open(Arc::clone(&engine)).await;
    let columns = json!([{"Name": "id", "Type": "int", "Comment": "c"}]);
    call(&glue, "CreateDatabase", json!({"DatabaseInput": {"Name": "D", "Description": "x"}})).await.unwrap();
    call(&glue, "CreateTable", table("T", &columns)).await.unwrap();
    let glue = open(engine).await;
    let shown = call(&glue, "GetTable", json!({"DatabaseName": "d", "Name": "t"})).await.unwrap();
    let shown = &shown["Table"];
    assert_eq!((&shown["Name"], &shown["DatabaseName"], &shown["VersionId"]), (&json!("t"), &json!("d"), &json!("0")));
    assert_eq!((&shown["StorageDescriptor"]["Columns"], &shown["CreateTime"]), (&columns, &json!(1.5)));
    assert_eq!(shown["CatalogId"], "000000000000");
    let database = call(&glue, "GetDatabase", json!({"Name": "d"})).await.unwrap();
    assert_eq!((&database["Database"]["Name"], &database["Database"]["Description"]), (&json!("d"), &json!("x")));
}

#[tokio::test]
async fn each_update_is_a_version_and_conversion_finds_it() {
    let glue = glue().await;
    call(&glue, "CreateDatabase", json!({"DatabaseInput": {"Name": "d"}})).await.unwrap();
    call(&glue, "CreateTable", table("t", &json!([{"Name": "A", "Type": "int"}]))).await.unwrap();
    let mut update = table("t", &json!([{"Name": "b", "Type": "array<string>"}]));
    call(&glue, "UpdateTable", update.clone()).await.unwrap();
    update["VersionId"] = "0".into();
    let stale = call(&glue, "UpdateTable", update).await.unwrap_err();
    assert_eq!(stale.0, "ConcurrentModificationException");
    let of_table = json!({"DatabaseName": "d", "TableName": "t", "MaxResults": 1});
    let page = call(&glue, "GetTableVersions", of_table.clone()).await.unwrap();
    assert_eq!((&page["TableVersions"][0]["VersionId"], &page["NextToken"]), (&json!("1"), &json!("1")));
    let mut next = of_table;
    next["NextToken"] = page["NextToken"].clone();
    let page = call(&glue, "GetTableVersions", next).await.unwrap();
    assert_eq!((&page["TableVersions"][0]["VersionId"], &page["NextToken"]), (&json!("0"), &Value::Null));
    let of_version = json!({"DatabaseName": "d", "TableName": "t", "VersionId": "0"});
    let version = call(&glue, "GetTableVersion", of_version).await.unwrap();
    assert_eq!(version["TableVersion"]["Table"]["StorageDescriptor"]["Columns"][0]["Name"], "A");

    let named = |region: &str, version: Option<&str>| TableReference {
        catalog_id: None,
        database: "D".into(),
        table: "T".into(),
        region: Some(region.into()),
        version_id: version.map(str::to_owned),
        role_arn: String::new(),
    };
    let own = crate::catalog::Scope { account: "000000000000".into(), region: "elsewhere".into() };
    let schema = |version| glue.schema(&own, &named("r", version));
    let parse = |name: &str, kind: &str| TableSchema::parse(&[(name.into(), kind.into())]);
    assert_eq!(schema(None).unwrap(), parse("b", "array<string>").unwrap());
    assert_eq!(schema(Some("0")).unwrap(), parse("a", "int").unwrap());
    assert_eq!(schema(Some("7")).unwrap_err().code, ENTITY_NOT_FOUND);
    assert_eq!(glue.schema(&own, &named("q", None)).unwrap_err().code, ENTITY_NOT_FOUND);
    call(&glue, "UpdateTable", table("t", &json!([{"Name": "u", "Type": "uniontype<int>"}]))).await.unwrap();
    assert_eq!(schema(None).unwrap_err().code, INVALID_SCHEMA);
}

#[tokio::test]
async fn what_is_not_there_or_there_already_is_told() {
    let glue = glue().await;
    let create = json!({"DatabaseInput": {"Name": "d"}});
    let no_database = not_found("Database d not found.");
    for (operation, input) in [
        ("GetDatabase", json!({"Name": "d"})),
        ("DeleteDatabase", json!({"Name": "d"})),
        ("CreateTable", table("t", &json!([]))),
        ("UpdateTable", table("t", &json!([]))),
        ("GetTable", json!({"DatabaseName": "d", "Name": "t"})),
        ("GetTables", json!({"DatabaseName": "d"})),
    ] {
        assert_eq!(call(&glue, operation, input).await, Err(no_database.clone()), "{operation}");
    }
    call(&glue, "CreateDatabase", create.clone()).await.unwrap();
    assert_eq!(call(&glue, "CreateDatabase", create).await.unwrap_err().0, "AlreadyExistsException");
    let of_table = json!({"DatabaseName": "d", "Name": "t"});
    assert_eq!(call(&glue, "GetTable", of_table.clone()).await, Err(not_found("Entity Not Found")));
    assert_eq!(call(&glue, "DeleteTable", of_table.clone()).await, Err(not_found("Table t not found.")));
    call(&glue, "CreateTable", table("t", &json!([]))).await.unwrap();
    let again = call(&glue, "CreateTable", table("T", &json!([]))).await.unwrap_err();
    assert_eq!(again, ("AlreadyExistsException".into(), "Table already exists.".into()));
    call(&glue, "DeleteTable", of_table.clone()).await.unwrap();
    assert!(call(&glue, "GetTable", of_table).await.is_err());
    let nothing = call(&glue, "CreateTable", json!({"DatabaseName": "d"})).await.unwrap_err();
    assert_eq!(nothing.0, "InvalidInputException");
}

#[tokio::test]
async fn lists_come_in_pages_and_by_pattern() {
    let glue = glue().await;
    for name in ["d", "e"] {
        call(&glue, "CreateDatabase", json!({"DatabaseInput": {"Name": name}})).await.unwrap();
    }
    for name in ["a1", "a2", "b1"] {
        call(&glue, "CreateTable", table(name, &json!([]))).await.unwrap();
    }
    let names = |page: &Value, list: &str| -> Vec<String> {
        page[list].as_array().unwrap().iter().map(|item| item["Name"].as_str().unwrap().to_owned()).collect()
    };
    let page = call(&glue, "GetDatabases", json!({"MaxResults": 1})).await.unwrap();
    assert_eq!((names(&page, "DatabaseList"), &page["NextToken"]), (vec!["d".into()], &json!("d")));
    let page = call(&glue, "GetDatabases", json!({"NextToken": "d"})).await.unwrap();
    assert_eq!((names(&page, "DatabaseList"), &page["NextToken"]), (vec!["e".into()], &Value::Null));
    let asked = json!({"DatabaseName": "d", "Expression": "a*", "AttributesToGet": ["NAME"]});
    let page = call(&glue, "GetTables", asked).await.unwrap();
    assert_eq!(names(&page, "TableList"), ["a1", "a2"]);
    assert_eq!(page["TableList"][0]["TableType"], Value::Null);
    let asked = json!({"DatabaseName": "d", "MaxResults": 2, "NextToken": "a1"});
    assert_eq!(names(&call(&glue, "GetTables", asked).await.unwrap(), "TableList"), ["a2", "b1"]);
}
