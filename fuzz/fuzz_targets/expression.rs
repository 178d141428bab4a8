//! Any text as an expression of each kind: refused, or a tree whose print parses to the same tree; and what resolves can
//! be applied to an item.
#![no_main]
use headwater_dynamodb::{
    expression::{Parameter, Placeholders, parse_condition, parse_projection, parse_update},
    value::{Item, Value, read_item},
};
use headwater_wire::AttributeValue;
use libfuzzer_sys::fuzz_target;
use std::{collections::BTreeMap, sync::LazyLock};

/// An expression's longest text.
const EXPRESSION_BYTES: usize = 4096;

const TEXTS: &[(Parameter, Option<&str>)] = &[(Parameter::Update, Some(""))];

/// A value of every kind, under the first letters.
static VALUES: LazyLock<BTreeMap<String, AttributeValue>> = LazyLock::new(|| {
    let number = |text: &str| AttributeValue::N(text.to_owned());
    let list = vec![number("1"), AttributeValue::M([("a".to_owned(), number("2"))].into())];
    let values = [
        AttributeValue::S("b".to_owned()),
        number("9.99e125"),
        AttributeValue::Ss(vec!["b".to_owned(), "c".to_owned()]),
        AttributeValue::L(list),
        AttributeValue::Bool(true),
        AttributeValue::S("SS".to_owned()),
    ];
    ["a", "b", "c", "d", "e", "f"].map(str::to_owned).into_iter().zip(values).collect()
});
static ITEM: LazyLock<Item> = LazyLock::new(|| {
    let item = read_item(VALUES.clone()).expect("the values are good");
    item.into_iter().chain([("m".to_owned(), Value::M(Item::new()))]).collect()
});

fn placeholders() -> Placeholders {
    let names = VALUES.keys().map(|name| (format!("#{name}"), name.clone())).collect();
    let values = VALUES.iter().map(|(name, value)| (format!(":{name}"), value.clone())).collect();
    Placeholders::new(Some(names), Some(values), TEXTS).expect("the placeholders are good")
}

/// What a parser makes of the print of what it made of a text is the same, if the print is no longer than an expression
/// may be: it has more blanks. A macro, as the trees borrow from their texts.
macro_rules! comes_back {
    ($parse:expr, $text:expr) => {
        if let Ok(tree) = $parse($text) {
            let print = tree.to_string();
            if print.len() <= EXPRESSION_BYTES {
                assert_eq!($parse(&print), Ok(tree));
            }
        }
    };
}

fuzz_target!(|text: &str| {
    for parameter in [Parameter::Condition, Parameter::KeyCondition] {
        let parse = |text| parse_condition(parameter, text);
        comes_back!(parse, text);
    }
    comes_back!(parse_update, text);
    comes_back!(parse_projection, text);
    let mut placeholders = placeholders();
    if let Ok(condition) = placeholders.condition(Parameter::Filter, text) {
        let _ = (condition.holds(Some(&ITEM)), condition.holds(None));
    }
    if let Ok(update) = placeholders.update(text) {
        for old in [Some(ITEM.clone()), None] {
            if let Ok(Some(new)) = update.evolve(old, Item::new) {
                let _ = update.touched().project(new);
            }
        }
    }
    if let Ok(projection) = placeholders.projection(text) {
        let _ = projection.project(ITEM.clone());
    }
});
