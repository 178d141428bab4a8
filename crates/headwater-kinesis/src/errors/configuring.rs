//! What is said of settings: modes, throughput, policies, tags by ARN.
use super::{invalid_argument, validation};
use headwater_wire::ServiceError;

pub(crate) fn warm_throughput_off() -> ServiceError {
    validation("WarmThroughputMiBps requires MinimumThroughputBillingCommitment to be enabled for the account.")
}

pub(crate) fn warm_throughput_provisioned() -> ServiceError {
    validation("WarmThroughputMiBps is only supported for streams in On-Demand mode.")
}

pub(crate) fn distribution_provisioned() -> ServiceError {
    validation("RecordDistributionStrategy is only supported for streams in On-Demand mode.")
}

pub(crate) fn encryption_type_none() -> ServiceError {
    invalid_argument("EncryptionType NONE is not supported. Specify EncryptionType KMS.")
}

pub(crate) fn policy_too_large(limit_bytes: usize) -> ServiceError {
    invalid_argument(format!("Resource policy exceeds the maximum size of {limit_bytes} bytes."))
}

/// `why` is one sentence about the first thing that is not right.
pub(crate) fn policy_malformed(why: &str) -> ServiceError {
    invalid_argument(format!("Resource policy is not valid: {why}"))
}
