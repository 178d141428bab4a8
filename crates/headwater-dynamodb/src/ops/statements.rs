//! What the three operations on statements share: writes that name their item by its whole key, and reads that do.
use super::asked;
use crate::{
    DynamoDb,
    capacity::{Consistency, Consumed, read_units},
    database::{self, Image},
    errors::{self, Result},
    expression::{Condition, Path, Projection},
    partiql::{self, Asked, Select, syntax::Returning},
    table::Table,
    throughput::Use,
    value,
    write::{Action, Write, Written},
};
use headwater_log::kv::View;
use headwater_wire::{AttributeValue, Caller, dynamodb::ReturnValuesOnConditionCheckFailure};
use std::{collections::BTreeMap, sync::Arc};

/// A statement that writes, its table looked up.
pub(super) struct Change {
    /// The table as the statement names it.
    pub(super) name: String,
    /// The write, or why the table cannot have it.
    pub(super) write: Result<Write>,
    pub(super) returned: Returned,
}

/// The one item a statement reads.
pub(super) struct Row {
    table: Arc<Table>,
    row: Vec<u8>,
    /// What else is asked of it.
    pub(super) filter: Option<Condition>,
}

/// What a statement tells of the item it wrote.
pub(super) struct Returned {
    returning: Option<Returning>,
    /// What an update touches.
    touched: Option<Arc<Projection>>,
}

impl Returned {
    /// What is told, if that is anything.
    pub(super) fn of(&self, written: Written) -> Option<BTreeMap<String, AttributeValue>> {
        let returning = self.returning?;
        let item = if returning.is_new { written.new } else { written.old }?;
        let told = match &self.touched {
            Some(touched) if returning.is_modified => touched.project(item),
            _ => item,
        };
        (!told.is_empty()).then(|| value::write_item(told))
    }
}

impl Asked {
    /// Whether the statement belongs among writes.
    pub(super) fn is_write(&self) -> bool {
        !matches!(self, Self::Select(_))
    }
}

impl DynamoDb {
    /// The write a statement asks for.
    ///
    /// # Errors
    /// There is no such table, or the statement does not name a whole key.
    pub(super) fn change(
        &self,
        caller: &Caller,
        asked: Asked,
        shows: Option<ReturnValuesOnConditionCheckFailure>,
        must_know: bool,
    ) -> Result<Change> {
        let keyed = |table: &Table, filter| partiql::whole_key(&table.key, filter).ok_or_else(errors::key_not_in_where);
        let shows_failed = asked::shows_failed(shows);
        let (name, write, condition, returned) = match asked {
            Asked::Insert { table: name, item } => {
                let write = Write::insert(self.table(caller, &name)?, item);
                (name, write, None, Returned { returning: None, touched: None })
            }
            Asked::Update { table: name, update, filter, returning } => {
                let table = self.table(caller, &name)?;
                let (key, rest) = keyed(&table, filter)?;
                let condition = and(there(&table), rest);
                let touched = Some(update.touched());
                let write = Write::at(table, &key, Action::Update(update));
                (name, write, Some(condition), Returned { returning, touched })
            }
            Asked::Delete { table: name, filter, returning } => {
                let table = self.table(caller, &name)?;
                let (key, rest) = keyed(&table, filter)?;
                // What is not there cannot be deleted, whatever is asked of it.
                let condition = rest.map(|rest| Condition::Or(vec![Condition::Not(Box::new(there(&table))), rest]));
                (name, Write::at(table, &key, Action::Delete), condition, Returned { returning, touched: None })
            }
            Asked::Exists(select) | Asked::Select(select) => {
                let table = self.table(caller, &select.table)?;
                let (key, rest) = keyed(&table, select.filter).map_err(|_| errors::exists_without_condition())?;
                let rest = rest.ok_or_else(errors::exists_without_condition)?;
                let condition = and(there(&table), Some(rest));
                let write = Write::at(table, &key, Action::Check);
                (select.table, write, Some(condition), Returned { returning: None, touched: None })
            }
        };
        let wants_items = must_know || returned.returning.is_some();
        let write = write.map(|write| Write { condition, shows_failed, wants_items, ..write });
        Ok(Change { name, write, returned })
    }

    /// The one item a `SELECT` names.
    ///
    /// # Errors
    /// There is no such table, or not all of its key is named, which `operation` asks for, or nothing is left of what is
    /// provisioned.
    pub(super) fn one_row(&self, caller: &Caller, select: &mut Select, operation: &str) -> Result<Row> {
        let table = self.table(caller, &select.table)?;
        let key = if select.index.is_none() { partiql::whole_key(&table.key, select.filter.take()) } else { None };
        let (key, filter) = key.ok_or_else(|| errors::select_without_key(operation))?;
        let mut row = database::item_row(table.id, &[]);
        table.key.named_key(&key, &mut row)?;
        self.admit(&table, None, Use::Read)?;
        Ok(Row { table, row, filter })
    }

    /// The item in a row, as the statement shows it, and what reading it cost, which is taken from what is provisioned.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn read_row(
        &self,
        view: &dyn View,
        row: &Row,
        select: &Select,
        consistency: Consistency,
    ) -> Result<(Option<BTreeMap<String, AttributeValue>>, Consumed)> {
        let held = view.get(database::ITEMS, &row.row).and_then(Image::read);
        let (item, size_bytes) = held.map_err(|error| errors::engine(&error))?;
        let is_transaction = consistency == Consistency::Transactional;
        let consumed = Consumed::reading(read_units(size_bytes, consistency), is_transaction);
        self.charge(&row.table, None, Use::Read, &consumed);
        let item = item.filter(|item| row.filter.as_ref().is_none_or(|filter| filter.holds(Some(item))));
        Ok((item.map(|item| value::write_item(select.shown(item))), consumed))
    }
}

/// There is an item: it has a key.
fn there(table: &Table) -> Condition {
    let name = table.key.hash.first().map(|part| part.name.clone());
    Condition::Exists(Path::to(name.unwrap_or_default()))
}

fn and(one: Condition, other: Option<Condition>) -> Condition {
    Condition::And([one].into_iter().chain(other).collect())
}
