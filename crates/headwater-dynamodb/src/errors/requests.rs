//! What is said of requests for items: of their tables, their limits, their pages.
use super::{invalid_values, validation};
use headwater_wire::{AttributeValue, ErrorMembers, ServiceError};
use std::collections::BTreeMap;

// ---- throughput ----

fn throughput(of: &str, reason: String, resource: &str) -> ServiceError {
    let told = headwater_wire::dynamodb::ThrottlingReason { reason: Some(reason), resource: Some(resource.to_owned()) };
    ServiceError::new(
        "ProvisionedThroughputExceededException",
        format!(
            "The level of configured provisioned throughput for {of} was exceeded. Consider increasing your provisioning \
             level with the UpdateTable API."
        ),
    )
    .with(ErrorMembers::ThrottlingReasons(vec![told]))
}

pub(crate) fn is_throughput(error: &ServiceError) -> bool {
    error.code == "ProvisionedThroughputExceededException"
}

/// `usage` is `Read` or `Write`.
pub(crate) fn table_throughput(usage: &str, arn: &str) -> ServiceError {
    throughput("the table", format!("Table{usage}ProvisionedThroughputExceeded"), arn)
}

/// `usage` is `Read` or `Write`.
pub(crate) fn index_throughput(usage: &str, arn: &str) -> ServiceError {
    let of = "one or more global secondary indexes of the table";
    throughput(of, format!("Index{usage}ProvisionedThroughputExceeded"), arn)
}

// ---- writes ----

pub(crate) fn condition_failed(item: Option<BTreeMap<String, AttributeValue>>) -> ServiceError {
    let error = ServiceError::new("ConditionalCheckFailedException", "The conditional request failed");
    match item {
        Some(item) => error.with(ErrorMembers::Item(item)),
        None => error,
    }
}

pub(crate) fn return_values_old_only() -> ServiceError {
    validation("ReturnValues can only be ALL_OLD or NONE")
}

pub(crate) fn item_too_large() -> ServiceError {
    validation("Item size has exceeded the maximum allowed size")
}

pub(crate) fn updated_item_too_large() -> ServiceError {
    validation("Item size to update has exceeded the maximum allowed size")
}

pub(crate) fn key_is_updated(name: &str) -> ServiceError {
    invalid_values(&format!("Cannot update attribute {name}. This attribute is part of the key"))
}

// ---- batches ----

pub(crate) fn too_many_items(operation: &str) -> ServiceError {
    validation(format!("Too many items requested for the {operation} call"))
}

pub(crate) fn duplicate_keys() -> ServiceError {
    validation("Provided list of item keys contains duplicates")
}

/// Said of a write request that is none and of one that is both.
pub(crate) fn write_request_unclear() -> ServiceError {
    super::several_types()
}

// ---- transactions ----

pub(crate) fn transact_item_ambiguous() -> ServiceError {
    validation("TransactItems can only contain one of Check, Put, Update or Delete")
}

pub(crate) fn transaction_repeats_item() -> ServiceError {
    validation("Transaction request cannot include multiple operations on one item")
}

pub(crate) fn token_reused() -> ServiceError {
    ServiceError::new(
        "IdempotentParameterMismatchException",
        "Another transaction with the same client token but a different request was carried out before",
    )
}

/// Why one item of a transaction kept it from being carried out, if it did.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Reason {
    /// It did not.
    None,
    /// Its condition failed; with the item, if the caller wants to see it.
    ConditionFailed(Option<BTreeMap<String, AttributeValue>>),
    /// It is against the rules.
    Invalid(String),
    /// What is provisioned for it is used up.
    Throughput(String),
    /// PartiQL put an item where one was.
    Duplicate,
}

impl Reason {
    /// The reason an error is for a whole transaction.
    pub(crate) fn of(error: &ServiceError) -> Self {
        let message = error.message.clone().unwrap_or_default();
        if is_throughput(error) { Self::Throughput(message) } else { Self::Invalid(message) }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::ConditionFailed(_) => "ConditionalCheckFailed",
            Self::Invalid(_) => "ValidationError",
            Self::Throughput(_) => "ProvisionedThroughputExceeded",
            Self::Duplicate => "DuplicateItem",
        }
    }
}

