//! Printing a tree and parsing what was printed gives the tree again; and what no statement is, is refused.
use super::{
    parse,
    syntax::{Action, Call, Comparator, Expression, Path, Returning, Select, Span, Statement, Step},
    terms::TYPES,
};
use proptest::{prelude::*, sample::select};

const NAMES: &[&str] = &["a", "Long_Name", "select", "with \"quotes\"", "a.b", "ü"];
const FUNCTIONS: &[&str] = &["size", "begins_with", "set_add", "unknown"];
const NUMBERS: &[&str] = &["0", "-1", "1.5", "1e-3", ".5"];
const COMPARATORS: &[Comparator] =
    &[Comparator::Equal, Comparator::NotEqual, Comparator::Less, Comparator::GreaterOrEqual];

fn name() -> impl Strategy<Value = String> {
    select(NAMES).prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = Path> {
    let step = prop_oneof![name().prop_map(Step::Name), (0..20_u8).prop_map(|at| Step::Index(at.to_string()))];
    (name(), prop::collection::vec(step, 0..3)).prop_map(|(attribute, steps)| Path { attribute, steps })
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        path().prop_map(Expression::Path),
        Just(Expression::Parameter),
        select(&["", "it's", "-- no /* comment", "\""][..]).prop_map(|text| Expression::Text(text.to_owned())),
        select(NUMBERS).prop_map(|text| Expression::Number(text.to_owned())),
        any::<bool>().prop_map(Expression::Bool),
        Just(Expression::Null),
        Just(Expression::Missing),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let some = |least: usize| prop::collection::vec(inner.clone(), least..4);
        let two = || [inner.clone(), inner.clone()].prop_map(Box::new);
        prop_oneof![
            some(0).prop_map(Expression::List),
            some(0).prop_map(Expression::Set),
            prop::collection::vec((name(), inner.clone()), 0..3).prop_map(Expression::Map),
            (select(FUNCTIONS), some(0)).prop_map(|(function, arguments)| {
                let (at, first_at) = (Span::default(), Span::default());
                Expression::Call(Call { function: function.to_owned(), arguments, at, first_at })
            }),
            two().prop_map(Expression::Plus),
            two().prop_map(Expression::Minus),
            (select(COMPARATORS), two()).prop_map(|(comparator, both)| Expression::Compare(comparator, both)),
            [inner.clone(), inner.clone(), inner.clone()].prop_map(|three| Expression::Between(Box::new(three))),
            (inner.clone(), some(1)).prop_map(|(one, list)| Expression::In(Box::new(one), list)),
            inner.clone().prop_map(|one| Expression::IsMissing(Box::new(one))),
            (inner.clone(), select(&TYPES[..])).prop_map(|(one, (word, _))| Expression::Is(Box::new(one), word)),
            inner.clone().prop_map(|one| Expression::Not(Box::new(one))),
            some(2).prop_map(Expression::And),
            some(2).prop_map(Expression::Or),
        ]
    })
}

fn statement() -> impl Strategy<Value = Statement> {
    let filter = || prop::option::of(expression());
    let returning = || {
        let any = (any::<bool>(), any::<bool>());
        prop::option::of(any.prop_map(|(is_modified, is_new)| Returning { is_modified, is_new }))
    };
    let select = || {
        let paths = prop::option::of(prop::collection::vec(path(), 1..3));
        let order = prop::collection::vec((name(), any::<bool>()), 0..3);
        (paths, name(), prop::option::of(name()), filter(), order)
            .prop_map(|(paths, table, index, filter, order)| Select { paths, table, index, filter, order })
    };
    let action = prop_oneof![
        (path(), expression()).prop_map(|(path, value)| Action::Set(path, value)),
        path().prop_map(Action::Remove),
    ];
    prop_oneof![
        select().prop_map(Statement::Select),
        select().prop_map(Statement::Exists),
        (name(), expression()).prop_map(|(table, value)| Statement::Insert { table, value }),
        (name(), prop::collection::vec(action, 1..4), filter(), returning())
            .prop_map(|(table, actions, filter, returning)| Statement::Update { table, actions, filter, returning }),
        (name(), filter(), returning()).prop_map(|(table, filter, returning)| Statement::Delete {
            table,
            filter,
            returning
        }),
    ]
}

