//! The services' sentences, each built once.
use headwater_log::LogError;
use headwater_wire::{ErrorKind, ServiceError};

/// What an operation returns.
pub(crate) type Result<T> = std::result::Result<T, ServiceError>;

/// The log or the rows failed. What happened is for the operator; the caller may try again.
pub(crate) fn engine(error: &LogError) -> ServiceError {
    tracing::error!(%error, "the database failed");
    match error {
        LogError::Full => ServiceError {
            kind: ErrorKind::Unavailable,
            ..ServiceError::new("InternalServerError", "The disk is full: nothing is written until there is room again.")
        },
        _ => ServiceError::bare("InternalServerError", ErrorKind::Receiver),
    }
}

/// A request that contradicts itself or the table.
pub(crate) fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ValidationException", message)
}
