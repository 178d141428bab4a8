//! From a tree to an update. Names that are not defined come first, then values, then paths in each other's way, then
//! what is added and deleted, then the operands of functions.
use super::{
    placeholders::Placeholders,
    resolve_condition::{exactly, wrong_type},
    syntax::{Call, NewValue, Operand, Path, Section, Step, Update as Tree},
    update::{Action, Change, NewValue as Resolved, Update, Words},
};
use crate::value::Value;

pub(super) fn update(placeholders: &mut Placeholders, tree: &Tree<'_>) -> Result<Update, String> {
    let mut actions = Actions { placeholders, resolved: Vec::new(), operand: None, function: None };
    let resolving = tree.0.iter().try_for_each(|section| actions.section(section));
    let Actions { placeholders, resolved, operand, function } = actions;
    let update = resolving.and_then(|()| Update::of(resolved, Words::Expression));
    let update = update.and_then(|update| operand.or(function).map_or(Ok(update), Err));
    update.map_err(|fault| undefined(placeholders, tree).err().unwrap_or(fault))
}

/// Refuses the first name that is not defined, else the first such value.
fn undefined(placeholders: &mut Placeholders, tree: &Tree<'_>) -> Result<(), String> {
    visit(tree, &mut |leaf| match leaf {
        Leaf::Path(path) => path.0.iter().try_for_each(|step| match step {
            Step::Alias(alias) => placeholders.name(alias).map(|_| ()),
            Step::Name(_) | Step::Index(_) => Ok(()),
        }),
        Leaf::Value(_) => Ok(()),
    })?;
    visit(tree, &mut |leaf| match leaf {
        Leaf::Path(_) => Ok(()),
        Leaf::Value(key) => placeholders.value(key).map(|_| ()),
    })
}

/// What stands at the end of every branch of a tree.
enum Leaf<'t, 'a> {
    Path(&'t Path<'a>),
    Value(&'a str),
}

type Visitor<'v> = &'v mut dyn FnMut(Leaf<'_, '_>) -> Result<(), String>;

/// Shows every leaf, in the order it is written.
fn visit(tree: &Tree<'_>, see: Visitor<'_>) -> Result<(), String> {
    for section in &tree.0 {
        match section {
            Section::Set(actions) => {
                for (path, value) in actions {
                    see(Leaf::Path(path))?;
                    match value {
                        NewValue::Operand(operand) => visit_operand(operand, see)?,
                        NewValue::Plus(left, right) | NewValue::Minus(left, right) => {
                            visit_operand(left, see)?;
                            visit_operand(right, see)?;
                        }
                    }
                }
            }
            Section::Remove(paths) => paths.iter().try_for_each(|path| see(Leaf::Path(path)))?,
            Section::Add(actions) | Section::Delete(actions) => {
                for (path, value) in actions {
                    see(Leaf::Path(path))?;
                    see(Leaf::Value(value))?;
                }
            }
        }
    }
    Ok(())
}

fn visit_operand(operand: &Operand<'_>, see: Visitor<'_>) -> Result<(), String> {
    match operand {
        Operand::Path(path) => see(Leaf::Path(path)),
        Operand::Value(key) => see(Leaf::Value(key)),
        Operand::Call(call) => call.arguments.iter().try_for_each(|argument| visit_operand(argument, see)),
    }
}

/// The actions so far, and the first fault of each kind.
struct Actions<'p> {
    placeholders: &'p mut Placeholders,
    resolved: Vec<Action>,
    /// Of an operand of `ADD` or `DELETE`.
    operand: Option<String>,
    /// Of an operand of a function, `+` or `-`.
    function: Option<String>,
}

