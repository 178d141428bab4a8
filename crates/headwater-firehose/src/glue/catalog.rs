//! The catalog's machine: which databases and tables there are, and in which versions.
//!
//! Invariant: names are in lower case; a table has at least one version, and a version's number is never given again as
//! long as the table lives. Changes are JSON, self-describing: variants and fields may be added, never changed.
use super::errors;
use headwater_log::{
    LogGroup, LogId,
    machine::{Machine, of_json, to_json},
    replica::Home,
};
use headwater_wire::ServiceError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The group of the catalog's own logs, among those below 2⁶⁴ that are Headwater's.
const GROUP: LogGroup = LogGroup(4);
/// Replaying this many decisions takes milliseconds.
const SNAPSHOT_EVERY: u64 = 1024;
/// As many versions of a table are kept; then the oldest goes.
const MAX_VERSIONS: usize = 1000;

/// Where the catalog lives.
pub(super) const HOME: Home =
    Home { log: LogId::new(GROUP, 0), snapshots: LogId::new(GROUP, 1), snapshot_every: SNAPSHOT_EVERY };

/// An account in a region: `000000000000/us-east-1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) struct Scope(String);

impl Scope {
    pub(super) fn of(account: &str, region: &str) -> Self {
        Self(format!("{account}/{region}"))
    }

    /// The account alone.
    pub(super) fn account(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }
}

/// All databases of all accounts and regions.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct DataCatalog {
    scopes: BTreeMap<Scope, BTreeMap<String, Database>>,
}

/// A database and its tables.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Database {
    /// What it was made of, as the model's text.
    pub(super) input: String,
    pub(super) created_ms: u64,
    pub(super) tables: BTreeMap<String, Table>,
}

/// A table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) created_ms: u64,
    /// The ARN of who made it.
    pub(super) created_by: String,
    /// In order of number; the last is the latest.
    pub(super) versions: Vec<Version>,
}

/// A table at a time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) number: u64,
    /// What the table was then, as the model's text.
    pub(super) input: String,
    pub(super) updated_ms: u64,
}

/// A place of a table, there or not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) scope: Scope,
    pub(super) database: String,
    pub(super) table: String,
}

/// What is asked for.
#[derive(Clone)]
pub(super) enum Command {
    CreateDatabase {
        scope: Scope,
        name: String,
        input: String,
    },
    DeleteDatabase {
        scope: Scope,
        name: String,
    },
    CreateTable {
        place: Place,
        input: String,
        created_by: String,
    },
    /// `expected` is the version that must be the latest, if it matters.
    UpdateTable {
        place: Place,
        input: String,
        is_archived: bool,
        expected: Option<String>,
    },
    DeleteTable {
        place: Place,
    },
}

/// What becomes so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Change {
    DatabaseCreated {
        scope: Scope,
        name: String,
        input: String,
        now_ms: u64,
    },
    DatabaseDeleted {
        scope: Scope,
        name: String,
    },
    TableCreated {
        place: Place,
        created_by: String,
        version: Version,
    },
    /// The latest version is now this; the one before it stays if it `is_archived`.
    TableUpdated {
        place: Place,
        version: Version,
        is_archived: bool,
    },
    TableDeleted {
        place: Place,
    },
}

impl Table {
    pub(super) fn latest(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// The version of a number as clients write it.
    pub(super) fn version(&self, number: &str) -> Option<&Version> {
        let number: u64 = number.parse().ok()?;
        self.versions.iter().find(|version| version.number == number)
    }
}

impl DataCatalog {
    /// The databases of one account in one region, in order of name.
    pub(super) fn databases(&self, scope: &Scope) -> Option<&BTreeMap<String, Database>> {
        self.scopes.get(scope)
    }

    pub(super) fn database(&self, scope: &Scope, name: &str) -> Option<&Database> {
        self.databases(scope)?.get(name)
    }

    pub(super) fn table(&self, scope: &Scope, database: &str, name: &str) -> Option<&Table> {
        self.database(scope, database)?.tables.get(name)
    }

    /// The table, of a database that is there.
    fn known(&self, place: &Place) -> Result<&Table, ServiceError> {
        let Place { scope, database, table } = place;
        let database = self.database(scope, database).ok_or_else(|| errors::no_database(database))?;
        database.tables.get(table).ok_or_else(|| errors::no_table(table))
    }

    fn tables_mut(&mut self, place: &Place) -> Option<&mut BTreeMap<String, Table>> {
        Some(&mut self.scopes.get_mut(&place.scope)?.get_mut(&place.database)?.tables)
    }

