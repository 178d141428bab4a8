//! What is said of `PartiQL` statements.
use super::{invalid_values, validation};
use crate::{
    number::NumberError,
    partiql::syntax::{Call, Expression},
};
use headwater_wire::ServiceError;

pub(crate) fn malformed_statement(why: &str) -> ServiceError {
    validation(format!("Statement wasn't well formed, can't be processed: {why}"))
}

pub(crate) fn parameters_do_not_match() -> ServiceError {
    validation("Number of parameters in request and statement don't match.")
}

pub(crate) fn duplicate_item() -> ServiceError {
    ServiceError::new("DuplicateItemException", "Duplicate primary key exists in table")
}

pub(crate) fn key_not_in_where() -> ServiceError {
    validation("Where clause does not contain a mandatory equality on all key attributes")
}

pub(crate) fn select_without_key(operation: &str) -> ServiceError {
    validation(format!("Select statements within {operation} must specify the primary key in the where clause."))
}

/// The refusal of one statement of a transaction before any of them is carried out; a table that is not there is told as
/// by itself.
pub(crate) fn in_transaction(place: usize, error: &ServiceError) -> ServiceError {
    if error.code != "ValidationException" {
        return error.clone();
    }
    let why = error.message.as_deref().unwrap_or_default();
    validation(format!("Validation failed in TransactStatements[{place}]: {why}"))
}

pub(crate) fn exists_outside_transaction() -> ServiceError {
    validation("EXISTS can only be used in ExecuteTransaction write requests.")
}

pub(crate) fn reads_and_writes(what: &str) -> ServiceError {
    validation(format!("{what} may contain either read or write statements, not both."))
}

pub(crate) fn returning_of_delete(clause: impl std::fmt::Display) -> ServiceError {
    validation(format!("Invalid returning clause: {clause}. Only RETURNING ALL OLD * is allowed in DELETE statements."))
}

pub(crate) fn order_without_where() -> ServiceError {
    validation("Must have WHERE clause in the statement when using ORDER BY clause.")
}

pub(crate) fn order_without_hash() -> ServiceError {
    validation("Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause.")
}

pub(crate) fn order_not_by_key(name: &str) -> ServiceError {
    validation(format!("Variable reference {name} in ORDER BY clause must be part of the primary key"))
}

pub(crate) fn order_across_hashes() -> ServiceError {
    validation("Must have hash key in ORDER BY clause when more than one hash key condition specified in WHERE clause.")
}

pub(crate) fn next_token_invalid() -> ServiceError {
    validation("Invalid NextToken")
}

/// The token is one, of another request.
pub(crate) fn next_token_mismatched() -> ServiceError {
    validation("NextToken does not match request")
}

pub(crate) fn not_a_value(what: &Expression, under: &str) -> ServiceError {
    validation(match what {
        Expression::Call(Call { function, at, .. }) => {
            format!("Unsupported data type: {function} under key {under} at {at}")
        }
        other => format!("Unsupported data type: {other} under key {under}"),
    })
}

pub(crate) fn not_a_condition(what: impl std::fmt::Display) -> ServiceError {
    validation(format!("Expression: {what} is not valid condition"))
}

pub(crate) fn unknown_function(call: &Call) -> ServiceError {
    validation(format!("Unrecognized function: {} at {}", call.function, call.at))
}

pub(crate) fn set_of_several_types() -> ServiceError {
    validation("All elements of a set must be strings, numbers or binaries of one type")
}

pub(crate) fn empty_bag() -> ServiceError {
    validation("Empty bags are not supported")
}

pub(crate) fn set_function_arguments(call: &Call) -> ServiceError {
    validation(format!("{} must have exactly two arguments at {}", call.function.to_ascii_uppercase(), call.at))
}

pub(crate) fn set_function_target(call: &Call) -> ServiceError {
    let function = call.function.to_ascii_uppercase();
    validation(format!("The first argument to {function} must equal the assignment value at {}", call.at))
}

/// The place told is the first argument's.
pub(crate) fn set_function_members(call: &Call) -> ServiceError {
    let function = call.function.to_ascii_uppercase();
    validation(format!("The second argument to {function} must be a value with type SET at {}", call.first_at))
}

pub(crate) fn number_under(error: &NumberError, path: &str) -> ServiceError {
    validation(format!("{error} under {path}"))
}

pub(crate) fn statement_index_unknown() -> ServiceError {
    validation("The table does not have the specified index")
}

pub(crate) fn statement_consistent_on_global() -> ServiceError {
    validation("Strongly consistent read is not supported on Global Secondary Indexes")
}

pub(crate) fn index_does_not_show_filtered(name: &str, attributes: &[&str]) -> ServiceError {
    invalid_values(&format!(
        "Secondary index {name} does not project one or more filter attributes: [{}]",
        attributes.join(", ")
    ))
}

pub(crate) fn transaction_reads_index() -> ServiceError {
    validation("Reads on indices are not supported within transactions.")
}

pub(crate) fn transaction_returns() -> ServiceError {
    validation("RETURNING clause is not supported in ExecuteTransaction.")
}

pub(crate) fn exists_without_condition() -> ServiceError {
    validation("EXISTS() must contain a single item read with additional condition")
}
