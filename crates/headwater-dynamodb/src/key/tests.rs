//! Keys against the order of plain values, and the service's refusals.
use super::*;
use crate::number::Number;
use proptest::{collection, prelude::*};

fn part(name: &str, kind: KeyType) -> KeyPart {
    KeyPart { name: name.into(), kind }
}

fn table() -> KeySchema {
    KeySchema { hash: vec![part("a", KeyType::S)], range: vec![part("b", KeyType::N)] }
}

fn text(value: &str) -> Value {
    Value::S(value.into())
}

fn number(value: i64) -> Value {
    Value::N(Number::from(value))
}

fn item(members: &[(&str, Value)]) -> Item {
    members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn put(schema: &KeySchema, members: &[(&str, Value)]) -> std::result::Result<Vec<u8>, String> {
    let mut key = vec![];
    schema.put_key(&item(members), &mut key).map_err(|error| error.message.unwrap())?;
    Ok(key)
}

fn named(members: &[(&str, Value)]) -> std::result::Result<Vec<u8>, String> {
    let mut key = vec![];
    table().named_key(&item(members), &mut key).map_err(|error| error.message.unwrap())?;
    Ok(key)
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = vec![];
    KeyValue::of(value).unwrap().encode(&mut bytes);
    bytes
}

/// Bytes with many zeros and ones, short enough that one often begins another.
fn blobs() -> impl Strategy<Value = Vec<u8>> {
    collection::vec(prop_oneof![Just(0), Just(1), Just(0xFF), any::<u8>()], 0..6)
}

fn values(kind: u8) -> BoxedStrategy<Value> {
    match kind {
        0 => "[\0\u{1}aé😀]{0,5}".prop_map(Value::S).boxed(),
        1 => (-20..20_i64).prop_map(number).boxed(),
        _ => blobs().prop_map(|bytes| Value::B(bytes.into())).boxed(),
    }
}

/// Three values of one type.
fn like_values() -> impl Strategy<Value = [Value; 3]> {
    (0..3_u8).prop_flat_map(|kind| [values(kind), values(kind), values(kind)])
}

fn cmp(one: &Value, two: &Value) -> std::cmp::Ordering {
    match (one, two) {
        (Value::S(one), Value::S(two)) => one.cmp(two),
        (Value::N(one), Value::N(two)) => one.cmp(two),
        (Value::B(one), Value::B(two)) => one.cmp(two),
        _ => panic!("values of two types"),
    }
}

fn begins(value: &Value, with: &Value) -> bool {
    match (value, with) {
        (Value::S(value), Value::S(with)) => value.starts_with(with),
        (Value::B(value), Value::B(with)) => value.starts_with(with),
        _ => cmp(value, with).is_eq(),
    }
}

proptest! {
    #[test]
    fn bytes_are_in_the_order_of_values_and_none_begin_another(like in like_values()) {
        let [one, two, _] = like;
        let (first, second) = (encoded(&one), encoded(&two));
        prop_assert_eq!(first.cmp(&second), cmp(&one, &two));
        prop_assert_eq!(first.starts_with(&second), one == two);
    }

    #[test]
    fn a_value_comes_back_from_its_bytes(like in like_values(), behind in blobs()) {
        let [value, ..] = like;
        let mut bytes = encoded(&value);
        let len = bytes.len();
        bytes.extend(behind);
        let kind = KeyValue::of(&value).unwrap().kind();
        prop_assert_eq!(super::bytes::decode(kind, &bytes), Some((value, len)));
        prop_assert_eq!(super::bytes::decode(kind, &bytes[..len - 1]), None);
    }

    #[test]
    fn a_range_holds_the_values_that_meet_its_condition(like in like_values(), prefix in blobs(), behind in blobs()) {
        let [value, low, high] = like;
        let (one, two) = (KeyValue::of(&low).unwrap(), KeyValue::of(&high).unwrap());
        let key = [prefix.clone(), encoded(&value), behind].concat();
        let order = cmp(&value, &low);
        for (condition, expected) in [
            (RangeCondition::Any, true),
            (RangeCondition::Equal(one), order.is_eq()),
            (RangeCondition::Less(one), order.is_lt()),
            (RangeCondition::LessOrEqual(one), order.is_le()),
            (RangeCondition::Greater(one), order.is_gt()),
            (RangeCondition::GreaterOrEqual(one), order.is_ge()),
            (RangeCondition::Between(one, two), order.is_ge() && cmp(&value, &high).is_le()),
            (RangeCondition::BeginsWith(one), begins(&value, &low)),
        ] {
            let range = KeyRange::under(&prefix, &condition);
            let held = range.from <= key && range.to.as_ref().is_none_or(|to| &key < to);
            prop_assert_eq!(held, expected, "{:?} in {:?}", value, condition);
        }
    }

    #[test]
    fn garbage_is_no_key_or_is_one(garbage in collection::vec(any::<u8>(), 0..40)) {
        let schema = KeySchema { hash: vec![part("a", KeyType::B)], range: vec![part("b", KeyType::N)] };
        if let Some((item, len)) = schema.decode(&garbage) {
            let mut key = vec![];
            hash_prefix(&[KeyValue::of(&item["a"]).unwrap()], &mut key);
            KeyValue::of(&item["b"]).unwrap().encode(&mut key);
            prop_assert_eq!(&key[8..], &garbage[8..len]);
        }
    }
}

#[test]
fn a_key_comes_back_with_its_names_whatever_stands_behind_it() {
    let attributes = [("a", text("x\0y")), ("b", number(-12))];
    let key = put(&table(), &[attributes.as_slice(), &[("c", Value::Null)]].concat()).unwrap();
    assert_eq!(named(&attributes), Ok(key.clone()));
    let stored = [key.as_slice(), b"more"].concat();
    assert_eq!(table().decode(&stored), Some((item(&attributes), key.len())));
    let mut prefix = vec![];
    hash_prefix(&[KeyValue::S("x\0y")], &mut prefix);
    assert!(key.starts_with(&prefix));
}

#[test]
fn a_put_says_what_is_wrong_with_the_key() {
    let refusal = |members: &[(&str, Value)]| put(&table(), members).unwrap_err();
    let invalid = "One or more parameter values were invalid: ";
    assert_eq!(refusal(&[("b", number(1))]), format!("{invalid}Missing the key a in the item"));
    assert_eq!(
        refusal(&[("a", Value::Bool(true)), ("b", number(1))]),
        format!("{invalid}Type mismatch for key a expected: S actual: BOOL")
    );
    assert_eq!(
        refusal(&[("a", text("")), ("b", number(1))]),
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty \
         string value. Key: a"
    );
    assert_eq!(
        refusal(&[("a", text(&"x".repeat(2049))), ("b", number(1))]),
        format!("{invalid}Size of hashkey has exceeded the maximum size limit of2048 bytes")
    );
    assert!(put(&table(), &[("a", text(&"x".repeat(2048))), ("b", number(1))]).is_ok());
    let bytes = KeySchema { hash: vec![part("a", KeyType::S)], range: vec![part("b", KeyType::B)] };
    let with_range = |len| put(&bytes, &[("a", text("x")), ("b", Value::B(vec![0; len].into()))]);
    assert!(with_range(1024).is_ok());
    assert_eq!(
        with_range(1025).unwrap_err(),
        format!("{invalid}Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
    );
    assert!(with_range(0).unwrap_err().ends_with("cannot contain an empty binary value. Key: b"));
}

#[test]
fn a_named_key_matches_the_schema_or_is_refused() {
    let mismatch = Err("The provided key element does not match the schema".to_owned());
    assert_eq!(named(&[("a", text("x"))]), mismatch);
    assert_eq!(named(&[("a", text("x")), ("c", number(1))]), mismatch);
    assert_eq!(named(&[("a", text("x")), ("b", text("1"))]), mismatch);
    assert_eq!(named(&[("a", text("x")), ("b", number(1)), ("c", number(1))]), mismatch);
    assert!(named(&[("a", text("")), ("b", number(1))]).unwrap_err().ends_with("empty string value. Key: a"));
}

#[test]
fn an_item_is_in_an_index_if_it_has_all_parts() {
    let kinds = [("a", KeyType::S), ("b", KeyType::N), ("c", KeyType::S)];
    let [a, b, c] = kinds.map(|(name, kind)| part(name, kind));
    let index = KeySchema { hash: vec![a, b], range: vec![c] };
    let written = |members: &[(&str, Value)], write| {
        let mut key = vec![];
        let is_in = index.index_key(&item(members), "i", write, &mut key).map_err(|error| error.message.unwrap())?;
        Ok::<_, String>(is_in.then_some(key))
    };
    let stored = |members: &[(&str, Value)]| written(members, Write::Put);
    let whole = [("a", text("x")), ("b", number(1)), ("c", text("y"))];
    let key = stored(&whole).unwrap().unwrap();
    assert_eq!(index.decode(&key), Some((item(&whole), key.len())));
    assert_eq!(stored(&whole[1..]), Ok(None));
    assert_eq!(
        stored(&[("b", Value::Null)]).unwrap_err(),
        "One or more parameter values were invalid: Type mismatch for Index Key b Expected: N Actual: NULL IndexName: i"
    );
    assert_eq!(
        stored(&[("c", text(""))]).unwrap_err(),
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The \
         AttributeValue for a key attribute cannot contain an empty string value. IndexName: i, IndexKey: c"
    );
    for (member, expected) in [
        (("b", Value::Null), "attempted to update the secondary index key to unsupported type"),
        (("c", text("")), "key attribute cannot contain an empty string value."),
        (("c", text(&"x".repeat(1025))), "attempted to update the secondary index key beyond allowed size limits"),
    ] {
        let refusal = written(&[whole.as_slice(), &[member]].concat(), Write::Update).unwrap_err();
        assert!(refusal.ends_with(expected), "{refusal}");
    }
}