    fn decided(&self, command: Command, now_ms: u64) -> Result<Change, ServiceError> {
        match command {
            Command::CreateDatabase { scope, name, input } => match self.database(&scope, &name) {
                Some(_) => Err(errors::database_exists()),
                None => Ok(Change::DatabaseCreated { scope, name, input, now_ms }),
            },
            Command::DeleteDatabase { scope, name } => match self.database(&scope, &name) {
                Some(_) => Ok(Change::DatabaseDeleted { scope, name }),
                None => Err(errors::no_database(&name)),
            },
            Command::CreateTable { place, input, created_by } => {
                let database = self.database(&place.scope, &place.database);
                let database = database.ok_or_else(|| errors::no_database(&place.database))?;
                if database.tables.contains_key(&place.table) {
                    return Err(errors::table_exists());
                }
                Ok(Change::TableCreated {
                    place,
                    created_by,
                    version: Version { number: 0, input, updated_ms: now_ms },
                })
            }
            Command::UpdateTable { place, input, is_archived, expected } => {
                let latest = self.known(&place)?.latest().map_or(0, |latest| latest.number);
                if expected.is_some_and(|expected| expected != latest.to_string()) {
                    return Err(errors::concurrent_update());
                }
                let version = Version { number: latest + 1, input, updated_ms: now_ms };
                Ok(Change::TableUpdated { place, version, is_archived })
            }
            Command::DeleteTable { place } => {
                self.known(&place)?;
                Ok(Change::TableDeleted { place })
            }
        }
    }
}

impl Machine for DataCatalog {
    type Command = Command;
    type Change = Change;
    type Answer = ();
    type Refusal = ServiceError;

    fn empty() -> Self {
        Self::default()
    }

    fn decide(&self, command: Command, now_ms: u64) -> Result<(Vec<Change>, ()), ServiceError> {
        Ok((vec![self.decided(command, now_ms)?], ()))
    }

    fn apply(&mut self, change: &Change) {
        match change.clone() {
            Change::DatabaseCreated { scope, name, input, now_ms } => {
                let database = Database { input, created_ms: now_ms, tables: BTreeMap::new() };
                self.scopes.entry(scope).or_default().insert(name, database);
            }
            Change::DatabaseDeleted { scope, name } => {
                self.scopes.entry(scope).or_default().remove(&name);
            }
            Change::TableCreated { place, created_by, version } => {
                let table = Table { created_ms: version.updated_ms, created_by, versions: vec![version] };
                self.tables_mut(&place).map(|tables| tables.insert(place.table, table));
            }
            Change::TableUpdated { place, version, is_archived } => {
                let table = self.tables_mut(&place).and_then(|tables| tables.get_mut(&place.table));
                let Some(Table { versions, .. }) = table else { return };
                if !is_archived {
                    versions.pop();
                }
                versions.push(version);
                let surplus = versions.len().saturating_sub(MAX_VERSIONS);
                versions.drain(..surplus);
            }
            Change::TableDeleted { place } => {
                self.tables_mut(&place).map(|tables| tables.remove(&place.table));
            }
        }
    }

    fn encode(changes: &[Change]) -> Vec<u8> {
        to_json(&changes)
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Change>, String> {
        of_json(bytes)
    }

    fn snapshot(&self) -> Vec<u8> {
        to_json(self)
    }

    fn restore(bytes: &[u8]) -> Result<Self, String> {
        of_json(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { scope: Scope::of("1", "r"), database: "d".into(), table: "t".into() }
    }

    fn update(catalog: &mut DataCatalog, input: &str, is_archived: bool) {
        let command = Command::UpdateTable { place: place(), input: input.into(), is_archived, expected: None };
        run(catalog, command).unwrap();
    }

    fn run(catalog: &mut DataCatalog, command: Command) -> Result<(), ServiceError> {
        let (changes, ()) = catalog.decide(command, 7)?;
        let told = DataCatalog::decode(&DataCatalog::encode(&changes)).unwrap();
        told.iter().for_each(|change| catalog.apply(change));
        assert_eq!(DataCatalog::restore(&catalog.snapshot()).as_ref(), Ok(&*catalog));
        Ok(())
    }

    #[test]
    fn versions_are_counted_on_and_the_oldest_go() {
        let mut catalog = DataCatalog::empty();
        let (scope, name) = (place().scope, "d".to_owned());
        run(&mut catalog, Command::CreateDatabase { scope, name, input: String::new() }).unwrap();
        let create = Command::CreateTable { place: place(), input: "0".into(), created_by: String::new() };
        run(&mut catalog, create).unwrap();
        update(&mut catalog, "1", true);
        update(&mut catalog, "2", false);
        let numbers = |catalog: &DataCatalog| -> Vec<u64> {
            catalog.known(&place()).unwrap().versions.iter().map(|version| version.number).collect()
        };
        assert_eq!(numbers(&catalog), [0, 2]);
        for _ in 0..MAX_VERSIONS {
            let update = Change::TableUpdated {
                place: place(),
                version: Version { number: 9, input: String::new(), updated_ms: 7 },
                is_archived: true,
            };
            catalog.apply(&update);
        }
        assert_eq!(catalog.known(&place()).unwrap().versions.len(), MAX_VERSIONS);
        assert!(!numbers(&catalog).contains(&0));
    }
}
