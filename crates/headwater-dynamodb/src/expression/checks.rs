//! What can be refused of a tree before its placeholders are looked up, in the order it is written: reserved words,
//! list indexes out of range, functions that do not exist or stand where they must not.
use super::{
    reserved::is_reserved,
    syntax::{Call, Condition, NewValue, Operand, Path, Projection, Section, Step, Update},
};
use std::mem::discriminant;

/// The highest list index.
const MAX_LIST_INDEX: u32 = i32::MAX.cast_unsigned();

const CONDITIONS: &[&str] = &["attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains"];
const OPERANDS: &[&str] = &["size"];
const NEW_VALUES: &[&str] = &["if_not_exists", "list_append"];

/// Where a function stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// As a condition of its own.
    Condition,
    /// On a side of an operator, or among a function's arguments, within a condition.
    Operand,
    /// As what a path is set to.
    NewValue,
    /// Within what a path is set to.
    Part,
}

pub(super) fn condition(tree: &Condition<'_>) -> Result<(), String> {
    let all = |operands: &[Operand<'_>]| operands.iter().try_for_each(|one| operand(one, Place::Operand));
    match tree {
        Condition::And(parts) | Condition::Or(parts) => parts.iter().try_for_each(condition),
        Condition::Not(inner) => condition(inner),
        Condition::Compare(_, left, right) => {
            operand(left, Place::Operand)?;
            operand(right, Place::Operand)
        }
        Condition::Between(operands) => all(&**operands),
        Condition::In(left, list) => {
            operand(left, Place::Operand)?;
            all(list)
        }
        Condition::Call(function) => call(function, Place::Condition),
    }
}

/// Sections are read in the order in which their kind first appears.
pub(super) fn update(tree: &Update<'_>) -> Result<(), String> {
    for (place, section) in tree.0.iter().enumerate() {
        let same = |other: &&Section<'_>| discriminant(*other) == discriminant(section);
        if tree.0.iter().take(place).any(|earlier| same(&earlier)) {
            continue;
        }
        tree.0.iter().filter(same).try_for_each(actions)?;
        if tree.0.iter().filter(same).count() > 1 {
            let keyword = section.keyword();
            return Err(format!("The \"{keyword}\" section can only be used once in an update expression;"));
        }
    }
    Ok(())
}

pub(super) fn projection(tree: &Projection<'_>) -> Result<(), String> {
    tree.0.iter().try_for_each(path)
}

fn actions(section: &Section<'_>) -> Result<(), String> {
    match section {
        Section::Set(actions) => actions.iter().try_for_each(|(target, value)| {
            path(target)?;
            new_value(value)
        }),
        Section::Remove(paths) => paths.iter().try_for_each(path),
        Section::Add(actions) | Section::Delete(actions) => actions.iter().try_for_each(|(target, _)| path(target)),
    }
}

fn new_value(value: &NewValue<'_>) -> Result<(), String> {
    match value {
        NewValue::Operand(one) => operand(one, Place::NewValue),
        NewValue::Plus(left, right) | NewValue::Minus(left, right) => {
            operand(left, Place::Part)?;
            operand(right, Place::Part)
        }
    }
}

fn operand(operand: &Operand<'_>, place: Place) -> Result<(), String> {
    match operand {
        Operand::Path(found) => path(found),
        Operand::Value(_) => Ok(()),
        Operand::Call(function) => call(function, place),
    }
}

fn call(call: &Call<'_>, place: Place) -> Result<(), String> {
    let function = call.function;
    let of_update = NEW_VALUES.contains(&function);
    let in_update = matches!(place, Place::NewValue | Place::Part);
    if !of_update && !OPERANDS.contains(&function) && !CONDITIONS.contains(&function) {
        return Err(format!("Invalid function name; function: {function}"));
    }
    if of_update != in_update {
        let kind = if in_update { "an update" } else { "a condition" };
        return Err(format!("The function is not allowed in {kind} expression; function: {function}"));
    }
    let fits = match place {
        Place::Condition => CONDITIONS.contains(&function),
        Place::Operand => OPERANDS.contains(&function),
        Place::NewValue => true,
        Place::Part => function == "if_not_exists",
    };
    if !fits {
        return Err(format!("The function is not allowed to be used this way in an expression; function: {function}"));
    }
    let inner = if in_update { Place::Part } else { Place::Operand };
    call.arguments.iter().try_for_each(|argument| operand(argument, inner))
}

fn path(path: &Path<'_>) -> Result<(), String> {
    path.0.iter().try_for_each(|step| match step {
        Step::Name(name) if is_reserved(name) => {
            Err(format!("Attribute name is a reserved keyword; reserved keyword: {name}"))
        }
        Step::Index(digits) if digits.parse::<u32>().is_ok_and(|index| index <= MAX_LIST_INDEX) => Ok(()),
        Step::Index(digits) => Err(format!("List index is not within the allowable range; index: [{digits}]")),
        Step::Name(_) | Step::Alias(_) => Ok(()),
    })
}
