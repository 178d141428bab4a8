//! All tables, by id and by name.
//!
//! Invariant: a deleted table is found by its id among the graves alone, so its name is free at once.
use super::{Phase, Scope, Table};
use crate::errors::{self, Result};
use std::{collections::BTreeMap, sync::Arc};

/// Tables of an account in a region that may be created, updated and deleted at once.
const MOST_CHANGING: usize = 500;
/// Those with indexes that may be created at once.
const MOST_INDEXED: usize = 250;

/// All tables of all accounts and regions. Cheap to clone: a version is shared by whoever reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    by_id: BTreeMap<u64, Arc<Table>>,
    names: BTreeMap<Scope, BTreeMap<String, u64>>,
    /// Deleted tables of which something is left.
    graves: BTreeMap<u64, Arc<Table>>,
}

impl Tables {
    /// A table that is not deleted.
    pub(crate) fn get(&self, id: u64) -> Option<&Arc<Table>> {
        self.by_id.get(&id)
    }

    /// A table, deleted or not.
    pub(crate) fn any(&self, id: u64) -> Option<&Arc<Table>> {
        self.get(id).or_else(|| self.graves.get(&id))
    }

    /// The table called `name`.
    pub(crate) fn find(&self, scope: &Scope, name: &str) -> Option<&Arc<Table>> {
        self.get(*self.names.get(scope)?.get(name)?)
    }

    /// The tables of a scope in order of name.
    pub(crate) fn of(&self, scope: &Scope) -> impl Iterator<Item = &Arc<Table>> {
        self.names.get(scope).into_iter().flat_map(BTreeMap::values).filter_map(|id| self.get(*id))
    }

    /// Whether one more table of a scope may be on its way.
    ///
    /// # Errors
    /// `LimitExceededException` if too many are.
    pub(crate) fn check_changing(&self, scope: &Scope) -> Result<()> {
        let changing = self.of(scope).filter(|table| table.phase != Phase::Active);
        if changing.count() < MOST_CHANGING { Ok(()) } else { Err(errors::too_many_changing(MOST_CHANGING)) }
    }

    /// Whether one more table may be created.
    ///
    /// # Errors
    /// `LimitExceededException` if too many are on their way.
    pub(crate) fn check_creating(&self, table: &Table) -> Result<()> {
        self.check_changing(&table.scope)?;
        let is_creating = |held: &Table| matches!(held.phase, Phase::Creating { .. }) && !held.indexes.is_empty();
        let creating = self.of(&table.scope).filter(|held| is_creating(held)).count();
        if table.indexes.is_empty() || creating < MOST_INDEXED { Ok(()) } else { Err(errors::too_many_indexed()) }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.by_id.values()
    }

    /// The deleted tables of which rows or streams are left.
    pub(crate) fn graves(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.graves.values()
    }

    /// Puts `table` in the place of what had its id.
    pub(crate) fn set(&mut self, table: Arc<Table>) {
        if table.phase == Phase::Deleted {
            let names = self.names.get_mut(&table.scope).filter(|names| names.get(&table.name) == Some(&table.id));
            names.map(|names| names.remove(&table.name));
            self.by_id.remove(&table.id);
            self.graves.insert(table.id, table);
        } else {
            self.names.entry(table.scope.clone()).or_default().insert(table.name.clone(), table.id);
            self.by_id.insert(table.id, table);
        }
    }

    /// Nothing is left of a deleted table.
    pub(crate) fn forget(&mut self, id: u64) {
        self.graves.remove(&id);
    }
}
