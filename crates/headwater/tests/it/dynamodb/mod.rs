//! DynamoDB over the wire, one file per operation; statements have one together.
mod delete_item;
mod partiql;
mod put_item;
mod query;
mod scan;

use serde_json::Value;

use crate::server::Server;

const VALIDATION: &str = "com.amazon.coral.validate#ValidationException";

/// An input the service refuses in these words.
fn refuses(server: &Server, operation: &str, input: Value, message: &str) {
    let told = server.table_refusal(operation, input);
    assert_eq!((&told["__type"], &told["message"]), (&VALIDATION.into(), &message.into()), "{operation}");
}
