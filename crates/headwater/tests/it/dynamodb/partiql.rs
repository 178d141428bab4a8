//! ExecuteStatement, BatchExecuteStatement and ExecuteTransaction.
use std::sync::Arc;

use serde_json::{Value, json};

use super::refuses;
use crate::{
    calls::fresh,
    server::{Server, shared},
};

const SPACE: &str = "com.amazonaws.dynamodb.v20120810#";

/// A table of songs by artist and title, with an index by year and four songs in it.
struct Songs {
    aws: Arc<Server>,
    table: String,
}

impl Songs {
    fn new() -> Self {
        let (aws, table) = (shared(), fresh("songs"));
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let index = json!({"IndexName": "by-year", "KeySchema": [key("year", "HASH"), key("song", "RANGE")],
            "Projection": {"ProjectionType": "KEYS_ONLY"}});
        let definition = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
        aws.table_call(
            "CreateTable",
            json!({
                "TableName": table,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [definition("artist", "S"), definition("song", "S"), definition("year", "N")],
                "KeySchema": [key("artist", "HASH"), key("song", "RANGE")],
                "GlobalSecondaryIndexes": [index],
            }),
        );
        let songs = Self { aws, table };
        for (artist, song, year) in [("a", "1", "1999"), ("a", "2", "2000"), ("a", "3", "2000"), ("b", "1", "1999")] {
            let values = json!([{"S": artist}, {"S": song}, {"N": year}]);
            let added = songs.execute(&songs.text("INSERT INTO @ VALUE {'artist': ?, 'song': ?, 'year': ?}"), values);
            assert_eq!(added, json!([]), "an insert tells nothing");
        }
        songs
    }

    /// A statement with the table's name for `@`.
    fn text(&self, statement: &str) -> String {
        statement.replace('@', &format!("\"{}\"", self.table))
    }

    /// What a statement gives.
    fn execute(&self, text: &str, parameters: Value) -> Value {
        let mut input = json!({"Statement": text});
        if parameters != json!([]) {
            input["Parameters"] = parameters;
        }
        self.aws.table_call("ExecuteStatement", input)["Items"].clone()
    }

    /// The keys of what a statement gives.
    fn keys(&self, statement: &str) -> Vec<String> {
        let text = |item: &Value, name: &str| item[name]["S"].as_str().unwrap_or("-").to_owned();
        let items = self.execute(&self.text(statement), json!([]));
        items.as_array().expect("items").iter().map(|item| text(item, "artist") + &text(item, "song")).collect()
    }

    /// The one song of `key`, whole; `null` if there is none.
    fn song(&self, artist: &str, song: &str) -> Value {
        let input = json!({"TableName": self.table, "Key": {"artist": {"S": artist}, "song": {"S": song}}});
        self.aws.table_call("GetItem", input)["Item"].clone()
    }

    #[track_caller]
    fn invalid(&self, statement: &str, message: &str) {
        refuses(&self.aws, "ExecuteStatement", json!({"Statement": self.text(statement)}), message);
    }

    /// A call that is refused with that code of the service's own and that sentence; the whole body.
    #[track_caller]
    fn refused(&self, operation: &str, input: Value, code: &str, message: &str) -> Value {
        let told = self.aws.table_refusal(operation, input);
        let member = if told.get("Message").is_some() { "Message" } else { "message" };
        assert_eq!((&told["__type"], &told[member]), (&json!(format!("{SPACE}{code}")), &json!(message)), "{told}");
        told
    }

    fn batch(&self, statements: &[&str]) -> Value {
        let statements: Vec<Value> = statements.iter().map(|text| json!({"Statement": self.text(text)})).collect();
        let input = json!({"Statements": statements, "ReturnConsumedCapacity": "TOTAL"});
        self.aws.table_call("BatchExecuteStatement", input)
    }

    fn transaction(&self, statements: &[&str]) -> Value {
        let statements: Vec<Value> = statements.iter().map(|text| json!({"Statement": self.text(text)})).collect();
        json!({"TransactStatements": statements})
    }
}

