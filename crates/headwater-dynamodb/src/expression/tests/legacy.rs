//! The parameters before expressions.
use super::{item, wire};
use crate::expression::{
    Parameter,
    legacy::{attribute_updates, attributes_to_get, expected, filter, key_conditions, not_mixed},
};
use headwater_wire::dynamodb::{
    AttributeAction, AttributeValueUpdate, ComparisonOperator, Condition, ConditionalOperator, ExpectedAttributeValue,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

fn condition(operator: ComparisonOperator, values: &Json) -> Condition {
    let list = values.as_array().unwrap().iter().map(wire).collect();
    Condition { comparison_operator: operator, attribute_value_list: Some(list) }
}

/// Whether `{a: 5, l: ["x"]}` fulfils a condition of one attribute.
fn holds(name: &str, operator: ComparisonOperator, values: &Json) -> Result<bool, String> {
    let conditions = BTreeMap::from([(name.to_owned(), condition(operator, values))]);
    let condition = filter(Some(conditions), None).map_err(|refusal| refusal.message.unwrap())?.unwrap();
    Ok(condition.holds(Some(&item(&json!({"a": 5, "l": ["x"], "t": "text"})))))
}

#[test]
fn every_operator_has_its_meaning() {
    use ComparisonOperator::{BeginsWith, Between, Contains, Eq, Ge, Gt, In, Le, Lt, Ne, NotContains, NotNull, Null};
    for (name, operator, values, meant) in [
        ("a", Eq, json!([5]), true),
        ("l", Eq, json!([["x"]]), true),
        ("a", Ne, json!(["5"]), true),
        ("none", Ne, json!([5]), true),
        ("a", In, json!([4, 5]), true),
        ("a", Le, json!([5]), true),
        ("a", Lt, json!([5]), false),
        ("a", Ge, json!([6]), false),
        ("a", Gt, json!([4]), true),
        ("a", Between, json!([5, 6]), true),
        ("a", NotNull, json!([]), true),
        ("none", Null, json!([]), true),
        ("l", Contains, json!(["x"]), true),
        ("t", Contains, json!(["ex"]), true),
        ("l", NotContains, json!(["y"]), true),
        ("none", NotContains, json!(["y"]), false),
        ("t", BeginsWith, json!(["te"]), true),
    ] {
        assert_eq!(holds(name, operator, &values), Ok(meant), "{name} {operator:?} {values}");
    }
}

#[test]
fn an_operator_takes_so_many_values_of_such_types() {
    use ComparisonOperator::{BeginsWith, Between, Eq, In, Lt, Null};
    let invalid = "One or more parameter values were invalid: ";
    for (operator, values, why) in [
        (Eq, json!([]), "Invalid number of argument(s) for the EQ ComparisonOperator"),
        (Null, json!([1]), "Invalid number of argument(s) for the NULL ComparisonOperator"),
        (In, json!([]), "Invalid number of argument(s) for the IN ComparisonOperator"),
        (Between, json!([1]), "Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
        (In, json!(["b", 1]), "AttributeValues inside AttributeValueList must be of same type"),
        (Lt, json!([true]), "ComparisonOperator LT is not valid for BOOL AttributeValue type"),
        (BeginsWith, json!([1]), "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"),
    ] {
        assert_eq!(holds("a", operator, &values), Err(format!("{invalid}{why}")));
    }
    assert_eq!(
        holds("a", Between, &json!(["b", "a"])).unwrap_err(),
        "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
    );
}

fn expect(
    value: Option<Json>,
    exists: Option<bool>,
    operator: Option<ComparisonOperator>,
    list: Option<Json>,
) -> Result<bool, String> {
    let list = list.map(|list| list.as_array().unwrap().iter().map(wire).collect());
    let attribute = ExpectedAttributeValue {
        value: value.as_ref().map(wire),
        exists,
        comparison_operator: operator,
        attribute_value_list: list,
    };
    let condition = expected(Some(BTreeMap::from([("a".to_owned(), attribute)])), None);
    let condition = condition.map_err(|refusal| refusal.message.unwrap())?.unwrap();
    Ok(condition.holds(Some(&item(&json!({"a": 5})))))
}

#[test]
fn what_is_expected_is_a_value_its_absence_or_a_comparison() {
    use ComparisonOperator::{Eq, Gt, NotNull};
    assert_eq!(expect(Some(json!(5)), None, None, None), Ok(true));
    assert_eq!(expect(Some(json!(4)), Some(true), None, None), Ok(false));
    assert_eq!(expect(None, Some(false), None, None), Ok(false));
    assert_eq!(expect(Some(json!(4)), None, Some(Gt), None), Ok(true));
    assert_eq!(expect(None, None, Some(NotNull), None), Ok(true));
    for (given, why) in [
        ((None, None, None, None), "Value must be provided when Exists is null"),
        ((None, Some(true), None, None), "Value must be provided when Exists is true"),
        ((Some(json!(1)), Some(false), None, None), "Value cannot be used when Exists is false"),
        ((None, Some(true), Some(Eq), None), "Exists and ComparisonOperator cannot be used together"),
        ((Some(json!(1)), None, Some(Eq), Some(json!([1]))), "Value and AttributeValueList cannot be used together"),
        ((None, None, None, Some(json!([1]))), "AttributeValueList can only be used with a ComparisonOperator"),
        ((None, None, Some(Eq), None), "Value or AttributeValueList must be used with ComparisonOperator: EQ"),
    ] {
        let (value, exists, operator, list) = given;
        let sentence = format!("One or more parameter values were invalid: {why} for Attribute: a");
        assert_eq!(expect(value, exists, operator, list), Err(sentence));
    }
}

#[test]
fn a_conditional_operator_joins_two_or_more() {
    let conditions = |count: usize| {
        let one = |name: &str| (name.to_owned(), condition(ComparisonOperator::Eq, &json!([5])));
        Some(["a", "l"].iter().take(count).map(|name| one(name)).collect::<BTreeMap<_, _>>())
    };
    let holds =
        |operator| filter(conditions(2), operator).unwrap().unwrap().holds(Some(&item(&json!({"a": 5, "l": 4}))));
    assert!(holds(Some(ConditionalOperator::Or)) && !holds(Some(ConditionalOperator::And)) && !holds(None));
    let refused = |count| filter(conditions(count), Some(ConditionalOperator::Or)).unwrap_err().message.unwrap();
    assert_eq!(refused(0), "ConditionalOperator cannot be used without Filter or Expected");
    assert_eq!(refused(1), "ConditionalOperator can only be used when Filter or Expected has two or more elements");
    assert_eq!(expected(None, None), Ok(None));
}

fn updates(given: &[(&str, Option<AttributeAction>, Option<Json>)]) -> Result<crate::expression::Update, String> {
    let update = |action, value: &Option<Json>| AttributeValueUpdate { action, value: value.as_ref().map(wire) };
    let updates = given.iter().map(|(name, action, value)| ((*name).to_owned(), update(*action, value))).collect();
    attribute_updates(updates).map_err(|refusal| refusal.message.unwrap())
}

#[test]
fn attribute_updates_put_add_and_delete() {
    use AttributeAction::{Add, Delete, Put};
    let update = updates(&[
        ("p", None, Some(json!("new"))),
        ("q.r", Some(Put), Some(json!([1]))),
        ("n", Some(Add), Some(json!(3))),
        ("l", Some(Add), Some(json!([2]))),
        ("s", Some(Delete), Some(json!({"SS": ["x"]}))),
        ("gone", Some(Delete), None),
    ]);
    let old = item(&json!({"n": 1, "l": [1], "s": {"SS": ["x", "y"]}, "gone": 1}));
    let update = update.unwrap();
    let new = update.evolve(Some(old.clone()), BTreeMap::new).unwrap().unwrap();
    assert_eq!(new, item(&json!({"p": "new", "q.r": [1], "n": 4, "l": [1, 2], "s": {"SS": ["y"]}})));
    assert_eq!(update.touched().project(new.clone()), new);
    let refused = updates(&[("n", Some(Add), Some(json!({"SS": ["x"]})))]).unwrap().evolve(Some(old), BTreeMap::new);
    assert_eq!(refused.unwrap_err().message.unwrap(), "Type mismatch for attribute to update");
}

#[test]
fn attribute_updates_that_make_no_sense() {
    use AttributeAction::{Add, Delete, Put};
    for (action, value, why) in [
        (Put, None, "Only DELETE action is allowed when no attribute value is specified"),
        (Delete, Some(json!("s")), "DELETE action with value is not supported for the type S"),
        (Add, Some(json!(true)), "ADD action is not supported for the type BOOL"),
    ] {
        let sentence = format!("One or more parameter values were invalid: {why}");
        assert_eq!(updates(&[("a", Some(action), value)]).unwrap_err(), sentence);
    }
}

#[test]
fn attributes_deleted_the_old_way_make_no_item() {
    let key = item(&json!({"pk": "k"}));
    let made = |given| updates(given).unwrap().evolve(None, || key.clone()).unwrap();
    assert_eq!(made(&[("a", Some(AttributeAction::Delete), None)]), None);
    assert_eq!(made(&[]), Some(key.clone()));
}

#[test]
fn old_and_new_do_not_mix_but_for_the_conditions_of_keys() {
    let mixed = |old: &[(&str, bool)], new: &[(Parameter, bool)]| {
        not_mixed(old, new).map_err(|refusal| refusal.message.unwrap())
    };
    let old =
        [("AttributesToGet", false), ("QueryFilter", true), ("ConditionalOperator", true), ("KeyConditions", true)];
    let all = [(Parameter::Projection, true), (Parameter::Filter, true), (Parameter::KeyCondition, true)];
    assert_eq!(
        mixed(&old, &all).unwrap_err(),
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: \
         {QueryFilter, ConditionalOperator, KeyConditions} Expression parameters: {ProjectionExpression, \
         FilterExpression, KeyConditionExpression}"
    );
    assert_eq!(
        mixed(&[("KeyConditions", true)], &[(Parameter::Filter, true), (Parameter::KeyCondition, false)]),
        Ok(())
    );
    assert_eq!(mixed(&old, &[(Parameter::Filter, false)]), Ok(()));
}

#[test]
fn attributes_to_get_and_key_conditions() {
    let get = |names: &[&str]| attributes_to_get(names.iter().map(|name| (*name).to_owned()).collect());
    let shown = get(&["b.c", "a"]).unwrap().project(item(&json!({"a": 1, "b": {"c": 1}, "b.c": 2})));
    assert_eq!(shown, item(&json!({"a": 1, "b.c": 2})));
    assert_eq!(
        get(&["a", "b", "a"]).unwrap_err().message.unwrap(),
        "One or more parameter values were invalid: Duplicate value in attribute name: a"
    );
    assert_eq!(
        key_conditions(BTreeMap::new()).unwrap_err().message.unwrap(),
        "Conditions can be of length 1 or 2 only"
    );
}
