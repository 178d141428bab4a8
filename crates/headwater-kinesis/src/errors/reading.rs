//! The sentences about iterators, tokens and filters.
//!
//! Invariant: as for all of the service's sentences, each is built here and nowhere else.
use super::invalid_argument;
use crate::{catalog::shard_id, date::utc};
use headwater_wire::ServiceError;

pub(crate) fn iterator_invalid() -> ServiceError {
    invalid_argument("Invalid ShardIterator.")
}

pub(crate) fn iterator_expired(issued_ms: u64, now_ms: u64) -> ServiceError {
    let message = expired("Iterator expired. The iterator", issued_ms, now_ms);
    ServiceError::new("ExpiredIteratorException", message)
}

/// The token was handed out for another stream than the request names.
pub(crate) fn iterator_of_other(name: &str) -> ServiceError {
    invalid_argument(format!("The ShardIterator does not belong to stream {name}."))
}

pub(crate) fn next_token_invalid() -> ServiceError {
    invalid_argument("Invalid NextToken.")
}

pub(crate) fn next_token_expired(issued_ms: u64, now_ms: u64) -> ServiceError {
    let message = expired("NextToken expired. The token", issued_ms, now_ms);
    ServiceError::new("ExpiredNextTokenException", message)
}

fn expired(what: &str, issued_ms: u64, now_ms: u64) -> String {
    let (issued, now) = (utc(issued_ms), utc(now_ms));
    format!(
        "{what} was created at time {issued} while right now it is {now} which is further in the future than the \
         tolerated delay of 300000 milliseconds."
    )
}

/// `sent` tells whether the request also carries a StartingSequenceNumber.
pub(crate) fn starting_number_presence(kind: &str, sent: bool) -> ServiceError {
    let clause = if sent { "also a" } else { "no" };
    invalid_argument(format!(
        "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
         TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and {clause} \
         StartingSequenceNumber."
    ))
}

pub(crate) fn timestamp_missing() -> ServiceError {
    invalid_argument(
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp \
         parameter.",
    )
}

pub(crate) fn timestamp_future(timestamp_ms: i64, now_ms: u64) -> ServiceError {
    invalid_argument(format!(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: \
         {timestamp_ms}, currentTimestampInMillis: {now_ms}"
    ))
}

pub(crate) fn starting_number_invalid(number: &str, shard: u32, name: &str, account: &str) -> ServiceError {
    invalid_argument(format!("{}.", starting_number(number, shard, name, account)))
}

pub(crate) fn starting_number_foreign(number: &str, shard: u32, name: &str, account: &str) -> ServiceError {
    let what = starting_number(number, shard, name, account);
    invalid_argument(format!("{what} because it did not come from this stream."))
}

fn starting_number(number: &str, shard: u32, name: &str, account: &str) -> String {
    format!(
        "StartingSequenceNumber {number} used in GetShardIterator on shard {} in stream {name} under account {account} \
         is invalid",
        shard_id(shard)
    )
}

/// The shard a number encodes may be negative, and is then written with one digit less.
pub(crate) fn starting_number_of_other(encoded: i64, shard: u32) -> ServiceError {
    let encoded = if encoded < 0 { format!("shardId--{:011}", -encoded) } else { format!("shardId-{encoded:012}") };
    invalid_argument(format!(
        "Invalid StartingSequenceNumber. It encodes {encoded}, while it was used in a call to a shard with {}",
        shard_id(shard)
    ))
}

// ---- ListShards ----

pub(crate) fn token_or_name() -> ServiceError {
    invalid_argument("Either NextToken or StreamName should be provided.")
}

pub(crate) fn token_and_name() -> ServiceError {
    invalid_argument("NextToken and StreamName cannot be provided together.")
}

pub(crate) fn token_and(member: &str) -> ServiceError {
    invalid_argument(format!("NextToken and {member} cannot be provided together."))
}

pub(crate) fn filter_needs(member: &str, kind: &str) -> ServiceError {
    invalid_argument(format!("{member} must be provided for shard filter type {kind}."))
}

pub(crate) fn filter_refuses(member: &str, kind: &str) -> ServiceError {
    invalid_argument(format!("{member} cannot be provided for shard filter type {kind}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_shard_has_one_digit_less() {
        let text = starting_number_of_other(-2_147_483_648, 0).message.unwrap();
        assert!(text.contains("encodes shardId--02147483648, while"), "{text}");
    }
}
