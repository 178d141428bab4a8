//! What is said of tables, their indexes, settings and streams.
use super::{invalid_values, validation};
use headwater_wire::ServiceError;

fn in_use(what: &str) -> ServiceError {
    ServiceError::new("ResourceInUseException", what)
}

fn not_found(what: &str) -> ServiceError {
    ServiceError::new("ResourceNotFoundException", format!("Requested resource not found: {what}"))
}

fn limit_exceeded(what: &str) -> ServiceError {
    ServiceError::new("LimitExceededException", format!("Subscriber limit exceeded: {what}"))
}

// ---- tables ----

pub(crate) fn table_exists(name: &str) -> ServiceError {
    in_use(&format!("Table already exists: {name}"))
}

pub(crate) fn table_not_found(name: &str) -> ServiceError {
    not_found(&format!("Table: {name} not found"))
}

/// As the operations about backups put it.
pub(crate) fn no_such_table(name: &str) -> ServiceError {
    ServiceError::new("TableNotFoundException", format!("Table not found: {name}"))
}

/// `doing` is "created", "updated" or "deleted".
pub(crate) fn table_in_use(doing: &str, name: &str) -> ServiceError {
    in_use(&format!("Attempt to change a resource which is still in use: Table is being {doing}: {name}"))
}

pub(crate) fn table_protected() -> ServiceError {
    validation(
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
    )
}

pub(crate) fn too_many_tables(most: usize) -> ServiceError {
    limit_exceeded(&format!("There is a limit of {most} tables per subscriber"))
}

pub(crate) fn too_many_changing(most: usize) -> ServiceError {
    limit_exceeded(&format!("Only {most} tables can be created, updated, or deleted simultaneously"))
}

pub(crate) fn too_many_indexed() -> ServiceError {
    limit_exceeded("You have exceeded the maximum number of indexed tables that can be created simultaneously")
}

/// A parameter of something the service does not have.
pub(crate) fn not_offered(parameter: &str) -> ServiceError {
    invalid_values(&format!("{parameter} is not supported"))
}

// ---- keys ----

/// What the model no longer requires and the service does, where there is no vector index.
pub(crate) fn members_missing(names: &[&str]) -> ServiceError {
    let sentence =
        |name: &&str| format!("Value null at '{name}' failed to satisfy constraint: Member must not be null");
    let count =
        if names.len() == 1 { "1 validation error".into() } else { format!("{} validation errors", names.len()) };
    validation(format!("{count} detected: {}", names.iter().map(sentence).collect::<Vec<_>>().join("; ")))
}

pub(crate) fn attribute_defined_twice(name: &str) -> ServiceError {
    validation(format!("Attribute Name is duplicated: {name}"))
}

pub(crate) fn attribute_redefined(name: &str) -> ServiceError {
    invalid_values(&format!("The type of an attribute that is part of a key cannot be changed. Attribute: {name}"))
}

pub(crate) fn key_undefined(keys: &str, attributes: &str) -> ServiceError {
    invalid_values(&format!(
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [{keys}], AttributeDefinitions: \
         [{attributes}]"
    ))
}

pub(crate) fn attributes_unused(attributes: &str, keys: &str) -> ServiceError {
    invalid_values(&format!(
        "Some AttributeDefinitions are not used. AttributeDefinitions: [{attributes}], keys used: [{keys}]"
    ))
}

pub(crate) fn attributes_unmatched() -> ServiceError {
    invalid_values(
        "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
    )
}

pub(crate) fn first_not_hash() -> ServiceError {
    validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
}

pub(crate) fn second_not_range() -> ServiceError {
    validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
}

pub(crate) fn same_name_twice() -> ServiceError {
    validation("Both the Hash Key and the Range Key element in the KeySchema have the same name")
}

pub(crate) fn key_too_wide(most: usize) -> ServiceError {
    validation(format!("Invalid KeySchema: The KeySchema has more than {most} elements"))
}

/// `kind` is HASH or RANGE.
pub(crate) fn too_many_parts(kind: &str) -> ServiceError {
    invalid_values(&format!("The KeySchema exceeds the maximum allowed number of {kind} key attributes"))
}

pub(crate) fn hash_behind_range() -> ServiceError {
    invalid_values("All HASH key attributes must precede RANGE key attributes in the KeySchema")
}

pub(crate) fn part_twice() -> ServiceError {
    validation("The KeySchema contains multiple key attributes with the same name")
}

// ---- indexes ----

/// `list` is the member's name.
pub(crate) fn no_indexes(list: &str) -> ServiceError {
    invalid_values(&format!("List of {list} is empty"))
}

pub(crate) fn index_twice(name: &str) -> ServiceError {
    invalid_values(&format!("Duplicate index name: {name}"))
}

pub(crate) fn too_many_local(most: usize) -> ServiceError {
    invalid_values(&format!("Number of LocalSecondaryIndexes exceeds per-table limit of {most}"))
}

pub(crate) fn too_many_global(most: usize) -> ServiceError {
    invalid_values(&format!("GlobalSecondaryIndex count exceeds the per-table limit of {most}"))
}

