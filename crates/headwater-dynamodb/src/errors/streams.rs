//! What is said of streams, their shards and their iterators.
use super::validation;
use headwater_wire::ServiceError;

pub(crate) fn stream_arn_invalid() -> ServiceError {
    validation("Invalid StreamArn")
}

pub(crate) fn stream_not_found(arn: &str) -> ServiceError {
    ServiceError::new("ResourceNotFoundException", format!("Requested resource not found: Stream: {arn} not found"))
}

pub(crate) fn shard_not_found() -> ServiceError {
    ServiceError::new("ResourceNotFoundException", "Requested resource not found: Shard does not exist")
}

pub(crate) fn shard_filter_incomplete() -> ServiceError {
    validation("Invalid ShardFilter: Type and ShardId must both be specified")
}

pub(crate) fn sequence_number_missing(kind: &str) -> ServiceError {
    validation(format!("SequenceNumber must be specified for ShardIteratorType {kind}"))
}

pub(crate) fn sequence_number_needless(kind: &str) -> ServiceError {
    validation(format!("SequenceNumber must not be specified for ShardIteratorType {kind}"))
}

pub(crate) fn sequence_number_invalid() -> ServiceError {
    validation("Invalid SequenceNumber")
}

pub(crate) fn timestamp_missing() -> ServiceError {
    validation("Timestamp must be specified for ShardIteratorType AT_TIMESTAMP")
}

pub(crate) fn timestamp_needless(kind: &str) -> ServiceError {
    validation(format!("Timestamp must not be specified for ShardIteratorType {kind}"))
}

pub(crate) fn change_trimmed() -> ServiceError {
    ServiceError::new(
        "TrimmedDataAccessException",
        "The operation attempted to read past the oldest stream record in a shard.",
    )
}

pub(crate) fn iterator_invalid() -> ServiceError {
    validation("Invalid ShardIterator")
}

pub(crate) fn iterator_expired() -> ServiceError {
    ServiceError::new("ExpiredIteratorException", "The provided iterator exceeds the maximum age allowed.")
}

/// A count that is more than the service hands out at a time, in the validator's words.
pub(crate) fn limit_too_large(asked: i32, most: usize) -> ServiceError {
    validation(format!(
        "1 validation error detected: Value '{asked}' at 'limit' failed to satisfy constraint: Member must have value \
         less than or equal to {most}"
    ))
}
