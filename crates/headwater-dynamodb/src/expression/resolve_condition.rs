//! From a tree to a condition: placeholders are replaced and operands checked, one comparison or function after the
//! other. Within one, a placeholder that is not defined comes first, then the number of operands, then operands that
//! must differ, then their types.
use super::{
    condition::{Condition, Operand, order},
    path::Path,
    placeholders::Placeholders,
    syntax,
};
use crate::value::Value;
use std::{cmp::Ordering, sync::Arc};

/// What `IN` takes at most.
const MAX_IN_OPERANDS: usize = 100;
/// What `attribute_type` may be asked for, as the service lists it.
const TYPE_NAMES: [&str; 10] = ["B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"];
/// The type of an operand that may have any.
const ANY_TYPE: &str = "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}";
/// The types that have an order.
const ORDERED: &[&str] = &["S", "N", "B"];

pub(super) fn condition(placeholders: &mut Placeholders, tree: &syntax::Condition<'_>) -> Result<Condition, String> {
    match tree {
        syntax::Condition::And(parts) => all(placeholders, parts).map(Condition::And),
        syntax::Condition::Or(parts) => all(placeholders, parts).map(Condition::Or),
        syntax::Condition::Not(inner) => Ok(Condition::Not(Box::new(condition(placeholders, inner)?))),
        syntax::Condition::Compare(comparator, left, right) => {
            checked(placeholders, |operands| operands.compare(*comparator, left, right))
        }
        syntax::Condition::Between(bounds) => checked(placeholders, |operands| operands.between(bounds)),
        syntax::Condition::In(operand, list) => checked(placeholders, |operands| operands.within(operand, list)),
        syntax::Condition::Call(call) => checked(placeholders, |operands| operands.function(call)),
    }
}

