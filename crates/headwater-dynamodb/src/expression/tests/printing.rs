//! Printing a tree and parsing what was printed gives the tree again.
use crate::expression::{
    Parameter, parse_condition, parse_projection, parse_update,
    syntax::{Call, Comparator, Condition, NewValue, Operand, Path, Projection, Section, Step, Update},
};
use proptest::{prelude::*, sample::select};

const NAMES: &[&str] = &["a", "b1", "Long_Name", "size", "contains", "order", "inn"];
const ALIASES: &[&str] = &["#a", "#0", "#_x", "#in"];
const VALUES: &[&str] = &[":a", ":0", ":_", ":and"];
const INDEXES: &[&str] = &["0", "7", "12", "99999999999999999999"];
const COMPARATORS: &[Comparator] = &[
    Comparator::Equal,
    Comparator::NotEqual,
    Comparator::Less,
    Comparator::LessOrEqual,
    Comparator::Greater,
    Comparator::GreaterOrEqual,
];

fn name() -> impl Strategy<Value = Step<'static>> {
    prop_oneof![select(NAMES).prop_map(Step::Name), select(ALIASES).prop_map(Step::Alias)]
}

fn path() -> impl Strategy<Value = Path<'static>> {
    let step = prop_oneof![name(), select(INDEXES).prop_map(Step::Index)];
    (name(), prop::collection::vec(step, 0..4))
        .prop_map(|(first, rest)| Path(std::iter::once(first).chain(rest).collect()))
}

fn call(argument: impl Strategy<Value = Operand<'static>>) -> impl Strategy<Value = Call<'static>> {
    (select(NAMES), prop::collection::vec(argument, 1..4))
        .prop_map(|(function, arguments)| Call { function, arguments })
}

fn operand() -> impl Strategy<Value = Operand<'static>> {
    let leaf = prop_oneof![path().prop_map(Operand::Path), select(VALUES).prop_map(Operand::Value)];
    leaf.prop_recursive(3, 8, 3, |inner| call(inner).prop_map(Operand::Call))
}

fn condition() -> impl Strategy<Value = Condition<'static>> {
    let leaf = prop_oneof![
        (select(COMPARATORS), operand(), operand()).prop_map(|(how, one, two)| Condition::Compare(how, one, two)),
        [operand(), operand(), operand()].prop_map(|operands| Condition::Between(Box::new(operands))),
        (operand(), prop::collection::vec(operand(), 1..4)).prop_map(|(one, list)| Condition::In(one, list)),
        call(operand()).prop_map(Condition::Call),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Condition::Or),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
}

fn section() -> impl Strategy<Value = Section<'static>> {
    let new_value = prop_oneof![
        operand().prop_map(NewValue::Operand),
        (operand(), operand()).prop_map(|(left, right)| NewValue::Plus(left, right)),
        (operand(), operand()).prop_map(|(left, right)| NewValue::Minus(left, right)),
    ];
    let with_value = || prop::collection::vec((path(), select(VALUES)), 1..3);
    prop_oneof![
        prop::collection::vec((path(), new_value), 1..3).prop_map(Section::Set),
        prop::collection::vec(path(), 1..3).prop_map(Section::Remove),
        with_value().prop_map(Section::Add),
        with_value().prop_map(Section::Delete),
    ]
}

proptest! {
    #[test]
    fn a_condition(tree in condition()) {
        let text = tree.to_string();
        prop_assume!(text.len() <= 4096);
        prop_assert_eq!(parse_condition(Parameter::Condition, &text), Ok(tree), "{}", text);
    }

    #[test]
    fn an_update(sections in prop::collection::vec(section(), 1..4)) {
        let tree = Update(sections);
        let text = tree.to_string();
        prop_assert_eq!(parse_update(&text), Ok(tree), "{}", text);
    }

    #[test]
    fn a_projection(paths in prop::collection::vec(path(), 1..5)) {
        let tree = Projection(paths);
        let text = tree.to_string();
        prop_assert_eq!(parse_projection(&text), Ok(tree), "{}", text);
    }

    #[test]
    fn whatever_parses_prints_as_what_parses_the_same(text in "[-a-c#:()<>=.,\\[\\]0-9 +A-Z]{0,40}") {
        if let Ok(tree) = parse_condition(Parameter::Filter, &text) {
            let printed = tree.to_string();
            prop_assert_eq!(parse_condition(Parameter::Filter, &printed), Ok(tree));
        }
        if let Ok(tree) = parse_update(&text) {
            let printed = tree.to_string();
            prop_assert_eq!(parse_update(&printed), Ok(tree));
        }
    }
}
