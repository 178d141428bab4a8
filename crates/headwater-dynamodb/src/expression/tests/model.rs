//! Conditions beside a second, naive evaluator: it walks the tree as parsed, copies what it reads and decides by cases.
use super::{item, placeholders, value};
use crate::{
    expression::{
        Parameter,
        syntax::{Call, Comparator, Condition, Operand, Path, Step},
    },
    value::{Item, Value},
};
use proptest::{prelude::*, sample::select};
use serde_json::{Value as Json, json};

fn values() -> Json {
    json!({":s": "ab", ":t": "b", ":n": 2, ":m": 1, ":y": {"B": "b"}, ":ss": {"SS": ["ab", "b"]}, ":l": [1, "b"], ":o": true})
}

/// What a path leads to, step by step.
fn find(path: &Path<'_>, item: &Item) -> Option<Value> {
    let mut here = Value::M(item.clone());
    for step in &path.0 {
        here = match (step, here) {
            (Step::Name(name), Value::M(map)) => map.get(*name)?.clone(),
            (Step::Alias(alias), Value::M(map)) => map.get(&alias[1..])?.clone(),
            (Step::Index(index), Value::L(list)) => list.into_iter().nth(index.parse().unwrap())?,
            _ => return None,
        };
    }
    Some(here)
}

fn operand(tree: &Operand<'_>, item: &Item) -> Option<Value> {
    match tree {
        Operand::Path(path) => find(path, item),
        Operand::Value(key) => Some(value(&values()[key])),
        Operand::Call(call) => {
            let length = match operand(&call.arguments[0], item)? {
                Value::S(text) => text.chars().count(),
                Value::B(bytes) => bytes.len(),
                Value::L(list) => list.len(),
                Value::M(map) => map.len(),
                Value::Ss(set) => set.len(),
                _ => return None,
            };
            Some(value(&json!(length)))
        }
    }
}

/// What orders the value among those of its type.
fn rank(value: &Value) -> Option<(&'static str, i64, Vec<u8>)> {
    match value {
        Value::S(text) => Some(("S", 0, text.clone().into_bytes())),
        Value::N(number) => Some(("N", number.as_i64()?, Vec::new())),
        Value::B(bytes) => Some(("B", 0, bytes.to_vec())),
        _ => None,
    }
}

fn holds(tree: &Condition<'_>, item: &Item) -> bool {
    let compare = |how, one: &Operand<'_>, two: &Operand<'_>| {
        let (one, two) = (operand(one, item), operand(two, item));
        let ranks = one.as_ref().and_then(rank).zip(two.as_ref().and_then(rank)).filter(|(one, two)| one.0 == two.0);
        let equal = one.is_some() && one == two;
        let less = ranks.as_ref().is_some_and(|(one, two)| one < two);
        let greater = ranks.as_ref().is_some_and(|(one, two)| one > two);
        match how {
            Comparator::Equal => equal,
            Comparator::NotEqual => !equal,
            Comparator::Less => less,
            Comparator::Greater => greater,
            Comparator::LessOrEqual => ranks.is_some() && !greater,
            Comparator::GreaterOrEqual => ranks.is_some() && !less,
        }
    };
    match tree {
        Condition::And(parts) => !parts.iter().any(|part| !holds(part, item)),
        Condition::Or(parts) => parts.iter().any(|part| holds(part, item)),
        Condition::Not(inner) => !holds(inner, item),
        Condition::Compare(how, one, two) => compare(*how, one, two),
        Condition::Between(operands) => {
            let [one, lower, upper] = &**operands;
            compare(Comparator::LessOrEqual, lower, one) && compare(Comparator::LessOrEqual, one, upper)
        }
        Condition::In(one, list) => list.iter().any(|two| compare(Comparator::Equal, one, two)),
        Condition::Call(call) => function(call, item),
    }
}

