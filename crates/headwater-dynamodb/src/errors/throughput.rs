//! What is said of units, of tables and of their indexes: CreateTable and UpdateTable have words of their own.
use super::{invalid_values, validation};
use headwater_wire::ServiceError;

pub(crate) fn units_needless() -> ServiceError {
    invalid_values(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
    )
}

pub(crate) fn units_missing() -> ServiceError {
    invalid_values("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
}

/// UpdateTable's words; the others are CreateTable's.
pub(crate) fn updated_units_missing() -> ServiceError {
    invalid_values("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
}

/// UpdateTable's words.
pub(crate) fn updated_index_units_needless(index: &str) -> ServiceError {
    invalid_values(&format!(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: {index} when BillingMode is \
         PAY_PER_REQUEST"
    ))
}

/// UpdateTable's words on units of an index that has none.
pub(crate) fn index_units_unchangeable(index: &str) -> ServiceError {
    invalid_values(&format!(
        "The only Updates for index: {index} when TableThroughputMode is PAY_PER_REQUEST can be to OnDemandThroughput, \
         WarmThroughput"
    ))
}

/// UpdateTable's words.
pub(crate) fn updated_index_units_missing(index: &str) -> ServiceError {
    invalid_values(&format!("ProvisionedThroughput must be specified for index: {index}"))
}

pub(crate) fn index_units_needless(index: &str) -> ServiceError {
    invalid_values(&format!(
        "ProvisionedThroughput should not be specified for index: {index} when BillingMode is PAY_PER_REQUEST"
    ))
}

pub(crate) fn index_units_missing(index: &str) -> ServiceError {
    invalid_values(&format!("ProvisionedThroughput is not specified for index: {index}"))
}

/// `which` is the unit's name; `index` the one it is asked for, if not for the table.
pub(crate) fn units_out_of_bounds(value: i64, which: &str, index: Option<&str>) -> ServiceError {
    let of = index.map(|index| format!(" for index {index}")).unwrap_or_default();
    validation(format!("Given value {value} for {which} is out of bounds{of}"))
}

/// `what` is "table" or "index x"; read and write units.
pub(crate) fn units_unchanged(what: &str, (read, write): (i64, i64)) -> ServiceError {
    let of = if what == "table" { "the table" } else { "the index" };
    validation(format!(
        "The provisioned throughput for the {what} will not change. The requested value equals the current value. \
         Current ReadCapacityUnits provisioned for {of}: {read}. Requested ReadCapacityUnits: {read}. Current \
         WriteCapacityUnits provisioned for {of}: {write}. Requested WriteCapacityUnits: {write}. Refer to the Amazon \
         DynamoDB Developer Guide for current limits and how to request higher limits."
    ))
}

pub(crate) fn request_units_needless(which: &str) -> ServiceError {
    invalid_values(&format!(
        "{which} for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"
    ))
}

/// `index` is the one it is asked for, if not for the table.
pub(crate) fn request_units_out_of_bounds(which: &str, index: Option<&str>) -> ServiceError {
    let of = index.map_or_else(|| "table".to_owned(), |index| format!("index : {index}"));
    invalid_values(&format!("Requested {which} for OnDemandThroughput for {of} is outside of valid range"))
}

/// `index` is the one it is asked for, if not for the table.
pub(crate) fn warm_units_too_low(which: &str, index: Option<&str>) -> ServiceError {
    let of = index.map_or_else(|| "table".to_owned(), |index| format!("index {index}"));
    invalid_values(&format!(
        "Requested {which} for WarmThroughput for {of} is lower than current WarmThroughput, decreasing \
         WarmThroughput is not supported"
    ))
}
