//! What is refused, in which words, and what is refused first.
use super::{condition, projection, update, why, wires};
use crate::expression::{Parameter, Placeholders};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

#[track_caller]
fn refused(text: &str, values: &Json, sentence: &str) {
    assert_eq!(why(condition(text, values)), sentence, "{text}");
}

#[track_caller]
fn update_refused(text: &str, values: &Json, sentence: &str) {
    assert_eq!(why(update(text, values)), sentence, "{text}");
}

#[test]
fn a_syntax_error_shows_the_token_with_a_neighbour_on_each_side() {
    for (text, token, near) in [
        ("a", "<EOF>", "a"),
        ("a = ", "<EOF>", "= "),
        ("a == :v", "=", "== :v"),
        ("a > between", "between", "> between"),
        ("a AND b = c", "AND", "a AND b"),
        ("(a = b) = c", "=", ") = c"),
        ("attribute_type()", ")", "()"),
        ("a in b", "b", "in b"),
        ("a in (b,c,)", ")", ",)"),
        ("a[b] > c", "b", "[b]"),
        ("a[01] > c", "1", "01]"),
        ("a.(b) > c", "(", ".(b"),
        ("size(a).b > c", ".", ").b"),
        ("ü > a", "ü", "ü >"),
        ("_a > b", "_", "_a"),
        (") a", ")", ") a"),
        ("a = b c", "c", "b c"),
        ("a.:v > b", ":v", ".:v >"),
    ] {
        refused(text, &json!({}), &format!("Syntax error; token: \"{token}\", near: \"{near}\""));
    }
    for (text, token, near) in [
        ("whatever", "whatever", "whatever"),
        ("SET n = n * :v", "*", "n * :v"),
        ("SET n = :v +", "<EOF>", "+"),
        ("ADD n", "<EOF>", "n"),
        ("ADD n 1", "1", "n 1"),
        ("delete a b", "b", "a b"),
        ("set a=set", "set", "=set"),
        ("set a = b + c + d", "+", "c + d"),
        ("set (a = (b + c))", "(", "set (a"),
        ("set a = (b.c)[0] + e", "[", ")[0"),
    ] {
        update_refused(text, &json!({}), &format!("Syntax error; token: \"{token}\", near: \"{near}\""));
    }
}

#[test]
fn limits_of_an_expression() {
    let long = "a".repeat(4097);
    let size = "Expression size has exceeded the maximum allowed size;";
    refused(&long, &json!({}), &format!("{size} expression size: 4097"));
    assert_eq!(why(projection(&long)), size);
    update_refused(&long, &json!({}), size);
    refused("", &json!({}), "The expression can not be empty;");
    let many = |count: usize| vec!["a=:v"; count].join(" OR ");
    condition(&many(150), &json!({":v": 1})).unwrap();
    refused(&many(151), &json!({":v": 1}), "The expression contains too many operators; operator count: 301");
    let path = |levels: usize| format!("a{}", ".b".repeat(levels - 1));
    projection(&path(32)).unwrap();
    assert_eq!(why(projection(&path(33))), "The document path has too many nesting levels; nesting levels: 33");
    assert_eq!(why(projection("a[2147483648]")), "List index is not within the allowable range; index: [2147483648]");
    projection("a[2147483647]").unwrap();
    let list = (0..101).map(|n| format!("b{n}")).collect::<Vec<_>>().join(",");
    refused(
        &format!("a IN ({list})"),
        &json!({}),
        "The IN operator is provided with too many operands; number of operands: 101",
    );
}

#[test]
fn nesting_is_refused_long_before_the_stack_ends() {
    let nested = |levels: usize| format!("{}a=:v{}", "(a=:v OR ".repeat(levels), ")".repeat(levels));
    condition(&nested(140), &json!({":v": 1})).unwrap();
    for text in [nested(151), "(".repeat(4096), "NOT ".repeat(1024), "f(".repeat(2048)] {
        let sentence = why(condition(&text, &json!({})));
        assert!(sentence.starts_with("The expression has too many nesting levels;"), "{sentence}");
    }
    let sentence = why(update(&format!("SET a = {}", "(".repeat(4000)), &json!({})));
    assert!(sentence.starts_with("The expression has too many nesting levels;"), "{sentence}");
}

#[test]
fn parentheses_around_parentheses_are_refused_at_once() {
    for text in ["a=b and c > ((views))", "((a=b))", "a > whatever((:x), ((a)))", "(a)between(((b.c)).d)and(c)"] {
        refused(text, &json!({}), "The expression has redundant parentheses;");
    }
    condition("((a) = (:v)) AND (NOT (a = :v))", &json!({":v": 1})).unwrap();
}

