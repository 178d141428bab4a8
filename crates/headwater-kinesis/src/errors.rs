//! The service's sentences: every error Kinesis sends is built here, once.
//!
//! Invariant: codes are the model's names; sentences are the service's own, letter by letter where they are known.
mod configuring;
mod consumers;
mod reading;

use crate::catalog::{Quota, Scope, Shard, shard_id};
use headwater_log::{LogError, replica::SubmitError};
use headwater_wire::{ErrorKind, ServiceError};

pub(crate) use configuring::*;
pub(crate) use consumers::*;
pub(crate) use reading::*;

/// What an operation returns.
pub(crate) type Result<T> = std::result::Result<T, ServiceError>;

pub(crate) const THROUGHPUT_EXCEEDED: &str = "ProvisionedThroughputExceededException";
pub(crate) const INTERNAL_FAILURE: &str = "InternalFailure";
/// What is said of a record in a batch that could not be stored.
pub(crate) const INTERNAL_FAILURE_TEXT: &str = "Internal service failure.";

fn not_found(message: String) -> ServiceError {
    ServiceError::new("ResourceNotFoundException", message)
}

fn in_use(message: String) -> ServiceError {
    ServiceError::new("ResourceInUseException", message)
}

fn limit_exceeded(message: String) -> ServiceError {
    ServiceError::new("LimitExceededException", message)
}

pub(crate) fn invalid_argument(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidArgumentException", message)
}

pub(crate) fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationException", message)
}

