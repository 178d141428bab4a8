//! What a statement asks for, its parameters put in: conditions, updates and items as the rest of the service has them.
use super::{
    lower::Lowering,
    parse,
    syntax::{self, Returning, Statement},
};
use crate::{
    errors::{self, Result},
    expression::{Condition, Path, Projection, Step, Update, legacy},
    value::Item,
};
use headwater_wire::AttributeValue;
use std::collections::BTreeSet;

/// What a statement asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    Select(Select),
    Exists(Select),
    Insert { table: String, item: Item },
    Update { table: String, update: Update, filter: Option<Condition>, returning: Option<Returning> },
    Delete { table: String, filter: Option<Condition>, returning: Option<Returning> },
}

/// What a `SELECT` asks for.
#[derive(Debug)]
pub(crate) struct Select {
    pub(crate) table: String,
    pub(crate) index: Option<String>,
    pub(crate) filter: Option<Condition>,
    /// By which attributes, and whether the greatest comes first.
    pub(crate) order: Vec<(String, bool)>,
    /// What is shown, each under the last name of its path; `None` is everything.
    paths: Option<Vec<Path>>,
}

/// Reads a statement.
///
/// # Errors
/// `ValidationException` for one that is malformed, for parameters that do not fit it, and for operands that do not.
pub(crate) fn read(text: &str, parameters: Option<Vec<AttributeValue>>) -> Result<Asked> {
    let statement = parse(text)?;
    let mut lowering = Lowering::new(parameters);
    let asked = match statement {
        Statement::Select(select) => Asked::Select(read_select(&mut lowering, select)?),
        Statement::Exists(select) => Asked::Exists(read_select(&mut lowering, select)?),
        Statement::Insert { table, value } => Asked::Insert { table, item: lowering.item(&value)? },
        Statement::Update { table, actions, filter, returning } => {
            let update = lowering.update(&actions)?;
            Asked::Update { table, update, filter: condition(&mut lowering, filter.as_ref())?, returning }
        }
        Statement::Delete { table, filter, returning } => {
            if let Some(clause) = returning.filter(|returning| returning.is_modified || returning.is_new) {
                return Err(errors::returning_of_delete(clause));
            }
            Asked::Delete { table, filter: condition(&mut lowering, filter.as_ref())?, returning }
        }
    };
    lowering.finish()?;
    Ok(asked)
}

fn read_select(lowering: &mut Lowering, select: syntax::Select) -> Result<Select> {
    let syntax::Select { paths, table, index, filter, order } = select;
    let paths = paths.map(|paths| paths.iter().map(Lowering::path).collect::<Result<Vec<_>>>()).transpose()?;
    Ok(Select { table, index, filter: condition(lowering, filter.as_ref())?, order, paths })
}

fn condition(lowering: &mut Lowering, filter: Option<&syntax::Expression>) -> Result<Option<Condition>> {
    filter.map(|filter| lowering.condition(filter)).transpose()
}

impl Select {
    /// The attributes of which something is shown, if not all are.
    ///
    /// # Errors
    /// None: no attribute is named twice.
    pub(crate) fn projection(&self) -> Result<Option<Projection>> {
        let Some(paths) = &self.paths else { return Ok(None) };
        let names: BTreeSet<&str> = paths.iter().map(|path| path.attribute.as_str()).collect();
        legacy::attributes_to_get(names.into_iter().map(str::to_owned).collect()).map(Some)
    }

    /// What is shown of an item.
    pub(crate) fn shown(&self, item: Item) -> Item {
        let Some(paths) = &self.paths else { return item };
        paths.iter().filter_map(|path| Some((last_name(path), path.find(&item)?.clone()))).collect()
    }
}

/// The last name of a path, with the indexes behind it.
fn last_name(path: &Path) -> String {
    let named = path.steps.iter().rposition(|step| matches!(step, Step::Name(_)));
    let (first, rest) = match named.and_then(|at| path.steps.get(at..)?.split_first()) {
        Some((Step::Name(name), rest)) => (name, rest),
        _ => (&path.attribute, &path.steps[..]),
    };
    let indexes = rest.iter().filter_map(|step| match step {
        Step::Index(index) => Some(format!("[{index}]")),
        Step::Name(_) => None,
    });
    std::iter::once(first.clone()).chain(indexes).collect()
}