#[test]
fn functions_and_reserved_words_come_in_the_order_they_are_written() {
    let reserved = |word: &str| format!("Attribute name is a reserved keyword; reserved keyword: {word}");
    refused("attribute_exists(views, #x)", &json!({}), &reserved("views"));
    refused(":a < abOrT", &json!({}), &reserved("abOrT"));
    refused("attRIbute_exIsts((views), #a)", &json!({}), "Invalid function name; function: attRIbute_exIsts");
    refused("a=a and whatever((:x)) > a", &json!({}), "Invalid function name; function: whatever");
    for (text, function) in [
        ("a=a and attribute_exists((views), (#a)) > b", "attribute_exists"),
        ("size(contains(a, b)) > a", "contains"),
        ("size(things)", "size"),
        ("a between b and attribute_exists(things)", "attribute_exists"),
        ("a in (b, contains(things))", "contains"),
    ] {
        let sentence = "The function is not allowed to be used this way in an expression; function: ";
        refused(text, &json!({}), &format!("{sentence}{function}"));
    }
    refused(
        "if_not_exists(a, :v) = :v",
        &json!({}),
        "The function is not allowed in a condition expression; function: if_not_exists",
    );
    update_refused(
        "SET a = size(b)",
        &json!({}),
        "The function is not allowed in an update expression; function: size",
    );
    update_refused(
        "SET a = list_append(list_append(b, :v), :w)",
        &json!({}),
        "The function is not allowed to be used this way in an expression; function: list_append",
    );
    update_refused(" set #x = :x set abOrt = true ", &json!({}), &reserved("abOrt"));
    update_refused("set #x = if_not_exist(:x) set c = d", &json!({}), "Invalid function name; function: if_not_exist");
}

#[test]
fn placeholders_come_before_operands_and_one_comparison_after_the_other() {
    let name = |alias| {
        format!("An expression attribute name used in the document path is not defined; attribute name: {alias}")
    };
    let value =
        |key| format!("An expression attribute value used in expression is not defined; attribute value: {key}");
    refused("attribute_exists(#x.y, :v) and a=a", &json!({}), &name("#x"));
    refused("(#x between :lo and :hi) and (#y in (:cat1, :cat2))", &json!({}), &name("#x"));
    refused("begins_with(:x, #x, #y)", &json!({}), &value(":x"));
    refused(
        "a = a AND #a = b AND :x > a",
        &json!({}),
        "The first operand must be distinct from the remaining operands for this operator or function; operator: =, \
         first operand: [a]",
    );
    update_refused("SET a = :x, #x = if_not_exists(:x)", &json!({}), &name("#x"));
    update_refused("SET #a = if_not_exists(:x)", &json!({}), &value(":x"));
}

#[test]
fn operands_of_conditions() {
    let count = |function, count| {
        format!(
            "Incorrect number of operands for operator or function; operator or function: {function}, \
             number of operands: {count}"
        )
    };
    let kind = |function, kind| {
        format!(
            "Incorrect operand type for operator or function; operator or function: {function}, operand type: {kind}"
        )
    };
    let path = |function| format!("Operator or function requires a document path; operator or function: {function}");
    let distinct = |operator, path| {
        format!(
            "The first operand must be distinct from the remaining operands for this operator or function; \
             operator: {operator}, first operand: {path}"
        )
    };
    let values = json!({":n": 1, ":s": "s", ":o": true, ":l": []});
    for (text, sentence) in [
        ("attribute_exists(things, a) and a=a", count("attribute_exists", 2)),
        ("begins_with(things, size(a), b)", count("begins_with", 3)),
        ("size(things, a) > b", count("size", 2)),
        ("attribute_type(a, size(a)) and a=a", kind("attribute_type", "N")),
        ("attribute_type(a, b)", kind("attribute_type", "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")),
        ("attribute_type(a, :l)", kind("attribute_type", "L")),
        ("begins_with(:n, a)", kind("begins_with", "N")),
        ("size(size(a)) > :n", kind("size", "N")),
        ("attribute_not_exists(size(:n))", kind("size", "N")),
        ("attribute_not_exists(size(:s))", path("attribute_not_exists")),
        ("attribute_exists(:s)", path("attribute_exists")),
        ("a <= :o", kind("<=", "BOOL")),
        ("a BETWEEN :l AND :n", kind("BETWEEN", "L")),
        ("contains(a.b[1].c, a.b[1].#c)", distinct("contains", "[a, b, [1], c]")),
        ("a in (b, a)", distinct("IN", "[a]")),
        ("attribute_type(a.#i, a.#i)", distinct("attribute_type", "[a, [3]]")),
        (
            "attribute_type(a, :s)",
            "Invalid attribute type name found; type: s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}".into(),
        ),
        (
            "a BETWEEN :s AND :n",
            "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: \
             AttributeValue: {S:s}, upper bound operand: AttributeValue: {N:1}"
                .into(),
        ),
    ] {
        refused(text, &values, &sentence);
    }
    refused(
        "a BETWEEN :b AND :a",
        &json!({":b": "b", ":a": "a"}),
        "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: \
         AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}",
    );
    condition(":n = :n AND a BETWEEN :n AND :n", &values).unwrap();
}

