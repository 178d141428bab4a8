//! What the key service refuses, in its own sentences; Kinesis passes them on under its own codes.
use headwater_wire::ServiceError;

/// The name is neither an id nor an ARN nor an alias.
pub(super) fn malformed(name: &str) -> ServiceError {
    not_found(format!("Invalid keyId '{name}'"))
}

/// The ARN is of another region.
pub(super) fn other_region(region: &str) -> ServiceError {
    not_found(format!("Invalid arn {region}"))
}

pub(super) fn no_alias(arn: &str) -> ServiceError {
    not_found(format!("Alias {arn} is not found."))
}

pub(super) fn no_key(arn: &str) -> ServiceError {
    not_found(format!("Key '{arn}' does not exist"))
}

fn not_found(message: String) -> ServiceError {
    ServiceError::new("KMSNotFoundException", message)
}

pub(super) fn disabled(arn: &str) -> ServiceError {
    ServiceError::new("KMSDisabledException", format!("{arn} is disabled."))
}

pub(super) fn pending_deletion(arn: &str) -> ServiceError {
    ServiceError::new("KMSInvalidStateException", format!("{arn} is pending deletion."))
}

/// A key of another account: said whether or not there is one.
pub(super) fn not_authorized(user_arn: &str, arn: &str) -> ServiceError {
    access_denied(format!(
        "User: {user_arn} is not authorized to perform: kms:GenerateDataKey on resource: {arn} because the resource \
         does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly \
         denies access"
    ))
}

/// The master key is not the one a data key was wrapped with.
pub(super) fn foreign_ciphertext() -> ServiceError {
    access_denied(
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are \
         not allowed to access."
            .into(),
    )
}

fn access_denied(message: String) -> ServiceError {
    ServiceError::new("KMSAccessDeniedException", message)
}
