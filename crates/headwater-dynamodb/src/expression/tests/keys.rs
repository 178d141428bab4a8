//! Key conditions: what a query may ask of the keys of a schema.
use super::{condition, value};
use crate::{
    expression::{KeyCondition, KeyQuery, KeyTest},
    key::{KeyPart, KeySchema, KeyType},
};
use serde_json::{Value as Json, json};

fn parts(names: &[&str]) -> Vec<KeyPart> {
    let kind = |name: &str| if name.starts_with('n') { KeyType::N } else { KeyType::S };
    names.iter().map(|name| KeyPart { name: (*name).to_owned(), kind: kind(name) }).collect()
}

fn values() -> Json {
    json!({":a": "a", ":b": "b", ":n": 1, ":o": true, ":e": ""})
}

fn against(text: &str, hash: &[&str], range: &[&str]) -> Result<KeyQuery, String> {
    let schema = KeySchema { hash: parts(hash), range: parts(range) };
    let key = KeyCondition::of(&condition(text, &values()).unwrap()).and_then(|key| key.against(&schema));
    key.map_err(|refusal| refusal.message.unwrap())
}

#[track_caller]
fn refused(text: &str, sentence: &str) {
    assert_eq!(against(text, &["pk"], &["sk"]).unwrap_err(), sentence, "{text}");
}

fn is(name: &str) -> std::sync::Arc<crate::value::Value> {
    value(&values()[name]).into()
}

#[test]
fn a_query_names_its_hash_and_at_most_one_range() {
    let of = |text| against(text, &["pk"], &["sk"]).unwrap();
    let with = |next| KeyQuery { hash: vec![is(":a")], range: vec![], next };
    assert_eq!(of("pk = :a"), with(None));
    assert_eq!(of(":a > sk AND :a = pk"), with(Some(KeyTest::Less(is(":a")))));
    assert_eq!(of("(sk BETWEEN :a AND :b) AND (pk = :a)"), with(Some(KeyTest::Between(is(":a"), is(":b")))));
    assert_eq!(of("begins_with(sk, :b) AND pk = :a"), with(Some(KeyTest::BeginsWith(is(":b")))));
    assert_eq!(of("pk = :a AND sk = :b"), KeyQuery { range: vec![is(":b")], ..with(None) });
}

#[test]
fn keys_of_several_parts_are_taken_from_the_left() {
    let of = |text| against(text, &["h1", "h2"], &["r1", "r2", "r3"]);
    let query = of("r2 >= :b AND h2 = :b AND r1 = :a AND h1 = :a").unwrap();
    assert_eq!((query.hash, query.range), (vec![is(":a"), is(":b")], vec![is(":a")]));
    assert_eq!(query.next, Some(KeyTest::GreaterOrEqual(is(":b"))));
    assert_eq!(of("h1 = :a AND r1 = :a").unwrap_err(), "Query condition missed key schema element: h2");
    assert_eq!(of("h1 = :a AND h2 = :a AND r2 = :a").unwrap_err(), "Query condition missed key schema element: r1");
    assert_eq!(of("h1 = :a AND h2 = :a AND r1 > :a AND r2 = :a").unwrap_err(), "Query key condition not supported");
}

#[test]
fn what_no_key_condition_can_be() {
    for (text, operator) in [
        ("a > b and size(b) > c or a > c", "OR"),
        ("a in (b, size(c), d)", "IN"),
        ("attribute_exists(a)", "attribute_exists"),
        ("attribute_not_exists(a)", "attribute_not_exists"),
        ("contains(a.d, b)", "contains"),
        ("not a > b", "NOT"),
        ("a <> b", "<>"),
    ] {
        refused(text, &format!("Invalid operator used in KeyConditionExpression: {operator}"));
    }
    for (text, why) in [
        (
            ":a between size(b) and size(a) and b > :b",
            "BETWEEN operator must have the key attribute as its first operand",
        ),
        ("begins_with(:a, b) and a > :b", "begins_with operator must have the key attribute as its first operand"),
        ("b > a.b", "Multiple attribute names used in one condition"),
        ("a between b and size(a)", "Multiple attribute names used in one condition"),
        ("begins_with(a, b)", "Multiple attribute names used in one condition"),
        (":b > :a AND a < :b", "No key attribute specified"),
    ] {
        refused(text, &format!("Invalid condition in KeyConditionExpression: {why}"));
    }
    for text in ["size(b) > a AND a.b > b AND b > c", "a > size(b.d)", "a between size(b) and size(a)"] {
        refused(text, "KeyConditionExpressions cannot contain nested operations");
    }
    refused("a.d > c", "KeyConditionExpressions cannot have conditions on nested attributes");
    refused(
        "(a > :a and b > :a) and (b > :a and c > :a)",
        "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key",
    );
}

#[test]
fn what_does_not_fit_the_schema() {
    refused("sk = :a", "Query condition missed key schema element: pk");
    refused("extra = :a", "Query condition missed key schema element: pk");
    refused("pk = :a AND extra = :b", "Query condition missed key schema element: sk");
    refused("pk > :a", "Query key condition not supported");
    refused(
        "pk = :a AND sk > :a AND extra = :b",
        "The number of query conditions (3) exceeds the number of key attributes defined in the schema (2)",
    );
    let mismatch = "One or more parameter values were invalid: Condition parameter type does not match schema type";
    refused("pk = :n", mismatch);
    refused("pk = :a AND sk = :o", mismatch);
    assert_eq!(against("pk = :a AND begins_with(n, :b)", &["pk"], &["n"]).unwrap_err(), mismatch);
    refused(
        "pk = :e",
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
         string value. Key: pk",
    );
}
