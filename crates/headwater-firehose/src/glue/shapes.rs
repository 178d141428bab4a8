//! What is kept, in the model's shapes.
use super::{
    catalog::{Database, Scope, Table, Version},
    errors::{self, Result},
};
use headwater_wire::{
    Structure, Timestamp,
    glue::{Database as DatabaseShape, DatabaseInput, Table as TableShape, TableInput, TableVersion},
    of_text,
};

fn kept<T: Structure>(text: &str) -> Result<T> {
    of_text(text).map_err(|why| errors::unreadable(&why))
}

fn at(ms: u64) -> Option<Timestamp> {
    i64::try_from(ms).ok().map(Timestamp)
}

pub(super) fn database(scope: &Scope, name: &str, database: &Database) -> Result<DatabaseShape> {
    let input: DatabaseInput = kept(&database.input)?;
    Ok(DatabaseShape {
        name: name.to_owned(),
        description: input.description,
        location_uri: input.location_uri,
        parameters: input.parameters,
        create_time: at(database.created_ms),
        create_table_default_permissions: input.create_table_default_permissions,
        target_database: input.target_database,
        catalog_id: Some(scope.account().to_owned()),
        federated_database: input.federated_database,
    })
}

/// A table at one of its versions.
pub(super) fn table(scope: &Scope, place: (&str, &str), table: &Table, version: &Version) -> Result<TableShape> {
    let (database, name) = place;
    let input: TableInput = kept(&version.input)?;
    Ok(TableShape {
        name: name.to_owned(),
        database_name: Some(database.to_owned()),
        description: input.description,
        owner: input.owner,
        create_time: at(table.created_ms),
        update_time: at(version.updated_ms),
        last_access_time: input.last_access_time,
        last_analyzed_time: input.last_analyzed_time,
        retention: Some(input.retention.unwrap_or(0)),
        storage_descriptor: input.storage_descriptor,
        partition_keys: input.partition_keys,
        view_original_text: input.view_original_text,
        view_expanded_text: input.view_expanded_text,
        table_type: input.table_type,
        parameters: input.parameters,
        created_by: Some(table.created_by.clone()),
        is_registered_with_lake_formation: Some(false),
        target_table: input.target_table,
        catalog_id: Some(scope.account().to_owned()),
        version_id: Some(version.number.to_string()),
        federated_table: input.federated_table,
    })
}

pub(super) fn table_version(
    scope: &Scope,
    place: (&str, &str),
    held: &Table,
    version: &Version,
) -> Result<TableVersion> {
    let version_id = Some(version.number.to_string());
    Ok(TableVersion { table: Some(table(scope, place, held, version)?), version_id })
}
