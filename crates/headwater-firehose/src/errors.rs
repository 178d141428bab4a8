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
    limit_exceeded(format!(
        "You have already consumed your firehose quota of {limit} hoses. Your current hose count is {limit}."
    ))
}

pub(crate) fn one_destination() -> ServiceError {
    invalid_argument("Exactly one destination configuration is supported for a Firehose")
}

/// `what` is the member of the request, e.g. `RedshiftDestinationConfiguration`.
pub(crate) fn not_offered(what: &str) -> ServiceError {
    invalid_argument(format!("{what} is not supported: Headwater delivers to S3 and to HTTP endpoints."))
}

/// `what` is the member of the request or the type, e.g. `MSKSourceConfiguration`.
pub(crate) fn source_not_offered(what: &str) -> ServiceError {
    invalid_argument(format!("{what} is not supported: Headwater reads what is put to it, and Kinesis streams."))
}

/// `member` does not belong to a delivery stream of type `kind`.
pub(crate) fn source_unexpected(member: &str, kind: &str) -> ServiceError {
    invalid_argument(format!("{member} should not be set when DeliveryStreamType is {kind}."))
}

pub(crate) fn source_missing() -> ServiceError {
    invalid_argument("KinesisStreamSourceConfiguration must be set when DeliveryStreamType is KinesisStreamAsSource.")
}

pub(crate) fn source_stream_not_found(stream_arn: &str) -> ServiceError {
    invalid_argument(format!("Kinesis stream {stream_arn} not found."))
}

pub(crate) fn one_buffering_hint() -> ServiceError {
    invalid_argument("BufferingHints must have both SizeInMBs and IntervalInSeconds, or neither of them.")
}

pub(crate) fn two_encryptions() -> ServiceError {
    invalid_argument("EncryptionConfiguration must have either NoEncryptionConfig or KMSEncryptionConfig, not both.")
}

pub(crate) fn backup_nowhere() -> ServiceError {
    invalid_argument("S3BackupConfiguration must be set when S3BackupMode is Enabled.")
}

// ---- changing ----

pub(crate) fn incomplete_destination() -> ServiceError {
    invalid_argument("A destination of another kind must be specified completely: no parameters are merged into it.")
}

pub(crate) fn backup_stays() -> ServiceError {
    invalid_argument("S3BackupMode cannot be changed to Disabled once it is Enabled.")
}

pub(crate) fn partitioning_begins_at_creation() -> ServiceError {
    invalid_argument("Dynamic Partitioning can be enabled only when a delivery stream is created.")
}

pub(crate) fn partitioning_stays() -> ServiceError {
    invalid_argument("Dynamic Partitioning cannot be disabled once it is enabled.")
}

pub(crate) fn destination_unknown(id: &str, address: &Address) -> ServiceError {
    let Address { scope, name } = address;
    let account = &scope.account;
    invalid_argument(format!("Destination {id} of firehose {name} under account {account} not found."))
}

pub(crate) fn version_changed(address: &Address, given: &str, version: u64) -> ServiceError {
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

pub(crate) fn key_arn_missing() -> ServiceError {
    invalid_argument("KeyARN must be set when KeyType is CUSTOMER_MANAGED_CMK.")
}

pub(crate) fn key_arn_unexpected() -> ServiceError {
    invalid_argument("KeyARN should not be set when KeyType is AWS_OWNED_CMK.")
}

pub(crate) fn tag_reserved() -> ServiceError {
    invalid_argument("aws: prefixed tag key names are not allowed for external use.")
}

// ---- putting ----

pub(crate) fn not_direct() -> ServiceError {
    invalid_argument("This operation is not permitted on KinesisStreamAsSource delivery stream type.")
}

pub(crate) fn batch_too_large() -> ServiceError {
    invalid_argument("Records size exceeds 4 MB limit")
}

pub(crate) fn slow_down() -> ServiceError {
    ServiceError { kind: ErrorKind::Receiver, ..ServiceError::new(SERVICE_UNAVAILABLE, SLOW_DOWN) }
}