/// One violated constraint, in the validator's words.
fn violation(value: &str, member: &str, constraint: &str) -> ServiceError {
    validation(format!(
        "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

// ---- the engine's failures ----

/// The engine failed: the caller is told no more than that.
pub(crate) fn engine(error: &LogError) -> ServiceError {
    let failure = match error {
        LogError::Full | LogError::Unavailable(_) => ServiceError::bare("ServiceUnavailable", ErrorKind::Unavailable),
        _ => internal_failure(),
    };
    failure.because(error)
}

/// The catalog took no decision.
pub(crate) fn submit(error: SubmitError<ServiceError>) -> ServiceError {
    match error {
        SubmitError::Refused(refusal) => refusal,
        SubmitError::Log(error) => engine(&error),
    }
}

pub(crate) const fn internal_failure() -> ServiceError {
    ServiceError::bare(INTERNAL_FAILURE, ErrorKind::Receiver)
}

// ---- naming a stream ----

pub(crate) fn stream_not_found(name: &str, account: &str) -> ServiceError {
    not_found(format!("Stream {name} under account {account} not found."))
}

pub(crate) fn stream_exists(name: &str, account: &str) -> ServiceError {
    in_use(format!("Stream {name} under account {account} already exists."))
}

pub(crate) fn not_active(name: &str, account: &str, status: &str) -> ServiceError {
    in_use(format!("Stream {name} under account {account} not ACTIVE, instead in state {status}"))
}

pub(crate) fn no_stream_named() -> ServiceError {
    violation("null", "streamName", "Member must not be null")
}

pub(crate) fn names_differ(name: &str, arn: &str) -> ServiceError {
    invalid_argument(format!("StreamName {name} and StreamARN {arn} do not name the same stream."))
}

pub(crate) fn on_demand(name: &str, account: &str) -> ServiceError {
    validation(format!("Request is invalid. Stream {name} under account {account} is in On-Demand mode."))
}

// ---- creating ----

pub(crate) fn shard_limit(scope: &Scope, quota: Quota, held: u32, additional: u32) -> ServiceError {
    let (Scope { account, region }, limit) = (scope, quota.shards);
    limit_exceeded(format!(
        "This request would exceed the shard limit for the account {account} in {region}. Current shard count for the \
         account: {held}. Limit: {limit}. Number of additional shards that would have resulted from this request: \
         {additional}. Refer to the AWS Service Limits page \
         (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request \
         higher limits."
    ))
}

pub(crate) fn on_demand_limit(scope: &Scope, quota: Quota) -> ServiceError {
    let (Scope { account, region }, limit) = (scope, quota.on_demand_streams);
    limit_exceeded(format!(
        "This request would exceed the on-demand stream limit for the account {account} in {region}. Limit: {limit}."
    ))
}

pub(crate) fn creating_limit(quota: Quota) -> ServiceError {
    let limit = quota.creating_streams;
    limit_exceeded(format!("No more than {limit} streams can be in the CREATING state at a time."))
}

pub(crate) fn shard_count_missing() -> ServiceError {
    violation("null", "shardCount", "Member must not be null")
}

pub(crate) fn shard_count_on_demand() -> ServiceError {
    validation("ShardCount is not expected when StreamMode=ON_DEMAND")
}

// ---- shards ----

/// A shard that Split and Merge cannot find, or a name that is no shard's.
pub(crate) fn shard_unknown(shard: &str, name: &str, account: &str) -> ServiceError {
    not_found(format!("Could not find shard {shard} in stream {name} under account {account}."))
}

/// A shard that GetShardIterator and GetRecords cannot find; also said when the stream is missing.
pub(crate) fn shard_missing(shard: u32, name: &str, account: &str) -> ServiceError {
    not_found(format!("Shard {} in stream {name} under account {account} does not exist", shard_id(shard)))
}

pub(crate) fn split_outside(at: &str, shard: &Shard, name: &str, account: &str) -> ServiceError {
    invalid_argument(format!(
        "NewStartingHashKey {at} used in SplitShard() on shard {} in stream {name} under account {account} is not both \
         greater than one plus the shard's StartingHashKey {} and less than the shard's EndingHashKey {}.",
        shard.id(),
        shard.range.start,
        shard.range.end
    ))
}

pub(crate) fn not_adjacent(shard: u32, adjacent: u32, name: &str, account: &str) -> ServiceError {
    invalid_argument(format!(
        "Shards {} and {} in stream {name} under account {account} are not an adjacent pair of shards eligible for \
         merging",
        shard_id(shard),
        shard_id(adjacent)
    ))
}

pub(crate) fn shard_closed(shard: u32, name: &str, account: &str) -> ServiceError {
    invalid_argument(format!(
        "Shard {} in stream {name} under account {account} has already been merged or split, and thus is not eligible \
         for merging or splitting.",
        shard_id(shard)
    ))
}

/// The three bounds of UpdateShardCount.
pub(crate) fn target_above_limit(limit: u32, open: u32, target: u32) -> ServiceError {
    scaling(&format!("Target shard count or number of open shards cannot be greater than {limit}."), open, target)
}

pub(crate) fn target_above_double(open: u32, target: u32) -> ServiceError {
    scaling("UpdateShardCount cannot scale up over double your current open shard count.", open, target)
}

pub(crate) fn target_below_half(open: u32, target: u32) -> ServiceError {
    scaling("UpdateShardCount cannot scale down below half your current open shard count.", open, target)
}

fn scaling(why: &str, open: u32, target: u32) -> ServiceError {
    limit_exceeded(format!("{why} Current open shard count: {open}, Target shard count: {target}"))
}

// ---- retention ----

pub(crate) fn retention_too_short(hours: i32) -> ServiceError {
    invalid_argument(format!(
        "Minimum allowed retention period is 24 hours. Requested retention period ({hours} hours) is too short."
    ))
}

pub(crate) fn retention_too_long(hours: i32) -> ServiceError {
    invalid_argument(format!(
        "Maximum allowed retention period is 8760 hours. Requested retention period ({hours} hours) is too long."
    ))
}

pub(crate) fn retention_shorter(hours: i32, existing: u32, name: &str) -> ServiceError {
    invalid_argument(format!(
        "Requested retention period ({hours} hours) for stream {name} can not be shorter than existing retention period \
         ({existing} hours). Use DecreaseRetentionPeriod API."
    ))
}

pub(crate) fn retention_longer(hours: i32, existing: u32, name: &str) -> ServiceError {
    invalid_argument(format!(
        "Requested retention period ({hours} hours) for stream {name} can not be longer than existing retention period \
         ({existing} hours). Use IncreaseRetentionPeriod API."
    ))
}

// ---- tags ----

pub(crate) fn tag_characters() -> ServiceError {
    invalid_argument(
        "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @.",
    )
}

/// `doing` is "add tags to" or "remove tags from".
pub(crate) fn tag_percent(doing: &str, name: &str, account: &str) -> ServiceError {
    invalid_argument(format!(
        "Failed to {doing} stream {name} under account {account} because some tags contained illegal characters. The \
         allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
    ))
}

pub(crate) fn tag_reserved() -> ServiceError {
    invalid_argument("aws: prefixed tag key names are not allowed for external use.")
}

pub(crate) fn too_many_tags(name: &str, account: &str) -> ServiceError {
    invalid_argument(format!(
        "Failed to add tags to stream {name} under account {account} because a given stream cannot have more than 50 \
         tags associated with it."
    ))
}

// ---- putting ----

pub(crate) fn hash_key_outside(text: &str) -> ServiceError {
    invalid_argument(format!(
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {text}"
    ))
}

pub(crate) fn ordering_invalid(number: &str, name: &str, account: &str) -> ServiceError {
    invalid_argument(format!(
        "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {name} under account {account} is invalid."
    ))
}

/// `at` is the record's place in a batch, counted from 1.
pub(crate) fn partition_key_missing(at: Option<usize>) -> ServiceError {
    violation("null", &record_member(at, "partitionKey"), "Member must not be null")
}

/// `size_bytes` is the record's data, which exceeds `limit_bytes`.
pub(crate) fn record_too_large(at: Option<usize>, size_bytes: usize, limit_bytes: usize) -> ServiceError {
    violation(
        &format!("'java.nio.HeapByteBuffer[pos=0 lim={size_bytes} cap={size_bytes}]'"),
        &record_member(at, "data"),
        &format!("Member must have length less than or equal to {limit_bytes}"),
    )
}

fn record_member(at: Option<usize>, member: &str) -> String {
    at.map_or_else(|| member.to_owned(), |at| format!("records.{at}.member.{member}"))
}

pub(crate) fn batch_too_large() -> ServiceError {
    invalid_argument("Records size exceeds 10 MB limit")
}

pub(crate) fn dry_run() -> ServiceError {
    ServiceError::new("DryRunOperationException", "Request would have succeeded, but DryRun flag is set.")
}

// ---- rates ----

pub(crate) fn shard_rate_text(shard: u32, name: &str, account: &str) -> String {
    format!("Rate exceeded for shard {} in stream {name} under account {account}.", shard_id(shard))
}

pub(crate) fn shard_rate(shard: u32, name: &str, account: &str) -> ServiceError {
    ServiceError::new(THROUGHPUT_EXCEEDED, shard_rate_text(shard, name, account))
}

pub(crate) fn stream_rate(name: &str, account: &str) -> ServiceError {
    limit_exceeded(format!("Rate exceeded for stream {name} under account {account}."))
}

pub(crate) fn account_rate(account: &str) -> ServiceError {
    limit_exceeded(format!("Rate exceeded for account {account}."))
}
