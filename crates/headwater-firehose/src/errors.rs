//! The service's sentences: every error Firehose sends is built here, once.
//!
//! Invariant: codes are the model's names; sentences are the service's own, letter by letter where they are known.
use crate::catalog::Address;
use headwater_log::{LogError, replica::SubmitError};
use headwater_wire::{ErrorKind, ErrorMembers, ServiceError, firehose::DeliveryStreamStatus};

/// What an operation returns.
pub(crate) type Result<T> = std::result::Result<T, ServiceError>;

pub(crate) const SERVICE_UNAVAILABLE: &str = "ServiceUnavailableException";
/// What is said of a record beyond a delivery stream's rate.
pub(crate) const SLOW_DOWN: &str = "Slow down.";
const INTERNAL_FAILURE: &str = "InternalFailure";

pub(crate) fn invalid_argument(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidArgumentException", message)
}

fn in_use(message: String) -> ServiceError {
    ServiceError::new("ResourceInUseException", message)
}

fn limit_exceeded(message: String) -> ServiceError {
    ServiceError::new("LimitExceededException", message)
}

/// One violated constraint, in the validator's words.
fn violation(value: &str, member: &str, constraint: &str) -> ServiceError {
    let message = format!(
        "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: {constraint}"
    );
    ServiceError::new("ValidationException", message)
}

// ---- the engine's failures ----

/// The engine failed: the caller is told no more than that, the log says why.
pub(crate) fn engine(error: &LogError) -> ServiceError {
    tracing::error!(%error, "the log failed a request");
    match error {
        LogError::Full => ServiceError::bare("ServiceUnavailable", ErrorKind::Unavailable),
        _ => internal_failure(),
    }
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

/// The key service refused: its own code travels beside the sentence.
pub(crate) fn key(refusal: ServiceError) -> ServiceError {
    let code = refusal.code.to_owned();
    ServiceError { code: "InvalidKMSResourceException", ..refusal }.with(ErrorMembers::Code(code))
}

// ---- naming a delivery stream ----

pub(crate) fn stream_not_found(name: &str, account: &str) -> ServiceError {
    ServiceError::new("ResourceNotFoundException", format!("Firehose {name} under account {account} not found."))
}

pub(crate) fn stream_exists(name: &str, account: &str) -> ServiceError {
    in_use(format!("Firehose {name} under accountId {account} already exists"))
}

pub(crate) fn not_active(address: &Address, status: DeliveryStreamStatus) -> ServiceError {
    let Address { scope, name } = address;
    let (account, status) = (&scope.account, status.as_str());
    in_use(format!("Firehose {name} under accountId {account} is not ACTIVE, instead in state {status}"))
}

// ---- creating ----

pub(crate) fn too_many_streams(limit: usize) -> ServiceError {
    limit_exceeded(format!("You have already consumed your firehose quota of {limit} hoses. Your current hose count is {limit}."))
}

// ---- changing ----

pub(crate) fn version_changed(address: &Address, given: u64, version: u64) -> ServiceError {
    let Address { scope, name } = address;
    let account = &scope.account;
    ServiceError::new(
        "ConcurrentModificationException",
        format!("Version {given} of firehose {name} under account {account} is not its current version {version}."),
    )
}

pub(crate) fn too_many_tags(address: &Address, limit: usize) -> ServiceError {
    let Address { scope, name } = address;
    let account = &scope.account;
    limit_exceeded(format!("Firehose {name} under account {account} cannot have more than {limit} tags."))
}

pub(crate) fn encryption_of_source(address: &Address) -> ServiceError {
    let Address { scope, name } = address;
    let account = &scope.account;
    invalid_argument(format!(
        "Firehose {name} under account {account} is encrypted by its source; only a DirectPut delivery stream has \
         encryption of its own."
    ))
}

pub(crate) fn encryption_changing(address: &Address) -> ServiceError {
    let Address { scope, name } = address;
    let account = &scope.account;
    in_use(format!("Encryption of firehose {name} under account {account} is being changed."))
}