proptest! {
    #[test]
    fn a_statement(tree in statement()) {
        let text = tree.to_string();
        prop_assert_eq!(parse(&text), Ok(tree), "{}", text);
    }

    #[test]
    fn whatever_parses_prints_as_what_parses_the_same(text in "[-a-c'\"()<>=.,?\\[\\]{}0-9 +:NOTANDISMUL]{0,30}") {
        if let Ok(tree) = parse(&format!("DELETE FROM t WHERE {text}")) {
            let printed = tree.to_string();
            prop_assert_eq!(parse(&printed), Ok(tree));
        }
    }
}

#[test]
fn the_forms_of_the_language_are_read() {
    for (text, printed) in [
        ("select a , b.c[0]['d'] from Music", r#"SELECT "a", "b"."c"[0]."d" FROM "Music""#),
        (
            r#"SELECT * FROM "t"."i" WHERE a!=1 AND NOT b IN (1,?) OR c IS NOT MISSING ORDER BY x DESC, y"#,
            r#"SELECT * FROM "t"."i" WHERE "a" <> 1 AND NOT "b" IN [1, ?] OR NOT "c" IS MISSING ORDER BY "x" DESC, "y" ASC"#,
        ),
        (
            "UPDATE t SET a=list_append(a, ['x']), b=b-1 REMOVE c WHERE pk=? RETURNING modified new *",
            r#"UPDATE "t" SET "a" = list_append("a", ['x']) SET "b" = "b" - 1 REMOVE "c" WHERE "pk" = ? RETURNING MODIFIED NEW *"#,
        ),
        ("FROM t WHERE pk=1 SET a=2;", r#"UPDATE "t" SET "a" = 2 WHERE "pk" = 1"#),
        ("INSERT INTO t value {'a':<<1,2>>}", r#"INSERT INTO "t" VALUE {'a': <<1, 2>>}"#),
    ] {
        assert_eq!(parse(text).unwrap().to_string(), printed);
    }
}

#[test]
fn what_is_no_statement_is_refused() {
    for (text, why) in [
        ("", "Expected data manipulation"),
        ("SLECT * FROM t", "Expected data manipulation"),
        ("SELECT * FROM t LIMIT 1", "Unexpected token after expression"),
        ("SELECT * FROM t ORDER BY a WHERE a = 1", "Unexpected token after expression"),
        ("SELECT * FROM t WHERE;", "Unexpected term"),
        ("SELECT * FROM t WHERE NOT", "Unexpected term"),
        ("SELECT * FROM t WHERE a = 1 AND", "Missing right-hand side expression of infix operator"),
        ("SELECT * FROM t WHERE IS NULL", "Unexpected operator"),
        ("SELECT * FROM t WHERE ORDER BY a", "Unexpected keyword"),
        ("SELECT * FROM t WHERE a IS FOO", "Expected type name"),
        ("SELECT * FROM", "Unexpected term"),
        ("DELETE FROM", "Expected identifier for simple path"),
        ("INSERT INTO t (a) VALUES (1)", "Unexpected keyword"),
        ("INSERT INTO t u VALUE {}", "Unexpected token after expression"),
        ("UPDATE t WHERE a = 1", "Unexpected keyword"),
        ("SELECT select FROM t", "Expected identifier for simple path"),
        ("SELECT a[1.5] FROM t", "Unexpected path component"),
        ("SELECT a[2147483648] FROM t", "Unexpected path component"),
        ("SELECT * FROM t WHERE a = 'b", ""),
    ] {
        let refusal = parse(text).unwrap_err().message.unwrap();
        assert_eq!(refusal, format!("Statement wasn't well formed, can't be processed: {why}"), "{text}");
    }
}

#[test]
fn other_dialects_are_refused_by_name() {
    for (text, sentence) in [
        ("SELECT * FROM t AS u", "Aliasing is not supported"),
        ("DELETE FROM t u WHERE a = 1", "Aliasing is not supported"),
        ("SELECT * FROM a.b.c", "A path may contain at most 2 components in the FROM clause"),
        ("SELECT * FROM \"\"", "Path component cannot be an empty string"),
    ] {
        assert_eq!(parse(text).unwrap_err().message.as_deref(), Some(sentence), "{text}");
    }
}

#[test]
fn no_depth_exhausts_the_stack() {
    for (open, close) in [("(", ")"), ("[", "]"), ("f(", ")"), ("{'a':", "}"), ("<<", ">>"), ("NOT ", ""), ("1+", "")] {
        let nested = |levels| format!("DELETE FROM t WHERE {}1{}", open.repeat(levels), close.repeat(levels));
        assert!(parse(&nested(60)).is_ok(), "{open}");
        assert!(parse(&nested(100_000)).is_err(), "{open}");
    }
}
