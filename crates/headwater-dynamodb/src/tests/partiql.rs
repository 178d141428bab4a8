//! Statements, as clients send them.
use super::*;
use serde_json::{Value as Json, json};

/// A house whose `music` holds three songs of `a` and one of `b`, with a global index by `year`.
async fn house() -> House {
    let house = House::new(DynamoDbSettings::default()).await;
    let index = json!({"IndexName": "by-year", "KeySchema": [{"AttributeName": "year", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"}});
    let definitions = json!([{"AttributeName": "artist", "AttributeType": "S"},
        {"AttributeName": "song", "AttributeType": "S"}, {"AttributeName": "year", "AttributeType": "N"}]);
    let table = music(&json!({"GlobalSecondaryIndexes": [index], "AttributeDefinitions": definitions}));
    house.call("CreateTable", &table).await.unwrap();
    for (artist, song, year) in [("a", "1", 1999), ("a", "2", 2000), ("a", "3", 2000), ("b", "1", 1999)] {
        let text = format!(
            "INSERT INTO music VALUE {{'artist': '{artist}', 'song': '{song}', 'year': {year}, 'tags': ['x', {{'deep': <<1>>}}]}}"
        );
        assert_eq!(execute(&house, &text, json!([])).await.unwrap(), json!([]));
    }
    house
}

async fn ask(house: &House, request: Json) -> Result<Json, ServiceError> {
    house.call("ExecuteStatement", &request.to_string()).await
}

async fn execute(house: &House, text: &str, parameters: Json) -> Result<Json, ServiceError> {
    let mut request = json!({"Statement": text});
    if parameters != json!([]) {
        request["Parameters"] = parameters;
    }
    ask(house, request).await.map(|told| told["Items"].clone())
}

/// The keys of what a statement selects.
async fn keys(house: &House, text: &str) -> Vec<String> {
    let items = execute(house, text, json!([])).await.unwrap();
    let text = |item: &Json, name: &str| item[name]["S"].as_str().unwrap_or("-").to_owned();
    items.as_array().unwrap().iter().map(|item| text(item, "artist") + &text(item, "song")).collect()
}

fn key(artist: &str, song: &str) -> String {
    format!("artist = '{artist}' AND song = '{song}'")
}

#[tokio::test]
async fn selects_read_partitions_ranges_indexes_and_tables() {
    let house = house().await;
    for (condition, found) in [
        ("FROM music WHERE artist = 'a'", vec!["a1", "a2", "a3"]),
        ("FROM music WHERE artist = 'a' ORDER BY song DESC", vec!["a3", "a2", "a1"]),
        ("FROM music WHERE artist = 'a' AND song >= '2'", vec!["a2", "a3"]),
        ("FROM music WHERE song BETWEEN '1' AND '2' AND artist = 'a'", vec!["a1", "a2"]),
        ("FROM music WHERE artist = 'a' AND begins_with(song, '3')", vec!["a3"]),
        ("FROM music WHERE artist IN ['b', 'a'] AND song = '1'", vec!["b1", "a1"]),
        ("FROM music WHERE artist IN ['b', 'a', 'b'] AND song = '1' ORDER BY artist", vec!["a1", "b1"]),
        ("FROM music WHERE artist = 'b' OR artist = 'a' ORDER BY artist DESC, song DESC", vec!["b1", "a3", "a2", "a1"]),
        ("FROM music WHERE artist = 'a' AND \"year\" = 2000 AND NOT song = '2'", vec!["a3"]),
        ("FROM music WHERE artist = 'a' AND artist = 'b'", vec![]),
        ("FROM music WHERE artist = 'a' AND \"year\" IS MISSING", vec![]),
        ("FROM music WHERE artist = 'a' AND \"year\" IS NOT MISSING AND size(tags) = 2", vec!["a1", "a2", "a3"]),
        ("FROM music WHERE artist = 'b' AND contains(tags, 'x') AND attribute_type(tags, 'L')", vec!["b1"]),
        ("FROM music.\"by-year\" WHERE year = 2000", vec!["a2", "a3"]),
    ] {
        assert_eq!(keys(&house, &format!("SELECT * {condition}")).await, found, "{condition}");
    }
    let mut scanned = keys(&house, "SELECT artist, song FROM music WHERE song <> '2'").await;
    scanned.sort();
    assert_eq!(scanned, ["a1", "a3", "b1"]);
}

#[tokio::test]
async fn what_is_shown_stands_under_the_last_name_of_its_path() {
    let house = house().await;
    let text = format!("SELECT song, tags[0], tags[1].deep, nothing.there FROM music WHERE {}", key("a", "1"));
    let shown = json!([{"song": {"S": "1"}, "tags[0]": {"S": "x"}, "deep": {"NS": ["1"]}}]);
    assert_eq!(execute(&house, &text, json!([])).await, Ok(shown));
}

#[tokio::test]
async fn pages_go_on_across_partitions_and_only_with_their_request() {
    let house = house().await;
    let statement = "SELECT song FROM music WHERE artist IN ['a', 'b']";
    let (mut songs, mut token) = (Vec::new(), Json::Null);
    loop {
        let mut request = json!({"Statement": statement, "Limit": 2});
        if !token.is_null() {
            request["NextToken"] = token.clone();
        }
        let told = ask(&house, request).await.unwrap();
        assert!(told["Items"].as_array().unwrap().len() <= 2);
        songs.extend(told["Items"].as_array().unwrap().iter().map(|item| item["song"]["S"].clone()));
        match told.get("NextToken") {
            Some(next) => token = next.clone(),
            None => break,
        }
    }
    assert_eq!(songs, ["1", "2", "3", "1"]);
    let other = json!({"Statement": "SELECT * FROM music WHERE artist IN ['a', 'b']", "NextToken": token});
    refused(ask(&house, other).await, "ValidationException", "NextToken does not match request");
    let none = json!({"Statement": statement, "NextToken": "AAAA"});
    refused(ask(&house, none).await, "ValidationException", "Invalid NextToken");
}

#[tokio::test]
async fn updates_change_the_item_that_is_there() {
    let house = house().await;
    let text = format!(
        "UPDATE music SET n = \"year\" + ? SET s = ?, tags = list_append(tags, [NULL]) REMOVE \"year\" WHERE {} AND \
         \"year\" = ? RETURNING MODIFIED NEW *",
        key("a", "1")
    );
    let parameters = json!([{"N": "1"}, {"SS": ["x", "y"]}, {"N": "1999"}]);
    let tags = json!({"L": [{"S": "x"}, {"M": {"deep": {"NS": ["1"]}}}, {"NULL": true}]});
    let modified = json!([{"n": {"N": "2000"}, "s": {"SS": ["x", "y"]}, "tags": tags}]);
    assert_eq!(execute(&house, &text, parameters.clone()).await, Ok(modified));
    refused(
        execute(&house, &text, parameters).await,
        "ConditionalCheckFailedException",
        "The conditional request failed",
    );
    let text = format!(
        "UPDATE music SET s = set_add(s, <<'z'>>) SET n = 0 REMOVE tags WHERE {} RETURNING MODIFIED OLD *",
        key("a", "1")
    );
    let old = json!([{"n": {"N": "2000"}, "s": {"SS": ["x", "y"]}, "tags": tags}]);
    assert_eq!(execute(&house, &text, json!([])).await, Ok(old));
    let text = format!("UPDATE music SET s = set_delete(s, <<'x', 'y'>>) WHERE {} RETURNING ALL NEW *", key("a", "1"));
    let whole = json!([{"artist": {"S": "a"}, "song": {"S": "1"}, "n": {"N": "0"}, "s": {"SS": ["z"]}}]);
    assert_eq!(execute(&house, &text, json!([])).await, Ok(whole));
    let text = format!("UPDATE music REMOVE s WHERE {} RETURNING MODIFIED NEW *", key("a", "1"));
    assert_eq!(execute(&house, &text, json!([])).await, Ok(json!([])));
    let missing = format!("UPDATE music SET n = 1 WHERE {}", key("z", "1"));
    let outcome = execute(&house, &missing, json!([])).await;
    refused(outcome, "ConditionalCheckFailedException", "The conditional request failed");
}

#[tokio::test]
async fn deletes_take_the_item_that_is_there_and_do_nothing_where_none_is() {
    let house = house().await;
    let text = format!("DELETE FROM music WHERE {} AND \"year\" = 1 RETURNING ALL OLD *", key("b", "1"));
    let request = json!({"Statement": text, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"});
    let refusal = ask(&house, request).await.unwrap_err();
    assert_eq!(refusal.code, "ConditionalCheckFailedException");
    assert!(matches!(refusal.members.as_deref(), Some(headwater_wire::ErrorMembers::Item(item)) if item.len() == 4));
    let text = format!("DELETE FROM music WHERE {} AND \"year\" = 1999 RETURNING ALL OLD *", key("b", "1"));
    assert_eq!(execute(&house, &text, json!([])).await.unwrap()[0]["year"], json!({"N": "1999"}));
    assert_eq!(execute(&house, &text, json!([])).await, Ok(json!([])));
    assert_eq!(keys(&house, "SELECT * FROM music WHERE artist = 'b'").await, Vec::<String>::new());
}

/// Each of the statements is refused as invalid with its sentence.
async fn invalid(house: &House, rows: &[(&str, &str)]) {
    for (text, message) in rows {
        refused(execute(house, text, json!([])).await, "ValidationException", message);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_write_is_said() {
    let house = house().await;
    let taken = execute(&house, "INSERT INTO music VALUE {'artist': 'a', 'song': '1'}", json!([])).await;
    refused(taken, "DuplicateItemException", "Duplicate primary key exists in table");
    let mandatory = "Where clause does not contain a mandatory equality on all key attributes";
    let wrong = "One or more parameter values were invalid:";
    let too_large = "Number overflow. Attempting to store a number with magnitude larger than supported range";
    let song = key("a", "1");
    let rows = [
        ("INSERT INTO music VALUE {'artist': 'a'}", &*format!("{wrong} Missing the key song in the item")),
        ("INSERT INTO music VALUE {'a': <<>>}", "Empty bags are not supported"),
        ("INSERT INTO music VALUE {'m': {'l': [1, 1e126]}}", &format!("{too_large} under root.l[1]")),
        ("UPDATE music SET n = 1 WHERE artist = 'a'", mandatory),
        ("UPDATE music SET n = 1", mandatory),
        ("DELETE FROM music WHERE artist = 'a' OR song = '1'", mandatory),
        (
            &format!("UPDATE music SET song = 'x' WHERE {song}"),
            &format!("{wrong} Cannot update attribute song. This attribute is part of the key"),
        ),
        (
            &format!("DELETE FROM music WHERE {song} RETURNING MODIFIED OLD *"),
            "Invalid returning clause: RETURNING MODIFIED OLD *. Only RETURNING ALL OLD * is allowed in DELETE \
             statements.",
        ),
    ];
    invalid(&house, &rows).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_read_is_said() {
    let house = house().await;
    let nothing = execute(&house, "SELECT * FROM nothing", json!([])).await;
    refused(nothing, "ResourceNotFoundException", "Requested resource not found");
    let parameters = "Number of parameters in request and statement don't match.";
    let wrong = "One or more parameter values were invalid:";
    let rows = [
        ("SELECT * FROM music WHERE artist = ?", parameters),
        (
            "SELECT * FROM music.\"by-year\" WHERE \"year\" = 1 AND tags = 1",
            &*format!("{wrong} Secondary index by-year does not project one or more filter attributes: [tags]"),
        ),
        (
            "SELECT tags FROM music.\"by-year\" WHERE \"year\" = 1",
            &format!("{wrong} Global secondary index by-year does not project [tags]"),
        ),
        ("SELECT * FROM music.nothing", "The table does not have the specified index"),
        ("SELECT * FROM music ORDER BY song", "Must have WHERE clause in the statement when using ORDER BY clause."),
        (
            "SELECT * FROM music WHERE song = '1' ORDER BY song",
            "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.",
        ),
        (
            "SELECT * FROM music WHERE artist = 'a' ORDER BY n",
            "Variable reference n in ORDER BY clause must be part of the primary key",
        ),
        (
            "SELECT * FROM music WHERE artist = 1",
            &format!("{wrong} Condition parameter type does not match schema type"),
        ),
        (
            "SELECT * FROM music WHERE begins_with(n, 1)",
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        ("SELECT * FROM music WHERE lower(artist) = 'a'", "Unrecognized function: lower at 1:27:5"),
    ];
    invalid(&house, &rows).await;
    let one_too_many = execute(&house, "SELECT * FROM music", json!([{"S": "a"}])).await;
    refused(one_too_many, "ValidationException", parameters);
    let consistent = json!({"Statement": "SELECT * FROM music.\"by-year\"", "ConsistentRead": true});
    let sentence = "Strongly consistent read is not supported on Global Secondary Indexes";
    refused(ask(&house, consistent).await, "ValidationException", sentence);
}

#[tokio::test]
async fn statements_of_a_batch_stand_for_themselves() {
    let house = house().await;
    let batch = |texts: Vec<String>| {
        let statements: Vec<Json> = texts.into_iter().map(|text| json!({"Statement": text})).collect();
        json!({"Statements": statements, "ReturnConsumedCapacity": "TOTAL"}).to_string()
    };
    let reads = batch(vec![
        format!("SELECT song FROM music WHERE {}", key("a", "1")),
        format!("SELECT song FROM music WHERE {}", key("z", "1")),
        "SELECT song FROM music WHERE artist = 'a'".into(),
        "SLECT".into(),
        "SELECT * FROM nothing WHERE a = 1".into(),
    ]);
    let told = house.call("BatchExecuteStatement", &reads).await.unwrap();
    let error = |code: &str, message: &str| json!({"Error": {"Code": code, "Message": message}});
    let responses = json!([
        {"TableName": "music", "Item": {"song": {"S": "1"}}},
        {"TableName": "music"},
        error("ValidationError", "Select statements within BatchExecuteStatement must specify the primary key in the where clause."),
        error("ValidationError", "Statement wasn't well formed, can't be processed: Expected data manipulation"),
        error("ResourceNotFound", "Requested resource not found"),
    ]);
    assert_eq!(told["Responses"], responses);
    assert_eq!(told["ConsumedCapacity"], json!([{"TableName": "music", "CapacityUnits": 1}]));
    let writes = batch(vec![
        "INSERT INTO music VALUE {'artist': 'n', 'song': '1'}".into(),
        "INSERT INTO music VALUE {'artist': 'n', 'song': '1'}".into(),
        format!("UPDATE music SET n = 1 WHERE {} RETURNING MODIFIED NEW *", key("n", "1")),
        format!("DELETE FROM music WHERE {} RETURNING ALL OLD *", key("n", "1")),
        format!("UPDATE music SET n = 1 WHERE {}", key("n", "1")),
    ]);
    let told = house.call("BatchExecuteStatement", &writes).await.unwrap();
    let responses = json!([
        {"TableName": "music"},
        error("DuplicateItem", "Duplicate primary key exists in table"),
        {"TableName": "music", "Item": {"n": {"N": "1"}}},
        {"TableName": "music", "Item": {"artist": {"S": "n"}, "song": {"S": "1"}, "n": {"N": "1"}}},
        error("ConditionalCheckFailed", "The conditional request failed"),
    ]);
    assert_eq!(told["Responses"], responses);
    let mixed = batch(vec!["SELECT * FROM music".into(), format!("DELETE FROM music WHERE {}", key("a", "1"))]);
    let mixed = house.call("BatchExecuteStatement", &mixed).await;
    refused(mixed, "ValidationException", "A batch may contain either read or write statements, not both.");
}

#[tokio::test]
async fn a_transaction_writes_all_or_none_and_under_a_token_once() {
    let house = house().await;
    let transact = |texts: &[&str]| {
        let statements: Vec<Json> = texts.iter().map(|text| json!({"Statement": text})).collect();
        json!({"TransactStatements": statements, "ClientRequestToken": "once"}).to_string()
    };
    let exists = format!("EXISTS(SELECT * FROM music WHERE {} AND \"year\" = 1999)", key("a", "1"));
    let insert = "INSERT INTO music VALUE {'artist': 'n', 'song': '1'}";
    let missing = format!("EXISTS(SELECT * FROM music WHERE {} AND n IS MISSING)", key("z", "1"));
    let refusal = house.call("ExecuteTransaction", &transact(&[insert, &missing])).await;
    let sentence = "Transaction cancelled, please refer cancellation reasons for specific reasons";
    refused(refusal, "TransactionCanceledException", &format!("{sentence} [None, ConditionalCheckFailed]"));
    let whole = transact(&[&exists, insert, &format!("DELETE FROM music WHERE {}", key("b", "1"))]);
    let told = house.call("ExecuteTransaction", &whole).await.unwrap();
    assert_eq!(told, json!({"Responses": []}));
    assert_eq!(house.call("ExecuteTransaction", &whole).await, Ok(told), "the same token, the same request");
    let other = house.call("ExecuteTransaction", &transact(&[insert])).await.unwrap_err();
    assert_eq!(other.code, "IdempotentParameterMismatchException");
    let again = transact(&[insert]).replace("once", "again");
    let refusal = house.call("ExecuteTransaction", &again).await;
    refused(refusal, "TransactionCanceledException", &format!("{sentence} [DuplicateItem]"));
}

#[tokio::test]
async fn a_transaction_told_again_costs_the_reading_of_its_items() {
    let house = house().await;
    let increment = format!("UPDATE music SET \"n\" = 1 WHERE {}", key("a", "1"));
    let request = json!({"TransactStatements": [{"Statement": increment}], "ClientRequestToken": "once",
        "ReturnConsumedCapacity": "TOTAL"});
    let first = house.call("ExecuteTransaction", &request.to_string()).await.unwrap();
    let units = json!([{"TableName": "music", "CapacityUnits": 2, "WriteCapacityUnits": 2}]);
    assert_eq!(first["ConsumedCapacity"], units);
    let again = house.call("ExecuteTransaction", &request.to_string()).await.unwrap();
    let units = json!([{"TableName": "music", "CapacityUnits": 2, "ReadCapacityUnits": 2}]);
    assert_eq!(again["ConsumedCapacity"], units);
}

#[tokio::test]
async fn a_transaction_of_reads_names_whole_keys() {
    let house = house().await;
    let transact = |texts: &[String]| {
        let statements: Vec<Json> = texts.iter().map(|text| json!({"Statement": text})).collect();
        json!({"TransactStatements": statements, "ReturnConsumedCapacity": "TOTAL"}).to_string()
    };
    let select = |key: &str| format!("SELECT song FROM music WHERE {key}");
    let both = transact(&[select(&key("a", "1")), select(&key("z", "1"))]);
    let told = house.call("ExecuteTransaction", &both).await.unwrap();
    assert_eq!(told["Responses"], json!([{"Item": {"song": {"S": "1"}}}, {}]));
    assert_eq!(told["ConsumedCapacity"][0]["ReadCapacityUnits"], json!(4));
    let part = house.call("ExecuteTransaction", &transact(&[select(&key("a", "1")), select("artist = 'a'")])).await;
    let sentence = "Validation failed in TransactStatements[1]: Select statements within ExecuteTransaction must \
                    specify the primary key in the where clause.";
    refused(part, "ValidationException", sentence);
    let mixed = [select(&key("a", "1")), format!("DELETE FROM music WHERE {}", key("a", "1"))];
    let mixed = house.call("ExecuteTransaction", &transact(&mixed)).await;
    refused(mixed, "ValidationException", "A transaction may contain either read or write statements, not both.");
    for (text, why) in [
        (
            format!("EXISTS({})", select(&key("a", "1"))),
            "EXISTS() must contain a single item read with additional condition",
        ),
        (
            format!("DELETE FROM music WHERE {} RETURNING ALL OLD *", key("a", "1")),
            "RETURNING clause is not supported in ExecuteTransaction.",
        ),
        (
            "DELETE FROM music WHERE artist = 'a'".into(),
            "Where clause does not contain a mandatory equality on all key attributes",
        ),
        (
            "SELECT * FROM music.\"by-year\" WHERE \"year\" = 1".into(),
            "Reads on indices are not supported within transactions.",
        ),
        ("SELECT * FROM music WHERE".into(), "Statement wasn't well formed, can't be processed: Unexpected term"),
    ] {
        let outcome = house.call("ExecuteTransaction", &transact(&[text])).await;
        refused(outcome, "ValidationException", &format!("Validation failed in TransactStatements[0]: {why}"));
    }
    let alone = execute(&house, &format!("EXISTS({})", select(&key("a", "1"))), json!([])).await;
    refused(alone, "ValidationException", "EXISTS can only be used in ExecuteTransaction write requests.");
}