pub(crate) fn transaction_cancelled(reasons: Vec<Reason>) -> ServiceError {
    let codes: Vec<&str> = reasons.iter().map(Reason::code).collect();
    let message =
        format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "));
    let told = reasons.into_iter().map(|reason| {
        let code = Some(reason.code().to_owned());
        let (message, item) = match reason {
            Reason::None => (None, None),
            Reason::ConditionFailed(item) => (Some("The conditional request failed".to_owned()), item),
            Reason::Invalid(message) | Reason::Throughput(message) => (Some(message), None),
            Reason::Duplicate => (Some("Duplicate primary key exists in table".to_owned()), None),
        };
        headwater_wire::dynamodb::CancellationReason { item, code, message }
    });
    let members = ErrorMembers::CancellationReasons(told.collect());
    ServiceError::new("TransactionCanceledException", message).with(members)
}

// ---- pages ----

pub(crate) fn index_unknown(name: &str) -> ServiceError {
    validation(format!("The table does not have the specified index: {name}"))
}

pub(crate) fn index_backfilling(name: &str) -> ServiceError {
    validation(format!("Cannot read from backfilling global secondary index: {name}"))
}

pub(crate) fn consistent_read_of_global_index() -> ServiceError {
    validation("Consistent reads are not supported on global secondary indexes")
}

pub(crate) fn select_needs_attributes() -> ServiceError {
    invalid_values("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
}

pub(crate) fn select_excludes(parameter: &str, choice: &str) -> ServiceError {
    validation(format!("Cannot specify the {parameter} when choosing to get {choice}"))
}

pub(crate) fn select_projected_needs_index() -> ServiceError {
    validation("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
}

pub(crate) fn index_shows_part(name: &str) -> ServiceError {
    invalid_values(&format!(
        "Select type ALL_ATTRIBUTES is not supported for global secondary index {name} because its projection type is \
         not ALL"
    ))
}

pub(crate) fn index_does_not_show(name: &str, attributes: &[&str]) -> ServiceError {
    invalid_values(&format!("Global secondary index {name} does not project [{}]", attributes.join(", ")))
}

pub(crate) fn start_key_invalid(error: &ServiceError) -> ServiceError {
    let why = error.message.as_deref().unwrap_or_default();
    validation(format!("The provided starting key is invalid: {why}"))
}

pub(crate) fn start_key_does_not_match(has_index: bool) -> ServiceError {
    validation(if has_index {
        "The provided starting key is invalid"
    } else {
        "The provided starting key is invalid: The provided key element does not match the schema"
    })
}

pub(crate) fn start_key_of_other_segment() -> ServiceError {
    validation("The provided starting key is invalid: The provided key does not belong to the segment")
}

pub(crate) fn start_key_outside() -> ServiceError {
    validation("The provided starting key is outside query boundaries based on provided conditions")
}

pub(crate) fn start_key_against_range() -> ServiceError {
    validation("The provided starting key does not match the range key predicate")
}

pub(crate) fn total_segments_missing() -> ServiceError {
    validation(
        "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
    )
}

pub(crate) fn segment_missing() -> ServiceError {
    validation(
        "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
    )
}

pub(crate) fn segment_outside(segment: i32, total: i32) -> ServiceError {
    validation(format!(
        "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {segment} is not \
         less than TotalSegments: {total}"
    ))
}

/// A filter on a key attribute: a key condition should have been.
pub(crate) fn filter_on_key(name: &str, is_expression: bool) -> ServiceError {
    let parameter = if is_expression { "Filter Expression" } else { "QueryFilter" };
    validation(format!("{parameter} can only contain non-primary key attributes: Primary key attribute: {name}"))
}

pub(crate) fn query_needs_condition() -> ServiceError {
    validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
}