#[test]
fn sections_and_paths_of_updates() {
    for (text, section) in [("set a = #x set c = :d", "SET"), ("remove #x set a = b remove e", "REMOVE")] {
        let sentence = format!("The \"{section}\" section can only be used once in an update expression;");
        update_refused(text, &json!({}), &sentence);
    }
    for (text, verb, one, two) in [
        ("set d[1] = a, d.b = a, c[1].a = a, #c = if_not_exists(a)", "overlap", "[c, [1], a]", "[c]"),
        ("set c.b.#c = a, c = a, #d = a", "overlap", "[c, b, c]", "[c]"),
        ("set a = b remove a, #c, #d", "overlap", "[a]", "[a]"),
        ("set #c[3].#i = a, #c[3] = a", "overlap", "[c, [3], [3]]", "[c, [3]]"),
        ("set #c[3].#i = a, #c.#i[3] = if_not_exists(a)", "conflict", "[c, [3], [3]]", "[c, [3], [3]]"),
        ("remove a.#c set a[1] = #i", "conflict", "[a, c]", "[a, [1]]"),
    ] {
        let sentence = format!(
            "Two document paths {verb} with each other; must remove or rewrite one of these paths; path one: {one}, \
             path two: {two}"
        );
        update_refused(text, &json!({}), &sentence);
    }
    assert_eq!(
        projection("a.b, a").unwrap_err(),
        "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of \
         these paths; path one: [a, b], path two: [a]"
    );
}

#[test]
fn operands_of_updates() {
    let values = json!({":s": "s", ":n": 1, ":l": []});
    let of = |keyword, kind| {
        format!(
            "Incorrect operand type for operator or function; operator: {keyword}, operand type: {kind}, \
             typeSet: ALLOWED_FOR_{keyword}_OPERAND"
        )
    };
    update_refused("set b = list_append(:s, a), c = if_not_exists(a) add a.b :s", &values, &of("ADD", "STRING"));
    update_refused("delete a.b :n", &values, &of("DELETE", "NUMBER"));
    update_refused("add a :l", &values, &of("ADD", "LIST"));
    for (text, operator, kind) in [
        ("set a = list_append(:s, a)", "list_append", "S"),
        ("set a = a - :l", "-", "L"),
        ("set a = :s + :l", "+", "S"),
    ] {
        let sentence = "Incorrect operand type for operator or function; operator or function: ";
        update_refused(text, &values, &format!("{sentence}{operator}, operand type: {kind}"));
    }
    update_refused(
        "set a = if_not_exists(c)",
        &values,
        "Incorrect number of operands for operator or function; operator or function: if_not_exists, \
         number of operands: 1",
    );
    update_refused(
        "set a = if_not_exists(:s, c)",
        &values,
        "Operator or function requires a document path; operator or function: if_not_exists",
    );
}

fn maps(names: Option<Json>, values: Option<Json>, text: Option<&str>) -> Result<Placeholders, String> {
    let names: Option<BTreeMap<String, String>> = names.map(|names| serde_json::from_value(names).unwrap());
    let values = values.map(|values| wires(&values));
    let texts = [(Parameter::Condition, text), (Parameter::Projection, None)];
    Placeholders::new(names, values, &texts).map_err(|refusal| refusal.message.unwrap())
}

#[test]
fn the_maps_themselves_are_checked_first() {
    for (names, values, text, sentence) in [
        (Some(json!({})), None, None, "ExpressionAttributeNames can only be specified when using expressions"),
        (None, Some(json!({})), None, "ExpressionAttributeValues can only be specified when using expressions"),
        (Some(json!({})), None, Some(""), "ExpressionAttributeNames must not be empty"),
        (None, Some(json!({})), Some(""), "ExpressionAttributeValues must not be empty"),
        (
            Some(json!({"a": "a"})),
            None,
            Some(""),
            "ExpressionAttributeNames contains invalid key: Syntax error; key: \"a\"",
        ),
        (
            Some(json!({"#": "a"})),
            None,
            Some(""),
            "ExpressionAttributeNames contains invalid key: Syntax error; key: \"#\"",
        ),
        (
            None,
            Some(json!({":b": {"SS": []}, "b": 1})),
            Some(""),
            "ExpressionAttributeValues contains invalid key: Syntax error; key: \"b\"",
        ),
        (
            None,
            Some(json!({":b": {"SS": []}})),
            Some(""),
            "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: An string \
             set  may not be empty for key :b",
        ),
    ] {
        assert_eq!(maps(names, values, text).unwrap_err(), sentence);
    }
}

#[test]
fn a_placeholder_that_no_expression_uses_is_refused_at_the_end() {
    let unused = |names, values, text: &str| {
        let mut placeholders = maps(Some(names), Some(values), Some(text)).unwrap();
        placeholders.condition(Parameter::Condition, text).unwrap();
        placeholders.finish().unwrap_err().message.unwrap()
    };
    assert_eq!(
        unused(json!({"#b": "b", "#a": "a", "#c": "c"}), json!({":v": 1}), "#c = :v"),
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}"
    );
    assert_eq!(
        unused(json!({"#c": "c"}), json!({":v": 1, ":w": 2}), "#c = :v"),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"
    );
}
