//! What conditions hold of which items, and what projections show.
use super::{condition, item, projection};
use serde_json::{Value as Json, json};

fn subject() -> Json {
    json!({
        "a": "text", "n": 5, "b": {"B": "bytes"}, "t": true, "z": null,
        "l": ["x", 2, {"k": 3}], "m": {"k": {"j": "deep"}},
        "ss": {"SS": ["x", "y"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": ["q"]},
    })
}

#[track_caller]
fn holds(text: &str, values: &Json) -> bool {
    condition(text, values).unwrap().holds(Some(&item(&subject())))
}

#[test]
fn equality_is_deep_and_of_one_type() {
    for (text, value) in [
        ("n = :v", json!(5.0)),
        ("l = :v", json!(["x", 2, {"k": 3}])),
        ("ss = :v", json!({"SS": ["y", "x"]})),
        ("m.k.j = :v", json!("deep")),
        ("l[2].k = :v", json!(3)),
        ("n <> :v", json!("5")),
        ("absent <> :v", json!(1)),
        ("NOT absent = :v", json!(1)),
    ] {
        assert!(holds(text, &json!({":v": value})), "{text}");
    }
    assert!(!holds("n = :v", &json!({":v": "5"})));
    assert!(!holds("absent = :v", &json!({":v": null})));
}

#[test]
fn there_is_no_order_between_types_nor_with_what_is_absent() {
    assert!(holds("n > :v AND n >= :v AND :v < n", &json!({":v": 4.9})));
    assert!(holds("a BETWEEN :v AND :w", &json!({":v": "t", ":w": "text"})));
    assert!(holds("b > :v", &json!({":v": {"B": "a"}})));
    for text in ["n < :v", "n > :v", "absent < :v", "absent >= :v", "l < n", "NOT n <> n1"] {
        assert!(!holds(text, &json!({":v": "1"})), "{text}");
    }
}

#[test]
fn functions_look_at_the_types_they_know() {
    let values =
        json!({":x": "x", ":te": "te", ":one": 1, ":by": {"B": "by"}, ":q": {"B": "q"}, ":n": "N", ":m": {"k": 3}});
    for text in [
        "attribute_exists(m.k.j) AND attribute_not_exists(m.k.i) AND attribute_not_exists(l[3])",
        "attribute_type(n, :n) AND NOT attribute_type(a, :n)",
        "begins_with(a, :te) AND begins_with(b, :by) AND NOT begins_with(b, :te)",
        "contains(a, :x) AND contains(l, :x) AND contains(ss, :x) AND contains(ns, :one) AND contains(bs, :q)",
        "contains(b, :by) AND contains(l, :m) AND NOT contains(m, :x) AND NOT contains(ns, :x)",
        "size(a) > size(ss) AND size(b) = size(b) AND NOT size(n) = size(t)",
        "size(m) = :one AND size(l) > size(ns)",
        "NOT :one IN (a, l[1]) AND :x IN (a, l[0])",
    ] {
        assert!(holds(text, &values), "{text}");
    }
}

#[test]
fn the_size_of_a_text_is_in_units_of_utf16() {
    for text in ["", "a", "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}", "tée 🦀🦀"] {
        let values = json!({":size": text.encode_utf16().count()});
        assert!(condition("size(a) = :size", &values).unwrap().holds(Some(&item(&json!({"a": text})))), "{text}");
    }
}

#[test]
fn a_part_that_is_hardly_told_from_the_rest_is_looked_for_in_linear_time() {
    let (rest, part) = ("a".repeat(400_000), format!("{}b", "a".repeat(200_000)));
    let values = json!({":part": {"B": part}, ":text": part, ":none": {"B": ""}});
    let text = "contains(b, :none) AND NOT contains(b, :part) AND NOT contains(s, :text)";
    assert!(condition(text, &values).unwrap().holds(Some(&item(&json!({"b": {"B": rest}, "s": rest})))));
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    let values = json!({":v": 5});
    assert!(holds("n = :v OR n <> :v AND n <> :v", &values));
    assert!(!holds("(n = :v OR n <> :v) AND n <> :v", &values));
    assert!(holds("NOT n <> :v AND n = :v", &values));
    assert!(!holds("not (n <> :v or n = :v)", &values));
}

#[test]
fn an_item_that_is_not_there_has_no_attributes() {
    let absent = |text| condition(text, &json!({":v": 1})).unwrap().holds(None);
    assert!(absent("attribute_not_exists(a) AND a <> :v"));
    assert!(!absent("attribute_exists(a)"));
}

#[test]
fn a_condition_names_the_attributes_it_looks_at() {
    let found = condition("size(a.b) > :v AND (#b IN (:v, c) OR contains(a, :v))", &json!({":v": 1})).unwrap();
    assert_eq!(found.attributes(), ["a", "b", "c", "a"]);
}

#[test]
fn a_projection_keeps_maps_and_moves_list_elements_together() {
    let shown = |text| projection(text).unwrap().project(item(&subject()));
    assert_eq!(shown("l[2], a, l[0], absent"), item(&json!({"a": "text", "l": ["x", {"k": 3}]})));
    assert_eq!(shown("m.k.j, m.i"), item(&json!({"m": {"k": {"j": "deep"}}})));
    assert_eq!(shown("l[9], m.k.i, a.b, n[0]"), item(&json!({})));
}