pub(crate) fn local_without_range() -> ServiceError {
    invalid_values("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
}

pub(crate) fn local_key_without_range(index: &str) -> ServiceError {
    invalid_values(&format!("Index KeySchema does not have a range key for index: {index}"))
}

pub(crate) fn local_hash_differs(index: &str, index_key: &str, table_key: &str) -> ServiceError {
    invalid_values(&format!(
        "Index KeySchema does not have the same leading hash key as table KeySchema for index: {index}. index hash \
         key: {index_key}, table hash key: {table_key}"
    ))
}

pub(crate) fn projection_unknown() -> ServiceError {
    invalid_values("Unknown ProjectionType: null")
}

pub(crate) fn projection_names_missing() -> ServiceError {
    invalid_values("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
}

pub(crate) fn projection_names_needless(kind: &str) -> ServiceError {
    invalid_values(&format!("ProjectionType is {kind}, but NonKeyAttributes is specified"))
}

pub(crate) fn projection_name_twice(name: &str) -> ServiceError {
    invalid_values(&format!("Duplicate element in NonKeyAttributes: {name}"))
}

pub(crate) fn projects_too_many(most: usize) -> ServiceError {
    invalid_values(&format!(
        "Number of non-key attributes projected into all secondary indexes exceeds the per-table limit of {most}"
    ))
}

// ---- changes of indexes ----

pub(crate) fn index_action_missing() -> ServiceError {
    invalid_values(
        "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, \
         GlobalSecondaryIndexUpdate.Delete must not be null",
    )
}

pub(crate) fn index_actions() -> ServiceError {
    invalid_values("Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object")
}

/// `change` is "delete" or "update".
pub(crate) fn index_is_local(change: &str, index: &str) -> ServiceError {
    validation(format!("Cannot {change} an index that is not a GlobalSecondaryIndex: {index}"))
}

pub(crate) fn index_changed_twice(index: &str) -> ServiceError {
    invalid_values(&format!(
        "Only one global secondary index update per index is allowed simultaneously. Index: {index}"
    ))
}

pub(crate) fn one_index_at_a_time() -> ServiceError {
    limit_exceeded("Only 1 online index can be created or deleted simultaneously per table")
}

pub(crate) fn index_exists() -> ServiceError {
    validation("Attempting to create an index which already exists")
}

pub(crate) fn index_in_use(index: &str, table: &str) -> ServiceError {
    in_use(&format!(
        "Attempt to change a resource which is still in use: Index is being created or deleted. Table: {table}, \
         Index: {index}"
    ))
}

// ---- other settings ----

pub(crate) fn nothing_to_update() -> ServiceError {
    validation(
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, \
         SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, \
         DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required",
    )
}

pub(crate) fn encryption_kind() -> ServiceError {
    invalid_values("SSEType AES256 is not supported")
}

/// `member` is the one that was given.
pub(crate) fn encryption_needless(member: &str) -> ServiceError {
    invalid_values(&format!("{member} can not be specified if Enabled is false"))
}

pub(crate) fn encryption_kind_missing() -> ServiceError {
    invalid_values("SSEType KMS is required if KMSMasterKeyId is specified")
}

pub(crate) fn stream_view_missing(is_new_table: bool) -> ServiceError {
    invalid_values(match is_new_table {
        true => "Table is being created with a stream enabled, UpdateViewType is required",
        false => "If stream is being enabled then UpdateViewType is required",
    })
}

pub(crate) fn stream_view_needless(is_new_table: bool) -> ServiceError {
    invalid_values(match is_new_table {
        true => "Table is being created with a stream disabled, UpdateViewType should not be specified",
        false => "If stream is being disabled, then UpdateViewType must not be specified",
    })
}

pub(crate) fn stream_enabled(table: &str) -> ServiceError {
    validation(format!("Table already has an enabled stream: TableName: {table}"))
}

pub(crate) fn stream_disabled(table: &str) -> ServiceError {
    validation(format!("Table has no stream to disable: TableName: {table}"))
}

// ---- time to live ----

/// `state` is CREATING or DELETING.
pub(crate) fn expiry_untold(state: &str) -> ServiceError {
    validation(format!("Cannot describe time to live while table is in {state} state: Current table state is {state}"))
}

pub(crate) fn expiry_enabled() -> ServiceError {
    validation("TimeToLive is already enabled")
}

pub(crate) fn expiry_disabled() -> ServiceError {
    validation("TimeToLive is already disabled")
}

pub(crate) fn expiry_differs(attribute: &str) -> ServiceError {
    validation(format!("TimeToLive is active on a different AttributeName: current AttributeName is {attribute}"))
}

pub(crate) fn expiry_too_often() -> ServiceError {
    validation("Time to live has been modified multiple times within a fixed interval")
}

// ---- tags ----

pub(crate) fn resource_arn_invalid(arn: &str) -> ServiceError {
    match arn.strip_prefix("arn:").map(|rest| rest.split(':').nth(1)) {
        None => invalid_values(&format!("ARNs must start with 'arn:': {arn}")),
        Some(Some("dynamodb")) => validation(format!("Invalid TableArn: Invalid ResourceArn provided as input {arn}")),
        Some(_) => invalid_values(&format!("Provided Arn is not a DynamoDB resource arn: {arn}")),
    }
}

/// The service's own spelling.
pub(crate) fn tagged_not_found(arn: &str) -> ServiceError {
    not_found(&format!("ResourcArn: {arn} not found"))
}

pub(crate) fn no_tags() -> ServiceError {
    validation("Atleast one Tag needs to be provided as Input.")
}

pub(crate) fn no_tag_keys() -> ServiceError {
    validation("Atleast one Tag Key needs to be provided as Input.")
}

pub(crate) fn tag_twice(key: &str) -> ServiceError {
    validation(format!("Duplicate Tag Keys provided as input: Duplicate Tag Key found {key}"))
}

pub(crate) fn tag_reserved(key: &str) -> ServiceError {
    validation(format!("Tag Key cannot be prefixed with aws:, Key: {key}"))
}

pub(crate) fn too_many_tags() -> ServiceError {
    validation("Number of Tags exceed the current limit for the provided ResourceArn")
}

pub(crate) fn token_invalid() -> ServiceError {
    invalid_values("NextToken is invalid")
}