impl Actions<'_> {
    fn section(&mut self, section: &Section<'_>) -> Result<(), String> {
        match section {
            Section::Set(actions) => actions.iter().try_for_each(|(path, value)| {
                let value = self.new_value(value)?;
                self.push(path, Change::Set(value))
            }),
            Section::Remove(paths) => paths.iter().try_for_each(|path| self.push(path, Change::Remove)),
            Section::Add(actions) => actions.iter().try_for_each(|(path, key)| {
                let value = self.placeholders.value(key)?;
                self.operand_of("ADD", &value, &["N", "SS", "NS", "BS"]);
                self.push(path, Change::Add(value))
            }),
            Section::Delete(actions) => actions.iter().try_for_each(|(path, key)| {
                let value = self.placeholders.value(key)?;
                self.operand_of("DELETE", &value, &["SS", "NS", "BS"]);
                self.push(path, Change::Delete(value))
            }),
        }
    }

    fn push(&mut self, path: &Path<'_>, change: Change) -> Result<(), String> {
        self.resolved.push(Action { path: self.placeholders.path(path)?, change });
        Ok(())
    }

    fn operand_of(&mut self, keyword: &str, value: &Value, allowed: &[&str]) {
        if allowed.contains(&value.type_name()) {
            return;
        }
        let kind = match value {
            Value::S(_) => "STRING",
            Value::N(_) => "NUMBER",
            Value::B(_) => "BINARY",
            Value::Bool(_) => "BOOLEAN",
            Value::Null => "NULL",
            Value::M(_) => "MAP",
            Value::L(_) => "LIST",
            Value::Ss(_) => "STRING_SET",
            Value::Ns(_) => "NUMBER_SET",
            Value::Bs(_) => "BINARY_SET",
        };
        self.operand.get_or_insert_with(|| {
            format!(
                "Incorrect operand type for operator or function; operator: {keyword}, operand type: {kind}, \
                 typeSet: ALLOWED_FOR_{keyword}_OPERAND"
            )
        });
    }

    fn new_value(&mut self, value: &NewValue<'_>) -> Result<Resolved, String> {
        match value {
            NewValue::Operand(operand) => self.operand(operand),
            NewValue::Plus(left, right) => Ok(Resolved::Plus(self.two("+", left, right, "N")?)),
            NewValue::Minus(left, right) => Ok(Resolved::Minus(self.two("-", left, right, "N")?)),
        }
    }

    fn operand(&mut self, operand: &Operand<'_>) -> Result<Resolved, String> {
        match operand {
            Operand::Path(path) => self.placeholders.path(path).map(Resolved::Path),
            Operand::Value(key) => self.placeholders.value(key).map(Resolved::Value),
            Operand::Call(call) => self.call(call),
        }
    }

    fn call(&mut self, call: &Call<'_>) -> Result<Resolved, String> {
        let [first, second] = match exactly(call.function, &mut call.arguments.iter().collect()) {
            Ok(both) => both,
            Err(fault) => return Ok(self.refuse(fault)),
        };
        if call.function == "list_append" {
            return Ok(Resolved::ListAppend(self.two(call.function, first, second, "L")?));
        }
        let (first, second) = (self.operand(first)?, self.operand(second)?);
        let Resolved::Path(path) = first else {
            let function = call.function;
            return Ok(
                self.refuse(format!("Operator or function requires a document path; operator or function: {function}"))
            );
        };
        Ok(Resolved::IfNotExists(path, Box::new(second)))
    }

    /// Two operands that must be of a type, as far as that is known.
    fn two(
        &mut self,
        operator: &str,
        left: &Operand<'_>,
        right: &Operand<'_>,
        kind: &str,
    ) -> Result<Box<[Resolved; 2]>, String> {
        let both = [self.operand(left)?, self.operand(right)?];
        for operand in &both {
            if let Resolved::Value(value) = operand
                && value.type_name() != kind
            {
                self.function.get_or_insert_with(|| wrong_type(operator, value.type_name()));
            }
        }
        Ok(Box::new(both))
    }

    /// Keeps the fault. What stands for the operand is never used: the update is refused in the end.
    fn refuse(&mut self, fault: String) -> Resolved {
        self.function.get_or_insert(fault);
        Resolved::Value(Value::Null.into())
    }
}