#[test]
fn validation() {
    let songs = Songs::new();
    let at_least = |value: &str, member: &str, least: &str| {
        format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must have {least}"
        )
    };
    let shortest = "length greater than or equal to 1";
    let many: Vec<Value> = vec![json!({"Statement": "SELECT * FROM abc"}); 26];
    for (operation, input, message) in [
        ("ExecuteStatement", json!({"Statement": ""}), at_least("", "statement", shortest)),
        ("ExecuteStatement", json!({"Statement": "x", "Parameters": []}), at_least("[]", "parameters", shortest)),
        (
            "ExecuteStatement",
            json!({"Statement": "x", "Limit": 0}),
            at_least("0", "limit", "value greater than or equal to 1"),
        ),
        ("BatchExecuteStatement", json!({"Statements": []}), at_least("[]", "statements", shortest)),
        ("ExecuteTransaction", json!({"TransactStatements": []}), at_least("[]", "transactStatements", shortest)),
    ] {
        refuses(&songs.aws, operation, input, &message);
    }
    let told = songs.aws.table_refusal("BatchExecuteStatement", json!({"Statements": many}));
    let message = told["message"].as_str().unwrap_or_default();
    assert!(message.ends_with("Member must have length less than or equal to 25"), "{message}");
}

#[test]
fn validation_what_is_no_statement() {
    let songs = Songs::new();
    for (statement, why) in [
        ("SELEC * FROM @", "Expected data manipulation"),
        ("SELECT * FROM @ WHERE artist = 'a' x", "Unexpected token after expression"),
        ("DELETE FROM @ WHERE artist = 'a' ORDER BY song", "Unexpected token after expression"),
        ("SELECT * FROM @ WHERE artist = 'a", ""),
        ("SELECT * FROM @ WHERE artist = 1e99999999999", ""),
    ] {
        songs.invalid(statement, &format!("Statement wasn't well formed, can't be processed: {why}"));
    }
    for (statement, message) in [
        ("SELECT * FROM @ AS s WHERE artist = 'a'", "Aliasing is not supported"),
        ("SELECT * FROM @.nothing", "The table does not have the specified index"),
        (
            "UPDATE @ SET n = 1 WHERE artist = 'a'",
            "Where clause does not contain a mandatory equality on all key attributes",
        ),
        ("EXISTS(SELECT * FROM @ WHERE artist = 'a')", "EXISTS can only be used in ExecuteTransaction write requests."),
        (
            "SELECT * FROM @ WHERE artist IN ['a', 'b'] ORDER BY song",
            "Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause.",
        ),
        ("SELECT * FROM @ WHERE artist = ?", "Number of parameters in request and statement don't match."),
        (
            "SELECT * FROM @ WHERE artist = 'a' AND n < TRUE",
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
    ] {
        songs.invalid(statement, message);
    }
    let input = json!({"Statement": "SELECT * FROM \"no-such-table\" WHERE artist = 'a'"});
    songs.refused("ExecuteStatement", input, "ResourceNotFoundException", "Requested resource not found");
}

#[test]
fn validation_what_is_no_function() {
    let songs = Songs::new();
    let key = "artist = 'a' AND song = '1'";
    // Places are lines, columns and lengths, of one token.
    let place = |statement: &str, token: &str| {
        let column = statement.find(token).expect("it is there") + 1;
        format!("1:{column}:{}", token.find('.').unwrap_or(token.len()))
    };
    for (statement, token, sentence) in [
        (format!("SELECT * FROM @ WHERE {key} AND lower(x) = 'a'"), "lower", "Unrecognized function: lower at"),
        (format!("SELECT * FROM @ WHERE {key} AND EXISTS(x)"), "EXISTS", "Unrecognized function: exists at"),
        (format!("UPDATE @ SET s = set_add(s) WHERE {key}"), "set_add", "SET_ADD must have exactly two arguments at"),
        (
            format!("UPDATE @ SET s = set_delete(t, <<'x'>>) WHERE {key}"),
            "set_delete",
            "The first argument to SET_DELETE must equal the assignment value at",
        ),
        (
            format!("UPDATE @ SET s.tt = set_add(s.tt, 'x') WHERE {key}"),
            "s.tt, ",
            "The second argument to SET_ADD must be a value with type SET at",
        ),
        (
            "INSERT INTO @ VALUE {'artist': set_add(<<'a'>>, <<'b'>>)}".to_owned(),
            "set_add",
            "Unsupported data type: set_add under key root at",
        ),
    ] {
        songs.invalid(&statement, &format!("{sentence} {}", place(&songs.text(&statement), token)));
    }
    songs.invalid(&format!("UPDATE @ SET s = set_add(s, <<>>) WHERE {key}"), "Empty bags are not supported");
}

#[test]
fn function_selects_read_keys_indexes_and_whole_tables() {
    let songs = Songs::new();
    for (condition, found) in [
        ("@ WHERE artist = 'a' AND song = '2'", vec!["a2"]),
        ("@ WHERE artist = 'a' AND song > '1' ORDER BY song DESC", vec!["a3", "a2"]),
        ("@ WHERE artist IN ['b', 'a'] AND song = '1' ORDER BY artist", vec!["a1", "b1"]),
        ("@.\"by-year\" WHERE \"year\" = 2000", vec!["a2", "a3"]),
        ("@ WHERE artist = 'a' AND attribute_exists(\"year\") AND size(song) = 1", vec!["a1", "a2", "a3"]),
        (
            "@ WHERE artist = 'a' AND attribute_not_exists(\"year\") = FALSE AND \"year\" IS NUMERIC",
            vec!["a1", "a2", "a3"],
        ),
        ("@ WHERE artist = 'a' AND ATTRIBUTE_NOT_EXISTS(\"year\")", vec![]),
        ("@ -- a note\n WHERE /* another */ artist = 'b'", vec!["b1"]),
    ] {
        assert_eq!(songs.keys(&format!("SELECT * FROM {condition}")), found, "{condition}");
    }
    let mut filtered = songs.keys("SELECT artist, song FROM @ WHERE \"year\" = 1999");
    filtered.sort();
    assert_eq!(filtered, ["a1", "b1"], "a scan with a filter");
    let shown = songs.execute(&songs.text("SELECT \"year\" FROM @ WHERE artist = 'b'"), json!([]));
    assert_eq!(shown, json!([{"year": {"N": "1999"}}]));
}

#[test]
fn function_pages_go_on_with_their_statement_alone() {
    let songs = Songs::new();
    let statement = songs.text("SELECT song FROM @ WHERE artist = 'a'");
    let page = |limit: u8, token: &Value| {
        let mut input = json!({"Statement": statement, "Limit": limit});
        if !token.is_null() {
            input["NextToken"] = token.clone();
        }
        songs.aws.table_call("ExecuteStatement", input)
    };
    let first = page(2, &Value::Null);
    assert_eq!(first["Items"], json!([{"song": {"S": "1"}}, {"song": {"S": "2"}}]));
    assert_eq!(first["LastEvaluatedKey"], json!({"artist": {"S": "a"}, "song": {"S": "2"}}));
    let last = page(5, &first["NextToken"]);
    assert_eq!(last, json!({"Items": [{"song": {"S": "3"}}]}), "another limit is no other statement");
    let other = json!({"Statement": songs.text("SELECT * FROM @"), "NextToken": first["NextToken"]});
    refuses(&songs.aws, "ExecuteStatement", other, "NextToken does not match request");
    let garbled = json!({"Statement": statement, "NextToken": "AAAA"});
    refuses(&songs.aws, "ExecuteStatement", garbled, "Invalid NextToken");
}

#[test]
fn function_writes_tell_what_they_are_asked_for() {
    let songs = Songs::new();
    let again = json!({"Statement": songs.text("INSERT INTO @ VALUE {'artist': 'a', 'song': '1'}")});
    songs.refused("ExecuteStatement", again, "DuplicateItemException", "Duplicate primary key exists in table");
    let update = songs
        .text("UPDATE @ SET n = \"year\" + ? REMOVE \"year\" WHERE artist = ? AND song = ? RETURNING MODIFIED NEW *");
    let parameters = json!([{"N": "1"}, {"S": "a"}, {"S": "1"}]);
    assert_eq!(songs.execute(&update, parameters), json!([{"n": {"N": "2000"}}]));
    let update =
        songs.text("UPDATE @ SET tags = set_add(tags, <<'x'>>) WHERE artist = 'a' AND song = '1' RETURNING ALL OLD *");
    let old = json!([{"artist": {"S": "a"}, "song": {"S": "1"}, "n": {"N": "2000"}}]);
    assert_eq!(songs.execute(&update, json!([])), old);
    assert_eq!(songs.song("a", "1")["tags"], json!({"SS": ["x"]}));
    let missing = "UPDATE @ SET n = 1 WHERE artist = 'z' AND song = '1'";
    let failed = "The conditional request failed";
    let input = json!({"Statement": songs.text(missing)});
    songs.refused("ExecuteStatement", input, "ConditionalCheckFailedException", failed);
    assert_eq!(songs.song("z", "1"), Value::Null, "an update makes no item");
    let guarded = songs.text("DELETE FROM @ WHERE artist = 'a' AND song = '1' AND n = 7");
    let input = json!({"Statement": guarded, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"});
    let told = songs.refused("ExecuteStatement", input, "ConditionalCheckFailedException", failed);
    assert_eq!(told["Item"]["n"], json!({"N": "2000"}));
    let delete = songs.text("DELETE FROM @ WHERE artist = 'b' AND song = '1' RETURNING ALL OLD *");
    assert_eq!(songs.execute(&delete, json!([]))[0]["year"], json!({"N": "1999"}));
    assert_eq!(songs.execute(&delete, json!([])), json!([]), "what is gone");
    assert_eq!(songs.song("b", "1"), Value::Null);
}

#[test]
fn function_what_a_statement_cost_is_told() {
    let songs = Songs::new();
    let units = |statement: &str, more: Value| {
        let mut input = json!({"Statement": songs.text(statement), "ReturnConsumedCapacity": "INDEXES"});
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        let mut told = songs.aws.table_call("ExecuteStatement", input)["ConsumedCapacity"].clone();
        assert_eq!(told["TableName"], json!(songs.table));
        told.as_object_mut().expect("units").remove("TableName");
        told
    };
    let read = units("SELECT * FROM @ WHERE artist = 'a'", json!({}));
    assert_eq!(read, json!({"CapacityUnits": 0.5, "Table": {"CapacityUnits": 0.5}}));
    let strong = units("SELECT * FROM @ WHERE artist = 'a'", json!({"ConsistentRead": true}));
    assert_eq!(strong["CapacityUnits"], json!(1));
    let index = units("SELECT * FROM @.\"by-year\" WHERE \"year\" = 2000", json!({}));
    let by_year = |units: f64| json!({"by-year": {"CapacityUnits": units}});
    assert_eq!(index["GlobalSecondaryIndexes"], by_year(0.5));
    let moved = units("UPDATE @ SET \"year\" = 1 WHERE artist = 'a' AND song = '1'", json!({}));
    assert_eq!(
        (&moved["CapacityUnits"], &moved["GlobalSecondaryIndexes"]),
        (&json!(3), &json!({"by-year": {"CapacityUnits": 2}}))
    );
    let mut transaction = songs.transaction(&["UPDATE @ SET \"year\" = 2 WHERE artist = 'a' AND song = '1'"]);
    transaction["ReturnConsumedCapacity"] = json!("INDEXES");
    let told = songs.aws.table_call("ExecuteTransaction", transaction)["ConsumedCapacity"][0].clone();
    assert_eq!(told["Table"], json!({"CapacityUnits": 2, "WriteCapacityUnits": 2}), "twice as much");
    assert_eq!(told["GlobalSecondaryIndexes"]["by-year"]["CapacityUnits"], json!(2), "once as much");
}

#[test]
fn function_statements_of_a_batch_fail_alone() {
    let songs = Songs::new();
    let error = |code: &str, message: &str| json!({"Error": {"Code": code, "Message": message}});
    let told = songs.batch(&[
        "SELECT song FROM @ WHERE artist = 'a' AND song = '1'",
        "SELECT song FROM @ WHERE artist = 'z' AND song = '1'",
        "SELECT song FROM @ WHERE artist = 'a'",
        "SLECT",
        "SELECT * FROM \"no-such-table\" WHERE a = 1",
    ]);
    let responses = json!([
        {"TableName": songs.table, "Item": {"song": {"S": "1"}}},
        {"TableName": songs.table},
        error("ValidationError", "Select statements within BatchExecuteStatement must specify the primary key in the where clause."),
        error("ValidationError", "Statement wasn't well formed, can't be processed: Expected data manipulation"),
        error("ResourceNotFound", "Requested resource not found"),
    ]);
    assert_eq!(told["Responses"], responses);
    assert_eq!(told["ConsumedCapacity"], json!([{"TableName": songs.table, "CapacityUnits": 1}]));
    let told = songs.batch(&[
        "INSERT INTO @ VALUE {'artist': 'n', 'song': '1'}",
        "INSERT INTO @ VALUE {'artist': 'a', 'song': '1'}",
        "UPDATE @ SET n = 1 WHERE artist = 'a' AND song = '2' RETURNING MODIFIED NEW *",
        "UPDATE @ SET n = 1 WHERE artist = 'z' AND song = '1'",
    ]);
    let responses = json!([
        {"TableName": songs.table},
        error("DuplicateItem", "Duplicate primary key exists in table"),
        {"TableName": songs.table, "Item": {"n": {"N": "1"}}},
        error("ConditionalCheckFailed", "The conditional request failed"),
    ]);
    assert_eq!(told["Responses"], responses);
}

#[test]
fn function_a_transaction_writes_all_or_none() {
    let songs = Songs::new();
    let cancelled = "Transaction cancelled, please refer cancellation reasons for specific reasons";
    let writes = songs.transaction(&[
        "INSERT INTO @ VALUE {'artist': 'n', 'song': '1'}",
        "INSERT INTO @ VALUE {'artist': 'a', 'song': '1'}",
        "EXISTS(SELECT * FROM @ WHERE artist = 'b' AND song = '1' AND \"year\" = 7)",
    ]);
    let message = format!("{cancelled} [None, DuplicateItem, ConditionalCheckFailed]");
    let told = songs.refused("ExecuteTransaction", writes, "TransactionCanceledException", &message);
    let reasons = json!([
        {"Code": "None"},
        {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"},
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"},
    ]);
    assert_eq!(told["CancellationReasons"], reasons);
    assert_eq!(songs.song("n", "1"), Value::Null);
    let writes = songs.transaction(&[
        "INSERT INTO @ VALUE {'artist': 'n', 'song': '1'}",
        "DELETE FROM @ WHERE artist = 'a' AND song = '1' AND attribute_exists(\"year\")",
    ]);
    assert_eq!(songs.aws.table_call("ExecuteTransaction", writes), json!({"Responses": []}));
    assert_ne!(songs.song("n", "1"), Value::Null);
    let reads = [
        "SELECT song FROM @ WHERE artist = 'n' AND song = '1'",
        "SELECT song FROM @ WHERE artist = 'a' AND song = '1'",
    ];
    let told = songs.aws.table_call("ExecuteTransaction", songs.transaction(&reads));
    assert_eq!(told, json!({"Responses": [{"Item": {"song": {"S": "1"}}}, {}]}));
    for (statement, why) in [
        (
            "UPDATE @ SET n = 1 WHERE artist = 'a' AND song = '1' RETURNING ALL NEW *",
            "RETURNING clause is not supported in ExecuteTransaction.",
        ),
        ("SELECT * FROM @.\"by-year\" WHERE \"year\" = 1", "Reads on indices are not supported within transactions."),
        (
            "EXISTS(SELECT * FROM @ WHERE artist = 'a' AND song = '1')",
            "EXISTS() must contain a single item read with additional condition",
        ),
    ] {
        let message = format!("Validation failed in TransactStatements[0]: {why}");
        refuses(&songs.aws, "ExecuteTransaction", songs.transaction(&[statement]), &message);
    }
}

#[test]
fn function_a_token_lets_a_transaction_happen_once() {
    let songs = Songs::new();
    let mut once = songs
        .transaction(&["UPDATE @ SET n = \"year\" + 1, \"year\" = \"year\" + 1 WHERE artist = 'a' AND song = '1'"]);
    once["ClientRequestToken"] = json!(fresh("token"));
    let first = songs.aws.table_call("ExecuteTransaction", once.clone());
    assert_eq!(songs.aws.table_call("ExecuteTransaction", once.clone()), first);
    assert_eq!(songs.song("a", "1")["year"], json!({"N": "2000"}), "once");
    let mut other = songs.transaction(&["UPDATE @ SET n = 1 WHERE artist = 'a' AND song = '2'"]);
    other["ClientRequestToken"] = once["ClientRequestToken"].clone();
    let told = songs.aws.table_refusal("ExecuteTransaction", other);
    assert_eq!(told["__type"], format!("{SPACE}IdempotentParameterMismatchException"));
    let put = json!({"Put": {"TableName": songs.table, "Item": {"artist": {"S": "t"}, "song": {"S": "1"}}}});
    let writes = json!({"TransactItems": [put], "ClientRequestToken": once["ClientRequestToken"]});
    songs.aws.table_call("TransactWriteItems", writes);
    assert_ne!(songs.song("t", "1"), Value::Null, "the other operation's tokens are its own");
}
