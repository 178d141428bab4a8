//! What updates make of items.
use super::{item, number, update};
use crate::value::Item;
use serde_json::{Value as Json, json};

fn before() -> Json {
    json!({"pk": "k", "a": 1, "b": 2, "l": [0, 1, 2], "m": {"x": 1, "l": [[0], [1]]}, "s": {"SS": ["x", "y"]}})
}

#[track_caller]
fn evolve(text: &str, values: &Json) -> Result<Item, String> {
    let evolved = update(text, values).unwrap().evolve(Some(item(&before())), || item(&json!({"pk": "k"})));
    evolved.map(Option::unwrap).map_err(|refusal| refusal.message.unwrap())
}

/// The old item with changes; null removes.
fn with(changes: &Json) -> Item {
    let mut changed = before();
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Json::Null => drop(changed.as_object_mut().unwrap().remove(name)),
            change => changed[name] = change.clone(),
        }
    }
    item(&changed)
}

#[track_caller]
fn gives(text: &str, values: &Json, changes: &Json) {
    assert_eq!(evolve(text, values).unwrap(), with(changes), "{text}");
}

#[test]
fn every_right_hand_side_sees_the_old_item() {
    gives("SET a = b, b = a", &json!({}), &json!({"a": 2, "b": 1}));
    gives("SET c = a + b REMOVE a ADD b :v", &json!({":v": 5}), &json!({"c": 3, "b": 7, "a": null}));
    gives("SET l[0] = l[2], l[2] = l[0]", &json!({}), &json!({"l": [2, 1, 0]}));
}

#[test]
fn functions_and_arithmetic() {
    let values = json!({":v": 5, ":l": [9], ":w": 0.5});
    gives("SET a = if_not_exists(a, :v), c = if_not_exists(c, :v)", &values, &json!({"c": 5}));
    gives("SET c = if_not_exists(c, :v) - :w", &values, &json!({"c": 4.5}));
    gives("SET l = list_append(l, :l)", &values, &json!({"l": [0, 1, 2, 9]}));
    gives("SET l = list_append(:l, if_not_exists(x, :l))", &values, &json!({"l": [9, 9]}));
    gives("SET a = (a + (:v))", &values, &json!({"a": 6}));
}

#[test]
fn what_lies_behind_the_end_of_a_list_is_appended_in_the_order_of_the_indexes() {
    gives(
        "SET l[9] = :x, l[7] = :y, l[1] = :z",
        &json!({":x": "x", ":y": "y", ":z": "z"}),
        &json!({
            "l": [0, "z", 2, "y", "x"]
        }),
    );
    gives("SET l[9] = :x REMOVE l[0], l[3]", &json!({":x": "x"}), &json!({"l": [1, 2, "x"]}));
}

#[test]
fn removed_indexes_are_those_of_the_old_list() {
    gives("REMOVE l[0], l[1]", &json!({}), &json!({"l": [2]}));
    gives("REMOVE l[1], l[7], l[0] SET l[2] = :v", &json!({":v": 7}), &json!({"l": [7]}));
    gives("REMOVE m.l[0], m.l[1][0]", &json!({}), &json!({"m": {"x": 1, "l": [[]]}}));
    gives("SET m.l[1][5] = :v REMOVE m.l[0]", &json!({":v": 7}), &json!({"m": {"x": 1, "l": [[1, 7]]}}));
}

#[test]
fn add_and_delete_know_numbers_and_sets() {
    let values = json!({":v": 5, ":s": {"SS": ["y", "z"]}, ":all": {"SS": ["x", "y"]}});
    gives(
        "ADD a :v, c :v, m.x :v, s :s",
        &values,
        &json!({
            "a": 6, "c": 5, "m": {"x": 6, "l": [[0], [1]]}, "s": {"SS": ["x", "y", "z"]}
        }),
    );
    gives("DELETE s :s, c :s", &values, &json!({"s": {"SS": ["x"]}}));
    gives("DELETE s :all", &values, &json!({"s": null}));
}

#[test]
fn an_update_that_does_not_fit_the_item_is_refused() {
    let values = json!({":v": 5, ":s": {"SS": ["y"]}, ":t": "t", ":big": 9e125, ":l": []});
    let path = "The document path provided in the update expression is invalid for update";
    let kind = "An operand in the update expression has an incorrect data type";
    let absent = "The provided expression refers to an attribute that does not exist in the item";
    for (text, why) in [
        ("SET c.d = :v", path),
        ("SET a.d = :v", path),
        ("SET m[0] = :v", path),
        ("SET l.x = :v", path),
        ("SET l[7].x = :v", path),
        ("REMOVE c.d", path),
        ("DELETE c.d :s", path),
        ("SET c = d", absent),
        ("SET c = d + :v", absent),
        ("SET c = pk + :v", kind),
        ("SET c = list_append(a, :l)", kind),
        ("SET c = if_not_exists(c, :t) + :v", kind),
        ("ADD pk :v", kind),
        ("ADD s :v", kind),
        ("DELETE a :s", kind),
        (
            "SET c = :big + :big",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        ("ADD a :big", "Attempting to store more than 38 significant digits in a Number"),
    ] {
        assert_eq!(evolve(text, &values).unwrap_err(), why, "{text}");
    }
}

#[test]
fn only_what_takes_members_away_makes_no_item() {
    let key = item(&json!({"pk": "k"}));
    let made = |text| update(text, &json!({":s": {"SS": ["y"]}})).unwrap().evolve(None, || key.clone()).unwrap();
    assert_eq!(made("DELETE s :s"), None);
    assert_eq!(made("REMOVE s"), Some(key.clone()));
    assert_eq!(made("ADD s :s"), Some(item(&json!({"pk": "k", "s": {"SS": ["y"]}}))));
}

#[test]
fn what_was_touched_is_the_leaves_with_their_parents() {
    let values = json!({":v": 5});
    let parsed = update("SET m.x = :v, l[2] = :v, l[0] = :v REMOVE a ADD m.y :v", &values).unwrap();
    let old = item(&before());
    let new = parsed.evolve(Some(old.clone()), Item::new).unwrap().unwrap();
    assert_eq!(parsed.touched().project(old.clone()), item(&json!({"a": 1, "l": [0, 2], "m": {"x": 1}})));
    assert_eq!(parsed.touched().project(new.clone()), item(&json!({"l": [5, 5], "m": {"x": 5, "y": 5}})));
    assert_eq!(parsed.attributes().collect::<Vec<_>>(), ["a", "l", "m"]);
    assert_eq!(new["l"], super::value(&json!([5, 1, 5])));
    assert_eq!(old["a"], number("1"));
}