fn function(call: &Call<'_>, item: &Item) -> bool {
    let mut arguments = call.arguments.iter().map(|argument| operand(argument, item));
    let (first, second) = (arguments.next().flatten(), arguments.next().flatten());
    match (call.function, first, second) {
        ("attribute_exists", first, _) => first.is_some(),
        ("attribute_not_exists", first, _) => first.is_none(),
        ("begins_with", Some(Value::S(text)), Some(Value::S(prefix))) => text.find(&prefix) == Some(0),
        ("begins_with", Some(Value::B(bytes)), Some(Value::B(prefix))) => bytes.starts_with(&prefix),
        ("contains", Some(Value::S(text)), Some(Value::S(part))) => text.find(&part).is_some(),
        ("contains", Some(Value::B(bytes)), Some(Value::B(part))) => {
            (0..=bytes.len()).any(|at| bytes[at..].starts_with(&part))
        }
        ("contains", Some(Value::Ss(set)), Some(Value::S(part))) => set.iter().any(|member| *member == part),
        ("contains", Some(Value::L(list)), Some(part)) => list.contains(&part),
        _ => false,
    }
}

fn path() -> impl Strategy<Value = Path<'static>> {
    let name = || select(&[Step::Name("a"), Step::Alias("#b"), Step::Name("c")][..]);
    let step = prop_oneof![name(), select(&[Step::Index("0"), Step::Index("1")][..])];
    (name(), prop::collection::vec(step, 0..3))
        .prop_map(|(first, rest)| Path(std::iter::once(first).chain(rest).collect()))
}

fn some_operand() -> impl Strategy<Value = Operand<'static>> {
    let key = select(&[":s", ":t", ":n", ":m", ":y", ":ss", ":l", ":o"][..]);
    let size = path().prop_map(|path| Operand::Call(Call { function: "size", arguments: vec![Operand::Path(path)] }));
    prop_oneof![4 => path().prop_map(Operand::Path), 4 => key.prop_map(Operand::Value), 1 => size]
}

fn tree() -> impl Strategy<Value = Condition<'static>> {
    let how = select(
        &[Comparator::Equal, Comparator::NotEqual, Comparator::Less, Comparator::LessOrEqual, Comparator::Greater][..],
    );
    let one = select(&["attribute_exists", "attribute_not_exists"][..]);
    let two = select(&["contains", "begins_with"][..]);
    let leaf = prop_oneof![
        (how, some_operand(), some_operand()).prop_map(|(how, one, two)| Condition::Compare(how, one, two)),
        [some_operand(), some_operand(), some_operand()].prop_map(|operands| Condition::Between(Box::new(operands))),
        (some_operand(), prop::collection::vec(some_operand(), 1..3)).prop_map(|(one, list)| Condition::In(one, list)),
        (one, path())
            .prop_map(|(function, path)| Condition::Call(Call { function, arguments: vec![Operand::Path(path)] })),
        (two, some_operand(), some_operand())
            .prop_map(|(function, one, two)| Condition::Call(Call { function, arguments: vec![one, two] })),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..3).prop_map(Condition::And),
            prop::collection::vec(inner.clone(), 2..3).prop_map(Condition::Or),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
}

/// A document of the values the conditions know, and of near misses.
fn document() -> impl Strategy<Value = Json> {
    let leaf = select(vec![
        json!("ab"),
        json!("b"),
        json!("bc"),
        json!(1),
        json!(2),
        json!(3),
        json!(true),
        json!(null),
        json!({"B": "b"}),
        json!({"B": "bb"}),
        json!({"SS": ["ab", "b"]}),
    ]);
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
            prop::collection::btree_map(select(&["a", "b", "c"][..]), inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]
    #[test]
    fn both_evaluators_agree(
        tree in tree(),
        attributes in prop::collection::btree_map(select(&["a", "b", "c"][..]), document(), 0..4),
    ) {
        let item = item(&json!(attributes));
        let text = tree.to_string();
        // What is refused for its operands has no meaning to compare.
        if let Ok(condition) = placeholders(&values()).condition(Parameter::Condition, &text) {
            prop_assert_eq!(condition.holds(Some(&item)), holds(&tree, &item), "{}", text);
        }
    }
}