fn all(placeholders: &mut Placeholders, parts: &[syntax::Condition<'_>]) -> Result<Vec<Condition>, String> {
    parts.iter().map(|part| condition(placeholders, part)).collect()
}

fn checked(
    placeholders: &mut Placeholders,
    resolve: impl FnOnce(&mut Operands<'_>) -> Result<Condition, String>,
) -> Result<Condition, String> {
    let mut operands = Operands { placeholders, count: None, distinct: None, kind: None };
    let resolved = resolve(&mut operands)?;
    match operands.fault() {
        Some(fault) => Err(fault),
        None => Ok(resolved),
    }
}

/// The operands of one comparison or function, and the first fault of each kind.
struct Operands<'p> {
    placeholders: &'p mut Placeholders,
    count: Option<String>,
    distinct: Option<String>,
    kind: Option<String>,
}

impl Operands<'_> {
    fn compare(
        &mut self,
        comparator: syntax::Comparator,
        left: &syntax::Operand<'_>,
        right: &syntax::Operand<'_>,
    ) -> Result<Condition, String> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        self.differ(comparator.as_str(), &left, &[&right]);
        if !matches!(comparator, syntax::Comparator::Equal | syntax::Comparator::NotEqual) {
            self.typed(comparator.as_str(), &[&left, &right], ORDERED);
        }
        Ok(Condition::Compare(comparator, left, right))
    }

    fn between(&mut self, operands: &[syntax::Operand<'_>; 3]) -> Result<Condition, String> {
        let [operand, lower, upper] = operands;
        let (operand, lower, upper) = (self.operand(operand)?, self.operand(lower)?, self.operand(upper)?);
        self.differ("BETWEEN", &operand, &[&lower, &upper]);
        self.typed("BETWEEN", &[&operand, &lower, &upper], ORDERED);
        self.in_order(&lower, &upper);
        Ok(Condition::Between(Box::new([operand, lower, upper])))
    }

    fn within(&mut self, operand: &syntax::Operand<'_>, list: &[syntax::Operand<'_>]) -> Result<Condition, String> {
        let operand = self.operand(operand)?;
        let list = list.iter().map(|one| self.operand(one)).collect::<Result<Vec<_>, _>>()?;
        if list.len() > MAX_IN_OPERANDS {
            let count = list.len();
            self.count.get_or_insert_with(|| {
                format!("The IN operator is provided with too many operands; number of operands: {count}")
            });
        }
        self.differ("IN", &operand, &list.iter().collect::<Vec<_>>());
        Ok(Condition::In(operand, list))
    }

    fn operand(&mut self, tree: &syntax::Operand<'_>) -> Result<Operand, String> {
        match tree {
            syntax::Operand::Path(path) => self.placeholders.path(path).map(Operand::Path),
            syntax::Operand::Value(key) => self.placeholders.value(key).map(Operand::Value),
            syntax::Operand::Call(call) => {
                let mut arguments = self.arguments(call)?;
                let [measured] = exactly(call.function, &mut arguments).unwrap_or_else(|fault| {
                    self.count.get_or_insert(fault);
                    [Operand::Value(Arc::new(Value::Null))]
                });
                if self.count.is_none() {
                    self.typed(call.function, &[&measured], &["S", "B", "L", "M", "SS", "NS", "BS"]);
                }
                Ok(Operand::Size(Box::new(measured)))
            }
        }
    }

    fn arguments(&mut self, call: &syntax::Call<'_>) -> Result<Vec<Operand>, String> {
        call.arguments.iter().map(|argument| self.operand(argument)).collect()
    }

    fn function(&mut self, call: &syntax::Call<'_>) -> Result<Condition, String> {
        let function = call.function;
        let mut arguments = self.arguments(call)?;
        if let "attribute_exists" | "attribute_not_exists" = function {
            let [operand] = exactly(function, &mut arguments)?;
            let path = self.document_path(function, operand)?;
            let exists = function == "attribute_exists";
            return Ok(if exists { Condition::Exists(path) } else { Condition::NotExists(path) });
        }
        let [first, second] = exactly(function, &mut arguments)?;
        self.differ(function, &first, &[&second]);
        match function {
            "attribute_type" => {
                let path = self.document_path(function, first)?;
                self.type_name(&second).map(|name| Condition::Type(path, name))
            }
            "begins_with" => {
                self.typed(function, &[&first, &second], &["S", "B"]);
                Ok(Condition::BeginsWith(first, second))
            }
            _ => Ok(Condition::Contains(first, second)),
        }
    }

    /// The operand, which must be a path.
    fn document_path(&mut self, function: &str, operand: Operand) -> Result<Path, String> {
        let Operand::Path(path) = operand else {
            return Err(self
                .refusal(format!("Operator or function requires a document path; operator or function: {function}")));
        };
        Ok(path)
    }

    /// The second operand of `attribute_type`.
    fn type_name(&mut self, operand: &Operand) -> Result<&'static str, String> {
        let given = match operand {
            Operand::Value(value) => value,
            other => return Err(self.refusal(wrong_type("attribute_type", kind(other).unwrap_or(ANY_TYPE)))),
        };
        let Value::S(name) = &**given else {
            return Err(self.refusal(wrong_type("attribute_type", given.type_name())));
        };
        TYPE_NAMES.into_iter().find(|known| known == name).ok_or_else(|| {
            let known = TYPE_NAMES.join(",");
            self.refusal(format!("Invalid attribute type name found; type: {name}, valid types: {{{known}}}"))
        })
    }

    /// What is refused if `fault` is one: a fault that was found before, if there is one.
    fn refusal(&mut self, fault: String) -> String {
        self.fault().unwrap_or(fault)
    }

    /// The fault that comes first.
    fn fault(&mut self) -> Option<String> {
        self.count.take().or(self.distinct.take()).or(self.kind.take())
    }

    fn differ(&mut self, operator: &str, first: &Operand, others: &[&Operand]) {
        let Operand::Path(path) = first else { return };
        if others.iter().any(|other| matches!(other, Operand::Path(same) if same == path)) {
            self.distinct.get_or_insert_with(|| {
                format!(
                    "The first operand must be distinct from the remaining operands for this operator or function; \
                     operator: {operator}, first operand: {path}"
                )
            });
        }
    }

    fn typed(&mut self, operator: &str, operands: &[&Operand], allowed: &[&str]) {
        let wrong = operands.iter().filter_map(|operand| kind(operand)).find(|kind| !allowed.contains(kind));
        if let Some(wrong) = wrong {
            self.kind.get_or_insert_with(|| wrong_type(operator, wrong));
        }
    }

    /// The bounds of `BETWEEN`, if both are values.
    fn in_order(&mut self, lower: &Operand, upper: &Operand) {
        let (Operand::Value(lower), Operand::Value(upper)) = (lower, upper) else { return };
        let rule = match order(lower, upper) {
            _ if lower.type_name() != upper.type_name() => "same data type for lower and upper bounds",
            Some(Ordering::Greater) => "upper bound to be greater than or equal to lower bound",
            _ => return,
        };
        self.kind.get_or_insert_with(|| {
            format!(
                "The BETWEEN operator requires {rule}; lower bound operand: AttributeValue: {lower}, \
                 upper bound operand: AttributeValue: {upper}"
            )
        });
    }
}

/// As many arguments as the function takes.
pub(super) fn exactly<T, const N: usize>(function: &str, arguments: &mut Vec<T>) -> Result<[T; N], String> {
    std::mem::take(arguments).try_into().map_err(|given: Vec<T>| {
        format!(
            "Incorrect number of operands for operator or function; operator or function: {function}, \
             number of operands: {}",
            given.len()
        )
    })
}

pub(super) fn wrong_type(operator: &str, kind: &str) -> String {
    format!("Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}")
}

/// The operand's type, if it is known without an item.
fn kind(operand: &Operand) -> Option<&'static str> {
    match operand {
        Operand::Path(_) => None,
        Operand::Value(value) => Some(value.type_name()),
        Operand::Size(_) => Some("N"),
    }
}
