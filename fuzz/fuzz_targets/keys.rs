//! Values of keys: their bytes stand in the order of the values, numbers in that of their differences, and come back; and
//! any bytes as a stored key are none, or those that its values have.
#![no_main]
use headwater_dynamodb::{
    key::{KeyPart, KeySchema, KeyType, KeyValue, hash_prefix},
    number::Number,
    value::Value,
};
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use std::cmp::Ordering;

#[derive(Arbitrary, Debug)]
enum Attempt<'a> {
    Numbers(&'a str, &'a str),
    Strings(&'a str, &'a str),
    Bytes(&'a [u8], &'a [u8]),
    Stored(&'a [u8]),
}

fn bytes(value: &KeyValue) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    out
}

fn numbers(one: Number, other: Number) {
    let order = bytes(&KeyValue::N(one)).cmp(&bytes(&KeyValue::N(other)));
    assert_eq!(one.cmp(&other), order);
    // A difference of more digits than a number has is none.
    if let Ok(difference) = one.checked_sub(other) {
        assert_eq!(difference.cmp(&Number::ZERO), order);
        assert_eq!(other.checked_sub(one), Ok(-difference));
    }
    for number in [one, other] {
        let stored = bytes(&KeyValue::N(number));
        assert_eq!(Number::decode(&stored), Some((number, stored.len())));
        assert_eq!(Number::parse(&number.to_string()), Ok(number));
    }
}

fn ordered(one: KeyValue, other: KeyValue, order: Ordering) {
    let stored = [bytes(&one), bytes(&other)];
    assert_eq!(stored[0].cmp(&stored[1]), order);
    assert!(order.is_eq() || !stored[0].starts_with(&stored[1]), "one begins with another");
}

fn stored(bytes: &[u8]) {
    let part = |name: &str, kind| KeyPart { name: name.to_owned(), kind };
    let schema =
        KeySchema { hash: vec![part("h", KeyType::N)], range: vec![part("r", KeyType::S), part("s", KeyType::B)] };
    let Some((item, end)) = schema.decode(bytes) else { return };
    let value = |name: &str| KeyValue::of(&item[name]).unwrap();
    let mut again = Vec::new();
    hash_prefix(&[value("h")], &mut again);
    value("r").encode(&mut again);
    value("s").encode(&mut again);
    // The hash in front is not looked at: rows of an index have it from the table.
    assert_eq!(again[8..], bytes[8..end]);
    assert_eq!(schema.decode(&again), Some((item.clone(), end)));
    assert!(matches!(item["r"], Value::S(_)));
}

fuzz_target!(|attempt: Attempt| match attempt {
    Attempt::Numbers(one, other) => {
        if let (Ok(one), Ok(other)) = (Number::parse(one), Number::parse(other)) {
            numbers(one, other);
        }
    }
    Attempt::Strings(one, other) => ordered(KeyValue::S(one), KeyValue::S(other), one.cmp(other)),
    Attempt::Bytes(one, other) => ordered(KeyValue::B(one), KeyValue::B(other), one.cmp(other)),
    Attempt::Stored(bytes) => stored(bytes),
});
