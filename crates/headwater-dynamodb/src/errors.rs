//! The service's sentences: every error `DynamoDB` sends is built here, once.
//!
//! Invariant: codes are the model's names; sentences are the service's own, letter by letter where they are known.
mod partiql;
mod requests;
mod streams;
mod tables;
mod throughput;

use crate::{number::NumberError, value::Value};
use headwater_log::LogError;
use headwater_wire::{ErrorKind, ServiceError};
pub(crate) use partiql::*;
pub(crate) use requests::*;
pub(crate) use streams::*;
pub(crate) use tables::*;
pub(crate) use throughput::*;

/// What is read or decided.
pub(crate) type Result<T> = std::result::Result<T, ServiceError>;

pub(crate) fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationException", message)
}

pub(crate) fn invalid_values(message: &str) -> ServiceError {
    validation(format!("One or more parameter values were invalid: {message}"))
}

fn unfit_values(message: &str) -> ServiceError {
    validation(format!("One or more parameter values are not valid. {message}"))
}

/// The log or the rows failed. What happened is for the operator; the caller may try again.
pub(crate) fn engine(error: &LogError) -> ServiceError {
    let failure = match error {
        LogError::Full => ServiceError {
            kind: ErrorKind::Unavailable,
            ..ServiceError::new(
                "InternalServerError",
                "The disk is full: nothing is written until there is room again.",
            )
        },
        LogError::Unavailable(_) => ServiceError::bare("InternalServerError", ErrorKind::Unavailable),
        _ => ServiceError::bare("InternalServerError", ErrorKind::Receiver),
    };
    failure.because(error)
}

/// Nothing was done: another process is to decide.
pub(crate) fn elsewhere() -> ServiceError {
    ServiceError::bare("InternalServerError", ErrorKind::Elsewhere)
}

/// The same after something was done: nobody else may begin it anew.
pub(crate) fn begun(error: ServiceError) -> ServiceError {
    match error.kind {
        ErrorKind::Elsewhere => ServiceError { kind: ErrorKind::Unavailable, ..error },
        _ => error,
    }
}

// ---- which table ----

pub(crate) fn resource_not_found() -> ServiceError {
    ServiceError::new("ResourceNotFoundException", "Requested resource not found")
}

pub(crate) fn arn_invalid() -> ServiceError {
    validation("Invalid TableArn: Invalid ResourceArn provided as input")
}

pub(crate) fn table_name_length() -> ServiceError {
    validation("TableName must be at least 3 characters long and at most 255 characters long")
}

pub(crate) fn table_name_pattern(name: &str) -> ServiceError {
    validation(format!(
        "1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [a-zA-Z0-9_.-]+"
    ))
}

// ---- values ----

pub(crate) fn empty_value() -> ServiceError {
    validation("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
}

pub(crate) fn several_types() -> ServiceError {
    validation(
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
    )
}

pub(crate) fn null_is_false() -> ServiceError {
    invalid_values("Null attribute value types must have the value of true")
}

pub(crate) fn number(error: &NumberError) -> ServiceError {
    validation(error.to_string())
}

pub(crate) fn empty_string_set() -> ServiceError {
    invalid_values("An string set  may not be empty")
}

pub(crate) fn empty_number_set() -> ServiceError {
    invalid_values("An number set  may not be empty")
}

pub(crate) fn empty_binary_set() -> ServiceError {
    invalid_values("Binary sets should not be empty")
}

pub(crate) fn duplicate_strings(members: &str) -> ServiceError {
    invalid_values(&format!("Input collection {members} contains duplicates."))
}

pub(crate) fn duplicate_numbers() -> ServiceError {
    validation("Input collection contains duplicates")
}

pub(crate) fn duplicate_binaries(members: &str) -> ServiceError {
    invalid_values(&format!("Input collection {members}of type BS contains duplicates."))
}

pub(crate) fn nested_too_deep() -> ServiceError {
    validation(
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit",
    )
}

// ---- keys ----

pub(crate) fn key_missing(name: &str) -> ServiceError {
    invalid_values(&format!("Missing the key {name} in the item"))
}

pub(crate) fn key_type(name: &str, expected: &str, actual: &Value) -> ServiceError {
    let actual = actual.type_name();
    invalid_values(&format!("Type mismatch for key {name} expected: {expected} actual: {actual}"))
}

pub(crate) fn index_key_type(name: &str, expected: &str, actual: &Value, index: &str) -> ServiceError {
    let actual = actual.type_name();
    invalid_values(&format!(
        "Type mismatch for Index Key {name} Expected: {expected} Actual: {actual} IndexName: {index}"
    ))
}

pub(crate) fn key_does_not_match() -> ServiceError {
    validation("The provided key element does not match the schema")
}

pub(crate) fn key_empty(name: &str, kind: &str) -> ServiceError {
    unfit_values(&format!("The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {name}"))
}

pub(crate) fn index_key_empty(name: &str, kind: &str, index: &str) -> ServiceError {
    unfit_values(&format!(
        "A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot \
         contain an empty {kind} value. IndexName: {index}, IndexKey: {name}"
    ))
}

pub(crate) fn updated_index_key_type() -> ServiceError {
    validation("The update expression attempted to update the secondary index key to unsupported type")
}

pub(crate) fn updated_index_key_empty(kind: &str) -> ServiceError {
    unfit_values(&format!(
        "The update expression attempted to update a secondary index key to a value that is not supported. The \
         AttributeValue for a key attribute cannot contain an empty {kind} value."
    ))
}

pub(crate) fn updated_index_key_too_long() -> ServiceError {
    validation("The update expression attempted to update the secondary index key beyond allowed size limits")
}

pub(crate) fn hash_key_too_long() -> ServiceError {
    invalid_values("Size of hashkey has exceeded the maximum size limit of2048 bytes")
}

pub(crate) fn range_key_too_long() -> ServiceError {
    invalid_values("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
}
